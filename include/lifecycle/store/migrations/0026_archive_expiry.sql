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
