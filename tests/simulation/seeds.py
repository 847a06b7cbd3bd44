"""What ``script/test`` simulates; ``script/simulate`` does more."""

from __future__ import annotations

SEEDS = (1, 2, 3, 38)
"""Chosen so that together they meet all that ``test_occasions`` asks for."""
DAYS = 130
"""Of each seed; ``script/simulate`` plays years."""
SEEDS_OF_FAULTS = (*SEEDS, 6)
"""Of the last only the runs are played in which a fault must show."""
