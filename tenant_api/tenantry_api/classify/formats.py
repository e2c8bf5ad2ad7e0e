"""How single values must be written: one function per format, each raising the refusal. Empty is unset."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from tenantry_api.classify.refuse import forbidden, invalid

__all__ = ["FORMATS", "TRACE_LOCATION_TAGS", "Format"]

Format = Callable[[str, str], None]

# MLflow reads '00', ' 0' and '+0' as experiment 0; a record would name three.
_EXPERIMENT_ID: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# MLflow decodes a stored path until nothing changes: 'a%252e' would end as another name than the record's.
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
# MLflow takes a path that starts so for a file of the server.
_FILE_SCHEME: Final = "file:"
_SOURCE: Final = re.compile(r"(?:runs:/|models:/|mlflow-artifacts:/)(?P<path>[^/].*)")
# What MLflow's client writes as the source of a prompt's version, which has no files.
_PROMPT_SOURCE: Final = "dummy-source"

# What the UI's list of runs asks the AI gateway for.
_GATEWAY_LIST: Final = "api/2.0/endpoints/"

# Tags that tell MLflow's server where a trace's files are; it reads whatever they name.
TRACE_LOCATION_TAGS: Final = ("mlflow.artifactLocation", "mlflow.trace.archiveLocation", "mlflow.trace.spansLocation")


def _experiment_id(name: str, value: str) -> None:
    if not _EXPERIMENT_ID.fullmatch(value):
        raise invalid("experiment_id", f"{name} must be a whole number without sign, spaces or leading zeros.")


def _run_id(name: str, value: str) -> None:
    if not _RUN_ID.fullmatch(value):
        raise invalid("run_id", f"{name} must be 32 lower-case hexadecimal digits.")


def _artifact_path(name: str, value: str) -> None:
    if _ESCAPE.search(value) or _CONTROL.search(value) or "\\" in value or "#" in value:
        raise invalid("artifact_path", f"{name} must not have '\\', '#', control characters or percent escapes.")
    if value.lower().startswith(_FILE_SCHEME) or not {"", ".", ".."}.isdisjoint(value.split("/")):
        raise invalid("artifact_path", f"{name} must be a relative path without empty, '.' or '..' segments.")


def _model_source(name: str, value: str) -> None:
    if value == _PROMPT_SOURCE:
        return
    found = _SOURCE.fullmatch(value)
    if found is None:
        raise forbidden(
            "model_source", f"{name} must start with runs:/, models:/ or mlflow-artifacts:/, in this project."
        )
    _artifact_path(name, found["path"])


def _absent(name: str, _value: str) -> None:
    raise forbidden("given_location", f"{name} is set by the service; leave it out.")


def _gateway_list(name: str, value: str) -> None:
    if value != _GATEWAY_LIST:
        _no_gateway(name, value)


def _no_gateway(name: str, _value: str) -> None:
    raise forbidden("gateway", f"{name}: the AI gateway is not part of this service.")


def _trace_tag(name: str, value: str) -> None:
    if value in TRACE_LOCATION_TAGS:
        raise forbidden("given_location", f"{name}: the trace tag {value} is set by the service; leave it out.")


FORMATS: Final[Mapping[str, Format]] = {
    "absent": _absent,
    "artifact_path": _artifact_path,
    "experiment_id": _experiment_id,
    "gateway_list": _gateway_list,
    "model_source": _model_source,
    "no_gateway": _no_gateway,
    "run_id": _run_id,
    "trace_tag": _trace_tag,
}
