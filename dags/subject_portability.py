"""A subject takes along what was provided and is used on consent or contract, in a form that machines read.

Started for one request, by its number and nothing else: from the page of requests, or from the form of this DAG. Who
asks stands sealed in the company's database and never here. An operator sees counts and approves exactly what is
disclosed. A worker writes tables as CSV and JSON, described as a Data Package, into an encrypted archive that stays
sealed in the company's database; operators fetch it once, with its passphrase, from the page of requests or by
`lifecycle request fetch`. Nothing of it reaches Airflow.

Keeps R3: portability, of the data that the subject provided and that rests on consent or contract; A5: one customer's
request shows that customer's copy alone; G1: nothing is disclosed that was not planned, checked and approved.
"""

from airflow.sdk import dag

from lifecycle.orchestration.answering import answer_request, on_request

NAME = "subject_portability"
COMMITMENTS = ("R3", "A5", "G1")


@dag(NAME, schedule=None, **on_request(NAME), doc_md=__doc__, tags={"requests", *COMMITMENTS})
def subject_portability() -> None:
    """Wire the steps of one request."""
    answer_request()


subject_portability()
