"""A sample company's folder, read into values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from sqlalchemy import text

from lifecycle.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

POPULATION, AFTERWARDS = "population.sql", "like_release.sql"
ROWS_A_CHUNK = 20_000
BOUND = frozenset({"customers", "days", "seed", "as_of"})
BOUND_A_CHUNK = frozenset({"first", "last"})

_OPENING = re.compile(r"^-- name: *(?P<name>\S.*?) *$", re.MULTILINE)
_HEADER = re.compile(r"^-- (?P<key>each|chunk): *(?P<value>.+?) *$", re.MULTILINE)

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2,3}_[A-Z]{2}$")]
Weights = Annotated[dict[Locale, PositiveInt], Field(min_length=1)]


class Pool(BaseModel):
    """Invented records of one kind.

    Attributes:
        size: how many records.
        columns: column name to Faker provider, or to ``locale_territory`` or ``locale_language``.
        locales: locale to weight, where they differ from those of the whole sample.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[int, Field(ge=1, le=100_000)]
    columns: Annotated[dict[Identifier, str], Field(min_length=1)]
    locales: Weights | None = None


class Pools(BaseModel):
    """The whole of ``pools.yaml``: the locales of the sample, with weights, and its pools by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    locales: Weights
    pools: dict[Identifier, Pool]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One named statement of ``population.sql``.

    Attributes:
        name: what it fills, for people.
        sql: the statement; may bind ``:customers``, ``:days``, ``:seed`` and ``:as_of``.
        each: SQL expression that counts the units of work. The statement then runs once per chunk of them
            and binds ``:first`` and ``:last``, both included and starting at 1. None: it runs once.
        chunk: units a chunk.
    """

    name: str
    sql: str
    each: str | None
    chunk: int


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A sample company: its tables, the values to draw from, and the statements that fill the tables.

    Attributes:
        afterwards: statements that run when columns were drawn like a release: what else such a row says then fits.
    """

    schema: str
    pools: Pools
    statements: tuple[Statement, ...]
    afterwards: tuple[Statement, ...] = ()


def read_sample(folder: Path) -> Sample:
    """Read ``schema.sql``, ``pools.yaml``, ``population.sql``, and ``like_release.sql`` where it is there.

    Raises:
        UsageError: a file is missing, empty or malformed.
    """
    afterwards = folder / AFTERWARDS
    return Sample(
        schema=read_text(folder / "schema.sql"),
        pools=_read_pools(folder / "pools.yaml"),
        statements=_read_statements(folder / POPULATION),
        afterwards=_read_statements(afterwards) if afterwards.exists() else (),
    )


def read_text(path: Path) -> str:
    """The content of a file of the folder.

    Raises:
        UsageError: it cannot be read, or holds nothing.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot be read ({type(error).__name__})",
            place=str(path),
            next_step="point LIFECYCLE_SAMPLE_DIR at a folder with schema.sql, population.sql and pools.yaml",
        ) from error
    if not content.strip():
        raise UsageError("is empty", place=str(path), next_step="restore the file")
    return content


def _read_pools(path: Path) -> Pools:
    try:
        return Pools.model_validate(YAML(typ="safe").load(read_text(path)))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(
            f"is not YAML: {error.problem}", place=f"{path}:{line}", next_step="correct that line"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the top of the file"
        raise UsageError(
            f"{where}: {first['msg']}", place=str(path), next_step="correct that entry"
        ) from error


def _read_statements(path: Path) -> tuple[Statement, ...]:
    _preamble, *parts = _OPENING.split(read_text(path))
    statements = tuple(
        _statement(name, block, path) for name, block in zip(parts[::2], parts[1::2], strict=True)
    )
    names = [statement.name for statement in statements]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if not statements or repeated:
        fault = f"names {repeated[0]} twice" if repeated else "has no statement"
        raise UsageError(
            fault, place=str(path), next_step="open each statement with a line `-- name: …` of its own"
        )
    return statements


def _statement(name: str, block: str, path: Path) -> Statement:
    header = {match["key"]: match["value"] for match in _HEADER.finditer(block)}
    sql = _HEADER.sub("", block).strip()
    each = header.get("each")
    chunk = header.get("chunk", str(ROWS_A_CHUNK))
    if not chunk.isdecimal() or int(chunk) == 0:
        raise UsageError(
            f"{name}: chunk is not a positive number",
            place=str(path),
            next_step="write `-- chunk: 1000` or leave the line out",
        )
    _check_bound(name, each or "", BOUND, path)
    _check_bound(name, sql, BOUND | BOUND_A_CHUNK if each else BOUND, path)
    return Statement(name=name, sql=sql, each=each, chunk=int(chunk))


def _check_bound(name: str, sql: str, known: frozenset[str], path: Path) -> None:
    unknown = sorted(set(text(sql).compile().params) - known)
    if unknown:
        raise UsageError(
            f"{name}: nothing is bound to :{unknown[0]}",
            place=str(path),
            next_step=f"use :{', :'.join(sorted(known))}; write a colon that means itself as \\:",
        )
