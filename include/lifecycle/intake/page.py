"""The routes of the page, each behind the same door: without an operator it does not even tell what there is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse

from lifecycle.errors import LifecycleError
from lifecycle.intake.bodies import FORM, content_type, read_fields
from lifecycle.intake.given import (
    Answered,
    Asked,
    Lifted,
    Reasoned,
    Verified,
    Weighed,
    checked,
    from_form,
)
from lifecycle.intake.office import Office
from lifecycle.intake.protection import Forms, QuietRoute, StrictHeaders, require_same_site
from lifecycle.intake.show import problem, shown, style, wants_page
from lifecycle.pages import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lifecycle.intake.given import Given
    from lifecycle.policy.model import RequestKind

_NUMBER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CANDIDATE = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What the page is given by whoever runs it.

    Attributes:
        operator: a dependency: the name of whoever is logged in and may start runs; raises HTTPException otherwise.
        is_running: whether a run answers a request at the moment.
        require_unpaused: refuses where Airflow would let a run of a kind of request wait.
        start: starts a run of a request of a kind in an operator's name; its id.
        secret: signs forms; the same for every server of the page.
        clock: what time it is.
    """

    operator: Callable[..., str]
    is_running: Callable[[UUID], bool]
    require_unpaused: Callable[[RequestKind], None]
    start: Callable[[UUID, RequestKind, str], str]
    secret: Callable[[], str]
    clock: Callable[[], datetime]


def create_page(doors: Doors) -> FastAPI:
    """The page as an application, to be mounted where the doors lead."""
    page = FastAPI(title="Requests of data subjects", docs_url=None, redoc_url=None, openapi_url=None)
    page.add_middleware(StrictHeaders)
    page.add_exception_handler(HTTPException, _answer_problem)
    page.add_exception_handler(RequestValidationError, _answer_unreadable)
    router = APIRouter(route_class=QuietRoute, dependencies=[Depends(doors.operator)])
    _Routes(doors).add_to(router)
    _add_documents(router, page)
    page.include_router(router)
    return page


async def _answer_problem(request: Request, error: Exception) -> Response:
    status, detail = getattr(error, "status_code", 500), getattr(error, "detail", "")
    return problem(request, status, str(detail))


async def _answer_unreadable(request: Request, _error: Exception) -> Response:
    return problem(request, 400, "the request cannot be read")


def _add_documents(router: APIRouter, page: FastAPI) -> None:
    """What the page is made of, and, for everything else, that there is nothing."""

    def style_sheet() -> Response:
        return style()

    def openapi() -> JSONResponse:
        return JSONResponse(page.openapi())

    def nothing(anything: str) -> None:
        del anything
        raise HTTPException(404, "there is nothing here")

    router.get("/style.css", include_in_schema=False)(style_sheet)
    router.get("/openapi.json", include_in_schema=False)(openapi)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    router.api_route("/{anything:path}", methods=methods, include_in_schema=False)(nothing)


def numbered(number: str) -> UUID:
    """The number of a request in an address.

    Raises:
        HTTPException: 404.
    """
    if not _NUMBER.fullmatch(number):
        raise HTTPException(404, "there is no such request")
    return UUID(number)


def counted(candidate: str) -> int:
    """The number of a candidate in an address.

    Raises:
        HTTPException: 404.
    """
    if not _CANDIDATE.fullmatch(candidate):
        raise HTTPException(404, "there is no such candidate")
    return int(candidate)


Number = Annotated[UUID, Depends(numbered)]
Candidate = Annotated[int, Depends(counted)]


