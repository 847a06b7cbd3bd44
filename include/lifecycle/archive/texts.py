"""Values put together into the texts of rows, as PostgreSQL would: it need not write each value thrice.

Of the text of a row a digest is made, here when a document is written and by PostgreSQL whenever it asks whether the
tables still have that document: both have to write it alike, byte for byte (``record_out``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_PLAIN = frozenset({"smallint", "integer", "bigint", "numeric", "boolean", "uuid"})
"""Types that write no value in which a mark could stand."""
_QUOTED_IN_ROWS = r'^$|[\x09-\x0d "\\(),]'
"""Values that stand in quotation marks in the text of a row."""
_ESCAPED_IN_JSON = r'[\x00-\x1f"\\]'


def row_texts(values: pa.Table, kinds: Mapping[str, str]) -> pa.Array:
    """What PostgreSQL writes of ``ROW(...)::text``, for each row.

    Args:
        values: as their types write them, null where there is none.
        kinds: the columns that count, at least one, and the names of their types.
    """
    pieces: list[str | pa.Array] = []
    for name, kind in kinds.items():
        pieces += ["," if pieces else "(", _in_row(values[name].combine_chunks(), kind)]
    return _joined([*pieces, ")"])


def json_lists(values: pa.Table, kinds: Mapping[str, str]) -> pa.Array:
    """Values of each row as a list of texts and nulls in JSON.

    Args:
        values: as for :func:`row_texts`.
        kinds: of the columns that are listed, in order.
    """
    if not kinds:
        return pa.repeat("[]", values.num_rows)
    pieces: list[str | pa.Array] = []
    for name, kind in kinds.items():
        pieces += ["," if pieces else "[", *_in_json(values[name].combine_chunks(), kind)]
    return _joined([*pieces, "]"])


def _joined(pieces: Iterable[str | pa.Array]) -> pa.Array:
    """One behind the other, for each row; at once, since each time all bytes are copied."""
    together: list[str | pa.Array] = []
    for piece in pieces:
        if isinstance(piece, str) and together and isinstance(together[-1], str):
            together[-1] += piece
        else:
            together.append(piece)
    return pc.binary_join_element_wise(*together, "")


def _in_row(texts: pa.Array, kind: str) -> pa.Array:
    return _marked(texts, kind, _QUOTED_IN_ROWS, _quoted).fill_null("")


def _quoted(texts: pa.Array) -> pa.Array:
    """In quotation marks, those that stand in a value and backslashes doubled."""
    doubled = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '""')
    return pc.binary_join_element_wise('"', doubled, '"', "")


def _in_json(texts: pa.Array, kind: str) -> list[str | pa.Array]:
    escaped = _marked(texts, kind, _ESCAPED_IN_JSON, _escaped)
    if not texts.null_count:
        return ['"', escaped, '"']
    return [pc.binary_join_element_wise('"', escaped, '"', "").fill_null("null")]


def _escaped(texts: pa.Array) -> pa.Array:
    """With escapes for marks and controls, as they stand between the quotation marks of JSON."""
    return pa.array([json.dumps(text, ensure_ascii=False)[1:-1] for text in texts.to_pylist()], pa.string())


def _marked(texts: pa.Array, kind: str, pattern: str, mark: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The values that match a pattern written otherwise, the others as they are."""
    if kind in _PLAIN:
        return texts
    found = pc.match_substring_regex(texts, pattern)
    if not pc.any(found).as_py():
        return texts
    return pc.replace_with_mask(texts, found.fill_null(False), mark(texts.filter(found)))
