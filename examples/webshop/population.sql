-- Fills the web shop. Bound: :customers accounts besides the awkward ones, :days of clicks, :as_of; per chunk
-- :first and :last. Accounts up to 99 are the awkward cases. Times are naive and mean UTC, as in the schema.

-- name: shoppers
CREATE TABLE seed.buyer AS
SELECT
    position, first_name || ' ' || last_name AS full_name,
    coalesce(nullif(seed.ascii(first_name) || '.' || seed.ascii(last_name), '.'), 'user.' || translate(position::text, '0123456789', 'abcdefghij')) AS mailbox,
    '+353' || right('0000000' || regexp_replace(mobile, '[^0-9]', '', 'g'), 8) AS mobile
FROM seed.shopper

-- name: shop.address
-- Half as many as accounts, so that households share them.
INSERT INTO shop.address (address_id, street, town, postcode, country)
SELECT n, street, town, postcode, country
FROM generate_series(1, 20 + :customers / 2) AS n
JOIN seed.place ON position = seed.pick('place', 'address', n)

-- name: shop.article
INSERT INTO shop.article (sku, title, price)
SELECT 'SKU-' || position, title, seed.integer('price', position, 3, 200)
FROM seed.thing

-- name: shop.account
-- A third of them have left, some of them longer ago than is allowed.
-- each: :customers
INSERT INTO shop.account (
    account_no, mail, full_name, mobile, born_on, home_address_id, referred_by_account_no, opened_on, closed_on
)
SELECT
    n, mailbox || n || '@' || seed.choose('{post.example,mail.test}', 'mail', n), full_name,
    CASE WHEN seed.chance('mobile', n, 0.6) THEN mobile END,
    CASE WHEN seed.chance('born', n, 0.4) THEN date '1950-01-01' + seed.integer('born', n, 0, 20000)::integer END,
    CASE WHEN seed.chance('home', n, 0.9) THEN seed.integer('home', n, 1, 20 + :customers / 2) END,
    CASE WHEN n > 101 AND seed.chance('referred', n, 0.2) THEN seed.integer('referred', n, 101, n - 1) END,
    opened_on,
    CASE WHEN seed.chance('left', n, 0.33)
        THEN opened_on + seed.integer('left', n, 0, (:as_of AT TIME ZONE 'UTC')::date - opened_on)::integer END
FROM generate_series(100 + :first, 100 + :last) AS n
JOIN seed.buyer ON position = seed.pick('shopper', 'account', n)
CROSS JOIN LATERAL (
    SELECT (:as_of AT TIME ZONE 'UTC')::date - seed.integer('opened', n, 1, 2900)::integer AS opened_on
) AS opening

-- name: shop.account (awkward)
-- A couple at one address; one who referred the other and left; one who left on 29 February.
INSERT INTO shop.account (
    account_no, mail, full_name, mobile, born_on, home_address_id, referred_by_account_no, opened_on, closed_on
)
VALUES
    (1, 'aoife@fen.example', 'Aoife Ó Briain', '+353860000001', NULL, 1, NULL, date '2019-05-01', NULL),
    (2, 'séamus@fen.example', 'Séamus Ó Briain', NULL, date '1980-02-29', 1, 1, date '2019-05-02', NULL),
    (3, 'Tess+Shop@mail.test', 'Tess Byrne', NULL, NULL, 2, NULL, date '2018-01-15', date '2024-02-29'),
    (4, 'rory@mail.test', 'Rory Byrne', '+353860000004', NULL, 2, 3, date '2018-03-01', NULL)

-- name: shop.purchase
-- One in six by a guest; one in five goes to somebody else's address; some were never paid.
-- each: :customers * 4
INSERT INTO shop.purchase (
    purchase_no, account_no, guest_mail, ship_address_id, placed_at, paid_on, total, gift_message
)
SELECT
    'P-' || n, account_no, CASE WHEN is_guest THEN 'guest' || n || '@post.example' END,
    CASE WHEN is_guest OR seed.chance('gift', n, 0.2) THEN seed.integer('ship', n, 1, 20 + :customers / 2)
        ELSE home_address_id END,
    placed_at, CASE WHEN seed.chance('paid', n, 0.95) THEN placed_at::date END,
    0,
    CASE WHEN seed.chance('gift', n, 0.2) THEN format('For %s: %s', full_name, text) END
