"""What a release says of itself: for whoever reads its numbers, as JSON beside each period of each table."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from lifecycle.analytics.bounding import CONTRIBUTORS, most
from lifecycle.analytics.released import column_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lifecycle.analytics.noise import Drawn, Mechanism, TablePlan
    from lifecycle.analytics.released import Shape
    from lifecycle.analytics.spans import Span
    from lifecycle.policy.release_form import Release
    from lifecycle.policy.releases import ResolvedRelease

AT_DELTA = 1e-6
"""For which the budget is also said as epsilon."""
_WITHIN_95 = 1.96


def specification(release: Release) -> str:
    """SHA-256 of all that the policy says of a release: two periods of one digest were made alike."""
    return hashlib.sha256(_bytes(release.model_dump(mode="json"))).hexdigest()


def content_digest(rows: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 of rows in their order, however they are kept."""
    return hashlib.sha256(
        _bytes([{name: _plain(value) for name, value in row.items()} for row in rows])
    ).hexdigest()


def epsilon(rho: float, delta: float = AT_DELTA) -> float:
    """The epsilon of differential privacy that ``rho`` comes to, with a probability of ``delta`` that it does not hold.

    Bun and Steinke 2016, proposition 1.3.
    """
    return rho + 2 * math.sqrt(rho * math.log(1 / delta))


def describe(
    resolved: ResolvedRelease,
    feed: str,
    table: str,
    shape: Shape,
    span: Span,
    *,
    plan: TablePlan,
    drawn: Drawn,
    epoch: str,
) -> dict[str, Any]:
    """Everything that a reader needs to know of one period of one table; none of it is exact."""
    release = resolved.release
    stated = release.feeds[feed]
    rho = float(stated.rho)
    return {
        "table": shape.name,
        "about": shape.about,
        "release": resolved.name,
        "feed": feed,
        "first_day": span.first.isoformat(),
        "last_day": span.last.isoformat(),
        "protects": f"{_contributor(resolved)} in one {release.every.value}",
        "columns": list(shape.columns),
        "dimensions": dict(shape.dimensions),
        "numbers": _numbers(release, table, shape, plan),
        "cells_of_one_contributor": release.tables[table].cells,
        "gates": stated.gates.model_dump(mode="json"),
        "missing_share": None if drawn.missing is None else round(drawn.missing, 3),
        "budget": {
            "rho": round(plan.rho, 6),
            "rho_of_all_tables": rho,
            "delta": float(stated.delta),
            "epsilon_of_all_tables": round(epsilon(rho), 3),
            "epsilon_holds_but_for": AT_DELTA + float(stated.delta),
        },
        "made_by": {"specification": specification(release), "key_epoch": epoch},
        "notes": [
            "A cell that is not there has fewer contributors than least_shown, noise included, or none.",
            "A number that is empty is smaller than its least_shown, or mostly one contributor's.",
            "Released once: late events are not added, and an erasure changes nothing.",
        ],
    }


def _contributor(resolved: ResolvedRelease) -> str:
    """Whoever the policy's column tells apart: a cookie, not the person behind two of them."""
    located = resolved.organisation or resolved.subject
    whole = ", with all of its persons," if resolved.organisation else ""
    return f"one {located.column} of {located.collection}{whole}"


def _numbers(release: Release, table: str, shape: Shape, plan: TablePlan) -> dict[str, Any]:
    mechanisms: dict[str, Mechanism] = {CONTRIBUTORS: plan.count, **plan.numbers}
    return {
        column_of(release, name): {
            "meaning": shape.numbers[column_of(release, name)],
            "of_one_contributor_at_most": most(release, release.tables[table], name),
            "sigma": round(one.sigma, 3),
            "error_95": round(_WITHIN_95 * one.sigma, 1),
            "least_shown": one.least,
        }
        for name, one in mechanisms.items()
    }


def _bytes(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | str) else str(value)
