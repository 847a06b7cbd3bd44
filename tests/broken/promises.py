"""Commitments, purposes, recipients, times and guards that do not add up."""

from __future__ import annotations

from broken.case import Case, add, add_collection, add_field, log_disclosures, warns

CASES = [
    Case(
        code="commitment.unknown",
        policy=(("yearly, commitments: [C2]", "yearly, commitments: [C2, C9]"),),
        says="C9",
        at="fees:",
    ),
    Case(
        code="commitment.unknown",
        policy=(
            (
                "    commitments: [C2]\n    applies_to: [club.fee, club.receipt]",
                "    commitments: [C9]\n    applies_to: [club.fee, club.receipt]",
            ),
        ),
        says="C9",
        at="commitments: [C9]",
    ),
    Case(
        code="commitment.unknown",
        policy=(("club.loan]\n    commitments: [C1]", "club.loan]\n    commitments: [C9]"),),
        says="C9",
        at="commitments: [C9]",
    ),
    Case(
        code="commitment.unknown",
        policy=(
            ("receives: [club.member], commitments: [C4]", "receives: [club.member], commitments: [C9]"),
        ),
        says="C9",
        at="printer:",
    ),
    Case(code="commitment.unknown", policy=(("because: C2", "because: C9"),), says="C9", at="because: C9"),
    Case(
        code="rule.schedule_unknown",
        policy=(("schedule_with: yearly", "schedule_with: yaerly"),),
        says="there is no DAG yaerly, so that no run keeps fees",
        at="fees:",
    ),
    warns(
        code="policy.folder",
        folder="2020-01-31",
        says="the policy in the folder 2020-01-31 counts from",
        at="last_updated:",
    ),
    Case(
        code="part.unknown",
        policy=(("[policy versions]", "[good will]"),),
        says="good will",
        at="C4: {section",
    ),
    warns(
        code="commitment.unkept",
        policy=(add("commitments", "C5: {section: Dogs, promise: Dogs are welcome}"),),
        says="nothing keeps commitment C5: Dogs are welcome",
        at="C5:",
    ),
    warns(
        code="purpose.none",
        policy=(("club.badge, club.loan]", "club.badge]"),),
        says="club.loan",
        at="name: loan\n",
    ),
    Case(
        code="recipient.unsafe",
        policy=(("region: PT", "region: US"),),
        says="printer is in US",
        at="printer:",
    ),
    Case(
        code="recipient.unsafe",
        policy=(("region: PT", 'region: CH, safeguard: "  "'),),
        says="printer is in CH",
        at="printer:",
    ),
    Case(
        code="collection.unknown",
        policy=(log_disclosures("club.letter", "whom", "sent_on"),),
        says="club.letter",
        at="collection: club.letter",
    ),
    Case(
        code="column.unknown",
        policy=(log_disclosures("club.stay", "whom", "left_on"),),
        says="club.stay has no column whom",
        at="recipient: whom",
    ),
    Case(
        code="column.unknown",
        policy=(log_disclosures("club.stay", "state", "sent_on"),),
        says="club.stay has no column sent_on",
        at="disclosed_at: sent_on",
    ),
    Case(
        code="disclosure.unreferring",
        policy=(log_disclosures("club.colour", "name", "name"),),
        says="club.colour refers to no rows",
        at="collection: club.colour",
    ),
    Case(
        code="disclosure.keyless",
        ddl="CREATE TABLE club.letter (member_id integer NOT NULL, whom text, sent_on date)",
        datamap=(
            add_collection(
                "- name: letter",
                "  fields:",
                "    - name: member_id",
                "      data_categories: [system.operations]",
                "      fides_meta: {references: [{dataset: club, field: member.member_id, direction: from}]}",
                "    - {name: whom, data_categories: [system.operations]}",
                "    - {name: sent_on, data_categories: [system.operations]}",
            ),
        ),
        policy=(
            log_disclosures("club.letter", "whom", "sent_on"),
            ("club.fee.member_id: {access", "club.letter.member_id: none\n  club.fee.member_id: {access"),
        ),
        says="club.letter has no primary key",
        at="collection: club.letter",
    ),
    Case(
        code="disclosure.recipient",
        policy=(log_disclosures("club.stay", "state", "left_on", "printer", "baker"),),
        says="there is no recipient baker",
        at="baker",
    ),
    Case(
        code="anchor.value",
        policy=(("[live, paused]", "[live, 3]"),),
        says="club.stay.state is text",
        at="club.stay.state: [live, 3]",
    ),
    warns(
        code="anchor.unstopped",
        policy=(("    runs_only_if_none:\n      club.stay.state: [live, paused]\n", ""),),
        says="rows of club.stay without left_on do not stop the clock left",
        at="latest: club.stay.left_on",
    ),
    Case(
        code="anchor.value",
        ddl="CREATE TYPE club.state AS ENUM ('live', 'halted');"
        " ALTER TABLE club.stay ALTER state TYPE club.state USING 'live'",
        says="club.stay.state is club.state",
        at="club.stay.state: [live, paused]",
    ),
    Case(
        code="anchor.value",
        ddl="CREATE DOMAIN club.state AS integer; ALTER TABLE club.stay ALTER state TYPE club.state USING 1",
        says="club.stay.state is club.state",
        at="club.stay.state: [live, paused]",
    ),
    Case(
        code="freshness.column",
        policy=(("column: seen_at, within", "column: visit_id, within"),),
        says="club.visit.visit_id is bigint",
        at="column: visit_id",
    ),
    Case(
        code="freshness.column",
        ddl="ALTER TABLE club.stay ADD seen_at timestamp",
        datamap=(add_field("left_on", "{name: seen_at, data_categories: [user.behavior]}"),),
        policy=(add("freshness", "club.stay: {column: seen_at, within: P9D}"),),
        says="club.stay.seen_at is timestamp without time zone",
        at="club.stay: {column",
    ),
    Case(
        code="period.lead",
        policy=(("lead: P7D", "lead: P365D"),),
        says="365 days",
        at="lead: P365D",
        also=("period.announce",),
    ),
    Case(
        code="period.keep",
        policy=(("version_of_format: 1", "version_of_format: 1, run_every: P30D"),),
        says="visits keeps for 28 days",
        at="keep: P1M",
    ),
    Case(
        code="period.announce",
        policy=(("[P14D]", "[P14D, P359D]"),),
        says="announced 359 days before it is planned, 366 days ahead",
        at="announce:",
    ),
    warns(
        code="guard.none",
        policy=(("  default: {rows: 100, share: 0.1}\n", "  members: {rows: 1}\n  places: {rows: 1}\n"),),
        says="nothing guards fees",
        at="fees: {schedule_with",
    ),
    warns(
        code="rule.unscheduled",
        policy=(("fees: {schedule_with: yearly, ", "fees: {"),),
        says="no schedule keeps fees",
        at="fees: {commitments",
    ),
    warns(
        code="guard.limitless",
        policy=(("visits: {share: 0.5}", "visits: {}"),),
        says="visits sets no limit",
        at="  visits:\n",
    ),
    Case(
        code="erasure.unstated",
        policy=(
            ("erasure:\n  club.member: delete\n", "rights:\n  erasure: {commitments: [C1]}\nerasure:\n"),
        ),
        says="club.member names subjects by email",
        at="erasure:",
    ),
    Case(
        code="right.late",
        policy=(
            ("erasure:\n", "rights:\n  rectification: {commitments: [C1], answer_within: P32D}\nerasure:\n"),
        ),
        says="rectification would be answered too late: answer_within",
        at="rectification:",
    ),
    Case(
        code="source.unstated",
        policy=(
            (
                "erasure:\n",
                (
                    "sources:\n  forms: {origin: subject, description: You gave it, collections: [club.nothing]}\n"
                    "rights:\n  access: {commitments: [C1]}\nerasure:\n"
                ),
            ),
        ),
        says="club.member holds personal data, and nothing says where it comes from",
        at="sources:",
        also=("collection.unknown",),
    ),
    Case(
        code="restriction.endless",
        policy=(("erasure:\n", "rights:\n  restriction: {commitments: [C1]}\nerasure:\n"),),
        says="nothing says how long a restriction lasts",
        at="restriction:",
    ),
    Case(
        code="right.lasts",
        policy=(("erasure:\n", "rights:\n  rectification: {commitments: [C1], lasts: P1M}\nerasure:\n"),),
        says="a request for rectification does not last",
        at="rectification:",
    ),
]