FROM (
    SELECT n, seed.chance('guest', n, 0.17) AS is_guest, 100 + seed.skewed('buyer', n, :customers, 1.5) AS buyer_no
    FROM generate_series(100 + :first, 100 + :last) AS n
) AS number
LEFT JOIN shop.account ON account_no = buyer_no AND NOT is_guest
CROSS JOIN LATERAL (
    SELECT seed.instant(
        'placed', n,
        coalesce(opened_on::timestamp AT TIME ZONE 'UTC', :as_of - interval '8 years'),
        coalesce(closed_on::timestamp AT TIME ZONE 'UTC', :as_of)
    ) AT TIME ZONE 'UTC' AS placed_at
) AS moment
JOIN seed.sentence ON position = seed.pick('sentence', 'gift', n)

-- name: shop.purchase (awkward)
-- Both halves of the couple had parcels sent to their one address; a guest sent one there too; Tess bought
-- eight years ago.
INSERT INTO shop.purchase (
    purchase_no, account_no, guest_mail, ship_address_id, placed_at, paid_on, total, gift_message
)
SELECT purchase_no, account_no, guest_mail, ship_address_id, placed_at, placed_at::date, 0, gift_message
FROM (
    VALUES
        ('P-1', 1, NULL, 1, timestamp '2024-03-31 01:30', 'For Séamus, from Aoife'),
        ('P-2', 2, NULL, 1, timestamp '2024-12-31 23:59:59', NULL),
        ('P-3', NULL, 'tess+shop@mail.test', 1, timestamp '2025-01-01 00:00', NULL),
        ('P-4', 3, NULL, 2, timestamp '2018-01-20 12:00', NULL)
) AS purchase (purchase_no, account_no, guest_mail, ship_address_id, placed_at, gift_message)

-- name: shop.purchase_item
-- each: :customers * 4 + 100
INSERT INTO shop.purchase_item (purchase_no, line_no, sku, quantity, price)
SELECT purchase_no, line_no, sku, seed.integer('quantity', n * 8 + line_no, 1, 3), price
FROM generate_series(:first, :last) AS n
JOIN shop.purchase ON purchase_no = 'P-' || n
CROSS JOIN LATERAL generate_series(1, seed.integer('lines', n, 1, 4)) AS line_no
JOIN shop.article ON sku = 'SKU-' || seed.pick('thing', 'bought', n * 8 + line_no)

-- name: totals
UPDATE shop.purchase SET total = item.total
FROM (SELECT purchase_no, sum(quantity * price) AS total FROM shop.purchase_item GROUP BY purchase_no) AS item
WHERE item.purchase_no = purchase.purchase_no

-- name: shop.returned_item
INSERT INTO shop.returned_item (purchase_no, line_no, returned_on, reason)
SELECT
    purchase_no, line_no, least(placed_at::date + 9, (:as_of AT TIME ZONE 'UTC')::date),
    CASE WHEN seed.chance('reason', n, 0.5) THEN text END
FROM shop.purchase_item
JOIN shop.purchase USING (purchase_no)
CROSS JOIN LATERAL (SELECT substr(purchase_no, 3)::bigint * 8 + line_no AS n) AS key
JOIN seed.sentence ON position = seed.pick('sentence', 'reason', n)
WHERE seed.chance('returned', n, 0.05) OR (purchase_no = 'P-1' AND line_no = 1)

-- name: shop.favourite
INSERT INTO shop.favourite (account_no, sku)
SELECT DISTINCT account_no, 'SKU-' || seed.pick('thing', 'favourite', account_no * 8 + k)
FROM shop.account
CROSS JOIN LATERAL generate_series(1, seed.integer('favourites', account_no, 0, 5)) AS k
ORDER BY 1, 2

-- name: span of clicks
CREATE TABLE seed.span AS
SELECT
    ((:as_of - make_interval(days => CAST(:days AS integer))) AT TIME ZONE 'UTC')::date AS first_day,
    (:as_of AT TIME ZONE 'UTC')::date AS last_day

-- name: months
-- Every month that a click can lie in, and the next.
DO $$
DECLARE
    month date;
BEGIN
    FOR month IN SELECT generate_series(
        date_trunc('month', first_day), date_trunc('month', last_day) + interval '1 month', interval '1 month'
    ) FROM seed.span LOOP
        CALL shop.create_month(month);
    END LOOP;
