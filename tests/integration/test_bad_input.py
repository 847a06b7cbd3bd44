"""Whatever is wrong, a command says it in one error with place and next step, and does nothing by half."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from lifecycle.planning.planner import make_plan
from lifecycle.retention.notices import take_notice
from lifecycle.store.engine import connect
from lifecycle.store.roles import Role
from support.bureau import Bureau, policy_document
from support.commands import CommandLine
from support.companies import AGENCY, AS_OF, agency_settings, create_agency, open_agency, rows_of
from support.databases import Database
from support.processes import waits_for_a_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from support.commands import Said

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"
CHECK_FAILED, MISUSED = 1, 2
LATER = {101, 102, 103, 401, 402, 403}
"""Persons who are due."""


@pytest.fixture
def command_line(monkeypatch, capsys, caplog, tmp_path) -> Callable[[Database], CommandLine]:
    """Commands on the agency in a database, with copies of its files that can be spoilt."""

    def on(database: Database) -> CommandLine:
        for name in ("policies", "datamap"):
            shutil.copytree(AGENCY / name, tmp_path / name)
        settings = agency_settings(database, tmp_path, tmp_path / "policies")
        settings["DATAMAP_DIR"] = tmp_path / "datamap"
        return CommandLine(monkeypatch, capsys, caplog, settings, now=AS_OF)

    return on


@pytest.fixture
def lifecycle(database, command_line) -> CommandLine:
    """Commands on an agency of one's own."""
    create_agency(database)
    return command_line(database)


@pytest.fixture(scope="module")
def agency(module_database) -> tuple[Database, dict[str, str]]:
    """An agency that nobody changes, and its state."""
    create_agency(module_database)
    return module_database, state_of(module_database)


@pytest.fixture
def refused(agency, command_line) -> Iterator[CommandLine]:
    """Commands that must leave everything as it was."""
    database, before = agency
    yield command_line(database)
    assert state_of(database) == before


@pytest.fixture
def impatient(monkeypatch) -> None:
    """A lock that somebody holds is waited for only a moment."""
    monkeypatch.setitem(connect.__kwdefaults__, "lock_timeout", timedelta(milliseconds=100))


def require_one_error(said: Said, code: int, place: str, *words: str) -> None:
    """It printed one error: what and where, and what to do next; and ended with this code."""
    assert said.code == code, said
    first, *others = said.err.splitlines()
    assert first.startswith("lifecycle: ")
    assert place in first, said.err
    assert [line[:6] for line in others] == ["Next: "], said.err
    assert [word for word in words if word not in said.err] == [], said.err
    assert "canary" not in said.everything.lower()


def state_of(database: Database) -> dict[str, str]:
    """A fingerprint of every row, and of every table with its columns and grants."""
    tables = database.execute("""
        SELECT format('%I.%I', nspname, relname) AS name,
               concat(relacl, (SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
                               WHERE attrelid = pg_class.oid)) AS shape
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    """)
    rows = "SELECT md5(string_agg(one::text, chr(10) ORDER BY one::text)) FROM {name} AS one"
    return {
        table.name: f"{table.shape} {database.execute(rows.format(name=table.name))[0][0]}"
        for table in tables
    }


# --- files


@dataclass(frozen=True, kw_only=True)
class Spoilt:
    """A file of the agency, changed in one place, and what is said of it.

    Attributes:
        file: the file that is changed, and named as the place.
        check: the exit code of ``lifecycle check``, which reads on where it can.
    """

    file: str = "policies/2025-01-01/policy.yaml"
    old: str = ""
    new: str
    says: str
    check: int = MISUSED


