"""The companies that the project brings along are in order: data map, policy and schema agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifecycle.datamap.load import load_datamap
from lifecycle.policy.check import Severity, check
from lifecycle.policy.coverage import coverage
from lifecycle.policy.load import load_policies
from lifecycle.store.inspect import inspect

PROJECT = Path(__file__).parents[2]
INCLUDE = PROJECT / "include"
WEBSHOP = PROJECT / "examples" / "webshop"


def findings(database, schema: Path, datamap: Path, policies: Path):
    database.script(schema.read_text(encoding="utf-8"))
    described = load_datamap(datamap)
    with database.connect().connect() as connection:
        live = inspect(connection, described.schemas)
    version = load_policies(policies)[-1]
    return version, check(version, described, live)


@pytest.mark.commitment("W1", "W2", "W5", "A2", "A3", "G2")
def test_the_reference_company_is_in_order_and_says_what_nothing_keeps_yet(empty_database):
    version, found = findings(
        empty_database, INCLUDE / "sample" / "schema.sql", INCLUDE / "datamap", INCLUDE / "policies"
    )
    unkept = [one for one in coverage(version, PROJECT / "dags", PROJECT / "tests") if not one.is_enforced]
    assert [(finding.severity, finding.message) for finding in found] == [
        (Severity.WARNING, f"nothing keeps commitment {one.commitment}: {one.promise}") for one in unkept
    ]


def test_the_web_shop_is_in_order_but_for_addresses_that_nobody_uses(empty_database):
    _, found = findings(empty_database, WEBSHOP / "schema.sql", WEBSHOP / "datamap", WEBSHOP / "policies")
    assert [(finding.severity, finding.code) for finding in found] == [(Severity.WARNING, "reach.uncertain")]
    assert "shop.address" in found[0].message


@pytest.mark.commitment("W3")
def test_what_a_form_asks_for_is_marked_mandatory_or_optional():
    enquiry = load_datamap(INCLUDE / "datamap").collections["website.enquiry"]
    assert {name: column.asked for name, column in enquiry.columns.items() if column.asked} == {
        "kind": "mandatory",
        "first_name": "mandatory",
        "last_name": "mandatory",
        "email": "mandatory",
        "phone": "optional",
        "employer": "mandatory",
        "job_position": "optional",
    }


@pytest.mark.commitment("W4")
def test_subjects_are_found_by_what_they_gave_wherever_it_is_held():
    """Every e-mail address and phone number held of a person is an identity, so a subject is found by it."""
    for collection in load_datamap(INCLUDE / "datamap").collections.values():
        for column in collection.columns.values():
            if {"user.contact.email", "user.contact.phone_number"} & set(column.categories):
                assert column.identities, f"{collection.name}.{column.name}"
