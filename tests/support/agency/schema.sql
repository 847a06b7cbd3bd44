-- A company small enough to know every row of: customers with contracts, the persons they entered, notes that no
-- foreign key ties to their person, invoices that the law keeps, visits by day.
CREATE SCHEMA agency;

CREATE TABLE agency.customer (
    id bigint PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE agency.contract (
    id bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES agency.customer,
    ended_at timestamptz,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ON agency.contract (customer_id);
CREATE INDEX ON agency.contract (ended_at);
CREATE INDEX ON agency.contract (updated_at);
CREATE TABLE agency.person (
    id bigint PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES agency.customer,
    email text NOT NULL,
    phone text
);
CREATE INDEX ON agency.person (customer_id);
CREATE TABLE agency.note (
    id bigint PRIMARY KEY,
    person_id bigint NOT NULL,
    body text NOT NULL
);
CREATE INDEX ON agency.note (person_id);
CREATE TABLE agency.invoice (
    id bigint PRIMARY KEY,
    customer_id bigint REFERENCES agency.customer,
    issued_on date NOT NULL,
    email text
);
CREATE INDEX ON agency.invoice (customer_id);
CREATE TABLE agency.visit (
    id bigint,
    seen_at timestamptz,
    address text NOT NULL,
    PRIMARY KEY (seen_at, id)
) PARTITION BY RANGE (seen_at);
CREATE TABLE agency.visit_january PARTITION OF agency.visit
    FOR VALUES FROM ('2026-01-01 00:00+02') TO ('2026-02-01 00:00+02');
CREATE TABLE agency.visit_march PARTITION OF agency.visit
    FOR VALUES FROM ('2026-03-01 00:00+02') TO ('2026-04-01 00:00+03');
