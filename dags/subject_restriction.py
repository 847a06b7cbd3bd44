"""A subject's rows are kept and not used, until a day that the policy says, or until that is lifted.

Started for one request, by its number and nothing else: from the page of requests, or from the form of this DAG. An
operator sees counts and approves exactly that plan. Nothing is changed in any row: a restriction covers all that names
the subject, now or later, and keeps it from deletion and from whatever asks before it uses rows. When the matter is
settled, an operator tells the subject and has the restriction lifted on the page of the request; a run of this DAG does
so, recipients are told, and what fell due meanwhile goes at once, by the DAGs that keep the rules.

Keeps R5: processing is restricted on request until the restriction is lifted; A5: one customer's request reaches that
customer's copy alone; G3: recipients are told of the restriction and of its end; G1: nothing is done that was not
planned, checked and approved.
"""

from airflow.sdk import dag

from lifecycle.orchestration.answering import answer_request, on_request

NAME = "subject_restriction"
COMMITMENTS = ("R5", "A5", "G3", "G1")


@dag(NAME, schedule=None, **on_request(NAME), doc_md=__doc__, tags={"requests", *COMMITMENTS})
def subject_restriction() -> None:
    """Wire the steps of one request."""
    answer_request(can_be_lifted=True)


subject_restriction()
