"""The form of a policy file. Its meaning is described in ``docs/policy-format.md``."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt, model_validator

from lifecycle.identity.folding import NormalForm
from lifecycle.identity.forms import DEFAULT_RULES, EXACTLY, IdentityRule
from lifecycle.identity.phones import known_regions
from lifecycle.policy.form import (
    ArchiveName,
    CollectionName,
    Column,
    ColumnName,
    Day,
    Days,
    Form,
    Identifier,
    Keep,
    Redaction,
    Scalar,
    Text,
    YearEnd,
    Zone,
)
from lifecycle.policy.release_form import Release
from lifecycle.timelimits import Period

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def _region(value: str) -> str:
    if value not in known_regions():
        raise ValueError("is a region by its ISO 3166-1 code, such as EE")
    return value


class Header(Form):
    """Which policy this is and since when it counts (P1)."""

    name: Text
    last_updated: Day
    time_zone: Zone
    version_of_format: Literal[1]
    run_every: Annotated[Days, Field(ge=1)] = 1


class Party(Form):
    """Controller or supervisory authority."""

    name: Text
    address: str = ""
    email: str = ""
    website: str = ""
    register_code: str = ""
    role: str = ""


class Commitment(Form):
    """A promise, in our words.

    Attributes:
        kept_by: what keeps it where no rule does: a part of the system named in ``docs/commitments.md``.
    """

    section: Text
    promise: Text
    kept_by: tuple[Text, ...] = ()


class Basis(StrEnum):
    """Lawful bases of GDPR Art. 6(1)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTEREST = "vital_interest"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTEREST = "legitimate_interest"


class Stop(Form):
    """What the company's own tables are told when a subject ends a purpose. Exactly one of two kinds.

    Attributes:
        record: collection of which the latest row counts, for each row of the subject that it belongs to; that is
            written again, with other values.
        values: its columns, and what they hold then.
        at: its column that says since when.
        set: columns of the subject's rows, and what they hold then.
        since: column of the subject's rows that takes the moment, where nothing stands yet.
        time_zone: zone in which a moment without one (``timestamp``) is written; never assumed.
    """

    record: CollectionName | None = None
    values: dict[Column, Scalar] = {}
    at: Column | None = None
    set: dict[ColumnName, Scalar] = {}
    since: ColumnName | None = None
    time_zone: Zone | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Stop:
        if bool(self.record) == bool(self.set or self.since):
            raise ValueError(
                "says either record: schema.table, or what is written into the subject's rows:"
                " set: {schema.table.column: value}, since: schema.table.column"
            )
        if bool(self.record) != bool(self.values and self.at):
            raise ValueError("says with record, and only with it, values: {column: value} and at: column")
        return self


class Purpose(Form):
    """What personal data is used for, and on which basis; the basis decides which rights apply.

    Attributes:
        objection: whether it ends with an objection, or an operator weighs that; None where nobody can object.
        opt_out: column by which somebody may have refused it already.
        stop: what the company's own tables are told when a subject ends it.
    """

    basis: Basis
    collections: tuple[CollectionName, ...]
    description: str = ""
    objection: Literal["stops", "weighed"] | None = None
    opt_out: ColumnName | None = None
    stop: Stop | None = None
    commitments: tuple[Identifier, ...] = ()

    @property
    def can_be_withdrawn(self) -> bool:
        """Whether it rests on a word of the subject, who may take that back (GDPR Art. 7(3))."""
        return self.basis is Basis.CONSENT or self.opt_out is not None

    @property
    def can_be_objected_to(self) -> bool:
        """Whether an objection ends it, without exception or when it was weighed (GDPR Art. 21)."""
        return self.objection is not None or self.basis is Basis.CONSENT


class Origin(StrEnum):
    """Where data on a subject comes from."""

    SUBJECT = "subject"
    """The subject gave it."""
    OBSERVED = "observed"
    """It came about by what the subject did."""
    OTHERS = "others"
    """Somebody else gave it, or the company made it (GDPR Art. 14)."""


class Source(Form):
    """Where the data of some collections comes from: whoever asks is told (GDPR Art. 14(2)(f), 15(1)(g)).

    Attributes:
        description: as the subject is told.
    """

    origin: Origin
    description: Text
    collections: tuple[CollectionName, ...]


