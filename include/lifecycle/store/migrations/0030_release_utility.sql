-- What released numbers are worth, held against the exact ones: for the role that builds releases, and for nobody else.
-- And how many events came when their period was counted already.

CREATE TABLE lifecycle.release_utility (
    table_name    text NOT NULL,
    number        text NOT NULL,
    release       text NOT NULL CHECK (release ~ '^[a-z][a-z0-9_]{0,30}$'),
    feed          text NOT NULL CHECK (feed ~ '^[a-z][a-z0-9_]{0,30}$'),
    first_day     date NOT NULL,
    last_day      date NOT NULL,
    cells         bigint NOT NULL CHECK (cells >= 0),
    cells_shown   bigint NOT NULL CHECK (cells_shown >= 0),
    share_shown   double precision CHECK (share_shown BETWEEN 0 AND 1),
    median_error  double precision CHECK (median_error >= 0),
    error_95      double precision CHECK (error_95 >= 0),
    largest_error double precision CHECK (largest_error >= 0),
    PRIMARY KEY (table_name, first_day, number),
    CONSTRAINT release_utility_shows_no_more_than_there_is CHECK (cells_shown <= cells),
    CONSTRAINT release_utility_has_errors_of_what_is_shown
        CHECK (num_nulls(median_error, error_95, largest_error) = CASE cells_shown WHEN 0 THEN 3 ELSE 0 END)
);
CREATE INDEX release_utility_days ON lifecycle.release_utility (release, first_day);
CREATE INDEX release_utility_last_day ON lifecycle.release_utility (last_day);
COMMENT ON TABLE lifecycle.release_utility IS
    'For each number of each table that was drawn: how much of it is shown, and how far that is from the exact cells.'
    ' Made of exact numbers, without noise: for builders only, and gone 90 days after the period.';
COMMENT ON COLUMN lifecycle.release_utility.cells IS 'Cells that have a contributor, exactly.';
COMMENT ON COLUMN lifecycle.release_utility.share_shown IS
    'What the cells in which the number is shown make up of the number in all cells, exactly; null where that is nothing.';
COMMENT ON COLUMN lifecycle.release_utility.median_error IS
    'Of the relative error over the cells in which the number is shown; error_95 is its 95th percentile.';

-- Written with the tables, and never after.
CREATE TRIGGER release_utility_is_drawn BEFORE INSERT ON lifecycle.release_utility
    FOR EACH ROW EXECUTE FUNCTION lifecycle.release_is_drawn();
CREATE TRIGGER release_utility_stays BEFORE UPDATE ON lifecycle.release_utility
    FOR EACH ROW EXECUTE FUNCTION lifecycle.release_stays();

-- Delete what is known of periods that ended before a day. Whoever calls it reads nothing of what goes.
--
-- result   how many rows
CREATE FUNCTION lifecycle.release_forget_utility(before date) RETURNS bigint
    LANGUAGE sql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH gone AS (DELETE FROM lifecycle.release_utility WHERE last_day < before RETURNING 1)
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON FUNCTION lifecycle.release_forget_utility FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lifecycle.release_forget_utility TO lifecycle_engine;
GRANT SELECT, INSERT ON lifecycle.release_utility TO analytics_builder;

ALTER TABLE lifecycle.release_period ADD COLUMN late bigint NOT NULL DEFAULT 0 CHECK (late >= 0);
COMMENT ON COLUMN lifecycle.release_period.late IS
    'The most events that were ever seen to have come after the period was counted; they are never added.';
