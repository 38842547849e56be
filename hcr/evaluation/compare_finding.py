"""Which finished runs are compared: all of them, those that are named, or a suite's."""

from collections.abc import Sequence
from pathlib import Path

from hcr import runs
from hcr.errors import ParameterError, RunError, nearest


def find(names: Sequence[str] | None = None, published: bool = True) -> dict[str, Path]:
    """The folders of finished runs by their names, as `"quick"` or `"five_projects/hcr_net-s0"`.

    A run is looked for in `outputs/`, and then among the published ones in `docs/results/`.

    Args:
        names: Runs, or suites, which stand for all of their finished runs; None for all there are.
        published: Whether those in `docs/results/` count.

    Raises:
        ParameterError: A name is nobody's, or there is no finished run of it.
    """
    places = [runs.outputs(), *([runs.results()] if published else [])]
    found: dict[str, Path] = {}
    for place in places:
        for folder in runs.finished(place):
            found.setdefault(folder.relative_to(place).as_posix(), folder)
    if names is None:
        return dict(sorted(found.items()))
    chosen = {}
    for name in names:
        own = {key: each for key, each in found.items() if name and name in (key, _of(key))}
        if not own:
            raise ParameterError(_unknown(name, list(found), places))
        chosen |= dict(sorted(own.items()))
    return chosen


def _of(name: str) -> str:
    """The suite of the run `name`; empty where it has none."""
    return name.rpartition("/")[0]


def _unknown(name: str, known: list[str], places: list[Path]) -> str:
    """Why there is nothing of this `name` to compare."""
    for place in places:
        folder = place / name
        try:
            status = runs.read(folder).get("status", "done")
        except RunError:
            status = "unreadable"
        if status != "done":
            return (
                f"A run must be finished to be compared. Received: {name!r}, whose status is "
                f"{status!r}. Run its command again."
            )
    suites = {_of(key) for key in known} - {""}
    return (
        "What is compared must be the name of a finished run, or of a suite with one. "
        f"Received: {name!r}.{nearest(str(name), [*known, *suites])}"
    )
