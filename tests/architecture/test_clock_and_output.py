"""Time is an argument and output belongs to the command line: nothing below it, or below a run, reads a clock."""

from __future__ import annotations

import ast
import re

import pytest

from support.source import files, imports, name_of, strings, tree

MAY_ASK_THE_CLOCK = {"cli", "orchestration"}
LIBRARY = [path for path in files("include/lifecycle") if not MAY_ASK_THE_CLOCK & set(path.parts)]
SQL = files("include/lifecycle", suffixes=(".sql",))

CLOCK_METHODS = {"now", "utcnow", "today", "fromtimestamp_now"}
CLOCK_FUNCTIONS = {"time", "time_ns", "localtime", "gmtime", "ctime"}
CLOCK_IN_SQL = re.compile(
    r"\b(?:(?:now|clock_timestamp|transaction_timestamp|statement_timestamp|timeofday)\s*\(\s*\)"
    r"|current_date|current_time|current_timestamp|localtime|localtimestamp)\b|\bnow\s*\(\s*\)",
    re.IGNORECASE,
)
# The database's clock may say when something was done, in a column for it; it may not decide anything.
RECORDED = re.compile(r"(?:\bDEFAULT\s+|\w+_at\s*=\s*)$", re.IGNORECASE)


def reads_clock(call: ast.Call) -> bool:
    """Whether a call asks what time it is."""
    called = call.func
    if not isinstance(called, ast.Attribute):
        return False
    of_module = isinstance(called.value, ast.Name) and called.value.id == "time"
    return called.attr in CLOCK_METHODS or (of_module and called.attr in CLOCK_FUNCTIONS)


def decides_by_clock(text: str) -> list[str]:
    """Each reading of the database's clock that is not kept as the time of what was done."""
    without_comments = re.sub(r"--[^\n]*", "", text)
    return [
        found.group()
        for found in CLOCK_IN_SQL.finditer(without_comments)
        if not RECORDED.search(without_comments[: found.start()])
    ]


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_no_clock_is_read_below_the_command_line(path):
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call) and reads_clock(node)]
    assert [f"line {call.lineno}: {ast.unparse(call)}" for call in calls] == []
    taken = {f"time.{name}" for name in CLOCK_FUNCTIONS}
    assert [found for found in imports(path) if found.module in taken] == []


@pytest.mark.parametrize("path", LIBRARY, ids=name_of)
def test_no_statement_in_python_lets_the_databases_clock_decide(path):
    found = {string.lineno: decides_by_clock(string.value) for string in strings(path)}
    assert {line: readings for line, readings in found.items() if readings} == {}


@pytest.mark.parametrize("path", SQL, ids=name_of)
def test_no_sql_file_lets_the_databases_clock_decide(path):
    assert decides_by_clock(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", [*LIBRARY, *files("dags", "plugins")], ids=name_of)
def test_nothing_is_printed_outside_the_command_line(path):
    names = {node.id: node.lineno for node in ast.walk(tree(path)) if isinstance(node, ast.Name)}
    assert "print" not in names, f"line {names.get('print')}"
    assert [found for found in imports(path) if found.module in {"sys.stdout", "sys.stderr"}] == []


@pytest.mark.parametrize(
    ("sql", "verdict"),
    [
        ("SELECT 1 FROM t WHERE ends_on < CURRENT_DATE", ["CURRENT_DATE"]),
        ("DELETE FROM t WHERE seen < now() - interval '30 days'", ["now()"]),
        ("at timestamptz NOT NULL DEFAULT now()", []),
        ("UPDATE t SET ended_at = clock_timestamp(), n = 1", []),
        ("-- now() is not asked\nSELECT 1", []),
    ],
)
def test_a_recorded_time_is_told_from_a_deciding_one(sql, verdict):
    assert decides_by_clock(sql) == verdict
