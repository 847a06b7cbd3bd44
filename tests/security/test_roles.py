"""Each role may do what it needs and nothing else. A table that is not listed here fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import ProgrammingError

from lifecycle.errors import StoreError
from lifecycle.store.grants import grant
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Row

    from support.databases import Database

pytestmark = pytest.mark.commitment("G1")

READ = {"SELECT"}
ADD = {"SELECT", "INSERT"}
CHANGE = {"SELECT", "INSERT", "UPDATE"}

TABLE_PRIVILEGES: dict[str, dict[Role, set[str]]] = {
    "lifecycle.ledger_identity": {Role.ENGINE: READ, Role.READER: READ, Role.AUDITOR: READ},
    "lifecycle.ledger_checkpoint": {
        Role.ENGINE: ADD,
        Role.READER: READ,
        Role.INTAKE: READ,
        Role.AUDITOR: READ,
    },
    "lifecycle.ledger_entry": {Role.ENGINE: ADD, Role.READER: READ, Role.INTAKE: READ, Role.AUDITOR: READ},
    "lifecycle.migration": {Role.ENGINE: READ, Role.READER: READ},
    "lifecycle.hold": {Role.ENGINE: CHANGE, Role.READER: READ},
    "lifecycle.hold_row": {Role.ENGINE: ADD},  # and may forget a key
    "lifecycle.hold_subject": {Role.ENGINE: ADD},  # and may forget a value
    "lifecycle.policy_adopted": {Role.ENGINE: ADD, Role.READER: READ},
    "lifecycle.plan": {Role.ENGINE: CHANGE, Role.READER: READ},
    "lifecycle.plan_batch": {Role.ENGINE: CHANGE, Role.READER: READ},
    "lifecycle.plan_item": {Role.ENGINE: CHANGE},  # a reader sees its columns but the keys
    "lifecycle.plan_reliance": {Role.ENGINE: CHANGE},
    "lifecycle.outbox": {
        Role.ENGINE: ADD
    },  # and may change what becomes of a notice; a reader sees all but the body
    # A reader, and the page of requests, see of these but some columns.
    "lifecycle.request": {Role.ENGINE: CHANGE, Role.INTAKE: ADD},
    "lifecycle.request_identity": {Role.ENGINE: ADD, Role.INTAKE: {"INSERT"}},
    "lifecycle.request_event": {Role.ENGINE: ADD, Role.READER: READ, Role.INTAKE: ADD},
    "lifecycle.request_remainder": {Role.ENGINE: {*CHANGE, "DELETE"}},
    "lifecycle.request_correction": {Role.ENGINE: ADD, Role.INTAKE: {"INSERT"}},
    "lifecycle.request_purpose": {Role.ENGINE: ADD, Role.READER: READ, Role.INTAKE: ADD},  # and decide
    # What it holds is handed out by two functions alone.
    "lifecycle.request_package": {Role.ENGINE: {"INSERT", "DELETE"}},
    "lifecycle.archive_part": {Role.ENGINE: ADD},  # and says how far it has got; others see no manifest
    "lifecycle.archive_record": {Role.ENGINE: {*CHANGE, "DELETE"}},
    "lifecycle.archive_key": {Role.ENGINE: {*CHANGE, "DELETE"}},
    "lifecycle.release_draw": {
        Role.ENGINE: READ,
        Role.READER: READ,
        Role.BUILDER: READ,
    },  # the engine may end one
    "lifecycle.release_reading": {},
    "lifecycle.release_period": {Role.ENGINE: CHANGE},
    # Made of exact numbers without noise: not even the engine reads it as itself.
    "lifecycle.release_utility": {Role.BUILDER: ADD},
    "lifecycle.release_lost": {Role.ENGINE: ADD, Role.READER: READ, Role.BUILDER: READ},
    "analytics.dictionary": {Role.ENGINE: READ, Role.BUILDER: ADD, Role.DATA_TEAM: READ},
    "lifecycle.processing_stop": {Role.ENGINE: ADD, Role.READER: READ, Role.INTAKE: READ},
    "lifecycle.processing_stop_subject": {Role.ENGINE: ADD},  # and may forget who, as of a row
    "lifecycle.processing_stop_row": {Role.ENGINE: ADD},
    "lifecycle.suppression": {Role.ENGINE: ADD},
    "lifecycle.restoration": {Role.ENGINE: ADD, Role.READER: READ},  # the engine may end one
    "lifecycle.journal": {Role.ENGINE: ADD, Role.READER: READ},
    "lifecycle.notice": {Role.ENGINE: CHANGE},  # a reader sees its columns but the key
}
"""Every table of the project's schemas: who may do what to it."""

