-- A small company with every kind of relation that a policy can speak of. Its foreign keys can be deferred, so that
-- tests may fill the tables in any order; the engine never defers them.

CREATE SCHEMA crm;
CREATE SCHEMA desk;
CREATE SCHEMA books;

CREATE TABLE crm.address (
    id       integer PRIMARY KEY,
    street   text NOT NULL,
    photo    bytea NOT NULL,
    noted_at timestamptz
);
CREATE TABLE crm.address_remark (
    id         integer PRIMARY KEY,
    address_id integer NOT NULL REFERENCES crm.address DEFERRABLE,
    remark     text
);
CREATE TABLE crm.client (
    id                 integer PRIMARY KEY,
    name               text NOT NULL,
    address_id         integer REFERENCES crm.address DEFERRABLE,
    invoice_address_id integer REFERENCES crm.address DEFERRABLE,
    speaker_id         integer,
    created_on         date
);
CREATE TYPE crm.contract_state AS ENUM ('ended', 'live', 'paused');
CREATE TABLE crm.contract (
    id        integer PRIMARY KEY,
    client_id integer NOT NULL REFERENCES crm.client DEFERRABLE,
    renews_id integer REFERENCES crm.contract DEFERRABLE,
    state     crm.contract_state NOT NULL,
    ended_at  timestamp
);
CREATE TABLE crm.team (
    id        integer PRIMARY KEY,
    client_id integer REFERENCES crm.client DEFERRABLE,
    head_id   integer
);
CREATE TABLE crm.person (
    id        integer PRIMARY KEY,
    client_id integer NOT NULL REFERENCES crm.client DEFERRABLE,
    team_id   integer REFERENCES crm.team DEFERRABLE,
    email     text,
    name      text NOT NULL,
    phone     text,
    seen_at   timestamptz
);
ALTER TABLE crm.client ADD FOREIGN KEY (speaker_id) REFERENCES crm.person DEFERRABLE;
ALTER TABLE crm.team ADD FOREIGN KEY (head_id) REFERENCES crm.person DEFERRABLE;
CREATE TABLE crm.letter (
    id    bigint PRIMARY KEY,
    email text,
    body  text
);

CREATE TABLE desk.ticket (
    id              bigint PRIMARY KEY,
    person_id       integer REFERENCES crm.person DEFERRABLE,
    other_person_id integer REFERENCES crm.person DEFERRABLE,
    parent_id       bigint REFERENCES desk.ticket DEFERRABLE,
    duplicate_of    text,
    subject         text,
    opened_at       timestamp
);
CREATE TABLE desk.message (
    ticket_id       bigint NOT NULL REFERENCES desk.ticket DEFERRABLE,
    number          smallint NOT NULL,
    reply_ticket_id bigint,
    reply_number    smallint,
    body            text NOT NULL,
    payload         jsonb NOT NULL,
    sent_on         date,
    PRIMARY KEY (ticket_id, number),
    FOREIGN KEY (reply_ticket_id, reply_number) REFERENCES desk.message DEFERRABLE
);
CREATE TABLE desk.attachment (
    id        uuid PRIMARY KEY,
    ticket_id bigint NOT NULL,
    number    smallint NOT NULL,
    uploader  text,
    title     text,
    FOREIGN KEY (ticket_id, number) REFERENCES desk.message DEFERRABLE
);
CREATE TABLE desk.event (
    id        integer PRIMARY KEY,
    client_id integer REFERENCES crm.client DEFERRABLE,
    venue_id  integer REFERENCES crm.address DEFERRABLE,
    held_on   date
);
CREATE TABLE desk.attendance (
    event_id  integer NOT NULL REFERENCES desk.event DEFERRABLE,
    person_id integer NOT NULL REFERENCES crm.person DEFERRABLE,
    remark    text,
    PRIMARY KEY (event_id, person_id)
);

CREATE TABLE books.invoice (
    id            integer PRIMARY KEY,
    client_id     integer REFERENCES crm.client DEFERRABLE,
    person_id     integer REFERENCES crm.person DEFERRABLE,
    credited_id   integer REFERENCES books.invoice DEFERRABLE,
    number        text NOT NULL,
    contact_name  text,
    contact_email text NOT NULL,
    issued_on     date
);
CREATE TABLE books.line (
    id         integer PRIMARY KEY,
    invoice_id integer NOT NULL REFERENCES books.invoice DEFERRABLE,
    detail     text
);
CREATE TABLE books.payment (
    id         integer PRIMARY KEY,
    invoice_id integer REFERENCES books.invoice DEFERRABLE,
    payer      text,
    paid_at    timestamptz
);

-- Empties tables and fills those of which rows are given, in one call: a test does this hundreds of times.
CREATE FUNCTION crm.refill(emptied text[], given jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    SET CONSTRAINTS ALL DEFERRED;
    FOREACH name IN ARRAY emptied LOOP
        EXECUTE format('DELETE FROM %s', name);
    END LOOP;
    FOR name IN SELECT jsonb_object_keys(given) LOOP
        EXECUTE format('INSERT INTO %1$s SELECT * FROM jsonb_populate_recordset(NULL::%1$s, $1)', name) USING given -> name;
    END LOOP;
END
$$;
