"""Which procedure answers which kind of request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.errors import UsageError
from lifecycle.policy.model import RequestKind
from lifecycle.requests.erasing import ErasureProcedure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifecycle.requests.procedure import Procedure

PROCEDURES: Mapping[RequestKind, Procedure] = {RequestKind.ERASURE: ErasureProcedure()}


def procedure_of(kind: RequestKind) -> Procedure:
    """The procedure of a kind of request.

    Raises:
        UsageError: there is none.
    """
    if kind not in PROCEDURES:
        raise UsageError(
            f"nothing answers a request for {kind}", place="kind", next_step="see lifecycle request list"
        )
    return PROCEDURES[kind]
