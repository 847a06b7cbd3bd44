"""What the ledger knows of draws and this database does not, since it was restored from a backup.

The ledger comes back from its copy (``lifecycle replay``); the register of draws is that of the backup. Without this a
period would be drawn a second time, and the difference of two draws of the same days tells more than either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy import Engine


def remember(engine: Engine) -> int:
    """Enter what the ledger says of draws and lost periods and the register does not; how many there were.

    Only entries that came since the last time are read. What was drawn and is not known any more is ``forgotten``.

    Args:
        engine: as the engine.
    """
    with engine.begin() as connection:
        return connection.scalar(sa.select(sa.func.lifecycle.release_remember())) or 0
