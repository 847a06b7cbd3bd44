"""The rulebook: a policy resolved against the data map and the live schema.

What the policy says by name stands here as paths, keys and edges, so that the engines need no look-ups and
meet no surprises: whatever cannot be resolved is a :class:`~lifecycle.errors.PolicyError` here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from lifecycle.datamap.texts import DOCUMENTS, TEXTS
from lifecycle.errors import PolicyError
from lifecycle.identity.names import NAME
from lifecycle.policy.archives import ArchiveResolver, ResolvedArchive
from lifecycle.policy.edges import Edge, resolve_edges
from lifecycle.policy.model import Disposition, EdgeKind
from lifecycle.policy.releases import ReleaseResolver, ResolvedRelease

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping

    from lifecycle.datamap.live import LiveSchema, LiveTable
    from lifecycle.datamap.model import CollectionName, DataMap
    from lifecycle.policy.load import PolicyVersion
    from lifecycle.policy.model import Anchor, Archive, PersonNames, Policy, Rule, Statutory
    from lifecycle.policy.release_form import Release
    from lifecycle.timelimits import Period

_Promise = TypeVar("_Promise")
_Resolved = TypeVar("_Resolved")

Path = tuple[Edge, ...]
"""Edges from a collection to another, each followed from holder to target."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """When a promise about a collection's rows ends.

    Attributes:
        anchor: what starts it, on a row of ``anchor.on``.
        path: from the collection up to ``anchor.on``; empty where they are the same.
        reverse_path: from ``anchor.on`` up to the collection, where the row is reached from the anchor's
            side (a customer through its invoices): the latest of those rows counts. Statutory keeping only.
        evidence: from the collection of ``anchor.latest`` up to ``anchor.on``.
        keep: how long.
        lead_days: how much earlier it is planned.
    """

    anchor: Anchor
    path: Path = ()
    reverse_path: Path = ()
    evidence: Path = ()
    keep: Period
    lead_days: int = 0


@dataclass(frozen=True, kw_only=True)
class Strand:
    """Collections that lead to each other; mostly one alone.

    Attributes:
        is_cyclic: whether a row may lead, by way of others or not, to rows of its own collection.
    """

    collections: tuple[CollectionName, ...]
    is_cyclic: bool


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which collections something reaches that deletes rows, or empties columns of them.

    Attributes:
        roots: collections whose rows are due by themselves.
        strands: every collection whose rows may go along, the roots included: leaders before followers, those
            that lead to each other in one strand.
        deletion_order: the same, holders of a reference before what they refer to.
        takes_along: whether what belongs to the roots goes along.
        redacts: by root, the columns that are emptied, where rows stay; nothing where they go.
    """

    roots: tuple[CollectionName, ...]
    strands: tuple[Strand, ...]
    deletion_order: tuple[CollectionName, ...]
    takes_along: bool
    redacts: Mapping[CollectionName, tuple[str, ...]] = field(default_factory=dict)

    @property
    def closure(self) -> tuple[CollectionName, ...]:
        """The collections of all strands, leaders before followers."""
        return collections_of(self.strands)


@dataclass(frozen=True, kw_only=True)
class ResolvedRule:
    """A rule with a clock per collection it applies to."""

    name: str
    rule: Rule
    clocks: Mapping[CollectionName, Clock]
    scope: Scope

    @property
    def redacts(self) -> tuple[str, ...]:
        """Columns that a ``redact`` rule empties; () for any other action."""
        return self.rule.action["redact"] if isinstance(self.rule.action, dict) else ()


