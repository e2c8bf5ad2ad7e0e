"""Types of fields that several forms and calls share: what PostgreSQL could not hold is refused by name before."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

__all__ = ["Position", "Words"]

# One line of text for people. A NUL has no place in PostgreSQL's text, the other controls none in a table of names.
Words = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$")]

# A record's place in its log: a bigint.
Position = Annotated[int, Field(ge=0, lt=2**63)]
