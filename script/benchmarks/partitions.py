"""Dropping a day of telemetry, large or small."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

from deletion import AS_OF, open_company
from measuring import Scratch

from lifecycle.retention.steps import plan
from lifecycle.runs.plans import carry_out, end_unchecked

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = """
CREATE SCHEMA web;
CREATE TABLE web.hit (hit_id bigint, seen_at timestamptz, path text, address inet, PRIMARY KEY (seen_at, hit_id))
    PARTITION BY RANGE (seen_at);
CREATE TABLE web.hit_old PARTITION OF web.hit FOR VALUES FROM ('2025-11-01') TO ('2025-11-02');
CREATE TABLE web.hit_new PARTITION OF web.hit FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
INSERT INTO web.hit SELECT n, timestamptz '2025-11-01' + n % 86400 * interval '1 s', '/page/' || n % 100, '192.0.2.1'
    FROM generate_series(1, {rows}) AS n;
"""
MAP = """
dataset:
  - fides_key: web
    collections:
      - name: hit
        fields:
          - {name: hit_id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: seen_at, data_categories: [user.behavior], fides_meta: {primary_key: true}}
          - {name: path, data_categories: [user.behavior.browsing_history]}
          - {name: address, data_categories: [user.device.ip_address]}
"""
POLICY = """
policy: {name: Benchmark, last_updated: 2020-01-01, time_zone: UTC, version_of_format: 1}
controller: {name: Benchmark}
authority: {name: Benchmark}
commitments: {B1: {section: Retention, promise: Hits go after 30 days}}
anchors: {seen: {on: web.hit, column: seen_at}}
rules: {hits: {commitments: [B1], applies_to: [web.hit], starts: seen, keep: P30D, action: drop_partition}}
guards: {default: {}}
"""


def drop_seconds(url: str, files: Path) -> float:
    """Seconds of planning and dropping the one old day."""
    company = open_company(url, files)
    company.rulebook(AS_OF)
    begun = time.perf_counter()
    made = plan(company, "hits", as_of=AS_OF)
    carry_out(company, made.digest or "")
    end_unchecked(company, made.digest or "")
    return time.perf_counter() - begun


def run(*, small: int = 10_000, large: int = 1_000_000, times: int = 5) -> dict[str, Any]:
    """Drop a day of ``small`` and of ``large`` rows in turn: the ratio of the medians."""
    found: dict[int, list[float]] = {small: [], large: []}
    with Scratch() as scratch:
        for rows in found:
            name = f"day_of_{rows}"
            scratch.create(name)
            scratch.run(name, SCHEMA.format(rows=rows))
            scratch.vacuum(name)
            scratch.prepare(name, MAP, POLICY)
        for _ in range(times):
            for rows, seconds in found.items():
                with scratch.copy(f"day_of_{rows}") as name:
                    seconds.append(drop_seconds(scratch.url(name), scratch.files))
    return {
        "small_rows": small,
        "large_rows": large,
        "small_seconds": median(found[small]),
        "large_seconds": median(found[large]),
        "ratio": median(big / little for big, little in zip(found[large], found[small], strict=True)),
        "ratio_at_most": 1.5,
    }
