"""What ``script/test`` simulates; ``script/simulate`` does more."""

from __future__ import annotations

SEEDS = (1, 2, 3, 4)
DAYS = 548
