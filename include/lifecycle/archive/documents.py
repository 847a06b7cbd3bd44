"""Which documents are to be written, of a financial year: picked in one state of the tables, and kept for a while.

Documents are written when their month is over: those that never were, and those that changed since they were. What
cannot be written stays in the tables, where the duty keeps it, and is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.archive.layout import OWNER, REVISION
from lifecycle.holds.cover import Cover
from lifecycle.planning.archived import RELIED_ON, archive_record, as_written, document_digest, document_key
from lifecycle.planning.clocks import ClockSql
from lifecycle.store.copying import LITERAL
from lifecycle.store.engine import run_script
from lifecycle.store.relations import climb, refers, relation
from lifecycle.timelimits import financial_year_end, is_over, local_day

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from lifecycle.policy.archives import ResolvedArchive
    from lifecycle.policy.rulebook import Rulebook

ORDINAL, NUMBER, BELONGS_TO = "lifecycle.ordinal", "lifecycle.number", "lifecycle.belongs_to"
CURRENCY = "lifecycle.currency"
"""Columns of the table of what was picked, beside owner, revision and the key by its own names."""
MOST = 1_000_000
"""Documents of one part: what has to be done again where writing it is interrupted."""
_IN_MEMORY = sa.text(
    "SELECT set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')) / 1024, 131072) || 'kB', true)"
)
"""A million documents are sorted, joined and counted up; with less than 128 MB all that goes over files."""


@dataclass(frozen=True, kw_only=True)
class Year:
    """A financial year of an archive, as far as its documents are written by a moment.

    Attributes:
        ends: its last day.
        closed: the last day whose documents are written.
    """

    ends: date
    closed: date

    @property
    def starts(self) -> date:
        """Its first day."""
        return _year_before(self.ends) + timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Documents of a year that cannot be written, by the reason.

    Attributes:
        restricted: nothing but keeping is done with them as long as a restriction lasts.
        unnumbered: they have no number.
        of_one_number: another document has the same number.
    """

    restricted: int = 0
    unnumbered: int = 0
    of_one_number: int = 0

    def to_json(self) -> dict[str, int]:
        """By reason, those that there are."""
        found = {
            "restricted": self.restricted,
            "unnumbered": self.unnumbered,
            "of_one_number": self.of_one_number,
        }
        return {reason: count for reason, count in found.items() if count}


def closed_day(archive: ResolvedArchive, *, as_of: datetime, zone: ZoneInfo) -> date:
    """The last day of the last month that is over, and has been for as long as the policy asks."""
    day = local_day(as_of, zone) - timedelta(days=archive.archive.closed_after)
    return day.replace(day=1) - timedelta(days=1)


