-- What a restore from a backup took away, until it was done again; and whose copy alone an erasure was about.

CREATE TABLE lifecycle.restoration (
    restoration_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_entry    bigint NOT NULL CHECK (first_entry >= 0),
    entries        bigint NOT NULL CHECK (entries > 0),
    put_back_at    timestamptz NOT NULL,
    replayed_at    timestamptz
);
CREATE UNIQUE INDEX restoration_unfinished ON lifecycle.restoration ((true)) WHERE replayed_at IS NULL;
COMMENT ON TABLE lifecycle.restoration IS
    'Restores from a backup that were noticed. While one is not replayed nothing is changed but holds.';
COMMENT ON COLUMN lifecycle.restoration.first_entry IS 'The first entry of the ledger that the backup did not have.';
COMMENT ON COLUMN lifecycle.restoration.entries IS 'How many entries were put back.';
COMMENT ON COLUMN lifecycle.restoration.replayed_at IS 'When the erasures of these entries had been done again.';

GRANT SELECT, INSERT, UPDATE (replayed_at) ON lifecycle.restoration TO lifecycle_engine;
GRANT SELECT ON lifecycle.restoration TO lifecycle_reader;

ALTER TABLE lifecycle.suppression ADD COLUMN tenant text;
COMMENT ON COLUMN lifecycle.suppression.tenant IS
    'The collection of organisations of which one alone was meant; the fingerprint is then of the subject and that one.';
