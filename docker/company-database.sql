-- The logins of the company's database; the image's entry point runs this once, as superuser, when the data
-- directory is new. Where the database exists already, a superuser runs it with the three passwords in the
-- environment: psql --file docker/company-database.sql
--
-- The project's roles are made here, and not by its first migration, so that a superuser decides who steps
-- into them: the owner, who need not be able to create roles, into any; a worker into the engine's
-- and, to write statistics, into the builder's; the page of requests into that of the intake.

\set ON_ERROR_STOP on
\getenv owner_password COMPANY_OWNER_PASSWORD
\getenv worker_password COMPANY_WORKER_PASSWORD
\getenv intake_password COMPANY_INTAKE_PASSWORD

CREATE ROLE company_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE company_worker LOGIN PASSWORD :'worker_password' NOINHERIT;
CREATE ROLE company_intake LOGIN PASSWORD :'intake_password' NOINHERIT;

CREATE ROLE lifecycle_engine NOLOGIN;
CREATE ROLE lifecycle_reader NOLOGIN;
CREATE ROLE lifecycle_intake NOLOGIN;
CREATE ROLE analytics_builder NOLOGIN;
CREATE ROLE data_team NOLOGIN;
CREATE ROLE auditor NOLOGIN;

GRANT lifecycle_engine, lifecycle_reader, lifecycle_intake, analytics_builder, data_team, auditor TO company_owner;
GRANT lifecycle_engine, analytics_builder TO company_worker;
GRANT lifecycle_intake TO company_intake;

SELECT format('ALTER DATABASE %I OWNER TO company_owner', current_database())
\gexec
SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database())
\gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO company_worker, company_intake', current_database())
\gexec
-- Planning works in temporary tables.
SELECT format('GRANT TEMPORARY ON DATABASE %I TO lifecycle_engine', current_database())
\gexec
