"""Requests: what names a subject has a disposition and a source, and an answer is never promised too late."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from lifecycle.policy.findings import Finding, error
from lifecycle.policy.model import RequestKind
from lifecycle.timelimits import Period, last_day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lifecycle.policy.checks.examined import Examined

_LONGEST = {"answer_within": Period(months=1), "extend_by": Period(months=2)}
"""GDPR Art. 12(3)."""
_FROM = tuple(date(2027, month, 28) for month in range(1, 13))
"""Days from which periods of months and of days are compared; February has as many, so that none comes out short."""


def check(examined: Examined) -> Iterator[Finding]:
    """Collections that erasure or access says nothing of, and answers that would come too late."""
    yield from _unstated(examined)
    yield from _lasting(examined)
    yield from _without_source(examined)
    for kind, right in examined.policy.rights.items():
        for field, longest in _LONGEST.items():
            stated = getattr(right, field)
            if any(last_day(day, stated) > last_day(day, longest) for day in _FROM):
                yield error(
                    "right.late",
                    f"a request for {kind} would be answered too late: {field} may be {longest.months} months at most",
                    examined.version.place("rights", kind.value),
                    "shorten it; the law allows one month, and two more where that is said in time",
                )


def _lasting(examined: Examined) -> Iterator[Finding]:
    """A restriction that nobody ever looks at again would keep data for good; nothing else lasts."""
    for kind, right in examined.policy.rights.items():
        place = examined.version.place("rights", kind.value)
        if kind is RequestKind.RESTRICTION and right.lasts is None:
            yield error(
                "restriction.endless",
                "nothing says how long a restriction lasts unless it is lifted before",
                place,
                "state lasts: P3M, or as long as it takes to look into such a matter",
            )
        if kind is not RequestKind.RESTRICTION and right.lasts is not None:
            yield error("right.lasts", f"a request for {kind} does not last", place, "remove lasts")


def _unstated(examined: Examined) -> Iterator[Finding]:
    if RequestKind.ERASURE not in examined.policy.rights:
        return
    for collection in examined.datamap.collections:
        kinds = {identity.kind for _, identity in examined.datamap.identities(collection)}
        if kinds and collection not in examined.policy.erasure:
            yield error(
                "erasure.unstated",
                f"{collection} names subjects by {', '.join(sorted(kinds))}; erasure does not say what becomes of it",
                examined.version.place("erasure"),
                f"state {collection}: delete, or which columns are emptied, or that it is kept and why",
            )


def _without_source(examined: Examined) -> Iterator[Finding]:
    """Personal collections of which a subject who asks could not be told where they come from."""
    policy = examined.policy
    if not {RequestKind.ACCESS, RequestKind.PORTABILITY} & policy.rights.keys():
        return
    stated = {name for source in policy.sources.values() for name in source.collections}
    for name, collection in examined.datamap.collections.items():
        if collection.is_personal and name not in stated:
            yield error(
                "source.unstated",
                f"{name} holds personal data, and nothing says where it comes from",
                examined.version.place("sources"),
                "name it in a source: subject, observed, or others",
            )
