"""Data of customers goes three years after their contract, books when their ten years end.

Every day at three: check the database, then rule by rule plan, check the plan, wait for a person where it passes
the policy's limits, delete, check what was left; sign the ledger; tell what was done. Which rules it keeps, and
what they mean, is said by the policy (`schedule_with: customer_data_retention`).

Keeps A6 (contract and three years), for the data of A2 and what G3 says was passed on; A7: books stay ten years,
without what accounting does not need, and then go; A8: what is held stays until it is released, then goes at
once; G1: nothing goes that was not planned, checked and, beyond the limits, approved; P1: by the version of the
policy in force on the day of the run.
"""

from airflow.sdk import dag

from lifecycle.orchestration.wiring import check_before, close, every_day, in_common, promises

NAME = "customer_data_retention"
COMMITMENTS = ("A2", "A6", "A7", "A8", "G1", "G3", "P1")


@dag(NAME, schedule=every_day(NAME), **in_common(NAME), doc_md=__doc__, tags={"retention", *COMMITMENTS})
def customer_data_retention() -> None:
    """Wire the rules of the schedule one after another."""
    before, kept = check_before(), promises(NAME)
    signed = close(NAME, kept)
    for promise in kept:
        before >> promise.group
        promise.settled >> signed


customer_data_retention()
