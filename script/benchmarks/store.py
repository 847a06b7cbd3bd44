"""A store of twelve tables, in which a subject is a shopper, a writer, a subscriber and somebody's neighbour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.store.mentions import BETWEEN_WORDS

if TYPE_CHECKING:
    from measuring import Scratch

TENTH = 100_000
"""Persons of the smaller store; the larger has ten times as many."""

SCHEMA = """
CREATE SCHEMA shop;
CREATE TABLE shop.chain (chain_id bigint PRIMARY KEY, closed_on date);
CREATE TABLE shop.address (address_id bigint PRIMARY KEY, street text NOT NULL, city text NOT NULL);
CREATE TABLE shop.person (
    person_id bigint PRIMARY KEY, chain_id bigint NOT NULL REFERENCES shop.chain,
    address_id bigint REFERENCES shop.address, full_name text NOT NULL, email text NOT NULL, phone text
);
CREATE TABLE shop.login (
    login_id bigint PRIMARY KEY, person_id bigint NOT NULL REFERENCES shop.person, at timestamptz NOT NULL
);
CREATE TABLE shop.purchase (
    purchase_id bigint PRIMARY KEY, person_id bigint NOT NULL REFERENCES shop.person,
    ship_to_address_id bigint REFERENCES shop.address, bought_on date NOT NULL
);
CREATE TABLE shop.purchase_line (
    line_id bigint PRIMARY KEY, purchase_id bigint NOT NULL REFERENCES shop.purchase, article text NOT NULL
);
CREATE TABLE shop.payment (
    payment_id bigint PRIMARY KEY, purchase_id bigint REFERENCES shop.purchase,
    person_id bigint REFERENCES shop.person,
    payer_name text, payer_email text, paid_on date NOT NULL, amount numeric(12, 2) NOT NULL
);
CREATE TABLE shop.review (
    review_id bigint PRIMARY KEY, person_id bigint NOT NULL REFERENCES shop.person, body text NOT NULL
);
CREATE TABLE shop.ticket (ticket_id bigint PRIMARY KEY, email text NOT NULL, opened_on date NOT NULL);
CREATE TABLE shop.reply (
    reply_id bigint PRIMARY KEY, ticket_id bigint NOT NULL REFERENCES shop.ticket, body text NOT NULL
);
CREATE TABLE shop.subscription (
    subscription_id bigint PRIMARY KEY, email text NOT NULL, began_on date NOT NULL
);
CREATE TABLE shop.consent (
    consent_id bigint PRIMARY KEY, subscription_id bigint NOT NULL REFERENCES shop.subscription, given boolean NOT NULL
);
"""
ROWS = """
INSERT INTO shop.chain SELECT n FROM generate_series(1, {persons} / 10000) AS n;
INSERT INTO shop.address SELECT n, 'Street ' || n, 'City' FROM generate_series(1, {persons} / 2) AS n;
INSERT INTO shop.person SELECT n, 1 + n % ({persons} / 10000), 1 + n % ({persons} / 2), 'Person ' || n,
    'person' || n || '@example.com', '+372' || 50000000 + n FROM generate_series(1, {persons}) AS n;
INSERT INTO shop.login SELECT n, 1 + n % {persons}, '2026-01-01' FROM generate_series(1, {persons}) AS n;
INSERT INTO shop.purchase SELECT n, 1 + n % {persons}, 1 + n * 7 % ({persons} / 2), '2025-06-01'
    FROM generate_series(1, {persons}) AS n;
INSERT INTO shop.purchase_line SELECT n, 1 + n % {persons}, 'article' FROM generate_series(1, {persons} * 2) AS n;
INSERT INTO shop.payment SELECT n, n, 1 + n % {persons}, 'Person', 'person' || 1 + n % {persons} || '@example.com',
    '2025-06-02', 12.5 FROM generate_series(1, {persons}) AS n;
INSERT INTO shop.review SELECT n, 1 + n % {persons},
    'A good article, as person' || n * 31 % {persons} || '@example.com said' FROM generate_series(1, {persons}) AS n;
INSERT INTO shop.ticket SELECT n, 'Person' || 1 + n % {persons} || '@Example.com', '2025-06-03'
    FROM generate_series(1, {persons} / 2) AS n;
INSERT INTO shop.reply SELECT n, 1 + n % ({persons} / 2), 'We call you back at +372' || 50000000 + n * 17 % {persons}
    FROM generate_series(1, {persons} / 2) AS n;
INSERT INTO shop.subscription SELECT n, 'person' || n || '@example.com', '2025-06-04'
    FROM generate_series(1, {persons} / 2) AS n;
