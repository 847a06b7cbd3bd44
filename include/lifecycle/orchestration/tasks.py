"""Task bodies: each opens the company that the environment names and makes one call."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowSkipException

from lifecycle.errors import LifecycleError, PlanOutdated, PolicyAmended, UsageError, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lifecycle.runs.company import Company


class TaskFailed(Exception):
    """A task failed on what nobody foresaw: says where and of what type it was, never what it said."""


@contextmanager
def opened(*, is_restored: bool = False) -> Iterator[Company]:
    """The company of the environment, open while a task runs.

    What the database complains of is named. Of an error that nobody foresaw only type and place are told: its text
    may hold what a row held, and Airflow keeps it in logs.

    Args:
        is_restored: the task brings a restored database up to date; no other goes on before that is done.
    """
    from sqlalchemy.exc import DBAPIError

    from lifecycle.runs.company import Company
    from lifecycle.settings import Settings
    from lifecycle.store.failures import describe

    company = Company.open(Settings.from_environment())
    failure: Exception | None = None
    try:
        if not is_restored:
            company.require_continued()
        yield company
    except (LifecycleError, AirflowException):
        raise
    except DBAPIError as error:
        failure = describe(error, place="lifecycle")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told without its text
        failure = TaskFailed(f"{type(error).__name__} at {place_of(error)}")
    finally:
        company.engine.dispose()
    if failure:
        raise failure from None  # or the log would have the other one, too


def run_moment() -> datetime:
    """The moment a run is for: the end of its data interval, or its logical date where that is earlier.

    They are the same for runs on schedule and in a backfill. A run that somebody triggers for a past date has
    that as its logical date only; one that an asset triggers has neither, and is for when it may start.

    Raises:
        UsageError: one of them lies in the future, where rows would go that are not due.
    """
    context = get_current_context()
    moments: list[datetime] = [context["dag_run"].run_after]
    moments += [context[name] for name in ("logical_date", "data_interval_end") if context.get(name)]
    if max(moments) > datetime.now(UTC):
        raise UsageError(
            "the run is for a moment in the future",
            place=context["dag_run"].run_id,
            next_step="trigger it for a moment that has come",
        )
    return min(moments)


def deciding_moment(company: Company) -> datetime:
    """The moment of the run, skipped where the policy was amended since: later runs do all that is due by the new one.

    Asked again by whatever may have waited for a person.
    """
    as_of = run_moment()
    try:
        company.require_in_force(as_of, now=datetime.now(UTC))
    except PolicyAmended as amended:
        raise AirflowSkipException(str(amended)) from None
    return as_of


def rules_in_force(company: Company, as_of: datetime) -> list[str]:
    """The rules that the policy in force at ``as_of`` gives to the DAG of this run."""
    name = get_current_context()["dag"].dag_id
    rules = company.version(as_of).policy.rules
    return [rule for rule, stated in rules.items() if stated.schedule_with == name]


def check_before() -> dict[str, Any]:
    """Check database, map and policy against each other, and that the moment of the run has come."""
    from lifecycle.runs.agreement import check_before

    run_moment()  # before anything is opened
    with opened() as company:
        return check_before(company, as_of=deciding_moment(company)).to_json()


def check_evidence(rule: str) -> dict[str, Any]:
    """Check that what a rule stands on is fresh; skipped where the policy in force does not have the rule."""
    from lifecycle.retention.steps import check_evidence

    as_of = run_moment()
    with opened() as company:
        if rule not in rules_in_force(company, as_of):
            raise AirflowSkipException(f"{rule} is not in the policy in force at {as_of:%Y-%m-%d}")
        return check_evidence(company, rule, as_of=as_of).to_json()


def plan(rule: str) -> dict[str, Any]:
    """Plan a rule."""
    from lifecycle.retention.steps import plan

    with opened() as company:
        return plan(company, rule, as_of=deciding_moment(company)).to_json()


def check_plan(planned: dict[str, Any]) -> str:
    """Check the plan; its digest. Skipped where there is nothing to do, or where :func:`finish` plans anew."""
    from lifecycle.runs.plans import check_plan

    if planned["digest"] is None:
        raise AirflowSkipException(f"nothing is due under {planned['rule']}")
    with opened() as company:
        try:
            check_plan(company, planned["digest"])
        except PlanOutdated as outdated:
            raise AirflowSkipException(str(outdated)) from None
    return str(planned["digest"])


def guard(planned: dict[str, Any]) -> str:
    """The task to go on with: a person's approval, where the plan passes the policy's limits."""
    group = get_current_context()["ti"].task_id.rpartition(".")[0]
    return f"{group}.{'approval' if planned['needs_approval'] else 'execute'}"


def execute(digest: str) -> dict[str, Any]:
    """Carry out the plan. Killed and run again, it goes on where it stopped.

    Skipped where the policy was changed while a person looked at the plan: :func:`finish` plans anew.
    """
    from lifecycle.runs.plans import carry_out

    with opened() as company:
        deciding_moment(company)
        try:
            return carry_out(company, digest).to_json()
        except PlanOutdated as outdated:
            raise AirflowSkipException(str(outdated)) from None


def check_after(digest: str) -> dict[str, Any]:
    """Check what the plan left behind, and end it."""
    from lifecycle.runs.plans import check_after

    with opened() as company:
        return check_after(company, digest).to_json()


def finish(planned: dict[str, Any] | None) -> dict[str, Any]:
    """Plan again, and keep, what had changed meanwhile, and see that nothing is left past its limit."""
    from lifecycle.retention.sweep import finish

    if planned is None:
        raise AirflowSkipException("the rule was not planned")
    with opened() as company:
        return finish(company, planned["rule"], as_of=deciding_moment(company))


def take_notice() -> list[dict[str, Any]]:
    """Bring the notices of the DAG's rules up to date."""
    from lifecycle.retention.notices import take_notice

    with opened() as company:
        as_of = deciding_moment(company)
        rules = rules_in_force(company, as_of)
        return [take_notice(company, rule, as_of=as_of).to_json() for rule in rules]


