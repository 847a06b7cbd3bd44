"""Documents put back into tables: that an archive can be restored is known only of what was.

An object's documents are restored into temporary tables, typed as the company's were, and PostgreSQL itself computes of
them what was written down of each: the digest of the document, and the totals of money.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import array, insert

from lifecycle.archive import totals
from lifecycle.archive.documents import ORDINAL
from lifecycle.archive.envelope import YearKeys
from lifecycle.archive.fetching import opened
from lifecycle.archive.layout import OWNER, REVISION, Layout
from lifecycle.archive.objects import reading_object, unlike_what_was_written
from lifecycle.archive.tables import archive_part
from lifecycle.archive.totals import ROWS, Totals
from lifecycle.planning.archived import archive_record, as_written, digest_of_row, digest_of_rows, key_text
from lifecycle.store.relations import NamedType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, FromClause

    from lifecycle.archive.layout import Columns
    from lifecycle.archive.objects import Written
    from lifecycle.archive.parts import Part
    from lifecycle.archive.storage import Location
    from lifecycle.policy.archives import ResolvedArchive
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.runs.company import Company


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What came of restoring an object.

    Attributes:
        documents: how many were restored.
        unlike: of how many PostgreSQL computes another digest than when they were written; None where the policy has
            other columns now, so that nothing can be said.
        totals_differ: whether money or numbers of rows add up otherwise.
    """

    documents: int
    unlike: int | None
    totals_differ: bool

    def problems(self) -> list[str]:
        """What is wrong, in words."""
        found = [f"{self.unlike} documents restored are others than were written"] if self.unlike else []
        return [*found, *(["restored, it does not add up"] if self.totals_differ else [])]


def restore(company: Company, part: Part, number: int, place: Location, rulebook: Rulebook) -> Restored:
    """Restore the documents of an object that the index names, and compare them with what was written.

    Args:
        company: opened.
        part: of the register.
        number: of the object within it.
        place: where it is read.
        rulebook: of the policy in force.

    Raises:
        CheckFailed: it cannot be read.
        StorageError: the location cannot be read.
    """
    scratch: _Scratch | None = None
    with company.engine.begin() as connection:
        for scratch in _put_back(company, connection, part, number, place, rulebook):
            scratch.compare()
    return scratch.restored() if scratch else Restored(documents=0, unlike=0, totals_differ=False)


def restate(company: Company, part: Part, number: int, place: Location, rulebook: Rulebook) -> None:
    """Let the index have the digests of the documents of an object as they stand in it.

    They were written anew with fewer columns: what the tables have of them is compared with these from now on.

    Raises:
        CheckFailed: it cannot be read.
        StorageError: the location cannot be read.
    """
    with company.engine.begin() as connection:
        for scratch in _put_back(company, connection, part, number, place, rulebook):
            scratch.restate()


def enter_documents(
    company: Company, connection: Connection, part: Part, number: int, place: Location, rulebook: Rulebook
) -> None:
    """Enter the documents of an object in the index, those of owners whose key is there.

    Where the index has one of them in a part of a later generation it stays as it is.

    Args:
        company: opened.
        connection: in the caller's transaction.
        part: of the register.
        number: of the object within it.
        place: where it is read.
        rulebook: of the policy in force.

    Raises:
        CheckFailed: it cannot be read.
        StorageError: the location cannot be read.
    """
    manifest = part.read_manifest()
    keys = YearKeys.of_part(company.keys, manifest)
    scratch: _Scratch | None = None
    for group, table, layout in _groups(place, manifest.objects[number], keys):
        owners = table[OWNER].to_pylist()
        known = keys.owner_keys(connection, list(dict.fromkeys(owners)))
        rows = [row for row, owner in enumerate(owners) if owner in known]
        scratch = scratch or _Scratch(connection, rulebook, part, layout)
        scratch.put_back(table.take(pa.array(rows, pa.int64())), keys)
        scratch.enter(number, group, rows, [owners[row] for row in rows])
    if scratch:
        scratch.drop()


def _put_back(
    company: Company,
    connection: Connection,
    part: Part,
    number: int,
    place: Location,
    rulebook: Rulebook,
) -> Iterator[_Scratch]:
    """The documents of an object that the index names, group by group."""
    manifest = part.read_manifest()
    keys = YearKeys.of_part(company.keys, manifest)
    places = _places(connection, part, number)
    scratch: _Scratch | None = None
    for group, table, layout in _groups(place, manifest.objects[number], keys):
        scratch = scratch or _Scratch(connection, rulebook, part, layout)
        with unlike_what_was_written(manifest.objects[number].name):
            chosen = table.take(pa.array(places.get(group, ()), pa.int64()))
        scratch.put_back(chosen, keys)
        yield scratch


