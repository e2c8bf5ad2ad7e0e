"""Write the pages that are made from code: docs/resources.md and docs/roles.md. `--check` fails if they are stale.

python hack/generate_docs.py [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tenantry_api.authorize.policy import ROLE_PERMISSIONS
from tenantry_api.classify.policy import Allowance, load_policy
from tenantry_api.facts import Permission
from tenantry_crds.meta import API_VERSION, SUPPORTED_MLFLOW_VERSIONS, Annotation, Role
from tenantry_crds.schema import definitions

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
_HEADER: Final = "<!-- Written by `python hack/generate_docs.py` from the code. Do not edit. -->\n\n"

_PERMISSIONS: Final[Mapping[Permission, str]] = {
    Permission.ARTIFACT_DOWNLOAD: "read the bytes of artifacts, of runs, models and traces",
    Permission.ARTIFACT_UPLOAD: "write and remove artifacts",
    Permission.AUDIT_EXPORT: "export the workspace's log, with the proof that it is whole",
    Permission.AUDIT_READ: "search the workspace's log",
    Permission.MODEL_APPROVE: "agree to a promotion that somebody else asks for",
    Permission.MODEL_PROMOTE: "move an alias or a stage, and remove or rename what they may point to",
    Permission.MODEL_REGISTER: "register models and versions, describe and tag them",
    Permission.PROJECT_OPEN: "see the project in one's list, and open its pages",
    Permission.TRACKING_READ: "read and search experiments, runs, metrics, traces, models and prompts",
    Permission.TRACKING_WRITE: "write and delete them",
    Permission.WORKSPACE_MANAGE: "see which projects' data was kept when their manifests went",
}

_ANNOTATIONS: Final[Mapping[Annotation, str]] = {
    Annotation.FENCE: "Every request to the project is refused, and its backend is stopped. The data stays.",
    Annotation.HIBERNATE: "The backend is stopped as soon as nobody uses it. The next request wakes it.",
    Annotation.PAUSE: (
        "The operator leaves everything as it is, until the annotation is gone; but for the fence, which counts now."
    ),
    Annotation.RECONCILE: "Any new value makes the operator look at everything again, now.",
    Annotation.ROTATE: (
        "Credentials from before this time, like `2027-01-31T00:00:00Z`, are replaced: the database's password and the "
        "bucket's key. The old ones work until no backend uses them."
    ),
}


# By field, without the element's brackets: what is true of them until a later version acts on them.
LATER: Final[Mapping[tuple[str, ...], str]] = {
    ("spec.access.serviceAccounts",): "on one machine there is no cluster whose tokens are believed",
    ("spec.quota",): "on a cluster a workspace's `cpu`, `memory` and `projects` are enforced; nothing else is counted",
    ("spec.policy", "spec.defaults.policy"): "nothing is warned about or refused",
    (
        "spec.promotion.approvals",
        "spec.promotion.gates",
    ): "nobody is asked; a move needs the permission, takes its turn and is recorded; a condition says so",
    ("spec.isolation",): "a backend is a process of its own on one machine, a pod of its own on a cluster",
    ("spec.artifacts",): "on one machine it is not looked at: a project has a directory",
    ("spec.tracking.size",): "on one machine it sets how many connections the database takes",
    ("spec.deletionPolicy",): "on one machine `Archive` keeps the data, as `Retain` does; a condition says so",
}


# ---------------------------------------------------------------- docs/roles.md

_ROLES_BEFORE: Final = """# Roles and what they may do

A grant in a [Workspace or Project](resources.md) gives one of these roles. Without a grant there is no access: nobody
has one by being an administrator of the platform. A grant on a workspace holds in each of its projects. A grant with
the effect `deny` takes the role's permissions away, and an expiry ends a grant; both beat every grant that allows.

"""

_ADMINS: Final = """
## A workspace's admins in Kubernetes

On a cluster the admins of a Workspace's `spec.access` may declare its Projects in its namespace, and look at pods,
their logs, Services, Deployments and events there. They read no Secret and enter no pod. The operator binds them, by
the RoleBinding `tenantry`, to the ClusterRole `tenantry:<namespace>:<release>:workspace-admin` of the chart:

| in the grant | subject of the RoleBinding |
| --- | --- |
| `groups: [vision-leads]` | `Group` `vision-leads` |
| `users: [alice@example.org]` | `User` `alice@example.org` |
| `serviceAccounts` | none |

- The names are those of the grant, letter by letter. They mean the same people only where the API server signs people
  in with the same provider, takes the e-mail address as the user's name, and puts no prefix before either. Where it
  does not, the binding gives nobody anything, or whoever bears that name there: then bind your own groups to that
  ClusterRole.
- A name that begins with `system:` is refused: `system:authenticated` would be everybody.
- A grant that ends (`expires`) binds nobody, because a RoleBinding does not end by itself; nor does one to somebody
  whom a deny of the same role names.
- Grants of a Project bind nobody.
"""

_CALLS_BEFORE: Final = """
## Which calls of MLflow need what

Every call is one of these, by the name that the record gives it. A call that MLflow has and that stands nowhere here
is refused to everybody. `graphql` stands for the queries of MLflow's own pages, each of which is looked into.

