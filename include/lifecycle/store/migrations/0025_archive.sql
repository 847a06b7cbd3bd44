-- The archive: which documents stand in which part of it, where, and what remains known of parts that are gone.

CREATE TABLE lifecycle.archive_part (
    part_id        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    archive        text NOT NULL CHECK (archive ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$'),
    year_end       date NOT NULL,
    number         integer NOT NULL CHECK (number > 0),
    state          text NOT NULL DEFAULT 'writing' CHECK (state IN ('writing', 'drafted', 'verified', 'written', 'condemned', 'destroyed')),
    as_of          timestamptz NOT NULL,
    policy_version date NOT NULL,
    retain_until   date NOT NULL CHECK (retain_until >= year_end),
    documents      bigint CHECK (documents >= 0),
    manifest       text,
    sha256         text CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    entry          bigint CHECK (entry >= 0),
    ended_at       timestamptz,
    UNIQUE (archive, year_end, number),
    CONSTRAINT archive_part_forgets_what_was_destroyed CHECK ((manifest IS NULL) = (state IN ('writing', 'destroyed'))),
    CONSTRAINT archive_part_is_known_by_its_digest CHECK ((sha256 IS NULL) = (state = 'writing')),
    CONSTRAINT archive_part_is_in_the_ledger
        CHECK ((entry IS NULL) = (state IN ('writing', 'drafted', 'verified')))
);
COMMENT ON TABLE lifecycle.archive_part IS
    'What was written into an archive at once: documents of one financial year. Never deleted: digest and dates remain.';
COMMENT ON COLUMN lifecycle.archive_part.year_end IS 'Last day of the financial year of its documents.';
COMMENT ON COLUMN lifecycle.archive_part.state IS
    'drafted when all was written, verified when that was read again, written when its manifest is in place; condemned'
    ' when its keys are gone, destroyed when its objects are.';
COMMENT ON COLUMN lifecycle.archive_part.retain_until IS 'Last day on which the law asks for its documents.';
COMMENT ON COLUMN lifecycle.archive_part.manifest IS 'Its manifest, as it stands in the archive; emptied (null) when it is destroyed.';
COMMENT ON COLUMN lifecycle.archive_part.sha256 IS 'Of the manifest, which has those of its objects.';
COMMENT ON COLUMN lifecycle.archive_part.entry IS 'The entry of the ledger that says so.';

-- The newest record of a document says what the tables held of it when it was written; earlier ones are its history.
CREATE TABLE lifecycle.archive_record (
    archive   text NOT NULL,
    key       text[] NOT NULL,
    revision  smallint NOT NULL CHECK (revision >= 0),
    is_newest boolean NOT NULL,
    number    text NOT NULL,
    owner     text NOT NULL,
    digest    bytea NOT NULL,
    part_id   integer NOT NULL REFERENCES lifecycle.archive_part,
    object    smallint NOT NULL,
    row_group smallint NOT NULL,
    place     integer NOT NULL,
    PRIMARY KEY (archive, key, revision)
);
CREATE INDEX archive_record_number ON lifecycle.archive_record (archive, number);
CREATE INDEX archive_record_part_id ON lifecycle.archive_record (part_id);
COMMENT ON TABLE lifecycle.archive_record IS 'Where each document stands in the archive. Goes with the part.';
COMMENT ON COLUMN lifecycle.archive_record.key IS 'Primary key of the document, column by column as text.';
COMMENT ON COLUMN lifecycle.archive_record.owner IS 'Whose it was when it was first written: names the key it is sealed with.';
COMMENT ON COLUMN lifecycle.archive_record.digest IS
    'What the tables held of it, collection by collection: what differs is written again.';
COMMENT ON COLUMN lifecycle.archive_record.place IS 'Row in the row group, from 0.';

-- Keys of owners, wrapped by a key of the keyring: who destroys that one destroys all that it wraps.
CREATE TABLE lifecycle.archive_key (
    archive    text NOT NULL,
    year_end   date NOT NULL,
    owner      text NOT NULL,
    generation integer NOT NULL CHECK (generation > 0),
    wrapped    bytea NOT NULL,
    PRIMARY KEY (archive, year_end, owner)
)
-- A key that was destroyed shall not stay in a dead row until fifty of them have come together.
WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
ALTER TABLE lifecycle.archive_key ALTER COLUMN wrapped SET STATISTICS 0;
ALTER TABLE lifecycle.archive_key ALTER COLUMN wrapped SET STORAGE PLAIN;
COMMENT ON TABLE lifecycle.archive_key IS 'One data key for each owner and financial year, wrapped.';
COMMENT ON COLUMN lifecycle.archive_key.generation IS 'Of the key that wraps it.';

GRANT SELECT, INSERT ON lifecycle.archive_part TO lifecycle_engine;
GRANT UPDATE (state, as_of, policy_version, retain_until, documents, manifest, sha256, entry, ended_at)
    ON lifecycle.archive_part TO lifecycle_engine;
GRANT SELECT, INSERT, UPDATE, DELETE ON lifecycle.archive_record, lifecycle.archive_key TO lifecycle_engine;
GRANT SELECT (part_id, archive, year_end, number, state, as_of, policy_version, retain_until, documents, sha256, entry,
              ended_at)
    ON lifecycle.archive_part TO lifecycle_reader;
