"""An operator's answer to what is to be done again after a restore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

NOBODY = "restore_replay"
"""Who replays where nothing is erased and nobody has to be asked."""


class ReplayApproval(ApprovalOperator):  # type: ignore[misc]  # Airflow's providers are not typed
    """Asks an operator to approve that erasures are done again, after lost holds were placed again.

    Approved: its result is who did. Rejected, or not answered in time: the task fails, nothing is erased, and nothing
    else goes on until the DAG is started again.

    Args:
        surveyed: counts, numbers and words of what is to be done again.
    """

    template_fields = ("surveyed",)

    def __init__(self, *, surveyed: Any, **arguments: Any) -> None:
        super().__init__(subject="", body="", **arguments)
        self.surveyed = surveyed

    def execute(self, context: Context) -> Any:
        """Ask, unless there is nothing to do and nothing to know."""
        if not (self.surveyed["erasures"] or self.surveyed["to_do"]):
            return NOBODY
        self.subject = f"Erase again whom {self.surveyed['erasures']} requests erased?"
        self.body = described(self.surveyed)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:  # noqa: ARG002 - Airflow names it
        """Hand on who approved."""
        if "error" in event or event["chosen_options"] != [self.APPROVE]:
            why = "not answered in time" if "error" in event else "refused by a person"
            raise AirflowFailException(f"the replay was {why}; nothing was erased. Start it again")
        return str(event["responded_by_user"]["name"])


def described(surveyed: dict[str, Any]) -> str:
    """What is to be done again, for the operator who approves it, in Markdown."""
    return "\n".join(
        [
            f"The backup was made {surveyed['since']} and lacks {surveyed['entries']} entries of the ledger.",
            "",
            "| To be done again | |",
            "|---|---:|",
            f"| erasures | {surveyed['erasures']} |",
            f"| by a person | {len(surveyed['to_do'])} |",
            f"| copies destroyed; who has not fetched asks again | {surveyed['packages']} |",
            *_by_a_person(surveyed),
        ]
    )


def _by_a_person(surveyed: dict[str, Any]) -> Iterator[str]:
    """What stands nowhere but in the files of the cases."""
    if not surveyed["to_do"]:
        return
    yield ""
    yield (
        "**Before you approve**, place or extend again what is listed so, as far as it still counts"
        f" (`lifecycle hold place`): rows that it kept would go. {surveyed['placed_since']} were placed since."
        " All else can follow."
    )
    yield ""
    yield "| To do | What | Number | Reason | Until |"
    yield "|---|---|---|---|---|"
    for one in surveyed["to_do"]:
        cells = (one["to_do"], one["kind"], one["number"], one["reason"] or "", one["until"] or "")
        yield f"| {' | '.join(cells)} |"
