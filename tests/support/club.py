"""A small company in which everything is in order: a club. Tests break one thing of it at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.datamap.load import read_datamap
from lifecycle.policy.check import check
from lifecycle.policy.load import read_policy
from lifecycle.store.engine import run_script
from lifecycle.store.inspect import inspect

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sqlalchemy import Connection

    from lifecycle.policy.findings import Finding

Edits = tuple[tuple[str, str], ...]
"""Texts of a file and what stands there instead."""

SCHEMA = """
CREATE SCHEMA club;
CREATE TABLE club.colour (colour_id integer PRIMARY KEY, name text NOT NULL);
CREATE TABLE club.place (
    place_id   integer PRIMARY KEY,
    street     text NOT NULL,
    entered_on date NOT NULL
);
CREATE INDEX place_entered_on ON club.place (entered_on);
CREATE TABLE club.member (
    member_id  integer PRIMARY KEY,
    email      text NOT NULL,
    state      text NOT NULL,
    place_id   integer REFERENCES club.place,
    invited_by integer REFERENCES club.member,
    joined_on  date NOT NULL
);
CREATE INDEX member_place_id ON club.member (place_id);
CREATE INDEX member_invited_by ON club.member (invited_by);
CREATE INDEX member_email ON club.member (lower(btrim(email)));
CREATE INDEX member_joined_on ON club.member (joined_on);
CREATE TABLE club.stay (
    stay_id   integer PRIMARY KEY,
    member_id integer NOT NULL REFERENCES club.member,
    state     text NOT NULL,
    left_on   date
);
CREATE INDEX stay_member_id ON club.stay (member_id);
CREATE INDEX stay_left_on ON club.stay (left_on);
CREATE TABLE club.badge (
    member_id integer NOT NULL REFERENCES club.member,
    badge_no  smallint NOT NULL,
    colour_id integer REFERENCES club.colour,
    motto     text,
    PRIMARY KEY (member_id, badge_no)
);
CREATE TABLE club.loan (
    member_id integer NOT NULL,
    badge_no  smallint NOT NULL,
    lent_to   text,
    PRIMARY KEY (member_id, badge_no),
    FOREIGN KEY (badge_no, member_id) REFERENCES club.badge (badge_no, member_id)
);
CREATE TABLE club.fee (
    fee_id    integer PRIMARY KEY,
    member_id integer REFERENCES club.member,
    due_on    date NOT NULL,
    amount    numeric(10, 2) NOT NULL,
    remark    text
);
CREATE INDEX fee_member_id ON club.fee (member_id);
CREATE INDEX fee_due_on ON club.fee (due_on);
CREATE TABLE club.receipt (
    fee_id integer PRIMARY KEY REFERENCES club.fee,
    payer  text
);
CREATE TABLE club.visit (
    visit_id  bigint NOT NULL,
    seen_at   timestamptz NOT NULL,
    member_id integer,
    PRIMARY KEY (seen_at, visit_id)
) PARTITION BY RANGE (seen_at);
CREATE INDEX visit_member_id ON club.visit (member_id);
CREATE SCHEMA other;
"""

DATAMAP = """\
dataset:
  - fides_key: club
    collections:
      - name: colour
        fields:
          - {name: colour_id, data_categories: [system.operations], fides_meta: {primary_key: true, data_type: integer}}
          - {name: name, data_categories: [system.operations], fides_meta: {data_type: string}}
      - name: place
        fields:
          - {name: place_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: street, data_categories: [user.contact.address.street], fides_meta: {data_type: string}}
          - {name: entered_on, data_categories: [system.operations]}
      - name: member
        fields:
          - {name: member_id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
          - {name: state, data_categories: [system.operations], fides_meta: {data_type: string}}
          - name: place_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: club, field: place.place_id, direction: to}]}
          - name: invited_by
            data_categories: [user.social]
            fides_meta: {references: [{dataset: club, field: member.member_id, direction: from}]}
          - {name: joined_on, data_categories: [user.account]}
      - name: stay
        fields:
          - {name: stay_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: member_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: club, field: member.member_id, direction: from}]}
          - {name: state, data_categories: [system.operations]}
          - {name: left_on, data_categories: [user.account]}
      - name: badge
        fields:
          - name: member_id
            data_categories: [user.unique_id]
            fides_meta: {primary_key: true, references: [{dataset: club, field: member.member_id, direction: from}]}
          - {name: badge_no, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: colour_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: club, field: colour.colour_id, direction: to}]}
          - {name: motto, data_categories: [user.content.private], fides_meta: {data_type: string}}
      - name: loan
        fields:
          - name: member_id
            data_categories: [user.unique_id]
            fides_meta: {primary_key: true, references: [{dataset: club, field: badge.member_id, direction: from}]}
          - name: badge_no
            data_categories: [system.operations]
            fides_meta: {primary_key: true, references: [{dataset: club, field: badge.badge_no, direction: from}]}
          - {name: lent_to, data_categories: [user.name], fides_meta: {data_type: string}}
      - name: fee
        fields:
          - {name: fee_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: member_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: club, field: member.member_id, direction: from}]}
          - {name: due_on, data_categories: [user.financial]}
          - {name: amount, data_categories: [user.financial], fides_meta: {data_type: float}}
          - {name: remark, data_categories: [user.content.private], fides_meta: {data_type: string}}
      - name: receipt
        fields:
          - name: fee_id
            data_categories: [user.financial]
            fides_meta: {primary_key: true, references: [{dataset: club, field: fee.fee_id, direction: from}]}
          - {name: payer, data_categories: [user.name], fides_meta: {data_type: string}}
      - name: visit
        fields:
          - {name: visit_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: seen_at, data_categories: [user.behavior], fides_meta: {primary_key: true}}
          - name: member_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: club, field: member.member_id, direction: from}]}
