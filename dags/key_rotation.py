"""Keys of pseudonyms live for a month, and as long as something may be released of it.

Each night: the database is checked; each release gets the keys of this month, random ones, one for each kind of
identifier; keys of months of which nothing may be released any more are destroyed, and the ledger says so. From then on
nobody can tell whose a pseudonym was. What builders know without noise of periods that ended more than 90 days ago is
deleted.

Keeps W6: only data in which nobody can be identified is used beyond its purposes or shared; G1: data is protected.
"""

from airflow.sdk import dag

from lifecycle.orchestration.releasing import every_night, rotate_keys
from lifecycle.orchestration.wiring import deliveries

NAME = "key_rotation"
COMMITMENTS = ("G1", "W6")


@dag(
    NAME,
    schedule=every_night(NAME),
    **deliveries(NAME),
    doc_md=__doc__,
    tags={"releases", *COMMITMENTS},
)
def key_rotation() -> None:
    """Wire the steps."""
    rotate_keys()


key_rotation()
