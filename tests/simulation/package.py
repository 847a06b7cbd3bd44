"""Reads what a subject finds in a package."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyzipper

from simulation.tables import UUID_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulation.tables import Name


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What stands in a package: the subject's rows, how many of others there are by table, and all of it as text."""

    own: set[Name]
    others: Counter[str]
    text: str


def opened(archive: bytes, passphrase: str) -> Fetched:
    """Open an archive; the same rows stand in it in several forms."""
    with pyzipper.AESZipFile(io.BytesIO(archive)) as files:
        files.setpassword(passphrase.encode())
        texts = {name: files.read(name).decode() for name in files.namelist()}
    rows = list(_rows(texts))
    return Fetched(
        own={(table, _key(table, values)) for table, values, is_own in rows if is_own},
        others=Counter(table for table, _, is_own in rows if not is_own),
        text="\n".join(texts.values()),
    )


def _rows(texts: dict[str, str]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """The rows of an archive by table, and whether each is the subject's; of others' even the key may be hidden."""
    for file, text in texts.items():
        if file.startswith("data/") and file.endswith(".json"):
            table = file.removeprefix("data/").removesuffix(".json")
            yield from ((table, row, True) for row in json.loads(text))
        elif file == "copy.json":
            for one in json.loads(text)["collections"]:
                for row in one["rows"]:
                    yield one["collection"], row["values"], row["relation"] in {"names", "belongs"}


def _key(table: str, values: dict[str, Any]) -> int:
    return UUID(values["id"]).int if (table, "id") in UUID_COLUMNS else int(values["id"])
