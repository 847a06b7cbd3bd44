"""Generated cases: a policy, a moment, holds and a few rows, all close to the limits that matter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from pprint import pformat
from typing import TYPE_CHECKING, Any
from unicodedata import normalize
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from lifecycle.decide.cover import Placed
from lifecycle.decide.facts import Hold
from lifecycle.identity.forms import identify
from lifecycle.policy.model import Policy
from lifecycle.timelimits import Period, first_instant, latest_due_day, latest_over_day
from support.bureau import COLLECTIONS, Rows, policy_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lifecycle.identity.forms import Identifier

ACCESS = {"access": "cut"}
ALONG = {"access": "delete"}

KINDS: dict[str, Sequence[Any]] = {
    "crm.client.address_id": ("shared",),
    "crm.client.invoice_address_id": ("shared",),
    "crm.client.speaker_id": (ACCESS, "shared", "owner", ALONG),
    "crm.address_remark.address_id": ("owner", "tenant"),
    "crm.contract.client_id": ("owner",),
    "crm.contract.renews_id": (ACCESS, "owner"),
    "crm.team.client_id": ("owner", "tenant"),
    "crm.team.head_id": (ACCESS, "owner", "shared", ALONG),
    "crm.person.client_id": ("tenant", "owner"),
    "crm.person.team_id": ("owner", ACCESS, "shared"),
    "crm.letter.email": ("owner", ACCESS),
    "desk.ticket.person_id": ("owner",),
    "desk.ticket.other_person_id": ("owner", {"access": {"redact": ["subject"]}}),
    "desk.ticket.parent_id": ("owner", ACCESS),
    "desk.ticket.duplicate_of": ("none", "owner", ACCESS),
    "desk.message.ticket_id": ("owner",),
    "desk.message.reply_ticket_id": ("owner", ACCESS),
    "desk.attachment.ticket_id": ("owner", "tenant"),
    "desk.attachment.uploader": (ACCESS, "owner", {"access": {"redact": ["title"]}}),
    "desk.event.client_id": ("tenant", "owner"),
    "desk.event.venue_id": ("shared",),
    "desk.attendance.event_id": ("owner", "tenant"),
    "desk.attendance.person_id": (ALONG, "owner", "tenant"),
    "books.invoice.client_id": ({"access": {"redact": ["contact_name", "contact_email"]}}, "owner"),
    "books.invoice.person_id": (ACCESS, "owner", ALONG),
    "books.invoice.credited_id": (ACCESS, "owner"),
    "books.line.invoice_id": ("owner",),
    "books.payment.invoice_id": ("owner",),
}
"""The kinds that each edge may be given."""

KEYS = {"desk.message": ("ticket_id", "number"), "desk.attendance": ("event_id", "person_id")}
ADDRESSES = (
    "a@example.org",
    "b@example.org",
    " Õ+A@Example.org",
    normalize("NFD", "õ+a@example.org"),
    "mailto:Õ@example.org",
    "+a@example.org",
    "ΝΊΚΟΣ@ÕUN.example",
    "νίκος@xn--un-bka.example",
    "İ@example.org",
    "a@example.organ",
)
PHONES = (
    "+372 5123 4567",
    "(+372) 5123-4567",
    "00372 51234567",
    "tel:+37251234567",
    "51 23 45 67",
    "mob. 5123.4567 (Bo)",
    "+51 234 567",
    "51234567 x12",
    "+372-5123-4567;ext=12",
    "1",
)
PAYLOADS: tuple[Any, ...] = (
    {"to": {"mail": "A@example.org"}},
    {"to": [{"mail": "x"}, {"mail": ["y", "b@example.org"]}]},
    {"to": {"number": 1, "phone": 37251234567}},
    {"to": {"phone": ["+51 234 567", "+372 (5123) 4567", None]}},
    {"to": "b@example.org"},
    {},
)
IDENTITIES = st.fixed_dictionaries(
    {
        "email": st.sampled_from(
            ({"form": "email"}, {"form": "email", "plus_tags": "ignored"}, {"form": "exact"})
        ),
        "phone_number": st.sampled_from(
            ({"form": "phone", "region": "EE"}, {"form": "phone"}, {"form": "exact"})
        ),
    }
)
"""How a policy may compare identities."""
SUBJECTS = (
    *(
        ("email", address)
        for address in (
            "A@EXAMPLE.ORG",
            "b@example.org ",
            "õ+a@example.org",
            "Õ@example.org",
            "νίκος@õun.example",
            "i@example.org",
            "c@example.org",
        )
    ),
    *(
        ("phone_number", number)
        for number in ("+372 51234567", "5123 4567", "0051234567", "51234567 ext. 12", "+51 234 567")
    ),
    *(("person_no", number) for number in ("1", "2", "01", "-1", "x", "9" * 19, "9" * 30)),
    ("file", f"{UUID(int=1)}"),
    ("file", f"{UUID(int=2)}".upper()),
    ("file", "2"),
)
"""Kinds of identity and values: some that rows have, differently written or not, and some that no row can have."""
ARCHIVE = {
    "commitments": ["C2"],
    "duty": "books",
    "documents": "books.invoice",
    "number": "number",
    "owner": "client_id",
    "currency": "number",
    "totals": {"books.line": ["id"]},
}
"""An archive of invoices, where the policy has the duty that it fulfils."""
ZONES = ("Europe/Tallinn", "America/New_York", "Africa/Cairo", "America/Sao_Paulo")
KEEPS = ("P30D", "P1M", "P12M", "P3Y")
# Ends of months, leap days, and days on which clocks change at midnight or at night in one of the zones.
DAYS = (
    date(2024, 2, 29),
    date(2025, 2, 28),
    date(2025, 3, 31),
    date(2025, 1, 1),
    date(2024, 12, 31),
    date(2025, 3, 30),
    date(2025, 10, 26),
    date(2024, 4, 26),
    date(2024, 11, 1),
    date(2018, 11, 4),
    date(2018, 2, 18),
)
TIMES = (time(3), time(0), time(23, 30), time(12))


@dataclass(frozen=True, kw_only=True)
class Case:
    """One company, one policy, one moment; what is due by ``rule`` lies close to its limit.

    Attributes:
        archived: invoices that the policy's archive has as they are; ``outdated`` those that it has as they were.
    """

    policy: dict[str, Any]
    rule: str
    as_of: datetime
    batch_rows: int
    rows: Rows
    placed: tuple[Placed, ...]
    archived: tuple[int, ...] = ()
    outdated: tuple[int, ...] = ()

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - the protocol's signature
        """How a failing case is printed: what differs from the simplest one."""
        policy = self.policy
        edges = {name: kind for name, kind in policy["edges"].items() if kind != KINDS[name][0]}
        text = pformat(
            {
                "rule": {self.rule: policy["rules"][self.rule]},
                "zone, run_every": (policy["policy"]["time_zone"], policy["policy"]["run_every"]),
                "edges": edges,
                "statutory": policy["statutory"],
                "anchors": {name: policy["anchors"][name] for name in ("contract_over", "books_closed")},
                "as_of": self.as_of.isoformat(),
                "batch_rows": self.batch_rows,
                "archives, archived, outdated": (policy.get("archives"), self.archived, self.outdated),
                "placed": [(one, one.subjects) for one in self.placed],
                "rows": {name: rows for name, rows in self.rows.items() if rows},
            },
            width=200,
            sort_dicts=False,
        )
        printer.text(text)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any case."""
    policy = draw(policies())
    rule = draw(st.sampled_from(sorted(policy["rules"])))
    zone = ZoneInfo(policy["policy"]["time_zone"])
    day = draw(st.sampled_from(DAYS) | st.dates(date(2010, 1, 1), date(2030, 1, 1)))
    as_of = datetime.combine(day, draw(st.sampled_from(TIMES)), tzinfo=zone).astimezone(UTC)
    rows = draw(companies(policy, _Moments(policy, rule, as_of)))
    invoices = [row["id"] for row in rows["books.invoice"]]
    if "books" in policy["statutory"]:
        policy["archives"] = {"books": ARCHIVE}
    states = {
        number: draw(_one("written", "outdated", "written", "none"))
        for number in invoices
        if "archives" in policy
    }
    return Case(
        policy=policy,
        rule=rule,
        as_of=as_of,
        batch_rows=draw(st.sampled_from((50_000, 1, 2, 7))),
        rows=rows,
        placed=tuple(draw(_placed(rows, as_of, policy, number)) for number in range(draw(st.integers(0, 2)))),
        archived=tuple(number for number, state in states.items() if state == "written"),
        outdated=tuple(number for number, state in states.items() if state == "outdated"),
    )


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    """The bureau's policy with other periods, some of its duties, and edges of any kind that they may have."""
    policy = policy_document()
    policy["policy"]["time_zone"] = draw(st.sampled_from(ZONES))
    policy["policy"]["run_every"] = draw(st.sampled_from(("P1D", "P7D")))
    changed = {"keep": draw(st.sampled_from(KEEPS)), "lead": draw(st.sampled_from(("P0D", "P2D", "P7D")))}
    policy["rules"] = {name: rule | changed for name, rule in policy["rules"].items()}
    policy["edges"] = {name: draw(st.sampled_from(kinds)) for name, kinds in KINDS.items()}
    names = draw(st.lists(st.sampled_from(sorted(policy["statutory"])), unique=True, max_size=3))
    policy["statutory"] = {
        name: policy["statutory"][name] | {"keep": draw(st.sampled_from(("P1M", "P1Y", "P3Y")))}
        for name in names
    }
    policy["identities"] = draw(IDENTITIES)
    anchors = policy["anchors"]
    anchors["books_closed"]["year_ends"] = draw(st.sampled_from(("12-31", "06-30", "02-28")))
    anchors["contract_over"] |= draw(_contract_anchors)
    return policy


