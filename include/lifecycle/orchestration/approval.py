"""A person's approval of exactly one plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException

from lifecycle.orchestration.tasks import opened, run_moment

if TYPE_CHECKING:
    from airflow.sdk import Context


class PlanApproval(ApprovalOperator):  # type: ignore[misc]  # Airflow's providers are not typed
    """Asks a person to approve a plan by its digest, and records the answer where the plan is.

    Approved: the ledger has who by fingerprint. Rejected, or not answered in time: the plan is abandoned, the
    task fails, and nothing is deleted; the next run plans and asks anew.

    Args:
        planned: what the planning task returned: digest, counts and reasons, nothing personal.
    """

    template_fields = ("planned",)

    def __init__(self, *, planned: Any, **arguments: Any) -> None:
        super().__init__(subject="", body="", retries=0, **arguments)
        self.planned = planned

    def execute(self, context: Context) -> Any:
        """Ask."""
        self.subject = f"Approve plan {self.planned['digest']} of {self.planned['rule']}?"
        self.body = described(self.planned)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:  # noqa: ARG002 - Airflow names it
        """Record the answer; nothing of it goes to other tasks."""
        from lifecycle.runs.plans import approve_plan

        if "error" in event or event["chosen_options"] != [self.APPROVE]:
            self._refuse("not answered in time" if "error" in event else "refused by a person")
        with opened() as company:
            approve_plan(
                company,
                self.planned["digest"],
                approved_by=event["responded_by_user"]["name"],
                as_of=run_moment(),
            )

    def _refuse(self, why: str) -> None:
        from lifecycle.runs.plans import refuse_plan

        with opened() as company:
            refuse_plan(company, self.planned["digest"], as_of=run_moment())
        raise AirflowFailException(f"plan {self.planned['digest']} was {why}; nothing was deleted")


def described(planned: dict[str, Any]) -> str:
    """A plan for the person who approves it, in Markdown: reasons, counts, and what stays."""
    commitments = ", ".join(planned["commitments"])
    return "\n".join(
        [
            f"Rule **{planned['rule']}** ({commitments}) as of {planned['as_of']}.",
            f"Policy of {planned['policy_version']}.",
            "",
            "It waits for a person because " + "; ".join(planned["needs_approval"]) + ".",
            "",
            *counted(planned),
        ]
    )


def counted(planned: dict[str, Any]) -> list[str]:
    """Tables, in Markdown, of what a plan does and of what stays, why and until when."""
    lines = ["| Collection | Action | Rows |", "|---|---|---:|"]
    lines += [
        f"| {collection} | {action} | {rows} |"
        for collection, actions in planned["counts"].items()
        for action, rows in actions.items()
    ]
    if planned["kept"]:
        lines += ["", "| Kept | Because of | Until | Rows |", "|---|---|---|---:|"]
    lines += [
        f"| {kept['collection']} | {kept['reason']} | {kept['until'] or ''} | {kept['rows']} |"
        for kept in planned["kept"]
    ]
    return lines
