-- Releases: what was drawn of which period, what it took of the budget, and tables that are written once.

CREATE TABLE lifecycle.release_draw (
    draw_id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    release        text NOT NULL CHECK (release ~ '^[a-z][a-z0-9_]{0,30}$'),
    feed           text NOT NULL CHECK (feed ~ '^[a-z][a-z0-9_]{0,30}$'),
    first_day      date NOT NULL,
    last_day       date NOT NULL,
    state          text NOT NULL DEFAULT 'reserved' CHECK (state IN ('reserved', 'released', 'failed', 'forgotten')),
    rho            numeric NOT NULL CHECK (rho > 0),
    delta          numeric CHECK (delta > 0 AND delta < 1),
    policy_version date,
    reserved_at    timestamptz NOT NULL,
    ended_at       timestamptz,
    manifest       text,
    sha256         text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    entry          bigint CHECK (entry >= 0),
    CONSTRAINT release_draw_is_of_days_in_order CHECK (first_day <= last_day),
    CONSTRAINT release_draw_ends CHECK ((ended_at IS NULL) = (state = 'reserved')),
    CONSTRAINT release_draw_is_known_by_its_manifest CHECK ((manifest IS NULL) = (state <> 'released')),
    CONSTRAINT release_draw_is_in_the_ledger CHECK ((entry IS NULL) = (state = 'reserved')),
    CONSTRAINT release_draw_has_a_digest CHECK ((sha256 IS NULL) = (state IN ('reserved', 'failed'))),
    CONSTRAINT release_draw_says_how_it_was_made CHECK (state IN ('forgotten', 'failed') OR num_nulls(delta, policy_version) = 0)
);
CREATE UNIQUE INDEX release_draw_once ON lifecycle.release_draw (release, feed, first_day) WHERE state IN ('released', 'forgotten');
CREATE UNIQUE INDEX release_draw_one_at_a_time ON lifecycle.release_draw (release, feed, first_day) WHERE state = 'reserved';
CREATE UNIQUE INDEX release_draw_entry ON lifecycle.release_draw (entry);
CREATE INDEX release_draw_days ON lifecycle.release_draw (release, feed, first_day, last_day);
COMMENT ON TABLE lifecycle.release_draw IS
    'Each time that numbers were drawn of a period, for one feed. Never deleted: what was taken of the budget stays taken.';
COMMENT ON COLUMN lifecycle.release_draw.state IS
    'reserved while numbers are drawn; released with them; failed when nobody knows whether somebody saw them; forgotten'
    ' when the ledger says that it was released, and this database, restored from a backup, does not know it.';
COMMENT ON COLUMN lifecycle.release_draw.rho IS 'What it took of the budget (zero-concentrated differential privacy).';
COMMENT ON COLUMN lifecycle.release_draw.entry IS 'The entry of the ledger that says so.';

CREATE TABLE lifecycle.release_reading (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    entries bigint NOT NULL CHECK (entries >= 0)
);
INSERT INTO lifecycle.release_reading (entries) VALUES (0);
COMMENT ON TABLE lifecycle.release_reading IS
    'How many entries of the ledger were compared with the register of draws: a restored database has fewer draws than entries.';

CREATE TABLE lifecycle.release_period (
    release    text NOT NULL CHECK (release ~ '^[a-z][a-z0-9_]{0,30}$'),
    first_day  date NOT NULL,
    last_day   date NOT NULL,
    events     bigint NOT NULL CHECK (events >= 0),
    left_out   jsonb NOT NULL,
    robots     bigint NOT NULL CHECK (robots >= 0),
    counted_at timestamptz NOT NULL,
    PRIMARY KEY (release, first_day)
);
COMMENT ON TABLE lifecycle.release_period IS
    'How many events a period had when it was released, and why some were left out: exact, for operators only.';

CREATE TABLE lifecycle.release_lost (
    release   text NOT NULL CHECK (release ~ '^[a-z][a-z0-9_]{0,30}$'),
    first_day date NOT NULL,
    last_day  date NOT NULL,
    reason    text NOT NULL CHECK (reason <> ''),
    lost_by   text NOT NULL CHECK (lost_by <> ''),
    lost_at   timestamptz NOT NULL,
    entry     bigint NOT NULL CHECK (entry >= 0),
    PRIMARY KEY (release, first_day)
);
COMMENT ON TABLE lifecycle.release_lost IS 'Periods that are never released, because an operator said so.';

