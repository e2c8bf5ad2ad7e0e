"""Runs all parts of one machine, or those named: `python -m bench overhead memory cold fourth artifact load`, and
`python -m bench fleet`, which takes some twenty minutes and needs what `make cluster` builds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.artifact import measure_artifact
from bench.fleet import measure_fleet
from bench.lifecycle import measure_cold, measure_fourth, measure_memory
from bench.load import measure_load
from bench.overhead import measure_added, measure_ratio
from bench.report import Figure, at_most, show
from bench.site import Site, folder, running

PARTS = ("memory", "cold", "fourth", "overhead", "artifact", "load")


def main() -> int:
    figures: list[Figure] = []
    if sys.argv[1:] == ["fleet"]:
        figures = measure_fleet()
        show(figures)
        return 0 if all(figure.holds for figure in figures) else 1
    try:
        with folder() as place:
            _measure_all(place, sys.argv[1:] or PARTS, figures)
    finally:
        show(figures)
    return 0 if all(figure.holds is not False for figure in figures) else 1


def _measure_all(place: Path, wanted: Sequence[str], figures: list[Figure]) -> None:
    with running(place) as (_site, seconds):
        figures.append(at_most("start to three projects Ready, empty", seconds, 10, "s"))
    with running(place) as (site, seconds):
        figures.append(at_most("start to three projects Ready, again", seconds, 10, "s"))
        for part in PARTS:
            if part in wanted:
                print(f"{part} ...", file=sys.stderr, flush=True)
                figures += _measure(part, site)


def _measure(part: str, site: Site) -> list[Figure]:
    token = site.token("alice")
    match part:
        case "memory":
            return measure_memory(site, token)
        case "cold":
            return measure_cold(site, token)
        case "fourth":
            return measure_fourth(site, token)
        case "overhead":
            return measure_ratio(site, token) + measure_added(site, token)
        case "artifact":
            return measure_artifact(site, token)
        case _:
            return measure_load(site, token, site.token("bob"))


if __name__ == "__main__":
    sys.exit(main())
