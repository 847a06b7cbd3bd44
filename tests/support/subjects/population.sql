-- People of whom every row is known. Mari's rows have numbers from 100, what concerns her and is others' from 200.

CALL website.create_days('2026-03-01', '2026-03-12');

INSERT INTO website.visitor VALUES
    ('00000000-0000-4000-8000-000000000100', '2026-03-01 10:00+00', '2026-03-09 10:00+00'),
    ('00000000-0000-4000-8000-000000000200', '2026-03-01 10:00+00', '2026-03-09 10:00+00');
INSERT INTO website.cookie_choice VALUES
    (100, '00000000-0000-4000-8000-000000000100', '2026-03-01 10:00+00', true, true, false),
    (200, '00000000-0000-4000-8000-000000000200', '2026-03-01 10:00+00', true, true, false);
INSERT INTO website.page_view (id, occurred_at, visitor_id, session_id, path, navigation, duration_seconds, ip_address,
                               user_agent, browser, browser_version, device_type, operating_system, country)
SELECT id, '2026-03-09 10:00+00', visitor, gen_random_uuid(), '/prices', 'link', 7, '192.0.2.7',
       'Mozilla/5.0', 'Firefox', '150', 'desktop', 'Linux', 'EE'
FROM (VALUES (100, uuid '00000000-0000-4000-8000-000000000100'), (101, uuid '00000000-0000-4000-8000-000000000100'),
             (200, uuid '00000000-0000-4000-8000-000000000200')) AS seen (id, visitor);
INSERT INTO website.interaction (id, occurred_at, visitor_id, session_id, path, element, kind)
VALUES (100, '2026-03-09 10:00+00', '00000000-0000-4000-8000-000000000100', gen_random_uuid(), '/prices', 'order', 'click'),
       (200, '2026-03-09 10:00+00', '00000000-0000-4000-8000-000000000200', gen_random_uuid(), '/prices', 'order', 'click');

INSERT INTO website.enquiry VALUES
    (100, 'demo', 'Mari', 'Tamm', 'Mari.Tamm@example.test', '+372 5123 4567', 'Puu AS', NULL, '2026-03-02 10:00+00',
     '00000000-0000-4000-8000-000000000100'),
    (200, 'demo', 'Jaan', 'Kask', 'jaan.kask@example.test', NULL, 'Puu AS', NULL, '2026-03-02 10:00+00',
     '00000000-0000-4000-8000-000000000200');
INSERT INTO website.message VALUES
    (100, 100, 'enquirer', 'I should like to see it.', '2026-03-02 10:00+00'),
    (101, 100, 'company', 'Gladly.', '2026-03-02 11:00+00'),
    (200, 200, 'enquirer', 'How much is it?', '2026-03-02 10:00+00');
INSERT INTO website.chat VALUES
    (100, '00000000-0000-4000-8000-000000000100', 100, 'mari.tamm@example.test', '2026-03-03 10:00+00',
     '2026-03-03 10:05+00', '[{"at": "2026-03-03T10:00:00Z", "from": "visitor", "text": "Hello"}]'),
    (200, NULL, NULL, 'jaan.kask@example.test', '2026-03-03 10:00+00', '2026-03-03 10:05+00', '[]');
INSERT INTO website.marketing_subscription VALUES
    (100, 'mari.tamm@example.test', 'Mari', 'Tamm', 'et', NULL, '2026-03-02 10:00+00'),
    (200, 'jaan.kask@example.test', 'Jaan', 'Kask', 'et', NULL, '2026-03-02 10:00+00');
INSERT INTO website.marketing_consent VALUES
    (100, 100, 'given', '2026-03-02 10:00+00', 'form', 'v3'), (200, 200, 'given', '2026-03-02 10:00+00', 'form', 'v3');

INSERT INTO app.customer VALUES
    (1, 'Puu AS', '10000001', NULL, 'Pikk 1', 'Tallinn', '10123', 'EE', '2024-01-01 10:00+00'),
    (2, 'Kivi AS', '10000002', NULL, 'Pikk 2', 'Tallinn', '10123', 'EE', '2024-01-01 10:00+00'),
    (3, 'Vesi AS', '10000003', NULL, 'Pikk 3', 'Tallinn', '10123', 'EE', '2024-01-01 10:00+00');
INSERT INTO app.contact VALUES
    (100, 1, 'Mari', 'Tamm', 'mari.tamm@example.test', '+372 5123 4567', 'Buyer', '2024-01-01 10:00+00'),
    (200, 1, 'Jaan', 'Kask', 'jaan.kask@example.test', NULL, 'Director', '2024-01-01 10:00+00');
INSERT INTO app.contract (id, customer_id, plan, monthly_fee, currency, signed_at, starts_at, ended_at, updated_at)
SELECT id, id, 'team', 100, 'EUR', '2024-01-01 10:00+00', '2024-01-01 10:00+00', NULL, '2026-03-01 10:00+00'
FROM generate_series(1, 3) AS id;
INSERT INTO app.person (id, customer_id, manager_person_id, first_name, last_name, work_email, phone, country, created_at)
VALUES (201, 2, NULL, 'Anu', 'Lepp', 'anu.lepp@example.test', NULL, 'EE', '2024-02-01 10:00+00'),
       (100, 2, 201, 'Mari', 'Tamm', 'MARI.TAMM@example.test', '51234567', 'EE', '2024-02-01 10:00+00'),
       (101, 3, NULL, 'Mari', 'Tamm', 'mari.tamm@example.test', NULL, 'EE', '2024-02-01 10:00+00'),
       (202, 3, 101, 'Peeter', 'Saar', 'peeter.saar@example.test', NULL, 'EE', '2024-02-01 10:00+00');
INSERT INTO app.note VALUES
    (100, 100, NULL, 'Prefers to be called.', '2025-01-01 10:00+00'),
    (101, 101, 200, 'Left in spring.', '2025-01-01 10:00+00'),
    (200, 202, 100, 'Reports to somebody else now.', '2025-01-01 10:00+00');
INSERT INTO app.activity VALUES
    (100, 100, 'call', '{"minutes": 4}', '2025-01-01 10:00+00'), (200, 201, 'call', '{"minutes": 5}', '2025-01-01 10:00+00');
INSERT INTO app.invoice (id, number, customer_id, contract_id, issued_on, due_on, currency, net, vat, gross, buyer_name,
                         buyer_street, buyer_city, buyer_postal_code, buyer_country, contact_name, contact_email)
VALUES (100, 'A-100', 1, 1, '2026-01-31', '2026-02-14', 'EUR', 100, 24, 124, 'Puu AS', 'Pikk 1', 'Tallinn', '10123', 'EE',
        'Mari Tamm', 'mari.tamm@example.test'),
       (200, 'A-200', 1, 1, '2026-02-28', '2026-03-14', 'EUR', 100, 24, 124, 'Puu AS', 'Pikk 1', 'Tallinn', '10123', 'EE',
        'Jaan Kask', 'jaan.kask@example.test');
INSERT INTO app.invoice_line VALUES (100, 100, 1, 'Team', 1, 100, 100), (200, 200, 1, 'Team', 1, 100, 100);
INSERT INTO app.payment VALUES (100, 100, '2026-02-10', 124, 'Puu AS', 'EE001');
INSERT INTO app.disclosure VALUES
    (100, 'language_model', 'service', '2026-02-01 10:00+00', 100, NULL, NULL, NULL),
    (101, 'mail_and_chat', 'answering', '2026-03-02 10:00+00', NULL, NULL, NULL, 100),
    (200, 'language_model', 'service', '2026-02-01 10:00+00', 201, NULL, NULL, NULL);
