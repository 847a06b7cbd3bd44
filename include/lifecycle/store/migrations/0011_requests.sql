-- Requests of data subjects: who asks stands sealed beside the request, and only until it is closed.

CREATE TABLE lifecycle.request (
    request_id        uuid PRIMARY KEY,
    kind              text NOT NULL CHECK (kind IN ('erasure', 'access', 'portability', 'rectification', 'restriction',
                                                    'objection', 'withdrawal', 'information')),
    state             text NOT NULL DEFAULT 'received'
                      CHECK (state IN ('received', 'verified', 'planned', 'approved', 'done', 'refused')),
    tenant            text,
    tenant_key        text[],
    received_at       timestamptz NOT NULL,
    opened_by         text NOT NULL CHECK (opened_by <> ''),
    due_on            date NOT NULL,
    extension_reason  text CHECK (extension_reason ~ '^[A-Za-z][A-Za-z0-9_-]{0,63}$'),
    verified_by       text CHECK (verified_by <> ''),
    verified_how      text CHECK (verified_how ~ '^[A-Za-z][A-Za-z0-9_-]{0,63}$'),
    refusal_reason    text CHECK (refusal_reason ~ '^[A-Za-z][A-Za-z0-9_-]{0,63}$'),
    closed_at         timestamptz,
    receipt           jsonb,
    CONSTRAINT request_verified_by_somebody CHECK (
        (verified_by IS NULL) = (verified_how IS NULL)
        AND (state IN ('received', 'refused') OR verified_by IS NOT NULL)
    ),
    CONSTRAINT request_of_a_tenant CHECK (tenant_key IS NULL OR tenant IS NOT NULL),
    CONSTRAINT request_refused_for_a_reason CHECK ((refusal_reason IS NOT NULL) = (state = 'refused')),
    CONSTRAINT request_closed_at_its_end CHECK ((closed_at IS NOT NULL) = (state IN ('done', 'refused'))),
    CONSTRAINT request_has_its_receipt CHECK (receipt IS NULL OR closed_at IS NOT NULL)
);
CREATE INDEX request_open ON lifecycle.request (due_on) WHERE closed_at IS NULL;
COMMENT ON TABLE lifecycle.request IS 'What data subjects asked for, and how far it is. Never deleted; it does not say who asked.';
COMMENT ON COLUMN lifecycle.request.tenant IS
    'The collection of organisations whose content rows may be, where the request is about one organisation''s content only.';
COMMENT ON COLUMN lifecycle.request.tenant_key IS 'Key of that organisation, as text; forgotten when the request is closed.';
COMMENT ON COLUMN lifecycle.request.receipt IS 'What was done and what stays: the body of the receipt, whose digest the ledger has.';
COMMENT ON COLUMN lifecycle.request.due_on IS 'Last local day on which it may be answered.';

CREATE TABLE lifecycle.request_identity (
    request_id  uuid NOT NULL REFERENCES lifecycle.request,
    position    smallint NOT NULL,
    kind        text NOT NULL,
    source      text NOT NULL CHECK (source IN ('given', 'found', 'candidate', 'confirmed', 'declined')),
    fingerprint text NOT NULL CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    sealed      bytea,
    PRIMARY KEY (request_id, position),
    UNIQUE (request_id, fingerprint)
)
-- What was destroyed shall not stay in a dead row until fifty of them have come together.
WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
CREATE INDEX request_identity_fingerprint ON lifecycle.request_identity (fingerprint);
-- A compressed copy would tell how much of it repeats, and statistics would be another copy.
ALTER TABLE lifecycle.request_identity ALTER COLUMN sealed SET STATISTICS 0;
ALTER TABLE lifecycle.request_identity ALTER COLUMN sealed SET STORAGE EXTERNAL;
COMMENT ON TABLE lifecycle.request_identity IS 'Whom a request is about.';
COMMENT ON COLUMN lifecycle.request_identity.kind IS
    'Kind of identity as the data map calls it, or the collection of a row that is named by its key.';