def deliver_notices() -> dict[str, Any]:
    """Deliver what recipients are to be told by now, however late the run is: they are asked now."""
    from lifecycle.recipients.delivery import Courier, deliver_due

    at = datetime.now(UTC)
    with opened() as company:
        courier = Courier(engine=company.engine, keys=company.keys, policy=company.version(at).policy)
        return deliver_due(courier, as_of=at).to_json()


def check_outbox(delivered: dict[str, Any]) -> None:
    """Fail where a recipient was given up or cannot be told, until a person has seen to it."""
    from lifecycle.recipients.delivery import require_delivered
    from lifecycle.recipients.outbox import require_none_dead

    with opened() as company, company.engine.connect() as connection:
        require_none_dead(connection)
    require_delivered(delivered["unreachable"], delivered["unreadable"])


def sign_what_is_new() -> dict[str, Any]:
    """Sign the ledger where the run added to it."""
    from lifecycle.runs.signing import sign_what_is_new

    with opened() as company:
        signed = sign_what_is_new(company, as_of=datetime.now(UTC))
    if signed is None:
        raise AirflowSkipException("nothing was added to the ledger")
    return {"checkpoint": signed.number, "entries": signed.tree_size, "root": signed.root_hash.hex()}


def sign_ledger() -> dict[str, Any]:
    """Sign the ledger as the run leaves it."""
    from lifecycle.runs.signing import sign_ledger

    as_of = run_moment()
    with opened() as company:
        signed = sign_ledger(company, as_of=as_of)
    return {"checkpoint": signed.number, "entries": signed.tree_size, "root": signed.root_hash.hex()}


def last_notices(noticed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The announcements after which no other follows, as an event; skipped where there is none."""
    last = [
        {"rule": one["rule"], **announcement}
        for one in noticed
        for announcement in one["announcements"]
        if announcement["is_last"]
    ]
    if not last:
        raise AirflowSkipException("no deletion comes near enough for its last notice")
    tell({"notices": last})
    return last


def summary(finished: Sequence[dict[str, Any] | None]) -> dict[str, Any]:
    """What the run did, rule by rule, as its result and as an event."""
    told = {"as_of": run_moment().isoformat(), "rules": [one for one in finished if one]}
    tell(told)
    return told


def tell(extra: dict[str, Any]) -> None:
    """Put something into the events of the task's assets."""
    context = get_current_context()
    for asset in context["task"].outlets:
        context["outlet_events"][asset].extra = extra
