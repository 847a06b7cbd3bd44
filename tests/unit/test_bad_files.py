"""Whatever a policy or data map holds: one PolicyError that names the place and the next step."""

from __future__ import annotations

import os

import pytest

from lifecycle.datamap.load import load_datamap
from lifecycle.errors import PolicyError
from lifecycle.policy.load import load_policies, read_policy
from lifecycle.yamlfile import YamlFile
from support import club

LONGEST = 1_000_000

WHATEVER_IT_IS = {
    "empty": (b"", 1, "the file is empty"),
    "only comments": (b"# to be written\n", 1, "the file is empty"),
    "a list": (b"- policy\n- controller\n", 1, "no mapping"),
    "a word": (b"policy", 1, "no mapping"),
    "malformed": (b"policy: {name: a\nrules: ]\n", 2, "not valid YAML"),
    "a tab": (b"policy:\n\tname: a\n", 2, "not valid YAML"),
    "a key twice": (b"policy: 1\nrules: 2\npolicy: 3\n", 3, 'duplicate key "policy"'),
    "two documents": (b"policy: 1\n---\npolicy: 2\n", 2, "another document"),
    "an alias": (b"a: &a [1, 2]\nb: *a\n", 2, "aliases"),
    "an alias bomb": (
        b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (n + 1, n + 1, n, n) for n in range(97, 121)),
        2,
        "aliases",
    ),
    "a tag": (b"policy: 1\nrules: !!python/object:os.system ls\n", 2, "tags"),
    "a merge key": (b"policy:\n  <<: {a: 1}\n", 2, "merge keys"),
    "no such day": (b"policy:\n  last_updated: 2025-02-31\n", 2, "does not exist"),
    "a number without end": (b"policy:\n  name: " + b"9" * 5000 + b"\n", 2, "does not exist"),
    "half a character": (b'policy:\n  name: "\\uD800"\n', 2, "no character"),
    "a name that is no text": (b"policy:\n  7: seven\n", 2, "no text"),
    "a name that is a list": (b"policy:\n  ? [a, b]\n  : c\n", 2, "no text"),
    "nested too deep": (b"policy: " + b"[" * 41 + b"]" * 41 + b"\n", 1, "nested deeper than 40 levels"),
    "indented too deep": (
        b"".join(b" " * n + b"a:\n" for n in range(60)),
        41,
        "nested deeper than 40 levels",
    ),
    "an extremely long line": (b"policy: " + b"x" * (LONGEST - 100) + b"\n", 1, ""),
}


@pytest.fixture(params=["policy", "datamap"])
def read(request, tmp_path):
    """Writes a file's bytes and reads it, as a policy or as a data map."""
    if request.param == "policy":
        path, reader, start = tmp_path / "policy.yaml", read_policy, "policy.yaml"
    else:
        path, reader, start = tmp_path / "map.yml", lambda path: load_datamap(path.parent), "map.yml"

    def from_bytes(content: bytes) -> PolicyError:
        path.write_bytes(content)
        with pytest.raises(PolicyError) as raised:
            reader(path)
        assert raised.value.place.startswith(str(tmp_path / start))
        assert raised.value.next_step
        return raised.value

    return from_bytes


@pytest.mark.parametrize(("content", "line", "says"), list(WHATEVER_IT_IS.values()), ids=list(WHATEVER_IT_IS))
def test_a_file_that_is_not_plain_yaml_is_refused_at_its_line(read, content, line, says):
    error = read(content)
    assert says in error.message
    assert error.place.endswith(f":{line}")
    assert len(error.message) < 2000


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"policy: \xff\xfe\n", "cannot be read (UnicodeDecodeError)"),
        ("policy: ü\n".encode("utf-16"), "cannot be read (UnicodeDecodeError)"),
        (b"policy: \x07\n", "not valid YAML"),
        (b"policy: \x00\n", "not valid YAML"),
        (b'policy: "\\UFFFFFFFF"\n', "not valid YAML"),
        (b"a: " + b"x" * LONGEST, f"larger than {LONGEST} bytes"),
    ],
)
def test_a_file_that_is_no_text_or_too_large_is_refused(read, content, says):
    assert says in read(content).message


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PolicyError, match="there is no such file") as raised:
        read_policy(tmp_path / "policy.yaml")
    assert raised.value.place == str(tmp_path / "policy.yaml")


def test_a_file_is_parsed_once_as_long_as_it_stays_the_same(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text("name: first\n")
    first, again = YamlFile(path), YamlFile(path)
    assert first.data is again.data
    path.write_text("name: other\n")
    assert (YamlFile(path).data, first.data) == ({"name": "other"}, {"name": "first"})


def test_a_file_that_never_ends_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "policy.yaml")
    with pytest.raises(PolicyError, match="there is no such file"):
        read_policy(tmp_path / "policy.yaml")


