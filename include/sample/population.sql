-- Fills the reference company's database. Set-based: every value is a function of a row number, a salt and the
-- seed (include/lifecycle/synthetic/helpers.sql), or drawn from a pool of invented values (pools.yaml).
--
-- Bound: :customers, :days of telemetry, :as_of where the history ends; per chunk :first and :last.
-- Customers up to 99 are the awkward cases, there at any size; the crowd starts at 101. Keys of children are
-- computed from their parents' keys. E-mail addresses use domains that can belong to nobody (RFC 2606), IP
-- addresses come from ranges that are routed nowhere (RFC 2544, RFC 3849).

-- ====================================================================== moments, and people to draw from

-- name: moments
-- Days the awkward cases hang on: the latest 29 February and changes of the clock before the history ends.
CREATE TABLE seed.moment AS
WITH today AS (
    SELECT (:as_of AT TIME ZONE 'Europe/Tallinn')::date AS today
), past AS (
    SELECT today, today - back AS day, to_char(today - back, 'MMDD') AS in_year,
        extract(isodow FROM today - back) = 7 AS is_sunday
    FROM today, generate_series(1, 3300) AS back
)
SELECT
    today,
    max(day) FILTER (WHERE in_year = '0229') AS leap_day,
    max(day) FILTER (WHERE is_sunday AND in_year BETWEEN '0325' AND '0331') AS spring_change,
    max(day) FILTER (WHERE is_sunday AND in_year BETWEEN '1025' AND '1031') AS autumn_change,
    (:as_of - interval '20 minutes') AT TIME ZONE 'Europe/Tallinn' AS last_visit
FROM past
GROUP BY today

-- name: people
-- A mailbox from the name where it can be written in ASCII, never ending in a digit; a phone number in
-- international form.
CREATE TABLE seed.who AS
SELECT
    position, first_name, last_name, language, country,
    coalesce(
        nullif(concat_ws('.', nullif(seed.ascii(first_name), ''), nullif(seed.ascii(last_name), '')), ''),
        'user.' || translate(position::text, '0123456789', 'abcdefghij')
    ) AS mailbox,
    '+' || code || right(regexp_replace(phone, '[^0-9]', '', 'g'), 8) AS phone
FROM seed.person
JOIN (
    VALUES ('EE', '372'), ('FI', '358'), ('SE', '46'), ('LV', '371'), ('LT', '370'),
           ('PL', '48'), ('DE', '49'), ('GB', '44'), ('UA', '380'), ('GR', '30')
) AS dialling (country, code) USING (country)

-- name: index of people
ALTER TABLE seed.who ADD PRIMARY KEY (position)

-- name: companies
-- Every second company is Estonian, composed here; the others are as invented.
CREATE TABLE seed.firm AS
SELECT
    position,
    CASE WHEN estonian THEN concat(
        seed.choose('{Põhja,Saare,Võru,Emajõe,Lahemaa,Hiiu,Viru,Läänemaa,Kõrve,Rävala,Soome Lahe,Tõrva}', 'firm', position),
        ' ',
        seed.choose('{Puit,Logistika,Tarkvara,Ehitus,Kaubandus,Energia,Mööbel,Kalatööstus,Meedia,Õigusbüroo}', 'trade', position),
        ' ', seed.choose('{OÜ,OÜ,OÜ,AS}', 'form', position)
    ) ELSE name END AS name,
    CASE WHEN estonian THEN concat(
        seed.choose('{Kooli,Pikk,Lai,Tööstuse,Mere,Jõe,Õie,Võidu,Raudtee,Kesk}', 'street', position),
        ' ', seed.integer('house', position, 1, 90)
    ) ELSE street END AS street,
    CASE WHEN estonian THEN seed.choose('{Tallinn,Tallinn,Tartu,Pärnu,Narva,Võru,Kuressaare,Jõhvi}', 'town', position)
    ELSE city END AS city,
    CASE WHEN estonian THEN seed.integer('post', position, 10111, 96210)::text ELSE postal_code END AS postal_code,
    CASE WHEN estonian THEN 'EE' ELSE country END AS country
FROM seed.company, LATERAL (SELECT seed.chance('estonian', position, 0.5) AS estonian) AS kind

-- name: index of companies
ALTER TABLE seed.firm ADD PRIMARY KEY (position)

-- What a server reads from a user agent.