DATAMAP = "datamap/agency.yml"
SPOILT = {
    "malformed policy": Spoilt(old="commitments:\n  W7", new="commitments: [\n  W7", says="not valid YAML"),
    "malformed map": Spoilt(file=DATAMAP, old="dataset:\n", new="dataset: }\n", says="not valid YAML"),
    "bomb in the policy": Spoilt(new=BOMB, says="aliases"),
    "bomb in the map": Spoilt(file=DATAMAP, new=BOMB, says="aliases"),
    "empty period": Spoilt(old="keep: P30D", new="keep: P0D", says="rules.visits.keep"),
    "absurd period": Spoilt(old="keep: P30D", new="keep: P9999Y", says="rules.visits.keep"),
    "negative period": Spoilt(old="keep: P30D", new="keep: -P30D", says="rules.visits.keep"),
    "negative lead": Spoilt(old="lead: P2D", new="lead: -P2D", says="rules.visits.lead"),
    "period of another type": Spoilt(old="keep: P30D", new="keep: 30", says="rules.visits.keep"),
    "rule stated twice": Spoilt(old="  persons:\n", new="  visits:\n", says='duplicate key "visits"'),
    "commitment stated twice": Spoilt(old="  A6: {", new="  W7: {", says='duplicate key "W7"'),
    "collection described twice": Spoilt(
        file=DATAMAP, old="- name: note", new="- name: person", says="person"
    ),
    "unknown column in the policy": Spoilt(
        old="column: seen_at", new="column: heard_at", says="has no column heard_at", check=CHECK_FAILED
    ),
    "unknown table in the policy": Spoilt(
        old="applies_to: [agency.person]",
        new="applies_to: [agency.animal]",
        says="agency.animal is not in the data map",
        check=CHECK_FAILED,
    ),
    "column that tells no day": Spoilt(
        old="column: seen_at", new="column: address", says="is text, no date", check=CHECK_FAILED
    ),
    "unclassified column": Spoilt(
        file=DATAMAP,
        old="{name: body, data_categories: [user.content]}",
        new="{name: body}",
        says="agency.note.body is not classified",
        check=CHECK_FAILED,
    ),
    "reference to nothing": Spoilt(
        file=DATAMAP,
        old="field: person.id",
        new="field: person.number",
        says="leads nowhere",
        check=CHECK_FAILED,
    ),
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT.keys())
def test_a_file_that_cannot_be_used(refused, tmp_path, spoilt):
    path = tmp_path / spoilt.file
    text = path.read_text(encoding="utf-8")
    assert text.count(spoilt.old) >= 1
    path.write_text(text.replace(spoilt.old, spoilt.new, 1), encoding="utf-8")
    for command in ("sweep", "plan", "calendar"):
        said = refused(command)
        require_one_error(said, MISUSED, f"{path}:", spoilt.says)
        assert said.out == ""
    checked = refused("check")
    assert (checked.code, spoilt.says in checked.out + checked.err) == (spoilt.check, True)


@pytest.mark.parametrize(
    ("setting", "command"),
    [
        *(("POLICY_DIR", command) for command in ("sweep", "plan", "check", "coverage")),
        *(("DATAMAP_DIR", command) for command in ("sweep", "plan", "check", "init")),
    ],
)
def test_a_folder_that_is_missing(refused, tmp_path, monkeypatch, setting, command):
    monkeypatch.setenv(f"LIFECYCLE_{setting}", str(tmp_path / "nowhere"))
    require_one_error(refused(command), MISUSED, f"{tmp_path / 'nowhere'}: ", f"LIFECYCLE_{setting}")


def test_a_database_is_not_touched_for_a_map_that_cannot_be_read(command_line, empty_database, monkeypatch):
    lifecycle = command_line(empty_database)
    monkeypatch.setenv("LIFECYCLE_DATAMAP_DIR", "nowhere")
    assert lifecycle("init").code == MISUSED
    assert empty_database.execute("SELECT to_regnamespace('lifecycle')") == [(None,)]


UNLIKE_ITS_MAP = {
    "a column more": ("ALTER TABLE agency.person ADD nickname text", "not in the data map: nickname"),
    "a column less": ("ALTER TABLE agency.person DROP email", "not in the database: email"),
    "a table more": ("CREATE TABLE agency.animal (id int)", "not in the data map: agency.animal"),
    "a table less": ("DROP TABLE agency.visit CASCADE", "not in the database: agency.visit"),
}


