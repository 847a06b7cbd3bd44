"""Names of columns as a statement has them."""

from __future__ import annotations

import re


def named(column: str) -> str:
    """The name of a column, in quotes where PostgreSQL would read it as another."""
    return column if re.fullmatch("[a-z_][a-z0-9_]*", column) else '"{}"'.format(column.replace('"', '""'))
