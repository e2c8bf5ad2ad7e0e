"""Promote: the one way to move an alias or a stage of a model, one caller at a time, knowing whom it replaces."""

from __future__ import annotations

from tenantry_api.promote.aliases import NO_HOLDER, Move, Terms, holder, move_of
from tenantry_api.promote.removals import Pointer, Removal, guarded, removal_of
from tenantry_api.promote.turns import Turns

__all__ = ["NO_HOLDER", "Move", "Pointer", "Removal", "Terms", "Turns", "guarded", "holder", "move_of", "removal_of"]
