-- As of 10 March 2026: customer 1 ended a year and nine days ago, 2 is live, 3 ended long ago and came back,
-- 4 ended four years ago. Every personal value holds the word canary.
INSERT INTO agency.customer SELECT id, 'Canary ' || id, '2015-01-01' FROM generate_series(1, 4) AS id;
INSERT INTO agency.contract (id, customer_id, ended_at, updated_at) VALUES
    (10, 1, '2025-03-01 12:00+02', '2025-03-01 12:00+02'),
    (20, 2, NULL, '2026-03-01 12:00+02'),
    (30, 3, '2021-01-01 12:00+02', '2021-01-01 12:00+02'),
    (31, 3, NULL, '2024-01-01 12:00+02'),
    (40, 4, '2022-02-01 12:00+02', '2022-02-01 12:00+02');
INSERT INTO agency.person
SELECT customer * 100 + number, customer, format('canary.%s.%s@example.test', customer, number), '+372canary'
FROM generate_series(1, 4) AS customer, generate_series(1, 3) AS number;
INSERT INTO agency.note
SELECT id * 10 + number, id, 'the canary said ' || number FROM agency.person, generate_series(1, 2) AS number;
INSERT INTO agency.invoice
SELECT id, id, CASE id WHEN 4 THEN date '2022-01-15' ELSE date '2025-01-15' END, format('canary.%s@example.test', id)
FROM agency.customer;
INSERT INTO agency.visit (id, seen_at, address) VALUES
    (1, '2026-01-05 10:00+02', 'canary 1'), (2, '2026-01-31 10:00+02', 'canary 2'),
    (3, '2026-03-05 10:00+02', 'canary 3');
ANALYZE;
