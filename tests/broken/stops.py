"""What the company's own tables cannot be told when a subject ends a purpose."""

from __future__ import annotations

from broken.case import Case, Edit

VISITS = "collections: [club.visit], opt_out: club.member.state}"


def stopping(stop: str) -> tuple[Edit, ...]:
    """The purpose of visits, with what is written when it is stopped."""
    return ((VISITS, VISITS.replace("}", f",\n    stop: {stop}}}")),)


CASES = [
    Case(
        code="collection.unknown",
        policy=stopping("{record: club.letter, values: {state: over}, at: left_on}"),
        says="club.letter",
        at="stop:",
    ),
    Case(
        code="column.unknown",
        policy=stopping("{record: club.stay, values: {mood: over}, at: left_on}"),
        says="club.stay has no column mood",
        at="mood",
    ),
    Case(
        code="column.unknown",
        policy=stopping("{record: club.stay, values: {state: over}, at: gone_on}"),
        says="club.stay has no column gone_on",
        at="at: gone_on",
    ),
    Case(
        code="column.unknown",
        policy=stopping("{set: {club.member.mood: quiet}}"),
        says="club.member has no column mood",
        at="club.member.mood",
    ),
    Case(
        code="stop.unlinked",
        policy=stopping("{record: club.place, values: {street: none}, at: entered_on}"),
        says="rows of club.place do not belong to others",
        at="record: club.place",
    ),
    Case(
        code="stop.at",
        policy=stopping("{record: club.stay, values: {left_on: null}, at: state}"),
        says="club.stay.state is text and tells no moment",
        at="at: state",
    ),
    Case(
        code="stop.at",
        policy=stopping("{since: club.member.state}"),
        says="club.member.state is text and tells no moment",
        at="since: club.member.state",
    ),
    Case(
        code="stop.key",
        policy=stopping("{set: {club.member.email: none}}"),
        says="club.member.email names or joins rows",
        at="club.member.email",
    ),
    Case(
        code="stop.value",
        policy=stopping("{set: {club.member.state: 3}}"),
        says="club.member.state is text",
        at="club.member.state: 3",
    ),
    Case(
        code="stop.value",
        policy=stopping("{set: {club.member.state: null}}"),
        says="club.member.state is text",
        at="club.member.state: null",
    ),
    Case(
        code="right.purposeless",
        policy=(("erasure:\n", "rights:\n  objection: {commitments: [C1]}\nerasure:\n"),),
        says="requests for objection are taken",
        at="objection:",
    ),
]