SCHEMA_PRIVILEGES: dict[str, dict[Role, set[str]]] = {
    "lifecycle": {
        role: {"USAGE"} for role in (Role.ENGINE, Role.READER, Role.INTAKE, Role.BUILDER, Role.AUDITOR)
    },
    "pseudonymised": {Role.BUILDER: {"USAGE"}},
    "analytics": {role: {"USAGE"} for role in (Role.ENGINE, Role.BUILDER, Role.DATA_TEAM)},
}

FUNCTIONS: dict[str, set[Role]] = {
    "lifecycle.drop_partition": {Role.ENGINE},
    "lifecycle.fetch_package": {Role.ENGINE, Role.INTAKE},
    "lifecycle.show_passphrase": {Role.ENGINE, Role.INTAKE},
    "lifecycle.release_forget_utility": {Role.ENGINE},
    "lifecycle.release_make_table": {Role.BUILDER},
    "lifecycle.release_remember": {Role.ENGINE},
    "lifecycle.release_reserve": {Role.BUILDER},
    "lifecycle.release_taken": {Role.BUILDER},
}
"""Every function of the project's schemas that a role may call by name. Trigger functions need no entry."""

COMPANY = """
    CREATE SCHEMA shop;
    CREATE TABLE shop.customer (id int PRIMARY KEY, email text);
    CREATE TABLE shop.price (id int PRIMARY KEY);
    CREATE TABLE shop."Odd ""name" (id int);
    INSERT INTO shop.customer VALUES (1, 'a'), (2, 'b');
    CREATE TABLE analytics.visits (day date, count int);
    CREATE TABLE pseudonymised.visits (day date, token text);
"""


@pytest.fixture
def company(database: Database) -> Database:
    """A company whose customers are in the data map and whose prices are not."""
    database.script(COMPANY)
    give(database, [("shop", "customer")])
    return database


def give(database: Database, collections: Iterable[tuple[str, str]]) -> None:
    with database.connect().begin() as connection:
        grant(connection, collections)


def act(database: Database, role: Role, statement: str) -> list[Row]:
    with database.connect(role).begin() as connection:
        result = connection.exec_driver_sql(statement)
        return list(result) if result.returns_rows else []


def privileges_on(database: Database, table: str, role: Role = Role.ENGINE) -> set[str]:
    rows = database.execute(
        """
        SELECT privilege FROM unnest(ARRAY[
            'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'
        ]) AS privilege
        WHERE has_table_privilege(:role, :table, privilege)
        """,
        {"role": role.value, "table": table},
    )
    return {row[0] for row in rows}


# --- what the migrations give, compared whole


def test_every_table_gives_each_role_what_is_listed_here_and_nothing_more(module_database: Database):
    names = module_database.execute("""
        SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
        WHERE schemaname IN ('lifecycle', 'pseudonymised', 'analytics')
    """)
    found = {
        name: {role: given for role in Role if (given := privileges_on(module_database, name, role))}
        for (name,) in names
    }
    assert found == TABLE_PRIVILEGES


def test_every_schema_gives_each_role_what_is_listed_here_and_nothing_more(module_database: Database):
    query = "SELECT has_schema_privilege(:role, :schema, :privilege)"
    found = {
        schema: {
            role: given
            for role in Role
            if (
                given := {
                    privilege
                    for privilege in ("USAGE", "CREATE")
                    if module_database.execute(
                        query, {"role": role.value, "schema": schema, "privilege": privilege}
                    )[0][0]
                }
            )
        }
        for schema in SCHEMA_PRIVILEGES
    }
    assert found == SCHEMA_PRIVILEGES