class Anchor(Form):
    """When a clock starts, per row of one collection. Exactly one of three kinds.

    Attributes:
        column: the day of this column of the row itself.
        latest: the latest day of this column over the rows that refer to the row (a customer's contracts).
        runs_only_if_none: columns of those rows and the values that stop the clock (a live contract); stated as
            ``{}`` where it is meant that none does.
        otherwise: column of the row itself that counts where no row refers to it; ``never`` where the clock
            shall then not run. Must be stated with ``latest``.
        financial_year_end_of: the last day of the financial year that holds the day of this column.
        time_zone: zone in which columns without one (``timestamp``) are written; never assumed.
    """

    on: CollectionName
    column: Column | None = None
    latest: ColumnName | None = None
    runs_only_if_none: dict[ColumnName, Any] = {}
    otherwise: Column | None = None
    financial_year_end_of: Column | None = None
    year_ends: YearEnd = "12-31"
    time_zone: Zone | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Anchor:
        kinds = [name for name in ("column", "latest", "financial_year_end_of") if getattr(self, name)]
        if len(kinds) != 1:
            raise ValueError("says exactly one of column, latest and financial_year_end_of")
        if self.latest and not self.otherwise:
            raise ValueError(
                "says what counts where no row exists: otherwise: <column of the row>, or otherwise: never"
            )
        if not self.latest and (self.otherwise or self.runs_only_if_none):
            raise ValueError("otherwise and runs_only_if_none belong to an anchor with latest")
        return self

    @property
    def columns(self) -> frozenset[ColumnName]:
        """Every column that decides when the clock starts, or whether it runs."""
        own = {self.column, self.financial_year_end_of, self.otherwise} - {None, "never"}
        told = [self.latest] if self.latest else []
        return frozenset({*(f"{self.on}.{column}" for column in own), *told, *self.runs_only_if_none})


class Rule(Form):
    """A promise to delete: which collections, from when, how long, what then.

    Attributes:
        announce: how long before the planned day each coming deletion is announced; makes notices.
        schedule_with: name of the schedule (the DAG) that keeps it; None where only the command line does.
    """

    commitments: tuple[Identifier, ...] = Field(min_length=1)
    applies_to: tuple[CollectionName, ...] = Field(min_length=1)
    starts: Identifier
    keep: Keep
    lead: Days = 0
    action: Literal["delete", "drop_partition"] | Redaction
    through: dict[CollectionName, tuple[ColumnName, ...]] = {}
    announce: tuple[Days, ...] = ()
    schedule_with: Identifier | None = None


class Statutory(Form):
    """A legal duty to keep (A7): wins over every rule and request, for the columns it needs only.

    Attributes:
        columns: per collection, the columns that must stay; the personal ones not named are redacted when
            a rule is due. A collection not listed here keeps all of its columns.
    """

    commitments: tuple[Identifier, ...] = Field(min_length=1)
    applies_to: tuple[CollectionName, ...] = Field(min_length=1)
    starts: Identifier
    keep: Keep
    columns: dict[CollectionName, tuple[Column, ...]] = {}
    through: dict[CollectionName, tuple[ColumnName, ...]] = {}


class Archive(Form):
    """Where documents that a duty keeps are written once, so that the tables need not keep them as long (A7).

    Attributes:
        duty: the duty to keep that it fulfils; says which collections, which of their columns, and for how long.
        documents: the collection of which each row is a document; rows of the duty's others belong to one.
        number: the column by which a document is asked for.
        owner: the column that says whose it is; what names anybody is encrypted with one key a year for each.
        currency: the column of the currency that its money is in.
        totals: columns of money by collection, which are added up on both sides.
        readable: by collection, further columns that need not be encrypted with the owner's key.
        also: by column that refers to a row, columns of that row which are written with the document.
        closed_after: how many days after a month has ended its documents are written.
    """

    commitments: tuple[Identifier, ...] = Field(min_length=1)
    duty: Identifier
    documents: CollectionName
    number: Column
    owner: Column
    currency: Column
    totals: Annotated[dict[CollectionName, tuple[Column, ...]], Field(min_length=1)]
    readable: dict[CollectionName, tuple[Column, ...]] = {}
    also: dict[ColumnName, Annotated[tuple[Column, ...], Field(min_length=1)]] = {}
    closed_after: Days = 0


class EdgeKind(StrEnum):
    """Who a row belongs to, seen along one reference."""

    OWNER = "owner"
    SHARED = "shared"
    ACCESS = "access"
    TENANT = "tenant"
    NONE = "none"


