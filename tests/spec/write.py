"""Write the documentation pages that the specification makes.

From the project's root: ``PYTHONPATH=include:tests python -m spec.write``.
"""

from __future__ import annotations

from pathlib import Path

from spec import decisions, identities, time_limits
from spec.chapter import page

DOCS = Path(__file__).resolve().parents[2] / "docs"


def pages() -> dict[Path, str]:
    """Every page that is made, by the file that holds it."""
    return {
        DOCS / "time-limits.md": page(time_limits.TITLE, time_limits.OPENING, time_limits.CHAPTERS),
        DOCS / "decisions.md": decisions.page(),
        DOCS / "spellings.md": identities.page(),
    }


def main() -> None:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
