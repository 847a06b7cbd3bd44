"""A population made like what was released follows those tables, and nothing else of the company reaches it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from pyarrow import parquet

from lifecycle.analytics import files, releasing
from lifecycle.analytics.derive import Devices, group_of
from lifecycle.datamap.load import load_datamap
from lifecycle.errors import StoreError
from lifecycle.policy.load import load_policies
from lifecycle.store.engine import connect
from lifecycle.synthetic import seed
from lifecycle.synthetic.margins import read_likeness
from support.commands import CommandLine
from support.press import (
    AS_OF,
    CANARY,
    DAY,
    IN_THE_WEEK_AFTER,
    PHONE,
    POLICY,
    SCHEMA,
    add_deeds,
    add_openings,
    add_readers,
    open_press,
    span,
    write_sample,
)
from support.sharing import distance, given_alike, sampling_distance, shares, shares_released

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.commands import Said
    from support.databases import Database, DatabaseServer
    from support.sharing import Share

pytestmark = pytest.mark.commitment("W6")

MISUSED = 2
TELEVISION = (
    "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/94.0 Safari/537.36"
)
CUSTOMERS = 100
TITLES = {"making": ["maker", "smith"], "selling": ["seller"]}


@pytest.fixture(scope="module")
def released(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Policy, data map, sample and released files of a company whose database is gone.

    It had far more people from Finland with phones than anybody would invent, and something rare of few of them.
    """
    folder = tmp_path_factory.mktemp("released")
    with database_server.database() as database:
        company = open_press(database, folder)
        add_readers(database, 1, 9_100)
        add_openings(database, 1, 4_500, land="FI", agent=PHONE, article="/two", times=3)
        add_openings(database, 4_501, 6_000, land="FI", agent=TELEVISION, article="/one", times=2)
        add_openings(database, 6_001, 8_000, land="EE", article="/one", times=2)
        add_openings(database, 8_001, 9_000, land=None, agent=PHONE, article="/five", times=2)
        add_openings(database, 9_001, 9_003, land="MT", article=f"/{CANARY}")
        add_deeds(database, firms=400, members=3, rank="lead", title=f"Smith {CANARY}")
        database.execute("UPDATE press.member SET rank = 'senior', title = 'Seller' WHERE firm_id > 300")
        database.execute("UPDATE press.member SET title = 'Owner' WHERE firm_id > 350")
        for release, as_of in (("openings", AS_OF), ("deeds", IN_THE_WEEK_AFTER)):
            releasing.build(company, release, span(company, release), as_of=as_of)
    write_sample(folder / "sample")
    for other in ("keyring", "ledger", "pseudonymised"):
        shutil.rmtree(folder / other, ignore_errors=True)
    return folder


@pytest.fixture
def another_database(database_server: DatabaseServer) -> Iterator[Database]:
    with database_server.database(migrated=False) as fresh:
        yield fresh


def populate(
    database: Database, folder: Path, *, number: int = 7, options: str = "", **likeness: object
) -> None:
    """Seed the company, like what is in ``released`` unless that is None."""
    source = likeness.pop("released", folder / "releases")
    version, described = load_policies(folder / "policies")[-1], load_datamap(folder / "datamap")
    like = None if source is None else read_likeness(source, version, described, **likeness)
    engine = (
        sa.create_engine(database.url, connect_args={"options": options})
        if options
        else connect(database.url)
    )
    try:
        seed(
            engine,
            folder / "sample",
            customers=CUSTOMERS,
            days=1,
            seed=number,
            as_of=AS_OF,
            progress=lambda _step: None,
            likeness=like,
        )
    finally:
        engine.dispose()


@dataclass(frozen=True, kw_only=True)
class Table:
    """A released table, and how its shares are counted in a database.

    Attributes:
        counted: selects a row for each that is counted.
        given: how many of its columns were drawn before, for another thing: for whom, and not for which event.
        reads: how each of its columns is read.
    """

    name: str
    by: tuple[str, ...]
    number: str
    counted: str
    reads: tuple[Callable[[str | None], str], ...]
    given: int = 0


