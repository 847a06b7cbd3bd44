"""Generated cases, the same in each run, so that a change is judged by itself; ``thorough`` draws others each time.

No deadline per example: a busy machine is not a broken rule.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("lifecycle", deadline=None, max_examples=200, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=5000)
if settings.get_current_profile_name() in {"default", "ci"}:
    settings.load_profile("lifecycle")
