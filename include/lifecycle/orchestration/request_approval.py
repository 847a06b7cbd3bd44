"""An operator's answer to exactly one plan of a request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from lifecycle.orchestration.approval import counted
from lifecycle.orchestration.tasks import opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from lifecycle.runs.company import Company

APPROVE = "Approve"
PLAN_ANEW = "Plan anew"
REFUSE = "Refuse the request"
NO_REASON = "refused_on_review"
WORD = "^[A-Za-z][A-Za-z0-9_-]{0,63}$"


class RequestApproval(HITLOperator):  # type: ignore[misc]  # Airflow's providers are not typed
    """Asks an operator to approve what a request does, by the digest of its plan.

    Approved: the ledger has who by fingerprint. Refused: the request is refused, for the reason that was given. To be
    planned anew, not answered in time, or approved though more is said to be the subject's since: the plan is given
    up, the task fails, and the request stays open.

    Args:
        planned: what the planning task returned: digest, counts and reasons, nothing personal.
    """

    template_fields = ("planned",)

    def __init__(self, *, planned: Any, **arguments: Any) -> None:
        super().__init__(subject="", body="", options=[APPROVE, PLAN_ANEW, REFUSE], **arguments)
        self.planned = planned

    def execute(self, context: Context) -> Any:
        """Ask, unless somebody has approved this plan before the task was killed."""
        from lifecycle.requests.steps import is_approved

        with opened() as company, company.engine.connect() as connection:
            if is_approved(connection, self.planned["digest"]):
                return None
        self.subject = f"Approve plan {self.planned['digest']} of request {self.planned['request']}?"
        self.body = described(self.planned)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:  # noqa: ARG002 - Airflow names it
        """Record the answer; nothing of it goes to other tasks."""
        request_id = UUID(self.planned["request"])
        with opened() as company:
            if "error" in event:
                self._plan_anew(company, request_id, "nobody", "was not answered in time")
            by, (choice,) = event["responded_by_user"]["name"], event["chosen_options"]
            if choice == PLAN_ANEW:
                self._plan_anew(company, request_id, by, "is to be made anew")
            if choice == REFUSE:
                self._refuse(company, request_id, by, event["params_input"] or {})
            self._approve(company, request_id, by)

    def _approve(self, company: Company, request_id: UUID, by: str) -> None:
        from lifecycle.errors import PlanOutdated
        from lifecycle.requests.steps import approve_plan

        digest = self.planned["digest"]
        try:
            approve_plan(company, request_id, digest, approved_by=by, as_of=datetime.now(UTC))
        except PlanOutdated:
            self._plan_anew(company, request_id, by, "leaves out what was said to be the subject's since")

    def _refuse(self, company: Company, request_id: UUID, by: str, given: dict[str, Any]) -> None:
        from lifecycle.requests.steps import refuse

        reason = given.get("reason", NO_REASON)
        refuse(company, request_id, reason=reason, refused_by=by, as_of=datetime.now(UTC))
        raise AirflowSkipException("the request was refused; nothing was done")

    def _plan_anew(self, company: Company, request_id: UUID, by: str, why: str) -> None:
        from lifecycle.requests.steps import plan_anew

        plan_anew(company, request_id, by=by, as_of=datetime.now(UTC))
        raise AirflowFailException(
            f"plan {self.planned['digest']} {why}; nothing was done. Start the request again"
        )


def reason_of_refusal() -> Param:
    """The field beside the question."""
    return Param(
        NO_REASON,
        type="string",
        pattern=WORD,
        title="Reason of a refusal",
        description="One word; the subject is told. Nothing personal.",
    )


def described(planned: dict[str, Any]) -> str:
    """What a request does, for the operator who approves it, in Markdown: counts, what stays and what it means."""
    about = f"of what one organisation (`{planned['tenant']}`) holds" if planned["tenant"] else ""
    return "\n".join(
        [
            f"Request **{planned['request']}** for {planned['kind']} {about}".rstrip()
            + f", to be answered by {planned['due_on']}.",
            f"Policy of {planned['policy_version']}.",
            *_meaning(planned["consequence"]),
            *_wishes(planned),
            "",
            *counted(planned),
            *_columns(planned["columns"]),
            *_besides(planned["besides"]),
            *_waiting(planned["candidates"]),
        ]
    )


def _meaning(consequence: str | None) -> Iterator[str]:
    if consequence:
        yield ""
        yield f"**What it means:** {consequence}"


def _wishes(planned: dict[str, Any]) -> Iterator[str]:
    """What the request says besides its kind: names of what it corrects or ends, never a value."""
    if planned["corrects"]:
        yield ""
        yield f"Corrects {', '.join(f'`{name}`' for name in planned['corrects'])}."
    if planned["purposes"]:
        yield ""
        yield "\n".join(f"- {name}: {decision}" for name, decision in planned["purposes"].items())


def _columns(columns: dict[str, list[str]]) -> Iterator[str]:
    """Which columns of which collections get a value."""
    if columns:
        yield ""
        yield "| Collection | Columns that are written |"
        yield "|---|---|"
    for collection, names in columns.items():
        yield f"| {collection} | {', '.join(names)} |"


def _besides(besides: dict[str, Any]) -> Iterator[str]:
    """What rows of the subject say besides: somebody should look before it is approved."""
    if besides["names"]:
        yield ""
        yield (
            "**Look again:** these rows have different names. Behind one address may be several people; where it is so,"
            " refuse the request, and take one that names the rows of the one who asks."
        )
        yield ""
        yield "\n".join(f"- one name: {_rows(rows)}" for rows in besides["names"])
    if besides["identities"]:
        yield ""
        yield "These rows also have identities that the request does not name; nothing else is looked for by them:"
        yield ""
        yield "\n".join(f"- {kind}: {_rows(rows)}" for kind, rows in besides["identities"].items())


def _rows(counts: dict[str, int]) -> str:
    return ", ".join(f"{rows} of {collection}" for collection, rows in counts.items())


def _waiting(candidates: list[dict[str, Any]]) -> Iterator[str]:
    """Identities that may be the subject's: they do not count as long as nobody says so."""
    if not candidates:
        return
    yield ""
    yield (
        "**Left out**, because others have them too. Say on the page of the request whose they are, then choose"
        f" *{PLAN_ANEW}* and start it again; or approve without them."
    )
    yield ""
    yield "| Candidate | Kind | Stands on |"
    yield "|---:|---|---|"
    for one in candidates:
        yield f"| {one['candidate']} | {one['kind']} | {_rows(one['rows'])} |"
