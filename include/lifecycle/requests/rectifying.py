"""Rectification as a procedure: what is wrong is corrected wherever it is held; recipients are told (GDPR Art. 16)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa

from lifecycle.errors import LifecycleError
from lifecycle.holds import stops
from lifecycle.holds.subjects import follow
from lifecycle.plan import Action
from lifecycle.planning.items import load_plan_of
from lifecycle.planning.planner import one_state
from lifecycle.policy.model import RequestKind
from lifecycle.recipients.tables import Kind
from lifecycle.requests.belongings import belongings, own_columns
from lifecycle.requests.corrections import corrected_names, fingerprints_of, open_corrections
from lifecycle.requests.fixes import resolved
from lifecycle.requests.left import require_nothing_left
from lifecycle.requests.listed import Listed, rows_of
from lifecycle.requests.mentions import mentioning
from lifecycle.requests.procedure import Handling, Settled
from lifecycle.requests.subject import DOMAIN
from lifecycle.requests.telling import Telling
from lifecycle.requests.touching import Touch, Touched, is_needed_by_law
from lifecycle.requests.writing import table_of, write_columns, write_texts
from lifecycle.store.relations import relation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, FromClause

    from lifecycle.holds.cover import Cover
    from lifecycle.plan import Item
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.corrections import Correction
    from lifecycle.requests.fixes import Fix, Plain
    from lifecycle.requests.listed import Key
    from lifecycle.requests.procedure import Case


class RectificationProcedure:
    """How a request for rectification is answered."""

    looks_at_rows: ClassVar[bool] = True

    def find(self, connection: Connection, case: Case) -> Touched:
        """Rows of which columns are wrong, and texts that mention what was wrong."""
        corrections = open_corrections(connection, case.request_id, case.company.keys)
        plain = resolved(case.rulebook, case.whom, corrections)
        return Touched(
            connection,
            case.rulebook,
            [*_wrong_rows(connection, case, plain), *_wrong_texts(connection, case, plain)],
            kind=RequestKind.RECTIFICATION,
            as_of=case.as_of,
            brings=tuple(fingerprints_of(corrections, case.company.keys)),
        )

    def ground(self, case: Case) -> Listed:
        """They were wrong a moment ago; each statement asks again whether they still are."""
        with one_state(case.company.engine) as connection:
            parts = self.find(connection, case).parts
        keys: dict[str, list[Key]] = defaultdict(list)
        for part in parts:
            keys[part.touch.collection] += part.touch.keys
        return Listed(case.rulebook, keys)

    def handling(self, case: Case) -> Handling:
        """Columns are written, recipients told, and holds and stops on the old identity name the new one, too."""
        with case.company.engine.connect() as connection:
            corrections = open_corrections(connection, case.request_id, case.company.keys)
        correcting = _Correcting(
            case=case, corrections=corrections, plain=resolved(case.rulebook, case.whom, corrections)
        )
        return Handling(before=correcting.before, handlers={Action.RECTIFY: correcting.correct})

    def settle(self, connection: Connection, case: Case, *, answered_at: datetime) -> Settled:
        """Look once more for what is wrong.

        Raises:
            CheckFailed: something is still, and nothing keeps it so.
        """
        del answered_at
        found = self.find(connection, case)
        require_nothing_left(connection, case.request_id, found.left(), "hold what is wrong")
        names = corrected_names(connection, case.request_id)
        return Settled(kept=found.kept(), told={"corrected": list(names)})


@dataclass(frozen=True, kw_only=True)
class _Correcting:
    """Carries out the plan of one request.

    Attributes:
        corrections: as they were given.
        plain: what they mean.
    """

    case: Case
    corrections: Sequence[Correction]
    plain: Plain

    def before(self, connection: Connection, plan_id: int, items: list[Item]) -> None:
        """What has to be so before a row is changed, in the transaction that changes it."""
        self._require_approved_values(connection, plan_id)
        for one in self.plain.replaced:
            marks = [
                self.case.company.keys.fingerprint(DOMAIN, identifier.fingerprint_text)
                for identifier in (one.old, one.new)
            ]
            follow(connection, one.old, one.new, as_of=self.case.as_of)
            stops.follow(connection, marks[0], one.new, marks[1])
        self._telling()(connection, plan_id, items)

    def correct(self, connection: Connection, item: Item, planned: FromClause, cover: Cover) -> int:
        """Correct the rows of an item; how many were as planned."""
        rulebook = self.case.rulebook
        if item.columns == self.plain.texts.get(item.collection):
            return write_texts(connection, rulebook, item, planned, cover, self.plain.replacement)
        row = table_of(rulebook, item.collection)
        fixes = [self.plain.fixes[item.collection, column] for column in item.columns]
        return write_columns(
            connection,
            rulebook,
            item,
            planned,
            cover,
            row=row,
            values={fix.column: fix.right(row) for fix in fixes},
            conditions=[fix.is_wrong(row) for fix in fixes],
        )

    def _require_approved_values(self, connection: Connection, plan_id: int) -> None:
        """The values are those that the digest of the plan covers.

        Raises:
            LifecycleError: they were exchanged since.
        """
        plan = load_plan_of(connection, plan_id)
        if list(plan.brings) != fingerprints_of(self.corrections, self.case.company.keys):
            raise LifecycleError(
                "what is to be corrected is not what was approved",
                place=f"request {self.case.request_id}",
                next_step="refuse it, take it again, and find out who changes the register",
            )

    def _telling(self) -> Telling:
        return Telling(
            rulebook=self.case.rulebook,
            keys=self.case.company.keys,
            request_id=self.case.request_id,
            subjects=self.case.whom.subjects,
            as_of=self.case.as_of,
            kind=Kind.RECTIFICATION,
            concerned=frozenset({Action.RECTIFY}),
            of_the_subject=frozenset(),
            corrections=self._told(),
        )

    def _told(self) -> dict[str, str]:
        """What recipients are told: new identities by their kind, and what columns get by their names."""
        identities = {one.new.kind: one.value for one in self.plain.replaced}
        columns = {".".join(key): fix.value for key, fix in self.plain.fixes.items()}
        return identities | columns


def _wrong_rows(connection: Connection, case: Case, plain: Plain) -> Iterator[Touch]:
    """Rows by collection; columns that are wrong in the same rows are corrected at once."""
    rulebook = case.rulebook
    is_any_own = any(fix.of_own_rows for fix in plain.fixes.values())
    own = belongings(connection, rulebook, case.whom, as_of=case.as_of) if is_any_own else {}
    together: dict[tuple[str, tuple[Key, ...], bool], list[str]] = defaultdict(list)
    for (collection, column), fix in plain.fixes.items():
        keys = _wrong(connection, rulebook, fix, own)
        is_needed = is_needed_by_law(rulebook, collection, (column,))
        together[collection, keys, is_needed].append(column)
    for (collection, keys, _), columns in together.items():
        yield Touch(collection=collection, action=Action.RECTIFY, keys=keys, columns=tuple(columns))


def _wrong(
    connection: Connection, rulebook: Rulebook, fix: Fix, own: Mapping[str, tuple[Key, ...]]
) -> tuple[Key, ...]:
    """Keys of the rows of which a column is wrong."""
    row = relation(rulebook.live, fix.collection, "wrong_row")
    keys = [sa.cast(row.c[name], sa.Text) for name, _ in rulebook.key(fix.collection)]
    query = sa.select(*keys).where(fix.is_wrong(row)).order_by(*keys)
    if fix.of_own_rows:
        columns = own_columns(rulebook, fix.collection)
        if fix.collection not in own or (columns is not None and fix.column not in columns):
            return ()
        listed = rows_of(rulebook, fix.collection, own[fix.collection])
        same = [row.c[name] == listed.c[name] for name, _ in rulebook.key(fix.collection)]
        query = query.select_from(row.join(listed, sa.and_(*same)))
    return tuple(tuple(found) for found in connection.execute(query))


def _wrong_texts(connection: Connection, case: Case, plain: Plain) -> Iterator[Touch]:
    """Texts and documents that mention an identity which is replaced."""
    whom = replace(case.whom, subjects=tuple(one.old for one in plain.replaced))
    for collection, columns in plain.texts.items():
        keys = mentioning(connection, case.rulebook, whom, plain.replacement, collection, columns)
        yield Touch(collection=collection, action=Action.RECTIFY, keys=keys, columns=columns)
