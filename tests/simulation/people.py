"""People who turn up everywhere, how their addresses and numbers are written, and how the model reads them.

Only what is invented here has to be read again, so a few lines do; the engine's own reading is not used.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from simulation.tables import Name, Row

Identity = tuple[str, "str | int"]
"""Kind of identity, and its one spelling; of a visitor the key."""

PEOPLE = range(8)
MARK = "[erased]"

IDENTITIES: dict[str, dict[str, str]] = {
    "website.enquiry": {"email": "email", "phone": "phone_number", "visitor_id": "visitor_id"},
    "website.chat": {"email": "email", "visitor_id": "visitor_id"},
    "website.marketing_subscription": {"email": "email", "visitor_id": "visitor_id"},
    "app.contact": {"email": "email", "phone": "phone_number"},
    "app.person": {"work_email": "email", "phone": "phone_number"},
    "app.invoice": {"contact_email": "email"},
}
"""Columns by which rows say whom they are about, and the kind; a visitor's row is the visitor."""

NAMED = ("website.enquiry", "website.marketing_subscription", "app.contact", "app.person")
"""Tables whose rows have a last name, ``user.name.last`` to the data map."""

TEXTS = {
    "website.message": "body",
    "website.chat": "transcript",
    "app.note": "body",
    "app.activity": "detail",
}
"""Columns in which people write what they like."""

_SAID = {
    "website.message": "Good morning{}",
    "website.chat": '[{{"text": "Good morning{}"}}]',
    "app.note": "Prefers mornings{}",
    "app.activity": '{{"minutes": 5, "subject": "Call{}"}}',
}


def address(person: int) -> Identity:
    """Somebody's e-mail address."""
    return "email", f"anne{person}@example.com"


def number(person: int) -> Identity:
    """Somebody's phone number; that of two people is the same, as behind a switchboard."""
    return "phone_number", f"+372555000{max(person, 1):02}"


def written(identity: Identity, chance: Random) -> str:
    """An address or number as it comes, however it is typed."""
    kind, value = identity[0], str(identity[1])
    if kind == "email":
        return chance.choice((value, value.upper(), value.title(), f"mailto:{value}", f" {value}"))
    national = value.removeprefix("+372")
    groups = f"{national[:4]} {national[4:]}"
    return chance.choice((value, f"+372 {groups}", national, groups, f"00372{national}", f"tel:{value}"))


def mentioned(identity: Identity, chance: Random) -> str:
    """The same in a sentence."""
    kind, value = identity[0], str(identity[1])
    if kind == "email":
        return chance.choice((value, value.upper(), value.replace("@", "%40")))
    national = value.removeprefix("+372")
    return chance.choice((value, f"{national[:4]}-{national[4:]}", f"+372 {national[:4]} {national[4:]}"))


def text(table: str, mentions: Iterable[str] = ()) -> str:
    """What is written in a row, and whom it mentions."""
    return _SAID[table].format("".join(f", see {one}" for one in mentions))


def identities(name: Name, row: Row) -> Iterator[Identity]:
    """Whom a row says that it is about."""
    table, key = name
    if table == "website.visitor":
        yield "visitor_id", key
    for column, kind in IDENTITIES.get(table, {}).items():
        if row[column] is not None:
            yield kind, row[column] if kind == "visitor_id" else read(kind, row[column])


@lru_cache(maxsize=20_000)
def read(kind: str, value: str) -> str:
    """The one spelling of an address or number."""
    if kind == "email":
        return value.strip().lower().removeprefix("mailto:")
    digits = re.sub(r"\D", "", value)
    return f"+372{digits[-8:]}"


def masked(name: Name, row: Row, who: Iterable[Identity], mark: str = MARK) -> Row:
    """The row with a mark where its text says something of somebody; the same row where it says nothing."""
    column = TEXTS.get(name[0])
    if column is None:
        return row
    said = row[column]
    for kind, value in who:
        if kind != "visitor_id":
            said = re.sub(_mention(kind, str(value)), mark, said, flags=re.IGNORECASE)
    return row if said == row[column] else {**row, column: said}


def _mention(kind: str, value: str) -> str:
    if kind == "email":
        return rf"(?<![\w.+-]){re.escape(value).replace('@', '(?:@|%40)')}(?![\w-])"
    national = value.removeprefix("+372")
    return rf"(?<![\d+])(?:\+372 ?)?{national[:4]}[ -]?{national[4:]}(?!\d)"


def contact_of(row: Row) -> dict[str, Any]:
    """What an invoice says of its contact, emptied."""
    return dict.fromkeys(("contact_name", "contact_email"), None) if row else {}