-- What a window of days has taken at most, whichever days of the draw's own it begins or ends with. A period that is
-- partly in the window counts whole.
CREATE FUNCTION lifecycle.release_taken(of_release text, of_feed text, from_day date, to_day date, days integer) RETURNS numeric
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(max(taken), 0)
    FROM (
        SELECT sum(draw.rho) AS taken
        FROM generate_series(0, days - 1 + (to_day - from_day)) AS back
        JOIN lifecycle.release_draw AS draw
            ON draw.release = of_release AND draw.feed = of_feed
            AND draw.last_day >= to_day - back AND draw.first_day <= to_day - back + days - 1
        GROUP BY back
    ) AS windows
$$;

-- Take what a drawing needs of the budget, before anything is drawn. Nobody else may write into the table of draws.
--
-- result   the draw; or, with no draw, why not: released (it was before), drawing (somebody does), period, days_30 or
--          days_365 (that budget does not have it any more), lost
CREATE FUNCTION lifecycle.release_reserve(
    of_release text, of_feed text, from_day date, to_day date, takes numeric, fails numeric,
    most_period numeric, most_30 numeric, most_365 numeric, version date, at timestamptz,
    OUT draw uuid, OUT refused text
)
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF num_nulls(of_release, of_feed, from_day, to_day, takes, fails, most_period, most_30, most_365, version, at) > 0 THEN
        RAISE 'release_reserve needs all that it asks for' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    -- One at a time for a feed, so that no two of them see the same budget.
    PERFORM pg_advisory_xact_lock(hashtext('lifecycle.release'), hashtext(of_release || '.' || of_feed));
    IF EXISTS (SELECT FROM lifecycle.release_draw WHERE (release, feed, first_day) = (of_release, of_feed, from_day) AND state IN ('released', 'forgotten')) THEN
        refused := 'released';
    ELSIF EXISTS (SELECT FROM lifecycle.release_lost WHERE (release, first_day) = (of_release, from_day)) THEN
        refused := 'lost';
    ELSIF EXISTS (SELECT FROM lifecycle.release_draw WHERE (release, feed, first_day, state) = (of_release, of_feed, from_day, 'reserved')) THEN
        refused := 'drawing';
    ELSIF EXISTS (
        SELECT FROM lifecycle.release_draw
        WHERE (release, feed) = (of_release, of_feed) AND state IN ('released', 'forgotten')
            AND first_day <= to_day AND last_day >= from_day
    ) THEN
        refused := 'overlap';
    ELSIF takes + (
        SELECT coalesce(sum(rho), 0) FROM lifecycle.release_draw
        WHERE (release, feed) = (of_release, of_feed) AND first_day <= to_day AND last_day >= from_day
    ) > most_period THEN
        refused := 'period';
    ELSIF takes + lifecycle.release_taken(of_release, of_feed, from_day, to_day, 30) > most_30 THEN
        refused := 'days_30';
    ELSIF takes + lifecycle.release_taken(of_release, of_feed, from_day, to_day, 365) > most_365 THEN
        refused := 'days_365';
    ELSE
        INSERT INTO lifecycle.release_draw (release, feed, first_day, last_day, rho, delta, policy_version, reserved_at)
        VALUES (of_release, of_feed, from_day, to_day, takes, fails, version, at)
        RETURNING draw_id INTO draw;
    END IF;
END
$$;

-- A row goes into a released table while its period is drawn, and never after; no row of it changes or goes.
CREATE FUNCTION lifecycle.release_is_drawn() RETURNS trigger
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_release text := coalesce(TG_ARGV[0], to_jsonb(NEW) ->> 'release');
    of_feed text := coalesce(TG_ARGV[1], to_jsonb(NEW) ->> 'feed');
BEGIN
    IF NOT EXISTS (
        SELECT FROM lifecycle.release_draw
        WHERE (release, feed, first_day, last_day, state) = (of_release, of_feed, NEW.first_day, NEW.last_day, 'reserved')
    ) THEN
        RAISE 'nothing is drawn for %.% of this day: what is released is written once', of_release, of_feed
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NEW;
END
$$;
CREATE FUNCTION lifecycle.release_stays() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE 'what is released is written once: % is not changed', TG_TABLE_NAME
        USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;