_contract_anchors = st.fixed_dictionaries(
    {
        "runs_only_if_none": st.sampled_from(
            ({"crm.contract.ended_at": None}, {"crm.contract.state": ["live", "paused"]}, {})
        ),
        "otherwise": st.sampled_from(("created_on", "never")),
    }
)


class _Moments:
    """Days and moments close to those at which something about a rule or a duty changes."""

    def __init__(self, policy: dict[str, Any], rule: str, as_of: datetime) -> None:
        self.zone = ZoneInfo(policy["policy"]["time_zone"])
        promise = policy["rules"][rule]
        due = latest_due_day(
            Period.parse(promise["keep"]),
            lead_days=int(str(promise["lead"]).strip("PD")),
            as_of=as_of,
            interval_days=int(policy["policy"]["run_every"].strip("PD")),
            zone=self.zone,
        )
        over = [
            latest_over_day(Period.parse(duty["keep"]), as_of=as_of, zone=self.zone)
            for duty in policy["statutory"].values()
        ]
        turning = [day for day in (due, *over) if day]
        ends = [
            end for day in turning for end in self._years(day, policy["anchors"]["books_closed"]["year_ends"])
        ]
        near = [day + timedelta(days=days) for day in (*turning, *ends) for days in (0, 1)]
        before = [day - timedelta(days=days) for day in turning for days in (1, 400)]
        self.days = st.sampled_from((None, *before, *near, as_of.date() + timedelta(days=400)))

    def moments(self, zone: ZoneInfo | None = None) -> st.SearchStrategy[datetime | None]:
        """The first and the last microsecond of such a day, and noon; without a zone if told in which."""
        return st.builds(self._moment, self.days, st.sampled_from(("first", "noon", "last")), st.just(zone))

    def _moment(self, day: date | None, which: str, zone: ZoneInfo | None) -> datetime | None:
        if day is None:
            return None
        moment = {
            "first": first_instant(day, self.zone),
            "noon": datetime.combine(day, time(12), tzinfo=self.zone),
            "last": first_instant(day + timedelta(days=1), self.zone) - timedelta(microseconds=1),
        }[which]
        return moment.astimezone(zone).replace(tzinfo=None) if zone else moment

    @staticmethod
    def _years(day: date, year_ends: str) -> list[date]:
        month, number = (int(part) for part in year_ends.split("-"))
        return [date(year, month, number) for year in (day.year - 1, day.year)]


