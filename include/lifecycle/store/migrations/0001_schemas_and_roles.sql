-- The control schema, the two analytics schemas, and who may enter them.
--
-- Roles belong to the whole server, which several companies' databases may share: a role that exists is
-- taken as it is, and one that another database creates at this moment is no error.

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
    END LOOP;
END
$$;

CREATE SCHEMA analytics;
CREATE SCHEMA pseudonymised;

GRANT USAGE ON SCHEMA lifecycle TO lifecycle_engine, lifecycle_reader, auditor;
GRANT USAGE, CREATE ON SCHEMA pseudonymised, analytics TO analytics_builder;
GRANT USAGE ON SCHEMA analytics TO data_team;

GRANT SELECT ON lifecycle.migration TO lifecycle_engine, lifecycle_reader;
