"""What an erasure had to leave goes when nothing keeps it any more, and no request is forgotten.

Every day at three: find erased subjects whom an import brought back, in the collections that the policy names. Then,
and at once when a hold was released, erase, of what earlier requests had to leave and of those, whatever may go by now;
it was approved with the request. Then destroy the copies that were put together for subjects and that nobody fetched
in time, let the ledger know what was fetched on the page, and look how much time is left for each open request: ten and
three days before its last day, an event of the asset `request_due` and a warning in the log; the run fails while one is
overdue.

Keeps R7 and A10: what was asked for is erased, with the exceptions that the law makes, for as long as they last; A7
and A8: it stays until then; G1: nothing goes that was not planned and checked, and no copy lies about.
"""

from airflow.sdk import dag

from lifecycle.orchestration.answering import see_to_requests
from lifecycle.orchestration.wiring import every_day, in_common

NAME = "request_remainders"
COMMITMENTS = ("R7", "A10", "A7", "A8", "G1")


@dag(NAME, schedule=every_day(NAME), **in_common(NAME), doc_md=__doc__, tags={"requests", *COMMITMENTS})
def request_remainders() -> None:
    """Wire remainders before deadlines."""
    see_to_requests()


request_remainders()
