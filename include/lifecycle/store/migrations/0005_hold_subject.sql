-- Holds on a subject by identity: the one place of the control schema that holds a value by which somebody can be
-- recognised, for as long as the hold lasts.

CREATE TABLE lifecycle.hold_subject (
    hold_id  uuid NOT NULL REFERENCES lifecycle.hold,
    position smallint NOT NULL,
    identity text NOT NULL,
    value    text CHECK (value <> ''),
    PRIMARY KEY (hold_id, position)
)
-- What was forgotten shall not stay in a dead row until fifty of them have come together.
WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
-- Nor shall the planner's statistics keep a copy.
ALTER TABLE lifecycle.hold_subject ALTER COLUMN value SET STATISTICS 0;
COMMENT ON TABLE lifecycle.hold_subject IS
    'Whom a hold names: every row that has this identity, now or later, and what belongs to it. No index on the value: it would be another copy.';
COMMENT ON COLUMN lifecycle.hold_subject.identity IS 'Kind of identity, as the data map calls it.';
COMMENT ON COLUMN lifecycle.hold_subject.value IS 'Forgotten (null) once the hold is released or has ended.';

GRANT SELECT, INSERT, UPDATE (value) ON lifecycle.hold_subject TO lifecycle_engine;