@dataclass(frozen=True, kw_only=True)
class _Company:
    """What the rows of a company have in common: who there is, and when things happened."""

    draw: st.DrawFn
    addresses: Sequence[int]
    clients: Sequence[int]
    teams: Sequence[int]
    people: Sequence[int]
    day: st.SearchStrategy[date | None]
    moment: st.SearchStrategy[datetime | None]
    ended: st.SearchStrategy[datetime | None]
    opened: st.SearchStrategy[datetime | None]

    def ids(self, least: int, most: int) -> Sequence[int]:
        return self.draw(_ids(least, most))

    def table(self, ids: Sequence[int], **columns: st.SearchStrategy[Any]) -> list[dict[str, Any]]:
        return [{"id": id_, **self.draw(st.fixed_dictionaries(columns))} for id_ in ids]


@st.composite
def companies(draw: st.DrawFn, policy: dict[str, Any], moments: _Moments) -> Rows:
    """A few rows in every table; whatever may refer to nothing sometimes does."""
    company = _Company(
        draw=draw,
        addresses=draw(_ids(0, 3)),
        clients=draw(_ids(1, 3)),
        teams=draw(_ids(0, 2)),
        people=draw(_ids(0, 4)),
        day=moments.days,
        moment=moments.moments(),
        ended=moments.moments(_zone(policy, "contract_over")),
        opened=moments.moments(_zone(policy, "opened")),
    )
    return {
        **_customers(company),
        **_people(company),
        **_desk(company),
        **_events(company),
        **_books(company),
    }