class _Routes:
    """The routes; bodies are read before them, so that they can wait for the database in a thread of their own.

    Args:
        doors: what the page is given.
    """

    def __init__(self, doors: Doors) -> None:
        self.doors = doors

    def add_to(self, router: APIRouter) -> None:
        """Add all of them."""
        self._add_reading(router)
        self._add_taking(router)
        for path, kind, act in (
            ("verify", Verified, lambda office, number, said: office.verify(number, said.how)),
            ("extend", Reasoned, lambda office, number, said: office.extend(number, said.reason)),
            ("weigh", Weighed, lambda office, number, said: office.weigh(number, said.decision)),
        ):
            self._add_act(router, path, kind, act)
        for path, is_subjects in (("confirm", True), ("decline", False)):
            self._add_answer(router, path, is_subjects=is_subjects)
        self._add_runs(router)
        self._add_packages(router)

    def _sent(self, kind: type[Given]) -> Any:
        """A dependency: what was sent as this, by an operator on purpose."""

        async def sent(request: Request, operator: str = Depends(self.doors.operator)) -> Given:
            require_same_site(request)
            fields = await read_fields(request)
            if content_type(request) == FORM:
                token = fields.pop("token", [""])[-1]
                Forms(self.doors.secret()).require(token, operator)
                fields = from_form(kind, fields)
            return checked(kind, fields)

        return Depends(sent)

    def _add_reading(self, router: APIRouter) -> None:
        operator = Depends(self.doors.operator)

        @router.get("/requests")
        def listing(request: Request, by: str = operator, *, closed: str = "") -> Response:
            """Requests, those due first in front; with closed=yes those that ended, too."""
            with Office.open(by, self.doors.clock()) as office:
                found = office.listing(is_closed_too=closed == "yes")
                kinds = office.kinds()
            return shown(
                request,
                "list.html",
                {"requests": found},
                kinds_of_requests=kinds["requests"],
                identities=kinds["identities"],
                correctable=kinds["correctable"],
                purposes=kinds["purposes"],
                token=self._token(by),
                closed=closed == "yes",
            )

        @router.get("/requests/{number}")
        def show(request: Request, number: Number, by: str = operator) -> Response:
            """A request, what became of it, and what only an operator can say."""
            with Office.open(by, self.doors.clock()) as office:
                found = office.show(number)
            is_running = self.doors.is_running(number)
            return shown(request, "request.html", {**found, "is_running": is_running}, token=self._token(by))

        @router.get("/requests/{number}/receipt")
        def receipt(number: Number, by: str = operator) -> Response:
            """The receipt of a request that has ended."""
            with Office.open(by, self.doors.clock()) as office:
                return JSONResponse(office.receipt(number))

    def _add_taking(self, router: APIRouter) -> None:
        operator, sent = Depends(self.doors.operator), self._sent(Asked)

        @router.post("/requests", status_code=201)
        def take(request: Request, by: str = operator, asked: Any = sent) -> Response:
            """Take a request; one that is open already and says the same is that request."""
            with Office.open(by, self.doors.clock()) as office:
                number = office.take(asked)
                found = office.show(number)
            return _done(request, number, found, 201)

    def _add_act(
        self, router: APIRouter, path: str, kind: type[Given], act: Callable[[Office, UUID, Any], None]
    ) -> None:
        operator, sent = Depends(self.doors.operator), self._sent(kind)

        @router.post(f"/requests/{{number}}/{path}", name=path)
        def acted(request: Request, number: Number, by: str = operator, said: Any = sent) -> Response:
            with Office.open(by, self.doors.clock()) as office:
                act(office, number, said)
                found = office.show(number)
            return _done(request, number, found)

    def _add_answer(self, router: APIRouter, path: str, *, is_subjects: bool) -> None:
        operator, sent = Depends(self.doors.operator), self._sent(Answered)

        @router.post(f"/requests/{{number}}/candidates/{{candidate}}/{path}", name=path)
        def answered(
            request: Request, number: Number, candidate: Candidate, by: str = operator, _said: Any = sent
        ) -> Response:
            with Office.open(by, self.doors.clock()) as office:
                office.answer(number, candidate, is_subjects=is_subjects)
                found = office.show(number)
            return _done(request, number, found)

    def _add_runs(self, router: APIRouter) -> None:
        operator = Depends(self.doors.operator)
        nothing, reasoned = self._sent(Answered), self._sent(Reasoned)

        @router.post("/requests/{number}/start", status_code=202)
        def start(request: Request, number: Number, by: str = operator, _said: Any = nothing) -> Response:
            """Start a run that answers the request; it asks for an approval."""
            with Office.open(by, self.doors.clock()) as office:
                kind = self._kind_of_idle(office, number)
                office.require_startable(number)
                self.doors.require_unpaused(kind)
            return _done(request, number, {"run": self.doors.start(number, kind, by)}, 202)

        @router.post("/requests/{number}/refuse", status_code=202)
        def refuse(request: Request, number: Number, by: str = operator, said: Any = reasoned) -> Response:
            """Refuse the request; a run does so, and writes the receipt."""
            with Office.open(by, self.doors.clock()) as office:
                kind = self._kind_of_idle(office, number)
                self.doors.require_unpaused(kind)
                office.ask_refusal(number, said.reason)
            return _done(request, number, {"run": self.doors.start(number, kind, by)}, 202)

        self._add_lifting(router)

    def _add_lifting(self, router: APIRouter) -> None:
        operator, informed = Depends(self.doors.operator), self._sent(Lifted)

        @router.post("/requests/{number}/lift", status_code=202)
        def lift(request: Request, number: Number, by: str = operator, said: Any = informed) -> Response:
            """Lift the restriction that a request asked for; a run does so, and tells recipients."""
            with Office.open(by, self.doors.clock()) as office:
                kind = self._kind_of_idle(office, number)
                self.doors.require_unpaused(kind)
                office.ask_lifting(number, said.informed_by)
            return _done(request, number, {"run": self.doors.start(number, kind, by)}, 202)

    def _add_packages(self, router: APIRouter) -> None:
        operator, nothing = Depends(self.doors.operator), self._sent(Answered)

        @router.get("/notice")
        def told(request: Request, by: str = operator) -> Response:
            """What everybody is told of what is processed: the answer to a request for information."""
            with Office.open(by, self.doors.clock()) as office:
                document = office.notice()
            if wants_page(request):
                return HTMLResponse(printable("lifecycle.requests.copies", "notice.html", document))
            return JSONResponse(document)

        @router.post("/requests/{number}/package")
        def package(number: Number, by: str = operator, _said: Any = nothing) -> Response:
            """The encrypted archive of a request, once; it is destroyed here."""
            with Office.open(by, self.doors.clock()) as office:
                archive = office.fetch_package(number)
            named = {"content-disposition": f'attachment; filename="request-{number}.zip"'}
            return Response(archive, media_type="application/zip", headers=named)

        @router.post("/requests/{number}/passphrase")
        def passphrase(
            request: Request, number: Number, by: str = operator, _said: Any = nothing
        ) -> Response:
            """What opens the archive, once; it is destroyed here."""
            with Office.open(by, self.doors.clock()) as office:
                document = {"request": str(number), "passphrase": office.show_passphrase(number)}
            return shown(request, "passphrase.html", document)

    def _kind_of_idle(self, office: Office, number: UUID) -> RequestKind:
        """What a request asks for that no run answers at the moment."""
        kind = office.kind_of(number)
        if self.doors.is_running(number):
            raise LifecycleError(
                "a run answers it at the moment",
                place=f"request {number}",
                next_step="answer what the run asks, under Required Actions",
            )
        return kind

    def _token(self, operator: str) -> str:
        return Forms(self.doors.secret()).token(operator)


def _done(request: Request, number: UUID, document: dict[str, Any], status: int = 200) -> Response:
    """What became of it; a browser that sent a form is led back to the request."""
    if content_type(request) == FORM:
        return RedirectResponse(f"{request.scope.get('root_path', '')}/requests/{number}", 303)
    return JSONResponse(document, status)