class Documents:
    """The documents of an archive, as the tables have them in one transaction.

    Args:
        connection: in a transaction that sees one state of the database.
        rulebook: of the policy in force.
        archive: one of its archives.
        as_of: the moment of the run.

    Attributes:
        has_more: whether there were more than were picked.
    """

    def __init__(
        self, connection: Connection, rulebook: Rulebook, archive: ResolvedArchive, as_of: datetime
    ) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.archive = archive
        self.as_of = as_of
        self.clock = ClockSql(rulebook, archive.clock)
        self.keys = rulebook.key(archive.documents)
        self.has_more = False

    def years(self) -> list[Year]:
        """The financial years of which the tables have documents whose month is over, oldest first.

        One whose documents the law does not ask for any more is none of them.
        """
        closed = closed_day(self.archive, as_of=self.as_of, zone=self.rulebook.policy.zone)
        document = relation(self.rulebook.live, self.archive.documents, "document")
        day = self.clock.event_day(document)
        is_day = sa.func.isfinite(sa.cast(day, sa.Date))
        query = sa.select(sa.func.min(day), sa.func.max(day)).where(is_day, day <= closed)
        first, last = self.connection.execute(query).one()
        year_ends, found = self.archive.clock.anchor.year_ends, []
        while first is not None and first <= last:
            ends = financial_year_end(first, year_ends)
            if not is_over(ends, self.archive.clock.keep, as_of=self.as_of, zone=self.rulebook.policy.zone):
                found.append(Year(ends=ends, closed=min(closed, ends)))
            first = ends + timedelta(days=1)
        return found

    def pick(self, year: Year) -> int:
        """Pick the documents of a year that are to be written, at most :data:`MOST`; how many those are.

        They stand in a temporary table until the transaction ends, each with its place in the order in which they are
        written, owner by owner.
        """
        self.connection.execute(_IN_MEMORY)
        query = self._picking(year)
        text = str(query.compile(dialect=LITERAL, compile_kwargs={"literal_binds": True}))
        run_script(
            self.connection,
            f"CREATE TEMPORARY TABLE picked_document ON COMMIT DROP AS {text};"
            f'CREATE UNIQUE INDEX ON picked_document ("{ORDINAL}"); ANALYZE picked_document',
        )
        count = int(self.connection.scalar(sa.select(sa.func.count()).select_from(self.picked)) or 0)
        self.has_more = count > MOST
        if self.has_more:
            self.connection.execute(sa.delete(self.picked).where(self.picked.c[ORDINAL] >= MOST))
        return min(count, MOST)

    @cached_property
    def picked(self) -> sa.TableClause:
        """The table of the documents that were picked."""
        columns = [ORDINAL, *(name for name, _ in self.keys), OWNER, BELONGS_TO, REVISION, NUMBER, CURRENCY]
        return sa.table("picked_document", *(sa.column(name) for name in columns))

    def with_picked(self, row: FromClause, collection: str) -> FromClause:
        """Rows of a collection of the archive, each with the line of its document in that table."""
        live, path, picked = self.rulebook.live, self.archive.paths[collection], self.picked
        names_key = bool(path) and set(path[-1].target_columns) <= {name for name, _ in self.keys}
        joined, end = climb(live, row, path[:-1] if names_key else path, "up")
        if names_key:  # then the documents' own table need not be read
            return joined.join(picked, refers(path[-1], live, end, picked))
        return joined.join(picked, sa.and_(*(end.c[name] == picked.c[name] for name, _ in self.keys)))

    def first_digests(self, count: int) -> list[bytes]:
        """What PostgreSQL says of the first that were picked (:func:`lifecycle.planning.archived.document_digest`)."""
        document = relation(self.rulebook.live, self.archive.documents, "document")
        query = (
            sa.select(document_digest(self.rulebook, self.archive, document))
            .select_from(self.with_picked(document, self.archive.documents))
            .where(self.picked.c[ORDINAL] < count)
            .order_by(self.picked.c[ORDINAL])
        )
        return [bytes(digest) for digest in self.connection.scalars(query)]

    def left_out(self, year: Year) -> LeftOut:
        """What of a year cannot be written."""
        document = relation(self.rulebook.live, self.archive.documents, "document")
        reasons = {
            "restricted": self._is_restricted(document),
            "unnumbered": document.c[self.archive.archive.number].is_(None),
            "of_one_number": self._shares_its_number(document),
        }
        counts = [sa.func.count().filter(reason).label(name) for name, reason in reasons.items()]
        query = sa.select(*counts).select_from(document).where(self._is_of(document, year))
        return LeftOut(**self.connection.execute(query).mappings().one())

    def _picking(self, year: Year) -> Select[Any]:
        document = relation(self.rulebook.live, self.archive.documents, "document")
        newest = archive_record.alias("written")
        key = document_key(self.rulebook, self.archive, document)
        digest = document_digest(self.rulebook, self.archive, document)
        own = document.c[self.archive.archive.owner]
        nobody = sa.func.concat(
            "document ",
            sa.func.concat_ws(",", *(sa.cast(document.c[name], sa.Text) for name, _ in self.keys)),
        )
        belongs_to = sa.func.coalesce(sa.cast(own, sa.Text), nobody)
        owner = sa.func.coalesce(newest.c.owner, belongs_to).collate("C")
        keys = [document.c[name] for name, _ in self.keys]
        chosen = (
            sa.select(
                *keys,
                owner.label(OWNER),
                belongs_to.label(BELONGS_TO),
                sa.func.coalesce(newest.c.revision + 1, 0).label(REVISION),
                sa.cast(document.c[self.archive.archive.number], sa.Text).label(NUMBER),
                as_written(document.c[self.archive.archive.currency]).label(CURRENCY),
            )
            .select_from(
                document.outerjoin(
                    newest,
                    sa.and_(newest.c.archive == self.archive.name, newest.c.key == key, newest.c.is_newest),
                )
            )
            .where(
                self._is_of(document, year),
                sa.not_(self._is_restricted(document)),
                document.c[self.archive.archive.number].is_not(None),
                sa.not_(self._shares_its_number(document)),
                sa.or_(
                    newest.c.revision.is_(None),
                    newest.c.digest != digest,
                    newest.c.part_id.not_in(RELIED_ON),
                ),
            )
            .order_by(owner, *keys)
            .limit(MOST + 1)
            .subquery("chosen")
        )
        in_order = [chosen.c[OWNER], *(chosen.c[name] for name, _ in self.keys)]
        ordinal = sa.cast(sa.func.row_number().over(order_by=in_order) - 1, sa.Integer)
        return sa.select(ordinal.label(ORDINAL), *chosen.c)

    def _is_of(self, document: FromClause, year: Year) -> ColumnElement[bool]:
        day = self.clock.event_day(document)
        return sa.and_(day >= sa.literal(year.starts, sa.Date), day <= sa.literal(year.closed, sa.Date))

    def _is_restricted(self, document: FromClause) -> ColumnElement[bool]:
        cover = Cover(self.connection, self.rulebook, self.as_of)
        return cover.covers(self.archive.documents, document, kind="restriction")

    def _shares_its_number(self, document: FromClause) -> ColumnElement[bool]:
        """Another document has a document's number, in the tables or in the archive; never where it is unique."""
        column, key = self.archive.archive.number, document_key(self.rulebook, self.archive, document)
        other = archive_record.alias("other_record")
        shared: list[ColumnElement[bool]] = [
            sa.exists(
                sa.select(sa.literal(1))
                .select_from(other)
                .where(
                    other.c.archive == self.archive.name,
                    other.c.number == sa.cast(document.c[column], sa.Text),
                    other.c.key != key,
                )
                .correlate(document)
            )
        ]
        if (column,) not in self.rulebook.live[self.archive.documents].unique_keys:
            twin = relation(self.rulebook.live, self.archive.documents, "twin")
            twins = sa.select(twin.c[column]).group_by(twin.c[column]).having(sa.func.count() > 1)
            shared.append(document.c[column].in_(twins))
        return sa.or_(*shared)


def _year_before(ends: date) -> date:
    """The end of the financial year before one; a last day of February stays one."""
    first_of_month = date(ends.year - 1, ends.month, 1)
    is_last_of_february = ends.month == 2 and (ends + timedelta(days=1)).day == 1  # noqa: PLR2004 - February
    return financial_year_end(first_of_month, "02-29" if is_last_of_february else f"{ends:%m-%d}")
