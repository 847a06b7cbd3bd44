"""A subject is erased on request: planned, checked, approved by an operator, carried out, looked for once more.

Started for one request, by its number and nothing else: from the page of requests, or from the form of this DAG. Who
asks stands sealed in the company's database and never here. An operator sees counts, what is kept, why and until when,
and what it means for the service, and approves exactly that plan, has it made anew, or refuses the request. What has to
stay for a while goes when its time comes (`request_remainders`), without a new request. The run ends with a signed
ledger and a receipt. A worker that is killed leaves whole batches; the task goes on where it stopped.

Keeps R7 and A10: erasure on request of the subject or of a customer, with the exceptions that the law makes; A5: one
customer's request reaches that customer's copy alone; W4: what different visits tell of one subject is found together;
A7 and A8: what books need and what is held stays; G1: nothing goes that was not planned, checked and approved.
"""

from airflow.sdk import dag

from lifecycle.orchestration.answering import answer_request, on_request

NAME = "subject_erasure"
COMMITMENTS = ("R7", "A10", "A5", "A7", "A8", "W4", "G1")


@dag(NAME, schedule=None, **on_request(NAME), doc_md=__doc__, tags={"requests", *COMMITMENTS})
def subject_erasure() -> None:
    """Wire the steps of one request."""
    answer_request()


subject_erasure()
