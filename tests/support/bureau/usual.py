"""Cases as ``tests/spec/decisions.yaml`` states them: only what matters is said, the rest is as usual."""

from __future__ import annotations

from spec.decisions import DECISIONS
from support.bureau import policy_document


def rows_of(case):
    """The rows of a case, with the values of columns that it does not name."""
    unnamed = DECISIONS["unnamed"]
    return {
        collection: [unnamed.get(collection, {}) | row for row in rows]
        for collection, rows in case["rows"].items()
    }


def policy_of(case):
    """The bureau's policy with the edges, duties and anchors that a case states, and the usual ones besides."""
    document = policy_document()
    usual = {
        "crm.client.address_id": "shared",
        "crm.client.invoice_address_id": "shared",
        "crm.client.speaker_id": {"access": "cut"},
        "crm.contract.renews_id": {"access": "cut"},
        "crm.team.client_id": "owner",
        "crm.team.head_id": {"access": "cut"},
        "crm.person.client_id": "tenant",
        "crm.person.team_id": {"access": "cut"},
        "crm.letter.email": "none",
        "desk.ticket.other_person_id": {"access": "cut"},
        "desk.ticket.parent_id": {"access": "cut"},
        "desk.ticket.duplicate_of": "none",
        "desk.message.reply_ticket_id": {"access": "cut"},
        "desk.attachment.uploader": {"access": "cut"},
        "desk.event.client_id": "tenant",
        "desk.event.venue_id": "shared",
        "desk.attendance.person_id": "owner",
        "books.invoice.client_id": {"access": "cut"},
        "books.invoice.person_id": {"access": "cut"},
        "books.invoice.credited_id": {"access": "cut"},
    }
    document["edges"] = usual | case.get("edges", {})
    duties, changed = document["statutory"], case.get("duties", {})
    document["statutory"] = {name: duties[name] | changed.get(name, {}) for name in case.get("statutory", ())}
    for name, anchor in case.get("anchors", {}).items():
        document["anchors"][name] |= anchor
    return document