def test_every_function_may_be_called_by_whom_is_listed_here_and_by_nobody_else(module_database: Database):
    rows = module_database.execute(
        """
        SELECT format('%I.%I', namespace.nspname, function.proname), role
        FROM pg_proc AS function
        JOIN pg_namespace AS namespace ON namespace.oid = function.pronamespace
        CROSS JOIN unnest(CAST(:roles AS text[])) AS role
        WHERE namespace.nspname IN ('lifecycle', 'pseudonymised', 'analytics')
            AND has_function_privilege(role, function.oid, 'EXECUTE')
        """,
        {"roles": [role.value for role in Role]},
    )
    found: dict[str, set[Role]] = {}
    for name, role in rows:
        found.setdefault(name, set()).add(Role(role))
    assert found == FUNCTIONS


def test_public_is_given_nothing(module_database: Database):
    rows = module_database.execute("""
        SELECT object FROM (
            SELECT nspname AS object, coalesce(nspacl, acldefault('n', nspowner)) AS acl, oid AS schema
            FROM pg_namespace
            UNION ALL
            SELECT relname, coalesce(relacl, acldefault('r', relowner)), relnamespace
            FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm')
            UNION ALL
            SELECT proname, coalesce(proacl, acldefault('f', proowner)), pronamespace FROM pg_proc
        ) AS objects, aclexplode(acl) AS entry
        WHERE entry.grantee = 0
            AND schema = ANY (ARRAY['lifecycle', 'pseudonymised', 'analytics']::regnamespace[])
    """)
    assert rows == []


def test_functions_that_act_as_their_owner_fix_their_search_path(module_database: Database):
    rows = module_database.execute("""
        SELECT proname FROM pg_proc
        WHERE pronamespace = 'lifecycle'::regnamespace AND prosecdef
            AND NOT coalesce(array_to_string(proconfig, ',') ~ 'search_path=pg_catalog, pg_temp', false)
    """)
    assert rows == []


def test_no_role_can_log_in_or_has_a_power_of_the_server(module_database: Database):
    rows = module_database.execute(
        """
        SELECT rolname FROM pg_roles
        WHERE rolname = ANY (:roles)
            AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
        """,
        {"roles": [role.value for role in Role]},
    )
    assert rows == []


def test_no_role_is_a_member_of_another(module_database: Database):
    rows = module_database.execute(
        "SELECT roleid::regrole FROM pg_auth_members WHERE member = ANY (CAST(:roles AS regrole[]))",
        {"roles": [role.value for role in Role]},
    )
    assert rows == []


# --- what a role must not do, tried

