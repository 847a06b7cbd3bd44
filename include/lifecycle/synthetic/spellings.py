"""What is written into a column so that it reads as a released value: a title of a group, a user agent of a device."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lifecycle.analytics.derive import UNKNOWN, Devices, group_of
from lifecycle.errors import UsageError
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from lifecycle.datamap.live import LiveSchema
    from lifecycle.policy.release_form import Dimension, Release
    from lifecycle.policy.releases import Located

Spellings = dict[str, list[str | None]]

MOST_READ = 5_000
"""Values of the population that are looked at: more of them say nothing new."""
MOST_SPELLINGS = 200
"""Of one value."""
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0"
_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5"
USER_AGENTS = {
    "desktop": (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Safari/537.36",
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_APPLE} Safari/605.1.15",
        "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    ),
    "mobile": (
        f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_WEBKIT} Mobile Safari/537.36",
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {_APPLE} Mobile/15E148 Safari/604.1",
    ),
    "tablet": (
        f"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) {_APPLE} Mobile/15E148 Safari/604.1",
        f"Mozilla/5.0 (Linux; Android 14; SM-X710) {_WEBKIT} Safari/537.36",
    ),
    "television": (f"Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) {_WEBKIT} TV Safari/537.36",),
}
"""What browsers of each kind of device call themselves, where the population has none of that kind."""
_OF_NO_GROUP = ("Colleague", "Resident", "Guest")
"""Titles, where neither the population nor the policy's own word is one of no group."""


def spell(
    connection: Connection,
    live: LiveSchema,
    release: Release,
    name: str,
    located: Located,
    values: Iterable[str],
) -> Spellings:
    """What may be written for each value of a dimension.

    Where a value is told of what stands there, the population's own texts come first: they are many and various.

    Args:
        connection: has the population.
        live: its columns.
        release: states the dimension.
        name: of the dimension.
        located: the column that is written.
        values: the released ones.

    Raises:
        UsageError: nothing reads as one of them.
    """
    dimension = release.dimensions[name]
    blank = None if live[located.collection].columns[located.column].is_nullable else ""
    reads = _reader(release, dimension)
    found: Spellings = {value: [value] for value in values} if reads is None else {}
    if reads is not None:
        own = _own(connection, live, located, reads)
        found = {value: [*own.get(value, ())] or _made(dimension, value, reads) for value in values}
    if UNKNOWN in found:
        found[UNKNOWN] = [blank]
    missing = sorted(value for value, texts in found.items() if not texts)
    if missing:
        raise UsageError(
            f"nothing that can be written into {located.collection}.{located.column} reads as {missing[0]}",
            place=f"releases, dimensions.{name}",
            next_step="set LIFECYCLE_POLICY_DIR to the policy by which it was released",
        )
    return found


def _reader(release: Release, dimension: Dimension) -> Callable[[str], str] | None:
    """How a release reads a text; None where it takes it as it stands."""
    if dimension.user_agent:
        return Devices(release.leave_out).of
    if dimension.groups:
        return lambda text: group_of(text, dimension.groups, dimension.otherwise or UNKNOWN)
    return None


def _own(
    connection: Connection, live: LiveSchema, located: Located, reads: Callable[[str], str]
) -> Mapping[str, Sequence[str]]:
    """The population's own texts by what they read as."""
    column = sa.cast(relation(live, located.collection, "own").c[located.column], sa.Text)
    texts = sa.select(column.label("text")).distinct().where(column.is_not(None)).subquery()
    query = sa.select(texts.c.text).order_by(sa.collate(texts.c.text, "C")).limit(MOST_READ)
    found: dict[str, list[str]] = defaultdict(list)
    for text in connection.scalars(query):
        found[reads(text)].append(text)
    return {value: texts_of[:MOST_SPELLINGS] for value, texts_of in found.items()}


def _made(dimension: Dimension, value: str, reads: Callable[[str], str]) -> list[str | None]:
    """Texts of our own that read as the value."""
    if dimension.user_agent:
        candidates = USER_AGENTS.get(value, ())
    elif value in dimension.groups:
        candidates = tuple(word.capitalize() for word in dimension.groups[value])
    else:
        candidates = (value.capitalize(), *_OF_NO_GROUP)
    return [text for text in candidates if reads(text) == value]