COMMENT ON COLUMN lifecycle.request_identity.source IS
    'Given by whoever asks, or found on rows of the subject; a candidate stands on rows of others too, and only an operator can say.';
COMMENT ON COLUMN lifecycle.request_identity.fingerprint IS 'Keyed, of the normal form: the same subject has the same one.';
COMMENT ON COLUMN lifecycle.request_identity.sealed IS 'The identity, encrypted; destroyed (null) when the request is closed.';

CREATE TABLE lifecycle.request_event (
    event_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id uuid NOT NULL REFERENCES lifecycle.request,
    happened_at timestamptz NOT NULL,
    what       text NOT NULL CHECK (what ~ '^[a-z][a-z_]{0,63}$'),
    by_whom    text CHECK (by_whom <> ''),
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX request_event_request ON lifecycle.request_event (request_id, event_id);
COMMENT ON TABLE lifecycle.request_event IS 'What became of a request, step by step, and who did it. Only added to; words, counts and digests.';

CREATE TABLE lifecycle.request_remainder (
    request_id uuid NOT NULL REFERENCES lifecycle.request,
    collection text NOT NULL,
    key        text[] NOT NULL,
    reason     text NOT NULL,
    source     text NOT NULL,
    until      date,
    PRIMARY KEY (request_id, collection, key)
)
WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
CREATE INDEX request_remainder_row ON lifecycle.request_remainder (collection, key);
ALTER TABLE lifecycle.request_remainder ALTER COLUMN key SET STATISTICS 0;
COMMENT ON TABLE lifecycle.request_remainder IS
    'Rows that an erasure had to leave, and until when: they go then without a new request, and are forgotten here.';

CREATE TABLE lifecycle.suppression (
    fingerprint text PRIMARY KEY CHECK (fingerprint ~ '^[0-9a-f]{64}$'),
    request_id  uuid NOT NULL REFERENCES lifecycle.request,
    erased_at   timestamptz NOT NULL
);
COMMENT ON TABLE lifecycle.suppression IS 'Subjects who were erased, by keyed fingerprint: whoever brings one back is noticed.';

ALTER TABLE lifecycle.plan ADD COLUMN request_id uuid REFERENCES lifecycle.request;
CREATE INDEX plan_request ON lifecycle.plan (request_id) WHERE request_id IS NOT NULL;
COMMENT ON COLUMN lifecycle.plan.request_id IS 'The request that it carries out; null for a rule of the policy.';

GRANT SELECT, INSERT, UPDATE ON lifecycle.request TO lifecycle_engine;
GRANT SELECT, INSERT, UPDATE (sealed, source) ON lifecycle.request_identity TO lifecycle_engine;
GRANT SELECT, INSERT ON lifecycle.request_event TO lifecycle_engine;
GRANT SELECT, INSERT, DELETE, UPDATE ON lifecycle.request_remainder TO lifecycle_engine;
GRANT SELECT, INSERT ON lifecycle.suppression TO lifecycle_engine;
GRANT SELECT (request_id, kind, state, tenant, received_at, opened_by, due_on, extension_reason, verified_by, verified_how,
              refusal_reason, closed_at, receipt) ON lifecycle.request TO lifecycle_reader;
GRANT SELECT (request_id, position, kind, source) ON lifecycle.request_identity TO lifecycle_reader;
GRANT SELECT ON lifecycle.request_event TO lifecycle_reader;
GRANT SELECT (request_id, collection, reason, source, until) ON lifecycle.request_remainder TO lifecycle_reader;

ALTER TABLE lifecycle.plan_item DROP CONSTRAINT plan_item_action_check;
ALTER TABLE lifecycle.plan_item ADD CONSTRAINT plan_item_action_check
    CHECK (action IN ('cut', 'redact', 'mask', 'delete', 'drop_partition'));
