"""``script/bench [NAME …]``: runs benchmarks and prints their figures beside what they may be at most."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

NAMES = ("deletion", "planning", "partitions", "ledger", "parsing", "erasure", "archive", "releases")


def main() -> int:
    """Run the named benchmarks, all of them by default; exit 1 where a figure is over its bound."""
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--times", type=int, default=5, help="runs of each; the median counts")
    chosen = parser.parse_args()
    over = False
    for name in chosen.names or NAMES:
        figures = importlib.import_module(name).run(times=chosen.times)
        print(json.dumps({name: figures}, indent=2), flush=True)
        over |= any(
            figures[measure] > most
            for measure, most in (
                (key.removesuffix("_at_most"), value)
                for key, value in figures.items()
                if key.endswith("_at_most")
            )
        )
        over |= any(
            figures[measure] < least
            for measure, least in (
                (key.removesuffix("_at_least"), value)
                for key, value in figures.items()
                if key.endswith("_at_least")
            )
        )
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
