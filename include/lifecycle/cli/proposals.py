"""The plan of a request as lines: what an operator looks at before approving it by its digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.requests.register import State
from lifecycle.requests.steps import written_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lifecycle.plan import Kept, Plan
    from lifecycle.requests.besides import Besides
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
    yield from _kept(proposal.planned.kept)
    yield from _besides(proposal.planned.besides)
    yield from candidate_lines(proposal.candidates)
    yield from _next(proposal)


def plan_lines(plan: Plan) -> Iterator[str]:
    """What a plan does, in counts."""
    for collection, actions in plan.counts().items():
        for action, rows in actions.items():
            yield f"  {rows:>10,}  {action.replace('_', ' '):<15} {collection}"
    for collection, columns in written_columns(plan).items():
        yield f"  {'':>10}  {'writes':<15} {collection}: {', '.join(columns)}"


def _kept(kept: Iterable[Kept]) -> Iterator[str]:
    for one in kept:
        until = f"until {one.until}" if one.until else "until it ends"
        yield f"  {one.rows:>10,}  {'kept':<15} {one.collection}: {one.reason} {one.source}, {until}"


def _besides(besides: Besides | None) -> Iterator[str]:
    """What rows of the subject say besides: somebody should look before it is approved."""
    if besides is None:
        return
    if besides.names:
        yield "  Look again: these rows have different names, and behind one address may be several people."
    for rows in besides.names:
        yield f"    one name: {_rows(rows)}"
    if besides.identities:
        yield "  These rows also have identities that the request does not name; nothing else is looked for by them."
    for kind, rows in besides.identities.items():
        yield f"    {kind}: {_rows(rows)}"


def _rows(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{rows} of {collection}" for collection, rows in counts.items())


def candidate_lines(candidates: Iterable[Candidate]) -> Iterator[str]:
    """Identities and rows that may be the subject's, as counts."""
    for one in candidates:
        of_name = sum(one.named.values())
        said = f"; {of_name} of them under the name" if of_name else " and may be somebody else's"
        yield f"  candidate {one.number}: a {one.kind} that stands on {_rows(one.rows)}{said}"


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
