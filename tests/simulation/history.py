"""A history: what happened to the company, as a plain list of events that can be played again, cut and printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulation.moments import TALLINN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulation.people import Identity
    from simulation.policy import Policy
    from simulation.tables import Key, Name, Row


Target = tuple[str, "Key | None"]
"""What a hold names: a row, or a whole table."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happens at a moment."""

    at: datetime


@dataclass(frozen=True, kw_only=True)
class Add(Event):
    """The application inserts a row."""

    table: str
    key: Key
    row: Row

    def __str__(self) -> str:
        known = {column: value for column, value in self.row.items() if value is not None}
        return f"{self.table} {self.key} is added: {_facts(known)}"


@dataclass(frozen=True, kw_only=True)
class Change(Event):
    """The application changes columns of a row."""

    table: str
    key: Key
    to: Row

    def __str__(self) -> str:
        return f"{self.table} {self.key} changes: {_facts(self.to)}"


@dataclass(frozen=True, kw_only=True)
class Place(Event):
    """A hold or restriction is placed; a target without a key is the whole table.

    Attributes:
        subjects: identities whose rows it names, those that come later included.
    """

    hold: int
    kind: str
    until: datetime
    targets: tuple[Target, ...] = ()
    subjects: tuple[Identity, ...] = ()

    def __str__(self) -> str:
        rows = (f"{table} {'(all)' if key is None else key}" for table, key in self.targets)
        named = ", ".join((*rows, *(f"{kind} {value}" for kind, value in self.subjects)))
        return f"{self.kind} {self.hold} is placed until {_moment(self.until)} on {named}"


@dataclass(frozen=True, kw_only=True)
class Extend(Event):
    """The end of a hold is moved."""

    hold: int
    until: datetime

    def __str__(self) -> str:
        return f"hold {self.hold} now ends {_moment(self.until)}"


@dataclass(frozen=True, kw_only=True)
class Release(Event):
    """A hold is released."""

    hold: int

    def __str__(self) -> str:
        return f"hold {self.hold} is released"


@dataclass(frozen=True, kw_only=True)
class Amend(Event):
    """Another version of the policy is published, and counts from this day.

    Attributes:
        changed: the rules that it changes, or the duty.
    """

    policy: Policy
    changed: tuple[str, ...]

    def __str__(self) -> str:
        told = ", ".join(self.policy.told(one) for one in self.changed)
        return f"the policy of {self.policy.since} counts: {told}"


