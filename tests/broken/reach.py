"""Personal data that no rule ends."""

from __future__ import annotations

from broken.case import Case, add, add_collection, warns

PLACES = "starts: entered, keep: P5Y, action: delete"

CASES = [
    Case(
        code="reach.never",
        ddl="CREATE TABLE club.guest (guest_id integer PRIMARY KEY, name text)",
        datamap=(
            add_collection(
                "- name: guest",
                "  fields:",
                "    - {name: guest_id, data_categories: [system.operations], fides_meta: {primary_key: true}}",
                "    - {name: name, data_categories: [user.name]}",
            ),
        ),
        policy=(("club.badge, club.loan]", "club.badge, club.loan, club.guest]"),),
        says="club.guest is kept for ever: no rule ever deletes it",
        at="name: guest\n",
    ),
    Case(
        code="reach.never",
        ddl="ALTER TABLE club.place ALTER entered_on DROP NOT NULL",
        policy=(
            (PLACES, "starts: entered, keep: P5Y, action: {redact: [entered_on]}"),
            add("edges", "club.member.place_id: {access: cut}"),
        ),
        says="club.place is kept for ever: no rule ever empties street",
        at="name: place\n",
    ),
    warns(
        code="reach.redacted",
        ddl="ALTER TABLE club.place ALTER street DROP NOT NULL",
        policy=(
            (PLACES, "starts: entered, keep: P5Y, action: {redact: [street]}"),
            add("edges", "club.member.place_id: {access: cut}"),
        ),
        says="club.place are redacted and never deleted",
        at="name: place\n",
    ),
    warns(
        code="reach.uncertain",
        policy=(
            (
                f"  places: {{schedule_with: all, commitments: [C1], applies_to: [club.place], {PLACES}}}\n",
                "",
            ),
        ),
        says="club.place is reached only through club.member.place_id",
        at="name: place\n",
    ),
    warns(
        code="reach.uncertain",
        ddl="ALTER TABLE club.stay ALTER member_id DROP NOT NULL",
        says="club.stay is reached only through club.stay.member_id",
        at="name: stay\n",
    ),
]
