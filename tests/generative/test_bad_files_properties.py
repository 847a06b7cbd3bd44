"""However a valid file is spoilt, reading it gives the file's meaning or one PolicyError, never a traceback.

And however policy, map and database disagree, ``check`` names it and does not fail.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.datamap.live import ForeignKey, LiveColumn, LiveTable
from lifecycle.datamap.load import load_datamap, read_datamap
from lifecycle.errors import PolicyError
from lifecycle.policy.check import check
from lifecycle.policy.load import read_policy
from lifecycle.policy.rulebook import resolve
from lifecycle.store.inspect import inspect
from support import club

POLICY = club.POLICY
DATAMAP = "\n".join(club.DATAMAP.splitlines()[:40]) + "\n"

ODDITIES = st.sampled_from(list("?-:{}[]\"'|>%\t\n~#\\\x00\x85\ufeff\u2028")) | st.sampled_from(
    ["*a", "&a", "!!int x", "<<: 1", "---\n", "...", "null", "true", "1e999", "0o7", ".nan", "2025-02-30",
     "P0D", "P9999Y", "-1", "a.b.c", "club.pet", "9" * 4400]
)  # fmt: skip


@st.composite
def spoilt(draw, text: str) -> str:
    """``text`` with a few lines moved, doubled, indented or lost, and something odd put in."""
    lines = text.splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 4))):
        here = draw(st.integers(0, len(lines) - 1))
        there = draw(st.integers(0, len(lines) - 1))
        change = draw(st.sampled_from(["lose", "double", "swap", "indent", "insert", "replace", "cut"]))
        column = draw(st.integers(0, len(lines[here])))
        odd = draw(ODDITIES | st.text(max_size=8))
        if change == "lose" and len(lines) > 1:
            del lines[here]
        elif change == "double":
            lines.insert(there, lines[here])
        elif change == "swap":
            lines[here], lines[there] = lines[there], lines[here]
        elif change == "indent":
            lines[here] = " " * draw(st.integers(1, 5)) + lines[here]
        elif change == "insert":
            lines[here] = lines[here][:column] + odd + lines[here][column:]
        elif change == "replace":
            lines[here] = lines[here][:column] + odd + "\n"
        else:
            lines[here] = lines[here][:column]
    return "".join(lines)


def only_a_policy_error(reader, name: str, content: bytes) -> None:
    """Read ``content`` from a file of its own; whatever is refused names the file and a next step."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        refused = mistake_of(reader, path)
        assert refused is None or (refused.place.startswith(str(path)) and refused.next_step and str(refused))


def mistake_of(step, *arguments) -> PolicyError | None:
    """The PolicyError that a step ends with, if it does; any other exception passes."""
    try:
        step(*arguments)
    except PolicyError as error:
        return error
    return None


@given(spoilt(POLICY))
def test_a_spoilt_policy_is_refused_or_read(text):
    only_a_policy_error(read_policy, "policy.yaml", text.encode("utf-8", "surrogatepass"))


@given(spoilt(DATAMAP))
def test_a_spoilt_data_map_is_refused_or_read(text):
    only_a_policy_error(
        lambda path: load_datamap(path.parent), "map.yml", text.encode("utf-8", "surrogatepass")
    )


@given(st.binary(max_size=200))
def test_bytes_are_refused(content):
    only_a_policy_error(read_policy, "policy.yaml", content)


@given(st.text(alphabet="ab:-?[]{},&*!|>'\"%@`#~<=. \n\t0123456789", max_size=60))
def test_a_text_of_nothing_but_signs_is_refused(text):
    only_a_policy_error(lambda path: load_datamap(path.parent), "map.yml", text.encode())


@pytest.fixture(scope="module")
def in_order(module_database, tmp_path_factory):
    """The club's policy, map and live schema."""
    folder = tmp_path_factory.mktemp("club")
    club.write(folder)
    module_database.script(club.SCHEMA)
    datamap = read_datamap(folder / "datamap")
    with module_database.connect().connect() as connection:
        return read_policy(folder / "policy.yaml"), datamap, inspect(connection, datamap.schemas)


@st.composite
def changed(draw, live):
    """A live schema with tables and columns lost, renamed, retyped and joined at random."""
    tables = {name: table for name, table in live.items() if draw(st.integers(0, 9))}
    for name, table in list(tables.items()):
        columns = {}
        for column in table.columns.values():
            change = draw(st.sampled_from(["none"] * 12 + ["lose", "rename", "retype", "require", "allow"]))
            if change == "lose":
                continue
            new = f"{column.name}_new" if change == "rename" else column.name
            kind = draw(st.sampled_from(["text", "date", "timestamp without time zone", "jsonb"]))
            columns[new] = LiveColumn(
                name=new,
                type=kind if change == "retype" else column.type,
                is_nullable=change == "allow" or (column.is_nullable and change != "require"),
                is_unique=column.is_unique,
            )
        target = draw(st.sampled_from(sorted(live)))
        extra = ForeignKey(
            name="extra",
            columns=tuple(list(columns)[:1]),
            target=target,
            target_columns=tuple(live[target].primary_key[:1]),
            on_delete=draw(st.sampled_from("arcnd")),
        )
        keys = tuple(key for key in table.foreign_keys if set(key.columns) <= columns.keys())
        has_extra = columns and draw(st.booleans())
        tables[name] = replace(
            table,
            columns=columns,
            primary_key=table.primary_key if set(table.primary_key) <= columns.keys() else (),
            foreign_keys=(*keys, extra) if has_extra else keys,
            indexed=table.indexed if draw(st.booleans()) else frozenset(),
            partition_column=table.partition_column if draw(st.booleans()) else None,
        )
    if draw(st.booleans()):
        tables["other.guest"] = LiveTable(
            name="other.guest",
            columns={},
            primary_key=(),
            foreign_keys=(
                ForeignKey(
                    name="guest",
                    columns=("a",),
                    target="club.member",
                    target_columns=("member_id",),
                    on_delete="c",
                ),
            ),
        )
    return tables


@given(data=st.data())
def test_check_names_what_differs_and_never_fails(in_order, data):
    version, datamap, live = in_order
    findings = check(version, datamap, data.draw(changed(live)))
    for finding in findings:
        path, _, line = finding.place.rpartition(":")
        assert Path(path).is_file()
        assert 1 <= int(line) <= len(Path(path).read_text(encoding="utf-8").splitlines())
    assert len(set(findings)) == len(findings)


@given(data=st.data())
def test_what_can_be_resolved_is_resolved_alike_by_check_and_by_the_engines(in_order, data):
    """The engines refuse exactly the policies of which check says that they cannot be resolved."""
    version, datamap, live = in_order
    schema = data.draw(changed(live))
    found = check(version, datamap, schema)
    unresolved = [one.message for one in found if one.code == "policy.unresolved"]
    is_empty = [one.code for one in found] == ["database.empty"]  # said instead of all that follows from it
    refused = mistake_of(resolve, version, datamap, schema)
    assert is_empty or refused.message in unresolved if refused else not unresolved
