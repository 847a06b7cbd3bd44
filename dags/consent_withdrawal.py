"""Consent is taken back, and what rested on it ends for the subject; what was done before stays lawful.

Started for one request, by its number and nothing else: from the page of requests, or from the form of this DAG. An
operator sees counts and approves exactly that plan. The company's own tables are told what the policy says, such as an
entry beside the consent that was given, or a cookie that is refused from now on. From the moment at which the request
was received whatever is processed for the purpose leaves the subject's rows out, those that come later included.

Keeps R8: consent can be withdrawn at any time; W10: cookies can be refused; A5: one customer's request reaches that
customer's copy alone; G1: nothing is written that was not planned, checked and approved.
"""

from airflow.sdk import dag

from lifecycle.orchestration.answering import answer_request, on_request

NAME = "consent_withdrawal"
COMMITMENTS = ("R8", "W10", "A5", "G1")


@dag(NAME, schedule=None, **on_request(NAME), doc_md=__doc__, tags={"requests", *COMMITMENTS})
def consent_withdrawal() -> None:
    """Wire the steps of one request."""
    answer_request()


consent_withdrawal()
