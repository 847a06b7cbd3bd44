"""The reference company, whose policy and sample know of no test: its released tables are followed as well."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest

from lifecycle.analytics import releasing
from lifecycle.analytics.derive import Devices, group_of
from lifecycle.analytics.spans import span_of
from lifecycle.datamap.load import load_datamap
from lifecycle.policy.load import load_policies
from lifecycle.runs.company import Company
from lifecycle.settings import Settings
from lifecycle.store.grants import grant
from lifecycle.synthetic.margins import read_likeness
from support.samples import AS_OF, PROJECT, REFERENCE, populate
from support.sharing import distance, given_alike, noise_of, sampling_distance, shares, shares_released

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.databases import Database, DatabaseServer

pytestmark = pytest.mark.commitment("W6")

DAY, MONDAY = date(2025, 11, 20), date(2025, 11, 10)
SKEWED = """
CALL website.create_days('2025-11-19', '2025-11-21');
INSERT INTO website.visitor (id, first_seen_at, last_seen_at)
SELECT md5('skewed' || n)::uuid, '2025-11-20 09:00+02', '2025-11-20 12:00+02' FROM generate_series(1, 6000) AS n;
INSERT INTO website.page_view (
    id, occurred_at, visitor_id, session_id, path, navigation, duration_seconds,
    ip_address, user_agent, browser, browser_version, device_type, operating_system, country
)
SELECT
    100000000 + n * 4 + k, timestamptz '2025-11-20 09:00+02' + make_interval(secs => n + k), md5('skewed' || n)::uuid,
    md5('skewed' || n)::uuid,
    (ARRAY['/', '/careers', '/docs', '/careers'])[1 + (n * k + n / 7) % 4], 'link', 30, '198.18.0.1',
    CASE WHEN n % 10 < 7
        THEN 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1'
        ELSE 'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0' END,
    'x', '1', 'mobile', 'x', CASE WHEN n % 10 < 6 THEN 'PT' WHEN n % 10 < 9 THEN 'GR' ELSE 'EE' END
FROM generate_series(1, 6000) AS n, generate_series(1, 3) AS k;
INSERT INTO app.customer (
    id, legal_name, registry_code, invoicing_street, invoicing_city, invoicing_postal_code, invoicing_country,
    created_at
)
SELECT 900000 + n, 'Skewed ' || n, '1', 'a', 'b', 'c', 'EE', '2025-01-01' FROM generate_series(1, 500) AS n;
INSERT INTO app.contract (customer_id, plan, monthly_fee, currency, signed_at, starts_at, updated_at)
SELECT 900000 + n, 'team', 190, 'EUR', '2025-01-01', '2025-01-02', '2025-11-15' FROM generate_series(1, 500) AS n;
INSERT INTO app.person (
    id, customer_id, first_name, last_name, job_title, seniority, work_email, country, created_at
)
SELECT
    900000000 + n * 10 + k, 900000 + n, 'A', 'B', CASE WHEN n % 3 < 2 THEN 'Recruiter' ELSE 'Gardener' END,
    CASE WHEN n % 4 < 3 THEN 'executive' ELSE 'junior' END, 'p' || k || '@skewed.test',
    CASE WHEN n % 5 < 4 THEN 'GR' ELSE 'SE' END, '2025-02-01'
FROM generate_series(1, 500) AS n, generate_series(1, 9) AS k;
INSERT INTO app.activity (id, person_id, kind, detail, occurred_at)
SELECT 9000000000 + id, id, 'call', '{}', '2025-11-12 12:00+02' FROM app.person WHERE id >= 900000000;
"""
"""On one day and in one week far more people than the sample makes, and shared out otherwise."""


@cache
def family(title: str | None) -> str:
    policy = load_policies(PROJECT / "include/policies")[-1].policy
    stated = policy.releases["application_usage"].dimensions["job_family"]
    return group_of(title, stated.groups, stated.otherwise or "")


def plain(value: str | None) -> str:
    return value or "unknown"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A released table, and how its shares are counted in a database.

    Attributes:
        counted: selects a row for each that is counted, its key first.
        reads: how each of the other columns is read.
        given: how many of its columns were drawn before, by another table.
        is_one_of_two: whether another table tells of the same column, so that noise keeps the two apart.
    """

    name: str
    by: tuple[str, ...]
    number: str
    counted: str
    reads: tuple[Callable[[str], str], ...]
    first_day: date = DAY
    given: int = 0
    is_one_of_two: bool = False