def _has_no_consequence(kind: EdgeKind) -> EdgeKind:
    if kind is EdgeKind.ACCESS:
        raise ValueError(
            "access is written with its consequence: {access: cut}, {access: delete} or {access: {redact: [columns]}}"
        )
    return kind


class AccessEdge(Form):
    """An ``access`` edge with its consequence: columns redacted with the cut link, or the row deleted."""

    access: Literal["cut", "delete"] | Redaction


class Disposition(Form):
    """What a subject's request does to a collection where it is not simply ``delete``.

    Attributes:
        redact: columns that are emptied; the row stays.
        keep: the row stays as it is.
        because: the commitment that asks for it.
    """

    redact: tuple[Column, ...] = ()
    keep: StrictBool = False
    because: Identifier

    @model_validator(mode="after")
    def _one_of_both(self) -> Disposition:
        if bool(self.redact) == self.keep:
            raise ValueError("says either redact: [columns] or keep: true")
        return self


class RequestKind(StrEnum):
    """What a subject may ask for (GDPR Art. 13 to 22)."""

    ERASURE = "erasure"
    ACCESS = "access"
    PORTABILITY = "portability"
    RECTIFICATION = "rectification"
    RESTRICTION = "restriction"
    OBJECTION = "objection"
    WITHDRAWAL = "withdrawal"
    INFORMATION = "information"


LONGEST_AVAILABLE = 31
"""Days; a copy that nobody fetched within a month is not waited for."""


class Right(Form):
    """How one kind of request is answered.

    Attributes:
        answer_within: of the day it was received; never more than one month (GDPR Art. 12(3)).
        extend_by: how much longer it may take where that is said, with the reason, before the first limit ends.
        consequence: what an answer means for whoever asks, such as a service that ends; whoever approves it is told.
        lasts: how long a restriction does, unless it is lifted; None for every other kind.
        available: days for which what was put together for the subject can be fetched; then it is destroyed.
    """

    commitments: tuple[Identifier, ...] = Field(min_length=1)
    answer_within: Keep = Period(months=1)
    extend_by: Keep = Period(months=2)
    consequence: Text | None = None
    lasts: Keep | None = None
    available: Annotated[Days, Field(ge=1, le=LONGEST_AVAILABLE)] = 14


class Guard(Form):
    """The most that a run may delete before a person must approve; None sets no limit."""

    rows: Annotated[StrictInt, Field(gt=0)] | None = None
    share: Annotated[Decimal, Field(gt=0, le=1)] | None = None


class Freshness(Form):
    """How old the newest row of a collection may be before nothing is decided on it.

    Attributes:
        time_zone: zone in which a column without one (``timestamp``) is written; never assumed.
    """

    column: Column
    within: Keep
    time_zone: Zone | None = None


LONGEST_NOTICE = 90
"""Days; whoever has not answered by then is not going to."""


class Notify(Form):
    """How a recipient is told of an erasure, a correction or a restriction (GDPR Art. 19).

    Attributes:
        http: name of the environment variable that holds the address, as ``env:NAME``.
        within: days after which it is given up, until a person sees to it.
    """

    http: Annotated[str, Field(pattern=r"^env:[A-Z][A-Z0-9_]*$")]
    within: Annotated[Days, Field(ge=1, le=LONGEST_NOTICE)] = 14


class Recipient(Form):
    """Somebody who is given personal data (G2, G3).

    Attributes:
        notify: how it is told; None where a person has to tell it.
    """

    category: Text
    region: Text
    receives: tuple[CollectionName, ...] = ()
    safeguard: str = ""
    notify: Notify | None = None
    commitments: tuple[Identifier, ...] = ()


class _Identity(Form):
    """A kind of identity.

    Attributes:
        leads_on: whether a row that names the subject and has one of this kind too leads on to other rows that have
            it, unless those are somebody else's as well (W4).
    """

    leads_on: StrictBool = False


class EmailIdentity(_Identity):
    """A kind of identity that is an e-mail address.

    Attributes:
        plus_tags: whether ``name+tag@`` is somebody else than ``name@``.
    """

    form: Literal["email"]
    plus_tags: Literal["distinct", "ignored"] = "distinct"

    def rule(self) -> IdentityRule:
        """How two are compared."""
        ignores = self.plus_tags == "ignored"
        return IdentityRule(form=NormalForm.UNTAGGED_EMAIL if ignores else NormalForm.EMAIL)


