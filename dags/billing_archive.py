"""Billing that the law asks for is written once into an archive, read again, and kept there.

On the eleventh of each month: the database is checked; of each financial year the documents of all months that are over
and that the archive does not have as they are (new ones, late ones, those that were changed or paid since) are written
from one state of the tables into encrypted objects; those are read again and compared with the tables, number by number
and to the cent; then the manifest is put in its place, nobody may change or remove what it names, and the ledger says
so. Until then nothing relies on them. What cannot be written (two documents of one number) stays in the tables.

Keeps A7: accounting, billing and tax data is kept as long as the law asks; A2: of customers only what it asks for;
G1: protected against loss and change, encrypted with a key for each customer and year.
"""

from airflow.sdk import dag

from lifecycle.orchestration.archiving import ON_THE_ELEVENTH, every_month, write_archives
from lifecycle.orchestration.wiring import deliveries

NAME = "billing_archive"
COMMITMENTS = ("A2", "A7", "G1")


@dag(
    NAME,
    schedule=every_month(NAME, ON_THE_ELEVENTH),
    **deliveries(NAME),
    doc_md=__doc__,
    tags={"archive", *COMMITMENTS},
)
def billing_archive() -> None:
    """Wire the years one beside another."""
    write_archives()


billing_archive()
