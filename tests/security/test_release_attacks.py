"""What an attacker of released tables tries, with the criterion that each attempt has to fail by.

Linkability of pseudonyms is tried in ``tests/unit/test_pseudonyms.py``, overdrawn budgets in
``tests/integration/test_releasing.py``.
"""

from __future__ import annotations

import math
import statistics
import uuid
from datetime import date
from statistics import NormalDist
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
import yaml
from scipy.optimize import linprog
from sqlalchemy.exc import ProgrammingError

from lifecycle.analytics import draws, noise, releasing
from lifecycle.analytics.gates import Exact
from lifecycle.analytics.released import shape_of
from lifecycle.policy.release_form import Release
from lifecycle.store.engine import connect
from lifecycle.store.roles import Role
from support.press import AS_OF, DAY, DESKTOP, PHONE, POLICY, add_openings, add_readers, open_press, span

if TYPE_CHECKING:
    from pathlib import Path

    from support.databases import Database

pytestmark = pytest.mark.commitment("W6")
OPENINGS = Release.model_validate(yaml.safe_load(POLICY)["releases"]["openings"])
INTERNAL = OPENINGS.feeds["internal"]
PLAN = noise.plan(OPENINGS, INTERNAL)["by_country"]
TRIES = 6_000
"""Draws with the target, and as many without: chance then moves an AUC by two hundredths once in ten thousand runs."""


def cell(contributors: int, events: int, seconds: int) -> Exact:
    return Exact(
        contributors=contributors,
        numbers={"events": events, "seconds": seconds},
        largest={"events": 20, "seconds": 600},
    )


WITHOUT = {("EE",): cell(400, 4_000, 60_000)}
WITH = {("EE",): cell(401, 4_020, 60_600)}
"""One reader more, who does as much as anybody may."""


def scores(cells) -> list[float]:
    """What the best attacker makes of each draw: how much likelier it is with the target than without."""
    found = []
    for _ in range(TRIES):
        (shown,) = noise.draw(cells, INTERNAL.gates, PLAN).cells.values()
        seen = {"contributors": shown.contributors, **shown.numbers}
        expected = {"contributors": (400, 401, PLAN.count.sigma)}
        expected["events"] = (4_000, 4_020, PLAN.numbers["events"].sigma)
        expected["seconds"] = (60_000, 60_600, PLAN.numbers["seconds"].sigma)
        found.append(
            sum(
                ((seen[name] - without) ** 2 - (seen[name] - with_it) ** 2) / (2 * sigma**2)
                for name, (without, with_it, sigma) in expected.items()
            )
        )
    return found


@pytest.fixture(scope="module")
def attacked() -> tuple[list[float], list[float]]:
    """Scores of draws with the target, and without."""
    return scores(WITH), scores(WITHOUT)


def auc(positive: list[float], negative: list[float]) -> float:
    ranked = sorted([(score, True) for score in positive] + [(score, False) for score in negative])
    ranks = sum(rank for rank, (_, is_with) in enumerate(ranked, start=1) if is_with)
    return (ranks - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative))


def test_membership_is_guessed_no_better_than_theory_allows(attacked):
    """Criterion: AUC at most that of Gaussian noise with this rho, and two hundredths."""
    rho = PLAN.rho - PLAN.total.rho
    assert auc(*attacked) <= NormalDist().cdf(math.sqrt(rho)) + 0.02


def test_what_the_attacker_learns_is_no_more_than_the_epsilon_that_is_claimed(attacked):
    """Criterion: at no threshold is the empirical epsilon, less two standard errors, above the claimed one."""
    from lifecycle.analytics.describing import epsilon

    claimed = epsilon(PLAN.rho, 1e-6)
    positive, negative = attacked
    for threshold in statistics.quantiles(negative, n=50):
        hits = sum(score > threshold for score in positive) / TRIES
        misses = max(sum(score > threshold for score in negative), 1) / TRIES
        error = 2 * math.sqrt((1 - hits) / (hits * TRIES) + (1 - misses) / (misses * TRIES)) if hits else 0.0
        assert math.log(max(hits, 1e-9) / misses) - error <= claimed


