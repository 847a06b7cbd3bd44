"""Task bodies of what releases statistics: each opens the company and makes one call. None returns an exact number."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from lifecycle.orchestration.tasks import deciding_moment, opened, run_moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lifecycle.analytics.spans import Span
    from lifecycle.runs.company import Company


def periods() -> list[dict[str, str]]:
    """The periods of each release that are over, may still be released and are not."""
    from lifecycle.analytics.inspecting import open_spans

    with opened() as company:
        as_of = deciding_moment(company)
        found = [
            {"release": name, "first_day": span.first.isoformat()}
            for name in company.rulebook(as_of).releases
            for span in open_spans(company, name, as_of=as_of)
        ]
    if not found:
        raise AirflowSkipException("nothing is to be released")
    return found


def record_late() -> dict[str, list[str]]:
    """Enter periods as lost that were not released in time."""
    from lifecycle.analytics.inspecting import record_late

    with opened() as company:
        as_of = deciding_moment(company)
        found = {
            name: [day.isoformat() for day in record_late(company, name, as_of=as_of)]
            for name in company.rulebook(as_of).releases
        }
    return {name: days for name, days in found.items() if days}


def record_late_events() -> int:
    """Enter how many events came when their period was released already; at how many periods it looked."""
    from lifecycle.analytics.lateness import record_late_events

    with opened() as company:
        as_of = deciding_moment(company)
        names = company.rulebook(as_of).releases
        return sum(record_late_events(company, name, as_of=as_of) for name in names)


def rotate_keys() -> dict[str, Any]:
    """Make this month's keys of pseudonyms, and destroy those of closed months."""
    from lifecycle.analytics.rotation import rotate

    with opened() as company:
        return rotate(company, as_of=deciding_moment(company)).to_json()


def forget_utility() -> int:
    """Delete what is known without noise of periods that ended long ago; how many lines."""
    from lifecycle.analytics.utility import forget

    with opened() as company:
        return forget(company, as_of=deciding_moment(company))


def extract(period: dict[str, str]) -> dict[str, str]:
    """Write the period's pseudonymised events, and check them."""
    from lifecycle.analytics.releasing import extract

    with _at_work(period) as (company, span, as_of):
        extract(company, period["release"], span, as_of=as_of)
    return period


def count(period: dict[str, str]) -> dict[str, str]:
    """Limit what each contributor adds, count the cells, and check them."""
    from lifecycle.analytics.releasing import count

    with _at_work(period) as (company, span, as_of):
        count(company, period["release"], span, as_of=as_of)
    return period


def draw(period: dict[str, str]) -> dict[str, Any]:
    """Draw the numbers of each feed that does not have them, and write files; what was drawn before is handed on."""
    from lifecycle.analytics.releasing import draw_feeds

    with _at_work(period) as (company, span, as_of):
        drawn = draw_feeds(company, period["release"], span, as_of=as_of)
    return {**period, "feeds": {one.feed: one.sha256 for one in drawn}}


def clear() -> int:
    """Let nothing stay of what periods were made of, whatever became of them; how many there were."""
    from lifecycle.analytics.releasing import finish_all

    with opened() as company:
        return finish_all(company)


def tell_released(periods: list[dict[str, str]] | None) -> list[str]:
    """Tell whoever waits for it which of the periods are released, whatever became of the others."""
    from lifecycle.analytics.inspecting import is_released

    with opened() as company:
        as_of = run_moment()
        keys = [
            f"{one['release']}.{one['first_day']}"
            for one in periods or ()
            if is_released(company, one["release"], date.fromisoformat(one["first_day"]), as_of=as_of)
        ]
    if not keys:
        raise AirflowSkipException("nothing of this run is released")
    context = get_current_context()
    for asset in context["task"].outlets:
        context["outlet_events"][asset].add_partitions(keys)
    return keys


@contextmanager
def _at_work(period: dict[str, Any]) -> Iterator[tuple[Company, Span, datetime]]:
    """The company, the period and the moment of the run, while nobody else builds the release."""
    from lifecycle.analytics.draws import only_builder
    from lifecycle.analytics.releasing import release_of
    from lifecycle.analytics.spans import span_of

    with opened() as company:
        as_of = deciding_moment(company)
        release = release_of(company, period["release"], as_of=as_of)
        zone = company.rulebook(as_of).policy.zone
        span = span_of(release, date.fromisoformat(period["first_day"]), zone)
        with only_builder(company.engine, release.name, span.first):
            yield company, span, as_of