"""


def roles_page() -> str:
    return _HEADER + _ROLES_BEFORE + _matrix() + _meanings() + _ADMINS + _CALLS_BEFORE + _calls()


def _matrix() -> str:
    rows = [
        [f"`{permission}`", *("●" if permission in ROLE_PERMISSIONS[role] else "" for role in Role)]
        for permission in Permission
    ]
    return _table(["", *(f"`{role}`" for role in Role)], rows)


def _meanings() -> str:
    rows = [[f"`{permission}`", f"may {_PERMISSIONS[permission]}"] for permission in Permission]
    return "\n## The permissions\n\n" + _table(["permission", "who holds it"], rows)


def _calls() -> str:
    needed: dict[Permission, set[str]] = {}
    for rule in load_policy().rules.values():
        if isinstance(rule, Allowance):
            needed.setdefault(rule.permission, set()).add(rule.operation)
    rows = [
        [f"`{permission}`", ", ".join(sorted(needed[permission]))] for permission in Permission if permission in needed
    ]
    return _table(["permission", "calls"], rows)


# ---------------------------------------------------------------- docs/resources.md

_RESOURCES_BEFORE: Final = f"""# The resources, field by field

Both kinds belong to `{API_VERSION}`. The same manifests work on a cluster (`kubectl apply`) and on one machine (a
directory of YAML files that is watched). Unknown fields, and what a rule below forbids, are refused with the field and
the reason. Examples: [hack/samples](../hack/samples).

- A **duration** is written like `90s`, `30m`, `1h30m` or `7d`; a **quantity** like `8`, `500m`, `32Gi` or `200G`; a
  **time** as RFC 3339 with a zone, like `2027-01-31T00:00:00Z`.
- Names are at most 40 lower-case letters, digits and hyphens. A Project lives in the namespace `ws-<workspace>`.
- Supported versions of MLflow: {", ".join(SUPPORTED_MLFLOW_VERSIONS)}.
- A manifest in the directory that cannot be read changes nothing: what it said before stays in force, **grants
  included**, and the project's conditions say what is wrong with it. Access that was to be taken away is not, until the
  manifest can be read.
"""


def resources_page() -> str:
    kinds = "".join(_kind(definition) for definition in definitions().values())
    return _HEADER + _RESOURCES_BEFORE + kinds + _annotated() + _later()


def _kind(definition: Mapping[str, Any]) -> str:
    (version,) = definition["spec"]["versions"]
    names, root = definition["spec"]["names"], version["schema"]["openAPIV3Schema"]
    short = ", ".join(f"`{name}`" for name in names["shortNames"])
    scope = {"Cluster": "It belongs to no namespace.", "Namespaced": "It lives in its workspace's namespace."}
    belongs = scope[definition["spec"]["scope"]]
    title = f"\n## {names['kind']}\n\n{root['description']} {belongs} Short name: {short}.\n\n"
    rows = [row for part in ("spec", "status") for row in _rows(root["properties"][part], part)]
    rules = "".join(f"- {rule['message']}.\n" for rule in root["x-kubernetes-validations"])
    return title + rules + "\n" + _table(["field", "type", "default", "meaning"], rows)


def _rows(node: Mapping[str, Any], path: str) -> Iterator[list[str]]:
    required = node.get("required", ())
    for name, field in node.get("properties", {}).items():
        default = "required" if name in required else _default(field)
        yield [f"`{path}.{name}`", _type(field), default, _meaning(field)]
        yield from _rows(field, f"{path}.{name}")
        yield from _rows(field.get("items", {}), f"{path}.{name}[]")


def _meaning(field: Mapping[str, Any]) -> str:
    # The notation of a quantity stands once, at the head of the page.
    own = [] if _type(field) == "quantity" else field.get("x-kubernetes-validations", [])
    of_items = field.get("items", {}).get("x-kubernetes-validations", [])
    return " ".join([field["description"], *(f"*It {rule['message']}.*" for rule in (*own, *of_items))])


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    return "" if default in (None, {}) else f"`{str(default).lower() if default is False else default}`"


def _type(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    return _TYPES.get(field.get("format", ""), _TYPES.get(field["type"], field["type"]))


_TYPES: Final = {"date-time": "time", "integer": "number", "boolean": "`true` \\| `false`", "string": "text"}


def _annotated() -> str:
    rows = [[f"`{annotation}`", _ANNOTATIONS[annotation]] for annotation in Annotation]
    before = (
        "\n## Annotations\n\nOn a Project; the value is `true`, for `reconcile` any new text, for `rotate` a time.\n\n"
    )
    return before + _table(["annotation", "meaning"], rows)


def _later() -> str:
    rows = [[", ".join(f"`{field}`" for field in fields), words] for fields, words in LATER.items()]
    before = (
        "\n## Accepted, and not fulfilled yet\n\nThese fields are checked and kept, so that manifests stay valid.\n\n"
    )
    return before + _table(["field", "today"], rows)


# ---------------------------------------------------------------- writing


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def pages() -> dict[str, str]:
    """Return each page's name and text."""
    return {"resources.md": resources_page(), "roles.md": roles_page()}


def main(arguments: list[str]) -> int:
    """Return the exit code: 1 when `--check` found a page that is not what the code says."""
    if "--check" not in arguments:
        for name, text in pages().items():
            (DOCS / name).write_text(text, encoding="utf-8")
        return 0
    stale = [name for name, text in pages().items() if not _holds(DOCS / name, text)]
    for name in stale:
        sys.stderr.write(f"docs/{name} is stale: run python hack/generate_docs.py\n")
    return 1 if stale else 0


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
