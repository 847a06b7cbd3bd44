-- Documents of an archive are destroyed when their time is over: generation by generation of a year's keys.

ALTER TABLE lifecycle.archive_part ADD COLUMN generation integer NOT NULL DEFAULT 1 CHECK (generation > 0);
ALTER TABLE lifecycle.archive_part ALTER COLUMN generation DROP DEFAULT;
COMMENT ON COLUMN lifecycle.archive_part.generation IS
    'Of the keys of its financial year. What is held when the year is over is written anew under the next, and the year destroyed.';
GRANT UPDATE (generation) ON lifecycle.archive_part TO lifecycle_engine;
GRANT SELECT (generation) ON lifecycle.archive_part TO lifecycle_reader;

ALTER TABLE lifecycle.archive_key RENAME COLUMN generation TO wrapping;
ALTER TABLE lifecycle.archive_key ADD COLUMN generation integer NOT NULL DEFAULT 1 CHECK (generation > 0);
ALTER TABLE lifecycle.archive_key ALTER COLUMN generation DROP DEFAULT;
ALTER TABLE lifecycle.archive_key DROP CONSTRAINT archive_key_pkey;
ALTER TABLE lifecycle.archive_key ADD PRIMARY KEY (archive, year_end, generation, owner);
COMMENT ON TABLE lifecycle.archive_key IS 'One data key for each owner, financial year and generation, wrapped.';
COMMENT ON COLUMN lifecycle.archive_key.wrapping IS 'Number of the key that wraps it.';
COMMENT ON COLUMN lifecycle.archive_key.generation IS 'Of the parts whose documents it seals.';

ALTER TABLE lifecycle.plan_item DROP CONSTRAINT plan_item_action_check;
ALTER TABLE lifecycle.plan_item ADD CONSTRAINT plan_item_action_check
    CHECK (action IN ('cut', 'redact', 'mask', 'delete', 'drop_partition', 'destroy',
                      'disclose', 'rectify', 'record', 'set', 'restrict'));

ALTER TABLE lifecycle.archive_part ADD COLUMN lost_at timestamptz;
COMMENT ON COLUMN lifecycle.archive_part.lost_at IS
    'When it was found that no place has all of it any more: nothing relies on it until that is mended.';
GRANT UPDATE (lost_at) ON lifecycle.archive_part TO lifecycle_engine;
GRANT SELECT (lost_at) ON lifecycle.archive_part TO lifecycle_reader;

ALTER TABLE lifecycle.archive_record ADD COLUMN belongs_to text;
UPDATE lifecycle.archive_record SET belongs_to = owner;
ALTER TABLE lifecycle.archive_record ALTER COLUMN belongs_to SET NOT NULL;
COMMENT ON COLUMN lifecycle.archive_record.belongs_to IS 'Whose it was when this was written, whatever key seals it.';
