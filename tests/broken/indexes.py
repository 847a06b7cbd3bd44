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
    warns(
        code="index.identity",
        ddl="DROP INDEX club.member_email; CREATE INDEX ON club.member (lower(email), lower(btrim(email)))",
        says="club.member.email",
        at="name: email",
    ),
    warns(
        code="index.identity",
        policy=(("anchors:\n", "identities:\n  email: {form: email, plus_tags: ignored}\nanchors:\n"),),
        says="has no index on regexp_replace(lower(btrim(email)), '(?<=[^+@])[+][^@]*(?=@)'",
        at="name: email",
    ),
    warns(
        code="index.text",
        ddl="CREATE INDEX ON club.badge USING gin (to_tsvector('simple', lower(motto)))",
        policy=(("guards:\n", "free_text: [club.badge.motto]\nguards:\n"),),
        says="club.badge.motto is free text",
        at="free_text: [club.badge.motto]",
    ),
    warns(
        code="index.name",
        ddl="CREATE INDEX ON club.loan (lower(lent_to))",
        policy=(
            ("anchors:\n", "names:\n  club.loan: {name: [lent_to], employer: club.member.email}\nanchors:\n"),
        ),
        says="rows of club.loan have names by which subjects are looked for",
        at="club.loan: {name",
    ),
    warns(
        code="index.identity",
        ddl="CREATE INDEX ON club.member (lower(state))",
        datamap=(
            (
                "fides_meta: {data_type: string}}\n          - name: place_id",
                "fides_meta: {identity: rank}}\n          - name: place_id",
            ),
        ),
        says="names subjects by rank and has no index on state",
        at="name: state",
    ),
]
