"""Bring the cluster's custom resource definitions to this version, or take leave of them.

python -m tenantry_operator.runtime.kubernetes.crds apply     by server-side apply; resources keep what they have
python -m tenantry_operator.runtime.kubernetes.crds release   takes our finalizer off every resource: nothing hangs
python -m tenantry_operator.runtime.kubernetes.crds remove    releases, then removes the definitions; data is kept

The last two wait until the operator that `--namespace`, `--deployment` and `--lease` name is gone, and else do nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from tenantry_crds.meta import FINALIZER
from tenantry_crds.schema import definitions
from tenantry_operator.errors import OperatorError
from tenantry_operator.runtime.kubernetes.absence import PATIENCE, OperatorNames, await_absence
from tenantry_operator.runtime.kubernetes.client import Client, ClusterRefused, Document, connect
from tenantry_operator.runtime.kubernetes.kinds import Ref, ref_of

__all__ = ["apply", "main", "release", "remove"]

_KINDS: Final = ("Project", "Workspace")
_SECONDS: Final = 60
_LOOK: Final = 0.2


def apply(client: Client) -> None:
    """Return when the API server serves them. Raises OperatorError."""
    for definition in definitions().values():
        client.apply(definition)
    _await(lambda: all(_established(client, _ref(one["metadata"]["name"])) for one in definitions().values()))


def release(client: Client) -> None:
    for kind in _KINDS:
        for document in _all(client, kind):
            metadata = document["metadata"]
            if FINALIZER in metadata.get("finalizers", ()):
                others = [name for name in metadata["finalizers"] if name != FINALIZER]
                client.merge(ref_of(kind, document), {"metadata": {"finalizers": others}})


def remove(client: Client) -> None:
    """What is kept of each project stays where it is, and is found again when its resource comes back."""
    release(client)
    for definition in definitions().values():
        client.delete(_ref(definition["metadata"]["name"]))


def main(arguments: Sequence[str]) -> int:
    """0: done. 1: not done, and why. 2: no such command."""
    given = _parser().parse_args(arguments)
    try:
        given.run(connect(20), given)
    except OperatorError as error:
        sys.stderr.write(f"{given.command}: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="crds")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("apply").set_defaults(run=lambda client, _: apply(client))
    for name, leave in (("release", release), ("remove", remove)):
        command = commands.add_parser(name)
        for part in ("namespace", "deployment", "lease"):
            command.add_argument(f"--{part}", required=True, help="of the operator")
        command.add_argument("--patience", type=float, default=PATIENCE, help="seconds that it has to end")
        command.set_defaults(run=_after_the_operator(leave))
    return parser


def _after_the_operator(leave: Callable[[Client], None]) -> Callable[[Client, argparse.Namespace], None]:
    def run(client: Client, given: argparse.Namespace) -> None:
        await_absence(client, OperatorNames(given.namespace, given.deployment, given.lease), given.patience)
        leave(client)

    return run


def _all(client: Client, kind: str) -> list[Document]:
    try:
        return [document for _, page in client.pages(kind) for document in page]
    except ClusterRefused as error:
        if error.status == 404:  # noqa: PLR2004  the kind is not there
            return []
        raise


def _ref(name: str) -> Ref:
    return Ref("CustomResourceDefinition", "", name)


def _established(client: Client, ref: Ref) -> bool:
    found = client.get(ref)
    conditions = found.get("status", {}).get("conditions", ()) if found else ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _await(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not condition():
        if time.monotonic() > end:
            raise OperatorError(f"the API server has not taken a definition in {_SECONDS} s: see its status")
        time.sleep(_LOOK)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
