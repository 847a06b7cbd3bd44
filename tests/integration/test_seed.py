"""Seeding: the same rows for the same seed, all of them or none, and never over somebody's data."""

from __future__ import annotations

import hashlib
import logging
import shutil
from datetime import datetime

import pytest

from lifecycle.errors import StoreError, UsageError
from lifecycle.store.engine import connect
from lifecycle.synthetic import bar, sample, seed
from support.samples import AS_OF, COMPANIES, REFERENCE, WEBSHOP, populate

LEFT_BEHIND = """
    SELECT nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
"""


def _digests(database, tables) -> dict[str, str]:
    """A digest of every table's rows, whatever their order."""
    return {
        table: hashlib.sha256(
            "\n".join(
                row[0] for row in database.execute(f'SELECT t::text COLLATE "C" FROM {table} t ORDER BY 1')
            ).encode()
        ).hexdigest()
        for table in tables
    }


@pytest.fixture
def other_database(database_server):
    with database_server.database(migrated=False) as fresh:
        yield fresh


@pytest.fixture
def broken_sample(tmp_path):
    """A copy of the web shop whose last statement fails as a full disk would."""
    shutil.copytree(WEBSHOP.sample, tmp_path / "sample")
    with (tmp_path / "sample" / "population.sql").open("a") as population:
        population.write(
            "\n-- name: too much\n"
            "DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$\n"
        )
    return tmp_path / "sample"


@pytest.mark.parametrize("company", COMPANIES, ids=str)
def test_the_same_seed_gives_the_same_rows_whatever_the_server_and_the_chunks(
    company, empty_database, other_database, monkeypatch
):
    """Byte for byte, in another database, with other settings, run in other chunks."""
    rows = populate(empty_database.url, company)
    monkeypatch.setattr(sample, "ROWS_A_CHUNK", 97)
    options = "-c timezone=Asia/Tokyo -c datestyle=German -c search_path=app,shop"
    assert populate(other_database.url, company, options=options) == rows
    assert all(rows.values())
    assert _digests(other_database, rows) == _digests(empty_database, rows)


def test_another_seed_gives_other_rows(empty_database, other_database):
    rows = populate(empty_database.url, WEBSHOP)
    populate(other_database.url, WEBSHOP, seed=8)
    ours, others = _digests(empty_database, rows), _digests(other_database, rows)
    assert ours["shop.account"] != others["shop.account"]
    assert ours["shop.click"] != others["shop.click"]


def test_numbers_scale_what_is_made(empty_database, other_database):
    small = populate(empty_database.url, REFERENCE, customers=0, days=1)
    large = populate(other_database.url, REFERENCE, customers=30, days=2)
    assert small["app.customer"] + 30 == large["app.customer"]
    assert small["website.page_view"] * 8 < large["website.page_view"]


def test_what_it_reports_is_what_is_there(empty_database):
    rows = populate(empty_database.url, WEBSHOP)
    counted = {table: empty_database.execute(f"SELECT count(*) FROM {table}")[0][0] for table in rows}
    assert rows == counted
    assert len(rows) == len(list(WEBSHOP.collections()))


def test_helpers_and_pools_are_gone_afterwards(empty_database):
    populate(empty_database.url, WEBSHOP)
    relations = empty_database.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'seed'::regnamespace AND relkind = 'r'"
    )
    functions = empty_database.execute(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'seed'::regnamespace"
    )
    assert [row[0] for row in relations] == ["made"]
    assert functions == []


def test_the_planner_has_statistics_and_identities_go_on(empty_database):
    rows = populate(empty_database.url, REFERENCE)
    estimated = empty_database.execute("SELECT reltuples FROM pg_class WHERE oid = 'app.person'::regclass")
    assert estimated[0][0] == rows["app.person"]
    highest = empty_database.execute("SELECT max(id) FROM app.customer")[0][0]
    empty_database.script("""
        INSERT INTO app.customer (
            legal_name, registry_code,
            invoicing_street, invoicing_city, invoicing_postal_code, invoicing_country, created_at
        )
        VALUES ('New OÜ', '1', 'a', 'b', 'c', 'EE', now())
    """)
    assert empty_database.execute("SELECT max(id) FROM app.customer")[0][0] == highest + 1


