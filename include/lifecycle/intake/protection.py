"""What surrounds every answer: strict headers, errors that quote nothing, forms that were sent on purpose."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException
from fastapi.routing import APIRoute
from itsdangerous import BadSignature, URLSafeTimedSerializer

from lifecycle.errors import LifecycleError, NotFound, StoreError, UsageError, place_of
from lifecycle.intake.show import problem

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Request, Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
HOURS_OF_A_FORM = 8
_SALT = "lifecycle.requests"


class StrictHeaders:
    """Adds the headers to every answer of an application, whatever it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; the start of the answer gets the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                taken = {name for name, _ in own}
                others = [one for one in message["headers"] if one[0].lower() not in taken]
                message = {**message, "headers": [*others, *own]}
            await send(message)

        await self.app(scope, receive, send_with_headers)


class QuietRoute(APIRoute):
    """A route whose errors reach neither a log nor an answer with what they say, unless the project said it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with its errors made into answers."""
        handle = super().get_route_handler()

        async def quietly(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException:
                raise
            except LifecycleError as error:
                return refusal(request, error)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told without its text
                logger.error("%s at %s", type(error).__name__, place_of(error))  # noqa: TRY400 - its text stays out
                return problem(request, 500, "the page failed; its log says where")

        return quietly


def refusal(request: Request, error: LifecycleError) -> Response:
    """What the project refuses, as an answer: its own words, which hold nothing personal."""
    if isinstance(error, StoreError):
        logger.error("%s", error)
        return problem(request, 503, "the database cannot be used; the log says why")
    if isinstance(error, NotFound):
        return problem(request, 404, error.message)
    return problem(request, 400 if isinstance(error, UsageError) else 409, str(error))


class Forms:
    """Tokens by which a form is known to come from this page and for this operator.

    Args:
        secret: the same for every server of the page.
    """

    def __init__(self, secret: str) -> None:
        self._signer = URLSafeTimedSerializer(secret, salt=_SALT)

    def token(self, operator: str) -> str:
        """For the forms that an operator is shown."""
        return str(self._signer.dumps(operator))

    def require(self, token: str, operator: str) -> None:
        """The token was made for this operator, some hours ago at most.

        Raises:
            HTTPException: 403.
        """
        try:
            if self._signer.loads(token, max_age=HOURS_OF_A_FORM * 3600) == operator:
                return
        except BadSignature:
            pass
        raise HTTPException(403, "the form is too old or was not made here; open the page again")


def require_same_site(request: Request) -> None:
    """Refuse what another site made a browser send.

    Raises:
        HTTPException: 403.
    """
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise HTTPException(403, "sent from another site")
