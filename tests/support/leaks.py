"""Where an identifier stands, in whatever way it may have been written down."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from support.databases import Database

SEALED = {
    "request_identity.sealed",
    "request_correction.sealed",
    "outbox.body",
    "request_package.archive",
    "request_package.passphrase",
}
"""Columns that hold identifiers, encrypted."""


def spellings(word: str) -> set[bytes]:
    """A word as it is, in URLs, in base64 wherever it begins, in hexadecimal; compared without regard to case."""
    raw = word.lower().encode()
    found = {raw, quote(word.lower(), safe="").encode(), raw.hex().encode()}
    for variant in (word, word.lower(), word.upper()):
        for offset in range(3):
            coded = base64.b64encode(b"\0" * offset + variant.encode())
            # What depends on the neighbours of the word is left out at both ends.
            found.add(coded[4 if offset else 0 : len(coded) // 4 * 4 - 4].lower())
    return {one for one in found if len(one) >= 8}


def leaks(words: Iterable[str], content: bytes) -> set[bytes]:
    """The spellings of the words that stand in something."""
    small = content.lower()
    return {one for word in words for one in spellings(word) if one in small}


def contents_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What every file holds, read in a copy that another process makes.

    To close a file is to give up every lock that this process has on it (POSIX), those of its connections to an
    SQLite database as well: the next process that opens the database would break it.
    """
    with TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy"
        subprocess.run(["cp", "-RP", str(folder), str(copy)], check=True)  # noqa: S603, S607 - a folder of the tests
        for path in copy.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(copy)), path.read_bytes()


def leaks_in_folder(words: Iterable[str], folder: Path) -> dict[str, set[bytes]]:
    """By file."""
    words = tuple(words)
    found = {name: leaks(words, content) for name, content in contents_of(folder)}
    return {name: hits for name, hits in found.items() if hits}


def leaks_in_control_schema(words: Iterable[str], database: Database) -> dict[str, set[bytes]]:
    """By table of the project's own schema, sealed columns left aside; functions and grants are none of it."""
    words = tuple(words)
    tables = database.execute(
        "SELECT table_name, array_agg(column_name::text) AS columns FROM information_schema.columns"
        " WHERE table_schema = 'lifecycle' GROUP BY table_name"
    )
    found = {}
    for name, columns in tables:
        kept = [sa.column(one) for one in columns if f"{name}.{one}" not in SEALED]
        query = sa.select(*(sa.cast(one, sa.Text) for one in kept)).select_from(
            sa.table(name, schema="lifecycle")
        )
        with database.connect().connect() as connection:
            text = "\n".join(str(tuple(row)) for row in connection.execute(query))
        found[name] = leaks(words, text.encode())
    return {name: hits for name, hits in found.items() if hits}
