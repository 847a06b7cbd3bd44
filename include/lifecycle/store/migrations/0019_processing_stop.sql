-- Purposes that subjects ended, by objection or by taking back consent: whatever is processed for one of them leaves
-- out the rows of those subjects, present and future ones.

CREATE TABLE lifecycle.request_purpose (
    request_id uuid NOT NULL REFERENCES lifecycle.request,
    purpose    text NOT NULL CHECK (purpose ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$'),
    decision   text CHECK (decision IN ('stop', 'compelling_grounds')),
    decided_by text CHECK (decided_by <> ''),
    decided_at timestamptz,
    PRIMARY KEY (request_id, purpose),
    CONSTRAINT request_purpose_decided_by_somebody CHECK (num_nulls(decision, decided_by, decided_at) IN (0, 3))
);
COMMENT ON TABLE lifecycle.request_purpose IS 'Which purposes of the policy a request is to end.';
COMMENT ON COLUMN lifecycle.request_purpose.decision IS
    'Where an objection is weighed: that it counts, or that there are compelling grounds to go on (GDPR Art. 21(1)).';

CREATE TABLE lifecycle.processing_stop (
    stop_id    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    request_id uuid NOT NULL REFERENCES lifecycle.request,
    purpose    text NOT NULL CHECK (purpose ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$'),
    since      timestamptz NOT NULL,
    placed_at  timestamptz NOT NULL,
    UNIQUE (request_id, purpose)
);
CREATE INDEX processing_stop_purpose ON lifecycle.processing_stop (purpose, since);
COMMENT ON TABLE lifecycle.processing_stop IS 'A purpose that is over for a subject. Never deleted: it says since when, and not who.';
COMMENT ON COLUMN lifecycle.processing_stop.since IS 'When the subject said so; what was processed before stays lawful.';

CREATE TABLE lifecycle.processing_stop_subject (
    stop_id     uuid NOT NULL REFERENCES lifecycle.processing_stop,
    position    smallint NOT NULL,
    identity    text NOT NULL,
    form        text NOT NULL CHECK (form IN ('email', 'untagged_email', 'phone', 'exact')),
    fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    spellings   text[] CHECK (spellings <> '{}' AND array_position(spellings, NULL) IS NULL),
    PRIMARY KEY (stop_id, position),
    UNIQUE (stop_id, fingerprint)
)
-- What was forgotten shall not stay in a dead row until fifty of them have come together.
WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
CREATE INDEX processing_stop_subject_fingerprint ON lifecycle.processing_stop_subject (fingerprint);
-- Nor shall the planner's statistics keep a copy.
ALTER TABLE lifecycle.processing_stop_subject ALTER COLUMN spellings SET STATISTICS 0;
COMMENT ON TABLE lifecycle.processing_stop_subject IS
    'For whom it is over: every row that has this identity, now or later, and what belongs to it.';
COMMENT ON COLUMN lifecycle.processing_stop_subject.fingerprint IS 'Keyed, of the normal form; it stays.';
COMMENT ON COLUMN lifecycle.processing_stop_subject.spellings IS
    'Every spelling of it, folded. Forgotten (null) once the subject is erased.';

CREATE TABLE lifecycle.processing_stop_row (
    stop_id    uuid NOT NULL REFERENCES lifecycle.processing_stop,
    position   smallint NOT NULL,
    collection text NOT NULL,
    key        text[],
    fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    PRIMARY KEY (stop_id, position),
    UNIQUE (stop_id, fingerprint)
)
WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
ALTER TABLE lifecycle.processing_stop_row ALTER COLUMN key SET STATISTICS 0;
COMMENT ON TABLE lifecycle.processing_stop_row IS
    'Rows for which it is over, where they are named by their keys: one organisation''s copy, or a row that a request names.';

GRANT SELECT, INSERT, UPDATE (decision, decided_by, decided_at) ON lifecycle.request_purpose TO lifecycle_engine, lifecycle_intake;
GRANT SELECT, INSERT ON lifecycle.processing_stop TO lifecycle_engine;
GRANT SELECT, INSERT, UPDATE (spellings) ON lifecycle.processing_stop_subject TO lifecycle_engine;
GRANT SELECT, INSERT, UPDATE (key) ON lifecycle.processing_stop_row TO lifecycle_engine;
GRANT SELECT ON lifecycle.request_purpose, lifecycle.processing_stop TO lifecycle_reader;
GRANT SELECT ON lifecycle.processing_stop TO lifecycle_intake;
GRANT SELECT (stop_id, position, identity, fingerprint) ON lifecycle.processing_stop_subject TO lifecycle_reader;
GRANT SELECT (stop_id, position, collection, fingerprint) ON lifecycle.processing_stop_row TO lifecycle_reader;
