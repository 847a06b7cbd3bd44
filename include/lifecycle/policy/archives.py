"""An archive resolved against data map and live schema: which columns of which rows make up a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from lifecycle.datamap.texts import TEXTS
from lifecycle.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lifecycle.datamap.live import LiveColumn, LiveSchema
    from lifecycle.datamap.model import CollectionName, DataMap
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.form import ColumnName
    from lifecycle.policy.model import Archive
    from lifecycle.policy.rulebook import Clock, Path, ResolvedStatutory

    Place = Callable[..., str]

WHOLE_NUMBERS = frozenset({"smallint", "integer", "bigint"})
MOMENTS = frozenset({"timestamp with time zone", "timestamp without time zone"})
READABLE = WHOLE_NUMBERS | TEXTS | MOMENTS | {"numeric", "date", "boolean", "uuid"}
"""Types of which values can stand in columns of their own, outside the owner's seal."""
MOST_DIGITS = 38
"""The most that a decimal of 128 bits holds."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Columns of a row that documents refer to, written with each of them.

    Attributes:
        edge: by which they refer to it.
    """

    edge: Edge
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ResolvedArchive:
    """An archive whose collections and columns are known to exist.

    Attributes:
        duty: what it fulfils.
        paths: the collections of a document's rows, its own first, with the way from each up to the document.
        columns: by collection, what is written of its rows, the key first.
        readable: by collection, those of them that are outside the owner's seal, the key first.
        beside: what of other rows is written with a document.
    """

    name: str
    archive: Archive
    duty: ResolvedStatutory
    paths: Mapping[CollectionName, Path]
    columns: Mapping[CollectionName, tuple[str, ...]]
    readable: Mapping[CollectionName, tuple[str, ...]]
    beside: tuple[Beside, ...]

    @property
    def documents(self) -> CollectionName:
        """The collection of which each row is a document."""
        return self.archive.documents

    @property
    def children(self) -> tuple[CollectionName, ...]:
        """The collections whose rows belong to documents."""
        return tuple(name for name in self.paths if name != self.documents)

    @property
    def clock(self) -> Clock:
        """When a document must be destroyed; its anchor is the end of the financial year."""
        return self.duty.clocks[self.documents]

    @property
    def issued(self) -> str:
        """The documents' column of the day that places them in a financial year."""
        return self.clock.anchor.financial_year_end_of or ""

    def sealed(self, collection: CollectionName) -> tuple[str, ...]:
        """What is written of a collection's rows inside the owner's seal."""
        readable = self.readable[collection]
        return tuple(column for column in self.columns[collection] if column not in readable)


