"""Access, portability and information as procedures: rows are read, put into a package, and nothing changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa

from lifecycle.errors import CheckFailed
from lifecycle.pages import printable
from lifecycle.plan import Action
from lifecycle.planning.writer import About, PlanWriter
from lifecycle.policy.model import RequestKind
from lifecycle.policy.notice import notice, portable
from lifecycle.requests import packages
from lifecycle.requests.copies.archive import encrypted
from lifecycle.requests.copies.document import access_document
from lifecycle.requests.copies.found import CopiedRows, Copy
from lifecycle.requests.copies.portable import as_json, portable_files
from lifecycle.requests.copies.rows import RowReader
from lifecycle.requests.copies.veil import Veil
from lifecycle.requests.ground import NamesSubject
from lifecycle.requests.procedure import Handling, Settled
from lifecycle.requests.register import events, note
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy import Connection, FromClause

    from lifecycle.holds.cover import Cover
    from lifecycle.plan import Item
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.copies.rows import CopiedRow
    from lifecycle.requests.procedure import Case

PACKED = "package_made"
_DISCLOSED = sa.text("""
    SELECT DISTINCT collection FROM lifecycle.plan JOIN lifecycle.journal USING (plan_id)
    WHERE plan.request_id = :request AND action = 'disclose'
