"""Answers as a browser shows them, or as JSON for whoever asks for that."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.responses import Response as PlainResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request, Response

_TITLES = {
    400: "That cannot be done",
    401: "Log in first",
    403: "Not allowed",
    404: "Nothing here",
    409: "Not now",
    413: "Too large",
    415: "Not of a known type",
    503: "The database cannot be used",
}


def wants_page(request: Request) -> bool:
    """Whether a browser asks."""
    return "text/html" in request.headers.get("accept", "")


def shown(request: Request, template: str, document: Mapping[str, Any], **around: Any) -> Response:
    """A document: as JSON, or as a page with what is around it."""
    if not wants_page(request):
        return JSONResponse(dict(document))
    page = _templates().get_template(template)
    return HTMLResponse(page.render(root=request.scope.get("root_path", ""), **{**document, **around}))


def problem(request: Request, status: int, detail: str) -> Response:
    """Why there is no answer."""
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}  # noqa: PLR2004 - RFC 9110, 15.5.2
    if not wants_page(request):
        return JSONResponse({"detail": detail}, status, headers)
    text = (
        _templates()
        .get_template("problem.html")
        .render(
            root=request.scope.get("root_path", ""),
            title=_TITLES.get(status, "The page failed"),
            detail=detail,
        )
    )
    return HTMLResponse(text, status, headers)


def style() -> Response:
    """The style sheet."""
    loader = PackageLoader("lifecycle.intake")
    source, _, _ = loader.get_source(_templates(), "style.css")
    return PlainResponse(source, media_type="text/css")


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("lifecycle.intake"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
