"""What is wrong of a subject is corrected wherever it is held, and recipients are told.

Started for one request, by its number and nothing else: from the page of requests, or from the form of this DAG. Who
asks, and what is right, stands sealed in the company's database and never here. An operator sees counts and names of
columns, what stays and why, and approves exactly that plan: its digest covers the new values by keyed fingerprint. A
new e-mail address or phone number is written wherever the old one stands, in free text too; a data category in every
row that is the subject's own. What the books need stays, and so does what is held. Holds, restrictions and objections
that name the subject by the old identity name it by the new one from then on. Where a constraint refuses, nothing is
done.

Keeps R4: wrong data is corrected everywhere it is held; A5: one customer's request reaches that customer's copy alone;
W2: what others wrote of the subject is corrected, too; A7 and A8: what books need and what is held stays; G3:
recipients are told; G1: nothing is changed that was not planned, checked and approved.
"""

from airflow.sdk import dag

from lifecycle.orchestration.answering import answer_request, on_request

NAME = "subject_rectification"
COMMITMENTS = ("R4", "A5", "W2", "A7", "A8", "G3", "G1")


@dag(NAME, schedule=None, **on_request(NAME), doc_md=__doc__, tags={"requests", *COMMITMENTS})
def subject_rectification() -> None:
    """Wire the steps of one request."""
    answer_request()


subject_rectification()