def plain(value: str | None) -> str:
    return value or "unknown"


def family(title: str | None) -> str:
    return group_of(title, TITLES, "other")


TABLES = [
    Table(
        name="by_country_internal",
        by=("country",),
        number="persons",
        counted="SELECT DISTINCT code, land FROM press.opening",
        reads=(plain,),
    ),
    Table(
        name="by_country_and_device_internal",
        by=("country", "device"),
        number="events",
        counted="SELECT code, land, agent FROM press.opening",
        reads=(plain, Devices().of),
        given=1,
    ),
    Table(
        name="by_article_internal",
        by=("article",),
        number="events",
        counted="SELECT code, article FROM press.opening",
        reads=(plain,),
    ),
    Table(
        name="by_rank_internal",
        by=("rank",),
        number="persons",
        counted="SELECT member_id, rank FROM press.member",
        reads=(plain,),
    ),
    Table(
        name="by_family_internal",
        by=("family",),
        number="persons",
        counted="SELECT member_id, title FROM press.member",
        reads=(family,),
    ),
]


def shares_in(database: Database, table: Table) -> tuple[Share, int]:
    """What is there, and how many were counted."""
    found = Counter(
        tuple(read(value) for read, value in zip(table.reads, row[1:], strict=True))
        for row in database.execute(table.counted)
    )
    return shares(found), found.total()


@pytest.fixture(scope="module")
def alike(module_database: Database, released: Path) -> Database:
    populate(module_database, released)
    return module_database


def compared(folder: Path, database: Database, table: Table) -> tuple[float, float]:
    """How far what is there is from what was released, and how far chance alone would take it."""
    wanted = shares_released(folder / "releases", table.name, DAY, table.by, table.number)
    found, number = shares_in(database, table)
    return distance(wanted, given_alike(found, wanted, table.given)), sampling_distance(wanted, number)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_released_table_is_followed(released: Path, alike: Database, table: Table):
    far, by_chance = compared(released, alike, table)
    assert far <= 3 * by_chance


def test_without_the_option_none_is(released: Path, empty_database: Database):
    populate(empty_database, released, released=None)
    for table in TABLES:
        far, by_chance = compared(released, empty_database, table)
        assert far > 10 * by_chance, table.name


def test_nothing_but_what_was_released_turns_up(alike: Database):
    """The rows that the release was made of are gone by then, and a rare page of few is not among its cells."""
    assert CANARY not in json.dumps(list(map(str, everything(alike))))
    assert alike.execute("SELECT 1 FROM press.opening WHERE land = 'MT'") == []
    assert {row.land for row in alike.execute("SELECT DISTINCT land FROM press.opening")} == {
        "FI",
        "EE",
        None,
    }


def everything(database: Database) -> Iterator[sa.Row]:
    for table in ("reader", "choice", "opening", "firm", "member", "deed"):
        yield from database.execute(f"SELECT t::text FROM press.{table} AS t ORDER BY 1")


def test_a_contributor_has_one_value_where_the_table_counts_it_once(alike: Database):
    several = alike.execute("SELECT code FROM press.opening GROUP BY code HAVING count(DISTINCT land) > 1")
    assert several == []
    assert (
        alike.execute("SELECT code FROM press.opening GROUP BY code HAVING count(DISTINCT article) > 1") != []
    )


def test_dimensions_that_were_released_together_stay_together(alike: Database):
    """In Finland everybody had a phone or a television, in Estonia a desktop."""
    found, _ = shares_in(alike, TABLES[1])
    assert found.get(("EE", "television"), 0) + found.get(("EE", "mobile"), 0) < 0.01
    assert found[("FI", "television")] > 0.08


def test_no_address_tells_another_country(alike: Database):
    addresses = {
        row.address for row in alike.execute("SELECT DISTINCT host(address) AS address FROM press.opening")
    }
    assert addresses
    assert all(address.startswith("2001:db8:") for address in addresses)
    by_reader = alike.execute(
        "SELECT code FROM press.opening GROUP BY code HAVING count(DISTINCT address) > 1"
    )
    assert by_reader == []


