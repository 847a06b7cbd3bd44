"""What ``script/test`` simulates; ``script/simulate`` does more."""

from __future__ import annotations

SEEDS = (5, 39, 52, 78, 196, 235, 272)
"""Chosen so that together they meet all that ``test_occasions`` asks for."""
DAYS = 56
"""Of each seed; ``script/simulate`` plays years."""
SEEDS_OF_FAULTS = SEEDS
"""In which faults are looked for."""