CREATE FUNCTION lifecycle.release_draw_stays() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'reserved' AND NEW.state <> 'reserved'
        AND (OLD.draw_id, OLD.release, OLD.feed, OLD.first_day, OLD.last_day, OLD.rho, OLD.delta, OLD.policy_version, OLD.reserved_at)
            = (NEW.draw_id, NEW.release, NEW.feed, NEW.first_day, NEW.last_day, NEW.rho, NEW.delta, NEW.policy_version, NEW.reserved_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE 'what was taken of the budget stays taken' USING ERRCODE = 'object_not_in_prerequisite_state';
END
$$;
CREATE TRIGGER release_draw_stays BEFORE UPDATE OR DELETE ON lifecycle.release_draw
    FOR EACH ROW EXECUTE FUNCTION lifecycle.release_draw_stays();
CREATE TRIGGER release_draw_stays_whole BEFORE TRUNCATE ON lifecycle.release_draw
    FOR EACH STATEMENT EXECUTE FUNCTION lifecycle.release_stays();

-- What every release says of itself, for whoever reads its tables.
CREATE TABLE analytics.dictionary (
    table_name text NOT NULL,
    release    text NOT NULL,
    feed       text NOT NULL,
    first_day  date NOT NULL,
    last_day   date NOT NULL,
    says       jsonb NOT NULL,
    PRIMARY KEY (table_name, first_day)
);
COMMENT ON TABLE analytics.dictionary IS
    'For each period of each table: what its columns mean, how large the noise is, what is not shown, what it took of the budget.';
CREATE TRIGGER dictionary_is_drawn BEFORE INSERT ON analytics.dictionary
    FOR EACH ROW EXECUTE FUNCTION lifecycle.release_is_drawn();
CREATE TRIGGER dictionary_stays BEFORE UPDATE OR DELETE ON analytics.dictionary
    FOR EACH ROW EXECUTE FUNCTION lifecycle.release_stays();
CREATE TRIGGER dictionary_stays_whole BEFORE TRUNCATE ON analytics.dictionary
    FOR EACH STATEMENT EXECUTE FUNCTION lifecycle.release_stays();

-- Make a released table where it is not there yet. Its owner is whoever owns the control schema: the builder fills it
-- and can do nothing else with it. A table of days also has views of weeks and months, which add up what was released.
--
-- result   whether it was made now
CREATE FUNCTION lifecycle.release_make_table(
    name text, of_release text, of_feed text, about text,
    dimensions text[], dimension_comments text[], numbers text[], number_comments text[], is_of_days boolean
) RETURNS boolean
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns text := 'first_day date NOT NULL, last_day date NOT NULL';
    keys text := 'first_day';
    column_name text;
    longer text;
    listed text := '';
    sums text;
    i integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('lifecycle.release'), hashtext('tables'));
    IF to_regclass(format('analytics.%I', name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    FOREACH column_name IN ARRAY dimensions LOOP
        columns := columns || format(', %I text NOT NULL', column_name);
        keys := keys || format(', %I', column_name);
        listed := listed || format(', %I', column_name);
    END LOOP;
    FOR i IN 1 .. cardinality(numbers) LOOP
        columns := columns || format(', %I bigint %s', numbers[i], CASE WHEN i = 1 THEN 'NOT NULL' ELSE '' END);
    END LOOP;
    EXECUTE format('CREATE TABLE analytics.%I (%s, PRIMARY KEY (%s))', name, columns, keys);
    EXECUTE format('COMMENT ON TABLE analytics.%I IS %L', name, about);
    EXECUTE format('COMMENT ON COLUMN analytics.%I.first_day IS %L', name, 'First day of the period.');
    EXECUTE format('COMMENT ON COLUMN analytics.%I.last_day IS %L', name, 'Last day of the period.');
    FOR i IN 1 .. cardinality(dimensions) LOOP
        EXECUTE format('COMMENT ON COLUMN analytics.%I.%I IS %L', name, dimensions[i], dimension_comments[i]);
    END LOOP;
    FOR i IN 1 .. cardinality(numbers) LOOP
        EXECUTE format('COMMENT ON COLUMN analytics.%I.%I IS %L', name, numbers[i], number_comments[i]);
    END LOOP;
    EXECUTE format('CREATE TRIGGER is_drawn BEFORE INSERT ON analytics.%I FOR EACH ROW EXECUTE FUNCTION lifecycle.release_is_drawn(%L, %L)', name, of_release, of_feed);
    EXECUTE format('CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON analytics.%I FOR EACH ROW EXECUTE FUNCTION lifecycle.release_stays()', name);
    EXECUTE format('CREATE TRIGGER stays_whole BEFORE TRUNCATE ON analytics.%I FOR EACH STATEMENT EXECUTE FUNCTION lifecycle.release_stays()', name);
    EXECUTE format('GRANT SELECT, INSERT ON analytics.%I TO analytics_builder', name);
    EXECUTE format('GRANT SELECT ON analytics.%I TO data_team, lifecycle_engine', name);
    IF NOT is_of_days THEN
        RETURN true;
    END IF;
    sums := format('sum(%I)::bigint AS %I', numbers[1], numbers[1] || '_by_day');
    FOR i IN 2 .. cardinality(numbers) LOOP
        sums := sums || format(', sum(%1$I)::bigint AS %1$I', numbers[i]);
    END LOOP;
    FOREACH longer IN ARRAY ARRAY['week', 'month'] LOOP
        column_name := name || '_' || longer || 'ly';
        EXECUTE format(
            'CREATE VIEW analytics.%I AS SELECT date_trunc(%L, first_day)::date AS first_day, count(*) AS days%s, %s'
            ' FROM analytics.%I GROUP BY date_trunc(%L, first_day)%s',
            column_name, longer, listed, sums, name, longer, listed
        );
        EXECUTE format('COMMENT ON VIEW analytics.%I IS %L', column_name, 'By ' || longer || ': ' || about);
        EXECUTE format('COMMENT ON COLUMN analytics.%I.days IS %L', column_name, 'Days on which the cell was shown; the others are missing from the sums.');
        EXECUTE format('COMMENT ON COLUMN analytics.%I.%I IS %L', column_name, numbers[1] || '_by_day', 'Sum over days: whoever came on two is counted twice.');
        EXECUTE format('GRANT SELECT ON analytics.%I TO data_team', column_name);
    END LOOP;
    RETURN true;
END
$$;

-- Enter what the ledger says of draws and lost periods and the register does not: a restored database has forgotten it.
--
-- result   how many there were
CREATE FUNCTION lifecycle.release_remember() RETURNS integer
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first bigint;
    last bigint;
    found integer;
    entered integer := 0;
BEGIN
    SELECT entries INTO first FROM lifecycle.release_reading FOR UPDATE;
    SELECT coalesce(max(sequence) + 1, 0) INTO last FROM lifecycle.ledger_entry;
    INSERT INTO lifecycle.release_draw (release, feed, first_day, last_day, state, rho, reserved_at, ended_at, sha256, entry)
    SELECT body ->> 'release', body ->> 'feed', (body ->> 'first_day')::date, (body ->> 'last_day')::date,
        CASE kind WHEN 'release_drawn' THEN 'forgotten' ELSE 'failed' END,
        (body ->> 'rho_millionths')::numeric / 1000000, as_of, as_of, body ->> 'digest', sequence
    FROM lifecycle.ledger
    WHERE sequence >= first AND sequence < last AND kind IN ('release_drawn', 'release_failed')
    ORDER BY sequence
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS found = ROW_COUNT;
    entered := entered + found;
    INSERT INTO lifecycle.release_lost (release, first_day, last_day, reason, lost_by, lost_at, entry)
    SELECT body ->> 'release', (body ->> 'first_day')::date, (body ->> 'last_day')::date, body ->> 'reason',
        body ->> 'by', as_of, sequence
    FROM lifecycle.ledger
    WHERE sequence >= first AND sequence < last AND kind = 'release_lost'
    ORDER BY sequence
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS found = ROW_COUNT;
    UPDATE lifecycle.release_reading SET entries = last WHERE entries < last;
    RETURN entered + found;
END
$$;

REVOKE ALL ON FUNCTION lifecycle.release_remember, lifecycle.release_reserve, lifecycle.release_make_table, lifecycle.release_taken FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lifecycle.release_reserve, lifecycle.release_make_table, lifecycle.release_taken TO analytics_builder;
GRANT USAGE ON SCHEMA lifecycle TO analytics_builder;
GRANT SELECT, UPDATE (state, ended_at, manifest, sha256, entry) ON lifecycle.release_draw TO lifecycle_engine;
GRANT EXECUTE ON FUNCTION lifecycle.release_remember TO lifecycle_engine;
GRANT SELECT ON lifecycle.release_draw TO analytics_builder, lifecycle_reader;
GRANT SELECT, INSERT, UPDATE ON lifecycle.release_period TO lifecycle_engine;
GRANT SELECT, INSERT ON lifecycle.release_lost TO lifecycle_engine;
GRANT SELECT ON lifecycle.release_lost TO analytics_builder, lifecycle_reader;
GRANT SELECT, INSERT ON analytics.dictionary TO analytics_builder;
GRANT USAGE ON SCHEMA analytics TO lifecycle_engine;
GRANT SELECT ON analytics.dictionary TO data_team, lifecycle_engine;

-- The builder fills tables that were made for it; whoever owned one could take its triggers away.
REVOKE CREATE ON SCHEMA analytics, pseudonymised FROM analytics_builder;
