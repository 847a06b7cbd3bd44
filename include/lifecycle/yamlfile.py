"""YAML files read so that an error can name the file and the line.

YAML 1.2 through ruamel.yaml. Aliases are refused altogether (a policy needs none, and they are how a
small file becomes a huge one), duplicate keys are errors, and a file over :data:`LARGEST_BYTES` or nested
deeper than :data:`DEEPEST` is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from lifecycle.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LARGEST_BYTES = 4_000_000
DEEPEST = 40

Model = TypeVar("Model", bound=BaseModel)


class YamlFile:
    """One parsed file: its ``data`` and, for a path of keys into it, the line."""

    def __init__(self, path: Path) -> None:
        """Read and parse ``path``.

        Raises:
            PolicyError: missing, unreadable, too large, not YAML, aliases, duplicate keys.
        """
        self.path = path
        text = _read(path)
        try:
            _refuse_aliases_and_depth(text, path)
            self.data: Any = YAML(typ="rt").load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise PolicyError(
                f"not valid YAML: {error.problem or error.context}",
                place=f"{path}:{mark.line + 1 if mark else 1}",
                next_step="correct the file at that line",
            ) from None
        except YAMLError as error:
            raise PolicyError(
                f"not valid YAML: {type(error).__name__}",
                place=str(path),
                next_step="save the file as UTF-8 text",
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

    def parse(self, model: type[Model], *, under: Sequence[str | int] = ()) -> Model:
        """Validate the data (or the part at ``under``) as ``model``.

        Raises:
            PolicyError: naming file, line and field of every mistake, without the values.
        """
        data = self.data
        for key in under:
            data = data[key]
        try:
            return model.model_validate(_plain(data))
        except ValidationError as error:
            mistakes = [self._describe(mistake["loc"], mistake["msg"], under) for mistake in error.errors()]
            raise PolicyError(
                "; ".join(message for _, message in mistakes),
                place=mistakes[0][0],
                next_step="correct the field named; docs/policy-format.md lists what each may say",
            ) from None

    def _describe(
        self, location: Sequence[str | int], message: str, under: Sequence[str | int]
    ) -> tuple[str, str]:
        keys = [*under, *location]
        dotted = ".".join(str(key) for key in keys) or "the file"
        return self.place(keys), f"{dotted} (line {self.line(keys)}): {message.removeprefix('Value error, ')}"


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise PolicyError(
                f"larger than {LARGEST_BYTES} bytes", place=str(path), next_step="split the file by dataset"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            f"cannot be read ({type(error).__name__})",
            place=str(path),
            next_step="check the path, its permissions and that it is UTF-8 text",
        ) from None


def _refuse_aliases_and_depth(text: str, path: Path) -> None:
    depth = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, AliasEvent):
            raise PolicyError(
                "aliases (*name) are not read",
                place=f"{path}:{event.start_mark.line + 1}",
                next_step="write the value out where it is used",
            )
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            raise PolicyError(
                f"nested deeper than {DEEPEST} levels",
                place=f"{path}:{event.start_mark.line + 1}",
                next_step="flatten the file",
            )


def _line_of(node: Any, key: str | int) -> int | None:
    if isinstance(node, CommentedMap) and key in node:
        return int(node.lc.key(key)[0]) + 1
    if isinstance(node, CommentedSeq) and isinstance(key, int) and 0 <= key < len(node):
        return int(node.lc.item(key)[0]) + 1
    return None


def _plain(node: Any) -> Any:
    """The same data as plain dicts and lists, scalars as their base types."""
    if isinstance(node, dict):
        return {_plain(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for base in (bool, int, float, str):
        if isinstance(node, base):
            return base(node)
    return node
