"""What a request corrects: an identity, a data category, or a column, each with the value that is right.

The values stand sealed beside the request until it is closed. They are never shown, and nothing but the database's own
rows and the recipients of these ever get them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import DataError, ProgrammingError

from lifecycle.datamap.model import is_personal
from lifecycle.errors import UsageError
from lifecycle.holds.targets import Subject
from lifecycle.identity.forms import Identifier, identify
from lifecycle.keys.sealing import Broken, seal, unseal
from lifecycle.policy.model import RequestKind
from lifecycle.policy.notice import categories
from lifecycle.policy.rulebook import primary_key
from lifecycle.requests.subject import DOMAIN, SEALING_KEY
from lifecycle.requests.tables import request_correction
from lifecycle.store.prepared import Prepared, bound
from lifecycle.store.relations import NamedType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from sqlalchemy import Connection

    from lifecycle.datamap.live import LiveColumn
    from lifecycle.datamap.model import Column
    from lifecycle.holds.targets import Target
    from lifecycle.keys.provider import KeyProvider
    from lifecycle.policy.rulebook import Rulebook

LONGEST = 10_000
"""Characters of a value."""
_DOCUMENTS = {"json", "jsonb"}


class What(StrEnum):
    """What is corrected."""

    IDENTITY = "identity"
    CATEGORY = "category"
    COLUMN = "column"


@dataclass(frozen=True, kw_only=True)
class Correction:
    """One thing that is corrected.

    Attributes:
        named: the kind of identity, the data category, or ``schema.table.column``.
        value: what is right; never shown.
    """

    what: What
    named: str
    value: str = field(repr=False)

    @property
    def fingerprint_text(self) -> str:
        """What a keyed fingerprint is taken over."""
        return f"correction\0{self.what}\0{self.named}\0{self.value}"


def corrected(rulebook: Rulebook, named: str) -> What:
    """What somebody means who names it.

    Raises:
        UsageError: it is neither a kind of identity nor a category or column whose values may be corrected.
    """
    if named in rulebook.datamap.identity_kinds:
        return What.IDENTITY
    if named.count(".") == 2 and named.rsplit(".", 1)[0] in rulebook.datamap.collections:  # noqa: PLR2004 - schema, table, column
        require_correctable(rulebook, named)
        return What.COLUMN
    if columns_of(rulebook, named):
        return What.CATEGORY
    if any(key in rulebook.clock_columns for key in _plain_columns(rulebook, named)):
        raise _tells_when_rows_go()
    raise UsageError(
        "nothing is held under this name that could be corrected",
        place="correct",
        next_step="name a kind of identity, a data category, or a column as schema.table.column; see the data map",
    )


def columns_of(rulebook: Rulebook, category: str) -> list[tuple[str, str]]:
    """Collection and column of everything that has a category and may be corrected by naming that."""
    return [key for key in _plain_columns(rulebook, category) if key not in rulebook.clock_columns]


def correctable(rulebook: Rulebook) -> list[str]:
    """The data categories that may be corrected by naming them."""
    return [category for category in categories(rulebook.datamap) if columns_of(rulebook, category)]


def checked(
    connection: Connection,
    rulebook: Rulebook,
    given: Iterable[Correction],
    subjects: Sequence[Identifier | Target],
) -> tuple[Correction, ...]:
    """What is given, if it can be done: each value is of its column's type, each identity is one that is named.

    Raises:
        UsageError: nothing is given, something twice, or something that cannot be; no value is repeated.
    """
    found = tuple(_checked(connection, rulebook, one, subjects) for one in given)
    if not found:
        raise UsageError(
            "a request for rectification says what is to be corrected",
            place="correct",
            next_step="for example --correct email; the value is asked for",
        )
    if len({(one.what, one.named) for one in found}) < len(found):
        raise UsageError("the same is corrected twice", place="correct", next_step="name it once")
    return found


def require_none(given: Sequence[Correction], kind: RequestKind) -> None:
    """Refuse corrections that come with another kind of request.

    Raises:
        UsageError: there are some.
    """
    if given:
        raise UsageError(
            f"a request for {kind} corrects nothing",
            place="correct",
            next_step=f"take a request for {RequestKind.RECTIFICATION}",
        )


def fingerprints_of(given: Iterable[Correction], keys: KeyProvider) -> list[str]:
    """The keyed fingerprint of each."""
    return [keys.fingerprint(DOMAIN, one.fingerprint_text) for one in given]


def keep_corrections(
    connection: Connection, request_id: UUID, given: Sequence[Correction], keys: KeyProvider
) -> None:
    """Seal and store what a request corrects."""
    key = keys.secret(SEALING_KEY)
    rows = [
        {
            "request_id": request_id,
            "position": position,
            "what": one.what.value,
            "named": one.named,
            "fingerprint": mark,
            "sealed": seal(key, one.value.encode(), _associated(request_id, position, one.what, one.named)),
        }
        for position, (one, mark) in enumerate(zip(given, fingerprints_of(given, keys), strict=True))
    ]
    if rows:
        connection.execute(sa.insert(request_correction), rows)


def open_corrections(connection: Connection, request_id: UUID, keys: KeyProvider) -> tuple[Correction, ...]:
    """What a request corrects, opened.

    Raises:
        UsageError: nobody knows any more: the request was closed, or another keyring sealed it.
    """
    rows = connection.execute(
        sa.select(request_correction)
        .where(request_correction.c.request_id == request_id)
        .order_by(request_correction.c.position)
    ).all()
    key, found = keys.secret(SEALING_KEY), []
    for row in rows:
        associated = _associated(request_id, row.position, row.what, row.named)
        try:
            value = unseal(key, row.sealed or b"", associated).decode()
        except Broken:
            raise UsageError(
                "what it corrects cannot be opened: it was forgotten, another key sealed it, or it was changed",
                place=f"request {request_id}",
                next_step="point LIFECYCLE_KEYRING to the keyring that the request was opened with",
            ) from None
        found.append(Correction(what=What(row.what), named=row.named, value=value))
    return tuple(found)


def corrected_names(connection: Connection, request_id: UUID) -> tuple[str, ...]:
    """What a request corrects, by name alone."""
    query = sa.select(request_correction.c.named).where(request_correction.c.request_id == request_id)
    return tuple(connection.scalars(query.order_by(request_correction.c.position)))


def forget_corrections(connection: Connection, request_id: UUID) -> None:
    """Destroy the values; what they were for stays, and their fingerprints."""
    _FORGET.run(connection, {"request": request_id})


def _checked(
    connection: Connection, rulebook: Rulebook, one: Correction, subjects: Sequence[Identifier | Target]
) -> Correction:
    if len(one.value) > LONGEST or "\0" in one.value:
        raise UsageError(
            f"a value is a text of at most {LONGEST} characters", place="correct", next_step="give another"
        )
    if one.what is What.IDENTITY:
        _require_named_once(one, subjects)
        Subject(identity=one.named, value=one.value).identifier(rulebook)
        return one
    columns = [_split(one.named)] if one.what is What.COLUMN else columns_of(rulebook, one.named)
    for collection, column in columns:
        for identity in rulebook.datamap.collections[collection].columns[column].identities:
            identify(identity.kind, one.value, rulebook.policy.identity_rule(identity.kind))
        _require_fits(connection, rulebook.live[collection].columns[column], one)
    return one


def _require_named_once(one: Correction, subjects: Sequence[Identifier | Target]) -> None:
    """What was wrong is the identity of that kind by which the request names its subject."""
    if sum(isinstance(named, Identifier) and named.kind == one.named for named in subjects) != 1:
        raise UsageError(
            "nobody knows what it was before: the request does not name exactly one identity of this kind",
            place="correct",
            next_step=f"name the subject by the {one.named} that is to be corrected",
        )


def _require_fits(connection: Connection, column: LiveColumn, one: Correction) -> None:
    """The value is one of the column's type, as far as whoever takes the request may use that."""
    value = sa.cast(sa.cast(one.value, sa.Text), NamedType(column.type))
    try:
        with connection.begin_nested():
            connection.execute(sa.select(sa.cast(value, sa.Text)))
    except (DataError, UnicodeEncodeError):
        raise UsageError(
            f"the value is no {column.type}",
            place=f"correct {one.named}",
            next_step="give one that the column can hold",
        ) from None
    except ProgrammingError:
        return


