"""The company's database: what the application writes into it, and all that stands in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg

from simulation.tables import COPIED, FACTS, UUID_COLUMNS, Key, Row, columns_of, image, moment_text
from simulation.world import PARTITIONED

if TYPE_CHECKING:
    from datetime import date

    from simulation.world import Image, Notice

_PARTITIONS = """
    SELECT parent.relname || ' partition', ARRAY[child.relname::text]
    FROM pg_inherits AS link
    JOIN pg_class AS parent ON parent.oid = link.inhparent
    JOIN pg_class AS child ON child.oid = link.inhrelid
    WHERE parent.relname IN ('page_view', 'interaction') AND parent.relkind = 'p'
"""
_NOTICES = """
    SELECT 'notice', key || ARRAY[event_day::text, last_day::text, planned_on::text, noticed_at::text, announced::text]
    FROM lifecycle.notice WHERE cancelled_at IS NULL AND done_at IS NULL
"""

FIRST_OF_DATABASE = 10**12
"""The first key that the database itself gives to a record; what the application and the model give is lower."""


def _everything() -> str:
    """One query for every row of every table, as text, every partition, and every open notice."""
    parts = [
        f"SELECT '{table}', ARRAY[{', '.join(f'{column}::text' for column in columns_of(table))}] FROM {table}"
        for table in FACTS
    ]
    return " UNION ALL ".join([*parts, _PARTITIONS, _NOTICES])


_EVERYTHING = _everything()


class Application:
    """The company's application on one connection; what it writes waits for :meth:`flush`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connect()
        self._waiting: list[tuple[str, list[Any]]] = []
        self._days: set[date] = set()
        """Days whose partitions wait to be made; runs drop partitions, so no others are remembered."""

    def connect(self) -> None:
        """Connect, for the first time or again."""
        self.connection = psycopg.connect(self.url, autocommit=True, options="-c timezone=UTC")

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()

    def add(self, table: str, key: Key, row: Row) -> None:
        """Insert a row."""
        columns = columns_of(table)
        places = ", ".join(["%s"] * len(columns))
        self._waiting.append(
            (f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", list(image(table, key, row)))
        )

    def change(self, table: str, key: Key, to: Row) -> None:
        """Update columns of a row."""
        to = to | {column: to[fact] for column, fact in COPIED.get(table, {}).items() if fact in to}
        setting = ", ".join(f"{column} = %s" for column in to)
        values = [_value(table, column, value) for column, value in to.items()]
        self._waiting.append(
            (f"UPDATE {table} SET {setting} WHERE id = %s", [*values, _value(table, "id", key)])
        )

    def renumber(self, table: str, key: Key, at: dict[str, Any]) -> None:
        """Give a record that an answer has written, known by what stands in it, the key that the model has."""
        same = " AND ".join(f"{column} = %s" for column in at)
        values = [key, FIRST_OF_DATABASE, *(_value(table, column, value) for column, value in at.items())]
        self._waiting.append((f"UPDATE {table} SET id = %s WHERE id >= %s AND {same}", values))

    def create_day(self, day: date) -> None:
        """Make the partitions of a day of telemetry."""
        if day not in self._days:
            self._days.add(day)
            self._waiting.append(("CALL website.create_days(%s, %s)", [day, day]))

    def flush(self) -> None:
        """Commit all that waits."""
        if self._waiting:
            with (
                self.connection.transaction(),
                self.connection.pipeline(),
                self.connection.cursor() as cursor,
            ):
                for statement, values in self._waiting:
                    cursor.execute(statement, values)
            self._waiting.clear()
            self._days.clear()

    def everything(self) -> set[Image]:
        """Every row, partition and open notice there is."""
        return {(name, *columns) for name, columns in self.connection.execute(_EVERYTHING)}


def _value(table: str, column: str, value: Any) -> Any:
    return UUID(int=value) if value is not None and (table, column) in UUID_COLUMNS else value


def partition_images(days: dict[str, set[date]]) -> set[Image]:
    """The partitions that there should be, as :meth:`Application.everything` tells them."""
    return {
        (f"{name} partition", f"{name}_{day:%Y%m%d}")
        for table in PARTITIONED
        for name in [table.split(".")[1]]
        for day in days[table]
    }


def notice_images(notices: dict[Key, Notice]) -> set[Image]:
    """The notices that should be open, as :meth:`Application.everything` tells them."""
    return {
        (
            "notice",
            str(key),
            *(day.isoformat() for day in (one.event_day, one.last_day, one.planned_on)),
            moment_text(one.noticed_at),
            f"{{{','.join(str(days) for days in one.announced)}}}",
        )
        for key, one in notices.items()
    }
