"""How fast the ledger is verified, against a bare hashlib loop over the same entries.

Both read the entries in the same way, in turn; the loop hashes each payload once and does nothing else.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from measuring import Scratch

from lifecycle.keys import FileKeyring
from lifecycle.ledger.book import append, current_tree
from lifecycle.ledger.checkpoints import checkpoint
from lifecycle.ledger.entries import checked_body, seal
from lifecycle.ledger.prove import prove
from lifecycle.ledger.verification import stream_rows, verify
from lifecycle.store.engine import connect
from lifecycle.store.migrate import migrate
from lifecycle.store.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)

_FILLED_AT_A_TIME = 10_000
_SMALL_STEPS = 200


def run(*, entries: int = 1_000_000, times: int = 5) -> dict[str, Any]:
    """Verify a ledger of so many entries, and hash their payloads, in turn.

    Returns:
        Medians in seconds; ``ratio`` is the verification's speed as a share of the bare loop's.
    """
    with Scratch() as scratch:
        scratch.create("ledger")
        migrate(scratch.engine("ledger"))
        keys = FileKeyring(scratch.files / "keyring", environment={})
        return _measure(scratch.url("ledger"), keys, entries, times)


def _measure(url: str, keys: FileKeyring, entries: int, times: int) -> dict[str, Any]:
    append_to_empty = _median_append(url)
    with connect(url).begin() as connection:
        _fill(connection, entries)
    with connect(url, role=Role.ENGINE).begin() as connection:
        checkpoint(connection, keys, as_of=AS_OF)
    loops, verifications = [], []
    for _ in range(times):
        loops.append(_timed(lambda: _with_auditor(url, _hash_payloads)))
        verifications.append(_timed(lambda: _with_auditor(url, lambda one: _verify(one, keys))))
    loop, verification = statistics.median(loops), statistics.median(verifications)
    return {
        "entries": entries,
        "times": times,
        "loop_seconds": round(loop, 3),
        "verify_seconds": round(verification, 3),
        "ratio": round(loop / verification, 3),
        "ratio_at_least": 0.5,
        "append_to_empty_seconds": round(append_to_empty, 6),
        "append_to_full_seconds": round(_median_append(url), 6),
        "prove_seconds": round(_median_proof(url, entries), 6),
    }


def _fill(connection: sqlalchemy.Connection, entries: int) -> None:
    """Copy entries in until there are so many; the tables check each."""
    tree = current_tree(connection)
    driver: Any = connection.connection.driver_connection
    statement = "COPY lifecycle.ledger_entry (sequence, node_hashes, payload) FROM STDIN (FORMAT BINARY)"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int8", "bytea", "bytea"])
        while tree.size < entries:
            places = range(tree.size, min(tree.size + _FILLED_AT_A_TIME, entries))
            payloads = [seal(place, "plan_executed", _body(place), AS_OF) for place in places]
            for row in zip(places, tree.extend(payloads), payloads, strict=True):
                copy.write_row(row)
    connection.exec_driver_sql("ANALYZE lifecycle.ledger_entry")


def _body(number: int) -> dict[str, Any]:
    """What a plan over two collections writes."""
    body = {
        "plan": hashlib.sha256(str(number // 40).encode()).hexdigest(),
        "rule": "persons_after_contract",
        "policy_version": "2025-02-19",
        "rows": number % 40,
        "collections": [
            {"collection": "app.person", "action": "delete", "rows": 20_000},
            {"collection": "app.note", "action": "delete", "rows": 80_000 + number % 1_000},
        ],
    }
    return checked_body("plan_executed", body)


def _hash_payloads(connection: sqlalchemy.Connection) -> None:
    for rows in stream_rows(connection):
        for _, _, payload in rows:
            hashlib.sha256(payload).digest()


def _verify(connection: sqlalchemy.Connection, keys: FileKeyring) -> None:
    verdict = verify(connection, keys.public_keys())
    if not verdict.sound:
        raise RuntimeError(f"the benchmark's ledger is not sound: {verdict.findings[:3]}")


def _with_auditor(url: str, work: Callable[[sqlalchemy.Connection], object]) -> None:
    with connect(url, role=Role.AUDITOR).connect() as connection:
        work(connection)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _median_append(url: str) -> float:
    """One append in a transaction of its own."""
    with connect(url, role=Role.ENGINE).connect() as connection:

        def one() -> None:
            with connection.begin():
                append(connection, "plan_executed", _body(0), as_of=AS_OF)

        return statistics.median(_timed(one) for _ in range(_SMALL_STEPS))


def _median_proof(url: str, entries: int) -> float:
    with connect(url, role=Role.AUDITOR).connect() as connection:
        places = range(0, entries, max(1, entries // _SMALL_STEPS))
        return statistics.median(_timed(lambda at=place: prove(connection, at)) for place in places)