def require_correctable(rulebook: Rulebook, named: str) -> None:
    """Refuse a column that no request may write.

    Raises:
        UsageError: it holds nothing of a person, rows are named, joined or computed by it, or kept by what it says.
    """
    collection, column = _split(named)
    described = rulebook.datamap.collections[collection].columns.get(column)
    if (collection, column) in rulebook.clock_columns:
        raise _tells_when_rows_go()
    if described is None or not described.is_personal or _is_fixed(rulebook, collection, described):
        raise UsageError(
            "this column holds nothing of a person that could be corrected: it is none, names or joins rows, or is"
            " computed",
            place="correct",
            next_step="name another column; see the data map",
        )


def _tells_when_rows_go() -> UsageError:
    return UsageError(
        "how long rows are kept follows from this, by the policy or by law; a request that changed it would keep them"
        " longer, or let them go too early",
        place="correct",
        next_step="where it is wrong, have whoever answers for these records correct it in the application",
    )


def _plain_columns(rulebook: Rulebook, category: str) -> list[tuple[str, str]]:
    """Collection and column of everything that has a category of personal data and that may be written."""
    return [
        (collection.name, column.name)
        for collection in rulebook.datamap.collections.values()
        for column in collection.columns.values()
        if category in column.categories
        and is_personal(category)
        and not column.identities
        and not _is_fixed(rulebook, collection.name, column)
        and _is_plain(rulebook.live[collection.name].columns[column.name])
    ]


def _is_fixed(rulebook: Rulebook, collection: str, column: Column) -> bool:
    """Whether rows are named, joined or computed by it, so that nobody writes there."""
    table = rulebook.live.get(collection)
    if table is None or column.name not in table.columns:
        return True
    joining = {name for edge in rulebook.edges_from(collection) for name in edge.columns}
    return (
        column.name in {*joining, *primary_key(table, rulebook.datamap)}
        or table.columns[column.name].is_generated
    )


def _is_plain(column: LiveColumn) -> bool:
    """Whether it holds one value, so that another can take its place."""
    return column.base_type not in _DOCUMENTS and not column.base_type.endswith("[]")


def _split(named: str) -> tuple[str, str]:
    collection, column = named.rsplit(".", 1)
    return collection, column


def _associated(request_id: UUID, position: int, what: str, named: str) -> bytes:
    return json.dumps(["correction", str(request_id), position, str(what), named]).encode()


_FORGET = Prepared(
    sa.update(request_correction)
    .values(sealed=None)
    .where(request_correction.c.request_id == bound("request", sa.Uuid))
)
