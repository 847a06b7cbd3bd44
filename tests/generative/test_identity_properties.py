"""However an identifier is written, it is found; what is another person's is left; nothing is left that was meant."""

from __future__ import annotations

import json
from contextlib import suppress

from hypothesis import assume, example, given
from hypothesis import strategies as st

from lifecycle.datamap.identity import names_subject
from lifecycle.datamap.model import Identity
from lifecycle.errors import UsageError
from lifecycle.identity.folding import NormalForm, folded
from lifecycle.identity.forms import IdentityRule, identify, identify_stored
from lifecycle.identity.mentions import Mentions, masked, masked_json, mentions
from lifecycle.identity.recognition import Recognised
from support.spellings import EMAIL, REGIONS, UNTAGGED, addresses, dialled, identifiers, numbers, written

AROUND = st.sampled_from(("", " ", "<", "(", "«", "mail: ", "\n", "…", "=", '"', "“", "/", "谢"))
AFTER = st.sampled_from(("", " ", ">", ")", "»", ", ", ". And", "\n", "…", "&x=1", '"', "”", "!", "谢"))
rules = st.sampled_from((EMAIL, UNTAGGED))


@given(st.data(), addresses, rules)
def test_an_address_is_the_same_in_every_spelling(data, address, rule):
    spelt = data.draw(written(address))
    identifier = identify("email", address, rule)
    assert identify("email", spelt, rule) == identifier
    assert names_subject(Identity(kind="email"), spelt, identifier)


@given(addresses, addresses, rules)
def test_an_address_names_whoever_has_the_same_normal_form(one, other, rule):
    same = identify("email", one, rule) == identify("email", other, rule)
    assert names_subject(Identity(kind="email"), other, identify("email", one, rule)) is same


@given(addresses, rules)
def test_every_spelling_is_of_the_identifier_and_folded(address, rule):
    identifier = identify("email", address, rule)
    for spelling in identifier.spellings:
        assert folded(rule.form, spelling) == spelling
        assert identify("email", spelling, rule) == identifier


@given(st.data(), numbers(), st.sampled_from(REGIONS))
def test_a_number_is_the_same_in_every_grouping(data, number, region):
    rule = IdentityRule(form=NormalForm.PHONE, region=region)
    identifier = identify("phone", number, rule)
    spelt = data.draw(dialled(number, region))
    assert names_subject(Identity(kind="phone"), spelt, identifier)


@given(numbers(), numbers(), st.sampled_from(REGIONS), st.sampled_from(REGIONS))
def test_no_number_names_whoever_has_another(one, other, here, there):
    """Neither as it is dialled from abroad, nor at home, wherever home is."""
    assume(one != other)
    rule = IdentityRule(form=NormalForm.PHONE, region=here)
    strangers = identify("phone", other, IdentityRule(form=NormalForm.PHONE, region=there)).spellings
    mine = identify("phone", one, rule)
    for stored in strangers:
        is_read_alike = identify("phone", stored, rule) == mine
        assert names_subject(Identity(kind="phone"), stored, mine) is is_read_alike
        assert not (is_read_alike and stored.startswith("+"))


@given(st.data(), addresses, rules, AROUND, AFTER)
def test_an_address_is_found_wherever_it_stands(data, address, rule, before, after):
    spelt = data.draw(written(address)).strip()
    identifier = identify("email", address, rule)
    assume(not (after == "谢" and spelt[-1] > "\x7f"))
    assume(not (before == "谢" and spelt[0] > "\x7f"))
    text = f"{before}{spelt}{after}"
    assert mentions(text, [identifier])
    assert spelt.rpartition("@")[2] not in masked(text, [identifier])


@given(st.data(), numbers(), st.sampled_from(REGIONS), AROUND, AFTER)
def test_a_number_is_found_wherever_it_stands(data, number, region, before, after):
    spelt = data.draw(dialled(number, region))
    identifier = identify("phone", number, IdentityRule(form=NormalForm.PHONE, region=region))
    assert mentions(f"{before}{spelt}{after}", [identifier])


@given(st.data(), identifiers)
def test_a_stored_value_is_the_identifier_of_whomever_it_names(data, identifier):
    region = data.draw(st.sampled_from(REGIONS))
    rule = IdentityRule(form=identifier.form, region=region)
    mine = identify(identifier.kind, identifier.normal, rule)
    around = st.sampled_from(("", " ", "x", "mob. ", "0", "+"))
    stored = data.draw(around) + data.draw(st.sampled_from(identifier.spellings)) + data.draw(around)
    found = identify_stored(identifier.kind, stored, rule)
    if names_subject(Identity(kind=identifier.kind), stored, mine):
        assert found == mine
    elif identifier.form is not NormalForm.PHONE:
        assert found != mine


