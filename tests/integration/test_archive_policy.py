"""An archive that could not be written as the policy says is found before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lifecycle.errors import PolicyError
from lifecycle.policy.check import check
from lifecycle.policy.load import read_policy
from lifecycle.policy.rulebook import resolve
from lifecycle.store.inspect import inspect
from support.books import HERE, NAME, create_books

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database


@pytest.fixture(scope="module")
def live(module_database: Database, tmp_path_factory):
    company = create_books(module_database, tmp_path_factory.mktemp("books"))
    with company.engine.connect() as connection:
        return inspect(connection, company.datamap.schemas), company.datamap


CASES = [
    ("duty: books", "duty: tax", "there is no duty tax", "duty: tax"),
    (
        "documents: trade.bill",
        "documents: trade.client",
        "books does not apply to trade.client",
        "documents:",
    ),
    (
        "number: number",
        "number: serial_no",
        "books does not need serial_no of trade.bill",
        "books:\n    commitments",
    ),
    ("owner: client_no", "owner: client", "trade.bill has no column client", "owner:"),
    (
        "currency: currency",
        "currency: reader",
        "books does not need reader of trade.bill",
        "books:\n    commitments",
    ),
    (
        "trade.item: [amount]",
        "trade.item: [what]",
        "trade.item.what is text, which does not add up",
        "totals:",
    ),
    ("trade.item: [amount]", "trade.item: [price]", "trade.item has no column price", "totals:"),
    (
        "[due_on, is_credit]",
        "[due_on, extra]",
        "trade.bill.extra is jsonb, which has no column of its own",
        "readable:",
    ),
    (
        "{trade.bill.client_no: [name]}",
        "{trade.bill.client_no: [nick]}",
        "trade.client has no column nick",
        "also:",
    ),
    (
        "{trade.bill.client_no: [name]}",
        "{trade.item.serial: [name]}",
        "trade.item.serial is no reference",
        "also:",
    ),
]


@pytest.mark.parametrize(("old", "new", "says", "at"), CASES, ids=[case[2] for case in CASES])
def test_a_mistake_is_named_with_its_place(live, tmp_path: Path, old, new, says, at):
    tables, datamap = live
    path = tmp_path / "policy.yaml"
    text = (HERE / "policy.yaml").read_text()
    assert old in text
    beginning, archives = text.split("archives:\n")
    path.write_text(f"{beginning}archives:\n{archives.replace(old, new, 1)}")
    version = read_policy(path)
    with pytest.raises(PolicyError, match=says) as mistake:
        resolve(version, datamap, tables)
    line = int(mistake.value.place.rsplit(":", 1)[1])
    assert at.split("\n", maxsplit=1)[0] in path.read_text().splitlines()[line - 1]
    (finding,) = (one for one in check(version, datamap, tables) if one.code == "policy.unresolved")
    assert says in finding.message


def test_money_says_how_many_digits_it_has(database: Database, tmp_path: Path):
    company = create_books(database, tmp_path)
    database.execute("ALTER TABLE trade.item ALTER amount TYPE numeric")
    with company.engine.connect() as connection:
        tables = inspect(connection, company.datamap.schemas)
    with pytest.raises(PolicyError, match="numeric without saying how many digits"):
        resolve(company.policies[0], company.datamap, tables)


def test_what_is_in_order_is_resolved(live):
    tables, datamap = live
    archive = resolve(read_policy(HERE / "policy.yaml"), datamap, tables).archives[NAME]
    assert archive.children == ("trade.item", "trade.discount", "trade.receipt")
    assert archive.columns["trade.bill"][:2] == ("serial", "copy_no")
    assert "reader" not in archive.columns["trade.bill"]
    assert set(archive.sealed("trade.bill")) == {"buyer", "remark", "extra"}
    assert archive.sealed("trade.item") == ("what",)