@pytest.mark.parametrize(("change", "says"), UNLIKE_ITS_MAP.values(), ids=UNLIKE_ITS_MAP.keys())
@pytest.mark.parametrize("command", ["sweep", "plan"])
def test_a_database_that_is_not_as_its_map_says(lifecycle, database, command, change, says):
    database.execute(change)
    before = state_of(database)
    require_one_error(lifecycle(command, "--rule", "persons"), CHECK_FAILED, "agency: ", says, "data map")
    assert lifecycle("check").code == CHECK_FAILED
    assert state_of(database) == before


@pytest.mark.parametrize("command", ["sweep", "plan", "check"])
def test_a_column_that_is_of_another_type(refused, tmp_path, command):
    path = tmp_path / DATAMAP
    text = path.read_text(encoding="utf-8")
    described = (
        "{name: phone, data_categories: [user.contact.phone_number], fides_meta: {identity: phone_number"
    )
    path.write_text(text.replace(described, described + ", data_type: integer"), encoding="utf-8")
    said = refused(command)
    assert "agency.person.phone" in said.out + said.err
    assert "described as integer" in said.out + said.err
    require_one_error(said, CHECK_FAILED, "")


@pytest.mark.parametrize("command", ["sweep", "plan"])
def test_evidence_that_does_not_arrive_any_more(lifecycle, database, command):
    """A plan that is only shown could be carried out all the same."""
    database.execute("UPDATE agency.contract SET updated_at = '2026-01-01'")
    before = state_of(database)
    said = lifecycle(command, "--rule", "persons")
    require_one_error(said, CHECK_FAILED, "persons: ", "days since the newest agency.contract.updated_at")
    assert state_of(database) == before


def test_a_hold_can_be_placed_while_map_and_database_differ(lifecycle, database):
    """Every run is stopped; what must not be deleted afterwards can be said all the same."""
    database.script("ALTER TABLE agency.person DROP email, DROP phone")
    placed = lifecycle(
        *(
            "hold",
            "place",
            "--subject",
            "email",
            "--reason",
            "dispute",
            "--by",
            "counsel",
            "--until",
            "2036-01-01",
        ),
        stdin="canary.4@example.test\n",
    )
    assert placed.code == 0, placed
    assert "agency.invoice covered now" in placed.out


# --- moments and other arguments

PLACE = ("hold", "place", "agency.person:101", "--by", "counsel")
ARGUMENTS: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "naive moment": (("plan", "--as-of", "2026-03-01T03:00"), "--as-of: ", "has no time zone"),
    "naive moment of a sweep": (("sweep", "--as-of", "2026-03-01 03:00"), "--as-of: ", "has no time zone"),
    "naive end of a hold": (
        (*PLACE, "--reason", "dispute", "--until", "2030-01-01T00:00"),
        "--until: ",
        "has no time zone",
    ),
    "future": (("sweep", "--as-of", "2026-03-11"), "--as-of: ", "lies in the future"),
    "future release": (
        (
            "hold",
            "release",
            "00000000-0000-0000-0000-000000000001",
            "--by",
            "counsel",
            "--as-of",
            "2030-01-01",
        ),
        "--as-of: ",
        "lies in the future",
    ),
    "future plan": (("plan", "--as-of", "2026-03-10T03:00:01+02:00"), "--as-of: ", "lies in the future"),
    "no such day": (("sweep", "--as-of", "2026-02-30"), "--as-of: ", "is no moment"),
    "no moment": (("calendar", "--as-of", "yesterday"), "--as-of: ", "is no moment"),
    "before all days": (("sweep", "--as-of", "0001-01-01"), "--as-of: ", "is no moment"),
    "after all moments": (("calendar", "--as-of", "9999-12-31T23:59:59-12:00"), "--as-of: ", "is no moment"),
    "before any policy": (("sweep", "--as-of", "2024-12-31"), "policy.yaml:1", "no policy was in force"),
    "unknown rule": (("sweep", "--rule", "animals"), "--rule: ", "there is no rule animals"),
    "unknown digest": (("apply", "0" * 64), "0" * 64, "there is no plan of this digest"),
    "approval by nobody": (("sweep", "--approve"), "--by: ", "known who"),
    "approval by a blank": (("sweep", "--approve", "--by", " "), "--by: ", "known who"),
    "reason of several words": (
        (*PLACE, "--reason", "canary died", "--until", "2030-01-01"),
        "reason: ",
        "one word",
    ),
    "hold that has ended": (
        (*PLACE, "--reason", "dispute", "--until", "2026-03-09"),
        "until: ",
        "ended already",
    ),
    "hold by nobody": (
        ("hold", "place", "agency.person:101", "--reason", "dispute", "--until", "2030-01-01", "--by", " "),
        "by: ",
        "known who",
    ),
    "hold on a row that is not there": (
        ("hold", "place", "agency.person:9", "--by", "me", "--reason", "dispute", "--until", "2030-01-01"),
        "agency.person: ",
        "no row has this key",
    ),
    "hold on an unknown table": (
        ("hold", "place", "agency.animal:9", "--by", "me", "--reason", "dispute", "--until", "2030-01-01"),
        "agency.animal: ",
        "no such collection",
    ),
    "release of an unknown hold": (
        ("hold", "release", "00000000-0000-0000-0000-000000000000", "--by", "counsel"),
        "00000000-0000-0000-0000-000000000000",
        "no such hold",
    ),
    "seed of less than nobody": (("seed", "--customers", "-1"), "--customers: ", "is not a number from 0"),
    "seed into a company's tables": (("seed",), "sample: ", "nothing was kept"),
}