@dataclass(frozen=True, kw_only=True)
class ResolvedStatutory:
    """A legal duty to keep, with a clock per collection.

    Attributes:
        redacts: per collection, the personal columns that the duty does not need.
    """

    name: str
    statutory: Statutory
    clocks: Mapping[CollectionName, Clock]
    redacts: Mapping[CollectionName, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class ResolvedErasure:
    """What a subject's request for erasure does, by collection of rows that name the subject.

    Attributes:
        deletion: such rows go, with what belongs to them.
        redaction: such rows stay and are emptied of columns.
        masking: rows whose free text mentions the subject stay, without the mention.
        keeps: such rows stay as they are, because of a commitment.
        books: what duties to keep apply to, with what belongs to it: it may stay when its subject goes.
    """

    deletion: Scope
    redaction: Scope
    masking: Scope
    keeps: Mapping[CollectionName, str]
    books: Scope


@dataclass(frozen=True, kw_only=True)
class ResolvedNames:
    """Where rows of a collection have a person's name and the employer's.

    Attributes:
        columns: of the person's name, in order.
        path: to the row that has the employer's name; empty where it is the same row.
        employer: the column of that row.
    """

    columns: tuple[str, ...]
    path: Path
    employer: str


@dataclass(frozen=True, kw_only=True)
class Rulebook:
    """Everything the engines need to know about a company, resolved.

    Attributes:
        digest: SHA-256 of the policy's file, which tells two states of one version apart.
        made: what was made from it once and is used again, by what it is for.
    """

    policy: Policy
    digest: str
    datamap: DataMap
    live: LiveSchema
    edges: tuple[Edge, ...]
    rules: Mapping[str, ResolvedRule]
    statutory: Mapping[str, ResolvedStatutory]
    archives: Mapping[str, ResolvedArchive]
    releases: Mapping[str, ResolvedRelease]
    erasure: ResolvedErasure
    names: Mapping[CollectionName, ResolvedNames]
    made: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    def key(self, collection: CollectionName) -> tuple[tuple[str, str], ...]:
        """Name and type of each primary key column."""
        table = self.live[collection]
        return tuple((name, table.columns[name].type) for name in primary_key(table, self.datamap))

    def edges_into(self, target: CollectionName) -> tuple[Edge, ...]:
        """Edges whose holders refer to ``target``."""
        return self._edges_into.get(target, ())

    def edges_from(self, holder: CollectionName) -> tuple[Edge, ...]:
        """Edges by which rows of ``holder`` refer to others."""
        return self._edges_from.get(holder, ())

    def spreading_from(self, leader: CollectionName) -> tuple[Edge, ...]:
        """Edges along which a deletion may reach others from ``leader``."""
        return self._spreading_from.get(leader, ())

    def spreading_into(self, follower: CollectionName) -> tuple[Edge, ...]:
        """Edges along which a deletion may reach ``follower``."""
        return self._spreading_into.get(follower, ())

    def reached(
        self, roots: frozenset[CollectionName], *, within: frozenset[CollectionName] | None = None
    ) -> tuple[Strand, ...]:
        """Collections that a deletion in ``roots`` may reach, leaders before followers; worked out once.

        Args:
            roots: where it begins.
            within: reaching none but these, where they are given.
        """
        key = ("reached", roots, within)
        if key not in self.made:
            along = [edge for edge in self.edges if within is None or edge.follower in within]
            self.made[key] = spread(roots, along)
        found: tuple[Strand, ...] = self.made[key]
        return found

    @cached_property
    def tenants(self) -> frozenset[CollectionName]:
        """Collections of organisations of which others are the content."""
        return frozenset(edge.target for edge in self.edges if edge.kind is EdgeKind.TENANT)

    @cached_property
    def clock_columns(self) -> frozenset[tuple[CollectionName, str]]:
        """Collection and column of everything that says how long rows are kept, or that this may be relied on."""
        clocks = [one.clocks for one in self.rules.values()] + [one.clocks for one in self.statutory.values()]
        names = {name for one in clocks for clock in one.values() for name in clock.anchor.columns}
        names |= {f"{name}.{fresh.column}" for name, fresh in self.policy.freshness.items()}
        return frozenset(
            (collection, column) for collection, column in (name.rsplit(".", 1) for name in names)
        )

    @cached_property
    def _edges_into(self) -> dict[CollectionName, tuple[Edge, ...]]:
        targets = {edge.target for edge in self.edges}
        return {name: tuple(edge for edge in self.edges if edge.target == name) for name in targets}

    @cached_property
    def _edges_from(self) -> dict[CollectionName, tuple[Edge, ...]]:
        holders = {edge.holder for edge in self.edges}
        return {name: tuple(edge for edge in self.edges if edge.holder == name) for name in holders}

    @cached_property
    def _spreading_from(self) -> dict[CollectionName, tuple[Edge, ...]]:
        spreading = [edge for edge in self.edges if edge.spreads]
        leaders = {edge.leader for edge in spreading}
        return {name: tuple(edge for edge in spreading if edge.leader == name) for name in leaders}

    @cached_property
    def _spreading_into(self) -> dict[CollectionName, tuple[Edge, ...]]:
        spreading = [edge for edge in self.edges if edge.spreads]
        followers = {edge.follower for edge in spreading}
        return {name: tuple(edge for edge in spreading if edge.follower == name) for name in followers}


def resolve(version: PolicyVersion, datamap: DataMap, live: LiveSchema) -> Rulebook:
    """Resolve a policy version.

    Raises:
        PolicyError: something it names does not exist, cannot be reached, or can be reached in several ways.
    """
    rulebook, mistakes = survey(version, datamap, live)
    if mistakes:
        raise mistakes[0]
    return rulebook


def survey(
    version: PolicyVersion, datamap: DataMap, live: LiveSchema
) -> tuple[Rulebook, tuple[PolicyError, ...]]:
    """Resolve what can be resolved: a rulebook without the rules and duties that cannot, and why not."""
    resolver = _Resolver(version, datamap, live)
    rulebook = resolver.rulebook()
    return rulebook, tuple({mistake.message: mistake for mistake in reversed(resolver.mistakes)}.values())[
        ::-1
    ]


def primary_key(table: LiveTable, datamap: DataMap) -> tuple[str, ...]:
    """The live primary key; the map's where the table has none."""
    if table.primary_key:
        return table.primary_key
    collection = datamap.collections.get(table.name)
    return collection.primary_key if collection else ()


def spread(roots: Iterable[CollectionName], edges: Iterable[Edge]) -> tuple[Strand, ...]:
    """Collections that a deletion in ``roots`` may reach, leaders before followers."""
    spreading = [edge for edge in edges if edge.spreads]
    reached = set().union(*(_reached(root, spreading) for root in roots))
    below = {name: _reached(name, spreading) for name in reached}
    together = {name: frozenset(one for one in below[name] if name in below[one]) for name in reached}
    groups = sorted(set(together.values()), key=sorted)
    before = {
        group: [one for one in groups if one != group and _leads(one, group, spreading)] for group in groups
    }
    return tuple(
        Strand(
            collections=tuple(sorted(group)),
            is_cyclic=len(group) > 1 or any(edge.is_self and edge.leader in group for edge in spreading),
        )
        for group in TopologicalSorter(before).static_order()
    )


def collections_of(strands: Iterable[Strand]) -> tuple[CollectionName, ...]:
    """The collections of all strands, in their order."""
    return tuple(collection for strand in strands for collection in strand.collections)


def _leads(
    leaders: Collection[CollectionName], followers: Collection[CollectionName], edges: Iterable[Edge]
) -> bool:
    return any(edge.leader in leaders and edge.follower in followers for edge in edges)


def _reached(start: CollectionName, spreading: Iterable[Edge]) -> set[CollectionName]:
    """``start``, and the collections that it leads to."""
    reached: set[CollectionName] = set()
    pending = [start]
    while pending:
        collection = pending.pop()
        if collection not in reached:
            reached.add(collection)
            pending += [edge.follower for edge in spreading if edge.leader == collection]
    return reached


def shortest_paths(edges: Iterable[Edge], start: CollectionName, goal: CollectionName) -> list[Path]:
    """The shortest ways from one collection up to another, several where they are of one length."""
    steps = tuple(edges)
    frontier: list[Path] = [(edge,) for edge in steps if edge.holder == start and not edge.is_self]
    seen = {start}
    while frontier:
        found = [path for path in frontier if path[-1].target == goal]
        if found:
            return found
        seen |= {path[-1].target for path in frontier}
        frontier = [
            (*path, edge)
            for path in frontier
            for edge in steps
            if edge.holder == path[-1].target and edge.target not in seen
        ]
    return []


def deletion_order(closure: Iterable[CollectionName], edges: Iterable[Edge]) -> tuple[CollectionName, ...]:
    """``closure`` with holders before targets; a reference that may be cut gives way where they form a cycle."""
    names = set(closure)
    inside = [
        edge
        for edge in edges
        if edge.kind is not EdgeKind.NONE and not edge.is_self and {edge.holder, edge.target} <= names
    ]
    firm_first = sorted(inside, key=lambda edge: bool(edge.cut_columns))
    after: dict[CollectionName, set[CollectionName]] = {name: set() for name in names}
    for edge in firm_first:
        if not _leads_to(after, edge.target, edge.holder):
            after[edge.holder].add(edge.target)
    before = {name: [one for one in sorted(names) if name in after[one]] for name in sorted(names)}
    return tuple(TopologicalSorter(before).static_order())


def _leads_to(
    after: Mapping[CollectionName, set[CollectionName]], start: CollectionName, goal: CollectionName
) -> bool:
    seen: set[CollectionName] = set()
    pending = [start]
    while pending:
        collection = pending.pop()
        if collection == goal:
            return True
        if collection not in seen:
            seen.add(collection)
            pending += after[collection]
    return False


class _Resolver:
    """Carries what every step of the resolution needs."""

    def __init__(self, version: PolicyVersion, datamap: DataMap, live: LiveSchema) -> None:
        self.version = version
        self.policy = version.policy
        self.datamap = datamap
        self.live = live
        self.edges = resolve_edges(datamap, live, self.policy.edges)
        self.mistakes: list[PolicyError] = []

    def rulebook(self) -> Rulebook:
        for name, anchor in self.policy.anchors.items():
            self._attempt(self._require_anchor, name, anchor)
        statutory = self._each(self.policy.statutory, self._statutory)
        return Rulebook(
            policy=self.policy,
            digest=self.version.file.digest,
            datamap=self.datamap,
            live=self.live,
            edges=self.edges,
            rules=self._each(self.policy.rules, self._rule),
            statutory=statutory,
            archives=self._each(self.policy.archives, partial(self._archive, statutory)),
            releases=self._each(self.policy.releases, self._release),
            erasure=self._erasure(),
            names=self._names(),
        )

    def _each(
        self, promises: Mapping[str, _Promise], resolve_one: Callable[[str, _Promise], _Resolved | None]
    ) -> dict[str, _Resolved]:
        """Those that can be resolved; the mistakes of the others are noted."""
        attempted = {name: self._attempt(resolve_one, name, promise) for name, promise in promises.items()}
        return {name: resolved for name, resolved in attempted.items() if resolved is not None}

    def _attempt(self, step: Callable[..., _Resolved], *arguments: Any, **named: Any) -> _Resolved | None:
        try:
            return step(*arguments, **named)
        except PolicyError as mistake:
            self.mistakes.append(mistake)
            return None

    def _clocks(self, keys: tuple[str, str], promise: Rule | Statutory, lead_days: int) -> dict[str, Clock]:
        """A clock per collection; the mistakes of all are noted before the first is raised."""
        noted = len(self.mistakes)
        attempted = {
            collection: self._attempt(self._clock, keys, promise, collection, lead_days=lead_days)
            for collection in promise.applies_to
        }
        if len(self.mistakes) > noted:
            raise self.mistakes[noted]
        return {collection: clock for collection, clock in attempted.items() if clock is not None}

    def _rule(self, name: str, rule: Rule) -> ResolvedRule:
        clocks = self._clocks(("rules", name), rule, rule.lead)
        columns = rule.action["redact"] if isinstance(rule.action, dict) else ()
        scope = self._scope(
            ("rules", name),
            tuple(clocks),
            takes_along=rule.action == "delete",
            redacts=dict.fromkeys(clocks, columns) if columns else {},
        )
        return ResolvedRule(name=name, rule=rule, clocks=clocks, scope=scope)

    def _erasure(self) -> ResolvedErasure:
        """What can be resolved of it, collection by collection; names of nothing are left to the checks."""
        known = [
            name for name in self.policy.erasure if name in self.datamap.collections and name in self.live
        ]
        stated = [name for name in known if self._attempt(self._require_erasable, name)]
        asked = {name: self.policy.erasure[name] for name in stated}
        dispositions = {name: what for name, what in asked.items() if isinstance(what, Disposition)}
        redacts = {name: what.redact for name, what in dispositions.items() if what.redact}
        goes = tuple(name for name, what in asked.items() if what == "delete")
        empty = Scope(roots=(), strands=(), deletion_order=(), takes_along=True)
        deletion = self._attempt(self._scope, ("erasure",), goes, takes_along=True, redacts={})
        return ResolvedErasure(
            deletion=deletion or empty,
            redaction=self._scope(("erasure",), tuple(redacts), takes_along=False, redacts=redacts),
            masking=self._masking(),
            keeps={name: what.because for name, what in dispositions.items() if what.keep},
            books=self._books() or empty,
        )

    def _books(self) -> Scope | None:
        """What duties apply to, as far as it is there; what is wrong with them is noted where they are resolved."""
        noted = len(self.mistakes)
        kept = {name for duty in self.policy.statutory.values() for name in duty.applies_to}
        roots = tuple(name for name in self.datamap.collections if name in kept and name in self.live)
        found = self._attempt(self._scope, ("statutory",), roots, takes_along=True, redacts={})
        del self.mistakes[noted:]
        return found

    def _masking(self) -> Scope:
        """Columns of free text by collection, of those that are there and whose rows can be named."""
        columns: dict[CollectionName, tuple[str, ...]] = {}
        for number, name in enumerate(self.policy.free_text):
            collection, column = name.rsplit(".", 1)
            is_known = collection in self.datamap.collections and collection in self.live
            if is_known and self._attempt(self._require_text, collection, column, ("free_text", number)):
                columns[collection] = (*columns.get(collection, ()), column)
        return self._scope(("free_text",), tuple(columns), takes_along=False, redacts=columns)

    def _require_text(self, collection: CollectionName, column: str, keys: tuple[str | int, ...]) -> bool:
        self._require_column(collection, column, keys)
        if not primary_key(self.live[collection], self.datamap):
            self._fail_for_key(keys, collection)
        kind = self.live[collection].columns[column].base_type
        if kind not in {*TEXTS, *DOCUMENTS}:
            self._fail(keys, f"{collection}.{column} is {kind}, no text", "name columns of text or JSON")
        return True

    def _names(self) -> dict[CollectionName, ResolvedNames]:
        """Those that can be resolved; collections that there are not are left to the checks."""
        policy = self.policy.names
        known = [name for name in policy if name in self.datamap.collections and name in self.live]
        return self._each({name: policy[name] for name in known}, self._names_of)

    def _names_of(self, collection: CollectionName, stated: PersonNames) -> ResolvedNames:
        keys = ("names", collection)
        if NAME in self.datamap.identity_kinds:
            self._fail(keys, f"the data map marks a kind of identity called {NAME}", "call it something else")
        if not primary_key(self.live[collection], self.datamap):
            self._fail_for_key(keys, collection)
        for column in stated.name:
            self._require_words(collection, column, (*keys, "name"))
        if "." not in stated.employer:
            self._require_words(collection, stated.employer, (*keys, "employer"))
            return ResolvedNames(columns=stated.name, path=(), employer=stated.employer)
        goal, column = stated.employer.rsplit(".", 1)
        self._require_collection(goal, (*keys, "employer"))
        self._require_words(goal, column, (*keys, "employer"))
        if stated.through:
            path = self._stated_path(keys, stated.through, collection, goal)
        else:
            path = self._only_path(keys, collection, goal)
        if not path:
            self._fail(
                (*keys, "employer"), f"{collection} does not refer to {goal}", "name a row that it refers to"
            )
        return ResolvedNames(columns=stated.name, path=path, employer=column)

    def _require_words(self, collection: CollectionName, column: str, keys: tuple[str | int, ...]) -> None:
        self._require_column(collection, column, keys)
        kind = self.live[collection].columns[column].base_type
        if kind not in TEXTS:
            self._fail(keys, f"{collection}.{column} is {kind}, no text", "name columns of text")

    def _require_erasable(self, collection: CollectionName) -> bool:
        if not primary_key(self.live[collection], self.datamap):
            self._fail_for_key(("erasure", collection), collection)
        return True

    def _scope(
        self,
        keys: tuple[str, ...],
        roots: tuple[CollectionName, ...],
        *,
        takes_along: bool,
        redacts: Mapping[CollectionName, tuple[str, ...]],
    ) -> Scope:
        strands = spread(roots, self.edges if takes_along else ())
        closure = collections_of(strands)
        for collection in closure:
            self._require_collection(collection, keys)
            if not primary_key(self.live[collection], self.datamap):
                self._fail_for_key(keys, collection)
        return Scope(
            roots=roots,
            strands=strands,
            deletion_order=deletion_order(closure, self.edges),
            takes_along=takes_along,
            redacts=redacts,
        )

    def _statutory(self, name: str, duty: Statutory) -> ResolvedStatutory:
        clocks = self._clocks(("statutory", name), duty, 0)
        redacts = {
            collection: self._redacted_columns(collection, kept, ("statutory", name, "columns", collection))
            for collection, kept in duty.columns.items()
        }
        return ResolvedStatutory(name=name, statutory=duty, clocks=clocks, redacts=redacts)

    def _archive(
        self, statutory: Mapping[str, ResolvedStatutory], name: str, archive: Archive
    ) -> ResolvedArchive | None:
        """An archive; None where its duty cannot be resolved, which is a mistake already."""
        if archive.duty in self.policy.statutory and archive.duty not in statutory:
            return None
        resolver = ArchiveResolver(
            name,
            archive,
            datamap=self.datamap,
            live=self.live,
            edges=self.edges,
            place=self.version.place,
            primary_key=lambda collection: primary_key(self.live[collection], self.datamap),
        )
        return resolver.resolved(statutory.get(archive.duty))

    def _release(self, name: str, release: Release) -> ResolvedRelease:
        resolver = ReleaseResolver(
            name,
            release,
            policy=self.policy,
            datamap=self.datamap,
            live=self.live,
            edges=self.edges,
            place=self.version.place,
            ways=lambda start, goal: shortest_paths(self.edges, start, goal),
        )
        return resolver.resolved()

    def _redacted_columns(
        self, collection: CollectionName, kept: tuple[str, ...], keys: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Personal columns of ``collection`` that are neither kept nor needed to identify or join the row.

        Those computed from other columns are emptied with them.
        """
        self._require_collection(collection, keys)
        for column in kept:
            self._require_column(collection, column, keys)
        joining = {column for edge in self.edges if edge.holder == collection for column in edge.columns}
        table = self.live[collection]
        generated = {column.name for column in table.columns.values() if column.is_generated}
        protected = {*kept, *joining, *generated, *primary_key(table, self.datamap)}
        return tuple(
            column.name
            for column in self.datamap.collections[collection].columns.values()
            if column.is_personal and column.name not in protected
        )

    def _clock(
        self, keys: tuple[str, str], promise: Rule | Statutory, collection: CollectionName, *, lead_days: int
    ) -> Clock:
        self._require_collection(collection, (*keys, "applies_to"))
        anchor = self.policy.anchors.get(promise.starts)
        if anchor is None:
            self._fail(
                (*keys, "starts"), f"there is no anchor {promise.starts}", "name one of the policy's anchors"
            )
        evidence = self._require_anchor(promise.starts, anchor)
        path, reverse = self._reach(keys, promise, collection, anchor.on)
        return Clock(
            anchor=anchor,
            path=path,
            reverse_path=reverse,
            evidence=evidence,
            keep=promise.keep,
            lead_days=lead_days,
        )

    def _reach(
        self,
        keys: tuple[str, str],
        promise: Rule | Statutory,
        collection: CollectionName,
        goal: CollectionName,
    ) -> tuple[Path, Path]:
        if collection == goal:
            return (), ()
        if collection in promise.through:
            return self._stated_path(keys, promise.through[collection], collection, goal), ()
        path = self._only_path(keys, collection, goal)
        if path:
            return path, ()
        reverse = self._only_path(keys, goal, collection) if keys[0] == "statutory" else ()
        if not reverse:
            self._fail(
                (*keys, "applies_to"),
                f"{collection} does not reach {goal}, where the clock starts",
                "choose an anchor on a collection it refers to, or state the way with through",
            )
        return (), reverse

    def _stated_path(
        self, keys: tuple[str, str], names: tuple[str, ...], start: CollectionName, goal: CollectionName
    ) -> Path:
        edges = []
        for name in names:
            found = [edge for edge in self.edges if edge.name == name]
            if len(found) != 1:
                self._fail(
                    (*keys, "through", start), f"{name} is no reference", "name columns that refer to a row"
                )
            edges += found
        stops = [start, *(edge.target for edge in edges)]
        joined = all(edge.holder == stop for edge, stop in zip(edges, stops, strict=False))
        if not joined or stops[-1] != goal:
            self._fail(
                (*keys, "through", start),
                f"these references do not lead from {start} to {goal}",
                "name them in order, each from where the one before leads",
            )
        return tuple(edges)

    def _only_path(self, keys: tuple[str, ...], start: CollectionName, goal: CollectionName) -> Path:
        """The shortest way from ``start`` up to ``goal``; () where there is none; two of one length fail."""
        found = shortest_paths(self.edges, start, goal)
        if len(found) > 1:
            ways = " or ".join(" then ".join(edge.name for edge in path) for path in found)
            self._fail(keys, f"{start} reaches {goal} in several ways: {ways}", "state one with through")
        return found[0] if found else ()

    def _evidence(self, name: str, anchor: Anchor) -> Path:
        if not anchor.latest:
            return ()
        collection = anchor.latest.rsplit(".", 1)[0]
        path = self._only_path(("anchors", name, "latest"), collection, anchor.on)
        if not path:
            self._fail(
                ("anchors", name, "latest"),
                f"{collection} does not refer to {anchor.on}",
                "name a column of rows that refer to it",
            )
        return path

    def _require_anchor(self, name: str, anchor: Anchor) -> Path:
        """Refuse an anchor whose columns do not exist or tell no day; returns the way from its evidence."""
        keys = ("anchors", name)
        self._require_collection(anchor.on, (*keys, "on"))
        own = [anchor.column, anchor.financial_year_end_of]
        if anchor.otherwise != "never":
            own.append(anchor.otherwise)
        for column in filter(None, own):
            self._require_moment(anchor, anchor.on, column, keys)
        if anchor.latest:
            collection, column = anchor.latest.rsplit(".", 1)
            self._require_collection(collection, (*keys, "latest"))
            self._require_moment(anchor, collection, column, (*keys, "latest"))
            for stopping in anchor.runs_only_if_none:
                if stopping.rsplit(".", 1)[0] != collection:
                    self._fail(
                        (*keys, "runs_only_if_none"),
                        f"{stopping} is not a column of {collection}",
                        "name columns of the collection that latest names",
                    )
                self._require_column(collection, stopping.rsplit(".", 1)[1], (*keys, "runs_only_if_none"))
        return self._evidence(name, anchor)

    def _require_moment(
        self, anchor: Anchor, collection: CollectionName, column: str, keys: Iterable[str]
    ) -> None:
        self._require_column(collection, column, keys)
        kind = self.live[collection].columns[column].type
        if kind not in {"date", "timestamp with time zone", "timestamp without time zone"}:
            self._fail(keys, f"{collection}.{column} is {kind}, no date", "name a date or timestamp column")
        if kind == "timestamp without time zone" and anchor.time_zone is None:
            self._fail(
                keys,
                f"{collection}.{column} has no time zone, so its day is not known",
                "say in which zone it is written: time_zone: UTC",
            )

    def _fail_for_key(self, keys: Iterable[str | int], collection: CollectionName) -> NoReturn:
        self._fail(
            keys,
            f"{collection} has no primary key, so its rows cannot be named in a plan",
            "add a primary key to the table or mark one in the data map",
        )

    def _require_collection(self, collection: CollectionName, keys: Iterable[str | int]) -> None:
        if collection not in self.datamap.collections:
            self._fail(keys, f"{collection} is not in the data map", "correct the name or describe the table")
        if collection not in self.live:
            self._fail(keys, f"{collection} is not in the database", "correct the map, or create the table")

    def _require_column(self, collection: CollectionName, column: str, keys: Iterable[str | int]) -> None:
        if column not in self.live[collection].columns:
            self._fail(keys, f"{collection} has no column {column}", "correct the name")

    def _fail(self, keys: Iterable[str | int], message: str, next_step: str) -> NoReturn:
        raise PolicyError(message, place=self.version.place(*keys), next_step=next_step)
