"""Copies of another company's subjects: keys of text, JSON, naive times, shared addresses; and nobody else in them."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import pyzipper

from lifecycle.datamap.load import load_datamap
from lifecycle.identity.others import WITHHELD
from lifecycle.keys.keyring import FileKeyring
from lifecycle.policy.load import load_policies
from lifecycle.policy.model import RequestKind
from lifecycle.requests import packages
from lifecycle.runs.company import Company
from lifecycle.store.grants import grant
from lifecycle.store.roles import Role
from support.asking import answer, by_email, verified
from support.samples import PROJECT, WEBSHOP, populate

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

pytestmark = pytest.mark.commitment("R2", "R3")

AS_OF = datetime(2026, 11, 20, 3, tzinfo=UTC)
DEAR = """
    SELECT account.mail FROM shop.account JOIN shop.purchase USING (account_no)
    JOIN shop.address ON address_id = ship_address_id
    WHERE ship_address_id IN (
        SELECT ship_address_id FROM shop.purchase GROUP BY 1 HAVING count(DISTINCT account_no) > 1
    )
    GROUP BY account.mail ORDER BY count(*) DESC, account.mail LIMIT 2
"""
"""Those who share an address that parcels go to with another account."""


@pytest.fixture
def company(database: Database, tmp_path: Path) -> Company:
    populate(database.url, WEBSHOP, days=30, as_of=AS_OF)
    datamap = load_datamap(WEBSHOP.datamap)
    with database.connect().begin() as connection:
        grant(connection, [(one.schema, one.table) for one in datamap.collections.values()])
    return Company(
        engine=database.connect(Role.ENGINE),
        policies=load_policies(PROJECT / "examples/webshop/policies"),
        datamap=datamap,
        keys=FileKeyring(tmp_path / "keyring", environment={}),
    )


def files_of(company: Company, mail: str, kind: RequestKind) -> dict[str, bytes]:
    request_id = verified(company, by_email(mail), kind=kind)
    answer(company, request_id, AS_OF)
    with company.engine.begin() as connection:
        archive = packages.fetch(connection, request_id, company.keys, by="Op", as_of=AS_OF)
        passphrase = packages.show_passphrase(connection, request_id, company.keys, by="Op", as_of=AS_OF)
    with pyzipper.AESZipFile(io.BytesIO(archive)) as found:
        found.setpassword(passphrase.encode())
        return {name: found.read(name) for name in found.namelist()}


def normal(mail: str) -> str:
    """As the shop compares addresses: without blanks around, capitals and what follows a plus."""
    name, _, domain = mail.strip().lower().partition("@")
    return f"{name.partition('+')[0]}@{domain}"


def values_in(copy: dict[str, Any], collection: str) -> list[dict[str, Any]]:
    """Values of the subject's own rows of a collection."""
    rows = [row for one in copy["collections"] if one["collection"] == collection for row in one["rows"]]
    return [row["values"] for row in rows if row["relation"] in {"names", "belongs"}]


def test_a_subject_is_shown_all_of_their_own_and_nobody_else(database: Database, company: Company):
    asking = [row.mail for row in database.execute(DEAR)]
    assert len(asking) == 2
    everybody = {normal(row.mail) for row in database.execute("SELECT mail FROM shop.account")}
    for mail in asking:
        files = files_of(company, mail, RequestKind.ACCESS)
        copy = json.loads(files["copy.json"])
        accounts = values_in(copy, "shop.account")
        assert {normal(one["mail"]) for one in accounts} == {normal(mail)}
        purchases = database.execute(
            "SELECT purchase_no FROM shop.purchase WHERE account_no = ANY (:numbers)",
            {"numbers": [one["account_no"] for one in accounts]},
        )
        assert {row.purchase_no for row in purchases} <= {
            one["purchase_no"] for one in values_in(copy, "shop.purchase")
        }
        assert values_in(copy, "shop.purchase_item")
        addresses = values_in(copy, "shop.address")
        assert addresses
        shown_of = [*accounts, *addresses, *values_in(copy, "shop.purchase_item")]
        assert [one for one in shown_of if WITHHELD in one.values()] == []
        shown = files["copy.json"].decode().lower()
        assert [other for other in everybody - {normal(mail)} if f'"{other}"' in shown] == []


def test_what_rests_on_a_contract_can_be_taken_along(database: Database, company: Company):
    mail = database.execute(DEAR)[0].mail
    files = files_of(company, mail, RequestKind.PORTABILITY)
    package = json.loads(files["datapackage.json"])
    keys = {one["path"]: one["schema"]["primaryKey"] for one in package["resources"]}
    assert keys["data/shop.purchase_item.csv"] == ["purchase_no", "line_no"]
    assert not [name for name in files if "click" in name or "segment" in name or "ticket" in name]
