"""One request and its answer, however the other side behaves: slow, endless, broken, elsewhere."""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from lifecycle.recipients.addresses import is_loopback
from lifecycle.recipients.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lifecycle.recipients.signing import Message

MOST_CONTENT = 65_536
"""Bytes of an answer that are read; nothing useful is longer."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Seconds that are waited for a connection, for the answer to begin, and for its content."""

    connect: float = 5.0
    answer: float = 30.0
    content: float = 5.0


def trusted() -> ssl.SSLContext:
    """Who vouches for recipients: the public authorities, or those of ``SSL_CERT_FILE``. They take a while to read."""
    return httpx.create_ssl_context()


def exchange_all(messages: Iterable[Message], patience: Patience, trust: ssl.SSLContext) -> list[Answer]:
    """Send requests at the same time; their answers, in the same order."""
    for name in ("httpx", "httpcore"):  # they log addresses and what recipients answer
        logging.getLogger(name).setLevel(logging.WARNING)
    return asyncio.run(_gather(list(messages), patience, trust))


async def _gather(messages: list[Message], patience: Patience, trust: ssl.SSLContext) -> list[Answer]:
    return await asyncio.gather(*(_exchange(message, patience, trust) for message in messages))


async def _exchange(message: Message, patience: Patience, trust: ssl.SSLContext) -> Answer:
    """A request to this machine goes to it, and through no proxy that the environment names."""
    uses_environment = not is_loopback(message.url)
    timeout = httpx.Timeout(patience.answer, connect=patience.connect)
    try:
        async with httpx.AsyncClient(
            verify=trust, timeout=timeout, trust_env=uses_environment, follow_redirects=False
        ) as client:
            request = client.build_request(
                message.method, message.url, content=message.content, headers=message.headers
            )
            async with asyncio.timeout(patience.answer):
                response = await client.send(request, stream=True)
            content = await _content(response, patience)
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Answer(outcome=_outcome(error), is_out=True)
    return Answer(
        outcome=f"status_{response.status_code}",
        status=response.status_code,
        retry_after=response.headers.get("retry-after", ""),
        content=content,
    )


async def _content(response: httpx.Response, patience: Patience) -> bytes:
    """What stands in the answer; nothing where it is too long or breaks off. The status was heard in any case."""
    content = b""
    try:
        async with asyncio.timeout(patience.content):
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > MOST_CONTENT:
                    return b""
    except (TimeoutError, httpx.HTTPError, OSError):
        return b""
    finally:
        await response.aclose()
    return content


def _outcome(error: BaseException) -> str:
    """What went wrong, in one word."""
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        return "untrusted"
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "timeout"
    return "unreachable" if isinstance(error, httpx.ConnectError) else "broken"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
