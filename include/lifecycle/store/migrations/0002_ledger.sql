-- The ledger: what was done, written once and never changed. No foreign keys: it outlives what it speaks of.

-- sequence      the entry's place, from 0 without gaps
-- node_hashes   RFC 6962 hashes of the tree nodes that this entry completes, 32 bytes each: its leaf, then the
--               subtrees of 2, 4, 8 … entries that end with it. All of the tree is here, so appending and
--               proving need a handful of rows, not all of them.
-- payload       the entry itself, canonical JSON in UTF-8: exactly the bytes that are hashed
CREATE TABLE lifecycle.ledger_entry (
    sequence bigint PRIMARY KEY,
    node_hashes bytea NOT NULL,
    payload bytea NOT NULL,
    CONSTRAINT ledger_entry_is_hashed CHECK (substring(node_hashes FOR 32) = sha256('\x00'::bytea || payload)),
    CONSTRAINT ledger_entry_completes_its_nodes CHECK (
        length(node_hashes) % 32 = 0
        AND 1::bigint << (length(node_hashes) / 32 - 1) = ((sequence + 1) & -(sequence + 1))
    ),
    CONSTRAINT ledger_entry_names_its_place CHECK (
        convert_from(payload, 'UTF8')::jsonb -> 'sequence' = to_jsonb(sequence)
    )
);

-- A checkpoint is a signed statement: at as_of the first tree_size entries had this root. The signature is over
-- the note made of origin, tree_size, root_hash and as_of (docs/adr/0022). public_key names the key that signed;
-- whether to trust it is for the reader to know.
CREATE TABLE lifecycle.ledger_checkpoint (
    number integer PRIMARY KEY,
    origin text NOT NULL,
    tree_size bigint NOT NULL CHECK (tree_size >= 0),
    root_hash bytea NOT NULL CHECK (length(root_hash) = 32),
    as_of timestamptz NOT NULL CHECK (isfinite(as_of)),
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    signature bytea NOT NULL CHECK (length(signature) = 64)
);

CREATE INDEX ledger_checkpoint_by_size ON lifecycle.ledger_checkpoint (tree_size, number);

CREATE FUNCTION lifecycle.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE FUNCTION lifecycle.require_next_entry() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.sequence <> (SELECT coalesce(max(sequence) + 1, 0) FROM lifecycle.ledger_entry) THEN
        RAISE 'ledger entry % is not the next one', NEW.sequence
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION lifecycle.require_next_checkpoint() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    newest lifecycle.ledger_checkpoint;
BEGIN
    SELECT * INTO newest FROM lifecycle.ledger_checkpoint ORDER BY number DESC LIMIT 1;
    IF NEW.number <> coalesce(newest.number, 0) + 1 OR NEW.tree_size < newest.tree_size THEN
        RAISE 'ledger checkpoint % does not continue the newest one', NEW.number
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lifecycle.ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION lifecycle.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lifecycle.ledger_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION lifecycle.refuse_change();
CREATE TRIGGER next_entry BEFORE INSERT ON lifecycle.ledger_entry
    FOR EACH ROW EXECUTE FUNCTION lifecycle.require_next_entry();
CREATE TRIGGER next_checkpoint BEFORE INSERT ON lifecycle.ledger_checkpoint
    FOR EACH ROW EXECUTE FUNCTION lifecycle.require_next_checkpoint();

-- ALWAYS: session_replication_role = replica does not switch them off.
ALTER TABLE lifecycle.ledger_entry ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE lifecycle.ledger_entry ENABLE ALWAYS TRIGGER next_entry;
ALTER TABLE lifecycle.ledger_checkpoint ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE lifecycle.ledger_checkpoint ENABLE ALWAYS TRIGGER next_checkpoint;

-- For reading: the entries with their content unpacked.
CREATE VIEW lifecycle.ledger AS
SELECT
    entry.sequence,
    decoded.content ->> 'kind' AS kind,
    (decoded.content ->> 'as_of')::timestamptz AS as_of,
    decoded.content -> 'body' AS body,
    encode(substring(entry.node_hashes FOR 32), 'hex') AS leaf_hash
FROM lifecycle.ledger_entry AS entry
CROSS JOIN LATERAL (SELECT convert_from(entry.payload, 'UTF8')::jsonb AS content) AS decoded;

GRANT SELECT ON lifecycle.ledger_entry, lifecycle.ledger_checkpoint, lifecycle.ledger
    TO lifecycle_engine, lifecycle_reader, auditor;
GRANT INSERT ON lifecycle.ledger_entry, lifecycle.ledger_checkpoint TO lifecycle_engine;
