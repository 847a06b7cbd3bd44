"""Collections that cannot go by partition."""

from __future__ import annotations

from broken.case import Case, add, add_field, add_reference

CASES = [
    Case(
        code="partition.column",
        ddl="ALTER TABLE club.member DROP CONSTRAINT member_place_id_fkey",
        policy=(
            (
                "starts: entered, keep: P5Y, action: delete",
                "starts: entered, keep: P5Y, action: drop_partition",
            ),
            add("edges", "club.member.place_id: none"),
        ),
        says="club.place is not partitioned by range of entered_on",
        at="places:",
    ),
    Case(
        code="partition.referenced",
        ddl="ALTER TABLE club.badge ADD visit_id bigint, ADD seen_at timestamptz,"
        " ADD FOREIGN KEY (seen_at, visit_id) REFERENCES club.visit;"
        " CREATE INDEX ON club.badge (seen_at, visit_id)",
        datamap=(
            add_field(
                "motto",
                "{name: visit_id, data_categories: [system.operations]}\n"
                "          - {name: seen_at, data_categories: [system.operations]}",
            ),
        ),
        policy=(add("edges", "club.badge.visit_id: {access: cut}"),),
        says="the foreign key club.badge.seen_at,visit_id refers to club.visit",
        at="club.badge.visit_id",
    ),
    Case(
        code="partition.followed",
        ddl="ALTER TABLE club.badge ADD visit_id bigint; CREATE INDEX ON club.badge (visit_id)",
        datamap=(add_reference("motto", "visit_id", "visit.visit_id"),),
        policy=(add("edges", "club.badge.visit_id: {access: cut}"),),
        says="club.badge.visit_id joins rows to club.visit",
        at="club.badge.visit_id",
    ),
]
