"""One normal form for every spelling of an identifier, and what may be said of it."""

from __future__ import annotations

import pytest

from lifecycle.datamap.identity import names_subject
from lifecycle.datamap.model import Identity
from lifecycle.errors import UsageError
from lifecycle.identity.folding import NormalForm
from lifecycle.identity.forms import DEFAULT_RULES, EXACTLY, IdentityRule, identify
from lifecycle.identity.mentions import MARK, Mentions, masked, masked_json, mentions
from lifecycle.identity.scripts import mixes_scripts
from lifecycle.keys import FileKeyring
from lifecycle.policy.model import Policy
from spec.identities import IDENTITIES, KIND, identifier_of, rule_of

EMAIL = DEFAULT_RULES["email"]
PHONE = IdentityRule(form=NormalForm.PHONE, region="EE")
ANN = identify("email", "ann@example.org", EMAIL)
NUMBER = identify("phone_number", "5123 4567", PHONE)
VISITOR = identify("visitor_id", "42", EXACTLY)

every_case = pytest.mark.parametrize("case", IDENTITIES["cases"], ids=lambda case: case["name"])
every_mention = pytest.mark.parametrize("case", IDENTITIES["mentions"], ids=lambda case: case["name"])


@every_case
def test_a_stored_value_names_the_same_person_or_another(case):
    identifier, identity = identifier_of(case), Identity(kind=KIND)
    assert identifier.normal == case["normal"]
    assert [one for one in case["same"] if not names_subject(identity, one, identifier)] == []
    assert [one for one in case["other"] if names_subject(identity, one, identifier)] == []


@every_case
def test_whichever_spelling_is_given_it_is_the_same_identifier(case):
    given = [one for one in case["same"] if not one.startswith(("mob", "fax"))]
    assert {identify(KIND, one, rule_of(case)) for one in given} == {identifier_of(case)}


@pytest.mark.parametrize(
    "case", IDENTITIES["refused"], ids=lambda case: f"{case['because']}: {case['given']!a}"
)
def test_what_is_no_identifier_is_refused_without_repeating_it(case):
    with pytest.raises(UsageError) as refused:
        identifier_of(case)
    assert refused.value.place == f"subject by {KIND}"
    assert refused.value.next_step
    said = str(refused.value).replace("name@example.org", "")
    assert not [word for word in ("ann", "bob", "5123", "canary", "112") if word in said]


@pytest.mark.parametrize(
    "given", ["a" * 310 + "@example.org", "ann\x00@example.org", "ann\udcff@example.org"]
)
def test_what_no_file_can_hold_is_refused_too(given):
    with pytest.raises(UsageError):
        identify("email", given, EMAIL)


def test_an_identifier_does_not_show_itself():
    for one in (ANN, NUMBER, VISITOR, Mentions(identifiers=(ANN, NUMBER, VISITOR))):
        assert not [word for word in ("ann", "5123", "42", "xample") if word in repr(one)]


def test_a_fingerprint_is_of_kind_and_normal_form(tmp_path):
    keys = FileKeyring(tmp_path, environment={})
    assert ANN.fingerprint_text == "email\0ann@example.org"
    spelt = identify("email", " mailto:ANN@Example.org", EMAIL)
    elsewhere = identify("other_email", "ann@example.org", EMAIL)
    prints = [keys.fingerprint("subject", one.fingerprint_text) for one in (ANN, spelt, elsewhere)]
    assert prints[0] == prints[1] != prints[2]


def test_a_kind_of_which_the_policy_says_nothing_is_compared_as_it_usually_is():
    policy = Policy.model_construct(identities={})
    assert policy.identity_rule("email").form is NormalForm.EMAIL
    assert policy.identity_rule("phone_number") == IdentityRule(form=NormalForm.PHONE)
    assert policy.identity_rule("visitor_id").form is NormalForm.EXACT


@pytest.mark.parametrize(
    ("address", "mixes"),
    [
        ("ann@example.org", False),
        ("ann.42@example.org", False),
        ("\N{CYRILLIC SMALL LETTER A}nn@example.org", True),
        ("ann@ex\N{CYRILLIC SMALL LETTER A}mple.org", True),
        ("\N{CYRILLIC SMALL LETTER A}\N{CYRILLIC SMALL LETTER EN}@example.org", False),
        ("ann.\N{CYRILLIC SMALL LETTER EN}@example.org", False),
        ("õnne@õun.example", False),
        ("\N{GREEK SMALL LETTER OMICRON}nne@example.org", True),
        ("東京tokyoとう@example.org", False),
        ("서울seoul漢@example.org", False),
        ("とう서울@example.org", True),
    ],
)
def test_letters_of_scripts_that_are_not_written_together_are_noticed(address, mixes):
    assert mixes_scripts(identify("email", address, EMAIL)) is mixes


def test_only_addresses_are_looked_at_for_scripts():
    assert not mixes_scripts(identify("name", "\N{CYRILLIC SMALL LETTER A}nn", EXACTLY))


# --- mentions


@every_mention
def test_a_text_mentions_somebody_or_does_not(case):
    identifier = identifier_of(case)
    assert {text: masked(text, [identifier]) for text in case["masked"]} == case["masked"]
    assert [text for text in case["unchanged"] if mentions(text, [identifier])] == []


def test_mentions_of_several_are_found_at_once_and_those_that_touch_are_one():
    text = "ann@example.org42 51234567/ann@example.org"
    found = mentions(text, [ANN, NUMBER])
    assert [text[span.start : span.end] for span in found] == ["51234567", "ann@example.org"]
    assert masked("+37251234567(42)", [NUMBER, VISITOR]) == f"{MARK}({MARK})"


def test_nothing_is_left_that_the_mask_itself_laid_bare():
    """+46 5123 4567 is another number, until 46 is masked."""
    route = identify("route", "46", EXACTLY)
    assert masked("+46 51234567", [NUMBER]) == "+46 51234567"
    assert masked("+46 51234567", [NUMBER, route]) == f"+{MARK} {MARK}"


def test_a_mark_that_is_a_mention_is_written_once():
    assert masked("erased", [identify("code", "erased", EXACTLY)]) == MARK


def test_a_json_value_is_masked_at_any_depth():
    document = {
        "to": [
            "Ann <ANN@example.org>",
            None,
            True,
            42,
            4.2,
            37251234567,
            {"ann@example.org": {"n": 51234567}},
        ],
        "ann@example.org": 1,
        "Ann@example.org": 2,
        "42": [],
    }
    before = repr(document)
    assert masked_json(document, [ANN, NUMBER, VISITOR]) == {
        "to": [f"Ann <{MARK}>", None, True, MARK, 4.2, MARK, {MARK: {"n": MARK}}],
        MARK: 1,
        f"{MARK} 2": 2,
        f"{MARK} 3": [],
    }
    assert repr(document) == before


@pytest.mark.parametrize("document", ["ann@example.org", 42, None, True, [], {}])
def test_a_json_value_may_be_a_single_one(document):
    assert masked_json(document, [ANN, VISITOR]) == (
        MARK if document in ("ann@example.org", 42) else document
    )


def test_a_json_value_may_be_nested_deeper_than_calls_may():
    document: list = []
    for _ in range(100_000):
        document = [document]
    found, depth = masked_json(document, [ANN]), 0
    while found:
        found, depth = found[0], depth + 1
    assert depth == 100_000
    while document:
        document = document.pop()