FORBIDDEN = [
    (Role.ENGINE, "INSERT INTO shop.customer VALUES (3, 'c')"),
    (Role.ENGINE, "TRUNCATE shop.customer"),
    (Role.ENGINE, "DROP TABLE shop.customer"),
    (Role.ENGINE, "ALTER TABLE shop.customer ADD COLUMN more int"),
    (Role.ENGINE, "ALTER TABLE shop.customer DISABLE TRIGGER ALL"),
    (Role.ENGINE, "SET session_replication_role = replica"),
    (Role.ENGINE, "SELECT FROM shop.price"),
    (Role.ENGINE, "DELETE FROM shop.price"),
    (Role.ENGINE, "CREATE TABLE shop.mine ()"),
    (Role.ENGINE, "CREATE TABLE lifecycle.mine ()"),
    (Role.ENGINE, "CREATE SCHEMA mine"),
    (Role.ENGINE, "CREATE ROLE mine"),
    (Role.ENGINE, "GRANT data_team TO auditor"),
    (Role.ENGINE, "UPDATE lifecycle.migration SET sha256 = ''"),
    (Role.ENGINE, "DELETE FROM lifecycle.migration"),
    (Role.ENGINE, "SELECT FROM analytics.visits"),
    (Role.ENGINE, "SELECT pg_read_file('/etc/hostname')"),
    (Role.ENGINE, "COPY shop.customer TO PROGRAM 'cat'"),
    (Role.READER, "SELECT FROM shop.customer"),
    (Role.READER, "SELECT FROM pseudonymised.visits"),
    (Role.READER, "SELECT FROM analytics.visits"),
    (Role.READER, "DELETE FROM lifecycle.migration"),
    (Role.READER, "CREATE TABLE lifecycle.mine ()"),
    (Role.BUILDER, "SELECT FROM shop.customer"),
    (Role.BUILDER, "SELECT FROM lifecycle.migration"),
    (Role.BUILDER, "CREATE TABLE lifecycle.mine ()"),
    (Role.BUILDER, "CREATE TABLE analytics.mine ()"),
    (Role.BUILDER, "CREATE TABLE pseudonymised.mine ()"),
    (Role.BUILDER, "INSERT INTO lifecycle.release_draw DEFAULT VALUES"),
    (Role.BUILDER, "UPDATE lifecycle.release_draw SET state = 'failed'"),
    (Role.BUILDER, "UPDATE analytics.dictionary SET says = '{}'"),
    (Role.BUILDER, "SELECT FROM lifecycle.release_period"),
    (Role.BUILDER, "SELECT FROM lifecycle.ledger_entry"),
    (Role.ENGINE, "INSERT INTO analytics.dictionary SELECT 't', 'r', 'f', '2026-01-01', '2026-01-01', '{}'"),
    (Role.ENGINE, "INSERT INTO lifecycle.release_draw DEFAULT VALUES"),
    (Role.ENGINE, "UPDATE lifecycle.release_reading SET entries = 9"),
    (Role.ENGINE, "DELETE FROM lifecycle.release_draw"),
    (Role.ENGINE, "UPDATE lifecycle.release_draw SET rho = 0.1"),
    *(
        (role, f"SELECT {columns} FROM lifecycle.release_utility")
        for role in Role
        if role is not Role.BUILDER
        for columns in ("", "largest_error", "count(*)")
    ),
    *((role, "DELETE FROM lifecycle.release_utility") for role in Role),
    *((role, "UPDATE lifecycle.release_utility SET cells = 0") for role in Role),
    *(
        (role, "SELECT lifecycle.release_forget_utility('2100-01-01')")
        for role in Role
        if role is not Role.ENGINE
    ),
    *(
        (role, "INSERT INTO lifecycle.release_utility DEFAULT VALUES")
        for role in Role
        if role is not Role.BUILDER
    ),
    *((role, "SELECT late FROM lifecycle.release_period") for role in Role if role is not Role.ENGINE),
    (Role.DATA_TEAM, "SELECT FROM lifecycle.release_draw"),
    (Role.DATA_TEAM, "SELECT FROM shop.customer"),
    (Role.DATA_TEAM, "SELECT FROM pseudonymised.visits"),
    (Role.DATA_TEAM, "SELECT FROM lifecycle.migration"),
    (Role.DATA_TEAM, "INSERT INTO analytics.visits VALUES (DEFAULT, DEFAULT)"),
    (Role.DATA_TEAM, "DELETE FROM analytics.visits"),
    (Role.DATA_TEAM, "CREATE TABLE analytics.mine ()"),
    (Role.AUDITOR, "SELECT FROM shop.customer"),
    (Role.AUDITOR, "SELECT FROM lifecycle.migration"),
    (Role.AUDITOR, "SELECT FROM analytics.visits"),
    (Role.AUDITOR, "SELECT FROM pseudonymised.visits"),
    (Role.AUDITOR, "CREATE TABLE lifecycle.mine ()"),
    *(
        (role, "SELECT lifecycle.drop_partition('shop.customer', 'shop.customer', now())")
        for role in Role
        if role is not Role.ENGINE
    ),
]


@pytest.fixture(scope="module")
def shared_company(module_database: Database) -> Database:
    """For the attempts that change nothing, because they are refused."""
    module_database.script(COMPANY)
    give(module_database, [("shop", "customer")])
    return module_database


