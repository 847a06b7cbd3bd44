"""Which procedure answers which kind of request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.policy.model import RequestKind
from lifecycle.requests.copies.procedures import AccessProcedure, InformationProcedure, PortabilityProcedure
from lifecycle.requests.ending_purposes import EndingProcedure
from lifecycle.requests.erasing import ErasureProcedure
from lifecycle.requests.rectifying import RectificationProcedure
from lifecycle.requests.restricting import RestrictionProcedure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lifecycle.requests.procedure import Procedure

PROCEDURES: Mapping[RequestKind, Procedure] = {
    RequestKind.ERASURE: ErasureProcedure(),
    RequestKind.RECTIFICATION: RectificationProcedure(),
    RequestKind.RESTRICTION: RestrictionProcedure(),
    RequestKind.OBJECTION: EndingProcedure(kind=RequestKind.OBJECTION),
    RequestKind.WITHDRAWAL: EndingProcedure(kind=RequestKind.WITHDRAWAL),
    RequestKind.ACCESS: AccessProcedure(),
    RequestKind.PORTABILITY: PortabilityProcedure(),
    RequestKind.INFORMATION: InformationProcedure(),
}
"""A procedure for every kind there is."""
