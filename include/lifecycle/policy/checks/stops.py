"""Stops: what the company's own tables are told when a subject ends a purpose can be written there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifecycle.policy.checks.values import MOMENTS, fits, how_to_write
from lifecycle.policy.findings import Finding, error
from lifecycle.policy.rulebook import primary_key
from lifecycle.policy.stopping import ENDING, edges_of_record, endable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.policy.checks.examined import Examined
    from lifecycle.policy.model import Stop


def check(examined: Examined) -> Iterator[Finding]:
    """Records that are nobody's, values that do not fit, keys that would be changed, rights that end nothing."""
    for name, purpose in examined.policy.purposes.items():
        if purpose.stop:
            yield from _record(examined, name, purpose.stop)
            yield from _moment(examined, name, purpose.stop)
            yield from _values(examined, name, purpose.stop)
    for kind in ENDING:
        if kind in examined.policy.rights and not endable(examined.policy, kind):
            yield error(
                "right.purposeless",
                f"requests for {kind} are taken, and no purpose can be ended by one",
                examined.version.place("rights", kind.value),
                "say of a purpose which objection it knows, or that it rests on consent",
            )


def _record(examined: Examined, name: str, stop: Stop) -> Iterator[Finding]:
    """A record is written for each row of the subject that it belongs to, so it belongs along one reference."""
    if stop.record is None or stop.record not in examined.live:
        return
    if len(edges_of_record(examined.edges, stop.record)) != 1:
        yield error(
            "stop.unlinked",
            f"rows of {stop.record} do not belong to others along exactly one reference, so nobody knows whose word"
            " each is",
            examined.version.place("purposes", name, "stop", "record"),
            "name a collection that one owner reference leads to, or state set",
        )


def _moment(examined: Examined, name: str, stop: Stop) -> Iterator[Finding]:
    """The column that says since when holds a day or a moment."""
    named = {"at": f"{stop.record}.{stop.at}" if stop.record and stop.at else None, "since": stop.since}
    for field, column in named.items():
        live = examined.live_column(*column.rsplit(".", 1)) if column else None
        is_naive = live and live.type == "timestamp without time zone" and stop.time_zone is None
        if live and (is_naive or live.type not in MOMENTS):
            yield error(
                "stop.at",
                f"{column} is {live.type} and tells no moment",
                examined.version.place("purposes", name, "stop", field),
                "name a date or timestamptz column, or say in which zone a timestamp is written: time_zone: UTC",
            )


def _values(examined: Examined, name: str, stop: Stop) -> Iterator[Finding]:
    for keys, collection, column, value in _written(name, stop):
        live = examined.live_column(collection, column)
        if live is None:
            continue
        if column in _fixed(examined, collection) or live.is_generated:
            yield error(
                "stop.key",
                f"{collection}.{column} names or joins rows, or is computed, and cannot be given a value",
                examined.version.place(*keys),
                "name a column that says what the subject wants",
            )
        elif not fits(value, live) or (value is None and not live.is_nullable):
            yield error(
                "stop.value",
                f"{collection}.{column} is {live.type} and cannot be given this value",
                examined.version.place(*keys),
                how_to_write(live),
            )


def _written(name: str, stop: Stop) -> Iterator[tuple[tuple[str, ...], str, str, Any]]:
    """What a stop writes: path of keys, collection, column, value."""
    here = ("purposes", name, "stop")
    for column, value in stop.values.items():
        yield (*here, "values", column), stop.record or "", column, value
    for named, value in stop.set.items():
        collection, column = named.rsplit(".", 1)
        yield (*here, "set", named), collection, column, value


def _fixed(examined: Examined, collection: str) -> set[str]:
    """Columns by which rows of a collection are named, joined, or found."""
    joining = {column for edge in examined.edges if edge.holder == collection for column in edge.columns}
    described = examined.datamap.collections.get(collection)
    finding = {one.name for one in described.columns.values() if one.identities} if described else set()
    return {*joining, *finding, *primary_key(examined.live[collection], examined.datamap)}
