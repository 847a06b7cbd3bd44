"""Website data goes when its time is over: what visits leave after 30 days, what people tell us after three years.

Every day at three: check the database, then rule by rule plan, check the plan, wait for a person where it passes
the policy's limits, delete, check what was left; sign the ledger; tell what was done. Which rules it keeps, and
what they mean, is said by the policy (`schedule_with: website_retention`).

Keeps W7 (30 days) and W8 (three years), for the data of W1, W2 and W10; W9: what is held stays until it is
released, then goes at once; G1: nothing goes that was not planned, checked and, beyond the limits, approved;
P1: by the version of the policy in force on the day of the run.
"""

from airflow.sdk import dag

from lifecycle.orchestration.wiring import check_before, close, every_day, in_common, promises

NAME = "website_retention"
COMMITMENTS = ("W1", "W2", "W7", "W8", "W9", "W10", "G1", "P1")


@dag(NAME, schedule=every_day(NAME), **in_common(NAME), doc_md=__doc__, tags={"retention", *COMMITMENTS})
def website_retention() -> None:
    """Wire the rules of the schedule one after another."""
    before, kept = check_before(), promises(NAME)
    signed = close(NAME, kept)
    for promise in kept:
        before >> promise.group
        promise.settled >> signed


website_retention()