@pytest.mark.parametrize("case", ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_an_argument_that_cannot_be_used(refused, tmp_path, monkeypatch, case):
    arguments, place, says = case
    (tmp_path / "sample").mkdir()
    shutil.copy(AGENCY / "schema.sql", tmp_path / "sample")
    (tmp_path / "sample" / "pools.yaml").write_text("locales: {et_EE: 1}\npools: {}\n")
    (tmp_path / "sample" / "population.sql").write_text("-- name: nothing\nSELECT 1\n")
    monkeypatch.setenv("LIFECYCLE_SAMPLE_DIR", str(tmp_path / "sample"))
    said = refused(*arguments)
    require_one_error(said, MISUSED, place, says)
    assert said.out == ""


@pytest.mark.parametrize(
    "arguments", [("hold", "release", "1"), ("calendar", "--days", "0"), ("tidy",), ("apply",)]
)
def test_what_is_no_command_is_told_how_to_get_help(refused, arguments):
    said = refused(*arguments)
    assert said.code == MISUSED
    assert "--help" in said.err
    assert said.err.count("Error: ") == 1


# --- a database that cannot be used


def address(reached: Database, /, **changes: object) -> str:
    return sa.make_url(reached.url).set(**changes).render_as_string(hide_password=False)


@contextmanager
def nobody_listens(database: Database) -> Iterator[str]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield address(database, host="127.0.0.1", port=unused.getsockname()[1])


@contextmanager
def read_only(database: Database) -> Iterator[str]:
    name = sa.make_url(database.url).database
    database.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    yield database.url
    writable = address(
        database, query={**sa.make_url(database.url).query, "options": "-c default_transaction_read_only=off"}
    )
    Database(url=writable).execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')


@contextmanager
def without_control_schema(database: Database) -> Iterator[str]:
    database.execute("ALTER SCHEMA lifecycle RENAME TO gone")
    yield database.url
    database.execute("ALTER SCHEMA gone RENAME TO lifecycle")


@contextmanager
def without_grants(database: Database) -> Iterator[str]:
    database.execute("REVOKE SELECT ON agency.person FROM lifecycle_engine")
    yield database.url
    database.execute("GRANT SELECT ON agency.person TO lifecycle_engine")


@contextmanager
def another_name(database: Database) -> Iterator[str]:
    yield address(database, database="nowhere")


@contextmanager
def guessed_password(database: Database) -> Iterator[str]:
    yield address(database, password="guessed")


UNUSABLE: Mapping[str, tuple[Callable[[Database], object], str, str]] = {
    "unreachable": (nobody_listens, "the database cannot be reached", "check LIFECYCLE_DATABASE_URL"),
    "no such database": (
        another_name,
        'database "nowhere" does not exist',
        "check LIFECYCLE_DATABASE_URL",
    ),
    "wrong password": (
        guessed_password,
        "password authentication failed",
        "check LIFECYCLE_DATABASE_URL",
    ),
    "read-only": (read_only, "the database is read-only", "name the primary server"),
    "not initialised": (without_control_schema, "does not exist", "run lifecycle init"),
    "not granted": (without_grants, "permission denied for table person", "run lifecycle init"),
}


@pytest.mark.parametrize("command", ["sweep", "plan"])
@pytest.mark.parametrize("trouble", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_database_that_cannot_be_used(refused, agency, monkeypatch, trouble, command):
    unusable, *words = trouble
    with unusable(agency[0]) as url:
        monkeypatch.setenv("LIFECYCLE_DATABASE_URL", url)
        said = refused(command, "--rule", "persons")
    parsed = sa.make_url(url)
    require_one_error(said, MISUSED, f"{parsed.host}:{parsed.port}/{parsed.database}: ", *words)
    assert parsed.password not in said.everything


def test_an_address_that_is_none(refused, monkeypatch):
    monkeypatch.setenv("LIFECYCLE_DATABASE_URL", "postgresql://user:guessed@host:port/name")
    said = refused("plan")
    require_one_error(said, MISUSED, "LIFECYCLE_DATABASE_URL: ", "write it as postgresql://")
    assert "guessed" not in said.everything


# --- what happens while a command runs


@contextmanager
def application(database: Database, first: str, meanwhile: str = "") -> Iterator[None]:
    """Somebody else's transactions.

    Args:
        database: where the command runs, too.
        first: is done at once, and committed when somebody waits for it.
        meanwhile: is done and committed before that.
    """
    begun, ended = threading.Event(), threading.Event()

    def act() -> None:
        with database.connect().begin() as connection:
            connection.exec_driver_sql(first)
            begun.set()
            while not ended.is_set() and not waits_for_a_lock(database):
                time.sleep(0.02)
            if meanwhile:
                database.execute(meanwhile)

    thread = threading.Thread(target=act)
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def locked(database: Database, statement: str) -> Iterator[None]:
    """The application holds rows or tables until the command has ended."""
    with database.connect().connect() as connection:
        connection.exec_driver_sql(statement)
        yield


def company_of(database: Database) -> dict[str, str]:
    return {name: rows for name, rows in state_of(database).items() if name.startswith("agency.")}


def digest_of(lifecycle: CommandLine, rule: str) -> str:
    (planned,) = lifecycle("plan", "--rule", rule, "--json").document
    return planned["digest"]


def test_a_table_that_is_dropped_before_a_plan_is_carried_out(lifecycle, database):
    digest = digest_of(lifecycle, "persons")
    database.execute("DROP TABLE agency.note")
    before = state_of(database)
    said = lifecycle("apply", digest)
    require_one_error(said, MISUSED, "agency", "agency.note is not in the database")
    assert state_of(database) == before


@pytest.mark.parametrize("command", ["sweep", "plan"])
def test_a_table_that_is_dropped_while_it_is_read(lifecycle, database, command):
    with application(database, "DROP TABLE agency.note"):
        said = lifecycle(command, "--rule", "persons")
    require_one_error(said, MISUSED, "", "a table may have been dropped meanwhile", "lifecycle check")
    assert rows_of_persons(database) >= LATER
    assert database.execute("SELECT count(*) FROM lifecycle.journal") == [(0,)]


def test_a_table_that_is_dropped_while_a_batch_waits(lifecycle, database):
    digest = digest_of(lifecycle, "persons")
    with application(database, "SELECT FROM lifecycle.plan_batch FOR UPDATE", "DROP TABLE agency.note"):
        said = lifecycle("apply", digest)
    require_one_error(said, MISUSED, f"plan {digest} batch 0: ", "agency.note", "lifecycle check")
    assert rows_of_persons(database) >= LATER
    assert database.execute("SELECT count(*) FROM lifecycle.journal") == [(0,)]
    assert database.execute("SELECT DISTINCT state FROM lifecycle.plan_batch") == [("pending",)]


def rows_of_persons(database: Database) -> set[int]:
    return {row.id for row in database.execute("SELECT id FROM agency.person")}


@pytest.mark.usefixtures("impatient")
class TestLocks:
    """What the application holds is left as it is, and said."""

    HOLDS_A_ROW = "SELECT FROM agency.person WHERE id = 401 FOR UPDATE"

    def test_a_row_that_the_application_holds(self, lifecycle, database):
        digest, before = digest_of(lifecycle, "persons"), company_of(database)
        with locked(database, self.HOLDS_A_ROW):
            said = lifecycle("apply", digest)
        require_one_error(
            said, CHECK_FAILED, f"plan {digest}: ", "the application held its rows", "lifecycle sweep"
        )
        assert company_of(database) == before
        assert database.execute("SELECT count(*) FROM lifecycle.journal") == [(0,)]
        assert lifecycle("sweep", "--rule", "persons").code == 0
        assert not rows_of_persons(database) & LATER

    def test_a_row_that_is_not_late_yet(self, lifecycle, database):
        """Due since yesterday and seven days from its limit: no promise is broken, and it is said."""
        database.script("""
            UPDATE agency.contract SET ended_at = '2025-03-15 12:00+02' WHERE id = 10;
            UPDATE agency.contract SET ended_at = NULL WHERE id = 40;
        """)
        before = company_of(database)
        with locked(database, "SELECT FROM agency.person WHERE id = 101 FOR UPDATE"):
            said = lifecycle("sweep", "--rule", "persons")
        require_one_error(said, CHECK_FAILED, "persons: ", "1 batch was", "the application held its rows")
        assert company_of(database) == before
        assert lifecycle("sweep", "--rule", "persons").code == 0

    def test_a_row_that_is_late(self, lifecycle, database):
        before = company_of(database)
        with locked(database, self.HOLDS_A_ROW):
            said = lifecycle("sweep", "--rule", "persons")
        require_one_error(
            said, CHECK_FAILED, "persons: ", "rows of agency.person past their limit: 6", "run it again"
        )
        assert company_of(database) == before

    @pytest.mark.parametrize("command", ["sweep", "plan"])
    def test_a_table_that_the_application_rebuilds(self, lifecycle, database, command):
        before = state_of(database)
        with locked(database, "LOCK TABLE agency.person"):
            said = lifecycle(command, "--rule", "persons")
        require_one_error(said, MISUSED, "", "locked by somebody else", "when the other transaction is done")
        assert state_of(database) == before


FAILURES: Mapping[str, tuple[str, str, str, str]] = {
    "disk full while planning": (
        "lifecycle.plan_item",
        "RAISE 'could not extend file' USING ERRCODE = 'disk_full'",
        "no room left on its disk",
        "free some and run it again",
    ),
    "disk full while deleting": (
        "lifecycle.journal",
        "RAISE 'could not extend file' USING ERRCODE = 'disk_full'",
        "no room left on its disk",
        "free some and run it again",
    ),
    "server stops while deleting": (
        "lifecycle.journal",
        "PERFORM pg_terminate_backend(pg_backend_pid())",
        "closed the connection",
        "that the server runs",
    ),
    "server becomes read-only while deleting": (
        "lifecycle.journal",
        "RAISE 'cannot execute INSERT in a read-only transaction' USING ERRCODE = 'read_only_sql_transaction'",
        "the database is read-only",
        "name the primary server",
    ),
}


@pytest.mark.parametrize(("table", "failure", "says", "next_step"), FAILURES.values(), ids=FAILURES.keys())
def test_a_server_that_fails_half_way(lifecycle, database, table, failure, says, next_step):
    """What a batch had deleted is back; when the trouble is over, the next run does all of it."""
    before = company_of(database)
    database.script(f"""
        CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
            $$ BEGIN {failure}; RETURN NEW; END $$;
        CREATE TRIGGER fail AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.fail();
    """)
    said = lifecycle("sweep", "--rule", "persons")
    require_one_error(said, MISUSED, "", says, next_step)
    assert company_of(database) == before
    assert database.execute("SELECT count(*) FROM lifecycle.journal") == [(0,)]
    decided = [("policy_adopted",)] if table == "lifecycle.journal" else []
    assert database.execute("SELECT kind FROM lifecycle.ledger") == decided
    database.script("DROP FUNCTION public.fail() CASCADE")
    assert lifecycle("sweep", "--rule", "persons").code == 0
    assert not rows_of(database)["person"] & LATER
    assert database.execute("SELECT sum(row_count) FROM lifecycle.journal") == [(18,)]


def test_a_disk_that_is_full_when_rows_are_copied_in(command_line, empty_database, database_server):
    """The server meets ``/dev/full`` in the midst of ``COPY``, so that what it says is what it says of a full disk."""
    database_server.as_superuser(empty_database).script("""
        CREATE FUNCTION public.fill_disk() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        BEGIN
            IF NEW.position = 100 THEN COPY (SELECT 1) TO '/dev/full'; END IF;
            RETURN NEW;
        END $$;
        CREATE FUNCTION public.watch() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
        DECLARE made text;
        BEGIN
            FOR made IN SELECT object_identity FROM pg_event_trigger_ddl_commands()
                WHERE object_type = 'table' AND schema_name = 'seed' AND object_identity <> 'seed.made'
            LOOP
                EXECUTE format('CREATE TRIGGER fill_disk BEFORE INSERT ON %s'
                    ' FOR EACH ROW EXECUTE FUNCTION public.fill_disk()', made);
            END LOOP;
        END $$;
        CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.watch();
    """)
    before = state_of(empty_database)
    said = command_line(empty_database)("seed", "--customers", "1", "--days", "1")
    require_one_error(
        said, MISUSED, "sample: ", "no room left on its disk", "No space left on device", "SQLSTATE 53100",
        "nothing was kept", "fewer customers",
    )  # fmt: skip
    assert state_of(empty_database) == before
    assert empty_database.execute("SELECT to_regnamespace('seed'), to_regnamespace('app')") == [(None, None)]


def test_a_rule_that_cannot_be_kept_does_not_keep_the_next_from_it(lifecycle, database):
    database.execute("UPDATE agency.contract SET updated_at = '2025-01-01'")
    before = rows_of(database)
    said = lifecycle("sweep")
    assert said.code == CHECK_FAILED
    assert "days since the newest agency.contract.updated_at" in said.err
    assert rows_of(database) == {**before, "visit": {3}}


# --- values that Python cannot hold


@pytest.mark.parametrize("day", ["infinity", "-infinity", "294270-01-01"])
def test_a_day_outside_the_calendar_stops_nothing(lifecycle, database, tmp_path, day):
    database.execute(
        "UPDATE agency.contract SET ended_at = CAST(:day AS timestamptz) WHERE id = 10", {"day": day}
    )
    assert lifecycle("calendar", "--days", "36525").code == 0
    assert lifecycle("calendar", "--as-of", "9999-12-30").code == 0
    assert take_notice(open_agency(database, tmp_path / "keyring"), "persons", as_of=AS_OF).added
    assert lifecycle("sweep", "--rule", "persons").code == 0
    gone = LATER if day == "-infinity" else {401, 402, 403}
    assert rows_of(database)["person"] & LATER == LATER - gone


@pytest.mark.parametrize("day", ["infinity", "5874897-12-31"])
def test_a_duty_that_starts_after_the_calendar_has_no_known_end(database, day):
    bureau = Bureau.found(database)
    policy = policy_document()
    policy["rules"] = {"payments": policy["rules"]["payments"]}
    policy["edges"] = {"books.payment.invoice_id": "owner"}
    database.script(f"""
        INSERT INTO books.invoice (id, number, contact_email, issued_on) VALUES (1, 'R', '', '{day}');
        INSERT INTO books.payment (id, invoice_id, paid_at) VALUES (1, 1, '2001-01-01');
    """)
    rulebook = bureau.rulebook(policy)
    plan = make_plan(database.connect(Role.ENGINE), rulebook, "payments", as_of=AS_OF).plan
    assert [(one.collection, one.reason, one.rows, one.until) for one in plan.kept] == [
        ("books.payment", "statutory", 1, None)
    ]
