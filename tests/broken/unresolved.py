"""Rules, duties and anchors that cannot be resolved into clocks and paths."""

from __future__ import annotations

from broken.case import Case, add, add_reference

LATEST = "latest: club.stay.left_on"


def unresolved_names(said: str, says: str, **changes) -> Case:
    """Names of a loan that cannot be resolved."""
    stated = ("anchors:\n", f"names:\n  club.loan: {said}\nanchors:\n")
    return Case(code="policy.unresolved", policy=(stated,), says=says, at="club.loan: {name", **changes)


CASES = [
    Case(
        code="policy.unresolved",
        policy=(("starts: entered, keep", "starts: opened, keep"),),
        says="there is no anchor opened",
        at="places:",
    ),
    Case(
        code="policy.unresolved",
        policy=(("on: club.place, column: entered_on", "on: club.place, column: opened_on"),),
        says="club.place has no column opened_on",
        at="entered:",
    ),
    Case(
        code="policy.unresolved",
        policy=(("on: club.place, column: entered_on", "on: club.place, column: street"),),
        says="club.place.street is text, no date",
        at="entered:",
        also=("index.anchor",),
    ),
    Case(
        code="policy.unresolved",
        policy=(add("anchors", "spare: {on: club.place, column: opened_on}"),),
        says="club.place has no column opened_on",
        at="spare:",
    ),
    Case(
        code="policy.unresolved",
        ddl="DROP TABLE club.visit; CREATE TABLE club.visit"
        " (visit_id bigint, seen_at timestamp, member_id integer, PRIMARY KEY (seen_at, visit_id))"
        " PARTITION BY RANGE (seen_at); CREATE INDEX ON club.visit (member_id)",
        says="club.visit.seen_at has no time zone",
        at="seen:",
        also=("freshness.column",),
    ),
    Case(
        code="policy.unresolved",
        policy=((LATEST, "latest: club.colour.name"),),
        says="club.colour.name is text, no date",
        at="latest:",
        also=("index.anchor",),
    ),
    Case(
        code="policy.unresolved",
        policy=(("club.stay.state: [live", "club.badge.motto: [live"),),
        says="club.badge.motto is not a column of club.stay",
        at="runs_only_if_none:",
    ),
    Case(
        code="policy.unresolved",
        policy=(("applies_to: [club.place], starts: entered", "applies_to: [club.place], starts: left"),),
        says="club.place does not reach club.member",
        at="places:",
    ),
    Case(
        code="policy.unresolved",
        policy=(
            ("    announce: [P14D]\n", "    through: {club.member: [club.stay.member_id]}\n"),
            ("    starts: left\n", "    starts: booked\n"),
        ),
        says="do not lead from club.member to club.fee",
        at="through:",
    ),
    Case(
        code="policy.unresolved",
        policy=(
            ("    announce: [P14D]\n", "    through: {club.member: [club.stay.stay_id]}\n"),
            ("    starts: left\n", "    starts: booked\n"),
        ),
        says="club.stay.stay_id is no reference",
        at="through:",
    ),
    Case(
        code="policy.unresolved",
        ddl="ALTER TABLE club.stay ADD guide_id integer REFERENCES club.member;"
        " CREATE INDEX ON club.stay (guide_id)",
        datamap=(add_reference("left_on", "guide_id", "member.member_id"),),
        policy=(add("edges", "club.stay.guide_id: {access: cut}"),),
        says="club.stay reaches club.member in several ways: club.stay.guide_id or club.stay.member_id",
        at="latest:",
    ),
    Case(
        code="policy.unresolved",
        ddl="ALTER TABLE club.stay DROP CONSTRAINT stay_pkey",
        datamap=(
            (
                "{name: stay_id, data_categories: [system.operations], fides_meta: {primary_key: true}}",
                "{name: stay_id, data_categories: [system.operations]}",
            ),
        ),
        says="club.stay has no primary key",
        at="  members:",
        also=("key.missing",),
    ),
    Case(
        code="policy.unresolved",
        policy=(("      club.receipt: [fee_id]", "      club.receipt: [fee_no]"),),
        says="club.receipt has no column fee_no",
        at="club.receipt: [fee_no]",
    ),
    Case(
        code="policy.unresolved",
        policy=(("applies_to: [club.visit]", "applies_to: [club.visit, club.tour]"),),
        says="club.tour is not in the data map",
        at="applies_to: [club.visit, club.tour]",
    ),
    unresolved_names("{name: [lent_by], employer: lent_to}", "club.loan has no column lent_by"),
    unresolved_names("{name: [badge_no], employer: lent_to}", "club.loan.badge_no is smallint, no text"),
    unresolved_names("{name: [lent_to], employer: club.fee.remark}", "club.loan does not refer to club.fee"),
    unresolved_names("{name: [lent_to], employer: club.pet.name}", "club.pet is not in the data map"),
    unresolved_names(
        "{name: [lent_to], employer: club.member.email, through: [club.loan.lent_to]}",
        "club.loan.lent_to is no reference",
    ),
    unresolved_names(
        "{name: [lent_to], employer: lent_to}",
        "marks a kind of identity called name",
        datamap=(
            (
                "{name: motto, data_categories: [user.content.private], fides_meta: {data_type: string}}",
                "{name: motto, data_categories: [user.content.private], fides_meta: {identity: name}}",
            ),
        ),
        also=("index.identity",),
    ),
]
