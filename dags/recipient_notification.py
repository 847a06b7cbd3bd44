"""Recipients of data are told when it is erased, corrected or restricted, until they acknowledge it.

Every hour: each notice that is due is delivered; one that fails is tried again with growing pauses, as its recipient
asks for, until its time is over. The ledger is signed. The run fails while a notice is dead, that is while a recipient
was given up and no person has resent or settled it, and where a recipient has no usable address; neither keeps other
recipients from being told. What is said and to whom stands sealed in the company's database and never here.

Keeps G3: erasure, rectification and restriction are passed on (GDPR Art. 19).
"""

from airflow.sdk import dag

from lifecycle.orchestration.wiring import deliveries, every_hour, notify_recipients

NAME = "recipient_notification"
COMMITMENTS = ("G3",)


@dag(NAME, schedule=every_hour(), **deliveries(NAME), doc_md=__doc__, tags={"recipients", *COMMITMENTS})
def recipient_notification() -> None:
    """Wire delivery before what is looked at afterwards."""
    notify_recipients()


recipient_notification()
