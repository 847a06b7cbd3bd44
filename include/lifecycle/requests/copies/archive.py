"""Archives that a subject opens with a passphrase: ZIP, encrypted with AES-256, as common programmes read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_zip import ZIP_32, stream_zip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_READABLE_BY_OWNER = 0o100600


def encrypted(files: Mapping[str, bytes], passphrase: str, *, made_at: datetime) -> bytes:
    """The archive of some files; their names can be read without the passphrase, so they say nothing."""
    members = ((name, made_at, _READABLE_BY_OWNER, ZIP_32, (content,)) for name, content in files.items())
    return b"".join(stream_zip(members, password=passphrase))
