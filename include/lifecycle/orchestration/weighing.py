"""An operator's decision on an objection that is weighed, before anything is planned."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk.exceptions import AirflowFailException

from lifecycle.orchestration.requests import request_of_run
from lifecycle.orchestration.tasks import opened

if TYPE_CHECKING:
    from airflow.sdk import Context

STOP = "Stop"
COMPELLING_GROUNDS = "Compelling grounds"
_ADVICE = (
    f"*{STOP}*, unless there are compelling legitimate grounds that override the interests, rights and freedoms of the"
    " subject, or it is for legal claims. The subject is told what you decide; write the grounds into the file of the"
    " case."
)


class Weighing(HITLOperator):  # type: ignore[misc]  # Airflow's providers are not typed
    """Asks an operator whether a purpose that the subject objects to goes on all the same (GDPR Art. 21(1)).

    Where nothing is weighed, or somebody has decided, nobody is asked. The decision stands in the register under the
    operator's name, and in the receipt. Not answered in time the task fails, and the request stays open.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(subject="", body="", options=[STOP, COMPELLING_GROUNDS], **arguments)

    def execute(self, context: Context) -> Any:
        """Ask, unless nothing waits for a decision."""
        from lifecycle.requests.weighing import waiting

        request_id = request_of_run()
        with opened() as company, company.engine.connect() as connection:
            policy = company.version(datetime.now(UTC)).policy
            purposes = waiting(connection, policy, request_id)
        if not purposes:
            return None
        self.subject = f"Does the objection of request {request_id} count?"
        self.body = described({name: policy.purposes[name].description for name in purposes})
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:  # noqa: ARG002 - Airflow names it
        """Record the decision."""
        from lifecycle.requests.purposes import Decision
        from lifecycle.requests.weighing import weigh

        if "error" in event:
            raise AirflowFailException("nobody decided in time; start the request again")
        by, (choice,) = event["responded_by_user"]["name"], event["chosen_options"]
        decision = Decision.STOP if choice == STOP else Decision.COMPELLING_GROUNDS
        at = datetime.now(UTC)
        with opened() as company, company.engine.begin() as connection:
            policy = company.version(at).policy
            weigh(connection, policy, request_of_run(), decision=decision, by=by, as_of=at)


def described(purposes: dict[str, str]) -> str:
    """What is to be decided, in Markdown."""
    return "\n".join(
        [
            "Somebody objects to the use of personal data for:",
            "",
            *(f"- **{name}**: {description}" for name, description in purposes.items()),
            "",
            _ADVICE,
        ]
    )
