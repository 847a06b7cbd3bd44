"""Duties to keep that never end, keep too much, or are contradicted."""

from __future__ import annotations

from broken.case import Case, add

NO_ERASURE = ("  club.fee: {redact: [remark], because: C2}\n", "")

CASES = [
    Case(
        code="statutory.endless",
        ddl="ALTER TABLE club.fee ALTER due_on DROP NOT NULL",
        says="books starts with club.fee.due_on",
        at="starts: booked\n",
    ),
    Case(
        code="statutory.endless",
        policy=(
            ("otherwise: joined_on", "otherwise: never"),
            ("club.receipt]\n    starts: booked\n", "club.receipt]\n    starts: left\n"),
        ),
        says="books starts with club.stay.left_on",
        at="starts: left\n",
    ),
    Case(
        code="statutory.drags",
        policy=(("club.fee.member_id: {access: {redact: [remark]}}", "club.fee.member_id: owner"),),
        says="would keep its club.member whole",
        at="club.fee.member_id: owner",
    ),
    Case(
        code="statutory.emptied",
        policy=(
            ("      club.fee: [due_on, amount]\n", "      club.fee: [due_on, amount, remark]\n"),
            NO_ERASURE,
        ),
        says="books needs remark of club.fee",
        at="club.fee.member_id",
    ),
    Case(
        code="statutory.emptied",
        policy=(("      club.fee: [due_on, amount]\n", ""), NO_ERASURE),
        says="books needs member_id, remark of club.fee",
        at="club.fee.member_id",
    ),
    Case(
        code="statutory.emptied",
        policy=(
            ("      club.receipt: [fee_id]\n", "      club.receipt: [fee_id, payer]\n"),
            add("erasure", "club.receipt: {redact: [payer], because: C2}"),
        ),
        says="books needs payer of club.receipt",
        at="club.receipt: {redact",
    ),
]
