"""Books of a company that bills 83,000 customers every month: invoices, three lines and a payment each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from measuring import Scratch

SCHEMA = """
CREATE SCHEMA shop;
CREATE TABLE shop.invoice (
    id bigint PRIMARY KEY, number text NOT NULL UNIQUE, customer_no bigint NOT NULL, issued_on date NOT NULL,
    due_on date NOT NULL, currency text NOT NULL, net numeric(12, 2) NOT NULL, vat numeric(12, 2) NOT NULL,
    gross numeric(12, 2) NOT NULL, buyer text NOT NULL, vat_number text, street text, city text, country text
);
CREATE TABLE shop.line (
    id bigint PRIMARY KEY, invoice_id bigint NOT NULL REFERENCES shop.invoice, place integer NOT NULL,
    what text NOT NULL, quantity numeric(12, 3) NOT NULL, price numeric(12, 2) NOT NULL, net numeric(12, 2) NOT NULL
);
CREATE TABLE shop.payment (
    id bigint PRIMARY KEY, invoice_id bigint NOT NULL REFERENCES shop.invoice, paid_on date NOT NULL,
    amount numeric(12, 2) NOT NULL, payer text
);
"""
ROWS = """
INSERT INTO shop.invoice
SELECT n, 'SL-2024-' || lpad(n::text, 8, '0'), n % 83000, date '2024-01-01' + (n * 365 / {invoices})::integer,
    date '2024-01-15' + (n * 365 / {invoices})::integer, 'EUR', net, vat, net + vat,
    'Company number ' || n % 83000 || ' OÜ', 'EE' || 100000000 + n % 83000, 'Street ' || n % 997 || '-' || n % 13,
    'Tallinn', 'EE'
FROM generate_series(0, {invoices} - 1) AS n, round(n % 10000 / 7.0, 2) AS net, round(n % 10000 / 35.0, 2) AS vat;
INSERT INTO shop.line
SELECT n, n / 3, n % 3 + 1, 'Monthly plan ' || n % 17 || ', seats', n % 5 + 1, price, round((n % 5 + 1) * price, 2)
FROM generate_series(0, 3 * {invoices} - 1) AS n, round(n % 1000 / 3.0, 2) AS price;
INSERT INTO shop.payment
SELECT n, n, '2024-02-01', round(n % 1000 / 3.0, 2), 'Company number ' || n
FROM generate_series(0, {invoices} - 1) AS n;
CREATE INDEX ON shop.invoice (issued_on);
CREATE INDEX ON shop.line (invoice_id);
CREATE INDEX ON shop.payment (invoice_id);
"""
MAP = """
dataset:
  - fides_key: shop
    collections:
      - name: invoice
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: number, data_categories: [system.operations]}
          - {name: customer_no, data_categories: [system.operations]}
          - {name: issued_on, data_categories: [user.financial]}
          - {name: due_on, data_categories: [user.financial]}
          - {name: currency, data_categories: [user.financial]}
          - {name: net, data_categories: [user.financial]}
          - {name: vat, data_categories: [user.financial]}
          - {name: gross, data_categories: [user.financial]}
          - {name: buyer, data_categories: [user.name]}
          - {name: vat_number, data_categories: [user.name]}
          - {name: street, data_categories: [user.contact.address.street]}
          - {name: city, data_categories: [user.contact.address.city]}
          - {name: country, data_categories: [user.contact.address.country]}
      - name: line
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: invoice_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: invoice.id, direction: from}]}
          - {name: place, data_categories: [system.operations]}
          - {name: what, data_categories: [user.behavior.purchase_history]}
          - {name: quantity, data_categories: [user.behavior.purchase_history]}
          - {name: price, data_categories: [user.financial]}
          - {name: net, data_categories: [user.financial]}
      - name: payment
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - name: invoice_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: shop, field: invoice.id, direction: from}]}
          - {name: paid_on, data_categories: [user.financial]}
          - {name: amount, data_categories: [user.financial]}
          - {name: payer, data_categories: [user.name]}
"""
POLICY = """
policy: {name: Shop, last_updated: 2020-01-01, time_zone: Europe/Tallinn, version_of_format: 1}
controller: {name: Shop}
authority: {name: Inspectorate}
commitments: {C1: {section: Books, promise: Kept ten years}}
anchors: {booked: {on: shop.invoice, financial_year_end_of: issued_on}}
statutory:
  books: {commitments: [C1], applies_to: [shop.invoice, shop.line, shop.payment], starts: booked, keep: P10Y}
archives:
  books:
    commitments: [C1]
    duty: books
    documents: shop.invoice
    number: number
    owner: customer_no
    currency: currency
    totals: {shop.invoice: [net, vat, gross], shop.line: [net], shop.payment: [amount]}
    readable: {shop.invoice: [due_on], shop.line: [place, quantity, price], shop.payment: [paid_on]}
"""


def fill(scratch: Scratch, name: str, *, invoices: int) -> None:
    """A database with so many invoices, described and granted."""
    scratch.create(name)
    scratch.run(name, SCHEMA)
    scratch.run(name, ROWS.format(invoices=invoices))
    scratch.prepare(name, MAP, POLICY)
    scratch.vacuum(name)