def test_the_same_seed_gives_the_same_rows_whatever_the_server(
    released: Path, empty_database: Database, another_database: Database, alike: Database
):
    populate(empty_database, released, options="-c timezone=Asia/Tokyo -c datestyle=German")
    populate(another_database, released, number=8)
    assert list(everything(empty_database)) == list(everything(alike))
    assert list(everything(another_database)) != list(everything(alike))


@pytest.fixture
def carried(released: Path, tmp_path: Path) -> Path:
    """All of it on another machine, to be changed."""
    return shutil.copytree(released, tmp_path / "carried")


@pytest.fixture
def lifecycle(
    carried: Path, empty_database: Database, monkeypatch, capsys, caplog, tmp_path: Path
) -> CommandLine:
    settings = {
        "DATABASE_URL": empty_database.url,
        "POLICY_DIR": carried / "policies",
        "DATAMAP_DIR": carried / "datamap",
        "SAMPLE_DIR": carried / "sample",
        "KEYRING": tmp_path / "keyring",
        "STATE_DIR": tmp_path / "state",
    }
    return CommandLine(monkeypatch, capsys, caplog, settings, now=AS_OF)


def seeded(lifecycle: CommandLine, carried: Path, *arguments: str) -> Said:
    return lifecycle("seed", "--customers", "5", "--like-release", str(carried / "releases"), *arguments)


def test_it_is_a_command_and_says_what_is_followed(lifecycle: CommandLine, carried: Path):
    said = seeded(lifecycle, carried)
    assert said.code == 0, said.err
    assert "like by_country_internal, 1 periods from 2026-03-02 to 2026-03-02" in said.out
    said = seeded(lifecycle, carried, "--replace", "--feed", "commercial")
    assert "like by_country_commercial, " in said.out
    assert "internal" not in said.out


def test_another_feed_is_taken_where_it_alone_was_handed_on(lifecycle: CommandLine, carried: Path):
    for folder in (carried / "releases").glob("*_internal"):
        shutil.rmtree(folder)
    assert "like by_country_commercial, " in seeded(lifecycle, carried).out


def test_a_release_that_was_not_handed_on_leaves_its_columns(
    lifecycle: CommandLine, carried: Path, empty_database
):
    for name in ("by_rank", "by_family"):
        for folder in (carried / "releases").glob(f"{name}_*"):
            shutil.rmtree(folder)
    assert seeded(lifecycle, carried).code == 0
    ranks = {row.rank for row in empty_database.execute("SELECT DISTINCT rank FROM press.member")}
    assert "junior" in ranks


def remove_files(carried: Path) -> None:
    shutil.rmtree(carried / "releases")


def cut_short(carried: Path) -> None:
    path = files.folder_of(carried / "releases", "by_country_internal", DAY) / files.DATA
    path.write_bytes(path.read_bytes()[:100])


def lose_dictionary(carried: Path) -> None:
    (files.folder_of(carried / "releases", "by_rank_internal", DAY) / files.DICTIONARY).unlink()


def say_nonsense(carried: Path) -> None:
    path = files.folder_of(carried / "releases", "by_rank_internal", DAY) / files.DICTIONARY
    path.write_text('{"dimensions": ["rank"]}')


def lack_a_column(carried: Path) -> None:
    path = files.folder_of(carried / "releases", "by_rank_internal", DAY) / files.DATA
    parquet.write_table(parquet.read_table(path, partitioning=None).drop_columns(["persons"]), path)


def change_policy(carried: Path, before: str, after: str) -> None:
    path = carried / "policies/first/policy.yaml"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))


