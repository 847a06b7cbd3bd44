"""What the end of a hold may free: the rules that a run has to keep at once (W9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifecycle.holds.subjects import collections_naming
from lifecycle.policy.model import EdgeKind
from lifecycle.policy.rulebook import collections_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lifecycle.holds.register import Hold
    from lifecycle.policy.rulebook import Rulebook


def freed_rules(rulebook: Rulebook, released: Hold) -> tuple[str, ...]:
    """The rules that reach any collection of which the hold may have kept rows, in the order of the policy.

    It kept what it names, what belongs to that, what these refer to, and what their clocks are read from.
    """
    named = {*released.collections, *collections_naming(rulebook, frozenset(released.identities))}
    covered = collections_of(rulebook.reached(frozenset(named & rulebook.live.keys())))
    kept = _with_what_they_refer_to(rulebook, covered)
    promised = [rule.clocks for rule in rulebook.rules.values()]
    promised += [duty.clocks for duty in rulebook.statutory.values()]
    read = [clock for clocks in promised for collection, clock in clocks.items() if collection in kept]
    kept |= {edge.holder for clock in read for edge in (*clock.evidence, *clock.reverse_path)}
    return tuple(name for name, rule in rulebook.rules.items() if not kept.isdisjoint(rule.scope.closure))


def _with_what_they_refer_to(rulebook: Rulebook, collections: Iterable[str]) -> set[str]:
    found: set[str] = set()
    pending = list(collections)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += [edge.target for edge in rulebook.edges_from(name) if edge.kind is not EdgeKind.NONE]
    return found
