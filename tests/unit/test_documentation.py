"""The pages on the policy file and the data map say everything that the files may say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lifecycle.datamap.identity import helpful_indexes
from lifecycle.datamap.live import LiveColumn
from lifecycle.datamap.model import Identity
from lifecycle.identity.folding import NormalForm
from lifecycle.identity.words import BETWEEN_WORDS, BETWEEN_WORDS_OF_JSON
from lifecycle.policy import model
from lifecycle.policy.load import read_policy
from lifecycle.policy.parts import PARTS

DOCS = Path(__file__).parents[2] / "docs"
FORMS = [
    form
    for form in vars(model).values()
    if isinstance(form, type) and issubclass(form, model.Form) and form is not model.Form
]
FIELDS = [(form.__name__, field) for form in FORMS for field in form.model_fields]


@pytest.fixture(scope="module")
def page():
    return (DOCS / "policy-format.md").read_text(encoding="utf-8")


def test_the_forms_were_found():
    assert {"Policy", "Rule", "Anchor", "AccessEdge", "Freshness"} <= {form for form, _ in FIELDS}


@pytest.mark.parametrize(("form", "field"), FIELDS)
def test_every_field_of_the_policy_is_described(page, form, field):
    described = rf"^\|[^|]*`{field}`[^|]*\||^## .*`{field}`|`{field}` is written with"
    assert re.search(described, page, re.MULTILINE), f"{form}.{field}"


@pytest.mark.parametrize("kind", [*model.EdgeKind, *model.Basis])
def test_every_kind_of_edge_and_basis_is_described(page, kind):
    assert f"`{kind}`" in page


@pytest.mark.parametrize("part", PARTS)
def test_every_part_that_keeps_a_commitment_is_described(page, part):
    assert f"| `{part}` |" in page


def test_the_whole_file_shown_first_is_one(page, tmp_path):
    example = page.split("```yaml\n", 1)[1].split("```", 1)[0]
    (tmp_path / "policy.yaml").write_text(example, encoding="utf-8")
    assert read_policy(tmp_path / "policy.yaml").policy.rules["members"].action == "delete"


@pytest.mark.parametrize(
    "name", ["policy-format.md", "data-map.md", "checks.md", "identity.md", "spellings.md"]
)
def test_links_between_pages_lead_somewhere(name):
    for target, anchor in re.findall(
        r"\]\((?!http)([\w.-]*)#?([\w-]*)\)", (DOCS / name).read_text(encoding="utf-8")
    ):
        path = DOCS / (target or name)
        assert path.is_file()
        headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        slugs = [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
        assert not anchor or anchor in slugs


@pytest.mark.parametrize("form", NormalForm)
def test_the_index_of_every_form_is_shown(form):
    column = "visitor_id" if form is NormalForm.EXACT else "phone" if form is NormalForm.PHONE else "email"
    live = LiveColumn(name=column, type="text", is_nullable=True)
    advised = helpful_indexes(live, Identity(kind="any"), form)[0].replace("::text", "")
    page = (DOCS / "identity.md").read_text(encoding="utf-8")
    assert f"CREATE INDEX ON app.contact ({advised});" in page


@pytest.mark.parametrize("between", [BETWEEN_WORDS, BETWEEN_WORDS_OF_JSON])
def test_the_index_of_free_texts_is_shown(between):
    assert f"'{between}', ' ', 'g'))) WITH (fastupdate = off);" in (DOCS / "identity.md").read_text(
        encoding="utf-8"
    )
