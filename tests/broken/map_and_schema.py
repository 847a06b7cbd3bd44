"""The data map leaves something out, has too much, or is wrong in itself."""

from __future__ import annotations

from broken.case import Case, add_collection, add_field, warns

MOTTO = "{name: motto, data_categories: [user.content.private], fides_meta: {data_type: string}}"
CLUB = "  - fides_key: club\n"
EXTRA = """\
  - fides_key: extra
    fides_meta: {namespace: {schema: club}}
    collections: [{name: diary, fields: []}]
"""

CASES = [
    Case(
        code="database.empty",
        ddl="DROP SCHEMA club CASCADE",
        says="the database has none of the tables",
        at="policy:",
    ),
    Case(
        code="table.undescribed",
        ddl="CREATE TABLE club.diary (day date)",
        says="table club.diary",
        at="fides_key: club",
    ),
    warns(
        code="table.copies",
        ddl="CREATE MATERIALIZED VIEW club.seen AS SELECT email FROM club.member",
        says="materialized view club.seen",
        at="fides_key: club",
    ),
    Case(
        code="table.inherited",
        ddl="CREATE TABLE other.colour () INHERITS (club.colour)",
        says="other tables inherit from club.colour",
        at="name: colour\n",
    ),
    Case(
        code="table.missing",
        datamap=(add_collection("- name: note", "  fields: []"),),
        says="club.note is described but not in the database",
        at="name: note",
    ),
    Case(
        code="table.no_table",
        ddl="DROP TABLE club.colour CASCADE;"
        " CREATE MATERIALIZED VIEW club.colour AS SELECT 1 AS colour_id, 'red'::text AS name",
        says="club.colour is a materialized view",
        at="name: colour\n",
    ),
    Case(
        code="column.undescribed",
        ddl="ALTER TABLE club.badge ADD shape text",
        says="column club.badge.shape",
        at="name: badge\n",
    ),
    Case(
        code="column.missing",
        ddl="ALTER TABLE club.badge DROP motto",
        says="club.badge.motto is described but not in the database",
        at="name: motto",
    ),
    Case(
        code="column.retyped",
        ddl="ALTER TABLE club.fee ALTER amount TYPE text",
        says="club.fee.amount is described as float and is text",
        at="name: amount",
    ),
    Case(
        code="key.differs",
        datamap=(("{primary_key: true, data_type: integer}", "{data_type: integer}"),),
        says="is colour_id, the map marks none",
        at="name: colour\n",
    ),
    Case(
        code="key.differs",
        ddl="ALTER TABLE club.visit DROP CONSTRAINT visit_pkey; ALTER TABLE club.visit ADD PRIMARY KEY (seen_at)",
        says="is seen_at, the map marks visit_id, seen_at",
        at="name: visit\n",
    ),
    Case(
        code="key.missing",
        ddl="ALTER TABLE club.receipt DROP CONSTRAINT receipt_pkey; CREATE INDEX ON club.receipt (fee_id)",
        says="what the map marks (fee_id) may name several",
        at="name: receipt\n",
    ),
    Case(
        code="column.unclassified",
        datamap=((MOTTO, "{name: motto, fides_meta: {data_type: string}}"),),
        says="club.badge.motto is not classified",
        at="name: motto",
    ),
    Case(
        code="category.unknown",
        datamap=((MOTTO, "{name: motto, data_categories: [user.slogan]}"),),
        says="user.slogan",
        at="name: motto",
    ),
    *(
        Case(
            code="name.unknown",
            datamap=((MOTTO, f"{{name: motto, data_categories: [user.content.private], {said}}}"),),
            says=f"club.badge.motto says {word}, which Fides does not know",
            at="name: motto",
        )
        for word, said in {
            "identiy": "fides_meta: {data_type: string, identiy: email}",
            "fides_mata": "fides_mata: {identity: email}",
            "retentions": "retentions: none",
        }.items()
    ),
    warns(
        code="identity.unmarked",
        datamap=((MOTTO, MOTTO.replace("content.private", "contact.email")),),
        says="club.badge.motto is a person's email",
        at="name: motto",
    ),
    warns(
        code="identity.case",
        ddl='ALTER TABLE club.member ALTER email TYPE text COLLATE "C"',
        says="club.member.email is of a collation whose lower() leaves letters beyond ASCII",
        at="name: email",
    ),
    warns(
        code="identity.case",
        ddl="ALTER TABLE club.member ALTER email TYPE text COLLATE ucs_basic",
        says="club.member.email",
        at="name: email",
    ),
    Case(
        code="reference.dangling",
        datamap=(
            add_field(
                "motto", "{name: rhyme, fides_meta: {references: [{dataset: club, field: poem.line}]}}"
            ),
        ),
        ddl="ALTER TABLE club.badge ADD rhyme integer",
        says="the reference to club.poem.line leads nowhere",
        at="name: rhyme",
        also=("column.unclassified",),
    ),
    Case(
        code="reference.dangling",
        datamap=(
            add_field(
                "motto", "{name: rhyme, fides_meta: {references: [{dataset: pub, field: place.street}]}}"
            ),
        ),
        ddl="ALTER TABLE club.badge ADD rhyme integer",
        says="the reference to pub.place.street leads nowhere",
        at="name: rhyme",
        also=("column.unclassified",),
    ),
    Case(
        code="described.twice",
        datamap=(
            (CLUB, EXTRA + CLUB),
            add_collection("- name: diary", "  fields: []"),
        ),
        ddl="CREATE TABLE club.diary ()",
        says="club.diary is described twice",
        at="      - name: diary\n",
        also=("table.missing",),
    ),
    Case(
        code="described.twice",
        datamap=((CLUB, "  - {fides_key: club, collections: []}\n" + CLUB),),
        says="dataset club",
        at="- fides_key: club\n",
    ),
    Case(
        code="asked_for.unknown",
        datamap=((CLUB, f"{CLUB}    meta:\n      asked_for:\n        badge: {{mandatory: [motto, pin]}}\n"),),
        says="club.badge.pin is asked for as mandatory",
        at="badge: {mandatory",
    ),
    Case(
        code="asked_for.unknown",
        datamap=(
            (CLUB, f"{CLUB}    meta: {{asked_for: {{badge: {{mandatory: [motto], optional: [motto]}}}}}}\n"),
        ),
        says="club.badge.motto is asked for as optional",
        at="meta:",
    ),
    Case(
        code="name.unusual",
        datamap=(add_collection('- name: "o\'clock"', "  fields: []"),),
        says="o'clock",
        at="o'clock",
    ),
    Case(
        code="name.dotted",
        datamap=(add_field("motto", "{name: a.b, data_categories: [user.content]}"),),
        says="'a.b'",
        at="name: a.b",
    ),
]
