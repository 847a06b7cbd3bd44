"""What ``script/test`` simulates; ``script/simulate`` does more."""

from __future__ import annotations

SEEDS = (39, 9, 111, 56, 7)
"""Chosen so that together they meet all that ``test_occasions`` asks for."""
DAYS = 60
"""Of each seed; ``script/simulate`` plays years."""
SEEDS_OF_FAULTS = SEEDS
"""Of the last only the runs are played in which a fault must show."""
