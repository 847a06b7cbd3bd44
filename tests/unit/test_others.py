"""Other people in a text are hidden; whoever is known stays."""

from __future__ import annotations

import pytest

from lifecycle.identity.folding import NormalForm
from lifecycle.identity.forms import DEFAULT_RULES, IdentityRule, identify
from lifecycle.identity.others import SOMEBODY_ELSE, Others

KNOWN = (
    identify("email", "mari.tamm@example.test", DEFAULT_RULES["email"]),
    identify("phone_number", "+372 5123 4567", IdentityRule(form=NormalForm.PHONE, region="EE")),
)
OTHERS = Others(known=KNOWN, region="EE")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ask jaan@example.test.", f"Ask {SOMEBODY_ELSE}"),
        ("Ask mari.tamm@example.test.", "Ask mari.tamm@example.test."),
        ("MARI.TAMM@EXAMPLE.TEST and jaan@x.test", f"MARI.TAMM@EXAMPLE.TEST and {SOMEBODY_ELSE}"),
        ("call +372 5555 1234 or 5123 4567", f"call {SOMEBODY_ELSE} or 5123 4567"),
        ("call 5555 1234", f"call {SOMEBODY_ELSE}"),
        ("on 2026-03-03T10:00:00Z for 124.00", "on 2026-03-03T10:00:00Z for 124.00"),
        ("<jaan@x.test>, (anu@x.test)", f"<{SOMEBODY_ELSE}>, ({SOMEBODY_ELSE})"),
        ("", ""),
    ],
)
def test_addresses_and_numbers_of_others_are_hidden(text: str, shown: str):
    assert OTHERS.hidden(text) == shown


def test_an_address_that_holds_a_known_one_is_somebody_elses():
    assert OTHERS.hidden("anna-mari.tamm@example.test") == SOMEBODY_ELSE


def test_documents_are_hidden_at_any_depth():
    document = {"jaan@x.test": [{"to": "jaan@x.test", "n": 5}, "mari.tamm@example.test"]}
    assert OTHERS.hidden_in(document) == {
        SOMEBODY_ELSE: [{"to": SOMEBODY_ELSE, "n": 5}, "mari.tamm@example.test"]
    }
