"""The policy names something that does not exist, or to no effect."""

from __future__ import annotations

from broken.case import Case, add, add_redaction

CASES = [
    Case(
        code="identity.unknown",
        policy=(("anchors:\n", "identities:\n  telegram: {form: exact}\nanchors:\n"),),
        says="identities of the kind telegram",
        at="telegram:",
    ),
    Case(
        code="collection.unknown",
        policy=(("club.badge, club.loan]", "club.badge,\n      club.pet,\n      club.loan]"),),
        says="club.pet",
        at="      club.pet,",
    ),
    Case(
        code="collection.unknown",
        policy=(("receives: [club.member]", "receives: [club.pet]"),),
        says="club.pet",
        at="printer:",
    ),
    Case(
        code="collection.unknown",
        policy=(add("erasure", "club.pet: delete"),),
        says="club.pet",
        at="club.pet: delete",
    ),
    Case(
        code="collection.unknown",
        policy=(("anchors:\n", "names:\n  club.pet: {name: [a], employer: b}\nanchors:\n"),),
        says="club.pet",
        at="club.pet: {name",
    ),
    Case(
        code="collection.unknown",
        policy=(add("freshness", "club.pet: {column: a, within: P1D}"),),
        says="club.pet",
        at="club.pet: {column",
    ),
    Case(
        code="collection.unknown",
        policy=(add("edges", "club.pet.owner_id: owner"),),
        says="club.pet",
        at="club.pet.owner_id",
    ),
    Case(
        code="column.unknown",
        policy=(("opt_out: club.member.state", "opt_out: club.member.mood"),),
        says="club.member has no column mood",
        at="safety:",
    ),
    Case(
        code="column.unknown",
        policy=(("column: seen_at, within", "column: heard_at, within"),),
        says="club.visit has no column heard_at",
        at="column: heard_at",
    ),
    Case(
        code="column.unknown",
        policy=(("access: {redact: [remark]}", "access: {redact: [remark, joke]}"),),
        says="club.fee has no column joke",
        at="club.fee.member_id",
    ),
    Case(
        code="column.unknown",
        policy=(("{redact: [remark], because", "{redact: [joke], because"),),
        says="club.fee has no column joke",
        at="because: C2",
    ),
    Case(
        code="column.unknown",
        policy=(add("edges", "club.badge.pin: owner"),),
        says="club.badge has no column pin",
        at="club.badge.pin",
    ),
    Case(
        code="column.unknown",
        policy=(add_redaction("club.badge", "slogan"),),
        says="club.badge has no column slogan",
        at="redaction:",
    ),
    Case(
        code="edge.no_reference",
        policy=(add("edges", "club.badge.motto: owner"),),
        says="club.badge.motto is no reference",
        at="club.badge.motto",
    ),
    Case(
        code="edge.contradiction",
        policy=(add("edges", "club.loan.member_id: owner\n  club.loan.badge_no: tenant"),),
        says="several kinds",
        at="club.loan.",
    ),
    Case(
        code="guard.unknown",
        policy=(add("guards", "guests: {rows: 5}"),),
        says="no rule guests",
        at="guests:",
    ),
    Case(
        code="collection.not_applied",
        policy=(
            ("      club.receipt: [fee_id]\n", "      club.receipt: [fee_id]\n      club.badge: [motto]\n"),
        ),
        says="does not apply to club.badge",
        at="club.badge: [motto]",
    ),
    Case(
        code="collection.not_applied",
        policy=(("    announce: [P14D]\n", "    through: {club.badge: [club.badge.member_id]}\n"),),
        says="does not apply to club.badge",
        at="through:",
    ),
]