def test_a_company_that_holds_rows_is_refused_and_kept(empty_database):
    rows = populate(empty_database.url, WEBSHOP)
    before = _digests(empty_database, rows)
    with pytest.raises(StoreError, match="hold rows already") as refused:
        populate(empty_database.url, WEBSHOP, seed=8)
    assert "--replace" in refused.value.next_step
    assert _digests(empty_database, rows) == before


def test_a_single_row_is_enough_to_be_refused(empty_database):
    sample.read_sample(WEBSHOP.sample)
    populate(empty_database.url, WEBSHOP)
    tables = "shop.address, shop.article, shop.account, crm.ticket, crm.segment, shop.click"
    empty_database.script(f"TRUNCATE {tables} CASCADE")
    with pytest.raises(StoreError, match="hold rows already") as refused:
        populate(empty_database.url, WEBSHOP)
    assert refused.value.place == "public.newsletter"
    empty_database.script("TRUNCATE public.newsletter")
    assert all(populate(empty_database.url, WEBSHOP).values())


def test_replace_makes_it_anew(empty_database, other_database):
    """Also where it was another company before."""
    populate(empty_database.url, WEBSHOP)
    rows = populate(empty_database.url, REFERENCE, replace=True)
    populate(other_database.url, REFERENCE)
    assert _digests(empty_database, rows) == _digests(other_database, rows)
    assert empty_database.execute("SELECT to_regnamespace('shop'), to_regclass('public.newsletter')") == [
        (None, None)
    ]


def test_replace_drops_nothing_that_it_did_not_make(empty_database):
    rows = populate(empty_database.url, WEBSHOP)
    before = _digests(empty_database, rows)
    empty_database.script("CREATE TABLE shop.ours (id int); CREATE TABLE public.ours (id int)")
    with pytest.raises(StoreError, match="did not make it") as refused:
        populate(empty_database.url, WEBSHOP, replace=True)
    assert refused.value.place == "shop.ours"
    empty_database.script(
        "DROP TABLE shop.ours; CREATE VIEW public.readers AS SELECT mail FROM public.newsletter"
    )
    with pytest.raises(StoreError, match="depend") as refused:
        populate(empty_database.url, WEBSHOP, replace=True)
    assert "drop that first" in refused.value.next_step
    assert _digests(empty_database, rows) == before
    empty_database.script("DROP VIEW public.readers")
    populate(empty_database.url, WEBSHOP, replace=True)
    assert empty_database.execute("SELECT to_regclass('public.ours')")[0][0] == "ours"


def test_replace_does_not_touch_a_company_of_somebody_else(empty_database):
    empty_database.script(
        "CREATE SCHEMA app; CREATE TABLE app.customer (id int); INSERT INTO app.customer VALUES (1)"
    )
    with pytest.raises(StoreError, match="already exists"):
        populate(empty_database.url, REFERENCE, replace=True)
    assert empty_database.execute("SELECT id FROM app.customer") == [(1,)]


def test_a_schema_named_seed_of_somebody_else_is_left_alone(empty_database):
    empty_database.script("CREATE SCHEMA seed; CREATE TABLE seed.plants (id int)")
    with pytest.raises(StoreError, match="did not make it") as refused:
        populate(empty_database.url, WEBSHOP, replace=True)
    assert refused.value.place == "schema seed"
    assert empty_database.execute("SELECT to_regclass('seed.plants')")[0][0] == "seed.plants"


def test_a_full_disk_is_one_clear_error_and_nothing_is_kept(empty_database, broken_sample):
    with pytest.raises(StoreError) as refused:
        seed(connect(empty_database.url), broken_sample, customers=5, days=2, seed=1, as_of=AS_OF)
    assert refused.value.place == "population.sql, too much"
    assert "53100" in refused.value.message
    assert "no room left on its disk" in refused.value.message
    assert "nothing was kept" in refused.value.message
    assert "fewer customers or days" in refused.value.next_step
    assert "\n" not in refused.value.message
    assert empty_database.execute(LEFT_BEHIND) == []