def test_a_cell_that_only_one_made_never_shows_itself():
    """Criterion: none in a thousand draws of a cell of one, however much that one did."""
    lonely = {
        ("LI",): Exact(
            contributors=1, numbers={"events": 20, "seconds": 600}, largest={"events": 20, "seconds": 600}
        )
    }
    assert all(not noise.draw(WITH | lonely, INTERNAL.gates, PLAN).cells.get(("LI",)) for _ in range(1_000))


def test_tables_do_not_add_up_to_each_other(database: Database, tmp_path: Path):
    """Criterion: no cell of one table can be had exactly from another, since each has noise of its own."""
    company = open_press(database, tmp_path)
    add_readers(database, 1, 400)
    add_openings(database, 1, 400)
    differences = set()
    for day in range(5):
        first = date(2026, 3, 2 + day)
        if day:
            add_openings(database, 1, 400, at=f"2026-03-0{2 + day} 12:00+02")
        releasing.build(company, "openings", span(company, first=first), as_of=AS_OF.replace(day=9))
    for row in database.execute(
        "SELECT a.persons - b.persons AS difference FROM analytics.by_country_internal AS a"
        " JOIN analytics.by_country_and_device_internal AS b USING (first_day, country)"
    ):
        differences.add(row.difference)
    assert len(differences) > 1


def test_no_hidden_cell_is_told_by_a_linear_program(database: Database, tmp_path: Path):
    """Criterion: what sums and bounds leave of a hidden cell is no narrower than the smallest cell that passes."""
    company = open_press(database, tmp_path)
    add_readers(database, 1, 700)
    for first, last, land, agent in (
        (1, 300, "EE", DESKTOP),
        (301, 312, "EE", PHONE),
        (313, 600, "FI", DESKTOP),
        (601, 611, "FI", PHONE),
    ):
        add_openings(database, first, last, land=land, agent=agent)
    releasing.build(company, "openings", span(company), as_of=AS_OF)
    plans = noise.plan(OPENINGS, INTERNAL)
    sums = {
        row.country: row.persons for row in database.execute("SELECT * FROM analytics.by_country_internal")
    }
    shown = {
        (row.country, row.device): row.persons
        for row in database.execute("SELECT * FROM analytics.by_country_and_device_internal")
    }
    cells = [(country, device) for country in sums for device in ("desktop", "mobile")]
    hidden = [cell for cell in cells if cell not in shown]
    assert sorted(hidden) == [("EE", "mobile"), ("FI", "mobile")]
    for cell in hidden:
        assert width(cell, cells, shown, sums, plans) >= INTERNAL.gates.persons


def width(cell, cells, shown, sums, plans) -> float:
    """Of the interval that a hidden cell lies in, with noise no further out than four standard deviations."""
    of_sums, fine = 4 * plans["by_country"].count.sigma, plans["by_country_and_device"].count
    slack = 4 * fine.sigma
    bounds = [
        (shown[one] - slack, shown[one] + slack) if one in shown else (0, fine.least - 1 + slack)
        for one in cells
    ]
    adds_up = [[float(one[0] == country) for one in cells] for country in sums]
    most = [total + of_sums for total in sums.values()]
    least = [of_sums - total for total in sums.values()]
    limits = adds_up + [[-part for part in row] for row in adds_up]
    ends = []
    for sign in (1.0, -1.0):
        found = linprog([sign * (one == cell) for one in cells], limits, [*most, *least], bounds=bounds)
        assert found.success
        ends.append(sign * found.fun)
    return ends[1] - ends[0]


@pytest.fixture
def released(database: Database, tmp_path: Path) -> Database:
    company = open_press(database, tmp_path)
    add_readers(database, 1, 300)
    add_openings(database, 1, 300)
    releasing.build(company, "openings", span(company), as_of=AS_OF)
    return database


WRITES = [
    "INSERT INTO analytics.by_country_internal VALUES ('2026-03-02', '2026-03-02', 'LI', 1, 1, 1)",
    "INSERT INTO analytics.by_country_internal VALUES ('2026-03-05', '2026-03-05', 'LI', 1, 1, 1)",
    "UPDATE analytics.by_country_internal SET persons = 1",
    "DELETE FROM analytics.by_country_internal",
    "TRUNCATE analytics.by_country_internal",
    "INSERT INTO analytics.dictionary SELECT 't', 'openings', 'internal', '2026-03-02', '2026-03-02', '{}'",
    "UPDATE analytics.dictionary SET says = '{}'",
    "DELETE FROM analytics.dictionary",
    "INSERT INTO lifecycle.release_utility SELECT 't', 'n', 'openings', 'internal', '2026-03-02', '2026-03-02', 9, 0",
    "UPDATE lifecycle.release_utility SET cells = 9",
]


