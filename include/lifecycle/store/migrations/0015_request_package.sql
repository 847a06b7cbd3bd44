-- What was put together for a subject who asked for a copy: an encrypted archive, sealed once more, and the passphrase
-- that opens it, sealed too. Each is handed out once, and destroyed then or when its time is over.

CREATE TABLE lifecycle.request_package (
    request_id   uuid PRIMARY KEY REFERENCES lifecycle.request,
    made_at      timestamptz NOT NULL,
    expires_at   timestamptz CHECK (expires_at > made_at),
    sha256       text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size         bigint NOT NULL CHECK (size > 0),
    archive      bytea,
    passphrase   bytea,
    fetched_by   text CHECK (fetched_by <> ''),
    fetched_at   timestamptz,
    shown_by     text CHECK (shown_by <> ''),
    shown_at     timestamptz,
    destroyed_at timestamptz,
    CONSTRAINT request_package_fetched_by_somebody CHECK ((fetched_at IS NULL) = (fetched_by IS NULL)),
    CONSTRAINT request_package_shown_to_somebody CHECK ((shown_at IS NULL) = (shown_by IS NULL)),
    CONSTRAINT request_package_forgets_what_was_fetched
        CHECK ((archive IS NULL) = (fetched_at IS NOT NULL OR destroyed_at IS NOT NULL)),
    CONSTRAINT request_package_forgets_what_was_shown
        CHECK ((passphrase IS NULL) = (shown_at IS NOT NULL OR destroyed_at IS NOT NULL))
)
-- What was destroyed shall not stay in a dead row until fifty of them have come together.
WITH (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
      toast.autovacuum_vacuum_threshold = 0, toast.autovacuum_vacuum_scale_factor = 0);
ALTER TABLE lifecycle.request_package ALTER COLUMN archive SET STATISTICS 0;
ALTER TABLE lifecycle.request_package ALTER COLUMN archive SET STORAGE EXTERNAL;
ALTER TABLE lifecycle.request_package ALTER COLUMN passphrase SET STATISTICS 0;
ALTER TABLE lifecycle.request_package ALTER COLUMN passphrase SET STORAGE EXTERNAL;
COMMENT ON TABLE lifecycle.request_package IS 'The copies that subjects asked for, until they are fetched or their time is over.';
COMMENT ON COLUMN lifecycle.request_package.expires_at IS 'From this moment on it cannot be fetched; null until the request is answered.';
COMMENT ON COLUMN lifecycle.request_package.sha256 IS 'Of the encrypted archive, as it is handed out.';
COMMENT ON COLUMN lifecycle.request_package.archive IS 'The encrypted archive, sealed; destroyed (null) when it is fetched or its time is over.';
COMMENT ON COLUMN lifecycle.request_package.passphrase IS 'What opens it, sealed; destroyed (null) when it is shown or its time is over.';
COMMENT ON COLUMN lifecycle.request_package.destroyed_at IS 'When what was left of it was destroyed because its time was over or its request was refused.';

-- Hands out an archive and destroys it: once, of a request that is answered, before its time is over.
CREATE FUNCTION lifecycle.fetch_package(request uuid, by_whom text, moment timestamptz) RETURNS bytea
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found bytea;
BEGIN
    SELECT package.archive INTO found
    FROM lifecycle.request_package AS package JOIN lifecycle.request AS asked USING (request_id)
    WHERE package.request_id = request AND asked.state = 'done' AND package.expires_at > moment
    FOR UPDATE OF package;
    IF found IS NOT NULL THEN
        UPDATE lifecycle.request_package
        SET archive = NULL, fetched_by = by_whom, fetched_at = moment
        WHERE request_id = request;
    END IF;
    RETURN found;
END
$$;

-- Shows a passphrase and destroys it, in the same way.
CREATE FUNCTION lifecycle.show_passphrase(request uuid, by_whom text, moment timestamptz) RETURNS bytea
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found bytea;
BEGIN
    SELECT package.passphrase INTO found
    FROM lifecycle.request_package AS package JOIN lifecycle.request AS asked USING (request_id)
    WHERE package.request_id = request AND asked.state = 'done' AND package.expires_at > moment
    FOR UPDATE OF package;
    IF found IS NOT NULL THEN
        UPDATE lifecycle.request_package
        SET passphrase = NULL, shown_by = by_whom, shown_at = moment
        WHERE request_id = request;
    END IF;
    RETURN found;
END
$$;

REVOKE ALL ON FUNCTION lifecycle.fetch_package, lifecycle.show_passphrase FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lifecycle.fetch_package, lifecycle.show_passphrase TO lifecycle_engine, lifecycle_intake;

-- The engine writes and destroys; whoever reads what is sealed goes through the functions.
GRANT SELECT (request_id, made_at, expires_at, sha256, size, fetched_by, fetched_at, shown_by, shown_at, destroyed_at)
    ON lifecycle.request_package TO lifecycle_engine, lifecycle_intake, lifecycle_reader;
GRANT INSERT, DELETE ON lifecycle.request_package TO lifecycle_engine;
GRANT UPDATE (archive, passphrase, expires_at, destroyed_at) ON lifecycle.request_package TO lifecycle_engine;