INSERT INTO shop.consent SELECT n, 1 + n % ({persons} / 2), true FROM generate_series(1, {persons}) AS n;
"""
FOLDED_PHONE = "regexp_replace(lower(phone), '^[^0-9+]+|[^0-9]+$|[^0-9+x#]', '', 'g')"
WORDS = f"to_tsvector('simple', regexp_replace(lower(body), '{BETWEEN_WORDS}', ' ', 'g'))"
INDEXES = f"""
CREATE INDEX ON shop.chain (closed_on);
CREATE INDEX ON shop.ticket (opened_on);
CREATE INDEX ON shop.subscription (began_on);
CREATE INDEX ON shop.payment (paid_on);
CREATE INDEX ON shop.person (lower(btrim(email)));
CREATE INDEX ON shop.person ({FOLDED_PHONE});
CREATE INDEX ON shop.person (chain_id);
CREATE INDEX ON shop.person (address_id);
CREATE INDEX ON shop.login (person_id);
CREATE INDEX ON shop.purchase (person_id);
CREATE INDEX ON shop.purchase (ship_to_address_id);
CREATE INDEX ON shop.purchase_line (purchase_id);
CREATE INDEX ON shop.payment (purchase_id);
CREATE INDEX ON shop.payment (person_id);
CREATE INDEX ON shop.payment (lower(btrim(payer_email)));
CREATE INDEX ON shop.review (person_id);
CREATE INDEX ON shop.review USING gin ({WORDS}) WITH (fastupdate = off);
CREATE INDEX ON shop.ticket (lower(btrim(email)));
CREATE INDEX ON shop.reply (ticket_id);
CREATE INDEX ON shop.reply USING gin ({WORDS}) WITH (fastupdate = off);
CREATE INDEX ON shop.subscription (lower(btrim(email)));
CREATE INDEX ON shop.consent (subscription_id);
"""
MAP = """
dataset:
  - fides_key: shop
    collections:
      - name: chain
        fields:
          - {name: chain_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: closed_on, data_categories: [system.operations]}
      - name: address
        fields:
          - {name: address_id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
          - {name: street, data_categories: [user.contact.address.street]}
          - {name: city, data_categories: [user.contact.address.city]}
      - name: person
        fields:
          - {name: person_id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
          - name: chain_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: chain.chain_id, direction: from}]}
          - name: address_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: address.address_id, direction: to}]}
          - {name: full_name, data_categories: [user.name]}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: phone, data_categories: [user.contact.phone_number], fides_meta: {identity: phone_number}}
      - name: login
        fields:
          - {name: login_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: person_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: person.person_id, direction: from}]}
          - {name: at, data_categories: [user.behavior]}
      - name: purchase
        fields:
          - {name: purchase_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: person_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: person.person_id, direction: from}]}
          - name: ship_to_address_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: address.address_id, direction: to}]}
          - {name: bought_on, data_categories: [user.behavior.purchase_history]}
      - name: purchase_line
        fields:
          - {name: line_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: purchase_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: purchase.purchase_id, direction: from}]}
          - {name: article, data_categories: [user.behavior.purchase_history]}
      - name: payment
        fields:
          - {name: payment_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: purchase_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: purchase.purchase_id, direction: to}]}
          - name: person_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: person.person_id, direction: from}]}
          - {name: payer_name, data_categories: [user.name]}
          - {name: payer_email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: paid_on, data_categories: [user.financial]}
          - {name: amount, data_categories: [user.financial]}
      - name: review
        fields:
          - {name: review_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: person_id
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: person.person_id, direction: from}]}
          - {name: body, data_categories: [user.content.public]}
      - name: ticket
        fields:
          - {name: ticket_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: opened_on, data_categories: [user.behavior]}
      - name: reply
        fields:
          - {name: reply_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: ticket_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: ticket.ticket_id, direction: from}]}
          - {name: body, data_categories: [user.content.private]}
      - name: subscription
        fields:
          - {name: subscription_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: began_on, data_categories: [user.behavior]}
      - name: consent
        fields:
          - {name: consent_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: subscription_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: subscription.subscription_id, direction: from}]}
          - {name: given, data_categories: [user.privacy_preferences]}
"""
POLICY = """
policy: {name: Benchmark, last_updated: 2020-01-01, time_zone: UTC, version_of_format: 1}
controller: {name: Benchmark}
authority: {name: Benchmark}
commitments:
  B1: {section: Rights, promise: Data goes on request}
  B2: {section: Books, promise: Payments are kept ten years}
identities: {email: {form: email}, phone_number: {form: phone, region: EE}}
anchors:
  closed: {on: shop.chain, column: closed_on}
  opened: {on: shop.ticket, column: opened_on}
  began: {on: shop.subscription, column: began_on}
  paid: {on: shop.payment, financial_year_end_of: paid_on, year_ends: "12-31"}
rules:
  chains: {commitments: [B1], applies_to: [shop.chain], starts: closed, keep: P3Y, action: delete}
  tickets: {commitments: [B1], applies_to: [shop.ticket], starts: opened, keep: P3Y, action: delete}
  subscriptions: {commitments: [B1], applies_to: [shop.subscription], starts: began, keep: P3Y, action: delete}
  payments: {commitments: [B2], applies_to: [shop.payment], starts: paid, keep: P10Y, action: delete}
statutory:
  books:
    commitments: [B2]
    applies_to: [shop.payment]
    starts: paid
    keep: P10Y
    columns: {shop.payment: [paid_on, amount]}
edges:
  shop.person.chain_id: tenant
  shop.payment.purchase_id: {access: cut}
  shop.payment.person_id: {access: {redact: [payer_name, payer_email]}}
rights: {erasure: {commitments: [B1]}}
erasure:
  shop.person: delete
  shop.ticket: delete
  shop.subscription: delete
  shop.chain: delete
  shop.payment: {redact: [payer_name, payer_email], because: B2}
free_text: [shop.review.body, shop.reply.body]
guards: {default: {}}
"""


def fill(scratch: Scratch, name: str, *, persons: int) -> None:
    """A database of that name with ``persons`` persons and ten times as many rows."""
    scratch.create(name)
    for statements in (SCHEMA, ROWS.format(persons=persons), INDEXES):
        scratch.run(name, statements)
    scratch.vacuum(name)
    scratch.prepare(name, MAP, POLICY)
