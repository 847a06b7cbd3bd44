"""The deployment's files as Docker Compose reads them: variables filled in, anchors merged."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parents[2]

VARIABLE = re.compile(r"\$\$|\$\{(?P<name>[A-Z0-9_]+)(?:(?P<kind>:-|:\?)(?P<rest>[^}]*))?\}")


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service, its variables filled in.

    Attributes:
        name: its key in the file.
        settings: everything the file says about it.
    """

    name: str
    settings: dict[str, Any]

    @property
    def is_built_here(self) -> bool:
        """Whether it runs the project's own image."""
        return "build" in self.settings

    @property
    def environment(self) -> dict[str, str]:
        """Its environment variables."""
        return self.settings["environment"]

    @property
    def commands(self) -> list[list[str]]:
        """What it runs, as words: one command, or each line of a shell script."""
        command = self.settings.get("command", [])
        if command[:2] == ["sh", "-ec"]:
            return [shlex.split(line) for line in command[2].splitlines()]
        return [command] if command else []

    @property
    def health_command(self) -> list[str]:
        """What its health check runs, as words; empty without one."""
        kind, *words = self.settings.get("healthcheck", {}).get("test", ["NONE"])
        return shlex.split(words[0]) if kind == "CMD-SHELL" else words


def text() -> str:
    """The compose file as it is written."""
    return (PROJECT / "docker-compose.yaml").read_text(encoding="utf-8")


def document(variables: dict[str, str]) -> dict[str, Any]:
    """The compose file with `variables` filled in."""
    return _fill(yaml.safe_load(text()), variables)


def services(variables: dict[str, str]) -> list[Service]:
    """Every service, with `variables` filled in."""
    return [Service(name=name, settings=value) for name, value in document(variables)["services"].items()]


def example_variables() -> dict[str, str]:
    """Names and values of ``.env.example``; a secret's value is empty."""
    lines = (PROJECT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _fill(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(part, variables) for key, part in value.items()}
    if isinstance(value, list):
        return [_fill(part, variables) for part in value]
    return VARIABLE.sub(lambda found: _replace(found, variables), value) if isinstance(value, str) else value


def _replace(found: re.Match[str], variables: dict[str, str]) -> str:
    if found["name"] is None:
        return "$"
    return variables.get(found["name"]) or (found["rest"] if found["kind"] == ":-" else "")
