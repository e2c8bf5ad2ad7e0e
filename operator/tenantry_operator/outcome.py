"""What a look at a key came to."""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["Outcome"]


class Outcome(Enum):
    """When to look again."""

    # As it should be.
    WELL = auto()
    # On its way; its news comes by itself, most likely.
    WAITING = auto()
    # Something is wrong, and to be tried again.
    TROUBLE = auto()
