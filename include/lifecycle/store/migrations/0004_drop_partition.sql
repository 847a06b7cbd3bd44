-- Dropping a partition takes the owner of the table. The engine is not the owner, and shall not be: it is
-- lent this one way, which drops a partition of a table it may delete from, when all of it is old enough.
--
-- parent, partition   the table and its partition: RANGE by one column of date, timestamp or timestamptz
-- expected_upper      the partition's upper bound may not be after this instant
-- zone                the time zone that a bound without one (date, timestamp) is meant in
-- result              the planner's estimate of the rows that went; null where it had none
CREATE FUNCTION lifecycle.drop_partition(
    parent regclass, partition regclass, expected_upper timestamptz, zone text DEFAULT 'UTC'
) RETURNS bigint
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    key_type regtype;
    upper_text text;
    upper_bound timestamptz;
    estimated_rows bigint;
BEGIN
    IF num_nulls(parent, partition, expected_upper, zone) > 0 OR NOT isfinite(expected_upper) THEN
        RAISE 'drop_partition needs a parent, a partition, a finite upper bound and a time zone'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NOT coalesce(has_table_privilege('lifecycle_engine', parent, 'DELETE'), false) THEN
        RAISE 'lifecycle_engine may not delete from %', parent USING ERRCODE = 'insufficient_privilege';
    END IF;

    SELECT attribute.atttypid INTO key_type
    FROM pg_partitioned_table AS partitioned
    JOIN pg_attribute AS attribute
        ON attribute.attrelid = partitioned.partrelid AND attribute.attnum = partitioned.partattrs[0]
    WHERE partitioned.partrelid = parent AND partitioned.partstrat = 'r' AND partitioned.partnatts = 1
        AND attribute.atttypid IN ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype);
    IF key_type IS NULL THEN
        RAISE '% is not partitioned by RANGE of one date or timestamp column', parent
            USING ERRCODE = 'wrong_object_type';
    END IF;

    -- What is checked below must still hold when the partition goes: nobody attaches or detaches meanwhile.
    IF current_setting('lock_timeout') = '0' THEN
        PERFORM set_config('lock_timeout', '5s', true);
    END IF;
    EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', parent);

    -- In the ISO style a bound carries its offset, so that it reads back as the same instant.
    SELECT substring(pg_get_expr(child.relpartbound, child.oid) FROM 'TO \(''([^'']+)''\)$')
    INTO upper_text
    FROM pg_inherits AS link
    JOIN pg_class AS child ON child.oid = link.inhrelid AND child.relispartition
    WHERE link.inhparent = parent AND link.inhrelid = partition;
    IF NOT FOUND THEN
        RAISE '% is not a partition of %', partition, parent USING ERRCODE = 'wrong_object_type';
    END IF;
    IF upper_text IS NULL THEN
        RAISE '% has no upper bound', partition USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    upper_bound := CASE
        WHEN key_type = 'timestamptz'::regtype THEN upper_text::timestamptz
        ELSE upper_text::timestamp AT TIME ZONE zone
    END;
    IF upper_bound > expected_upper THEN
        RAISE '% ends at %, after %', partition, upper_bound, expected_upper
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;

    SELECT CASE WHEN min(leaf.reltuples) >= 0 THEN sum(leaf.reltuples) END INTO estimated_rows
    FROM pg_partition_tree(partition) AS tree
    JOIN pg_class AS leaf ON leaf.oid = tree.relid
    WHERE tree.isleaf;

    -- Detaching checks that no row elsewhere still refers to one of these; dropping alone would not.
    EXECUTE format('ALTER TABLE ONLY %s DETACH PARTITION %s', parent, partition);
    EXECUTE format('DROP TABLE %s', partition);
    RETURN estimated_rows;
END
$$;

GRANT EXECUTE ON FUNCTION lifecycle.drop_partition TO lifecycle_engine;
