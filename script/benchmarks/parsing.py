"""How long Airflow takes to parse the DAG folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

DAGS = Path(__file__).resolve().parents[2] / "dags"
PROGRAM = """
import sys, time
import airflow.sdk
begun = time.perf_counter()
for path in sys.argv[1:]:
    exec(compile(open(path).read(), path, "exec"), {"__name__": "parsed", "__file__": path})
print(time.perf_counter() - begun)
"""


def run(*, times: int = 5) -> dict[str, Any]:
    """Seconds for all DAG files in a fresh process in which Airflow itself is imported, median."""
    paths = [str(path) for path in sorted(DAGS.glob("*.py"))]
    seconds = []
    for _ in range(times):
        ran = subprocess.run(  # noqa: S603 - our own program, under our own interpreter
            [sys.executable, "-c", PROGRAM, *paths], check=True, capture_output=True, text=True
        )
        seconds.append(float(ran.stdout.split()[-1]))
    return {"dag_files": len(paths), "seconds": median(seconds), "seconds_at_most": 2}