def test_a_failure_while_replacing_keeps_what_was_there(empty_database, broken_sample):
    rows = populate(empty_database.url, WEBSHOP)
    before = _digests(empty_database, rows)
    with pytest.raises(StoreError):
        seed(
            connect(empty_database.url), broken_sample, customers=5, days=2, seed=1, as_of=AS_OF, replace=True
        )
    assert _digests(empty_database, rows) == before


def test_a_provider_that_does_not_exist_leaves_nothing_behind(empty_database, broken_sample):
    pools = broken_sample / "pools.yaml"
    pools.write_text(pools.read_text().replace("catch_phrase", "catch_fish"))
    with pytest.raises(UsageError, match="catch_fish"):
        seed(connect(empty_database.url), broken_sample, customers=5, days=2, seed=1, as_of=AS_OF)
    assert empty_database.execute(LEFT_BEHIND) == []


def test_an_unreachable_database_is_one_clear_error():
    with pytest.raises(StoreError) as refused:
        populate("postgresql+psycopg://nobody@127.0.0.1:1/none", WEBSHOP)
    assert "LIFECYCLE_DATABASE_URL" in refused.value.next_step


def test_a_database_that_is_read_only_is_one_clear_error(empty_database):
    with pytest.raises(StoreError) as refused:
        populate(empty_database.url, WEBSHOP, options="-c default_transaction_read_only=on")
    assert "primary server" in refused.value.next_step


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"customers": -1}, "--customers"),
        ({"days": 0}, "--days"),
        ({"seed": -1}, "--seed"),
        ({"seed": 2**31}, "--seed"),
        ({"as_of": datetime(2025, 11, 22)}, "--as-of"),  # noqa: DTZ001  a naive time is the case
    ],
)
def test_absurd_arguments_are_refused(empty_database, change, place):
    with pytest.raises(UsageError) as refused:
        populate(empty_database.url, WEBSHOP, **change)
    assert refused.value.place == place
    assert empty_database.execute(LEFT_BEHIND) == []


def test_progress_moves_in_order_and_ends_complete(empty_database):
    steps = []
    rows = populate(empty_database.url, WEBSHOP, progress=steps.append)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[-1].done == steps[-1].total == len(sample.read_sample(WEBSHOP.sample).statements)
    assert [step.rows for step in steps if step.name == "shop.click" and step.finished] == [
        rows["shop.click"]
    ]


def test_a_statement_with_nothing_to_do_is_reported_as_finished(empty_database):
    steps = []
    populate(empty_database.url, WEBSHOP, customers=0, progress=steps.append)
    finished = [step.name for step in steps if step.finished]
    assert finished == [statement.name for statement in sample.read_sample(WEBSHOP.sample).statements]


def test_a_statement_that_does_not_name_the_schema_of_a_table_fails(empty_database, broken_sample):
    """Otherwise what it fills would depend on the settings of the server."""
    (broken_sample / "population.sql").write_text("-- name: careless\nSELECT * FROM newsletter")
    with pytest.raises(StoreError, match="does not exist") as refused:
        seed(connect(empty_database.url), broken_sample, customers=5, days=2, seed=1, as_of=AS_OF)
    assert refused.value.next_step == "correct the sample's schema.sql or population.sql"


def test_without_a_terminal_progress_is_log_lines(empty_database, caplog):
    from rich.console import Console

    with (
        caplog.at_level(logging.INFO, logger="lifecycle.synthetic"),
        bar(Console(force_terminal=False)) as progress,
    ):
        populate(empty_database.url, WEBSHOP, progress=progress)
    assert any(line.startswith("shop.click: ") for line in caplog.messages)
    assert len(caplog.messages) == len(sample.read_sample(WEBSHOP.sample).statements)


def test_in_a_terminal_progress_is_a_bar(empty_database):
    import io

    from rich.console import Console

    screen = io.StringIO()
    with bar(Console(file=screen, force_terminal=True, width=120)) as progress:
        populate(empty_database.url, WEBSHOP, progress=progress)
    assert "public.newsletter" in screen.getvalue()
    assert "━" in screen.getvalue()
