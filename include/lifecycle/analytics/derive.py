"""Country and kind of device, told offline from an address and from what a browser calls itself.

Neither is kept: whatever is told of them takes their place in the step that reads them (W6).
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from lifecycle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import maxminddb

UNKNOWN = "unknown"
"""What stands where nothing was said or can be told."""
ROBOT = "robot"
"""A kind of device whose events are left out."""

_ROBOT_WORDS = (
    "bot",
    "crawl",
    "spider",
    "slurp",
    "headless",
    "curl/",
    "wget/",
    "python-",
    "httpclient",
    "monitoring",
)
_TABLETS = re.compile(r"ipad|tablet|kindle|silk/|playbook", re.IGNORECASE)
_TELEVISIONS = re.compile(r"smart-?tv|apple ?tv|bravia|web0s|hbbtv|roku|googletv|crkey", re.IGNORECASE)
_COUNTRY = re.compile(r"[A-Z]{2}")


class Countries:
    """Countries of addresses, by a GeoIP file where the operator has one.

    Args:
        path: of the file (``.mmdb``); None where there is none.

    Raises:
        UsageError: it cannot be read.
    """

    def __init__(self, path: Path | None) -> None:
        self._reader = _opened(path) if path else None

    def of(self, address: str | None) -> str | None:
        """The country by its ISO 3166-1 code; None where it cannot be told."""
        return _country(self._reader, address) if self._reader and address else None

    @property
    def tells_any(self) -> bool:
        """Whether there is a file to ask."""
        return self._reader is not None


class Devices:
    """Kinds of devices: ``desktop``, ``mobile``, ``tablet``, ``television``, ``robot`` or ``unknown``.

    Args:
        robots: words by which a robot is known, beside those that everybody knows.
    """

    def __init__(self, robots: Iterable[str] = ()) -> None:
        self._words = (*_ROBOT_WORDS, *(word.casefold() for word in robots))

    def of(self, user_agent: str | None) -> str:
        """The kind of device that a user agent names; a blank one names none."""
        return self._told(user_agent) if user_agent and user_agent.strip() else UNKNOWN

    def _told(self, user_agent: str) -> str:
        import ua_parser

        folded = user_agent.casefold()
        if any(word in folded for word in self._words):
            return ROBOT
        result = ua_parser.parse(user_agent[:_LONGEST_USER_AGENT])
        if result.device and result.device.family == "Spider":
            return ROBOT
        if _TELEVISIONS.search(user_agent):
            return "television"
        if _TABLETS.search(user_agent):
            return "tablet"
        return _by_system(result.os.family if result.os else "", folded)


_LONGEST_USER_AGENT = 1_000
"""What comes after is padding; regular expressions read every letter many times."""
_DESKTOPS = frozenset({"Windows", "Mac OS X", "Linux", "Ubuntu", "Chrome OS", "Fedora", "Debian", "FreeBSD"})


def _by_system(system: str, folded: str) -> str:
    if system == "iOS":
        return "mobile"
    if system == "Android":
        return "mobile" if "mobile" in folded else "tablet"
    if system in _DESKTOPS:
        return "desktop"
    return "mobile" if "mobile" in folded else UNKNOWN


def group_of(value: str | None, groups: Mapping[str, Iterable[str]], otherwise: str) -> str:
    """The first group of which a value has a word; ``unknown`` where there is no value."""
    if value is None or not value.strip():
        return UNKNOWN
    folded = value.casefold()
    for name, words in groups.items():
        if any(re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", folded) for word in words):
            return name
    return otherwise


def as_country(value: str | None) -> str:
    """A country as an event carries it: two letters, or ``unknown``."""
    code = (value or "").strip().upper()
    return code if _COUNTRY.fullmatch(code) else UNKNOWN


def _opened(path: Path) -> maxminddb.Reader:
    import maxminddb

    try:
        return maxminddb.open_database(path)
    except (OSError, maxminddb.InvalidDatabaseError):
        raise UsageError(
            "this GeoIP file cannot be read",
            place=str(path),
            next_step="give one in MaxMind's format (.mmdb), or leave LIFECYCLE_GEOIP empty",
        ) from None


def _country(reader: maxminddb.Reader, address: str) -> str | None:
    found = None
    with suppress(ValueError):  # no address at all, or of a family that the file does not have
        found = reader.get(address)
    country = found.get("country") if isinstance(found, dict) else None
    code = country.get("iso_code") if isinstance(country, dict) else None
    return code if isinstance(code, str) and _COUNTRY.fullmatch(code) else None
