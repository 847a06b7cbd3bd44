"""A subject is told what is processed, why, on which basis, for how long and for whom.

Started for one request, by its number and nothing else: from the page of requests, or from the form of this DAG. Who
asks stands sealed in the company's database and never here. No row is looked at, and so nothing is asked: the answer
is the notice that `lifecycle notice` and the page of requests make from policy and data map, and the receipt says
which one it was.

Keeps R1: purposes and bases are told; R9: the authority is named; P1: the receipt names the version of the policy.
"""

from airflow.sdk import dag

from lifecycle.orchestration.answering import answer_request, on_request

NAME = "subject_information"
COMMITMENTS = ("R1", "R9", "P1")


@dag(NAME, schedule=None, **on_request(NAME), doc_md=__doc__, tags={"requests", *COMMITMENTS})
def subject_information() -> None:
    """Wire the steps of one request."""
    answer_request()


subject_information()
