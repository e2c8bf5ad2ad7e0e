"""What takes pointers along: MLflow drops a version's aliases with it, and a model's with it or with its name. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from tenantry_api.facts import Action
from tenantry_api.promote.aliases import Move, Terms, model_lookup

__all__ = ["Pointer", "Removal", "guarded", "removal_of"]

_OPERATIONS = frozenset({"DeleteModelVersion", "DeleteRegisteredModel", "RenameRegisteredModel"})


@dataclass(frozen=True, slots=True)
class Pointer:
    """An alias or a stage (`kind`) called `name`, and the version that it names."""

    kind: str
    name: str
    version: str

    def told(self) -> dict[str, str]:
        """As it stands in the record."""
        return {self.kind: self.name, "version": self.version}


@dataclass(frozen=True, slots=True)
class Removal:
    """Of one version of `model`; `version` None: of all of them, or of their name."""

    model: str
    version: str | None
    new_name: str | None = None

    def lookup(self) -> Action:
        """The question to the backend that `pointers` reads the answer of."""
        return model_lookup(self.model)

    def pointers(self, status: int, body: bytes) -> tuple[Pointer, ...]:
        """Those that name what is removed, by kind and name. Raises ValueError if the answer does not say."""
        if status == HTTPStatus.NOT_FOUND:
            return ()
        if status != HTTPStatus.OK:
            raise ValueError(f"the backend answered {status}")
        try:
            found = list(_pointers(json.loads(body)["registered_model"]))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError("the backend's answer is not a registered model") from error
        mine = {pointer for pointer in found if self.version in {None, pointer.version}}
        return tuple(sorted(mine, key=lambda pointer: (pointer.kind, pointer.name)))

    def details(self) -> dict[str, str | None]:
        given = {"model": self.model, "version": self.version, "new_name": self.new_name}
        return {name: value for name, value in given.items() if value is not None}


def removal_of(action: Action) -> Removal | None:
    """None: the action moves a pointer itself, see `move_of`."""
    if action.operation not in _OPERATIONS:
        return None
    given = action.parameters
    version, new_name = given.get("version"), given.get("new_name")
    return Removal(
        str(given.get("name", "")),
        # MLflow reads '03' as 3.
        None if version is None else str(version).lstrip("0"),
        None if new_name is None else str(new_name),
    )


def guarded(removal: Removal, pointers: tuple[Pointer, ...], rules: Mapping[str, object]) -> Pointer | None:
    """An alias that may only go away for a reason, which these calls of MLflow cannot say."""
    aliases = (pointer for pointer in pointers if pointer.kind == "alias")
    unsaid = (p for p in aliases if not Terms().explain(Move(removal.model, p.kind, p.name, None), rules))
    return next(unsaid, None)


def _pointers(model: Mapping[str, Any]) -> Iterator[Pointer]:
    for item in model.get("aliases", []):
        yield Pointer("alias", str(item["alias"]), str(item["version"]))
    for item in model.get("latest_versions", []):
        if item.get("current_stage", "None") != "None":
            yield Pointer("stage", str(item["current_stage"]), str(item["version"]))
