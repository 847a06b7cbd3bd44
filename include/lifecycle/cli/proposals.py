"""The plan of a request as lines: what an operator looks at before approving it by its digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.requests.register import State
from lifecycle.requests.steps import written_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lifecycle.plan import Plan
    from lifecycle.requests.candidates import Candidate
    from lifecycle.requests.proposal import Proposal


def proposal_lines(proposal: Proposal) -> Iterator[str]:
    """All that is known of a plan: what it means, does and leaves, whose more may be, and how it is approved."""
    found = proposal.request
    about = f", of what one organisation ({found.tenant}) holds" if found.tenant else ""
    yield f"{found.request_id} for {found.kind}{about}, to be answered by {found.due_on}"
    if proposal.consequence:
        yield f"  what it means: {proposal.consequence}"
    if found.corrects:
        yield f"  corrects {', '.join(found.corrects)}"
    for purpose, decision in proposal.purposes.items():
        yield f"  {purpose}: {decision.replace('_', ' ')}"
    yield from plan_lines(proposal.planned.plan)
    yield from candidate_lines(proposal.candidates)
    yield from _next(proposal)


def plan_lines(plan: Plan) -> Iterator[str]:
    """What a plan does and what it leaves, in counts."""
    for collection, actions in plan.counts().items():
        for action, rows in actions.items():
            yield f"  {rows:>10,}  {action.replace('_', ' '):<15} {collection}"
    for collection, columns in written_columns(plan).items():
        yield f"  {'':>10}  {'writes':<15} {collection}: {', '.join(columns)}"
    for kept in plan.kept:
        until = f"until {kept.until}" if kept.until else "until it ends"
        yield f"  {kept.rows:>10,}  {'kept':<15} {kept.collection}: {kept.reason} {kept.source}, {until}"


def candidate_lines(candidates: Iterable[Candidate]) -> Iterator[str]:
    """Identities and rows that may be the subject's, as counts."""
    for one in candidates:
        rows = ", ".join(f"{count} of {name}" for name, count in one.rows.items())
        of_name = sum(one.named.values())
        said = f"; {of_name} of them under the name" if of_name else " and may be somebody else's"
        yield f"  candidate {one.number}: a {one.kind} that stands on {rows}{said}"


def _next(proposal: Proposal) -> Iterator[str]:
    number = proposal.request.request_id
    if proposal.candidates:
        yield f"  Candidates are left out. Say whose they are: lifecycle request confirm {number} CANDIDATE --by NAME,"
        yield "  or decline, then plan again; or approve without them."
    if proposal.digest is None:
        yield f"  nothing is to be done; to close it: lifecycle request run {number}"
        return
    yield f"  policy of {proposal.planned.plan.policy_version}, digest {proposal.digest}"
    if proposal.request.state is State.APPROVED:
        yield f"  somebody approved it; to carry it out: lifecycle request run {number}"
        return
    yield f"  to approve exactly this: lifecycle request run {number} --approve {proposal.digest} --by NAME"