"""

POLICY = """\
policy: {name: Club notice, last_updated: 2026-01-01, time_zone: Europe/Lisbon, version_of_format: 1}
controller: {name: The club}
authority: {name: The authority}
commitments:
  C1: {section: Members, promise: Members are gone a year after they left}
  C2: {section: Books, promise: Fees are kept seven years}
  C3: {section: Visits, promise: Visits are gone within a month}
  C4: {section: Changes, promise: The notice in force counts, kept_by: [policy versions]}
purposes:
  membership:
    basis: contract
    collections: [club.member, club.place, club.stay, club.badge, club.loan]
    commitments: [C1]
  books: {basis: legal_obligation, collections: [club.fee, club.receipt]}
  safety: {basis: legitimate_interest, collections: [club.visit], opt_out: club.member.state}
anchors:
  left:
    on: club.member
    latest: club.stay.left_on
    runs_only_if_none:
      club.stay.state: [live, paused]
    otherwise: joined_on
  entered: {on: club.place, column: entered_on}
  booked: {on: club.fee, financial_year_end_of: due_on}
  seen: {on: club.visit, column: seen_at}
rules:
  members:
    commitments: [C1]
    applies_to: [club.member]
    starts: left
    keep: P1Y
    lead: P7D
    action: delete
    announce: [P14D]
    schedule_with: all
  places: {schedule_with: all, commitments: [C1], applies_to: [club.place], starts: entered, keep: P5Y, action: delete}
  fees: {schedule_with: yearly, commitments: [C2], applies_to: [club.fee], starts: booked, keep: P8Y, action: delete}
  visits:
    commitments: [C3]
    applies_to: [club.visit]
    starts: seen
    keep: P1M
    action: drop_partition
    schedule_with: all
statutory:
  books:
    commitments: [C2]
    applies_to: [club.fee, club.receipt]
    starts: booked
    keep: P7Y
    columns:
      club.fee: [due_on, amount]
      club.receipt: [fee_id]
edges:
  club.member.invited_by: {access: cut}
  club.fee.member_id: {access: {redact: [remark]}}
erasure:
  club.member: delete
  club.fee: {redact: [remark], because: C2}
guards:
  default: {rows: 100, share: 0.1}
  visits: {share: 0.5}
freshness:
  club.visit: {column: seen_at, within: P3D}
recipients:
  printer: {category: Printing, region: PT, receives: [club.member], commitments: [C4]}
"""


SCHEDULES = frozenset({"all", "yearly"})
"""The DAGs of the club."""


def examine(
    connection: Connection, folder: Path, *, ddl: str = "", datamap: Edits = (), policy: Edits = ()
) -> tuple[Finding, ...]:
    """What ``lifecycle check`` finds in the club after some changes; they are rolled back again.

    Args:
        connection: to a database with :data:`SCHEMA`.
        folder: where the changed files are written.
        ddl: run before the live schema is read.
        datamap: edits of the map.
        policy: edits of the policy.
    """
    write(folder, datamap=datamap, policy=policy)
    described = read_datamap(folder / "datamap")
    with connection.begin() as transaction:
        run_script(connection, ddl)
        live = inspect(connection, described.schemas)
        transaction.rollback()
    return check(read_policy(folder / "policy.yaml"), described, live, schedules=SCHEDULES)


def write(folder: Path, *, datamap: Edits = (), policy: Edits = ()) -> None:
    """Write the club's map and policy, changed."""
    (folder / "datamap").mkdir(exist_ok=True)
    (folder / "datamap" / "club.yml").write_text(edited(DATAMAP, datamap), encoding="utf-8")
    (folder / "policy.yaml").write_text(edited(POLICY, policy), encoding="utf-8")


def edited(text: str, edits: Iterable[tuple[str, str]]) -> str:
    """``text`` with each edit made at the one place that it names."""
    for old, new in edits:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the file"
        text = text.replace(old, new)
    return text
