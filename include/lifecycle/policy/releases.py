"""A release resolved against data map and live schema: which columns of which rows are counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from lifecycle.datamap.texts import TEXTS
from lifecycle.errors import PolicyError
from lifecycle.policy.archives import MOMENTS, WHOLE_NUMBERS
from lifecycle.policy.model import Basis
from lifecycle.policy.release_form import Every

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from lifecycle.datamap.live import LiveColumn, LiveSchema
    from lifecycle.datamap.model import CollectionName, DataMap
    from lifecycle.policy.edges import Edge
    from lifecycle.policy.model import Policy
    from lifecycle.policy.release_form import Dimension, Release
    from lifecycle.policy.rulebook import Path

    Place = Callable[..., str]
    Ways = Callable[[CollectionName, CollectionName], list[Path]]

DAYS = {Every.DAY: 1, Every.WEEK: 7}
"""How long a period is."""
NAMING = (
    "user.account",
    "user.authorizing",
    "user.biometric",
    "user.contact",
    "user.content",
    "user.device.cookie_id",
    "user.device.device_id",
    "user.device.ip_address",
    "user.financial",
    "user.genetic",
    "user.government_id",
    "user.location.precise",
    "user.name",
    "user.unique_id",
)
"""Categories of the Fides taxonomy that are about one person alone: nothing is divided by them."""
SENSITIVE = (
    "user.biometric",
    "user.criminal_history",
    "user.demographic.political_opinion",
    "user.demographic.race_ethnicity",
    "user.demographic.religious_belief",
    "user.demographic.sexual_orientation",
    "user.genetic",
    "user.health_and_medical",
    "user.children",
)
"""Categories that the law protects more than others (GDPR Art. 9 and 10): nothing is counted by them at all."""


@dataclass(frozen=True, kw_only=True)
class Located:
    """A column, of the events themselves or of a row that each of them belongs to.

    Attributes:
        path: from the events up to its collection; empty where it is their own.
        kind: its type as PostgreSQL compares it.
    """

    path: Path
    collection: CollectionName
    column: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Where a subject may have refused the purpose: the latest row that belongs to its row counts.

    Attributes:
        column: of ``edge.holder``; refused where it holds ``value``.
        at: its column that says which row is the latest.
        edge: by which it belongs to a row that events belong to.
        path: from the events up to that row.
    """

    column: str
    value: object
    at: str
    edge: Edge
    path: Path


@dataclass(frozen=True, kw_only=True)
class ResolvedRelease:
    """A release whose collections and columns are known to exist.

    Attributes:
        columns: by dimension and, for ``otherwise`` columns, by ``<dimension>.otherwise``; by measure too.
        refusal: None where the purpose has no ``opt_out``.
    """

    name: str
    release: Release
    at: Located
    subject: Located
    organisation: Located | None
    columns: Mapping[str, Located]
    refusal: Refusal | None

    @property
    def days(self) -> int:
        """How many days a period has."""
        return DAYS[self.release.every]

    @property
    def protected(self) -> str:
        """Whom no number tells apart: ``subject`` or ``organisation``."""
        return "organisation" if self.organisation else "subject"