-- name: browsers by name
CREATE FUNCTION seed.browser_of(user_agent text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN user_agent ~ 'Firefox|FxiOS' THEN 'Firefox'
        WHEN user_agent ~ 'Chrome|CriOS' THEN 'Chrome'
        WHEN user_agent ~ '^Opera' THEN 'Opera'
        WHEN user_agent ~ 'Safari' THEN 'Safari'
        ELSE 'other'
    END

-- name: browsers by version
CREATE FUNCTION seed.version_of(user_agent text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce((regexp_match(user_agent, '(Firefox|FxiOS|Chrome|CriOS|Version|Opera|MSIE)[/ ]([0-9]+)'))[2], '0')

-- name: browsers by device
CREATE FUNCTION seed.device_of(user_agent text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN user_agent ~ 'iPad' THEN 'tablet'
        WHEN user_agent ~ 'iPhone|iPod|Android' THEN 'mobile'
        ELSE 'desktop'
    END

-- name: browsers by system
CREATE FUNCTION seed.system_of(user_agent text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN user_agent ~ 'iPad|iPhone|iPod' THEN 'iOS'
        WHEN user_agent ~ 'Android' THEN 'Android'
        WHEN user_agent ~ 'Mac' THEN 'macOS'
        WHEN user_agent ~ 'Windows' THEN 'Windows'
        ELSE 'Linux'
    END

-- name: browsers
CREATE TABLE seed.browser AS
SELECT
    position, user_agent,
    seed.browser_of(user_agent) AS browser, seed.version_of(user_agent) AS browser_version,
    seed.device_of(user_agent) AS device_type, seed.system_of(user_agent) AS operating_system
FROM seed.agent

-- name: index of browsers
ALTER TABLE seed.browser ADD PRIMARY KEY (position)

-- ==================================================================================== customers: the crowd

-- name: tenants
-- One row per customer of the crowd: when it came, how many yearly terms it signed, when it left, how large it
-- is. One in sixteen never signed; one in five leaves before its last term is over.
CREATE TABLE seed.tenant AS
WITH arrival AS (
    SELECT
        n,
        100 + n AS customer_id,
        seed.chance('signed', n, 0.94) AS has_signed,
        seed.instant('created', n, :as_of - interval '2200 days', :as_of - interval '61 days') AS created_at,
        1 + floor(ln(1 - seed.uniform('terms', n)) / ln(0.7))::integer AS terms
    FROM generate_series(1, :customers) AS n
), first_term AS (
    SELECT
        *,
        (created_at AT TIME ZONE 'Europe/Tallinn')::date + seed.integer('starts', n, 1, 60)::integer AS starts_on
    FROM arrival
), last_term AS (
    SELECT
        *,
        (starts_on + make_interval(years => terms - 1)) AT TIME ZONE 'Europe/Tallinn' AS last_term_starts_at,
        (starts_on + make_interval(years => terms)) AT TIME ZONE 'Europe/Tallinn' AS last_term_ends_at
    FROM first_term
), departure AS (
    SELECT
        *,
        CASE
            WHEN seed.chance('early', n, 0.2)
                THEN seed.instant('leaves', n, last_term_starts_at, last_term_ends_at)
            ELSE last_term_ends_at
        END AS leaves_at
    FROM last_term
), size AS (
    SELECT
        *,
        CASE
            WHEN has_signed
                THEN least(ceil(5 * seed.pareto('people', n, 1.15))::bigint, 200 + 20 * :customers, 5000)
            ELSE 0
        END AS people
    FROM departure
)
SELECT
    customer_id, has_signed, created_at, starts_on, people,
    CASE WHEN leaves_at <= :as_of THEN leaves_at END AS left_at,
    CASE
        WHEN leaves_at <= :as_of THEN terms
        ELSE least(terms, 1 + extract(year FROM age(today, starts_on))::integer)
    END AS terms,
    1000 + sum(people) OVER (ORDER BY customer_id)::bigint - people AS before_first_person_id,
    'firma' || customer_id || '.example' AS domain
FROM size, seed.moment

-- name: index of tenants
ALTER TABLE seed.tenant ADD PRIMARY KEY (customer_id)

-- name: app.customer
-- each: :customers
INSERT INTO app.customer (
    id, legal_name, registry_code, vat_number,
    invoicing_street, invoicing_city, invoicing_postal_code, invoicing_country, created_at
)
SELECT
    customer_id, name, seed.integer('registry', customer_id, 10000000, 19999999)::text,
    CASE WHEN seed.chance('vat', customer_id, 0.8) THEN country || seed.integer('vat number', customer_id, 100000000, 199999999) END,
    street, city, postal_code, country, created_at
FROM seed.tenant
JOIN seed.firm ON position = seed.pick('company', 'customer', customer_id)
WHERE customer_id BETWEEN 100 + :first AND 100 + :last

-- name: app.contact
-- One to four a customer. The fourth keeps the books of several customers, under one address.
-- each: :customers
INSERT INTO app.contact (id, customer_id, first_name, last_name, email, phone, job_position, created_at)
SELECT
    contact_id, customer_id, first_name, last_name,
    CASE
        WHEN k = 4 THEN mailbox || '@bookkeeping.test'
        WHEN k = 1 THEN mailbox || '@' || domain
        ELSE mailbox || k || '@' || domain
    END,
    CASE WHEN seed.chance('contact phone', contact_id, 0.7) THEN phone END,
    CASE WHEN k = 4 THEN 'Bookkeeper' WHEN seed.chance('position', contact_id, 0.8) THEN title END,
    seed.instant('contact', contact_id, created_at, coalesce(left_at, :as_of))
FROM seed.tenant
CROSS JOIN LATERAL generate_series(1, seed.integer('contacts', customer_id, 1, 4)) AS k
CROSS JOIN LATERAL (SELECT customer_id * 10 + k AS contact_id) AS key
JOIN seed.who ON who.position = CASE
    WHEN k = 4 THEN seed.integer('bookkeeper', customer_id, 1, 40) ELSE seed.pick('person', 'contact', contact_id)
END
JOIN seed.job ON job.position = seed.pick('job', 'contact', contact_id)
WHERE customer_id BETWEEN 100 + :first AND 100 + :last

-- name: terms
-- A contract a year. The last one is open while the customer stays.
CREATE TABLE seed.term AS
SELECT
    1000 + row_number() OVER (ORDER BY customer_id, k) AS contract_id,
    customer_id, k, terms, created_at, left_at,
    (starts_on + make_interval(years => k - 1)) AT TIME ZONE 'Europe/Tallinn' AS starts_at,
    CASE
        WHEN k < terms THEN (starts_on + make_interval(years => k)) AT TIME ZONE 'Europe/Tallinn'
        ELSE left_at
    END AS ended_at
FROM seed.tenant
CROSS JOIN LATERAL generate_series(1, terms) AS k
WHERE has_signed

-- name: index of terms
ALTER TABLE seed.term ADD PRIMARY KEY (contract_id)

-- name: app.contract
-- Some of those still open had ended once and were taken up again.
-- each: (SELECT count(*) FROM seed.term)
INSERT INTO app.contract (
    id, customer_id, renews_contract_id, plan, monthly_fee, currency,
    signed_at, starts_at, ended_at, reinstated_at, updated_at
)
SELECT
    contract_id, customer_id, CASE WHEN k > 1 THEN contract_id - 1 END,
    plan, CASE plan WHEN 'starter' THEN 49 WHEN 'team' THEN 190 ELSE 790 END, 'EUR',
    signed_at, starts_at, ended_at, reinstated_at,
    greatest(ended_at, reinstated_at, signed_at)
FROM seed.term
CROSS JOIN LATERAL (
    SELECT
        seed.choose('{starter,starter,team,team,business}', 'plan', customer_id) AS plan,
        CASE
            WHEN k = 1 THEN seed.instant('signed', contract_id, created_at, starts_at)
            ELSE starts_at - make_interval(days => seed.integer('renewed', contract_id, 1, 40)::integer)
        END AS signed_at,
        CASE
            WHEN ended_at IS NULL AND seed.chance('reinstated', contract_id, 0.04)
                THEN seed.instant('reinstated at', contract_id, starts_at, :as_of)
        END AS reinstated_at
) AS decided
WHERE contract_id BETWEEN 1000 + :first AND 1000 + :last

-- name: app.person
-- A customer's own people in a tree of managers, eight to a manager, and one in twelve from outside, whom
-- other customers know under the same address.
-- each: :customers
-- chunk: 400
INSERT INTO app.person (
    id, customer_id, manager_person_id, first_name, last_name, job_title, seniority, work_email, phone, country, created_at
)
SELECT
    person_id, customer_id,
    CASE WHEN k > 1 AND NOT outside THEN before_first_person_id + greatest(1, (k + 6) / 8) END,
    first_name, last_name,
    CASE WHEN seed.chance('titled', person_id, 0.95) THEN title END,
    CASE
        WHEN k = 1 THEN 'executive'
        WHEN k <= 4 THEN 'director'
        WHEN seed.chance('seniority known', person_id, 0.9)
            THEN seed.choose('{junior,mid,mid,mid,senior,senior,lead}', 'seniority', person_id)
    END,
    CASE WHEN outside THEN mailbox || known || '@partner.test' ELSE mailbox || k || '@' || domain END,
    CASE WHEN seed.chance('person phone', person_id, 0.6) THEN phone END,
    who.country,
    seed.instant('person', person_id, starts_on AT TIME ZONE 'Europe/Tallinn', coalesce(left_at, :as_of))
FROM seed.tenant
CROSS JOIN LATERAL generate_series(1, people) AS k
CROSS JOIN LATERAL (
    SELECT
        before_first_person_id + k AS person_id,
        k % 12 = 5 AS outside,
        1 + (seed.integer('circle', customer_id, 0, 499) + k / 12) % 500 AS known
) AS key
JOIN seed.who ON who.position = CASE WHEN outside THEN known ELSE seed.pick('person', 'person', person_id) END
JOIN seed.job ON job.position = seed.pick('job', 'person', person_id)
WHERE customer_id BETWEEN 100 + :first AND 100 + :last

-- ============================================================================ customers: the awkward cases

-- name: awkward customers
CREATE TABLE seed.awkward (customer_id, legal_name, domain, story) AS VALUES
    (1, 'Põhjala Puit OÜ', 'pohjala.example', 'a live and an ended contract'),
    (2, 'Lahemaa Logistika AS', 'lahemaa.example', 'ended on 29 February'),
    (3, 'Emajõe Energia OÜ', 'emajoe.example', 'ended at midnight as the clock went forward'),
    (4, 'Saare Kala OÜ', 'saarekala.example', 'ended at midnight as the clock went back'),
    (5, 'Hiiu Tarkvara OÜ', 'hiiu.example', 'ended in the hour that came twice'),
    (6, 'Võru Mööbel AS', 'voru.example', 'never signed'),
    (7, 'Soome Lahe Meedia OÜ', 'soomelahe.example', 'renewed twice, live'),
    (8, 'Rävala Õigusbüroo OÜ', 'ravala.example', 'ended and reinstated, live'),
    (9, 'Tõrva Ehitus OÜ', 'torva.example', 'reinstated and ended again'),
    (10, 'Kõrve Kaubandus AS', 'korve.example', 'under notice, ends ahead'),
    (11, 'Jürgen Õun FIE', 'näidis.example', 'a sole trader with an address in unicode'),
    (12, 'Viru Vabrik AS', 'viruvabrik.example', 'gone for more than ten years'),
    (13, 'Läänemaa Liisingud OÜ', 'laanemaa.example', 'came back after more than a year'),
    (14, 'Pika Tänava Pagar OÜ', 'pagar.example', 'ended twelve months ago to the day'),
    (15, 'Narva Nael OÜ', 'nael.example', 'ended twelve months ago tomorrow'),
    (16, 'Pärnu Paat OÜ', 'paat.example', 'ended three years ago to the day'),
    (17, 'Kuressaare Kell OÜ', 'kell.example', 'all its contracts ended, the latest first'),
    (18, 'Jõhvi Jää OÜ', 'jaa.example', 'a credit note outlives its invoice by a financial year')

-- name: app.customer (awkward)
INSERT INTO app.customer (
    id, legal_name, registry_code, vat_number,
    invoicing_street, invoicing_city, invoicing_postal_code, invoicing_country, created_at
)
SELECT
    customer_id, legal_name, (14000000 + customer_id)::text,
    CASE WHEN customer_id <> 11 THEN 'EE' || 101000000 + customer_id END,
    'Mere puiestee ' || customer_id, 'Tallinn', '10111', 'EE',
    (today - CASE WHEN customer_id IN (12, 18) THEN 5300 ELSE 3400 END) AT TIME ZONE 'Europe/Tallinn'
FROM seed.awkward, seed.moment

-- name: app.contract (awkward)
-- Contract 71 is the first of customer 7. Times are wall clock times in Tallinn.
INSERT INTO app.contract (
    id, customer_id, renews_contract_id, plan, monthly_fee, currency,
    signed_at, starts_at, ended_at, reinstated_at, updated_at
)
SELECT
    story.id, story.id / 10, renews, 'team', 190, 'EUR',
    (starts - interval '20 days') AT TIME ZONE 'Europe/Tallinn',
    starts AT TIME ZONE 'Europe/Tallinn',
    coalesce(ended_instant, ended AT TIME ZONE 'Europe/Tallinn'),
    reinstated AT TIME ZONE 'Europe/Tallinn',
    coalesce(changed, least(coalesce(ended_instant, ended AT TIME ZONE 'Europe/Tallinn'), :as_of - interval '9 hours'))
FROM
    seed.moment,
    LATERAL (SELECT date_trunc('year', today::timestamp) - interval '12 days' AS last_december) AS year,
    LATERAL (
        VALUES
            (11, NULL::bigint, today - interval '40 months', today - interval '28 months', NULL::timestamptz, NULL::timestamp, NULL::timestamptz),
            (12, NULL, today - interval '30 months', NULL, NULL, NULL, NULL),
            (21, NULL, leap_day - interval '1 year', leap_day + time '17:00', NULL, NULL, NULL),
            (31, NULL, spring_change - interval '2 years', spring_change::timestamp, NULL, NULL, NULL),
            (41, NULL, autumn_change - interval '2 years', autumn_change::timestamp, NULL, NULL, NULL),
            -- 03:30 by the second clock: one hour after 03:30 by the first
            (51, NULL, autumn_change - interval '1 year', NULL, (autumn_change + time '01:30') AT TIME ZONE 'UTC', NULL, NULL),
            (71, NULL, today - interval '35 months', today - interval '23 months', NULL, NULL, NULL),
            (72, 71, today - interval '23 months', today - interval '11 months', NULL, NULL, NULL),
            (73, 72, today - interval '11 months', NULL, NULL, NULL, NULL),
            (81, NULL, today - interval '30 months', NULL, NULL, today - interval '5 months', NULL),
            (91, NULL, today - interval '4 years', today - interval '14 months', NULL, today - interval '2 years', NULL),
            (101, NULL, today - interval '18 months', today + interval '3 months', NULL, NULL, :as_of - interval '1 hour'),
            (111, NULL, today - interval '20 months', today - interval '13 months', NULL, NULL, NULL),
            (121, NULL, today - interval '14 years', today - interval '12 years', NULL, NULL, NULL),
            (131, NULL, today - interval '4 years', today - interval '30 months', NULL, NULL, NULL),
            (132, NULL, today - interval '2 months', NULL, NULL, NULL, NULL),
            (141, NULL, today - interval '2 years', today - interval '12 months' + time '12:00', NULL, NULL, NULL),
            (151, NULL, today - interval '2 years', today - interval '12 months' + interval '36 hours', NULL, NULL, NULL),
            (161, NULL, today - interval '5 years', today - interval '3 years' + time '12:00', NULL, NULL, NULL),
            (171, NULL, today - interval '5 years', today - interval '8 months', NULL, NULL, NULL),
            (172, NULL, today - interval '4 years', today - interval '20 months', NULL, NULL, NULL),
            (181, NULL, last_december - interval '10 years', last_december - interval '117 months', NULL, NULL, NULL)
    ) AS story (id, renews, starts, ended, ended_instant, reinstated, changed)

-- name: app.contact (awkward)
-- Mari speaks for customers 1, 2 and 7 under one address. Kadri is a contact, a person of two customers, an
-- enquirer and a subscriber. Contacts 21 and 31 left no phone.
INSERT INTO app.contact (id, customer_id, first_name, last_name, email, phone, job_position, created_at)
SELECT
    key, key / 10, first_name, last_name, email, phone, job_position, created_at
FROM (
    VALUES
        (11, 'Kadri', 'Tamm', 'kadri.tamm@pohjala.example', '+37250000011', 'Head of Sales'),
        (12, 'Mari', 'Maasikas', 'mari.maasikas@shared.example', '+37250000012', 'Bookkeeper'),
        (21, 'Mari', 'Maasikas', 'mari.maasikas@shared.example', NULL, 'Bookkeeper'),
        (31, 'Siim', 'Põld', 'siim+emajoe@inbox.example', NULL, NULL),
        (41, 'Αλέξης', 'Παπαδόπουλος', 'αλέξης@δοκιμή.example', '+302100000041', 'Διευθυντής'),
        (51, 'Олена', 'Шевченко', 'olena.shevchenko@hiiu.example', '+380440000051', NULL),
        (61, 'Tõnu', 'Kask', 'tonu.kask@voru.example', '+37250000061', 'Owner'),
        (71, 'Mari', 'Maasikas', 'Mari.Maasikas@Shared.example', '+37250000012', 'Bookkeeper'),
        (81, 'Liis', 'Rebane', 'liis.rebane@ravala.example', '+37250000081', 'Partner'),
        (91, 'Andres', 'Saar', 'andres@torva.example', '+37250000091', 'Site manager'),
        (101, 'Anneli', 'Mets', 'anneli.mets@korve.example', '+37250000101', 'Buyer'),
        (111, 'Jürgen', 'Õun', 'jürgen.õun@näidis.example', '+37250000111', NULL),
        (121, 'Heino', 'Raud', 'heino.raud@viruvabrik.example', '+37250000121', 'Director'),
        (131, 'Ülle', 'Lepik', 'ulle.lepik@laanemaa.example', '+37250000131', 'Director'),
        (141, 'Peeter', 'Pagar', 'peeter@pagar.example', '+37250000141', 'Baker'),
        (151, 'Natalja', 'Ivanova', 'natalja.ivanova@nael.example', '+37250000151', 'Director'),
        (161, 'Kalev', 'Meri', 'kalev.meri@paat.example', '+37250000161', 'Director'),
        (171, 'Ene', 'Kell', 'ene.kell@kell.example', '+37250000171', 'Director'),
        (181, 'Jaak', 'Jää', 'jaak.jaa@jaa.example', '+37250000181', 'Director')
) AS contact (key, first_name, last_name, email, phone, job_position)
JOIN app.customer ON customer.id = key / 10

-- name: app.person (awkward)
-- Two at every customer, the second managed by the first; those with a story of their own follow.
INSERT INTO app.person (
    id, customer_id, manager_person_id, first_name, last_name, job_title, seniority, work_email, phone, country, created_at
)
SELECT
    customer_id * 10 + k, customer_id, CASE WHEN k = 2 THEN customer_id * 10 + 1 END,
    first_name, last_name, 'Colleague', CASE k WHEN 1 THEN 'director' ELSE 'mid' END,
    mailbox || k || '@' || domain, NULL, 'EE', customer.created_at + interval '40 days'
FROM seed.awkward
CROSS JOIN generate_series(1, 2) AS k
JOIN seed.who ON position = customer_id * 2 + k
JOIN app.customer ON customer.id = customer_id
UNION ALL
SELECT
    key, key / 10, manager, first_name, last_name, job_title, seniority, work_email, phone, country,
    customer.created_at + interval '45 days'
FROM (
    VALUES
        (13, 11, 'Kadri', 'Tamm', 'Head of Sales', 'lead', 'kadri.tamm@pohjala.example', '+37250000011', 'EE'),
        (14, 13, 'José', 'Núñez-Åkerström', 'Vendedor', 'mid', 'josé.núñez@пример.test', NULL, 'SE'),
        (23, NULL, 'Kadri', 'Tamm', 'Supplier', NULL, 'Kadri.Tamm@pohjala.example', NULL, 'EE'),
        (33, 31, 'Siim', 'Põld', 'Engineer', 'senior', 'siim+emajoe@inbox.example', NULL, 'EE'),
        (73, 71, 'Siim', 'Põld', 'Engineer', 'senior', 'siim+soomelahe@inbox.example', NULL, 'EE'),
        (74, 73, 'Mari', 'Maasikas', NULL, NULL, 'mari.maasikas@shared.example', '+37250000012', 'EE')
) AS person (key, manager, first_name, last_name, job_title, seniority, work_email, phone, country)
JOIN app.customer ON customer.id = key / 10

-- ======================================================================= what hangs on persons and contracts

-- name: tenures
-- When each customer's last contract ended, or the end of the history.
CREATE TABLE seed.tenure AS
SELECT
    customer.id AS customer_id,
    least(max(coalesce(ended_at, :as_of)), :as_of) AS ends_at
FROM app.customer
LEFT JOIN app.contract ON customer_id = customer.id
GROUP BY customer.id

-- name: index of tenures
ALTER TABLE seed.tenure ADD PRIMARY KEY (customer_id)

-- name: app.note
-- Up to two a person, most of them by a contact of the customer; one in eight mentions the manager by address.
-- each: (SELECT max(id) FROM app.person)
INSERT INTO app.note (id, person_id, author_contact_id, body, created_at)
SELECT
    note_id, person.id, CASE WHEN seed.chance('signed note', note_id, 0.8) THEN person.customer_id * 10 + 1 END,
    CASE
        WHEN seed.chance('mention', note_id, 0.125) AND manager.id IS NOT NULL
            THEN format('%s Ask %s (%s) first.', text, manager.first_name, manager.work_email)
        ELSE text
    END,
    seed.instant('note', note_id, person.created_at, greatest(ends_at, person.created_at))
FROM app.person
JOIN seed.tenure USING (customer_id)
LEFT JOIN app.person AS manager ON manager.id = person.manager_person_id
CROSS JOIN LATERAL generate_series(1, seed.integer('notes', person.id, 0, 2)) AS k
CROSS JOIN LATERAL (SELECT person.id * 4 + k AS note_id) AS key
JOIN seed.sentence ON position = seed.pick('sentence', 'note', note_id)
WHERE person.id BETWEEN :first AND :last

-- name: app.note (awkward)
INSERT INTO app.note (id, person_id, author_contact_id, body, created_at)
SELECT key, key / 4, author, body, person.created_at + interval '1 day'
FROM (
    VALUES
        (55, 12, 'Met with Kadri Tamm (kadri.tamm@pohjala.example, +372 5000 0011); Mari does the paperwork.'),
        (59, 11, 'Eelistab kohtumisi hommikul. Töökeel: español.'),
        (95, 21, 'Contact of our supplier; see also siim+emajoe@inbox.example.'),
        (135, NULL, 'Moved here from Soome Lahe.')
) AS note (key, author, body)
JOIN app.person ON person.id = key / 4

-- name: app.activity
-- each: (SELECT max(id) FROM app.person)
INSERT INTO app.activity (id, person_id, kind, detail, occurred_at)
SELECT
    activity_id, person.id, kind,
    jsonb_build_object('subject', text, 'outcome', seed.choose('{reached,no answer,postponed}', 'outcome', activity_id))
        || CASE WHEN kind IN ('call', 'meeting') THEN jsonb_build_object('minutes', seed.integer('minutes', activity_id, 1, 90)) ELSE '{}' END,
    seed.instant('activity', activity_id, person.created_at, greatest(ends_at, person.created_at))
FROM app.person
JOIN seed.tenure USING (customer_id)
CROSS JOIN LATERAL generate_series(1, seed.integer('activities', person.id, 0, 4)) AS k
CROSS JOIN LATERAL (
    SELECT
        person.id * 5 + k AS activity_id,
        seed.choose('{email,email,call,meeting,status_change}', 'kind', person.id * 5 + k) AS kind
) AS key
JOIN seed.sentence ON position = seed.pick('sentence', 'activity', activity_id)
WHERE person.id BETWEEN :first AND :last

-- name: app.invoice
-- One a month for the first year of a contract; it copies the buyer's name and address of the day.
-- each: (SELECT max(id) FROM app.contract)
INSERT INTO app.invoice (
    id, number, customer_id, contract_id, issued_on, due_on, currency, net, vat, gross,
    buyer_name, buyer_vat_number, buyer_street, buyer_city, buyer_postal_code, buyer_country,
    contact_name, contact_email
)
SELECT
    invoice_id, to_char(issued_on, 'YYYY-') || invoice_id, customer.id, contract.id, issued_on, issued_on + 14,
    contract.currency, net, vat, net + vat,
    legal_name, vat_number, invoicing_street, invoicing_city, invoicing_postal_code, invoicing_country,
    contact.first_name || ' ' || contact.last_name, contact.email
FROM app.contract
JOIN app.customer ON customer.id = customer_id
LEFT JOIN app.contact ON contact.id = customer.id * 10 + 1
CROSS JOIN seed.moment
CROSS JOIN LATERAL generate_series(1, 12) AS month
CROSS JOIN LATERAL (
    SELECT
        contract.id * 32 + month AS invoice_id,
        ((contract.starts_at AT TIME ZONE 'Europe/Tallinn') + make_interval(months => month - 1))::date AS issued_on
) AS key
CROSS JOIN LATERAL (
    SELECT monthly_fee + 5 * seed.integer('seats', invoice_id, 0, 20) AS net
) AS amount
CROSS JOIN LATERAL (
    SELECT CASE WHEN invoicing_country = 'EE' THEN round(net * 0.22, 2) ELSE 0 END AS vat
) AS tax
WHERE contract.id BETWEEN :first AND :last
  AND issued_on <= today
  AND (ended_at IS NULL OR issued_on < (ended_at AT TIME ZONE 'Europe/Tallinn')::date)

-- name: app.invoice (credit notes)
-- One invoice in fifty is taken back, and always the first one of customers 1, 12 and 18.
INSERT INTO app.invoice (
    id, number, customer_id, contract_id, credited_invoice_id, issued_on, due_on, currency, net, vat, gross,
    buyer_name, buyer_vat_number, buyer_street, buyer_city, buyer_postal_code, buyer_country,
    contact_name, contact_email
)
SELECT
    id + 16, to_char(issued_on + 20, 'YYYY-') || id + 16, customer_id, contract_id, id,
    issued_on + 20, issued_on + 20, currency, -net, -vat, -gross,
    buyer_name, buyer_vat_number, buyer_street, buyer_city, buyer_postal_code, buyer_country,
    contact_name, contact_email
FROM app.invoice CROSS JOIN seed.moment
WHERE issued_on + 20 <= today
  AND (id IN (11 * 32 + 1, 121 * 32 + 1, 181 * 32 + 1) OR seed.chance('credited', id, 0.02))

-- name: app.invoice_line
-- The fee, and the seats where there are any.
-- each: (SELECT max(id) FROM app.invoice)
INSERT INTO app.invoice_line (id, invoice_id, position, description, quantity, unit_price, net)
SELECT
    invoice.id * 4 + line.position, invoice.id, line.position, line.description,
    sign(invoice.net) * line.quantity, line.unit_price, sign(invoice.net) * line.quantity * line.unit_price
FROM app.invoice
JOIN app.contract ON contract.id = contract_id
CROSS JOIN LATERAL (
    VALUES
        (1, 'Plan ' || plan || ', one month', 1, monthly_fee),
        (2, 'Seats, one month', (abs(invoice.net) - monthly_fee) / 5, 5)
) AS line (position, description, quantity, unit_price)
WHERE invoice.id BETWEEN :first AND :last
  AND line.quantity > 0

-- name: app.payment
-- each: (SELECT max(id) FROM app.invoice)
INSERT INTO app.payment (id, invoice_id, paid_on, amount, payer_name, payer_iban)
SELECT
    invoice.id, invoice.id, paid_on, gross,
    CASE WHEN seed.chance('payer', invoice.id, 0.9) THEN coalesce(contact_name, buyer_name) ELSE buyer_name END,
    iban
FROM app.invoice
CROSS JOIN seed.moment
CROSS JOIN LATERAL (SELECT issued_on + seed.integer('paid', invoice.id, 2, 40)::integer AS paid_on) AS payment
JOIN seed.account ON position = seed.pick('account', 'payer', customer_id)
WHERE invoice.id BETWEEN :first AND :last
  AND paid_on <= today
  AND seed.chance('pays', invoice.id, 0.97)

-- ================================================================================== telemetry of the website

-- name: partitions
-- From the first day of telemetry to a week ahead, so that the website could go on writing.
CALL website.create_days(
    ((:as_of - interval '20 minutes') AT TIME ZONE 'Europe/Tallinn')::date - CAST(:days AS integer),
    (:as_of AT TIME ZONE 'Europe/Tallinn')::date + 7
)

-- name: sessions (table)
CREATE TABLE seed.session (n bigint PRIMARY KEY, visitor bigint NOT NULL, started_at timestamptz NOT NULL)

-- name: sessions
-- Twenty a day and six more per customer, in the order of days. Few visitors come often; noon is busier than night.
-- each: :days * (20 + 6 * :customers)
INSERT INTO seed.session (n, visitor, started_at)
SELECT
    n,
    seed.skewed('visitor', n, :days * (20 + 6 * :customers) / 3, 2.2),
    CASE WHEN started_at > last_visit THEN started_at - interval '1 day' ELSE started_at END AT TIME ZONE 'Europe/Tallinn'
FROM generate_series(:first, :last) AS n
CROSS JOIN seed.moment
CROSS JOIN LATERAL (
    SELECT date_trunc('second',
        last_visit::date - (:days - 1 - (n - 1) / (20 + 6 * :customers))::integer
        + interval '12 hours' * (seed.uniform('hour', n) + seed.uniform('minute', n))
    ) AS started_at
) AS start

-- name: website.visitor
-- Whoever came in those days; a third of them had come before. A session is over within a quarter of an hour.
INSERT INTO website.visitor (id, first_seen_at, last_seen_at)
SELECT
    seed.uuid('visitor', visitor),
    min(started_at) - CASE
        WHEN seed.chance('known', visitor, 0.33)
            THEN make_interval(hours => seed.integer('known for', visitor, 1, 9000)::integer)
        ELSE interval '0'
    END,
    max(started_at) + interval '15 minutes'
FROM seed.session
GROUP BY visitor
ORDER BY visitor

-- name: website.visitor (gone)
-- Cookies that did not come back in those days.
-- each: :days * (20 + 6 * :customers) / 60
INSERT INTO website.visitor (id, first_seen_at, last_seen_at)
SELECT
    seed.uuid('gone visitor', n), last_seen_at - make_interval(hours => seed.integer('gone', n, 0, 3000)::integer), last_seen_at
FROM generate_series(:first, :last) AS n
CROSS JOIN seed.moment
CROSS JOIN LATERAL (
    SELECT seed.instant('gone', n, :as_of - make_interval(days => CAST(:days AS integer) + 90), :as_of - make_interval(days => CAST(:days AS integer) + 1)) AS last_seen_at
) AS seen

-- name: website.page_view
-- One to four pages a session, three minutes apart at most.
-- each: (SELECT count(*) FROM seed.session)
INSERT INTO website.page_view (
    id, occurred_at, visitor_id, session_id, path, referrer, navigation, duration_seconds,
    ip_address, user_agent, browser, browser_version, device_type, operating_system, country, city
)
SELECT
    view_id,
    started_at + make_interval(secs => (k - 1) * 180 + seed.integer('view', view_id, 0, 50)),
    seed.uuid('visitor', visitor), seed.uuid('session', n),
    seed.choose('{/,/,/,/pricing,/product,/product/teams,/blog,/blog/2024/hiring,/demo,/contact,/privacy}', 'path', view_id),
    CASE WHEN k = 1 AND seed.chance('referred', n, 0.6)
        THEN seed.choose('{https://search.example/,https://social.example/feed,https://partner.example/tools}', 'referrer', n) END,
    CASE WHEN k > 1 THEN seed.choose('{link,link,link,back_forward,reload}', 'navigation', view_id)
        ELSE seed.choose('{link,typed}', 'navigation', view_id) END,
    least(170, (5 * seed.pareto('duration', view_id, 1.1)))::integer,
    CASE WHEN seed.chance('ipv6', visitor, 0.15)
        THEN '2001:db8::'::inet + visitor * 65536 + n % 8
        ELSE '198.18.0.0'::inet + (visitor * 3 + n % 3) % 131072 END,
    user_agent, browser, browser_version, device_type, operating_system, country,
    CASE WHEN seed.chance('city', visitor, 0.8) THEN city END
FROM seed.session
CROSS JOIN LATERAL generate_series(1, seed.integer('views', n, 1, 4)) AS k
CROSS JOIN LATERAL (SELECT n * 4 + k AS view_id) AS key
JOIN seed.browser ON browser.position = seed.pick('agent', 'visitor', visitor)
JOIN seed.firm ON firm.position = seed.pick('company', 'visitor', visitor)
WHERE n BETWEEN :first AND :last

-- name: website.interaction
-- each: (SELECT count(*) FROM seed.session)
INSERT INTO website.interaction (id, occurred_at, visitor_id, session_id, path, element, kind, detail)
SELECT
    n * 4 + k,
    started_at + make_interval(secs => k * 150 + seed.integer('interaction', n * 4 + k, 0, 50)),
    seed.uuid('visitor', visitor), seed.uuid('session', n),
    seed.choose('{/,/pricing,/product,/blog,/demo}', 'interaction path', n * 4 + k),
    seed.choose('{header,menu,price-table,video,demo-form,footer}', 'element', n * 4 + k),
    kind,
    CASE kind
        WHEN 'scroll' THEN jsonb_build_object('depth_percent', seed.integer('depth', n * 4 + k, 1, 100))
        WHEN 'copy' THEN jsonb_build_object('text', seed.choose('{+372 5000 0000,hello@company.example}', 'copied', n * 4 + k))
    END
FROM seed.session
CROSS JOIN LATERAL generate_series(1, seed.integer('interactions', n, 0, 2)) AS k
CROSS JOIN LATERAL (SELECT seed.choose('{click,click,scroll,scroll,submit,play,copy}', 'interaction', n * 4 + k) AS kind) AS chosen
WHERE n BETWEEN :first AND :last

-- name: website.visitor (awkward)
-- The first browser is shared by two people who both enquire; the second is seen exactly at midnight.
INSERT INTO website.visitor (id, first_seen_at, last_seen_at)
SELECT seed.uuid('awkward visitor', n), website.day_starts_at(last_visit::date - 1), website.day_starts_at(last_visit::date)
FROM seed.moment, generate_series(1, 2) AS n

-- name: website.page_view (awkward)
-- The first and the last instant of a day of telemetry, and the first of the day after.
INSERT INTO website.page_view (
    id, occurred_at, visitor_id, session_id, path, navigation, duration_seconds,
    ip_address, user_agent, browser, browser_version, device_type, operating_system, country
)
SELECT
    n, occurred_at, seed.uuid('awkward visitor', 1 + n % 2), seed.uuid('awkward session', n), '/', 'typed', 0,
    '2001:db8::1', user_agent, browser, browser_version, device_type, operating_system, 'EE'
FROM seed.moment
CROSS JOIN LATERAL (
    VALUES
        (1, website.day_starts_at(last_visit::date - 1)),
        (2, website.day_starts_at(last_visit::date) - interval '1 microsecond'),
        (3, website.day_starts_at(last_visit::date))
) AS view (n, occurred_at)
JOIN seed.browser ON position = 1

-- name: website.cookie_choice
-- Four in five choose; one in ten of them changes their mind and refuses all.
INSERT INTO website.cookie_choice (id, visitor_id, chosen_at, analytical, functionality, third_party)
SELECT
    2 * number + k, id,
    CASE k WHEN 1 THEN first_seen_at ELSE last_seen_at END,
    k = 1 AND seed.chance('analytical', number, 0.6),
    k = 1 AND seed.chance('functionality', number, 0.7),
    k = 1 AND seed.chance('third party', number, 0.3)
FROM (SELECT *, row_number() OVER (ORDER BY id) AS number FROM website.visitor) AS visitor
CROSS JOIN LATERAL generate_series(1, CASE WHEN seed.chance('changes', number, 0.1) THEN 2 ELSE 1 END) AS k
WHERE seed.chance('chooses', number, 0.8)

-- ======================================================================= what people tell us on the website

-- name: website.enquiry
-- Over four years; the visitors of most are forgotten by now.
-- each: 3 * :customers + 10
INSERT INTO website.enquiry (id, kind, first_name, last_name, email, phone, employer, job_position, submitted_at)
SELECT
    id, seed.choose('{demo,demo,contact,support}', 'enquiry', id),
    first_name, last_name,
    mailbox || id || '@' || seed.choose('{inbox.example,mail.test,example.com}', 'mail', id),
    CASE WHEN seed.chance('enquiry phone', id, 0.5) THEN phone END,
    firm.name,
    CASE WHEN seed.chance('enquiry position', id, 0.6) THEN title END,
    seed.instant('enquiry', id, :as_of - interval '4 years', :as_of)
FROM generate_series(100 + :first, 100 + :last) AS id
JOIN seed.who ON who.position = seed.pick('person', 'enquiry', id)
JOIN seed.firm ON firm.position = seed.pick('company', 'enquiry', id)
JOIN seed.job ON job.position = seed.pick('job', 'enquiry', id)

-- name: website.enquiry (visitor known)
-- each: :customers / 5 + 5
INSERT INTO website.enquiry (id, kind, first_name, last_name, email, phone, employer, job_position, submitted_at, visitor_id)
SELECT
    n, 'demo', first_name, last_name, mailbox || n || '@' || seed.choose('{inbox.example,mail.test}', 'mail', n),
    CASE WHEN seed.chance('enquiry phone', n, 0.5) THEN phone END, firm.name, title, last_seen_at, visitor.id
FROM generate_series(110 + 3 * :customers + :first, 110 + 3 * :customers + :last) AS n
JOIN seed.who ON who.position = seed.pick('person', 'enquiry', n)
JOIN seed.firm ON firm.position = seed.pick('company', 'enquiry', n)
JOIN seed.job ON job.position = seed.pick('job', 'enquiry', n)
JOIN website.visitor ON visitor.id = seed.uuid('visitor', seed.skewed('enquirer', n, :days * (20 + 6 * :customers) / 3, 1.5))

-- name: website.enquiry (awkward)
-- Kadri has enquired before she was a contact, and Siim under an address with a plus; two share one browser;
-- two were submitted three years before the history ends, on the day and the day after.
INSERT INTO website.enquiry (id, kind, first_name, last_name, email, phone, employer, job_position, submitted_at, visitor_id)
SELECT key, kind, first_name, last_name, email, phone, employer, job_position, submitted_at, visitor_id
FROM
    seed.moment,
    LATERAL (
        VALUES
            (1, 'demo', 'Kadri', 'Tamm', 'kadri.tamm@pohjala.example', '+37250000011', 'Põhjala Puit OÜ', 'Head of Sales',
                (today - interval '30 months') AT TIME ZONE 'Europe/Tallinn', NULL::uuid),
            (2, 'support', 'Siim', 'Põld', 'siim+emajoe@inbox.example', NULL, 'Emajõe Energia OÜ', NULL,
                (today - interval '10 months') AT TIME ZONE 'Europe/Tallinn', NULL),
            (3, 'contact', 'Õie', 'Šmidt', 'õie.šmidt@näidis.example', NULL, 'Näidis OÜ', NULL,
                website.day_starts_at(last_visit::date - 1), seed.uuid('awkward visitor', 1)),
            (4, 'contact', 'Jaan', 'Šmidt', 'jaan.smidt@example.com', NULL, 'Näidis OÜ', NULL,
                website.day_starts_at(last_visit::date), seed.uuid('awkward visitor', 1)),
            (5, 'demo', 'Rein', 'Aeg', 'rein.aeg@mail.test', '+37250000905', 'Aja Leht AS', 'Editor',
                (today - interval '3 years' + time '12:00') AT TIME ZONE 'Europe/Tallinn', NULL),
            (6, 'demo', 'Reet', 'Aeg', 'reet.aeg@mail.test', '+37250000906', 'Aja Leht AS', 'Editor',
                (today - interval '3 years' + interval '36 hours') AT TIME ZONE 'Europe/Tallinn', NULL)
    ) AS enquiry (key, kind, first_name, last_name, email, phone, employer, job_position, submitted_at, visitor_id)

-- name: website.message
-- Up to three an enquiry, starting with our answer, within three weeks.
-- each: (SELECT max(id) FROM website.enquiry)
INSERT INTO website.message (id, enquiry_id, sender, body, sent_at)
SELECT
    message_id, enquiry.id, CASE k % 2 WHEN 1 THEN 'company' ELSE 'enquirer' END,
    CASE WHEN k = 1 THEN format('Tere, %s! %s', enquiry.first_name, text)
        WHEN k = 2 THEN format(E'%s\n\n%s %s, %s', text, enquiry.first_name, enquiry.last_name, enquiry.email)
        ELSE text END,
    least(submitted_at + make_interval(hours => ((k - 1) * 160 + seed.integer('message', message_id, 1, 150))::integer), :as_of)
FROM website.enquiry
CROSS JOIN LATERAL generate_series(1, seed.integer('messages', enquiry.id, 0, 3)) AS k
CROSS JOIN LATERAL (SELECT enquiry.id * 4 + k AS message_id) AS key
JOIN seed.sentence ON position = seed.pick('sentence', 'message', message_id)
WHERE enquiry.id BETWEEN :first AND :last

-- name: website.chat
-- A third of the enquiries began as a chat.
-- each: (SELECT max(id) FROM website.enquiry)
INSERT INTO website.chat (id, visitor_id, enquiry_id, email, started_at, ended_at, transcript)
SELECT
    2 * enquiry.id, visitor_id, enquiry.id, CASE WHEN seed.chance('chat mail', enquiry.id, 0.5) THEN email END,
    submitted_at - interval '10 minutes', submitted_at,
    jsonb_build_array(
        jsonb_build_object('at', submitted_at - interval '10 minutes', 'from', 'visitor', 'text', text),
        jsonb_build_object('at', submitted_at - interval '8 minutes', 'from', 'company', 'text', 'Whom may I write to?'),
        jsonb_build_object('at', submitted_at, 'from', 'visitor', 'text', format('%s, %s', first_name, email))
    )
FROM website.enquiry
JOIN seed.sentence ON position = seed.pick('sentence', 'chat', enquiry.id)
WHERE enquiry.id BETWEEN :first AND :last
  AND seed.chance('chat', enquiry.id, 0.33)

-- name: website.chat (visitor alone)
-- One visitor in forty chats and leaves no address.
INSERT INTO website.chat (id, visitor_id, started_at, ended_at, transcript)
SELECT
    2 * number + 1, id, last_seen_at - interval '5 minutes', last_seen_at,
    jsonb_build_array(
        jsonb_build_object('at', last_seen_at - interval '5 minutes', 'from', 'visitor', 'text', text),
        jsonb_build_object('at', last_seen_at, 'from', 'company', 'text', 'Yes.')
    )
FROM (SELECT *, row_number() OVER (ORDER BY id) AS number FROM website.visitor) AS visitor
JOIN seed.sentence ON position = seed.pick('sentence', 'lone chat', number)
WHERE seed.chance('lone chat', number, 0.025)

-- name: website.marketing_subscription
-- each: 4 * :customers + 20
INSERT INTO website.marketing_subscription (id, email, first_name, last_name, language, created_at)
SELECT
    n, mailbox || n || '@' || seed.choose('{inbox.example,mail.test,example.com}', 'mail', n),
    CASE WHEN seed.chance('named', n, 0.6) THEN first_name END,
    CASE WHEN seed.chance('named', n, 0.5) THEN last_name END,
    language, seed.instant('subscription', n, :as_of - interval '5 years', :as_of)
FROM generate_series(100 + :first, 100 + :last) AS n
JOIN seed.who ON position = seed.pick('person', 'subscription', n)

-- name: website.marketing_subscription (awkward)
-- Kadri again; a plus and a capital in an address; one whose visitor is still known.
INSERT INTO website.marketing_subscription (id, email, first_name, last_name, language, visitor_id, created_at)
SELECT id, email, first_name, last_name, 'et', visitor_id, created_at
FROM
    seed.moment,
    LATERAL (
        VALUES
            (1, 'kadri.tamm@pohjala.example', 'Kadri', 'Tamm', NULL::uuid, (today - interval '20 months') AT TIME ZONE 'Europe/Tallinn'),
            (2, 'Siim+News@inbox.example', 'Siim', NULL, NULL, (today - interval '4 years') AT TIME ZONE 'Europe/Tallinn'),
            (3, 'õie.šmidt@näidis.example', NULL, NULL, seed.uuid('awkward visitor', 1), website.day_starts_at(last_visit::date))
    ) AS subscription (id, email, first_name, last_name, visitor_id, created_at)

-- name: website.marketing_consent
-- Given with the subscription; three in ten withdraw, and one in ten of those comes back.
-- each: (SELECT max(id) FROM website.marketing_subscription)
INSERT INTO website.marketing_consent (id, subscription_id, event, occurred_at, source, wording)
SELECT
    id * 4 + k, id,
    CASE k WHEN 2 THEN 'withdrawn' ELSE 'given' END,
    created_at + (:as_of - created_at) * CASE k
        WHEN 1 THEN 0
        WHEN 2 THEN seed.uniform('withdrawn', id) / 2
        ELSE 0.5 + seed.uniform('given again', id) / 2
    END,
    CASE k WHEN 2 THEN seed.choose('{unsubscribe_link,unsubscribe_link,unsubscribe_link,request}', 'source', id) ELSE 'form' END,
    CASE WHEN created_at < :as_of - interval '2 years' THEN '2021-03' ELSE '2024-01' END
FROM website.marketing_subscription
CROSS JOIN LATERAL generate_series(1,
    CASE WHEN NOT seed.chance('withdraws', id, 0.3) THEN 1 WHEN seed.chance('comes back', id, 0.1) THEN 3 ELSE 2 END
) AS k
WHERE id BETWEEN :first AND :last

-- ============================================================================================== disclosures

-- name: app.disclosure (persons)
-- Texts about one person in five were translated or summarised.
-- each: (SELECT max(id) FROM app.person)
INSERT INTO app.disclosure (id, recipient, purpose, disclosed_at, person_id)
SELECT
    id * 4, recipient, CASE recipient WHEN 'machine_translation' THEN 'translation of notes' ELSE 'summary of notes' END,
    seed.instant('disclosure', id, created_at, greatest(ends_at, created_at)), id
FROM app.person
JOIN seed.tenure USING (customer_id)
CROSS JOIN LATERAL (SELECT seed.choose('{machine_translation,language_model}', 'recipient', id) AS recipient) AS chosen
WHERE id BETWEEN :first AND :last
  AND (id < 1000 OR seed.chance('disclosed', id, 0.2))

-- name: app.disclosure (contacts)
INSERT INTO app.disclosure (id, recipient, purpose, disclosed_at, contact_id)
SELECT id * 4 + 1, 'mail_and_chat', 'invoices and notices', created_at, id
FROM app.contact

-- name: app.disclosure (subscriptions)
INSERT INTO app.disclosure (id, recipient, purpose, disclosed_at, subscription_id)
SELECT id * 4 + 2, 'mail_and_chat', 'marketing communications', created_at, id
FROM website.marketing_subscription

-- name: app.disclosure (enquiries)
INSERT INTO app.disclosure (id, recipient, purpose, disclosed_at, enquiry_id)
SELECT id * 4 + 3, seed.choose('{mail_and_chat,mail_and_chat,fraud_prevention}', 'enquiry recipient', id), 'answering the enquiry', submitted_at, id
FROM website.enquiry