END $$

-- name: shop.click
-- Every second click without an account. Fifteen a day and account.
-- each: :days * (30 + 15 * :customers)
INSERT INTO shop.click (click_id, clicked_at, account_no, cookie, url, client_ip)
SELECT
    n, (:as_of - make_interval(secs => seed.uniform('clicked', n) * CAST(:days AS integer) * 86400)) AT TIME ZONE 'UTC',
    account_no, md5('cookie' || clicker), '/p/SKU-' || seed.pick('thing', 'clicked', n),
    '198.19.0.0'::inet + clicker % 65536
FROM generate_series(:first, :last) AS n
CROSS JOIN LATERAL (SELECT 100 + seed.skewed('clicker', n, :customers + 10, 2) AS clicker) AS visit
LEFT JOIN shop.account ON account_no = clicker AND n % 2 = 0

-- name: crm.ticket
-- The account's number as text; one in four knows only what the mail said. A third is about a purchase too.
-- each: :customers / 2 + 4
INSERT INTO crm.ticket (ticket_id, account_ref, purchase_no, opened_at, closed_at, subject, source)
SELECT
    n, CASE WHEN n <= 4 OR seed.chance('known', n, 0.75) THEN account_no::text END,
    CASE WHEN seed.chance('about', n, 0.33) THEN (
        SELECT min(purchase_no) FROM shop.purchase WHERE purchase.account_no = account.account_no
    ) END,
    opened_at, CASE WHEN seed.chance('closed', n, 0.9) THEN opened_at + least(interval '4 days', (:as_of AT TIME ZONE 'UTC') - opened_at) END,
    text,
    jsonb_build_object(
        'channel', 'mail',
        'sender', jsonb_build_object('mail', mail, 'name', full_name)
    )
FROM generate_series(:first, :last) AS n
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN n <= 4 THEN n ELSE 100 + seed.integer('asker', n, 1, greatest(:customers, 1)) END AS asker_no,
        seed.instant('opened', n, :as_of - interval '4 years', :as_of) AT TIME ZONE 'UTC' AS opened_at
) AS ask
JOIN shop.account ON account_no = asker_no
JOIN seed.sentence ON position = seed.pick('sentence', 'subject', n)

-- name: crm.reply
INSERT INTO crm.reply (reply_id, ticket_id, written_at, body)
SELECT
    ticket_id * 4 + k, ticket_id, opened_at + (coalesce(closed_at, opened_at) - opened_at) * k / 3,
    CASE WHEN k = 2 THEN format('%s Regards, %s', text, source #>> '{sender,name}') ELSE text END
FROM crm.ticket
CROSS JOIN LATERAL generate_series(1, seed.integer('replies', ticket_id, 1, 3)) AS k
JOIN seed.sentence ON position = seed.pick('sentence', 'reply', ticket_id * 4 + k)

-- name: crm.segment
INSERT INTO crm.segment (segment_id, title) VALUES (1, 'Big spenders'), (2, 'Not seen for a year'), (3, 'Fishing')

-- name: crm.segment_account
INSERT INTO crm.segment_account (segment_id, account_no, joined_on)
SELECT segment_id, account_no, opened_on
FROM shop.account
CROSS JOIN crm.segment
WHERE account_no <= 2 OR seed.chance('segment', account_no * 4 + segment_id, 0.2)

-- name: public.newsletter
-- Half of the accounts and as many others; a quarter stopped it.
INSERT INTO public.newsletter (mail, wanted_at, stopped_at)
SELECT mail, wanted_at, CASE WHEN seed.chance('stopped', n, 0.25) THEN wanted_at + (:as_of AT TIME ZONE 'UTC' - wanted_at) / 2 END
FROM (
    SELECT account_no AS n, lower(mail) AS mail FROM shop.account WHERE account_no <= 3 OR seed.chance('newsletter', account_no, 0.5)
    UNION ALL
    SELECT n + 1000000000, 'reader' || n || '@post.example' FROM generate_series(1, 5 + :customers / 2) AS n
) AS reader
CROSS JOIN LATERAL (
    SELECT seed.instant('wanted', n, :as_of - interval '5 years', :as_of) AT TIME ZONE 'UTC' AS wanted_at
) AS moment
