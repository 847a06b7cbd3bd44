"""Rooms import downwards only, in the one order that the package's docstring states."""

from __future__ import annotations

import re

import pytest

import lifecycle
from support.source import PACKAGE, files, imports, name_of, package_file

ENTRY_POINT = "__main__"


def stated_order() -> list[str]:
    """The rooms as the docstring lists them: a row stands above those below it, its rooms from left to right."""
    rows = re.findall(r"^    ((?:[a-z_]+ {1,2})+) {2,}\S", lifecycle.__doc__, re.MULTILINE)
    return [room for row in rows for room in row.split()]


ORDER = stated_order()
FILES = files("include/lifecycle")


def room_of(path) -> str:
    """The module or package right under the package; its own name for the package itself."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_the_order_is_read_from_the_docstring():
    assert ORDER[0] == "errors"
    assert ORDER[-1] == "cli"
    assert len(ORDER) == len(set(ORDER)) >= 15


def test_every_room_is_in_the_order():
    rooms = {room_of(path) for path in FILES}
    assert rooms - {"__init__", ENTRY_POINT} <= set(ORDER), "name it in the docstring of lifecycle"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_room_imports_only_rooms_above_it(path):
    room = room_of(path)
    above = {
        "__init__": set(),
        ENTRY_POINT: {"cli"},
    }.get(room) or set(ORDER[: ORDER.index(room)] if room in ORDER else [])
    imported = {
        found.module.split(".")[1]: found.line
        for found in imports(path)
        if found.module.split(".")[0] == "lifecycle"
    }
    assert {f"line {line}: {name}" for name, line in imported.items() if name not in {*above, room}} == set()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_import_from_the_package_exists(path):
    for found in imports(path):
        if found.module.startswith("lifecycle."):
            parent = found.module.rpartition(".")[0]
            assert package_file(found.module) or package_file(parent), f"line {found.line}: {found.module}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_package_knows_nothing_of_those_who_call_it(path):
    called_by = {"dags", "plugins", "tests", "spec", "support", "script"}
    assert [found for found in imports(path) if found.module.split(".")[0] in called_by] == []


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "__init__.py"], ids=name_of)
def test_every_room_says_what_it_is_for(path):
    first_line = path.read_text(encoding="utf-8").partition("\n")[0]
    assert re.match(r'"""\S.{10,}', first_line)
