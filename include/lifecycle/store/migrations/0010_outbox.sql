-- What recipients of data have to be told (GDPR Art. 19): queued in the transaction that erases, corrects or
-- restricts, delivered afterwards, and kept without its content once that is done.

CREATE TABLE lifecycle.outbox (
    notice_id       uuid PRIMARY KEY,
    position        bigint GENERATED ALWAYS AS IDENTITY,
    recipient       text NOT NULL CHECK (recipient ~ '^[A-Za-z][A-Za-z0-9_]{0,62}$'),
    kind            text NOT NULL CHECK (kind IN ('erasure', 'rectification', 'restriction', 'restriction_lifted')),
    request         uuid NOT NULL,
    body            bytea,
    state           text NOT NULL CHECK (state IN ('pending', 'by_hand', 'dead', 'acknowledged', 'settled')),
    queued_at       timestamptz NOT NULL CHECK (isfinite(queued_at)),
    deadline        timestamptz NOT NULL CHECK (isfinite(deadline)),
    next_attempt    timestamptz NOT NULL CHECK (isfinite(next_attempt)),
    attempts        integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    lease           uuid,
    leased_until    timestamptz,
    outcome         text CHECK (outcome ~ '^[a-z][a-z0-9_]{0,31}$'),
    acknowledgement text CHECK (acknowledgement ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$'),
    ended_at        timestamptz,
    settled_by      text CHECK (settled_by <> ''),
    settled_reason  text CHECK (settled_reason ~ '^[A-Za-z][A-Za-z0-9_-]{0,63}$'),
    CONSTRAINT outbox_forgets_what_is_over CHECK ((body IS NULL) = (state IN ('acknowledged', 'settled'))),
    CONSTRAINT outbox_says_when_it_ended CHECK ((ended_at IS NULL) = (state IN ('pending', 'by_hand'))),
    CONSTRAINT outbox_says_who_settled CHECK (
        (settled_by IS NOT NULL) = (state = 'settled') AND (settled_reason IS NULL) = (settled_by IS NULL)
    ),
    CONSTRAINT outbox_acknowledged_by_recipient CHECK (acknowledgement IS NULL OR state = 'acknowledged'),
    CONSTRAINT outbox_leased_while_pending CHECK (
        (lease IS NULL) = (leased_until IS NULL) AND (lease IS NULL OR state = 'pending')
    )
)
-- What was destroyed shall not stay in a dead row until fifty of them have come together.
WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
-- Nor shall the planner's statistics keep a copy, or a compressed one tell how much of it repeats.
ALTER TABLE lifecycle.outbox ALTER COLUMN body SET STATISTICS 0;
ALTER TABLE lifecycle.outbox ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX outbox_open ON lifecycle.outbox (next_attempt) WHERE state = 'pending';
CREATE INDEX outbox_order ON lifecycle.outbox (recipient, request, position) WHERE state = 'pending';
CREATE INDEX outbox_due ON lifecycle.outbox (deadline) WHERE state IN ('pending', 'by_hand');
CREATE INDEX outbox_dead ON lifecycle.outbox (queued_at) WHERE state IN ('dead', 'by_hand');

COMMENT ON TABLE lifecycle.outbox IS
    'Notices to recipients of an erasure, a correction, a restriction or its end. Only the sealed body says about whom.';
COMMENT ON COLUMN lifecycle.outbox.notice_id IS 'The recipient is given it with every attempt, to know a repeated one.';
COMMENT ON COLUMN lifecycle.outbox.position IS 'Order in which they were queued, and are delivered for one request.';
COMMENT ON COLUMN lifecycle.outbox.recipient IS 'Name of the recipient in the policy.';
COMMENT ON COLUMN lifecycle.outbox.request IS 'Opaque number of the request that it follows from.';
COMMENT ON COLUMN lifecycle.outbox.body IS 'What to tell, encrypted; destroyed (null) once it is acknowledged or settled.';
COMMENT ON COLUMN lifecycle.outbox.state IS
    'pending: to be delivered; by_hand: a person has to tell the recipient; dead: given up, until a person resends or settles it.';
COMMENT ON COLUMN lifecycle.outbox.deadline IS 'When it is given up for dead unless it was delivered or settled.';
COMMENT ON COLUMN lifecycle.outbox.lease IS 'Of the worker that is delivering it at the moment; without a word from it until leased_until another takes over.';
COMMENT ON COLUMN lifecycle.outbox.outcome IS 'Of the last attempt, in one word.';
COMMENT ON COLUMN lifecycle.outbox.acknowledgement IS 'Reference that the recipient gave with its acknowledgement.';

GRANT SELECT, INSERT ON lifecycle.outbox TO lifecycle_engine;
GRANT UPDATE (
    body, state, deadline, next_attempt, attempts, lease, leased_until, outcome, acknowledgement, ended_at,
    settled_by, settled_reason
) ON lifecycle.outbox TO lifecycle_engine;
GRANT SELECT (
    notice_id, position, recipient, kind, request, state, queued_at, deadline, next_attempt, attempts, leased_until,
    outcome, acknowledgement, ended_at, settled_by, settled_reason
) ON lifecycle.outbox TO lifecycle_reader;
