"""References of the map and foreign keys of the database become one edge each, held by the side that refers."""

from __future__ import annotations

import pytest

from lifecycle.datamap.live import ForeignKey, LiveColumn, LiveTable
from lifecycle.datamap.load import load_datamap
from lifecycle.policy.edges import resolve_edges
from lifecycle.policy.model import EdgeKind

FIELD = "          - {{name: {name}, data_categories: [user.unique_id], fides_meta: {{primary_key: {key}{refers}}}}}\n"


def described(folder, tables):
    """A data map of ``{table: {column: (is key, reference)}}``; a reference is (field, direction) or None."""
    text = "dataset:\n  - fides_key: a\n    collections:\n"
    for table, columns in tables.items():
        text += f"      - name: {table}\n        fields:\n"
        for name, (key, reference) in columns.items():
            refers = (
                f", references: [{{dataset: a, field: {reference[0]}, direction: {reference[1]}}}]"
                if reference
                else ""
            )
            text += FIELD.format(name=name, key=str(key).lower(), refers=refers)
    (folder / "map.yml").write_text(text, encoding="utf-8")
    return load_datamap(folder)


def live(tables, foreign_keys=()):
    """A live schema of the same tables; foreign keys as (table, columns, target, target columns)."""
    return {
        f"a.{table}": LiveTable(
            name=f"a.{table}",
            columns={name: LiveColumn(name=name, type="integer", is_nullable=False) for name in columns},
            primary_key=tuple(name for name, (key, _) in columns.items() if key),
            foreign_keys=tuple(
                ForeignKey(name="fk", columns=here, target=f"a.{target}", target_columns=there, on_delete="a")
                for holder, here, target, there in foreign_keys
                if holder == table
            ),
        )
        for table, columns in tables.items()
    }


def edges(folder, tables, foreign_keys=(), stated=None):
    found = resolve_edges(described(folder, tables), live(tables, foreign_keys), stated or {})
    return [(edge.name, edge.target, edge.kind, edge.is_foreign_key) for edge in found]


PARENT = {"id": (True, None)}
CHILD_KEY = ("child", ("parent_id",), "parent", ("id",))


@pytest.mark.parametrize("foreign_keys", [(), (CHILD_KEY,)])
@pytest.mark.parametrize(
    ("parent", "child"),
    [
        (PARENT, {"id": (True, None), "parent_id": (False, ("parent.id", "from"))}),
        ({"id": (True, ("child.parent_id", "to"))}, {"id": (True, None), "parent_id": (False, None)}),
        (
            {"id": (True, ("child.parent_id", "to"))},
            {"id": (True, None), "parent_id": (False, ("parent.id", "from"))},
        ),
    ],
    ids=["written at the child", "written at the parent's key", "written at both"],
)
def test_a_child_is_owned_wherever_the_reference_is_written(tmp_path, parent, child, foreign_keys):
    found = edges(tmp_path, {"parent": parent, "child": child}, foreign_keys)
    assert found == [("a.child.parent_id", "a.parent", EdgeKind.OWNER, bool(foreign_keys))]


@pytest.mark.parametrize("foreign_keys", [(), (CHILD_KEY,)])
@pytest.mark.parametrize(
    ("parent", "child"),
    [
        (PARENT, {"id": (True, None), "parent_id": (False, ("parent.id", "to"))}),
        ({"id": (True, ("child.parent_id", "from"))}, {"id": (True, None), "parent_id": (False, None)}),
    ],
    ids=["written at the holder", "written at the key"],
)
def test_what_a_reference_leads_on_to_is_shared(tmp_path, parent, child, foreign_keys):
    found = edges(tmp_path, {"parent": parent, "child": child}, foreign_keys)
    assert found == [("a.child.parent_id", "a.parent", EdgeKind.SHARED, bool(foreign_keys))]


@pytest.mark.parametrize("foreign_keys", [(), (("profile", ("id",), "person", ("id",)),)])
def test_a_row_that_extends_another_by_the_same_key_is_held_by_the_one_that_refers(tmp_path, foreign_keys):
    tables = {"person": {"id": (True, None)}, "profile": {"id": (True, ("person.id", "from"))}}
    found = edges(tmp_path, tables, foreign_keys)
    assert found == [("a.profile.id", "a.person", EdgeKind.OWNER, bool(foreign_keys))]


def test_a_foreign_key_tells_which_of_two_equal_keys_refers(tmp_path):
    tables = {"person": {"id": (True, ("profile.id", "to"))}, "profile": {"id": (True, None)}}
    found = edges(tmp_path, tables, [("profile", ("id",), "person", ("id",))])
    assert found == [("a.profile.id", "a.person", EdgeKind.OWNER, True)]


LINES = {
    "line": {"order_no": (True, None), "line_no": (True, None)},
    "refund": {
        "order_no": (True, ("line.order_no", "from")),
        "line_no": (True, ("line.line_no", "from")),
    },
}


@pytest.mark.parametrize("columns", [("order_no", "line_no"), ("line_no", "order_no")])
def test_a_composite_reference_is_its_foreign_key_in_whatever_order(tmp_path, columns):
    found = edges(tmp_path, LINES, [("refund", columns, "line", columns)])
    assert found == [(f"a.refund.{','.join(columns)}", "a.line", EdgeKind.OWNER, True)]


def test_a_composite_reference_is_one_edge_without_a_foreign_key(tmp_path):
    assert edges(tmp_path, LINES) == [("a.refund.order_no,line_no", "a.line", EdgeKind.OWNER, False)]


def test_a_foreign_key_that_the_map_does_not_mention_is_none_until_it_is_stated(tmp_path):
    tables = {"parent": PARENT, "child": {"id": (True, None), "parent_id": (False, None)}}
    assert edges(tmp_path, tables, [CHILD_KEY]) == [("a.child.parent_id", "a.parent", EdgeKind.NONE, True)]
    stated = edges(tmp_path, tables, [CHILD_KEY], {"a.child.parent_id": EdgeKind.TENANT})
    assert stated == [("a.child.parent_id", "a.parent", EdgeKind.TENANT, True)]