@dataclass(frozen=True, kw_only=True)
class Run(Event):
    """All rules are run.

    Attributes:
        as_of: the moment the run stands for; before ``at`` where it is for a past day.
        batch_rows: rows that one batch of a plan changes.
        is_checked: with every check between the steps, as a DAG does it; the others go without, for speed.
        is_repeated: it is run again at once, and then finds nothing to do.
        killed_after: batches after which the process dies in each rule, to be started again; None where it lives.
        unanswered: rules whose plan nobody approves, so that the next run plans anew.
        meanwhile: what the application does between plan and execution of a rule, by rule.
    """

    as_of: datetime
    batch_rows: int = 50_000
    is_checked: bool = False
    is_repeated: bool = False
    killed_after: int | None = None
    unanswered: frozenset[str] = frozenset()
    meanwhile: dict[str, tuple[Event, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"run as of {_moment(self.as_of)}, {self.batch_rows} rows a batch"]
        parts += ["with all checks"] * self.is_checked + ["twice"] * self.is_repeated
        if self.killed_after is not None:
            parts.append(f"killed after {self.killed_after} batches and started again")
        parts += [f"nobody approves {rule}" for rule in sorted(self.unanswered)]
        parts += [
            f"while {rule} is carried out: {event}"
            for rule, events in self.meanwhile.items()
            for event in events
        ]
        return "; ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Keeping(Event):
    """The archive is seen to."""


@dataclass(frozen=True, kw_only=True)
class Build(Keeping):
    """The books of closed months are written into the archive, as far as it does not have them as they stand."""

    def __str__(self) -> str:
        return "the archive is built"


@dataclass(frozen=True, kw_only=True)
class LookAfter(Keeping):
    """Every byte of the archive is read."""

    def __str__(self) -> str:
        return "the archive is looked after"


@dataclass(frozen=True, kw_only=True)
class Expire(Keeping):
    """Books whose time is over are destroyed in the archive."""

    def __str__(self) -> str:
        return "the archive expires"


@dataclass(frozen=True, kw_only=True)
class Releasing(Event):
    """Statistics are released."""


@dataclass(frozen=True, kw_only=True)
class Aggregate(Releasing):
    """What was not released in time is entered as lost; every period that is over and still may be is released.

    Attributes:
        is_by_steps: step by step, as the DAG does it, instead of at once, as the command line does.
        is_checked: with every check between the steps; the others go without, for speed.
        is_repeated: it is run again at once, and then finds nothing to do but what cannot be done.
        dies_after: the step of the first period after which the process dies; None where it lives.
    """

    is_by_steps: bool = False
    is_checked: bool = False
    is_repeated: bool = False
    dies_after: str | None = None

    def __str__(self) -> str:
        parts = ["statistics are released", *["step by step"] * self.is_by_steps]
        parts += ["with all checks"] * self.is_checked + ["twice"] * self.is_repeated
        parts += [f"killed after {self.dies_after}"] * (self.dies_after is not None)
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Asking(Event):
    """Something happens to what data subjects ask for, or to all that is remembered of it."""


@dataclass(frozen=True, kw_only=True)
class Ask(Asking):
    """Somebody asks for something, and an operator takes the request.

    Attributes:
        kind: what is asked for.
        corrections: what a rectification corrects, and what is right.
        purposes: that an objection or a withdrawal ends; none for all that it can end.
        subjects: kind and spelling of what names the subject; of a visitor the key.
        rows: rows that are named by their keys, a customer's own for its whole content.
        tenant: the customer whose copy alone is meant.
    """

    request: int
    kind: str = "erasure"
    subjects: tuple[tuple[str, str | int], ...] = ()
    rows: tuple[Name, ...] = ()
    tenant: Key | None = None
    corrections: tuple[tuple[str, str], ...] = ()
    purposes: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = ", ".join(f"{kind} {value}" for kind, value in (*self.subjects, *self.rows))
        limit = "" if self.tenant is None else f", as content of customer {self.tenant}"
        right = "".join(f"; {what} is {value}" for what, value in self.corrections)
        ended = f"; ends {', '.join(self.purposes)}" * bool(self.purposes)
        return f"request {self.request} is for the {self.kind} of {named}{limit}{right}{ended}"


@dataclass(frozen=True, kw_only=True)
class Verify(Asking):
    """Whoever asks may ask."""

    request: int

    def __str__(self) -> str:
        return f"request {self.request} is verified"


@dataclass(frozen=True, kw_only=True)
class Prolong(Asking):
    """A request is to be answered later."""

    request: int

    def __str__(self) -> str:
        return f"request {self.request} is extended"


@dataclass(frozen=True, kw_only=True)
class Refuse(Asking):
    """A request is refused."""

    request: int

    def __str__(self) -> str:
        return f"request {self.request} is refused"


@dataclass(frozen=True, kw_only=True)
class Answer(Asking):
    """A request is planned, approved and carried out.

    Attributes:
        shared: what the operator says of identities that others have too: ``confirm``, ``decline``, or nothing.
        is_planned_anew: the first plan is given up.
        killed_after: batches after which the process dies, to be started again; None where it lives.
        is_checked: with every check between the steps.
    """

    request: int
    shared: str | None = None
    is_planned_anew: bool = False
    killed_after: int | None = None
    is_checked: bool = False

    def __str__(self) -> str:
        parts = [f"request {self.request} is answered"]
        parts += [f"operators {self.shared} what others have too"] * (self.shared is not None)
        parts += ["planned anew"] * self.is_planned_anew + ["with all checks"] * self.is_checked
        parts += [f"killed after {self.killed_after} batches"] * (self.killed_after is not None)
        return "; ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Weigh(Asking):
    """An operator decides whether an objection counts that is weighed: ``stop`` or ``compelling_grounds``."""

    request: int
    decision: str

    def __str__(self) -> str:
        return f"the objection of request {self.request} is weighed: {self.decision}"


@dataclass(frozen=True, kw_only=True)
class Lift(Asking):
    """The restriction that a request asked for is lifted; its subject was told."""

    request: int

    def __str__(self) -> str:
        return f"the restriction of request {self.request} is lifted"


@dataclass(frozen=True, kw_only=True)
class Fetch(Asking):
    """The package of a request is fetched, and what opens it."""

    request: int

    def __str__(self) -> str:
        return f"the package of request {self.request} is fetched"


@dataclass(frozen=True, kw_only=True)
class SeeTo(Asking):
    """All requests are seen to: who came back is found, what is over ends, what had to stay goes, delay is told."""

    def __str__(self) -> str:
        return "all requests are seen to"


@dataclass(frozen=True, kw_only=True)
class BackUp(Asking):
    """A backup of the database is made."""

    backup: int

    def __str__(self) -> str:
        return f"backup {self.backup} is made"


@dataclass(frozen=True, kw_only=True)
class Restore(Asking):
    """The database is restored from a backup, lost holds are placed again, and erasures are replayed."""

    backup: int

    def __str__(self) -> str:
        return f"backup {self.backup} is restored"


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A hold or restriction as the model knows it.

    Attributes:
        subjects: identities whose rows it names, those that come later included.
        request: that asked for it, and lifts it; None where an operator placed it.
    """

    kind: str
    until: datetime
    targets: frozenset[Target]
    subjects: frozenset[Identity] = frozenset()
    request: int | None = None
    is_released: bool = False

    def is_active(self, moment: datetime) -> bool:
        """Not released, and its end has not come."""
        return not self.is_released and moment < self.until

    def names(self, name: Name) -> bool:
        """Whether the row is a target itself."""
        return name in self.targets or (name[0], None) in self.targets


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A purpose that is over for a subject, as the model knows it.

    Attributes:
        since: when the subject said so.
        subjects: identities whose rows are left out of it, those that come later included.
        rows: rows that are left out by their keys.
    """

    purpose: str
    since: datetime
    subjects: frozenset[Identity]
    rows: frozenset[Name]


def told(events: Iterable[Event]) -> str:
    """The history in words, a line an event."""
    return "\n".join(f"{_moment(event.at)}  {event}" for event in events)


def _moment(moment: datetime) -> str:
    return moment.astimezone(TALLINN).isoformat(" ")


def _facts(row: Row) -> str:
    return ", ".join(f"{column} {_value(value)}" for column, value in row.items())


def _value(value: Any) -> str:
    return _moment(value) if isinstance(value, datetime) else str(value)
