"""The archive is looked after: every byte of it, everywhere.

On the twentieth of each month: every object is read in every place and compared with its manifest, every manifest with
the ledger, and what objects hold with what their manifests say. What is missing or was changed in one place is put
back from another, and told; the run fails where it cannot be, and names what is lost.

Keeps A7: what the law asks for can be retrieved; G1: loss and change are found and mended.
"""

from airflow.sdk import dag

from lifecycle.orchestration.archiving import ON_THE_TWENTIETH, every_month, verify_archives
from lifecycle.orchestration.wiring import deliveries

NAME = "billing_archive_verify"
COMMITMENTS = ("A7", "G1")


@dag(
    NAME,
    schedule=every_month(NAME, ON_THE_TWENTIETH),
    **deliveries(NAME),
    doc_md=__doc__,
    tags={"archive", *COMMITMENTS},
)
def billing_archive_verify() -> None:
    """Wire the archives one beside another."""
    verify_archives()


billing_archive_verify()
