-- The rows that a hold named are forgotten once it is over: their keys may be numbers that persons have.

ALTER TABLE lifecycle.hold_row DROP CONSTRAINT hold_row_pkey;
ALTER TABLE lifecycle.hold_row ALTER COLUMN key DROP NOT NULL;
ALTER TABLE lifecycle.hold_row ADD CONSTRAINT hold_row_once UNIQUE (hold_id, collection, key);
-- As with whom a hold names: what was forgotten shall not stay in a dead row, nor in the planner's statistics.
ALTER TABLE lifecycle.hold_row SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
ALTER TABLE lifecycle.hold_row ALTER COLUMN key SET STATISTICS 0;
COMMENT ON COLUMN lifecycle.hold_row.key IS
    'Primary key of the row, as text, column by column; empty for the whole collection. Forgotten (null) once the hold is released or has ended.';

GRANT UPDATE (key) ON lifecycle.hold_row TO lifecycle_engine;