@pytest.mark.parametrize(
    ("change", "says", "next_step"),
    [
        (remove_files, "has no files of openings, deeds", "LIFECYCLE_RELEASES"),
        (cut_short, "is incomplete or damaged", "copy the folder again"),
        (lose_dictionary, "is incomplete or damaged", "copy the folder again"),
        (say_nonsense, "is incomplete or damaged", "copy the folder again"),
        (lack_a_column, "is incomplete or damaged", "copy the folder again"),
        (
            lambda carried: change_policy(carried, "by: [rank]", "by: [rank, family]"),
            "is divided by rank, and by family, rank in the policy's deeds",
            "by which it was released",
        ),
        (
            lambda carried: change_policy(carried, "press.member.rank}", "press.member.grade}"),
            "has no column grade",
            "correct the name",
        ),
        (
            lambda carried: change_policy(carried, "making: [maker, smith]", "crafts: [maker, smith]"),
            "nothing that can be written into press.member.title reads as making",
            "by which it was released",
        ),
        (
            lambda carried: change_policy(carried, POLICY[POLICY.index("releases:") :], ""),
            "this policy has no releases",
            "LIFECYCLE_POLICY_DIR",
        ),
    ],
)
def test_what_cannot_be_followed_says_why_and_nothing_is_kept(
    lifecycle: CommandLine, carried: Path, empty_database: Database, change, says, next_step
):
    change(carried)
    said = seeded(lifecycle, carried)
    assert (said.code, says in said.err, next_step in said.err) == (MISUSED, True, True), said.err
    assert empty_database.execute("SELECT to_regnamespace('press')")[0][0] is None


def test_rows_that_no_seeding_made_are_not_written(
    lifecycle: CommandLine, carried: Path, empty_database: Database
):
    """A database with the company in it, and a sample whose tables have other names."""
    empty_database.script(SCHEMA)
    empty_database.execute("INSERT INTO press.firm (firm_id) VALUES (1)")
    empty_database.execute("INSERT INTO press.member VALUES (1, 1, 'Somebody', 'Owner', 'chief')")
    for path in (carried / "sample").glob("*.sql"):
        path.write_text(path.read_text().replace("press", "rehearsal"))
    said = seeded(lifecycle, carried)
    assert [row.rank for row in empty_database.execute("SELECT rank FROM press.member")] == ["chief"]
    assert (said.code, "press.member: " in said.err) == (MISUSED, True), said.err
    assert "Next: seed the sample of the company that released, into a database of its own" in said.err
    assert empty_database.execute("SELECT to_regnamespace('rehearsal')")[0][0] is None


PAGES = """
  pages:
    commitments: [S1]
    purpose: improving
    events: press.opening
    at: opened_at
    subject: code
    dimensions: {article: {column: article}}
    tables:
      by_article: {by: [article], cells: 4, events: 5, description: Openings by article}
    feeds:
      internal: {description: For ourselves, rho: 0.45, delta: 1.0e-6, budget: {period: 1, days_30: 16, days_365: 190}}
"""


def test_two_releases_may_tell_of_the_same_events(carried: Path, empty_database: Database):
    by_article = next(line for line in PAGES.splitlines() if "by_article:" in line)
    for line in (by_article, "      article: {column: article}"):
        change_policy(carried, f"{line}\n", "")
    change_policy(carried, "\n  deeds:\n", f"{PAGES}  deeds:\n")
    populate(empty_database, carried)
    far, by_chance = compared(carried, empty_database, TABLES[2])
    assert far <= 3 * by_chance


def test_a_feed_of_its_own_must_be_one(lifecycle: CommandLine, carried: Path):
    assert "press is no feed of this policy" in seeded(lifecycle, carried, "--feed", "press").err
    alone = lifecycle("seed", "--feed", "internal")
    assert (alone.code, "--like-release" in alone.err) == (MISUSED, True)


def test_a_value_that_its_column_refuses_is_one_clear_error(carried: Path, empty_database: Database):
    schema = carried / "sample" / "schema.sql"
    schema.write_text(
        schema.read_text().replace("rank text", "rank text CHECK (rank IN ('junior','senior'))")
    )
    population = carried / "sample" / "population.sql"
    population.write_text(population.read_text().replace("{junior,senior,lead}", "{junior,senior}"))
    with pytest.raises(StoreError) as refused:
        populate(empty_database, carried)
    assert refused.value.place == "a released value"
    assert "LIFECYCLE_POLICY_DIR" in refused.value.next_step
