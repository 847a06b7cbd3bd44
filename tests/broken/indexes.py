"""Columns that are searched and have no index."""

from __future__ import annotations

from broken.case import warns

CASES = [
    warns(code="index.anchor", ddl="DROP INDEX club.stay_left_on", says="club.stay.left_on", at="left:"),
    warns(
        code="index.anchor",
        ddl="DROP INDEX club.member_joined_on",
        says="club.member.joined_on",
        at="left:",
    ),
    warns(
        code="index.anchor",
        ddl="DROP INDEX club.fee_due_on; CREATE INDEX ON club.fee (due_on) WHERE amount > 0;"
        " CREATE INDEX ON club.fee (abs(amount), due_on)",
        says="club.fee.due_on",
        at="booked:",
    ),
    warns(
        code="index.reference",
        ddl="DROP INDEX club.stay_member_id",
        says="club.stay.member_id",
        at="name: member_id",
    ),
    warns(
        code="index.reference",
        ddl="DROP INDEX club.fee_member_id; CREATE INDEX ON club.fee (amount, member_id)",
        says="club.fee.member_id",
        at="club.fee.member_id",
    ),
]
