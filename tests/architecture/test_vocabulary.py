"""The words that code and data use are explained in the glossary."""

from __future__ import annotations

import re

import pytest

from lifecycle.plan import Action
from lifecycle.policy.model import EdgeKind
from lifecycle.recipients.tables import Kind, State
from lifecycle.store.roles import Role
from support.source import PROJECT

GLOSSARY = (PROJECT / "GLOSSARY.md").read_text(encoding="utf-8")
TERMS = {term for found in re.findall(r"\*\*([^*]+)\*\*", GLOSSARY) for term in found.lower().split(", ")}


@pytest.mark.parametrize("word", [*Action, *EdgeKind, *Role, *Kind, *State], ids=str)
def test_what_a_file_or_a_database_may_hold_is_explained(word):
    assert word.value in TERMS


@pytest.mark.parametrize("room", ["policy", "decide", "plan", "holds", "ledger", "datamap", "recipients"])
def test_rooms_are_named_after_a_term(room):
    assert {room, room.removesuffix("s"), room.replace("datamap", "data map")} & TERMS


def test_no_term_is_explained_twice():
    headed = re.findall(r"^\s*- \*\*([^*]+)\*\*", GLOSSARY, re.MULTILINE)
    assert sorted(set(headed)) == sorted(headed)