def _customers(company: _Company) -> Rows:
    addresses, clients = company.addresses, company.clients
    return {
        "crm.address": company.table(
            addresses, street=_one("Lai 1", ""), photo=_one("\\x00", "\\x"), noted_at=company.moment
        ),
        "crm.address_remark": company.table(
            company.ids(0, 2 if addresses else 0), address_id=_one(*addresses), remark=_one("x")
        ),
        "crm.client": company.table(
            clients,
            name=_one("Ada", ""),
            address_id=_maybe(addresses),
            invoice_address_id=_maybe(addresses),
            speaker_id=_maybe(company.people),
            created_on=company.day,
        ),
        "crm.contract": company.table(
            contracts := company.ids(0, 4),
            client_id=_one(*clients),
            renews_id=_maybe(contracts),
            state=_one("ended", "live", "paused"),
            ended_at=company.ended,
        ),
    }


def _people(company: _Company) -> Rows:
    return {
        "crm.team": company.table(
            company.teams, client_id=_maybe(company.clients), head_id=_maybe(company.people)
        ),
        "crm.person": company.table(
            company.people,
            client_id=_one(*company.clients),
            team_id=_maybe(company.teams),
            email=_maybe(ADDRESSES),
            name=_one("Bo", ""),
            phone=_maybe(PHONES),
            seen_at=company.moment,
        ),
        "crm.letter": company.table(company.ids(0, 2), email=_maybe(ADDRESSES), body=_one("Dear")),
    }


def _desk(company: _Company) -> Rows:
    people, tickets = company.people, company.ids(0, 4)
    messages = _messages(company.draw, tickets, company.day)
    return {
        "desk.ticket": company.table(
            tickets,
            person_id=_maybe(people),
            other_person_id=_maybe(people),
            parent_id=_maybe(tickets),
            duplicate_of=_maybe([*map(str, tickets), "x"]),
            subject=_maybe(("Help",)),
            opened_at=company.opened,
        ),
        "desk.message": messages,
        "desk.attachment": [
            {
                "id": UUID(int=number),
                **{name: message[name] for name in ("ticket_id", "number")},
                "uploader": company.draw(_maybe([*map(str, people), "x"])),
                "title": company.draw(_maybe(("a.pdf",))),
            }
            for number in company.ids(0, 3 if messages else 0)
            for message in [company.draw(_one(*messages))]
        ],
    }


