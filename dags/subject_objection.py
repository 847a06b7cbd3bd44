"""Purposes that a subject objects to end for the subject, those that are weighed when somebody decided so.

Started for one request, by its number and nothing else: from the page of requests, or from the form of this DAG. Where
the policy says that an objection is weighed, an operator decides first, in one word, and the receipt names the
decision; one to marketing counts without exception. Then an operator sees counts and approves exactly that plan. From
the moment at which the request was received whatever is processed for the purpose leaves the subject's rows out,
those that come later included; the company's own tables are told what the policy says. Nothing is deleted by it.

Keeps R6: processing stops on objection, for marketing without exception; W10: cookies can be refused; A5: one
customer's request reaches that customer's copy alone; G1: nothing is written that was not planned, checked and
approved.
"""

from airflow.sdk import dag

from lifecycle.orchestration.answering import answer_request, on_request

NAME = "subject_objection"
COMMITMENTS = ("R6", "W10", "A5", "G1")


@dag(NAME, schedule=None, **on_request(NAME), doc_md=__doc__, tags={"requests", *COMMITMENTS})
def subject_objection() -> None:
    """Wire the steps of one request."""
    answer_request(is_weighed=True)


subject_objection()