class PhoneIdentity(_Identity):
    """A kind of identity that is a phone number.

    Attributes:
        region: whose numbers are written without a country's code; None where that cannot be said.
    """

    form: Literal["phone"]
    region: Annotated[str, AfterValidator(_region)] | None = None

    def rule(self) -> IdentityRule:
        """How two are compared."""
        return IdentityRule(form=NormalForm.PHONE, region=self.region)


class ExactIdentity(_Identity):
    """A kind of identity that has one spelling: a number, a UUID, a name of an account."""

    form: Literal["exact"]

    def rule(self) -> IdentityRule:
        """How two are compared."""
        return EXACTLY


AnyIdentity = Annotated[EmailIdentity | PhoneIdentity | ExactIdentity, Field(discriminator="form")]
"""How a kind of identity is compared."""


class PersonNames(Form):
    """Where rows of a collection have a person's name and the employer's: neither names anybody by itself.

    Attributes:
        name: columns of the name, in the order in which it is mostly written.
        employer: column of the employer's name: of the row itself, or ``schema.table.column`` of one it refers to.
        through: the references that lead there, where several do.
    """

    name: tuple[Column, ...] = Field(min_length=1)
    employer: Text
    through: tuple[ColumnName, ...] = ()


class Disclosures(Form):
    """The company's own log of what went to whom (G3); its references say which rows each line is about.

    Attributes:
        recipient: column that holds the name of the recipient, as the policy has it.
        disclosed_at: column that says when.
        complete_for: recipients of whom every disclosure is logged; what they may have received otherwise does not
            count for the collections that the log refers to.
    """

    collection: CollectionName
    recipient: Column
    disclosed_at: Column
    complete_for: tuple[Identifier, ...] = ()


class Policy(Form):
    """One version of a company's privacy policy, executable."""

    policy: Header
    controller: Party
    authority: Party
    commitments: dict[Identifier, Commitment]
    purposes: dict[Identifier, Purpose] = {}
    sources: dict[Identifier, Source] = {}
    identities: dict[Text, AnyIdentity] = {}
    names: dict[CollectionName, PersonNames] = {}
    anchors: dict[Identifier, Anchor] = {}
    rules: dict[Identifier, Rule] = {}
    statutory: dict[Identifier, Statutory] = {}
    archives: dict[ArchiveName, Archive] = {}
    edges: dict[ColumnName, Annotated[EdgeKind, AfterValidator(_has_no_consequence)] | AccessEdge] = {}
    erasure: dict[CollectionName, Literal["delete"] | Disposition] = {}
    rights: dict[RequestKind, Right] = {}
    free_text: tuple[ColumnName, ...] = ()
    suppression: tuple[CollectionName, ...] = ()
    guards: dict[Identifier, Guard] = {}
    freshness: dict[CollectionName, Freshness] = {}
    recipients: dict[Identifier, Recipient] = {}
    disclosures: Disclosures | None = None
    releases: dict[ArchiveName, Release] = {}

    @model_validator(mode="after")
    def _tables_apart(self) -> Policy:
        """Each released table is one feed's of one release."""
        names = [
            f"{table}_{feed}"
            for release in self.releases.values()
            for table in release.tables
            for feed in release.feeds
        ]
        twice = sorted(name for name in set(names) if names.count(name) > 1)
        if twice:
            raise ValueError(f"two released tables are called {twice[0]}: give one another name")
        return self

    @property
    def version(self) -> str:
        """The date that names this version, as plans and receipts print it (P1)."""
        return self.policy.last_updated.isoformat()

    @property
    def zone(self) -> ZoneInfo:
        """Time zone in which days are counted."""
        return self.policy.time_zone

    def identity_rule(self, kind: str) -> IdentityRule:
        """How identifiers of a kind are compared: as stated, else as the kind usually is, else exactly."""
        stated = self.identities.get(kind)
        return stated.rule() if stated else DEFAULT_RULES.get(kind, EXACTLY)

    def guard(self, rule: str) -> Guard:
        """The guard of a rule; ``default`` where it has none of its own.

        Without either, the strictest: every deletion needs approval.
        """
        return self.guards.get(rule) or self.guards.get("default") or Guard(rows=1, share=None)

    def in_force_from(self) -> datetime:
        """First instant of the day of publication, local."""
        return datetime.combine(self.policy.last_updated, datetime.min.time(), tzinfo=self.zone)