@pytest.mark.parametrize(("role", "statement"), FORBIDDEN)
def test_a_role_is_refused_what_it_does_not_need(shared_company: Database, role: Role, statement: str):
    with pytest.raises(ProgrammingError, match=r"SQLSTATE 42501") as caught:
        act(shared_company, role, statement)
    assert "InsufficientPrivilege" in str(caught.value)


def test_the_engine_passes_nothing_on(company: Database):
    act(company, Role.ENGINE, "GRANT SELECT ON shop.customer TO data_team")  # PostgreSQL only warns
    assert privileges_on(company, "shop.customer", Role.DATA_TEAM) == set()


def test_the_engine_deletes_and_redacts_what_is_mapped(company: Database):
    act(company, Role.ENGINE, "UPDATE shop.customer SET email = NULL WHERE id = 1")
    act(company, Role.ENGINE, "DELETE FROM shop.customer WHERE id = 2")
    assert company.execute("SELECT * FROM shop.customer") == [(1, None)]


def test_the_data_team_reads_what_is_released_later(company: Database):
    company.script("CREATE TABLE analytics.later AS SELECT 1 AS count")
    assert act(company, Role.DATA_TEAM, "SELECT count FROM analytics.later") == [(1,)]
    assert act(company, Role.DATA_TEAM, "SELECT FROM analytics.visits") == []


# --- grants on the company's tables


def test_a_grant_gives_the_engine_what_it_needs_and_no_more(company: Database):
    assert privileges_on(company, "shop.customer") == {"SELECT", "UPDATE", "DELETE"}
    assert privileges_on(company, "shop.price") == set()
    for role in set(Role) - {Role.ENGINE}:
        assert privileges_on(company, "shop.customer", role) == set()


def test_a_table_that_leaves_the_map_leaves_the_engines_reach(company: Database):
    give(company, [("shop", "price")])
    assert privileges_on(company, "shop.customer") == set()
    assert privileges_on(company, "shop.price") == {"SELECT", "UPDATE", "DELETE"}


def test_what_somebody_gave_beyond_the_need_is_taken_back(company: Database):
    company.execute("GRANT INSERT, TRUNCATE ON shop.customer TO lifecycle_engine")
    company.execute("GRANT SELECT ON shop.price TO lifecycle_engine")
    give(company, [("shop", "customer")])
    assert privileges_on(company, "shop.customer") == {"SELECT", "UPDATE", "DELETE"}
    assert privileges_on(company, "shop.price") == set()


def test_a_second_grant_changes_nothing(company: Database):
    acl = "SELECT xmin, relacl FROM pg_class WHERE oid = 'shop.customer'::regclass"
    before = company.execute(acl)
    give(company, [("shop", "customer")])
    assert company.execute(acl) == before


def test_the_projects_own_tables_keep_their_grants(company: Database):
    assert privileges_on(company, "lifecycle.migration") == READ


def test_names_are_quoted(company: Database):
    give(company, [("shop", 'Odd "name')])
    assert privileges_on(company, 'shop."Odd ""name"') == {"SELECT", "UPDATE", "DELETE"}


def test_a_missing_table_is_named_and_nothing_is_granted(company: Database):
    with pytest.raises(StoreError, match=r"shop\.gone: the table does not exist"):
        give(company, [("shop", "gone"), ("shop", "price")])
    assert privileges_on(company, "shop.price") == set()


def test_rows_that_a_policy_would_hide_from_the_engine_are_an_error(company: Database):
    company.execute("ALTER TABLE shop.customer ENABLE ROW LEVEL SECURITY")
    with pytest.raises(StoreError, match=r"shop\.customer: row level security") as caught:
        give(company, [("shop", "customer")])
    company.script("CREATE POLICY partly ON shop.customer TO lifecycle_engine USING (id > 1)")
    with pytest.raises(StoreError):
        give(company, [("shop", "customer")])
    company.script(caught.value.next_step.replace("…", "all_of_it"))
    give(company, [("shop", "customer")])
    assert len(act(company, Role.ENGINE, "SELECT FROM shop.customer")) == 2
    company.script("CREATE POLICY restricting ON shop.customer AS RESTRICTIVE USING (id > 1)")
    with pytest.raises(StoreError):
        give(company, [("shop", "customer")])
