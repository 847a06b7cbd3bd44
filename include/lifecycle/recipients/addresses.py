"""Where recipients are reached: the policy names a variable of the environment, which holds the address."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lifecycle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from lifecycle.policy.model import Policy

_WRITTEN = "write it as https://host/path, without user, password or fragment"


def address_of(policy: Policy, recipient: str, environment: Mapping[str, str]) -> str:
    """The address of a recipient.

    Raises:
        UsageError: the policy names none, its variable is not set, or it is no address to which personal data may
            be sent; what stands there is not repeated, since it may hold a secret.
    """
    stated = policy.recipients.get(recipient)
    if stated is None or stated.notify is None:
        raise _unusable(recipient, "the policy in force names no address of it", "settle its notices by hand")
    name = stated.notify.http.removeprefix("env:")
    address = environment.get(name, "").strip()
    if not address:
        raise _unusable(recipient, f"{name} is not set", "set it to the address at which it is told")
    _require_safe(recipient, name, address)
    return address


def is_loopback(address: str) -> bool:
    """Whether an address is of this machine."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _require_safe(recipient: str, name: str, address: str) -> None:
    parts = _parts(address)
    if parts is None or parts.scheme not in ("https", "http") or not parts.hostname:
        raise _unusable(recipient, f"{name} holds no address", _WRITTEN)
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _unusable(recipient, f"{name} holds more than an address", _WRITTEN)
    if parts.scheme == "http" and not is_loopback(address):
        raise _unusable(
            recipient,
            f"{name} holds an address to which everything is sent in clear",
            "use https; http is for this machine alone",
        )


def _parts(address: str) -> SplitResult | None:
    if not address.isascii() or not address.isprintable() or " " in address:
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    return parts


def _unusable(recipient: str, message: str, next_step: str) -> UsageError:
    return UsageError(message, place=f"recipient {recipient}", next_step=next_step)
