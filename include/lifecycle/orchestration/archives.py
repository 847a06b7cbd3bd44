"""Task bodies of what keeps archives: each opens the company and makes one call."""

from __future__ import annotations

from datetime import date
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from lifecycle.errors import PlanOutdated
from lifecycle.orchestration.tasks import deciding_moment, opened, run_moment


def years() -> list[dict[str, str]]:
    """The financial years of each archive of which the tables have documents whose month is over."""
    from lifecycle.archive.building import years

    with opened() as company:
        as_of = deciding_moment(company)
        found = [
            {"archive": name, "year_end": year.ends.isoformat(), "closed": year.closed.isoformat()}
            for name in company.rulebook(as_of).archives
            for year in years(company, name, as_of=as_of)
        ]
    if not found:
        raise AirflowSkipException("there is no document of a month that is over")
    return found


def write(year: dict[str, str]) -> int:
    """Write what the archive does not have of a year; the number of the part. Skipped where it has all."""
    from lifecycle.archive.building import write
    from lifecycle.archive.documents import Year

    meant = Year(ends=date.fromisoformat(year["year_end"]), closed=date.fromisoformat(year["closed"]))
    with opened() as company:
        part = write(company, year["archive"], meant, as_of=deciding_moment(company))
    if part is None:
        raise AirflowSkipException(f"{year['archive']} has all of the year to {year['year_end']}")
    return part.part_id


def check(part_id: int) -> int:
    """Read what was written again, and compare it with what the tables had, to the cent."""
    from lifecycle.archive.building import check, of_number

    with opened() as company:
        check(company, of_number(company, part_id))
    return part_id


def seal(part_id: int) -> dict[str, Any]:
    """Put the manifest in its place, let nobody change what it names, and say so in the ledger."""
    from lifecycle.archive.building import of_number, seal

    with opened() as company:
        manifest = seal(company, of_number(company, part_id))
    return {
        "part": manifest.folder,
        "documents": manifest.documents,
        "revisions": manifest.revisions,
        "sha256": manifest.sha256,
        "retain_until": manifest.retain_until.isoformat(),
    }


def rest(year: dict[str, str]) -> int:
    """Write what one part does not hold; how many parts more it took."""
    from lifecycle.archive.building import build
    from lifecycle.archive.documents import Year

    meant = Year(ends=date.fromisoformat(year["year_end"]), closed=date.fromisoformat(year["closed"]))
    with opened() as company:
        return len(list(build(company, year["archive"], meant, as_of=deciding_moment(company))))


def names() -> list[str]:
    """The archives of the policy in force."""
    with opened() as company:
        found = list(company.rulebook(run_moment()).archives)
    if not found:
        raise AirflowSkipException("the policy has no archive")
    return found


def verify(name: str) -> dict[str, Any]:
    """Read every object of an archive everywhere, and put back what is not as it was written."""
    from lifecycle.archive.verifying import verify

    with opened() as company:
        verified = verify(company, name, as_of=run_moment())
    verified.require_whole()
    return verified.to_json()


def keep_held() -> list[str]:
    """Write what is held of years that are over anew; the parts it took."""
    from lifecycle.archive.expiring import keep_held

    with opened() as company:
        return [manifest.folder for manifest in keep_held(company, as_of=deciding_moment(company))]


def plan_expiry() -> dict[str, Any]:
    """Plan what is to be destroyed."""
    from lifecycle.archive.expiring import plan

    with opened() as company:
        return plan(company, as_of=deciding_moment(company)).to_json()


def check_expiry(planned: dict[str, Any]) -> str:
    """Check the plan; its digest. Skipped where there is nothing to do, or where :func:`destroy` plans anew."""
    from lifecycle.archive.expiring import check_plan

    if planned["digest"] is None:
        raise AirflowSkipException("nothing is over that is not held")
    with opened() as company:
        try:
            check_plan(company, planned["digest"])
        except PlanOutdated as outdated:
            raise AirflowSkipException(str(outdated)) from None
    return str(planned["digest"])


def execute_expiry(digest: str) -> dict[str, Any]:
    """Carry out the plan and end it: the index forgets the documents, and their parts are condemned."""
    from lifecycle.archive.expiring import carry_out
    from lifecycle.runs.plans import check_after

    with opened() as company:
        deciding_moment(company)
        try:
            outcome = carry_out(company, digest)
        except PlanOutdated as outdated:
            raise AirflowSkipException(str(outdated)) from None
        check_after(company, digest)
        return outcome.to_json()


def destroy() -> dict[str, Any]:
    """Destroy what changed meanwhile, keys and objects of all that is condemned, and see that nothing is left."""
    from lifecycle.archive.expiring import expire

    with opened() as company:
        return expire(company, as_of=deciding_moment(company)).to_json()
