-- Which ledger this is: its copy outside the database is filed under this number, and a restored database still has it.

CREATE TABLE lifecycle.ledger_identity (
    ledger_id uuid NOT NULL DEFAULT gen_random_uuid(),
    is_only   boolean PRIMARY KEY DEFAULT true CHECK (is_only)
);
INSERT INTO lifecycle.ledger_identity DEFAULT VALUES;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lifecycle.ledger_identity
    FOR EACH STATEMENT EXECUTE FUNCTION lifecycle.refuse_change();
ALTER TABLE lifecycle.ledger_identity ENABLE ALWAYS TRIGGER append_only;

GRANT SELECT ON lifecycle.ledger_identity TO lifecycle_engine, lifecycle_reader, auditor;
