-- Runs after columns were drawn like released tables (lifecycle seed --like-release), so that what else such a row says
-- fits. Statements are written and bound as in population.sql; its tables of the schema seed are there.

-- name: towns
CREATE TABLE seed.town AS
SELECT country, array_agg(DISTINCT city ORDER BY city) AS cities
FROM seed.firm
GROUP BY country

-- name: website.page_view (as drawn)
-- What a server reads from the user agent; where a town was told, one of the country.
UPDATE website.page_view SET
    browser = seed.browser_of(user_agent), browser_version = seed.version_of(user_agent),
    device_type = seed.device_of(user_agent), operating_system = seed.system_of(user_agent),
    city = CASE WHEN city IS NOT NULL THEN (
        SELECT seed.choose(cities, 'drawn town', hashtextextended(visitor_id::text, 0))
        FROM seed.town
        WHERE town.country = page_view.country
    ) END
