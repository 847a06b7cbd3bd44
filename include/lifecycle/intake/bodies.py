"""What is sent to the page: bounded, of a known type, and never quoted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from fastapi import HTTPException

if TYPE_CHECKING:
    from fastapi import Request

LARGEST = 32 * 1024
"""Bytes of a body: some dozens of identities."""
MOST_FIELDS = 100
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


async def read_body(request: Request) -> bytes:
    """The body, unless it is too large; of one that says so nothing is read.

    Raises:
        HTTPException: 413.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > LARGEST:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise _too_large()
    return bytes(body)


async def read_fields(request: Request) -> dict[str, Any]:
    """The fields of a form or of a JSON object; of a form each is a list of texts.

    Raises:
        HTTPException: 413, 415 of another content type, 400 where it cannot be read or a text of it is none.
    """
    kind = content_type(request)
    if kind not in {FORM, JSON}:
        raise HTTPException(415, f"send {JSON} or {FORM}")
    body = await read_body(request)
    try:
        fields = _form(body.decode()) if kind == FORM else _object(body.decode())
        is_text = _is_text(fields)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body cannot be read") from None
    if not is_text:
        raise HTTPException(400, "the body holds half a character: a surrogate without the other one")
    return fields


def content_type(request: Request) -> str:
    """The media type of the body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _form(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=MOST_FIELDS)
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def _object(text: str) -> dict[str, Any]:
    fields = json.loads(text or "{}")
    if not isinstance(fields, dict):
        raise ValueError("no object")  # noqa: TRY004 - what it is caught as
    return fields


def _is_text(fields: dict[str, Any]) -> bool:
    """Whether every text consists of whole characters: JSON can write one half of a pair alone."""
    try:
        json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_large() -> HTTPException:
    return HTTPException(413, f"send no more than {LARGEST} bytes")
