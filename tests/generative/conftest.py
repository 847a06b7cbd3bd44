"""Generated cases: no deadline per example, since a busy machine is not a broken rule."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("lifecycle", deadline=None, max_examples=200)
settings.register_profile(
    "thorough", deadline=None, max_examples=5000
)  # pytest --hypothesis-profile=thorough
if settings.get_current_profile_name() == "default":
    settings.load_profile("lifecycle")