VISITORS = "SELECT DISTINCT visitor_id, {} FROM website.page_view"
VIEWS = "SELECT id, {} FROM website.page_view"
PEOPLE = "SELECT id, {} FROM app.person"
TABLES = [
    Table(
        name="visits_by_country_internal",
        by=("country",),
        number="persons",
        counted=VISITORS.format("country"),
        reads=(plain,),
    ),
    Table(
        name="visits_by_country_and_device_internal",
        by=("country", "device"),
        number="persons",
        counted=VISITORS.format("country, user_agent"),
        reads=(plain, Devices().of),
        given=1,
    ),
    Table(
        name="visits_by_page_internal",
        by=("page",),
        number="events",
        counted=VIEWS.format("path"),
        reads=(plain,),
    ),
    Table(
        name="visits_by_country_and_page_internal",
        by=("country", "page"),
        number="events",
        counted=VIEWS.format("country, path"),
        reads=(plain, plain),
        given=1,
        is_one_of_two=True,
    ),
    Table(
        name="usage_by_seniority_internal",
        by=("seniority",),
        number="persons",
        counted=PEOPLE.format("seniority"),
        reads=(plain,),
        first_day=MONDAY,
    ),
    Table(
        name="usage_by_job_family_internal",
        by=("job_family",),
        number="persons",
        counted=PEOPLE.format("job_title"),
        reads=(family,),
        first_day=MONDAY,
    ),
    Table(
        name="usage_by_country_internal",
        by=("country",),
        number="persons",
        counted=PEOPLE.format("country"),
        reads=(plain,),
        first_day=MONDAY,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What one company released, another that is like it, and one that is like nothing."""

    released: Path
    alike: Database
    unlike: Database


@pytest.fixture(scope="module")
def pair(database_server: DatabaseServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("released")
    with database_server.database() as source:
        populate(source.url, REFERENCE)
        source.script(SKEWED)
        release(source, folder)
    policies, described = load_policies(PROJECT / "include/policies"), load_datamap(REFERENCE.datamap)
    likeness = read_likeness(folder / "releases", policies[-1], described)
    with (
        database_server.database(migrated=False) as alike,
        database_server.database(migrated=False) as unlike,
    ):
        populate(alike.url, REFERENCE, customers=60, likeness=likeness)
        populate(unlike.url, REFERENCE, customers=60)
        yield Pair(released=folder / "releases", alike=alike, unlike=unlike)


def release(database: Database, folder: Path) -> None:
    """Release one day of visits and one week of the application."""
    described = load_datamap(REFERENCE.datamap)
    with database.connect().begin() as connection:
        grant(connection, [(one.schema, one.table) for one in described.collections.values()])
    environment = {"LIFECYCLE_DATABASE_URL": database.url, "LIFECYCLE_STATE_DIR": str(folder)}
    company = Company.open(Settings.from_environment(environment))
    at = AS_OF - timedelta(days=1)
    zone = company.rulebook(at).policy.zone
    for name, first in (("website_visits", DAY), ("application_usage", MONDAY)):
        span = span_of(company.rulebook(at).releases[name], first, zone)
        releasing.build(company, name, span, as_of=at)
    company.engine.dispose()


def compared(pair: Pair, database: Database, table: Table) -> tuple[float, float]:
    """How far what is there is from what was released, and how far chance alone would take it."""
    wanted = shares_released(pair.released, table.name, table.first_day, table.by, table.number)
    found = Counter(
        tuple(read(value) for read, value in zip(table.reads, row[1:], strict=True))
        for row in database.execute(table.counted)
    )
    by_chance = sampling_distance(wanted, found.total())
    return distance(wanted, given_alike(shares(found), wanted, table.given)), by_chance


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_released_table_is_followed_and_without_the_option_none(pair: Pair, table: Table):
    far, by_chance = compared(pair, pair.alike, table)
    unlike, _ = compared(pair, pair.unlike, table)
    noise = noise_of(pair.released, table.name, table.first_day, table.number) if table.is_one_of_two else 0
    assert far <= 3 * by_chance + noise
    assert unlike > 2 * (3 * by_chance + noise)


def test_what_else_a_row_says_fits(pair: Pair):
    """A server reads browser and device from the user agent, and a town lies in its country."""
    views = pair.alike.execute(
        "SELECT DISTINCT user_agent ~ 'iPhone' AS is_phone, operating_system, device_type FROM website.page_view"
    )
    of_phones = {(row.operating_system, row.device_type) for row in views if row.is_phone}
    assert of_phones == {("iOS", "mobile")}
    towns = "SELECT DISTINCT city FROM website.page_view WHERE country = '{}' AND city IS NOT NULL"
    assert pair.alike.execute(towns.format("PT")) == [], "the sample knows no town there"
    ours, theirs = (
        {row.city for row in one.execute(towns.format("EE"))} for one in (pair.alike, pair.unlike)
    )
    assert ours
    assert ours <= theirs


def test_an_address_that_nobody_has_stays(pair: Pair):
    addresses = [
        {
            row.address
            for row in one.execute("SELECT DISTINCT host(ip_address) AS address FROM website.page_view")
        }
        for one in (pair.alike, pair.unlike)
    ]
    assert addresses[0] == addresses[1]
