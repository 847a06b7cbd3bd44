"""Events become statistics in which nobody can be found, period by period, each once and for good.

One run a day, whose partition is the day before: the database is checked; of each release every period is made that is
over, was not released and still may be. Events without those of whoever refused, objected or is restricted are read and
get pseudonyms; what one contributor adds is limited, and cells are counted; numbers with noise are drawn for each feed
within its budget, and written into tables that nobody changes; files are made of them; and whatever it was made of is
gone. Between the steps it is checked. A period that an earlier run did not release is made up for. Events that came
when their period was released already are counted, for operators, and never added.

Keeps W6: only data in which nobody can be identified is used beyond its purposes or shared; W10: whoever refused
cookies for statistics is not in them; R5 and R6: nor is whoever is restricted or objected.
"""

from airflow.sdk import dag

from lifecycle.orchestration.releasing import every_partition, release_periods
from lifecycle.orchestration.wiring import deliveries

NAME = "analytics_aggregation"
COMMITMENTS = ("W6", "W10", "R5", "R6")


@dag(
    NAME,
    schedule=every_partition(NAME),
    **deliveries(NAME),
    doc_md=__doc__,
    tags={"releases", *COMMITMENTS},
)
def analytics_aggregation() -> None:
    """Wire the periods one beside another."""
    release_periods()


analytics_aggregation()
