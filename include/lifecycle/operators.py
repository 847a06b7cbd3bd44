"""Whose a step is: names of operators, as registers keep them and screens show them."""

from __future__ import annotations

from lifecycle.errors import UsageError

LONGEST_NAME = 200


def require_name(operator: str, *, place: str = "by") -> None:
    """Refuse a step that nobody is said to take, and a name that a screen would not show as it is.

    Args:
        operator: letters, digits, blanks, punctuation and symbols; neither control nor format characters.
        place: where the name was given.

    Raises:
        UsageError: the name is blank, too long, or has characters that cannot be seen.
    """
    if not operator.strip():
        raise UsageError("it has to be known who does this", place=place, next_step="give a name: --by NAME")
    if len(operator) > LONGEST_NAME or not operator.isprintable():
        raise UsageError(
            f"a name is one line of characters that can be seen, at most {LONGEST_NAME}",
            place=place,
            next_step="give the name under which whoever does this logs in",
        )
