"""After a restore from a backup, whoever was erased since is erased again.

An operator starts it with the moment at which the backup was made. Until it is through no other DAG changes anything:
the database lacks what the ledger's copy knows. The lost entries of the ledger are put back, and an operator is shown,
in counts and numbers, which erasures are to be done again and what only a person can do: holds and restrictions that
the backup does not know have to be placed again before, since rows that they kept would go. Approved, every erased
subject is looked for by fingerprint, erased through the same door as before, and looked for once more. Nothing here
says who.

Keeps R7: what was erased stays erased; A8: what is held stays, as long as it is; G1: nothing goes that was not planned,
checked and approved, and the ledger goes on as it was.
"""

from airflow.sdk import dag

from lifecycle.orchestration.restoring import after_restore, replay_erasures

NAME = "restore_replay"
COMMITMENTS = ("R7", "A8", "G1")


@dag(NAME, schedule=None, **after_restore(NAME), doc_md=__doc__, tags={"requests", *COMMITMENTS})
def restore_replay() -> None:
    """Wire the steps of a replay."""
    replay_erasures()


restore_replay()
