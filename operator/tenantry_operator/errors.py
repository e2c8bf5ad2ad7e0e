"""What can go wrong for a known reason. Each message says what to do next, and holds no secret."""

from __future__ import annotations

__all__ = ["OperatorError", "OperatorStopping", "ProvisionFailed", "SettingWrong"]


class OperatorError(Exception):
    """The base of all: `str()` of it may stand in a condition."""


class ProvisionFailed(OperatorError):
    """A database, role or template could not be made, or is not ours."""


class SettingWrong(OperatorError):
    """What a setting names cannot be used. `name` is the variable's."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class OperatorStopping(OperatorError):
    """What was under way was given up because the operator ends; it says nothing about the project."""
