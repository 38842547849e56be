"""Publishes a suite: its finished runs' figures for git, and a table of them for the README.

    uv run python -m hcr publish SUITE [--readme]

Of each finished run in `outputs/SUITE/` four small files go to `docs/results/SUITE/`, which then
suffice: `run_all.py` takes the run from there, and `06_compare` shows it. What other machines have
published before stays. `docs/results/SUITE/results.md` is the table of all of them; with `--readme`
it takes the place of the one in the README.
"""

import io
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from hcr import runs
from hcr.errors import HcrError, ParameterError, RunError
from hcr.evaluation import compare_frames as frames
from hcr.evaluation import compare_old as comparison
from hcr.evaluation import compare_words as words
from hcr.evaluation.compare_gathering import Group, Recipe
from hcr.evaluation.compare_paired import pairs
from hcr.runs import environment, files

TABLE = "results.md"
START, END = "<!-- results -->", "<!-- /results -->"
MADE = re.compile(r"<!-- made by: uv run python -m hcr publish (\S+) --readme -->\n")
WIDTH = 105  # letters a line of the README
MOST = 12  # recipes whose pairs are told
# What run.json says of files that are not published, or of how they came about.
LEFT_OUT = ("figures", "tables", "html", "notebook", "look", "fingerprint", "outputs", "kept")
LEFT_OUT += ("error", "reads", "writes")
# An absolute path, or one of somebody's home; not the inside of an address or a fraction.
PATH = re.compile(r"(?<![\w.:/~<-])(?:~[\w-]*/|/[\w.-]+)[^\s'\"]*|(?<!\w)[A-Za-z]:[\\/][^\s'\"]*")


def publish(suite: str) -> list[str]:
    """Copy what the suite's finished runs left to `docs/results/`, and make the table.

    Returns:
        The names of the runs that were copied.

    Raises:
        ParameterError: There is no such suite, or none of its runs is finished.
        RunError: A run names a path of this machine, or lacks a file.
    """
    runs.check_name(suite)
    found = _finished(runs.outputs() / suite)
    if not found and not _finished(runs.results() / suite):
        raise ParameterError(
            "What is published must be a suite with a finished run. Received: "
            f"{suite!r}, and there is none in {runs.shown(runs.outputs() / suite)}. Run it first: "
            f"uv run run_all.py params/{suite}.yaml"
        )
    _whole(found)
    for name, folder in found.items():
        _copy(folder, runs.results() / name)
    files.write_text(runs.results() / suite / TABLE, table(suite))
    return list(found)


def table(suite: str) -> str:
    """The table of the suite's published runs, in Markdown, and what has to be said with it."""
    groups = comparison.gather(_whole(_finished(runs.results() / suite)))
    if not groups:
        raise RunError(
            f"There must be published runs in {runs.shown(runs.results() / suite)}. Received: "
            f"none. Publish it again: uv run python -m hcr publish {suite}"
        )
    parts = [part for group in groups for part in (_rows(group), _notes(group, suite))]
    return "\n\n".join([*parts, *words.refusals(groups)]) + "\n"


def write_readme(suite: str, readme: Path | None = None) -> None:
    """Put the suite's table between the marks of the README.

    Raises `RunError` where the README has no such marks, or the suite is not published.
    """
    path = readme or environment.root() / "README.md"
    text = path.read_text(encoding="utf-8")
    before, old, after = _parts(text, path)
    made = (runs.results() / suite / TABLE).read_text(encoding="utf-8")
    new = f"<!-- made by: uv run python -m hcr publish {suite} --readme -->\n{made}"
    if new != old:
        files.write_text(path, f"{before}{START}\n{new}{END}{after}")


