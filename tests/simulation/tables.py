"""The reference company's tables: what a simulated row says, what fills its other columns, whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zlib import crc32

from simulation.releases.said import AGENTS, COUNTRIES, LIVES, PATHS, SECONDS, SENIORITIES, TITLES

Key = int
Row = dict[str, Any]
"""Facts of a row by column. Never changed in place: a change is a new row."""
Name = tuple[str, Key]
"""A row by table and key."""
Snapshot = dict[str, dict[Key, Row]]
"""Rows by table and key, at a moment."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A reference from one table to another.

    Attributes:
        belongs: the row is part of the one it refers to and goes with it; otherwise it only mentions it, and
            the reference is set to null when that one goes.
        emptied: columns that go with the reference.
    """

    holder: str
    column: str
    target: str
    belongs: bool
    emptied: tuple[str, ...] = ()


def _belongs(holder: str, column: str, target: str) -> Link:
    return Link(holder=holder, column=column, target=target, belongs=True)


def _mentions(holder: str, column: str, target: str, emptied: tuple[str, ...] = ()) -> Link:
    return Link(holder=holder, column=column, target=target, belongs=False, emptied=emptied)


LINKS = (
    _belongs("website.cookie_choice", "visitor_id", "website.visitor"),
    _belongs("website.page_view", "visitor_id", "website.visitor"),
    _belongs("website.interaction", "visitor_id", "website.visitor"),
    _mentions("website.enquiry", "visitor_id", "website.visitor"),
    _belongs("website.message", "enquiry_id", "website.enquiry"),
    _mentions("website.chat", "visitor_id", "website.visitor"),
    _mentions("website.chat", "enquiry_id", "website.enquiry"),
    _mentions("website.marketing_subscription", "visitor_id", "website.visitor"),
    _belongs("website.marketing_consent", "subscription_id", "website.marketing_subscription"),
    _belongs("app.contact", "customer_id", "app.customer"),
    _belongs("app.contract", "customer_id", "app.customer"),
    _mentions("app.contract", "renews_contract_id", "app.contract"),
    _belongs("app.person", "customer_id", "app.customer"),
    _mentions("app.person", "manager_person_id", "app.person"),
    _belongs("app.note", "person_id", "app.person"),
    _mentions("app.note", "author_contact_id", "app.contact"),
    _belongs("app.activity", "person_id", "app.person"),
    _mentions("app.invoice", "customer_id", "app.customer", ("contact_name", "contact_email")),
    _mentions("app.invoice", "contract_id", "app.contract"),
    _mentions("app.invoice", "credited_invoice_id", "app.invoice"),
    _belongs("app.invoice_line", "invoice_id", "app.invoice"),
    _belongs("app.payment", "invoice_id", "app.invoice"),
    _belongs("app.disclosure", "person_id", "app.person"),
    _belongs("app.disclosure", "contact_id", "app.contact"),
    _belongs("app.disclosure", "subscription_id", "website.marketing_subscription"),
    _belongs("app.disclosure", "enquiry_id", "website.enquiry"),
)

FACTS: dict[str, tuple[str, ...]] = {
    "website.visitor": ("first_seen_at", "last_seen_at"),
    "website.cookie_choice": ("visitor_id", "chosen_at", "analytical"),
    "website.page_view": ("occurred_at", "visitor_id"),
    "website.interaction": ("occurred_at", "visitor_id"),
    "website.enquiry": ("submitted_at", "visitor_id", "email", "phone", "last_name"),
    "website.message": ("enquiry_id", "sent_at", "body"),
    "website.chat": ("visitor_id", "enquiry_id", "started_at", "ended_at", "email", "transcript"),
    "website.marketing_subscription": ("visitor_id", "created_at", "email", "last_name"),
    "website.marketing_consent": ("subscription_id", "event", "occurred_at", "source"),
    "app.customer": ("created_at",),
    "app.contact": ("customer_id", "created_at", "email", "phone", "last_name"),
    "app.contract": (
        "customer_id",
        "renews_contract_id",
        "starts_at",
        "ended_at",
        "reinstated_at",
        "updated_at",
    ),
    "app.person": ("customer_id", "manager_person_id", "created_at", "work_email", "phone", "last_name"),
    "app.note": ("person_id", "author_contact_id", "created_at", "body"),
    "app.activity": ("person_id", "occurred_at", "detail"),
    "app.invoice": (
        "customer_id",
        "contract_id",
        "credited_invoice_id",
        "number",
        "issued_on",
        "gross",
        "contact_name",
        "contact_email",
    ),
    "app.invoice_line": ("invoice_id",),
    "app.payment": ("invoice_id", "paid_on"),
    "app.disclosure": ("disclosed_at", "person_id", "contact_id", "subscription_id", "enquiry_id"),
}
"""Columns that a simulated row sets, besides its key; the key is the column ``id`` everywhere."""

USUAL: dict[str, Row] = {
    "website.cookie_choice": {"analytical": "true"},
    "website.enquiry": {"last_name": "Tamm"},
    "website.marketing_subscription": {"last_name": "Tamm"},
    "website.marketing_consent": {"source": "form"},
    "app.contact": {"last_name": "Tamm"},
    "app.person": {"last_name": "Tamm"},
}
"""What stands in columns of which nothing else is said."""

_PERSON = {"first_name": "Mari"}

FILLING: dict[str, dict[str, Any]] = {
    "website.cookie_choice": {"functionality": "true", "third_party": "false"},
    "website.page_view": {
        "session_id": str(UUID(int=7)),
        "path": tuple(PATHS),
        "referrer": "https://example.org/",
        "navigation": "link",
        "duration_seconds": SECONDS,
        "ip_address": "192.0.2.1/32",
        "user_agent": (*AGENTS, *AGENTS, *[one for one in AGENTS if AGENTS[one] == "desktop"] * 4),
        "browser": "browser",
        "browser_version": "1",
        "device_type": "desktop",
        "operating_system": "system",
        "country": (*["EE"] * 8, *COUNTRIES),
        "city": "Tartu",
    },
    "website.interaction": {
        "session_id": str(UUID(int=7)),
        "path": "/pricing",
        "element": "button",
        "kind": "click",
        "detail": '{"depth": 3}',
    },
    "website.enquiry": {
        **_PERSON,
        "kind": "demo",
        "employer": "Tamm OÜ",
        "job_position": "Head of sales",
    },
    "website.message": {"sender": "enquirer"},
    "website.marketing_subscription": {**_PERSON, "language": "et"},
    "website.marketing_consent": {"wording": "2025-1"},
    "app.customer": {
        "legal_name": "Tamm OÜ",
        "registry_code": "10000000",
        "vat_number": "EE100000000",
        "invoicing_street": "Pikk 1",
        "invoicing_city": "Tallinn",
        "invoicing_postal_code": "10123",
        "invoicing_country": "EE",
    },
    "app.contact": {**_PERSON, "job_position": "Head of sales"},
    "app.contract": {
        "plan": "team",
        "monthly_fee": "100.00",
        "currency": "EUR",
        "signed_at": "2010-01-01 00:00:00+00",
    },
    "app.person": {
        **_PERSON,
        "job_title": tuple(TITLES),
        "seniority": tuple(SENIORITIES),
        "country": ("EE", "EE", *LIVES),
    },
    "app.activity": {"kind": "call"},
    "app.invoice": {
        "due_on": "2010-01-01",
        "currency": "EUR",
        "vat": "0.00",
        "buyer_name": "Tamm OÜ",
        "buyer_vat_number": "EE100000000",
        "buyer_street": "Pikk 1",
        "buyer_city": "Tallinn",
        "buyer_postal_code": "10123",
        "buyer_country": "EE",
    },
    "app.invoice_line": {
        "position": "1",
        "description": "Service",
        "quantity": "1.00",
        "unit_price": "100.00",
        "net": "100.00",
    },
    "app.payment": {"amount": "100.00", "payer_name": "Tamm OÜ", "payer_iban": "EE382200221020145685"},
    "app.disclosure": {"recipient": "cloud", "purpose": "hosting"},
}
"""What every row of a table holds besides, one of several by its key; nothing may ever change it."""

COPIED: dict[str, dict[str, str]] = {
    "app.invoice": {"net": "gross"},
}
"""Columns that have to be what a fact of the row is."""

UNIQUE: dict[str, tuple[tuple[str, ...], bool]] = {
    "website.marketing_subscription": (("email",), True),
    "app.contact": (("customer_id", "email"), False),
    "app.person": (("customer_id", "work_email"), False),
    "app.invoice": (("number",), False),
}
"""Columns in which no two rows of a table may be alike, without case; and whether blanks count as nothing, too."""

UUID_COLUMNS = {("website.visitor", "id")} | {
    (link.holder, link.column) for link in LINKS if link.target == "website.visitor"
}


def links_from(table: str) -> tuple[Link, ...]:
    """The references that rows of a table hold."""
    return _FROM.get(table, ())


_FROM = {table: tuple(link for link in LINKS if link.holder == table) for table in FACTS}


def columns_of(table: str) -> tuple[str, ...]:
    """Every column that a simulated row fills, key first."""
    return ("id", *FACTS[table], *FILLING.get(table, {}), *COPIED.get(table, {}))


def image(table: str, key: Key, row: Row) -> tuple[str | None, ...]:
    """The row as PostgreSQL writes it, column by column, in the order of :func:`columns_of`."""
    facts = [_text(table, column, row[column]) for column in FACTS[table]]
    copied = [_text(table, column, row[fact]) for column, fact in COPIED.get(table, {}).items()]
    return (
        _text(table, "id", key),
        *facts,
        *(filled(table, one, key) for one in FILLING.get(table, ())),
        *copied,
    )


def filled(table: str, column: str, key: Key) -> str | None:
    """What fills a column of a row."""
    value = FILLING[table][column]
    if isinstance(value, tuple):
        return value[crc32(f"{table}.{column}.{key}".encode()) % len(value)]
    return value


def _text(table: str, column: str, value: Any) -> str | None:
    if value is None:
        return None
    if (table, column) in UUID_COLUMNS:
        return str(UUID(int=value))
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def moment_text(moment: datetime) -> str:
    """A moment in UTC as PostgreSQL writes it."""
    return moment.isoformat(" ").replace("+00:00", "+00")
