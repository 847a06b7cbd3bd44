-- Who takes requests and sees to them on a page: knows which there are and how far each is, and adds to that. What
-- such a request is about goes in and does not come out again; no row of the company can be read.

DO $$
BEGIN
    BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'lifecycle_intake') THEN
            CREATE ROLE lifecycle_intake NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
    END;
    IF EXISTS (
        SELECT FROM pg_roles
        WHERE rolname = 'lifecycle_intake'
            AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
    ) THEN
        RAISE 'the role lifecycle_intake exists and may do more than it should'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    BEGIN
        IF NOT pg_has_role(current_user, 'lifecycle_intake', 'USAGE') THEN
            EXECUTE format('GRANT lifecycle_intake TO %I', current_user);
        END IF;
    EXCEPTION WHEN unique_violation THEN
        NULL;
    END;
END
$$;

GRANT USAGE ON SCHEMA lifecycle TO lifecycle_intake;
GRANT SELECT, INSERT ON lifecycle.request TO lifecycle_intake;
GRANT UPDATE (state, verified_by, verified_how, due_on, extension_reason) ON lifecycle.request TO lifecycle_intake;
GRANT SELECT (request_id, position, kind, source, fingerprint), INSERT ON lifecycle.request_identity TO lifecycle_intake;
GRANT UPDATE (source) ON lifecycle.request_identity TO lifecycle_intake;
GRANT SELECT, INSERT ON lifecycle.request_event TO lifecycle_intake;
-- A receipt carries the proof of its entry.
GRANT SELECT ON lifecycle.ledger_entry, lifecycle.ledger_checkpoint, lifecycle.ledger TO lifecycle_intake;
