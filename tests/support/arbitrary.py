"""Whatever a definition lets through: values of a kind's schema, of which its rules refuse most."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tenantry_crds.schema import definitions

__all__ = ["resources"]

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_FEW = 3


def resources(plural: str) -> st.SearchStrategy[dict[str, Any]]:
    """Resources as the API server gives them: names that can be, any annotations, any spec."""
    (version,) = definitions()[plural]["spec"]["versions"]
    spec = _of(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
    namespaces = ["ws-vision", "vision"] if plural == "projects" else [""]
    names = st.sampled_from(["roads", "all", "3d.x"])
    metadata = st.builds(_metadata, names, st.sampled_from(namespaces), _ANNOTATIONS)
    head = {"apiVersion": "tenantry.dev/v1alpha1", "kind": plural[:-1].title()}
    without = metadata.map(lambda metadata: {**head, "metadata": metadata})
    return st.one_of(without, st.builds(lambda document, spec: {**document, "spec": spec}, without, spec))


_ANNOTATIONS = st.dictionaries(
    st.sampled_from(["tenantry.dev/rotate", "tenantry.dev/fence", "tenantry.dev/pause", "other"]),
    st.one_of(_TEXTS, st.sampled_from(["true", "0001-01-01T00:00:00+23:00", "9999-12-31T23:59:59-23:00"])),
    max_size=_FEW,
)


def _metadata(name: str, namespace: str, annotations: dict[str, str]) -> dict[str, Any]:
    own = {"name": name, "uid": "first", "generation": 1, "annotations": annotations}
    return own | ({"namespace": namespace} if namespace else {})


def _of(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if node.get("x-kubernetes-int-or-string"):
        return st.one_of(st.integers(0, 10**12), _TEXTS, st.sampled_from(["8", "32Gi", "500m"]))
    return _BY_TYPE[node["type"]](node)


def _text(node: dict[str, Any]) -> st.SearchStrategy[str]:
    if node.get("format") == "date-time":
        return st.sampled_from(["2027-01-31T00:00:00Z", "0000-01-01T00:00:00+99:99", "9999-12-31T23:59:59-23:00"])
    likely = st.sampled_from(["group:a", "user:a@example.org", "roads", "1h", "3.17.2", "team/"])
    return st.one_of(_TEXTS, likely, st.just("x" * node.get("maxLength", 4096)))


def _object(node: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    if "additionalProperties" in node:
        return st.dictionaries(_TEXTS, _of(node["additionalProperties"]), max_size=_FEW)
    fields = {name: _of(field) for name, field in node["properties"].items()}
    required = set(node.get("required", ()))
    optional = {name: field for name, field in fields.items() if name not in required}
    return st.fixed_dictionaries({name: fields[name] for name in required}, optional=optional)


_BY_TYPE = {
    "array": lambda node: st.lists(_of(node["items"]), max_size=_FEW),
    "boolean": lambda _: st.booleans(),
    "integer": lambda node: st.integers(node.get("minimum", 0), node.get("maximum", 2**63 - 1)),
    "object": _object,
    "string": _text,
}
