"""Columns that are to be emptied and cannot be."""

from __future__ import annotations

from broken.case import Case, add_field, add_redaction, warns

CASES = [
    Case(
        code="redaction.key",
        policy=(("{redact: [remark], because", "{redact: [fee_id], because"),),
        says="club.fee.fee_id is to be emptied and names the row",
        at="because: C2",
    ),
    Case(
        code="redaction.generated",
        ddl="ALTER TABLE club.member ADD folded text GENERATED ALWAYS AS (lower(email)) STORED",
        datamap=(add_field("email", "{name: folded, data_categories: [user.contact.email]}"),),
        policy=(add_redaction("club.member", "folded"),),
        says="club.member.folded is to be emptied and is computed",
        at="redaction:",
    ),
    Case(
        code="redaction.impossible",
        ddl="CREATE DOMAIN club.filled AS text NOT NULL; ALTER TABLE club.badge ALTER motto TYPE club.filled",
        policy=(add_redaction("club.badge", "motto"),),
        says="club.badge.motto is to be emptied, may not be null and is club.filled",
        at="redaction:",
    ),
    Case(
        code="redaction.link",
        policy=(add_redaction("club.stay", "member_id"),),
        says="club.stay.member_id is to be emptied and refers to another row",
        at="redaction:",
    ),
    Case(
        code="redaction.impossible",
        policy=(add_redaction("club.member", "joined_on"),),
        says="club.member.joined_on is to be emptied, may not be null and is date",
        at="redaction:",
    ),
    Case(
        code="redaction.impossible",
        ddl="CREATE UNIQUE INDEX ON club.member (state, lower(email))",
        policy=(add_redaction("club.member", "email"),),
        says="club.member.email is to be emptied, may not be null and is unique",
        at="redaction:",
    ),
    Case(
        code="redaction.impossible",
        ddl="ALTER TABLE club.fee ADD paid_on date NOT NULL",
        datamap=(add_field("due_on", "{name: paid_on, data_categories: [user.financial]}"),),
        says="club.fee.paid_on is to be emptied",
        at="club.fee: [due_on, amount]",
    ),
    warns(
        code="redaction.constraint",
        ddl="ALTER TABLE club.fee ADD CONSTRAINT of_somebody CHECK (amount = 0 OR member_id IS NOT NULL)",
        says="the constraint of_somebody may refuse",
        at="club.fee.member_id",
    ),
    warns(
        code="redaction.constraint",
        ddl="ALTER TABLE club.fee ADD CONSTRAINT of_one CHECK (num_nonnulls(member_id, remark) = 2)",
        says="club.fee.member_id is to be emptied, which the constraint of_one may refuse",
        at="club.fee.member_id",
    ),
    warns(
        code="redaction.constraint",
        ddl="ALTER TABLE club.member ADD CONSTRAINT is_email CHECK (email LIKE '%@%')",
        policy=(add_redaction("club.member", "email"),),
        says="the constraint is_email may refuse",
        at="redaction:",
    ),
]
