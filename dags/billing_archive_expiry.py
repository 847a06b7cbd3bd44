"""Billing is destroyed when the law does not ask for it any more, wherever a copy of it is.

Every day at four, and at once when a hold was released. What is held of a year that is over is written anew, under
keys of its own; a plan names the rest, and is checked; beyond the limits of the policy a person approves exactly it.
Then the index forgets the documents and their owners' keys, the keyring the keys that wrapped those, and every place
its objects. Digest and dates of what was there remain. What a place refuses to give up cannot be read by anybody, and
is tried again every day.

Keeps A7: accounting, billing and tax data is kept as long as the law asks, and not longer; A8: what is held stays until
it is released, then goes at once; G1: nothing goes that was not planned, checked and, beyond the limits, approved.
"""

from airflow.sdk import dag

from lifecycle.orchestration.archiving import every_day_at_four, expire_archives
from lifecycle.orchestration.wiring import in_common

NAME = "billing_archive_expiry"
COMMITMENTS = ("A7", "A8", "G1")


@dag(
    NAME,
    schedule=every_day_at_four(NAME),
    **in_common(NAME),
    doc_md=__doc__,
    tags={"archive", *COMMITMENTS},
)
def billing_archive_expiry() -> None:
    """Wire plan, approval, destruction and proof one after another."""
    expire_archives()


billing_archive_expiry()
