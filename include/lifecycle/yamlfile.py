"""YAML files read so that an error can name the file and the line.

YAML 1.2 through ruamel.yaml. Aliases are refused altogether (a policy needs none, and they are how a
small file becomes a huge one), so are tags and merge keys; duplicate keys are errors, and a file over
:data:`LARGEST_BYTES` or nested deeper than :data:`DEEPEST` is not read. Whatever a file holds, the only error
that comes out is a :class:`~lifecycle.errors.PolicyError`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

from lifecycle.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LARGEST_BYTES = 1_000_000
DEEPEST = 40
MOST_MISTAKES = 20
"""So many mistakes of one file are named at once."""

_NO_TEXT = re.compile(r"[\x00\ud800-\udfff]")
"""What neither UTF-8 nor PostgreSQL can hold."""
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError)
"""What the parser raises, besides its own errors, on text that is no YAML (an escape beyond Unicode, say)."""

Model = TypeVar("Model", bound=BaseModel)


class YamlFile:
    """One parsed file: its ``data``, the SHA-256 ``digest`` of its bytes and, for a path of keys into it, the line."""

    def __init__(self, path: Path) -> None:
        """Read and parse ``path``.

        Raises:
            PolicyError: missing, unreadable, too large, not YAML, aliases, duplicate keys.
        """
        self.path = path
        text = _read(path)
        self.digest = sha256(text.encode()).hexdigest()
        try:
            self.data: Any = _document(text, path)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = str(error.problem or error.context).split(" with value ", 1)[0]
            raise PolicyError(
                f"not valid YAML: {problem}",
                place=f"{path}:{mark.line + 1 if mark else 1}",
                next_step="correct the file at that line",
            ) from None
        except (YAMLError, *_UNREADABLE) as error:
            raise PolicyError(
                f"not valid YAML: {type(error).__name__}",
                place=str(path),
                next_step="look for stray control characters, tags and directives; plain UTF-8 text needs none",
            ) from None

    def line(self, keys: Sequence[str | int]) -> int:
        """Line (from 1) of the deepest of ``keys`` that stands in the file."""
        node, line = self.data, 1
        for key in keys:
            found = _line_of(node, key)
            if found is None:
                break
            line, node = found, node[key]
        return line

    def place(self, keys: Sequence[str | int]) -> str:
        """``file:line`` of a path of keys."""
        return f"{self.path}:{self.line(keys)}"

    def parse(self, model: type[Model], *, guide: str) -> Model:
        """Validate the data as ``model``.

        Args:
            model: the form of the file.
            guide: the page that describes it, for an error's next step.

        Raises:
            PolicyError: naming file, line and field of every mistake (:data:`MOST_MISTAKES` at most).
        """
        if not isinstance(self.data, dict):
            raise PolicyError(
                "the file is empty" if self.data is None else "the file is no mapping of names to values",
                place=f"{self.path}:1",
                next_step=f"{guide} shows what it holds",
            )
        try:
            return model.model_validate(self._plain(self.data))
        except ValidationError as error:
            found = [self._describe(mistake) for mistake in error.errors(include_url=False)]
            messages = list(dict.fromkeys(message for _, message in found))
            if len(messages) > MOST_MISTAKES:
                messages[MOST_MISTAKES:] = [f"and {len(messages) - MOST_MISTAKES} more"]
            raise PolicyError(
                "; ".join(messages),
                place=found[0][0],
                next_step=f"correct the field named; {guide} lists what each may say",
            ) from None

    def _plain(self, node: Any) -> Any:
        """The same data as plain dicts and lists, scalars as their base types."""
        if isinstance(node, dict):
            for key in node:
                if not isinstance(key, str):
                    raise PolicyError(
                        "a name in front of a colon is no text",
                        place=f"{self.path}:{_line_of(node, key) or 1}",
                        next_step="put it in quotes, or correct it",
                    )
            return {str(key): self._plain(value) for key, value in node.items()}
        if isinstance(node, list):
            return [self._plain(value) for value in node]
        for base in (bool, int, float, str):
            if isinstance(node, base):
                return base(node)
        return node

    def _describe(self, mistake: Any) -> tuple[str, str]:
        """Place and sentence of one of pydantic's errors."""
        keys = self._keys_in_file(mistake["loc"], mistake["type"])
        dotted = ".".join(str(key) for key in keys) or "the file"
        return (
            self.place(keys),
            f"{dotted} (line {self.line(keys)}): {mistake['msg'].removeprefix('Value error, ')}",
        )

    def _keys_in_file(self, location: Sequence[str | int], mistake: str) -> list[str | int]:
        """The keys of a location that stand in the file, and the one that is missing there.

        What pydantic adds to tell the members of a union apart is left out.
        """
        node, keys = self.data, []
        for key in location:
            if _line_of(node, key) is not None:
                keys.append(key)
                node = node[key]
        if mistake == "missing":
            keys.append(location[-1])
        return keys


class _Constructor(RoundTripConstructor):
    """Says at which line a value stands that is none, such as 31 February."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - as ruamel.yaml calls it
        try:
            return super().construct_object(node, deep)
        except _UNREADABLE:
            problem = "there is no such value (a date, or a number, that does not exist)"
            raise ConstructorError(None, None, problem, node.start_mark) from None


def _parser() -> YAML:
    parser = YAML(typ="rt")
    parser.Constructor = _Constructor
    return parser


def _read(path: Path) -> str:
    try:
        if not path.is_file():
            raise PolicyError(
                "there is no such file", place=str(path), next_step="check the path and its permissions"
            )
        if path.stat().st_size > LARGEST_BYTES:
            raise PolicyError(
                f"larger than {LARGEST_BYTES} bytes", place=str(path), next_step="split the file by dataset"
            )
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            f"cannot be read ({type(error).__name__})",
            place=str(path),
            next_step="check the path, its permissions and that it is UTF-8 text",
        ) from None


@lru_cache(maxsize=32)
def _document(text: str, path: Path) -> Any:
    """The parsed text; once as long as it stays the same, since whoever opens a company reads the same few files."""
    _refuse_what_is_not_plain(text, path)
    return _parser().load(text)


def _refuse_what_is_not_plain(text: str, path: Path) -> None:
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        problem = (
            _too_much(event) if depth <= DEEPEST else (f"nested deeper than {DEEPEST} levels", "flatten it")
        )
        if problem:
            message, next_step = problem
            raise PolicyError(message, place=f"{path}:{event.start_mark.line + 1}", next_step=next_step)


def _too_much(event: Any) -> tuple[str, str] | None:
    """What YAML can do and a file of plain data needs not, with the next step."""
    if isinstance(event, AliasEvent):
        return "aliases (*name) are not read", "write the value out where it is used"
    if getattr(event, "tag", None):
        return "tags (!name) are not read", "write the plain value, in quotes where it is text"
    if isinstance(event, ScalarEvent):
        if event.value == "<<" and event.style is None:
            return "merge keys (<<) are not read", "write the values out"
        if _NO_TEXT.search(event.value):
            return "a value holds an escape that is no character", "correct or remove the escape"
    return None


def _line_of(node: Any, key: Any) -> int | None:
    if isinstance(node, CommentedMap) and key in node:
        return int(node.lc.key(key)[0]) + 1
    if isinstance(node, CommentedSeq) and isinstance(key, int) and 0 <= key < len(node):
        return int(node.lc.item(key)[0]) + 1
    return None
