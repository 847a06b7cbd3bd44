"""How rows that stay are written to at the door: the statements behind what requests alone ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from lifecycle.datamap.texts import DOCUMENTS
from lifecycle.store.relations import NamedType, relation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Connection, FromClause

    from lifecycle.holds.cover import Cover
    from lifecycle.plan import Item
    from lifecycle.policy.rulebook import Rulebook
    from lifecycle.requests.mentions import Masking


def table_of(rulebook: Rulebook, collection: str) -> Any:
    """The table of a collection, as a statement that writes names it."""
    schema, name = collection.split(".", 1)
    columns: list[Any] = [sa.column(column) for column in rulebook.live[collection].columns]
    return sa.table(name, *columns, schema=schema)


def is_same(rulebook: Rulebook, collection: str, row: FromClause, other: FromClause) -> ColumnElement[bool]:
    """Whether two clauses that have the key columns of a collection are the same row of it."""
    return sa.and_(*(row.c[name] == other.c[name] for name, _ in rulebook.key(collection)))


def count_rows(connection: Connection, rulebook: Rulebook, item: Item, planned: FromClause) -> int:
    """How many of the planned rows are there: for what changes none of them."""
    row = relation(rulebook.live, item.collection, "there")
    there = row.join(planned, is_same(rulebook, item.collection, row, planned))
    return int(connection.scalar(sa.select(sa.func.count()).select_from(there)) or 0)


def write_columns(
    connection: Connection,
    rulebook: Rulebook,
    item: Item,
    planned: FromClause,
    cover: Cover,
    *,
    row: Any,
    values: Mapping[str, ColumnElement[Any]],
    conditions: list[ColumnElement[bool]],
) -> int:
    """Give columns of the planned rows other values, where the conditions hold and no hold keeps the row."""
    statement = (
        sa.update(row)
        .values(dict(values))
        .where(
            is_same(rulebook, item.collection, row, planned),
            *conditions,
            sa.not_(cover.covers(item.collection, row, kind="hold")),
        )
    )
    return int(connection.execute(statement).rowcount)


def write_texts(
    connection: Connection, rulebook: Rulebook, item: Item, planned: FromClause, cover: Cover, mask: Masking
) -> int:
    """Replace what texts of the planned rows mention, where no hold keeps the row; how many mentioned it."""
    live = rulebook.live[item.collection].columns
    masks = [
        mask.masked_json_text if live[name].base_type in DOCUMENTS else mask.masked for name in item.columns
    ]
    keys = len(rulebook.key(item.collection))
    changed = []
    for row in connection.execute(_texts(rulebook, item, planned, cover)):
        texts = row[keys:]
        masked = [text and mask(text) for text, mask in zip(texts, masks, strict=True)]
        if masked != list(texts):
            bound = {f"key_{number}": value for number, value in enumerate(row[:keys])}
            changed.append({**bound, **{f"text_{number}": text for number, text in enumerate(masked)}})
    if changed:
        connection.execute(_rewriting(rulebook, item), changed)
    return len(changed)


def _texts(rulebook: Rulebook, item: Item, planned: FromClause, cover: Cover) -> sa.Select[Any]:
    """Key and texts of the planned rows that no hold covers, locked until they are changed."""
    row = relation(rulebook.live, item.collection, "text_row")
    names = [name for name, _ in rulebook.key(item.collection)]
    texts = (sa.cast(row.c[name], sa.Text).label(f"text_{name}") for name in item.columns)
    return (
        sa.select(*(row.c[name] for name in names), *texts)
        .select_from(row.join(planned, is_same(rulebook, item.collection, row, planned)))
        .where(sa.not_(cover.covers(item.collection, row, kind="hold")))
        .with_for_update(of=row)
    )


def _rewriting(rulebook: Rulebook, item: Item) -> sa.Update:
    row = table_of(rulebook, item.collection)
    live = rulebook.live[item.collection].columns
    texts = {
        name: sa.cast(sa.bindparam(f"text_{number}", type_=sa.Text), NamedType(live[name].type))
        for number, name in enumerate(item.columns)
    }
    same = [
        row.c[name] == sa.bindparam(f"key_{number}")
        for number, (name, _) in enumerate(rulebook.key(item.collection))
    ]
    return sa.update(row).values(texts).where(*same)