class ReleaseResolver:
    """Resolves one release.

    Args:
        place: where a part of the policy stands, by its keys.
        ways: the shortest ways from one collection up to another.
    """

    def __init__(
        self,
        name: str,
        release: Release,
        *,
        policy: Policy,
        datamap: DataMap,
        live: LiveSchema,
        edges: Collection[Edge],
        place: Place,
        ways: Ways,
    ) -> None:
        self.name = name
        self.release = release
        self.policy = policy
        self.datamap = datamap
        self.live = live
        self.edges = edges
        self.place = place
        self.ways = ways

    def resolved(self) -> ResolvedRelease:
        """The release.

        Raises:
            PolicyError: it names what does not exist, what leads nowhere, or what may not be counted.
        """
        events = self.release.events
        if events not in self.live or events not in self.datamap.collections:
            self._fail(("events",), f"there is no collection {events}", "name one of the data map")
        self._require_purpose()
        self._require_time()
        at = self._located(self.release.at, "at")
        self._require_type(at, MOMENTS - {"timestamp without time zone"}, "at", "a moment with its time zone")
        organisation = self.release.organisation
        return ResolvedRelease(
            name=self.name,
            release=self.release,
            at=at,
            subject=self._located(self.release.subject, "subject"),
            organisation=self._located(organisation, "organisation") if organisation else None,
            columns=dict(self._columns()),
            refusal=self._refusal(),
        )

    def _require_purpose(self) -> None:
        name, events = self.release.purpose, self.release.events
        purpose = self.policy.purposes.get(name)
        if purpose is None:
            self._fail(("purpose",), f"there is no purpose {name}", "name one of purposes")
        if purpose.basis is Basis.CONSENT:
            self._fail(
                ("purpose",),
                f"{name} rests on consent, and nobody looks for that of each event",
                "name a purpose that rests on something else, and that may be refused",
            )
        if events not in purpose.collections:
            self._fail(
                ("purpose",),
                f"{name} does not use {events}",
                f"name a purpose for which it is used, or add it to the collections of {name}",
            )

    def _require_time(self) -> None:
        """What a rule deletes must be released before the first run that may delete it."""
        needed = DAYS[self.release.every] + self.release.within
        for name, rule in self.policy.rules.items():
            kept = rule.keep.days - rule.lead - self.policy.policy.run_every
            if self.release.events in rule.applies_to and not rule.keep.months and kept <= needed:
                self._fail(
                    ("within",),
                    f"{self.release.events} may be released {needed} days after it came about, "
                    f"and {name} keeps it no longer than {kept} for certain",
                    "release sooner: a smaller within, or every: day",
                )

    def _columns(self) -> Iterable[tuple[str, Located]]:
        for name, dimension in self.release.dimensions.items():
            keys = ("dimensions", name)
            yield name, self._of_dimension(dimension, keys)
            if dimension.ip and dimension.otherwise:
                located = self._located(dimension.otherwise, *keys)
                self._require_harmless(located, NAMING + SENSITIVE, keys)
                yield f"{name}.otherwise", located
        for name, measure in self.release.measures.items():
            located = self._located(measure.column, "measures", name)
            self._require_type(located, WHOLE_NUMBERS, f"measures.{name}", "whole numbers")
            self._require_harmless(located, SENSITIVE, ("measures", name))
            yield name, located

    def _of_dimension(self, dimension: Dimension, keys: tuple[str, str]) -> Located:
        located = self._located(dimension.column or dimension.ip or dimension.user_agent or "", *keys)
        if dimension.ip:
            self._require_type(located, TEXTS | {"inet", "cidr"}, ".".join(keys), "an address")
            self._require_harmless(located, SENSITIVE, keys)
        elif dimension.user_agent:
            self._require_type(located, TEXTS, ".".join(keys), "a text")
            self._require_harmless(located, SENSITIVE, keys)
        else:
            self._require_harmless(located, NAMING + SENSITIVE, keys)
        return located

    def _require_harmless(self, located: Located, refused: Iterable[str], keys: tuple[str, ...]) -> None:
        described = self.datamap.collections[located.collection].columns.get(located.column)
        categories = described.categories if described else ()
        for category in categories or ("an unknown one",):
            if not categories or any(category == one or category.startswith(f"{one}.") for one in refused):
                self._fail(
                    keys,
                    f"{located.collection}.{located.column} is of the category {category}, "
                    "by which nothing may be divided or added up",
                    "leave it out: who it is about could be told",
                )

    def _require_type(self, located: Located, kinds: Collection[str], key: str, what: str) -> None:
        if located.kind not in kinds:
            self._fail(
                tuple(key.split(".")),
                f"{located.collection}.{located.column} is {located.kind}, not {what}",
                "name another column",
            )

    def _located(self, named: str, *keys: str) -> Located:
        """A bare name is a column of the events; ``schema.table.column`` is reached along references."""
        collection, _, column = named.rpartition(".")
        collection = collection or self.release.events
        live = self._live(collection, column, keys)
        return Located(
            path=self._path(collection, keys), collection=collection, column=column, kind=live.base_type
        )

    def _live(self, collection: CollectionName, column: str, keys: tuple[str, ...]) -> LiveColumn:
        table = self.live.get(collection)
        if table is None or collection not in self.datamap.collections or column not in table.columns:
            self._fail(keys, f"{collection} has no column {column}", "correct the name")
        return table.columns[column]

    def _path(self, collection: CollectionName, keys: tuple[str, ...]) -> Path:
        if collection == self.release.events:
            return ()
        found = self.ways(self.release.events, collection)
        if len(found) != 1:
            how = "by several ways of one length" if found else "by no reference"
            self._fail(
                keys,
                f"{self.release.events} leads to {collection} {how}",
                "name a column that one way leads to",
            )
        if not all(edge.is_to_key for edge in found[0]):
            self._fail(
                keys, f"an event may belong to several rows of {collection}", "let it refer to their key"
            )
        return found[0]

    def _refusal(self) -> Refusal | None:
        """Where the purpose's ``opt_out`` stands, and which row of it counts."""
        purpose = self.policy.purposes[self.release.purpose]
        if purpose.opt_out is None:
            return None
        collection, column = purpose.opt_out.rsplit(".", 1)
        stop = purpose.stop
        if stop is None or stop.record != collection or stop.at is None or column not in stop.values:
            self._fail(
                ("purpose",),
                f"nobody knows which value of {purpose.opt_out} says that {self.release.purpose} is refused",
                f"say so at the purpose: stop: {{record: {collection}, values: {{{column}: <value>}}, at: <column>}}",
            )
        edge, path = self._owner_of(collection)
        return Refusal(column=column, value=stop.values[column], at=stop.at, edge=edge, path=path)

    def _owner_of(self, collection: CollectionName) -> tuple[Edge, Path]:
        """The reference by which a subject's word belongs to a row that events belong to as well."""
        found = []
        for edge in self.edges:
            if edge.holder == collection and not edge.is_self and edge.is_to_key:
                ways = self.ways(self.release.events, edge.target)
                found += [(edge, ways[0])] if len(ways) == 1 else []
        if len(found) != 1:
            self._fail(
                ("purpose",),
                f"{self.release.events} and {collection} do not belong to one row that both refer to",
                "name another purpose, or let its opt_out stand where the events' subjects are",
            )
        return found[0]

    def _fail(self, keys: Iterable[str], message: str, next_step: str) -> NoReturn:
        raise PolicyError(message, place=self.place("releases", self.name, *keys), next_step=next_step)
