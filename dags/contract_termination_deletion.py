"""Content of customers goes within 12 months of the end of their contract, and is announced before it does.

Every day at three. A termination is noticed on the next run, which plans the day of its deletion; the deletion is
announced ahead of time as the policy says (`announce`), and carried out before the 12 months end. A contract that
is reinstated, or a new one, cancels it. The last notice is an event of the asset `deletion_announced`, on which
other DAGs can be scheduled; it names the rule, the planned day and how many, and the rows by fingerprint only.
Which rules it keeps is said by the policy (`schedule_with: contract_termination_deletion`).

Keeps A9 (12 months), for the data of A3; A8: what is held stays until it is released, then goes at once; G1: nothing
goes that was not planned, checked and, beyond the limits, approved; P1: by the version of the policy in force on
the day of the run.
"""

from airflow.sdk import dag

from lifecycle.orchestration.wiring import (
    announce,
    check_before,
    close,
    every_day,
    in_common,
    promises,
    settle_notices,
)

NAME = "contract_termination_deletion"
COMMITMENTS = ("A3", "A8", "A9", "G1", "P1")


@dag(
    NAME,
    schedule=every_day(NAME),
    **in_common(NAME),
    doc_md=__doc__,
    tags={"retention", "notices", *COMMITMENTS},
)
def contract_termination_deletion() -> None:
    """Wire notices before the rules of the schedule, and the settling of notices after them."""
    before, noticed, settled, kept = check_before(), announce(), settle_notices(), promises(NAME)
    signed = close(NAME, kept)
    before >> noticed
    for promise in kept:
        noticed >> promise.group
        promise.settled >> settled
    settled >> signed


contract_termination_deletion()
