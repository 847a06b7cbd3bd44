"""Finds somebody by letters and digits alone, wherever they stand in a row: not by columns, not by kinds."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from simulation.people import Identity
    from simulation.tables import Name, Row

WRITTEN = frozenset({"body", "transcript", "detail"})
"""Columns in which people write what they like."""


def speaks_of(row: Row, identities: Iterable[Identity], *, but: Collection[str] = ()) -> bool:
    """Whether letters or digits of somebody stand anywhere in a row."""
    letters, digits = _said(
        tuple(
            value
            for column, value in row.items()
            if isinstance(value, str) and column != "gross" and column not in but
        )
    )
    for kind, value in identities:
        if kind == "email" and re.search(rf"(?<![\w.]){re.escape(str(value))}", letters):
            return True
        if kind == "phone_number" and any(str(value)[-8:] in one for one in digits):
            return True
    return False


def is_about(name: Name, row: Row, identities: Iterable[Identity]) -> bool:
    """Whether a row says that it is about somebody: it has the browser, or the letters where nobody writes freely."""
    identities = list(identities)
    browsers = {value for kind, value in identities if kind == "visitor_id"}
    if row.get("visitor_id") in browsers or (name[0] == "website.visitor" and name[1] in browsers):
        return True
    return speaks_of(row, identities, but=WRITTEN)


@lru_cache(maxsize=20_000)
def _said(values: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    letters = " ".join(values).lower().replace("%40", "@")
    digits = (re.sub(r"[^\d;]", "", re.sub(r"[^\d\s()+-]+", ";", one)) for one in values)
    return letters, tuple(digits)
