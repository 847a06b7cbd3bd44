"""The name of a person with that of the employer: it names nobody by itself, for several may have both.

Rows that have it are shown to an operator, who says whose they are. The database folds what is stored and what was
given by one expression (:mod:`lifecycle.datamap.names`): compatible forms of letters, case, whatever stands between
words. The order of words is left open, since one writes ``Tamm, Mari`` and another ``Mari Tamm``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from lifecycle.errors import UsageError
from lifecycle.identity.forms import require_readable

NAME = "name"
"""By which a request says that it names its subject so."""
BETWEEN = ";"
"""Between the name and the employer."""
_PLACE = f"subject by {NAME}"


@dataclass(frozen=True, kw_only=True)
class PersonName:
    """A name and an employer, as somebody gave them. Never shown.

    Attributes:
        person: names of the person, in any order.
        employer: names of the organisation, in any order.
    """

    person: str = field(repr=False)
    employer: str = field(repr=False)

    @classmethod
    def parse(cls, given: str) -> PersonName:
        """Read ``name; employer``.

        Raises:
            UsageError: one of both is missing, or cannot be read. What it was is not repeated.
        """
        require_readable(given, _PLACE)
        person, _, employer = given.partition(BETWEEN)
        if not all(any(map(str.isalnum, part)) for part in (person, employer)):
            raise UsageError(
                "a name is given with the employer, since a name alone has too many bearers",
                place=_PLACE,
                next_step="write both with a semicolon between them",
            )
        return cls(person=person.strip(), employer=employer.strip())

    @property
    def given(self) -> str:
        """As it can be read again."""
        return f"{self.person}{BETWEEN} {self.employer}"

    @property
    def normal(self) -> str:
        """The one spelling that a fingerprint is taken over: without case, in compatible letters, words in order."""
        return f"{BETWEEN} ".join(" ".join(sorted(words(part))) for part in (self.person, self.employer))


def words(part: str) -> list[str]:
    """The words of a name."""
    return [word for word in re.split(r"[\s,]+", unicodedata.normalize("NFKC", part).lower()) if word]


def orders(part: str) -> list[str]:
    """A name as it may be written: from any of its words on, those before it at the end."""
    found = words(part)
    return list(dict.fromkeys(" ".join((*found[start:], *found[:start])) for start in range(len(found))))
