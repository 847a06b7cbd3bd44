"""What an operator may say, checked where it comes in; what is wrong is named by its field and never quoted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from lifecycle.policy.model import RequestKind
from lifecycle.requests.purposes import Decision
from lifecycle.requests.register import WORD

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_NAMED = 20

Word = Annotated[str, Field(pattern=f"^{WORD}$")]
RowText = Annotated[str, Field(max_length=200)]


class Given(BaseModel):
    """Something an operator says."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Named(Given):
    """An identity of the subject.

    Attributes:
        kind: as the data map calls it.
        value: the identity; not shown where the value itself is printed.
    """

    kind: Annotated[str, Field(max_length=63)]
    value: SecretStr


class Corrected(Given):
    """Something that is wrong.

    Attributes:
        what: a kind of identity, a data category, or a column, as the data map calls it.
        to: what is right; not shown where the value itself is printed.
    """

    what: Annotated[str, Field(max_length=200)]
    to: SecretStr


class Asked(Given):
    """A new request.

    Attributes:
        rows: ``schema.table:key``, of rows that are the subject's.
        organisation: ``schema.table:key``, of the organisation whose content alone is meant.
        corrections: of a rectification.
        purposes: of an objection or a withdrawal; all that it can end, where none is named.
    """

    kind: RequestKind = RequestKind.ERASURE
    subjects: Annotated[tuple[Named, ...], Field(max_length=MOST_NAMED)] = ()
    rows: Annotated[tuple[RowText, ...], Field(max_length=MOST_NAMED)] = ()
    organisation: RowText | None = None
    corrections: Annotated[tuple[Corrected, ...], Field(max_length=MOST_NAMED)] = ()
    purposes: Annotated[tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=MOST_NAMED)] = ()


class Verified(Given):
    """How it was made sure that whoever asks may ask."""

    how: Word


class Reasoned(Given):
    """Why it takes longer, or is refused."""

    reason: Word


class Weighed(Given):
    """Whether an objection counts that is weighed."""

    decision: Decision


class Lifted(Given):
    """How the subject was told before a restriction is lifted."""

    informed_by: Word


class Answered(Given):
    """Nothing but that it is so."""


Kind = TypeVar("Kind", bound=Given)


def checked(kind: type[Kind], fields: Mapping[str, Any]) -> Kind:
    """The fields as what they should be.

    Raises:
        HTTPException: 400; names the fields that are wrong.
    """
    try:
        return kind.model_validate_json(_as_json(fields), strict=True)
    except ValidationError as error:
        known = {*kind.model_fields, *Named.model_fields, *Corrected.model_fields}
        wrong = {
            str(part)
            for one in error.errors(include_input=False, include_context=False, include_url=False)
            for part in one["loc"]
            if part in known
        }
        names = ", ".join(sorted(wrong)) or "a field that there is not"
        raise HTTPException(400, f"not as it should be: {names}") from None


def from_form(kind: type[Given], form: Mapping[str, list[str]]) -> dict[str, Any]:
    """The fields of a form as those of JSON: lists where there may be several, and empty ones left out."""
    if kind is not Asked:
        return {name: values[-1] for name, values in form.items()}
    pairs = zip(form.get("identity", ()), form.get("value", ()), strict=False)
    wrong = zip(form.get("wrong", ()), form.get("right", ()), strict=False)
    fields: dict[str, Any] = {
        "corrections": [{"what": what, "to": to} for what, to in wrong if what or to],
        "purposes": [purpose for purpose in form.get("purpose", ()) if purpose],
        "subjects": [{"kind": kind, "value": value} for kind, value in pairs if value],
        "rows": [row for row in form.get("row", ()) if row],
    }
    single = {name: form[name][-1] for name in ("kind", "organisation") if form.get(name, [""])[-1]}
    return {**fields, **single}


def _as_json(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields)
