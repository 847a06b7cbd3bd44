-- What a request corrects: the new values stand sealed beside it, and only until it is closed.

CREATE TABLE lifecycle.request_correction (
    request_id  uuid NOT NULL REFERENCES lifecycle.request,
    position    smallint NOT NULL,
    what        text NOT NULL CHECK (what IN ('identity', 'category', 'column')),
    named       text NOT NULL CHECK (named <> ''),
    fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    sealed      bytea,
    PRIMARY KEY (request_id, position),
    UNIQUE (request_id, what, named)
)
-- What was destroyed shall not stay in a dead row until fifty of them have come together.
WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
-- A compressed copy would tell how much of it repeats, and statistics would be another copy.
ALTER TABLE lifecycle.request_correction ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE lifecycle.request_correction ALTER COLUMN sealed SET STORAGE EXTERNAL;
COMMENT ON TABLE lifecycle.request_correction IS 'What a request for rectification corrects, and how.';
COMMENT ON COLUMN lifecycle.request_correction.named IS
    'A kind of identity, a data category, or a column, as the data map calls it.';
COMMENT ON COLUMN lifecycle.request_correction.fingerprint IS
    'Keyed, of what is corrected and its new value: the same request, taken twice, is one.';
COMMENT ON COLUMN lifecycle.request_correction.sealed IS
    'The new value, encrypted; destroyed (null) when the request is closed.';

GRANT SELECT, INSERT, UPDATE (sealed) ON lifecycle.request_correction TO lifecycle_engine;
GRANT SELECT (request_id, position, what, named, fingerprint), INSERT ON lifecycle.request_correction TO lifecycle_intake;
GRANT SELECT (request_id, position, what, named) ON lifecycle.request_correction TO lifecycle_reader;