def outdated(readme: Path | None = None) -> list[str]:
    """What of the published tables is not what it is made from; a line each, none where all is.

    A table must be that of the runs beside it, and the README's that of a published suite, as soon
    as there is one.
    """
    path = readme or environment.root() / "README.md"
    told = []
    tables = sorted(runs.results().glob(f"*/{TABLE}"))
    for each in tables:
        if each.read_text(encoding="utf-8") != table(each.parent.name):
            told.append(
                f"{runs.shown(each)} is not the table of the runs beside it. Make it with: "
                f"uv run python -m hcr publish {each.parent.name}"
            )
    block = _parts(path.read_text(encoding="utf-8"), path)[1]
    made = MADE.match(block)
    source = runs.results() / made[1] / TABLE if made else None
    if made is None and tables:
        told.append(f"{runs.shown(path)} has a table that was made from no published suite.")
    elif source and not source.is_file():
        told.append(f"{runs.shown(path)} was made from {runs.shown(source)}, which is missing.")
    elif source and block[made.end() :] != source.read_text(encoding="utf-8"):
        told.append(
            f"{runs.shown(path)} is not what it was made from, {runs.shown(source)}. Make it with: "
            f"uv run python -m hcr publish {made[1]} --readme"
        )
    return told


def _whole(found: dict[str, Path]) -> list[comparison.Member]:
    """The runs in `found`, all of them; raises `RunError` where one cannot be compared."""
    members, problems = comparison.read(found)
    if problems:
        told = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        raise RunError(f"What is published must be whole runs. Received: {told}")
    return members


def _finished(suite: Path) -> dict[str, Path]:
    """The suite's finished runs in this folder, by name."""
    found = {each.name: each for each in runs.finished(suite) if each.parent == suite}
    return {f"{suite.name}/{name}": found[name] for name in sorted(found)}


def _copy(folder: Path, target: Path) -> None:
    """Publish one run."""
    record = _public(runs.read(folder))
    found = files.read_json(folder / "metrics.json")
    for name, content in (("run.json", record), ("metrics.json", found)):
        for where, text in _texts(content, name):
            path = PATH.search(text)
            if path:
                raise RunError(
                    f"What is published must name no path of this machine. Received: {path[0]!r} "
                    f"in {runs.shown(folder / name)}, {where}. Name files relative to the project, "
                    "and run it again."
                )
    with np.load(folder / "predictions.npz", allow_pickle=False) as saved:
        arrays = {key: _small(saved[key]) for key in ("predicted", "labels")}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    target.mkdir(parents=True, exist_ok=True)
    with files.writing(target / "predictions.npz") as aside:
        aside.write_bytes(packed.getvalue())
    with files.writing(target / "history.csv") as aside:
        shutil.copyfile(folder / "history.csv", aside)
    files.write_json(target / "metrics.json", found)
    # Last, because a folder without it is no run.
    files.write_json(target / "run.json", record)


def _public(record: dict[str, Any]) -> dict[str, Any]:
    """`run.json` without what hangs on files that are not published."""
    kept = {key: value for key, value in record.items() if key != "hardware"}
    hardware = dict(record.get("hardware") or {})
    # The name of this machine's own kernel tells nobody anything.
    hardware["system"] = "-".join(str(hardware.get("system", "")).split("-")[:2])
    stages = {
        name: {key: value for key, value in entry.items() if key not in LEFT_OUT}
        for name, entry in (record.get("stages") or {}).items()
    }
    return kept | {"hardware": hardware, "stages": stages}


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Every text in `value`, and where it stands."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each, f"{where}.{key}")
            yield f"{where}, a key", str(key)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _texts(each, f"{where}[{place}]")


def _small(classes: np.ndarray) -> np.ndarray:
    """Class indices in a byte each where they fit."""
    return classes.astype(np.uint8 if classes.max(initial=0) < 256 else np.int16)


def _parts(text: str, path: Path) -> tuple[str, str, str]:
    """The README before its table, the table, and what comes after."""
    before, start, rest = text.partition(f"{START}\n")
    block, end, after = rest.partition(END)
    if not start or not end:
        raise RunError(
            f"{runs.shown(path)} must hold its table between the lines {START} and {END}. "
            "Received: a text without them. Put them in."
        )
    return before, block, after


