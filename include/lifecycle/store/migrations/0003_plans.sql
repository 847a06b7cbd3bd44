-- Plans, what stops them, and the journal of what they did.

CREATE TABLE lifecycle.hold (
    hold_id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind         text NOT NULL CHECK (kind IN ('hold', 'restriction')),
    reason       text NOT NULL CHECK (reason ~ '^[A-Za-z][A-Za-z0-9_-]{0,63}$'),
    placed_by    text NOT NULL CHECK (placed_by <> ''),
    placed_at    timestamptz NOT NULL,
    until        timestamptz NOT NULL,
    released_by  text,
    released_at  timestamptz,
    CHECK ((released_at IS NULL) = (released_by IS NULL)),
    CHECK (until > placed_at)
);
COMMENT ON TABLE lifecycle.hold IS
    'A legal hold or a restriction of processing (GDPR Art. 18): what it covers is not deleted until it ends. Never deleted, only released.';
COMMENT ON COLUMN lifecycle.hold.reason IS 'One word: a kind of matter or the number of a case. It goes into the ledger, so no free text.';
COMMENT ON COLUMN lifecycle.hold.until IS 'Holds are time-limited: from this moment on it no longer counts, unless it was extended.';

CREATE TABLE lifecycle.hold_row (
    hold_id    uuid NOT NULL REFERENCES lifecycle.hold,
    collection text NOT NULL,
    key        text[] NOT NULL,
    PRIMARY KEY (hold_id, collection, key)
);
CREATE INDEX hold_row_collection ON lifecycle.hold_row (collection, key);
COMMENT ON TABLE lifecycle.hold_row IS
    'What a hold names: a row by its primary key, as text, column by column; with an empty key the whole collection. What belongs to a named row is covered too.';

CREATE TABLE lifecycle.plan (
    plan_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest         text NOT NULL UNIQUE CHECK (digest ~ '^[0-9a-f]{64}$'),
    rule           text NOT NULL,
    policy_version date NOT NULL,
    as_of          timestamptz NOT NULL,
    document       jsonb NOT NULL,
    state          text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'executing', 'executed', 'abandoned')),
    approved_by    text,
    approved_at    timestamptz,
    ended_at       timestamptz,
    CHECK ((approved_at IS NULL) = (approved_by IS NULL))
);
CREATE INDEX plan_rule ON lifecycle.plan (rule, as_of);
COMMENT ON TABLE lifecycle.plan IS 'A frozen plan: nothing is deleted but by one. The document is what the digest is over.';

CREATE TABLE lifecycle.plan_batch (
    plan_id     bigint NOT NULL REFERENCES lifecycle.plan,
    batch       integer NOT NULL,
    state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'deferred')),
    reason      text,
    ended_at    timestamptz,
    PRIMARY KEY (plan_id, batch)
);
CREATE INDEX plan_batch_pending ON lifecycle.plan_batch (plan_id, batch) WHERE state = 'pending';
COMMENT ON TABLE lifecycle.plan_batch IS 'The part of a plan that one transaction carries out. Deferred: the rows had changed since they were planned; a new plan decides anew.';

CREATE TABLE lifecycle.plan_item (
    plan_id    bigint NOT NULL,
    batch      integer NOT NULL,
    position   integer NOT NULL,
    collection text NOT NULL,
    action     text NOT NULL CHECK (action IN ('cut', 'redact', 'delete', 'drop_partition')),
    columns    text[] NOT NULL DEFAULT '{}',
    edge       text,
    partition  text,
    upper_bound timestamptz,
    is_root    boolean NOT NULL DEFAULT false,
    links      text[] NOT NULL DEFAULT '{}',
    keys       text[],
    row_count  bigint NOT NULL,
    sha256     text NOT NULL,
    PRIMARY KEY (plan_id, batch, position),
    FOREIGN KEY (plan_id, batch) REFERENCES lifecycle.plan_batch
);
COMMENT ON TABLE lifecycle.plan_item IS 'What a batch does to one collection, row by row.';
COMMENT ON COLUMN lifecycle.plan_item.keys IS 'The rows: one array literal for each primary key column, then one for each column of links, in the same order. Emptied once the plan has ended.';

CREATE TABLE lifecycle.journal (
    plan_id      bigint NOT NULL REFERENCES lifecycle.plan,
    batch        integer NOT NULL,
    position     integer NOT NULL,
    collection   text NOT NULL,
    action       text NOT NULL,
    row_count    bigint NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (plan_id, batch, position)
);
COMMENT ON TABLE lifecycle.journal IS 'What was done, written in the transaction that did it. Counts only.';

CREATE TABLE lifecycle.notice (
    notice_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule         text NOT NULL,
    collection   text NOT NULL,
    key          text[] NOT NULL,
    event_day    date NOT NULL,
    last_day     date NOT NULL,
    planned_on   date NOT NULL,
    noticed_at   timestamptz NOT NULL,
    announced    integer[] NOT NULL DEFAULT '{}',
    cancelled_at timestamptz,
    done_at      timestamptz
);
CREATE UNIQUE INDEX notice_open ON lifecycle.notice (rule, collection, key)
    WHERE cancelled_at IS NULL AND done_at IS NULL;
COMMENT ON TABLE lifecycle.notice IS 'A deletion that is coming: noticed when its clock started, announced ahead of time, cancelled when the clock stops again.';
COMMENT ON COLUMN lifecycle.notice.announced IS 'Days before planned_on for which the announcement was made.';

GRANT SELECT, INSERT, UPDATE ON lifecycle.hold TO lifecycle_engine;
GRANT SELECT, INSERT ON lifecycle.hold_row, lifecycle.journal TO lifecycle_engine;
GRANT SELECT, INSERT, UPDATE ON lifecycle.plan, lifecycle.plan_batch, lifecycle.plan_item, lifecycle.notice TO lifecycle_engine;
GRANT SELECT ON lifecycle.hold, lifecycle.plan, lifecycle.plan_batch, lifecycle.journal TO lifecycle_reader;
GRANT SELECT (plan_id, batch, position, collection, action, columns, edge, partition, upper_bound, is_root, links, row_count, sha256)
    ON lifecycle.plan_item TO lifecycle_reader;
GRANT SELECT (notice_id, rule, collection, event_day, last_day, planned_on, noticed_at, announced, cancelled_at, done_at)
    ON lifecycle.notice TO lifecycle_reader;

-- Planning works in temporary tables; a database may have taken that right from everybody.
DO $$
BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO lifecycle_engine', current_database());
END
$$;