texts = st.text(max_size=30) | st.text(alphabet="ab1-+.@ ()x%405\udcffõΣİ", max_size=30)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def with_mentions(draw: st.DrawFn, subjects: list) -> str:
    """A text in which the subjects may stand, whole or in part, glued to anything."""
    spellings = [spelling for subject in subjects for spelling in subject.spellings]
    pieces = draw(
        st.lists(texts | st.sampled_from([*spellings, *(one[1:] for one in spellings)]), max_size=5)
    )
    return "".join(pieces)


@given(st.data(), st.lists(identifiers, min_size=1, max_size=3))
def test_nothing_is_left_of_anybody_and_nothing_else_is_changed(data, subjects):
    text = data.draw(with_mentions(subjects))
    found = mentions(text, subjects)
    after = masked(text, subjects)
    assert mentions(after, subjects) == ()
    assert (after == text) is (found == ())
    edges = [0, *(edge for span in found for edge in (span.start, span.end)), len(text)]
    assert edges == sorted(edges)
    kept = [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    position = 0
    for piece in kept:
        assert mentions(piece, subjects) or piece in after[position:]


@given(documents, st.lists(identifiers, max_size=2))
@example([1, {"a": 2}], [])
def test_json_stays_json(document, subjects):
    after = masked_json(document, subjects)
    assert json.dumps(after, sort_keys=True) is not None
    assert _shape(after) == _shape(document)
    if not subjects:
        assert json.dumps(after) == json.dumps(document)


def _shape(document):
    if isinstance(document, dict):
        return [_shape(value) for value in document.values()]
    if isinstance(document, list):
        return [_shape(value) for value in document]
    return None


@given(
    st.text(max_size=40),
    rules | st.sampled_from(REGIONS).map(lambda region: IdentityRule(form=NormalForm.PHONE, region=region)),
)
def test_what_is_given_is_an_identifier_or_refused(text, rule):
    with suppress(UsageError):
        identifier = identify("kind", text, rule)
        assert identifier.normal
        assert identifier.spellings


# --- who is known by a fingerprint alone


def recognising(subjects: list) -> Recognised:
    """What knows of these that they are known, and not what they are."""
    rules = {one.kind: RULES[one.form] for one in subjects if one.form in RULES}
    return Recognised(rules=rules, is_known=lambda one: any(one == subject for subject in subjects))


RULES = {
    NormalForm.EMAIL: EMAIL,
    NormalForm.UNTAGGED_EMAIL: UNTAGGED,
    NormalForm.PHONE: IdentityRule(form=NormalForm.PHONE, region="EE"),
}
"""As the policy states them when a subject is erased, and when it is looked for again."""
known = st.one_of(
    st.builds(lambda given, rule: identify(rule.form.value, given, rule), addresses, rules),
    st.builds(lambda given: identify("phone", given, RULES[NormalForm.PHONE]), numbers()),
    st.builds(
        lambda given, number: identify("phone", f"{given} ext {number}", RULES[NormalForm.PHONE]),
        numbers(),
        st.integers(1, 99),
    ),
)


@given(st.data(), st.lists(known, min_size=1, max_size=3))
def test_whatever_is_masked_of_somebody_known_is_recognised_of_somebody_who_is_not(data, subjects):
    text = data.draw(with_mentions(subjects))
    recognised = recognising(subjects).spans(text)
    for span in mentions(text, subjects):
        assert any(one.start <= span.start and span.end <= one.end for one in recognised)


@given(st.data(), st.one_of(addresses, numbers()), AROUND, AFTER)
def test_every_spelling_of_somebody_who_was_erased_is_recognised(data, given_, before, after):
    rule = RULES[data.draw(st.sampled_from(list(RULES)))] if "@" in given_ else RULES[NormalForm.PHONE]
    assume("@" not in given_ or rule.form is not NormalForm.PHONE)
    identifier = identify("kind", given_, rule)
    spelt = data.draw(written(given_) if "@" in given_ else dialled(given_, "EE"))
    text = f"{before}{spelt.strip()}{after}"
    if mentions(text, [identifier]):
        assert recognising([identifier]).masked(text) == masked(text, [identifier])


@given(documents, st.lists(known, min_size=1, max_size=2))
def test_a_document_is_masked_alike(document, subjects):
    for one in (document, [document, *(spelling for subject in subjects for spelling in subject.spellings)]):
        text = json.dumps(one)
        assume("\\ud" not in text)
        assert recognising(subjects).masked_json_text(text) == Mentions(
            identifiers=tuple(subjects)
        ).masked_json_text(text)


@given(texts)
def test_nothing_is_recognised_where_nobody_is_known(text):
    assert (
        Recognised(rules={"email": EMAIL, "phone": RULES[NormalForm.PHONE]}, is_known=lambda _: False).spans(
            text
        )
        == ()
    )