def _rows(group: Group) -> str:
    """The table of a group, a row a recipe."""
    several = any(len(each.members) > 1 for each in group.recipes)
    heads = ["", "run", "network", *(["seeds"] if several else [])]
    heads += ["accuracy", "class-balanced accuracy", *(["spread"] if several else [])]
    heads += ["training", "parameters", "multiply-adds"]
    machines = len(group.machines) > 1
    lines = [heads + (["machine"] if machines else [])]
    lines.append(["---"] * len(lines[0]))
    for place, recipe in enumerate(group.recipes):
        row = [str(place + 1), f"`{recipe.label}`", f"`{recipe.first.parameters.get('model')}`"]
        row += [str(len(recipe.members))] if several else []
        row += [_interval(recipe, name) for name in ("accuracy", "test")]
        row += [frames.spread(recipe)] if several else []
        # Markdown would take two plain stars for emphasis.
        row += [_duration(recipe.seconds) + (" \\*" if recipe.built_on else "")]
        row += [_count(recipe.mean("03_train", "parameters"))]
        row += [_millions(recipe.mean("03_train", "multiply_adds"))]
        lines.append([*row, recipe.machine or "several"] if machines else row)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _notes(group: Group, suite: str) -> str:
    """What has to be said of a group's figures, in a paragraph."""
    each = group.first
    one = {len(recipe.members) for recipe in group.recipes} == {1}
    seeds = (
        ""
        if one
        else (
            "; those of the test split hold other seeds, too. Of several seeds a figure is the "
            "mean, and the spread the standard deviation, in points"
        )
    )
    ranked = (
        f"Ranked by class-balanced accuracy on {each.n_validation or 0:,} validation pictures, "
        "on which everything was chosen."
    )
    text = [
        f"{group.title}: n = {each.n:,} test pictures; these runs opened the test split "
        f"{words.counted(group.openings, 'time')}.",
        ranked if len(group.recipes) > 1 else "",
        f"{'One seed each, ' if one else ''}95 % intervals over the pictures{seeds}.",
        f"Training times are {words.TIMES}",
        words.built_on(group.recipes).replace("*", "\\*", 1),
        f"McNemar's test: {words.verdict(found)}" if (found := pairs(group, MOST)) else "",
        _origin(group),
        f"The runs: `docs/results/{suite}/`.",
    ]
    plain = " ".join(filter(None, text)).replace(frames.NBSP, " ")
    # A command that is broken over two lines cannot be found, nor copied.
    whole = re.sub("`[^`]*`", lambda found: found[0].replace(" ", "\0"), plain)
    lines = textwrap.fill(whole, WIDTH, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\0", " ")


def _count(value: float) -> str:
    return f"{value:,.0f}" if isfinite(value) else frames.MISSING


def _millions(value: float) -> str:
    return f"{value / 1e6:,.1f} M" if isfinite(value) else frames.MISSING


def _interval(recipe: Recipe, name: str) -> str:
    figure = recipe.figures[name]
    value, *ends = frames.interval(figure).replace(frames.NBSP, " ").split(" (")
    return f"{value} %" + "".join(f" ({end}" for end in ends)


def _duration(seconds: float) -> str:
    if not isfinite(seconds):
        return "several machines"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _origin(group: Group) -> str:
    """By what command, on what, when and from which commits a group's runs were made."""
    members = group.members
    commands = {each.record.get("command") for each in members}
    by = f" by `{commands.pop()}`" if len(commands) == 1 else ""
    dates = sorted({each.date for each in members})
    commits = sorted({each.commit or "unknown" for each in members})
    when = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    told = f"Made{by}, on {'; '.join(group.machines)}, {when}, commit"
    told += f"{'s' if len(commits) > 1 else ''} {', '.join(commits)}"
    plus = " (a plus: the tree had changes)" if any(each.endswith("+") for each in commits) else ""
    return f"{told}{plus}."


def main(arguments: list[str]) -> int:
    """Publish the suite that is named; the exit code."""
    names = [each for each in arguments if each != "--readme"]
    if len(names) != 1 or names[0].startswith("-"):
        print("Usage: python -m hcr publish SUITE [--readme]", file=sys.stderr)
        return 2
    try:
        for name in publish(names[0]):
            print(f"{name}: {runs.shown(runs.results() / name)}", flush=True)
        print(f"{names[0]}: {runs.shown(runs.results() / names[0] / TABLE)}", flush=True)
        if "--readme" in arguments:
            write_readme(names[0])
            print("README.md: its table", flush=True)
    except HcrError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