def _places(connection: Connection, part: Part, number: int) -> dict[int, list[int]]:
    """By group, the rows of an object that the index names."""
    record = archive_record
    query = (
        sa.select(record.c.row_group, record.c.place)
        .where(record.c.part_id == part.part_id, record.c.object == number)
        .order_by(record.c.row_group, record.c.place)
    )
    rows = connection.execute(query)
    return {
        group: [row.place for row in some] for group, some in groupby(rows, key=lambda row: row.row_group)
    }


def _groups(place: Location, written: Written, keys: YearKeys) -> Iterator[tuple[int, pa.Table, Layout]]:
    key = keys.object_key(written.name, written.key)
    with place.opened(written.name) as file, reading_object(file, written.name, key) as parquet:
        layout = Layout.from_schema(parquet.schema_arrow)
        for group in range(parquet.num_row_groups):
            yield group, parquet.read_row_group(group), layout


class _Scratch:
    """Temporary tables that documents of one layout are put back into, some hundred at a time."""

    def __init__(self, connection: Connection, rulebook: Rulebook, part: Part, layout: Layout) -> None:
        self.connection = connection
        self.rulebook = rulebook
        self.part = part
        self.layout = layout
        self.archive = _same_columns(rulebook, layout)
        self.tables = {one.collection: _table(number, one) for number, one in enumerate(layout.parts)}
        for table in self.tables.values():
            table.create(connection)
        self.documents = self.unlike = 0
        self.there, self.wanted = Totals(), Totals()

    def put_back(self, documents: pa.Table, keys: YearKeys) -> None:
        """Put documents back in the place of those before."""
        for table in self.tables.values():
            self.connection.execute(sa.delete(table))
        found = opened(self.connection, keys, documents, self.layout)
        revisions = documents[REVISION].to_pylist()
        own = self.layout.documents.collection
        self._insert(own, [(n, {**values, REVISION: revisions[n]}) for n, (values, _) in enumerate(found)])
        for part in self.layout.children:
            rows = [(n, row) for n, (_, children) in enumerate(found) for row in children[part.collection]]
            self._insert(part.collection, rows)
        self.documents += len(found)
        self.wanted += totals.of_objects(documents, self.layout)

    def compare(self) -> None:
        """Add up what PostgreSQL makes of them, and count those that are not what was written."""
        self._add_up()
        if self.archive:
            digests, record = self._digests(), archive_record
            query = (
                sa.select(sa.func.count())
                .select_from(digests.outerjoin(record, self._is_of(digests)))
                .where(record.c.digest.is_distinct_from(digests.c.digest))
            )
            self.unlike += int(self.connection.scalar(query) or 0)

    def restate(self) -> None:
        """Let the index have their digests, where the policy has the columns that they have."""
        if self.archive:
            digests = self._digests()
            changed = sa.update(archive_record).values(digest=digests.c.digest).where(self._is_of(digests))
            self.connection.execute(changed)

    def enter(self, number: int, group: int, rows: Sequence[int], owners: Sequence[str]) -> None:
        """Enter them in the index.

        Args:
            number: of their object.
            group: of rows in it.
            rows: where each stands in that.
            owners: whose key seals each.
        """
        digests = self._digests()
        places = sa.literal(list(rows), sa.ARRAY(sa.Integer))
        given = (
            sa.func.unnest(places, sa.literal(list(owners), sa.ARRAY(sa.Text)))
            .table_valued(
                sa.column("place", sa.Integer),
                sa.column("owner", sa.Text),
                with_ordinality="nth",
                name="given",
            )
            .render_derived()
        )
        lines = sa.select(
            sa.literal(self.part.archive, sa.Text),
            digests.c["key"],
            digests.c.revision,
            sa.true(),
            digests.c.number,
            given.c.owner,
            sa.func.coalesce(digests.c.belongs_to, given.c.owner),
            digests.c.digest,
            sa.literal(self.part.part_id, sa.Integer),
            sa.literal(number, sa.SmallInteger),
            sa.literal(group, sa.SmallInteger),
            given.c.place,
        ).select_from(digests.join(given, given.c.nth == digests.c[ORDINAL] + 1))
        names = [column.name for column in archive_record.c]
        self.connection.execute(self._leaving(digests))
        self.connection.execute(insert(archive_record).from_select(names, lines).on_conflict_do_nothing())

    def _leaving(self, digests: FromClause) -> sa.Delete:
        """Take lines of the same documents out that stand in parts of earlier generations."""
        record, part = archive_record, archive_part
        earlier = sa.select(part.c.part_id).where(
            part.c.archive == self.part.archive,
            part.c.year_end == self.part.year_end,
            part.c.generation < self.part.generation,
        )
        return sa.delete(record).where(
            record.c.archive == self.part.archive,
            record.c.part_id.in_(earlier),
            record.c["key"] == digests.c["key"],
            record.c.revision == digests.c.revision,
        )

    def drop(self) -> None:
        """Drop the tables, for the next object within the transaction."""
        for table in self.tables.values():
            table.drop(self.connection)

    def restored(self) -> Restored:
        """All together."""
        return Restored(
            documents=self.documents,
            unlike=self.unlike if self.archive else None,
            totals_differ=self.there != self.wanted,
        )

    def _insert(self, collection: str, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        """Insert rows as text, which PostgreSQL reads as the types of their columns."""
        table = self.tables[collection]
        values = {
            column.name: [number if column.name == ORDINAL else row[column.name] for number, row in rows]
            for column in table.columns
        }
        texts = [[None if one is None else str(one) for one in column] for column in values.values()]
        names = [sa.column(f"value_{number}", sa.Text) for number, _ in enumerate(texts)]
        arrays = [sa.cast(sa.literal(column, sa.ARRAY(sa.Text)), sa.ARRAY(sa.Text)) for column in texts]
        given = sa.func.unnest(*arrays).table_valued(*names, name="given").render_derived()
        typed = [
            sa.cast(given.c[name.name], column.type)
            for name, column in zip(names, table.columns, strict=True)
        ]
        self.connection.execute(sa.insert(table).from_select(list(values), sa.select(*typed)))

    def _add_up(self) -> None:
        own = self.tables[self.layout.documents.collection]
        for collection, columns in self.layout.totals.items():
            table = self.tables[collection]
            joined = own if table is own else table.join(own, table.c[ORDINAL] == own.c[ORDINAL])
            currency = as_written(own.c[self.layout.currency])
            sums = (sa.func.sum(table.c[name]) for name in columns)
            query = sa.select(currency, sa.func.count(), *sums).select_from(joined).group_by(currency)
            for found, *amounts in self.connection.execute(query):
                for column, amount in zip((ROWS, *columns), amounts, strict=True):
                    self.there.add(found, collection, column, amount)

    def _is_of(self, digests: FromClause) -> ColumnElement[bool]:
        """A line of the index is that of a document."""
        record = archive_record
        return sa.and_(
            record.c.part_id == self.part.part_id,
            record.c["key"] == digests.c["key"],
            record.c.revision == digests.c.revision,
        )

    def _digests(self) -> FromClause:
        """What the index says of each document; an empty digest where the policy has other columns now."""
        own = self.tables[self.layout.documents.collection]
        keys: Any = array([sa.cast(own.c[name], sa.Text) for name in self.layout.key])
        return sa.select(
            own.c[ORDINAL],
            key_text(keys).label("key"),
            own.c[REVISION].label("revision"),
            sa.cast(own.c[self.layout.number], sa.Text).label("number"),
            self._belongs_to(own).label("belongs_to"),
            (self._digest(own, self.archive) if self.archive else sa.literal(b"")).label("digest"),
        ).subquery("digests")

    def _digest(self, own: FromClause, archive: ResolvedArchive) -> ColumnElement[Any]:
        digest = digest_of_row(own, archive.columns[archive.documents])
        for collection in archive.children:
            child = self.tables[collection]
            is_its = child.c[ORDINAL] == own.c[ORDINAL]
            key, columns = self.rulebook.key(collection), archive.columns[collection]
            digest = digest.op("||")(digest_of_rows(child, key, columns, child, is_its, own))
        return digest

    def _belongs_to(self, own: FromClause) -> ColumnElement[Any]:
        """Whose a document is, as far as its own row says."""
        column = self.archive.archive.owner if self.archive else ""
        return sa.cast(own.c[column], sa.Text) if column in own.c else sa.null()


def _table(number: int, columns: Columns) -> sa.Table:
    named = [sa.Column(name, NamedType(kind)) for name, kind in (*columns.readable, *columns.sealed)]
    revision = [sa.Column(REVISION, sa.SmallInteger)] if number == 0 else []
    return sa.Table(
        f"restored_{number}",
        sa.MetaData(),
        sa.Column(ORDINAL, sa.Integer),
        *revision,
        *named,
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DROP",
    )


def _same_columns(rulebook: Rulebook, layout: Layout) -> ResolvedArchive | None:
    """The archive of the policy, where it has the columns that the documents were written with."""
    archive = rulebook.archives.get(layout.archive)
    if archive is None:
        return None
    then = {one.collection: _types(one) for one in layout.parts}
    now = {
        collection: {(name, rulebook.live[collection].columns[name].type) for name in columns}
        for collection, columns in archive.columns.items()
    }
    return archive if then == now else None


def _types(columns: Columns) -> set[tuple[str, str]]:
    return {*columns.readable, *columns.sealed}


def sample(parts: Iterable[Part], turn: int) -> tuple[Part, int] | None:
    """The object whose turn it is: each of an archive's in its turn."""
    objects = [(part, number) for part in parts for number, _ in enumerate(part.read_manifest().objects)]
    return objects[turn % len(objects)] if objects else None
