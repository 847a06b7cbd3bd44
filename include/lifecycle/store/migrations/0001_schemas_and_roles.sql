-- The control schema's neighbours, and who may enter them.
--
-- Roles belong to the whole server, which several companies' databases may share: a role that exists is
-- taken as it is, and one that another database creates at this moment is no error. Whoever migrates becomes
-- a member of each, so that a connection can step into it; a superuser needs no membership.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY[
        'lifecycle_engine', 'lifecycle_reader', 'analytics_builder', 'data_team', 'auditor'
    ]
    LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
        IF EXISTS (
            SELECT FROM pg_roles
            WHERE rolname = role_name
                AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
        ) THEN
            RAISE 'the role % exists and may do more than it should', role_name
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        BEGIN
            IF NOT pg_has_role(current_user, role_name, 'USAGE') THEN
                EXECUTE format('GRANT %I TO %I', role_name, current_user);
            END IF;
        EXCEPTION WHEN unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

-- Where a company has a schema of this name, its tables would be released: better to fail here.
CREATE SCHEMA analytics;
CREATE SCHEMA pseudonymised;

GRANT USAGE ON SCHEMA lifecycle TO lifecycle_engine, lifecycle_reader, auditor;
GRANT USAGE, CREATE ON SCHEMA pseudonymised, analytics TO analytics_builder;
GRANT USAGE ON SCHEMA analytics TO data_team;

-- What is created in analytics is released: the data team may read it, whoever of the two created it.
ALTER DEFAULT PRIVILEGES IN SCHEMA analytics GRANT SELECT ON TABLES TO data_team;
ALTER DEFAULT PRIVILEGES FOR ROLE analytics_builder IN SCHEMA analytics GRANT SELECT ON TABLES TO data_team;

GRANT SELECT ON lifecycle.migration TO lifecycle_engine, lifecycle_reader;
