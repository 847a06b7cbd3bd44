"""Exit 0 where a health address answers: ``python probe.py http://127.0.0.1:8080/health``."""

from __future__ import annotations

import sys
from http.client import HTTPException
from urllib.error import URLError
from urllib.request import urlopen

TIMEOUT_SECONDS = 5


def answers(address: str) -> bool:
    """Whether a GET of `address` ends well (status 2xx) in time."""
    try:
        with urlopen(address, timeout=TIMEOUT_SECONDS):
            return True
    except (URLError, HTTPException, OSError):
        return False


if __name__ == "__main__":
    sys.exit(0 if answers(sys.argv[1]) else 1)
