"""References without a consequence, or with one that cannot be carried out."""

from __future__ import annotations

from broken.case import Case, add, add_field, add_reference, warns

CASES = [
    Case(
        code="foreign_key.undeclared",
        ddl="ALTER TABLE club.badge ADD place_id integer REFERENCES club.place;"
        " CREATE INDEX ON club.badge (place_id)",
        datamap=(add_field("motto", "{name: place_id, data_categories: [system.operations]}"),),
        says="club.badge.place_id refers to club.place",
        at="name: place_id, data_categories",
    ),
    Case(
        code="foreign_key.undeclared",
        policy=(add("edges", "club.stay.member_id: none"),),
        says="club.stay.member_id refers to club.member",
        at="club.stay.member_id: none",
        also=("reach.never",),
    ),
    Case(
        code="foreign_key.unmapped",
        ddl="CREATE TABLE other.prize (prize_id integer PRIMARY KEY, member_id integer REFERENCES club.member)",
        says="other.prize, which is not in the data map, refers to club.member",
        at="name: member\n",
    ),
    Case(
        code="cascade.unmapped",
        ddl="CREATE TABLE other.prize (member_id integer REFERENCES club.member ON DELETE CASCADE)",
        says="ON DELETE CASCADE of prize_member_id_fkey",
        at="name: member\n",
    ),
    Case(
        code="cascade.unmapped",
        ddl="CREATE TABLE other.series (series_id integer PRIMARY KEY);"
        " ALTER TABLE club.colour ADD FOREIGN KEY (colour_id) REFERENCES other.series ON DELETE CASCADE",
        says="joins club.colour and other.series",
        at="name: colour\n",
    ),
    Case(
        code="cascade.excess",
        ddl="ALTER TABLE club.fee DROP CONSTRAINT fee_member_id_fkey;"
        " ALTER TABLE club.fee ADD FOREIGN KEY (member_id) REFERENCES club.member ON DELETE CASCADE",
        says="ON DELETE CASCADE of fee_member_id_fkey does more than access",
        at="club.fee.member_id",
    ),
    Case(
        code="cascade.excess",
        ddl="ALTER TABLE club.stay DROP CONSTRAINT stay_member_id_fkey;"
        " ALTER TABLE club.stay ADD FOREIGN KEY (member_id) REFERENCES club.member ON DELETE SET NULL",
        says="ON DELETE SET NULL of stay_member_id_fkey does more than owner",
        at="name: member_id",
    ),
    Case(
        code="cascade.excess",
        ddl="ALTER TABLE club.member DROP CONSTRAINT member_place_id_fkey;"
        " ALTER TABLE club.member ADD FOREIGN KEY (place_id) REFERENCES club.place ON DELETE CASCADE",
        says="ON DELETE CASCADE of member_place_id_fkey does more than shared",
        at="name: place_id",
    ),
    Case(
        code="edge.uncuttable",
        policy=(add("edges", "club.stay.member_id: {access: cut}"),),
        says="club.stay.member_id is to be cut and may not be null",
        at="club.stay.member_id",
        also=("reach.never",),
    ),
    warns(
        code="edge.own_kind",
        policy=(("  club.member.invited_by: {access: cut}\n", ""),),
        says="club.member.invited_by refers to rows of its own collection",
        at="name: invited_by",
    ),
    Case(
        code="edge.several_owners",
        ddl="ALTER TABLE club.stay ADD place_id integer REFERENCES club.place;"
        " CREATE INDEX ON club.stay (place_id)",
        datamap=(add_reference("left_on", "place_id", "place.place_id"),),
        says="stays while another owner is left (club.stay.place_id), but club.stay.member_id may not be null",
        at="name: member_id",
    ),
    warns(
        code="edge.cut_overlaps",
        ddl="ALTER TABLE club.fee ADD badge_no smallint,"
        " ADD FOREIGN KEY (member_id, badge_no) REFERENCES club.badge;"
        " CREATE INDEX ON club.fee (member_id, badge_no)",
        datamap=(add_field("due_on", "{name: badge_no, data_categories: [system.operations]}"),),
        policy=(
            add("edges", "club.fee.badge_no: {access: cut}"),
            ("  club.fee.member_id: {access: {redact: [remark]}}", "  club.fee.member_id: {access: cut}"),
        ),
        says="cutting club.fee.member_id,badge_no also cuts club.fee.member_id: both use member_id",
        at="club.fee.",
    ),
    Case(
        code="cycle.owners",
        ddl="ALTER TABLE club.member ADD first_stay integer REFERENCES club.stay;"
        " CREATE INDEX ON club.member (first_stay)",
        datamap=(add_reference("joined_on", "first_stay", "stay.stay_id"),),
        says="club.member, club.stay own each other",
        at="name: first_stay",
    ),
    Case(
        code="cycle.references",
        ddl="ALTER TABLE club.member ADD first_stay integer NOT NULL REFERENCES club.stay;"
        " CREATE INDEX ON club.member (first_stay)",
        datamap=(add_reference("joined_on", "first_stay", "stay.stay_id", "to"),),
        policy=(add("edges", "club.member.first_stay: tenant"),),
        says="club.member, club.stay refer to each other",
        at="club.member.first_stay",
    ),
]