def test_a_folder_without_files_is_named(tmp_path):
    with pytest.raises(PolicyError, match="no policy found"):
        load_policies(tmp_path)
    with pytest.raises(PolicyError, match="no data map found"):
        load_datamap(tmp_path / "nowhere")


@pytest.mark.commitment("P1")
def test_two_versions_of_one_date_are_refused(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        club.write(tmp_path / name)
    with pytest.raises(PolicyError, match="two policies are dated 2026-01-01") as raised:
        load_policies(tmp_path)
    assert raised.value.place == f"{tmp_path / 'second' / 'policy.yaml'}:1"


POLICY_MISTAKES = [
    ("keep: P5Y", "keep: P0D", "rules.places.keep", "the period is empty"),
    ("keep: P5Y", "keep: P9999Y", "rules.places.keep", "longer than 200 years"),
    ("keep: P5Y", "keep: -P5Y", "rules.places.keep", "not a period"),
    ("keep: P5Y", "keep: P5YT1H", "rules.places.keep", "not a period"),
    ("keep: P5Y", "keep: 30", "rules.places.keep", "not a period"),
    ("keep: P5Y", "keep: [P5Y]", "rules.places.keep", "not a period"),
    ("keep: P5Y", "keep: P5Y, lead: P1M", "rules.places.lead", "counted in days"),
    ("keep: P5Y", "keep: P5Y, lead: -P1D", "rules.places.lead", "not a period"),
    ("keep: P5Y", "keep: P5Y, lead: false", "rules.places.lead", "not a period"),
    ("keep: P5Y, ", "", "rules.places.keep", "Field required"),
    ("keep: P5Y", "keeep: P5Y", "rules.places.keeep", "not permitted"),
    ("action: drop_partition", "action: drop", "rules.visits.action", "'drop_partition'"),
    ("action: drop_partition", "action: {}", "rules.visits.action", "at least 1 item"),
    ("action: drop_partition", "action: {redact: []}", "rules.visits.action.redact", "at least 1 item"),
    ("action: drop_partition", "action: {cut: [a]}", "rules.visits.action", "'redact'"),
    ("applies_to: [club.visit]", "applies_to: []", "rules.visits.applies_to", "at least 1 item"),
    ("applies_to: [club.visit]", "applies_to: [visit]", "rules.visits.applies_to.0", "schema.table"),
    ("applies_to: [club.visit]", "applies_to: club.visit", "rules.visits.applies_to", "valid tuple"),
    ("commitments: [C3]\n", "commitments: []\n", "rules.visits.commitments", "at least 1 item"),
    ("    commitments: [C3]\n", "", "rules.visits.commitments", "Field required"),
    ("last_updated: 2026-01-01", "last_updated: 20260101", "policy.last_updated", "is a day"),
    ("last_updated: 2026-01-01", "last_updated: 2026-01-01T10:00:00Z", "policy.last_updated", "is a day"),
    ("last_updated: 2026-01-01", "last_updated: soon", "policy.last_updated", "is a day"),
    ("last_updated: 2026-01-01", "last_updated: true", "policy.last_updated", "is a day"),
    ("Europe/Lisbon", "Europe/Nowhere", "policy.time_zone", "not a time zone"),
    ("Europe/Lisbon", "Europe", "policy.time_zone", "not a time zone"),
    ("Europe/Lisbon", "../../etc/passwd", "policy.time_zone", "not a time zone"),
    ("Europe/Lisbon", "3", "policy.time_zone", "not a time zone"),
    ("version_of_format: 1", "version_of_format: 2", "policy.version_of_format", "should be 1"),
    ("version_of_format: 1", "version_of_format: 1, run_every: P0D", "policy.run_every", "greater than or equal"),
    ("controller: {name: The club}", "controller: {name: ''}", "controller.name", "at least 1 character"),
    ("controller: {name: The club}", "controller: The club", "controller", "valid dictionary"),
    ("controller: {name: The club}\n", "", "controller", "Field required"),
    ("  left:\n    on: club.member\n", "  left:\n    on: club.member\n    column: a\n", "anchors.left", "exactly one"),
    ("    otherwise: joined_on\n", "", "anchors.left", "what counts where no row exists"),
    ("column: entered_on}", "column: entered_on, otherwise: a}", "anchors.entered", "belong to an anchor with latest"),
    ("of: due_on}", "of: due_on, year_ends: '13-01'}", "anchors.booked.year_ends", "12-31"),
    ("of: due_on}", "of: due_on, time_zone: Mars}", "anchors.booked.time_zone", "not a time zone"),
    ("invited_by: {access: cut}", "invited_by: {access: sever}", "edges.club.member.invited_by.access", "'cut'"),
    ("invited_by: {access: cut}", "invited_by: access", "edges.club.member.invited_by", "with its consequence"),
    ("invited_by: {access: cut}", "invited_by: friend", "edges.club.member.invited_by", "'owner'"),
    ("club.member.invited_by: {access: cut}", "invited_by: owner", "edges.invited_by", "schema.table.column"),
    ("basis: contract", "basis: habit", "purposes.membership.basis", "'consent'"),
    ("because: C2}", "because: C2, keep: true}", "erasure.club.fee", "either redact"),
    ("{redact: [remark], because", "{because", "erasure.club.fee", "either redact"),
    ("{redact: [remark], because: C2}", "{redact: [remark]}", "erasure.club.fee.because", "Field required"),
    ("{rows: 100, share: 0.1}", "{rows: 0, share: 0.1}", "guards.default.rows", "greater than 0"),
    ("{rows: 100, share: 0.1}", "{rows: true, share: 0.1}", "guards.default.rows", "valid integer"),
    ("{rows: 100, share: 0.1}", "{rows: many, share: 0.1}", "guards.default.rows", "valid integer"),
    ("{rows: 100, share: 0.1}", "{rows: 100, share: 1.1}", "guards.default.share", "less than or equal to 1"),
    ("{rows: 100, share: 0.1}", "{rows: 100, share: .nan}", "guards.default.share", "finite number"),
    ("within: P3D", "within: P0D", "freshness.club.visit.within", "the period is empty"),
    ("  C1: {", "  1C: {", "commitments.1C", "match pattern"),
    ("{section: Visits, ", "{", "commitments.C3.section", "Field required"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field", "says"), POLICY_MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_in_the_policy_is_named_with_field_and_line(tmp_path, old, new, field, says):
    club.write(tmp_path, policy=((old, new),))
    with pytest.raises(PolicyError) as raised:
        read_policy(tmp_path / "policy.yaml")
    error = raised.value
    line = int(error.place.rpartition(":")[2])
    assert f"{field} (line {line})" in error.message
    assert says in error.message
    assert "docs/policy-format.md" in error.next_step
    text = (tmp_path / "policy.yaml").read_text(encoding="utf-8").splitlines()
    parts = [part for part in field.split(".") if not part.isdigit()]
    assert new == "" or any(part in text[line - 1] for part in parts)


MAP_MISTAKES = [
    ("dataset:\n", "datasets:\n", "dataset (line 1)", "Field required"),
    ("  - fides_key: club\n", "  - name: club\n", "fides_key", "Field required"),
    ("  - fides_key: club\n", "  - fides_key: 'a b'\n", "fides_key", "FidesKey"),
    ("      - name: visit\n", "      - title: visit\n", "collections.8.name", "Field required"),
    ("{name: street, ", "{title: street, ", "collections.1.fields.1.name", "Field required"),
    ("      - name: visit\n", "      - name: place\n", "collections", "place"),
    ("{name: motto, ", "{name: badge_no, ", "collections.4.fields", "badge_no"),
    ("identity: email, data_type: string", "identity: email, data_type: text", "data_type", "not supported"),
    ("place_id, direction: to", "place_id, direction: up", "direction", "'from' or 'to'"),
    ("[user.contact.email]", "user.contact.email", "data_categories", "valid list"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "field", "says"), MAP_MISTAKES, ids=lambda value: str(value)[:40])
def test_a_mistake_in_the_map_is_named_with_field_and_line(tmp_path, old, new, field, says):
    club.write(tmp_path, datamap=((old, new),))
    with pytest.raises(PolicyError) as raised:
        load_datamap(tmp_path / "datamap")
    error = raised.value
    line = int(error.place.rpartition(":")[2])
    assert f"(line {line})" in error.message
    assert field in error.message
    assert says in error.message
    assert "docs/data-map.md" in error.next_step


def test_a_map_with_mistakes_is_refused_naming_the_first_and_counting_the_others(tmp_path):
    unclassified = ("{name: motto, data_categories: [user.content.private], ", "{name: motto, ")
    dangling = ("field: fee.fee_id", "field: fee.number")
    club.write(tmp_path, datamap=(unclassified, dangling))
    with pytest.raises(PolicyError, match=r"club\.badge\.motto is not classified; 1 more") as raised:
        load_datamap(tmp_path / "datamap")
    line = int(raised.value.place.rpartition(":")[2])
    text = (tmp_path / "datamap" / "club.yml").read_text(encoding="utf-8").splitlines()
    assert "name: motto" in text[line - 1]


def test_of_many_mistakes_the_first_twenty_are_named(tmp_path):
    (tmp_path / "policy.yaml").write_text("".join(f"field_{number}: 1\n" for number in range(100)))
    with pytest.raises(PolicyError, match="and 84 more") as raised:
        read_policy(tmp_path / "policy.yaml")
    assert len(raised.value.message) < 3000
