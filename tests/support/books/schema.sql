CREATE SCHEMA trade;
CREATE TABLE trade.client (id integer PRIMARY KEY, name text NOT NULL, since date NOT NULL);
CREATE TABLE trade.bill (
    client_no integer REFERENCES trade.client,
    serial    text NOT NULL,
    copy_no   smallint NOT NULL,
    number    text,
    issued_at timestamptz NOT NULL,
    due_on    date,
    currency  char(3),
    total     numeric(14, 3) NOT NULL,
    is_credit boolean NOT NULL DEFAULT false,
    buyer     text,
    remark    text,
    reader    text,
    extra     jsonb,
    PRIMARY KEY (serial, copy_no)
);
CREATE INDEX bill_client_no ON trade.bill (client_no);
CREATE INDEX bill_issued_at ON trade.bill (issued_at);
CREATE INDEX bill_reader ON trade.bill (lower(btrim(reader)));
CREATE TABLE trade.item (
    id      uuid PRIMARY KEY,
    serial  text NOT NULL,
    copy_no smallint NOT NULL,
    what    text NOT NULL,
    amount  numeric(14, 3),
    FOREIGN KEY (serial, copy_no) REFERENCES trade.bill
);
CREATE INDEX item_bill ON trade.item (serial, copy_no);
CREATE TABLE trade.discount (
    item_id uuid NOT NULL REFERENCES trade.item,
    place   smallint NOT NULL,
    percent smallint NOT NULL,
    reason  text,
    PRIMARY KEY (item_id, place)
);
CREATE TABLE trade.receipt (id bigint PRIMARY KEY, serial text NOT NULL, copy_no smallint NOT NULL, paid numeric(14, 3) NOT NULL,
    payer text, payer_no integer REFERENCES trade.client, FOREIGN KEY (serial, copy_no) REFERENCES trade.bill);
CREATE INDEX receipt_bill ON trade.receipt (serial, copy_no);
CREATE INDEX receipt_payer_no ON trade.receipt (payer_no);

INSERT INTO trade.client VALUES (1, 'Canary One', '2020-01-01'), (2, 'Canary Two', '2020-01-01');
INSERT INTO trade.bill VALUES
    (1, 'A', 1, 'B-0001', '2024-07-01 00:30+03', '2024-07-15', 'EUR', 100.005, false, 'Canary "One", OÜ', E'line\nbreak', 'canary.reader@example.test', '{"a": [1, "ü"]}'),
    (1, 'A', 2, 'B-0002', '2024-08-01 12:00+03', NULL, 'EUR', -100.005, true, '', NULL, NULL, NULL),
    (2, 'B', 1, 'B-0004', '2024-12-31 23:59+02', '2025-01-14', 'USD', 7.000, false, 'Canary Two', '\N, "x"', NULL, NULL),
    (NULL, 'C', 1, 'B-0005', '2025-06-30 23:59+03', '2025-07-14', 'EUR', 1.000, false, 'Canary Three', NULL, NULL, NULL),
    (2, 'D', 1, 'B-0006', '2025-07-01 00:00+03', '2025-07-15', 'EUR', 2.000, false, 'Canary Two', NULL, NULL, NULL);
INSERT INTO trade.item VALUES
    ('00000000-0000-4000-8000-000000000001', 'A', 1, 'Canary chair, red', 60.000),
    ('00000000-0000-4000-8000-000000000002', 'A', 1, 'Table', 40.005),
    ('00000000-0000-4000-8000-000000000003', 'A', 2, 'Table', NULL),
    ('00000000-0000-4000-8000-000000000004', 'D', 1, 'Lamp', 2.000);
INSERT INTO trade.discount VALUES ('00000000-0000-4000-8000-000000000001', 1, 10, 'Canary discount');
INSERT INTO trade.receipt VALUES (1, 'A', 1, 50.000, 'Canary Payer'), (2, 'A', 1, 50.005, NULL);
