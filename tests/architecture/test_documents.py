"""Documents speak of what is there."""

from __future__ import annotations

import re

import pytest

from lifecycle.keys import INTAKE_MASTER_KEY_VARIABLE, MASTER_KEY_VARIABLE
from lifecycle.settings import Settings
from support.source import PROJECT, files, name_of

DOCUMENTS = files(".", suffixes=(".md",))
README = (PROJECT / "README.md").read_text(encoding="utf-8")
DECISIONS = sorted((PROJECT / "docs" / "adr").glob("*.md"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_within_the_project_leads_somewhere(path):
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("setting", re.findall(r"^\| `(LIFECYCLE_\w+)`", README, re.MULTILINE))
def test_every_setting_that_is_explained_exists(setting):
    is_read = Settings.from_environment({setting: "somewhere"}) != Settings.from_environment({})
    assert is_read or setting in {MASTER_KEY_VARIABLE, INTAKE_MASTER_KEY_VARIABLE}


def test_every_setting_that_exists_is_explained():
    explained = set(re.findall(r"`LIFECYCLE_(\w+)`", README))
    assert {field.upper() for field in Settings.__dataclass_fields__} <= explained


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_a_decision_has_its_number_in_its_title_and_says_why_and_what_follows(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {path.name[:4]}: ")
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [title for title in titles if title != "Alternatives"] == ["Context", "Decision", "Consequences"]


def test_no_two_decisions_share_a_number():
    numbers = [path.name[:4] for path in DECISIONS]
    assert sorted(set(numbers)) == numbers