""")


class CopyProcedure(ABC):
    """How a request is answered with a copy."""

    looks_at_rows: ClassVar[bool] = True
    kind: ClassVar[RequestKind]
    with_others: ClassVar[bool]
    """Whether rows of others that concern or mention the subject are copied, too."""

    @abstractmethod
    def collections(self, rulebook: Rulebook) -> Collection[str]:
        """Whose rows are copied."""

    @abstractmethod
    def files(
        self, connection: Connection, case: Case, rows: Sequence[CopiedRow], veil: Veil
    ) -> dict[str, bytes]:
        """What the archive holds, by name."""

    def find(self, connection: Connection, case: Case) -> Copy:
        """Rows that are disclosed; none where a package has them already."""
        rows = None
        if packages.find(connection, case.request_id) is None or self._undisclosed(connection, case):
            rows = CopiedRows(
                connection,
                case.rulebook,
                case.whom,
                as_of=case.as_of,
                collections=self.collections(case.rulebook),
                with_others=self.with_others,
            )
        return Copy(connection, case.rulebook, rows, kind=self.kind, as_of=case.as_of)

    def ground(self, case: Case) -> NamesSubject:
        """They name the subject."""
        return NamesSubject(case.rulebook, case.whom)

    def handling(self, case: Case) -> Handling:
        """Rows are put into a package in the transaction that says so."""
        packing = Packing(self, case)
        return Handling(before=packing.pack, handlers={Action.DISCLOSE: packing.packed})

    def settle(self, connection: Connection, case: Case, *, answered_at: datetime) -> Settled:
        """Let the package be fetched, where there is anything to tell.

        Raises:
            CheckFailed: rows name the subject that no package holds.
        """
        package = packages.find(connection, case.request_id)
        missing = self._undisclosed(connection, case)
        if missing:
            raise CheckFailed(
                f"rows that name the subject were not disclosed: some of {', '.join(missing)}",
                place=f"request {case.request_id}",
                next_step="it stays open; plan it again: lifecycle request plan",
            )
        if package is None:
            return Settled()
        expires_at = packages.offer(
            connection,
            case.request_id,
            days=case.rulebook.policy.rights[self.kind].available,
            zone=case.rulebook.policy.zone,
            answered_at=answered_at,
        )
        told = {
            "sha256": package.sha256,
            "size": package.size,
            "expires_at": expires_at.isoformat(),
            "withheld": self._withheld(connection, case),
        }
        return Settled(told={"package": told})

    def _withheld(self, connection: Connection, case: Case) -> int:
        """How many values of the package are withheld, since they may be about somebody else."""
        made = [event for event in events(connection, case.request_id) if event["what"] == PACKED]
        return int(made[-1]["withheld"]) if made else 0

    def _undisclosed(self, connection: Connection, case: Case) -> list[str]:
        """Collections that name the subject and of which nothing was disclosed: asked one by one, without any plan."""
        names, found = self.ground(case), []
        done = set(connection.scalars(_DISCLOSED, {"request": case.request_id}))
        for collection in sorted({*self.collections(case.rulebook)} - done):
            row = relation(case.rulebook.live, collection, "naming_row")
            query = sa.exists(sa.select(sa.literal(1)).select_from(row).where(names.is_due(collection, row)))
            if connection.scalar(sa.select(query)):
                found.append(collection)
        return found


class Packing:
    """Puts one package together, in the transaction of the batch that discloses its rows.

    Args:
        procedure: says what the archive holds.
        case: the request.
    """

    def __init__(self, procedure: CopyProcedure, case: Case) -> None:
        self.procedure = procedure
        self.case = case
        self.counts: dict[int, int] = {}

    def pack(self, connection: Connection, plan_id: int, items: list[Item]) -> None:
        """Read the rows, write the files, encrypt them, and keep them sealed."""
        case, rows = self.case, list(self._rows(connection, plan_id, items))
        veil, passphrase = Veil(case.rulebook, case.whom, rows), packages.new_passphrase()
        files = self.procedure.files(connection, case, rows, veil)
        archive = encrypted(files, passphrase, made_at=case.as_of)
        packages.keep(connection, case.request_id, archive, passphrase, case.company.keys, as_of=case.as_of)
        note(connection, case.request_id, PACKED, as_of=case.as_of, withheld=veil.count_withheld(rows))

    def packed(self, _connection: Connection, item: Item, _planned: FromClause, _cover: Cover) -> int:
        """How many rows of an item are in the package."""
        return self.counts[item.position]

    def _rows(self, connection: Connection, plan_id: int, items: list[Item]) -> Iterator[CopiedRow]:
        reader = RowReader(connection, self.case.rulebook, plan_id, as_of=self.case.as_of)
        for item in items:
            rows = list(reader.rows(item))
            self.counts[item.position] = len(rows)
            yield from rows


class AccessProcedure(CopyProcedure):
    """Access: everything that is held on the subject, and what the law wants told of it (R2)."""

    kind = RequestKind.ACCESS
    with_others = True

    def collections(self, rulebook: Rulebook) -> Collection[str]:
        """All of them."""
        return [name for name in rulebook.datamap.collections if name in rulebook.live]

    def files(
        self, connection: Connection, case: Case, rows: Sequence[CopiedRow], veil: Veil
    ) -> dict[str, bytes]:
        """The copy for machines, and as a page for people."""
        document = access_document(connection, case, rows, veil)
        return {
            "copy.json": as_json(document),
            "copy.html": printable("lifecycle.requests.copies", "copy.html", document).encode(),
        }


class PortabilityProcedure(CopyProcedure):
    """Portability: what the subject provided and is used on consent or contract, for machines (R3)."""

    kind = RequestKind.PORTABILITY
    with_others = False

    def collections(self, rulebook: Rulebook) -> Collection[str]:
        """Those that were provided and rest on consent or contract."""
        return [name for name in sorted(portable(rulebook.policy)) if name in rulebook.live]

    def files(
        self,
        connection: Connection,  # noqa: ARG002 - a copy needs it
        case: Case,
        rows: Sequence[CopiedRow],
        veil: Veil,
    ) -> dict[str, bytes]:
        """A table for each collection, and their description."""
        return portable_files(case.rulebook, rows, veil, created=case.as_of.isoformat())


class InformationProcedure:
    """Information: the notice that everybody is given; no row is looked at (R1)."""

    looks_at_rows: ClassVar[bool] = False

    def find(self, connection: Connection, case: Case) -> Nothing:
        """Nothing is looked for."""
        return Nothing(connection, case)

    def ground(self, case: Case) -> NamesSubject:
        """There are no rows."""
        return NamesSubject(case.rulebook, case.whom)

    def handling(self, case: Case) -> Handling:  # noqa: ARG002 - every procedure is asked with the case
        """Nothing goes through the door."""
        return Handling()

    def settle(
        self,
        connection: Connection,  # noqa: ARG002 - nothing is asked of the database
        case: Case,
        *,
        answered_at: datetime,  # noqa: ARG002 - the notice counts from its policy's date
    ) -> Settled:
        """Tell which notice was given."""
        told = as_json(notice(case.rulebook.policy, case.rulebook.datamap))
        return Settled(told={"notice": {"sha256": sha256(told).hexdigest()}})


class Nothing:
    """A finding without rows."""

    def __init__(self, connection: Connection, case: Case) -> None:
        self.connection = connection
        self.case = case

    def writer(self, request_id: UUID) -> PlanWriter:
        """Puts together a plan that does nothing."""
        rights, rule = self.case.rulebook.policy.rights, RequestKind.INFORMATION
        about = About(rule=rule.value, commitments=rights[rule].commitments, request=request_id)
        return PlanWriter(self.connection, self.case.rulebook, about, (), as_of=self.case.as_of)
