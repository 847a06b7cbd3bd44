"""A subject is given a copy of everything that is held, and told what the law wants told with it.

Started for one request, by its number and nothing else: from the page of requests, or from the form of this DAG. Who
asks stands sealed in the company's database and never here. An operator sees counts and approves exactly what is
disclosed. A worker reads the rows, hides whoever else stands in them, and puts the copy into an encrypted archive
that stays sealed in the company's database; operators fetch it once, with its passphrase, from the page of requests
or by `lifecycle request fetch`. Nothing of it reaches Airflow. A hold or a restriction keeps nothing from a copy. Of
whom nothing is held the receipt says so.

Keeps R2: access, with a copy; R9: the authority is named in it; R1: purposes, bases, sources, recipients and periods
are told; A5: one customer's request shows that customer's copy alone; W4: what different visits tell of one subject
is found together; G3: what went to whom is told; G1: nothing is disclosed that was not planned, checked and approved.
"""

from airflow.sdk import dag

from lifecycle.orchestration.answering import answer_request, on_request

NAME = "subject_access"
COMMITMENTS = ("R2", "R9", "R1", "A5", "W4", "G3", "G1")


@dag(NAME, schedule=None, **on_request(NAME), doc_md=__doc__, tags={"requests", *COMMITMENTS})
def subject_access() -> None:
    """Wire the steps of one request."""
    answer_request()


subject_access()