def _events(company: _Company) -> Rows:
    events = company.ids(0, 2)
    return {
        "desk.event": company.table(
            events, client_id=_maybe(company.clients), venue_id=_maybe(company.addresses), held_on=company.day
        ),
        "desk.attendance": [
            {"event_id": event, "person_id": person, "remark": "late"}
            for event, person in product(events, company.people)
            if company.draw(st.booleans())
        ],
    }


def _books(company: _Company) -> Rows:
    invoices = company.ids(0, 3)
    return {
        "books.invoice": company.table(
            invoices,
            client_id=_maybe(company.clients),
            person_id=_maybe(company.people),
            credited_id=_maybe(invoices),
            number=_one("R"),
            contact_name=_maybe(("Cy",)),
            contact_email=_one("c@example.org", ""),
            issued_on=company.day,
        ),
        "books.line": company.table(
            company.ids(0, 3 if invoices else 0), invoice_id=_one(*invoices), detail=_one("x")
        ),
        "books.payment": company.table(
            company.ids(0, 3), invoice_id=_maybe(invoices), payer=_maybe(("Di",)), paid_at=company.moment
        ),
    }


def _messages(
    draw: st.DrawFn, tickets: Sequence[int], day: st.SearchStrategy[date | None]
) -> list[dict[str, Any]]:
    """Messages of tickets; a reply names another by both columns of its key, or by one of them, which is no link."""
    keys = [(draw(_one(*tickets)), number) for number in draw(_ids(0, 5 if tickets else 0))]
    replies = [(None, None), *keys, *keys, *((ticket, None) for ticket, _ in keys[:1])]
    return [
        {
            "ticket_id": ticket,
            "number": number,
            **dict(zip(("reply_ticket_id", "reply_number"), draw(_one(*replies)), strict=True)),
            "body": draw(_one("Hello", "")),
            "payload": draw(_one(*PAYLOADS)),
            "sent_on": draw(day),
        }
        for ticket, number in keys
    ]


@st.composite
def _placed(draw: st.DrawFn, rows: Rows, as_of: datetime, policy: dict[str, Any], number: int) -> Placed:
    """A hold or restriction that has or has not ended, on rows, whole collections, subjects, or nothing that exists."""
    zone = ZoneInfo(policy["policy"]["time_zone"])
    midnight = first_instant(as_of.astimezone(zone).date() + timedelta(days=draw(_one(1, 40))), zone)
    until = draw(_one(midnight, as_of + timedelta(days=30), as_of + timedelta(microseconds=1), as_of))
    named = [
        (collection, tuple(str(values[name]) for name in KEYS.get(collection, ("id",))))
        for collection in rows
        for values in rows[collection]
    ]
    whole = [(collection, ()) for collection in draw(st.permutations(COLLECTIONS))[:2]]
    subjects = draw(st.lists(_one(*SUBJECTS), max_size=2, unique=True))
    targets = draw(
        st.lists(
            _one(*named, *whole, ("crm.client", ("99",))),
            min_size=0 if subjects else 1,
            max_size=2,
            unique=True,
        )
    )
    return Placed(
        hold=Hold(
            name=str(UUID(int=number)),
            kind=draw(_one("hold", "restriction")),
            until=until,
            is_released=draw(_one(False, False, False, True)),
        ),
        targets=tuple(targets),
        subjects=tuple(dict.fromkeys(subject_of(policy, *subject) for subject in subjects)),
    )


def subject_of(policy: dict[str, Any], kind: str, given: str) -> Identifier:
    """A subject as a policy, given as plain values, compares it."""
    return identify(kind, given, Policy.model_validate(policy).identity_rule(kind))


def _ids(least: int, most: int) -> st.SearchStrategy[Sequence[int]]:
    return st.integers(least, most).map(lambda count: range(1, count + 1))


def _one(*choices: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(choices)


def _maybe(choices: Sequence[Any]) -> st.SearchStrategy[Any]:
    """Nothing in one of a few cases, so that links are common."""
    return st.sampled_from((None, *choices, *choices))


def _zone(policy: dict[str, Any], anchor: str) -> ZoneInfo:
    return ZoneInfo(policy["anchors"][anchor]["time_zone"])
