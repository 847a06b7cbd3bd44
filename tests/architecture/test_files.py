"""What no file of the project may hold: addresses of machines and registries, promises to finish it later."""

from __future__ import annotations

import re

import pytest

from support.source import name_of, tracked_files

THIS_FILE = __file__

FORBIDDEN = {
    "a file outside the project": r"(?<![\w./])/(?:work|home|root|Users)/\w",
    "a folder beside the project": r"(?<![\w])(?:\.\./)+shared/|/work/shared",
    "a package registry": (
        r"\b(?:pypi\.org|pythonhosted\.org|registry\.npmjs\.org|registry\.yarnpkg\.com|docker\.io|ghcr\.io|quay\.io"
        r"|proxy\.golang\.org|crates\.io)\b|--(?:extra-)?index-url"
    ),
    "work put off": r"\b(?:TODO|FIXME|XXX|HACK)\b",
    "a conflict": r"^(?:<{7}|>{7}) ",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{20}",
}

TEXTS = [path for path in tracked_files() if b"\0" not in path.read_bytes()]


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_it_holds_nothing_that_is_forbidden(path):
    if str(path) == THIS_FILE:
        pytest.skip("spells out what is forbidden")
    text = path.read_text(encoding="utf-8")
    found = {
        f"line {text.count(chr(10), 0, hit.start()) + 1}, {what}": hit.group()
        for what, pattern in FORBIDDEN.items()
        for hit in re.finditer(pattern, text, re.MULTILINE)
    }
    assert found == {}


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_it_is_text_that_every_tool_reads_alike(path):
    content = path.read_bytes()
    content.decode("utf-8")
    assert b"\r" not in content
    assert not content or content.endswith(b"\n")


def test_nothing_that_a_run_leaves_behind_is_in_version_control():
    left_behind = re.compile(r"(?:^|/)(?:\.env|\.state|\.venv|__pycache__|[^/]+\.(?:pyc|log|db))(?:/|$)")
    assert [name for name in map(name_of, tracked_files()) if left_behind.search(name)] == []