class ArchiveResolver:
    """Resolves one archive.

    Args:
        place: where a part of the policy stands, by its keys.
        primary_key: of a collection.
    """

    def __init__(
        self,
        name: str,
        archive: Archive,
        *,
        datamap: DataMap,
        live: LiveSchema,
        edges: Iterable[Edge],
        place: Place,
        primary_key: Callable[[CollectionName], tuple[str, ...]],
    ) -> None:
        self.name = name
        self.archive = archive
        self.datamap = datamap
        self.live = live
        self.edges = tuple(edges)
        self.place = place
        self.primary_key = primary_key

    def resolved(self, duty: ResolvedStatutory | None) -> ResolvedArchive:
        """The archive.

        Raises:
            PolicyError: it names what does not exist, or what cannot be written as it says.
        """
        stated = self._require_duty(duty)
        paths = self._paths(stated)
        columns = {name: self._columns(stated, name) for name in paths}
        for column in (self.archive.number, self.archive.currency, self._issued(stated)):
            self._require_written(self.archive.documents, column, columns)
        self._require_live(self.archive.documents, self.archive.owner, "owner")
        return ResolvedArchive(
            name=self.name,
            archive=self.archive,
            duty=stated,
            paths=paths,
            columns=columns,
            readable={name: self._readable(stated, name, columns) for name in paths},
            beside=tuple(self._beside(name, names) for name, names in self.archive.also.items()),
        )

    def _require_duty(self, duty: ResolvedStatutory | None) -> ResolvedStatutory:
        """The duty, if it counts from the financial year of the documents.

        Documents of a year are destroyed together, and a year that is over gets no more of them.
        """
        documents = self.archive.documents
        if duty is None:
            self._fail(("duty",), f"there is no duty {self.archive.duty}", "name one of statutory")
        clock = duty.clocks.get(documents)
        if clock is None:
            self._fail(
                ("documents",),
                f"{duty.name} does not apply to {documents}",
                "name a collection that the duty applies to",
            )
        if clock.anchor.on != documents or not clock.anchor.financial_year_end_of:
            self._fail(
                ("duty",),
                f"{duty.name} does not count from the financial year of {documents}",
                "archive documents whose duty starts with financial_year_end_of a column of theirs",
            )
        return duty

    def _issued(self, duty: ResolvedStatutory) -> str:
        return duty.clocks[self.archive.documents].anchor.financial_year_end_of or ""

    def _paths(self, duty: ResolvedStatutory) -> dict[CollectionName, Path]:
        """Documents first, then the collections whose rows belong to one document each."""
        documents = self.archive.documents
        found: dict[CollectionName, Path] = {documents: ()}
        for name, clock in duty.clocks.items():
            if clock.path:
                if not all(edge.is_to_key for edge in clock.path):
                    self._fail(
                        ("documents",),
                        f"a row of {name} may belong to several of {documents}",
                        "let it refer to their key",
                    )
                found[name] = clock.path
        return found

    def _columns(self, duty: ResolvedStatutory, collection: CollectionName) -> tuple[str, ...]:
        """What is written of a row: its key, the way to its document, and what the duty needs."""
        described = self.datamap.collections[collection].columns
        needed = duty.statutory.columns.get(collection, tuple(described))
        path = duty.clocks[collection].path
        leading = path[0].columns if path else ()
        return tuple(dict.fromkeys((*self.primary_key(collection), *leading, *needed)))

    def _readable(
        self,
        duty: ResolvedStatutory,
        collection: CollectionName,
        columns: Mapping[CollectionName, tuple[str, ...]],
    ) -> tuple[str, ...]:
        """Key, money, and what else may stand in columns of its own."""
        stated = self.archive.totals.get(collection, ())
        for column in stated:
            self._require_money(collection, column)
        own: tuple[str, ...] = ()
        if collection == self.archive.documents:
            own = (self.archive.number, self._issued(duty), self.archive.currency)
        path = duty.clocks[collection].path
        leading = path[0].columns if path else ()
        further = self.archive.readable.get(collection, ())
        names = tuple(dict.fromkeys((*self.primary_key(collection), *leading, *own, *stated, *further)))
        for column in names:
            self._require_written(collection, column, columns)
            self._require_readable(collection, column)
        return names

    def _beside(self, name: ColumnName, columns: tuple[str, ...]) -> Beside:
        found = [edge for edge in self.edges if edge.name == name and edge.holder == self.archive.documents]
        if not found:
            self._fail(
                ("also", name),
                f"{name} is no reference of {self.archive.documents}",
                "name a column of theirs that refers to a row",
            )
        for column in columns:
            self._require_live(found[0].target, column, "also", name)
        return Beside(edge=found[0], columns=columns)

    def _require_written(
        self, collection: CollectionName, column: str, columns: Mapping[CollectionName, tuple[str, ...]]
    ) -> None:
        if column not in columns[collection]:
            self._fail(
                (),
                f"{self.archive.duty} does not need {column} of {collection}",
                f"list it under the columns of {self.archive.duty}, or leave it out here",
            )
        self._require_live(collection, column)

    def _require_live(self, collection: CollectionName, column: str, *keys: str) -> LiveColumn:
        table = self.live.get(collection)
        if table is None or column not in table.columns:
            self._fail(keys, f"{collection} has no column {column}", "correct the name")
        return table.columns[column]

    def _require_readable(self, collection: CollectionName, column: str) -> None:
        live = self._require_live(collection, column)
        if live.base_type not in READABLE:
            self._fail(
                ("readable",),
                f"{collection}.{column} is {live.type}, which has no column of its own in the archive",
                "leave it out of readable",
            )
        if live.base_type == "numeric":
            self._require_decimals(collection, column, live)

    def _require_money(self, collection: CollectionName, column: str) -> None:
        live = self._require_live(collection, column, "totals", collection)
        if live.base_type not in {"numeric", *WHOLE_NUMBERS}:
            self._fail(
                ("totals", collection),
                f"{collection}.{column} is {live.type}, which does not add up to the cent",
                "name columns of numeric(digits, decimals), or of whole numbers",
            )

    def _require_decimals(self, collection: CollectionName, column: str, live: LiveColumn) -> None:
        decimals = live.decimals
        if decimals is None or decimals[0] > MOST_DIGITS or not 0 <= decimals[1] <= decimals[0]:
            self._fail(
                (),
                f"{collection}.{column} is numeric without saying how many digits it has",
                f"declare it as numeric(digits, decimals), of at most {MOST_DIGITS} digits",
            )

    def _fail(self, keys: Iterable[str], message: str, next_step: str) -> NoReturn:
        raise PolicyError(message, place=self.place("archives", self.name, *keys), next_step=next_step)