@pytest.mark.parametrize("statement", WRITES)
@pytest.mark.parametrize("role", [Role.BUILDER, None], ids=["builder", "owner"])
def test_what_was_released_is_not_written_again(released: Database, statement: str, role):
    """Criterion: refused by the database, for the role that fills the tables and for their owner."""
    with (
        pytest.raises(Exception, match=r"written once|permission denied"),
        released.connect(role).begin() as connection,
    ):
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE analytics.by_country_internal DISABLE TRIGGER ALL",
        "DROP TABLE analytics.by_country_internal",
    ],
)
def test_the_builder_cannot_take_the_triggers_away(released: Database, statement: str):
    with (
        pytest.raises(ProgrammingError, match="must be owner"),
        released.connect(Role.BUILDER).begin() as connection,
    ):
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lifecycle.release_draw SET rho = 0.001",
        "DELETE FROM lifecycle.release_draw",
        "TRUNCATE lifecycle.release_draw",
    ],
)
def test_what_was_taken_of_a_budget_stays_taken(released: Database, statement: str):
    """Criterion: refused even for the owner of the register."""
    with pytest.raises(Exception, match=r"stays taken|written once"):
        released.execute(statement)


RESERVE = (
    "SELECT refused FROM lifecycle.release_reserve('openings', 'internal', '{}', '{}', 0.1, 1e-6, 9, 99, 999,"
    " '2020-01-01', '2026-03-10 12:00+00')"
)


@pytest.mark.parametrize(
    ("first", "last", "refused"),
    [
        ("2026-03-02", "2026-03-02", "released"),
        ("2026-03-01", "2026-03-02", "overlap"),
        ("2026-03-03", "2026-03-03", None),
    ],
)
def test_windows_that_overlap_are_refused(released: Database, first: str, last: str, refused):
    """Criterion: nothing is drawn of a day twice, as another period either."""
    assert released.execute(RESERVE.format(first, last))[0].refused == refused


def test_only_the_builder_sees_figures_without_noise(released: Database):
    """Criterion: each other role is refused, whatever it asks of them; the builder sees all of a draw."""
    asked = "SELECT * FROM lifecycle.release_utility"
    for role in set(Role) - {Role.BUILDER}:
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            released.connect(role).begin() as connection,
        ):
            connection.exec_driver_sql(asked)
    with released.connect(Role.BUILDER).begin() as connection:
        assert len(connection.exec_driver_sql(asked).all()) == 2 * 3 * 3


def test_a_login_that_only_deletes_does_not_become_the_builder(released: Database, database_server):
    """Criterion: whoever keeps promises and builds no releases is refused the role, and with it the figures."""
    name, server = f"keeper_{uuid.uuid4().hex[:8]}", database_server.as_superuser(released)
    server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret' IN ROLE lifecycle_engine")
    address = sa.make_url(released.url).set(username=name, password="secret")
    engine = connect(address.render_as_string(hide_password=False), role=Role.ENGINE)
    try:
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            engine.begin() as connection,
            draws.as_builder(connection),
        ):
            connection.exec_driver_sql("SELECT * FROM lifecycle.release_utility")
        with engine.begin() as connection:
            assert connection.scalar(sa.select(sa.func.lifecycle.release_forget_utility(DAY))) == 0
    finally:
        engine.dispose()
        server.execute(f"DROP ROLE {name}")


def test_the_dictionary_and_the_comments_hold_nothing_exact(released: Database):
    """Criterion: what is said of a period of 300 readers does not contain that number."""
    says = str(released.execute("SELECT says FROM analytics.dictionary")[0].says)
    assert "300" not in says
    shape = shape_of(OPENINGS, "by_country", "internal")
    assert shape.columns[:3] == ("first_day", "last_day", "country")
    assert DAY.isoformat() in says
