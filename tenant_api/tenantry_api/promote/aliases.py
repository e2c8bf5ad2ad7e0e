"""What a promotion moves, under which terms, and who holds the pointer now. Pure.

MLflow keeps no history of aliases and stages, and the last writer wins; so the door asks who holds the pointer before
and after each move, while nobody else can move it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from tenantry_api.facts import Action, Kind, Permission

__all__ = ["NO_HOLDER", "Move", "Terms", "holder", "model_lookup", "move_of"]

# In If-Match: the pointer is expected to point nowhere.
NO_HOLDER = "none"


@dataclass(frozen=True, slots=True)
class Move:
    """`alias` or `stage` (the kind of pointer) called `name`, of `model`, to `version`; None takes the alias away."""

    model: str
    kind: str
    name: str
    version: str | None
    # Of a stage: whatever else is in it goes to Archived, not only its latest version.
    archives: bool = False

    def request(self) -> tuple[str, str, bytes]:
        """Method, path and body of the call that moves an alias, as the stock client would make it."""
        fields = {"name": self.model, "alias": self.name} | ({} if self.version is None else {"version": self.version})
        method = "DELETE" if self.version is None else "POST"
        return method, "/api/2.0/mlflow/registered-models/alias", json.dumps(fields).encode()

    def lookup(self) -> Action:
        """The question to the backend that `holder` reads the answer of."""
        return model_lookup(self.model)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the caller says besides: the version that the move shall replace, and why it moves."""

    if_match: str | None = None
    reason: str | None = None

    def explain(self, move: Move, rules: Mapping[str, object]) -> bool:
        """Whether the rules (a project's `spec.promotion`) have the reason that they ask for. The stock client cannot
        give one. No protected alias means that all are protected.
        """
        protected = rules.get("protectedAliases") or [move.name]
        assert isinstance(protected, list)
        asked = rules.get("requireReason") is True and move.name.lower() in {name.lower() for name in protected}
        return bool(self.reason) or not asked

    def hold(self, before: str | None) -> bool:
        return self.if_match is None or self.if_match == (before or NO_HOLDER)


def move_of(action: Action) -> Move:
    """From SetRegisteredModelAlias, DeleteRegisteredModelAlias or TransitionModelVersionStage."""
    given = action.parameters
    version = given.get("version")
    kind = "alias" if "alias" in given else "stage"
    archives = given.get("archive_existing_versions") is True
    return Move(str(given["name"]), kind, str(given[kind]), None if version is None else str(version), archives)


def model_lookup(model: str) -> Action:
    """MLflow's own question for a model, whose answer names its aliases, and the latest version of each stage."""
    return Action(
        kind=Kind.READ,
        permission=Permission.MODEL_PROMOTE,
        operation="GetRegisteredModel",
        method="GET",
        path="/api/2.0/mlflow/registered-models/get",
        query=urlencode({"name": model}),
    )


def holder(move: Move, status: int, body: bytes) -> str | None:
    """The version that the pointer names, or None. Raises ValueError if the answer does not say."""
    if status == HTTPStatus.NOT_FOUND:
        return None
    if status != HTTPStatus.OK:
        raise ValueError(f"the backend answered {status}")
    try:
        model = json.loads(body)["registered_model"]
        if move.kind == "alias":
            # Of two aliases that differ in a capital letter, PostgreSQL keeps both.
            return _version(model.get("aliases", []), lambda item: item["alias"] == move.name)
        stage = move.name.lower()
        return _version(model.get("latest_versions", []), lambda item: item["current_stage"].lower() == stage)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("the backend's answer is not a registered model") from error


def _version(items: list[dict[str, Any]], names: Callable[[dict[str, Any]], bool]) -> str | None:
    return next((str(item["version"]) for item in items if names(item)), None)
