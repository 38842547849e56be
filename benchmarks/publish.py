"""A suite's finished runs for git, and their table.

    uv run benchmarks/publish.py SUITE [--readme]

Of each finished run in `outputs/SUITE/` four small files go to `docs/results/SUITE/`, which then
suffice: `run_all.py` takes the run from there, and `06_compare` shows it. What other machines have
published before stays. `results.md` there is the table of all of them; with `--readme` it takes the
place of the one in the README.
"""

import argparse
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from hcr import runs
from hcr.errors import ParameterError, RunError
from hcr.evaluation import compare_runs
from hcr.runs import environment, files

TABLE = "results.md"
START, END = "<!-- results -->\n", "<!-- /results -->"
# What run.json says of files that are not published, or of how they came about.
LEFT_OUT = ("figures", "tables", "html", "notebook", "look", "fingerprint", "outputs", "kept")
LEFT_OUT += ("error", "reads", "writes", "warnings")
# An absolute path, or one of somebody's home; not the inside of an address or a fraction.
PATH = re.compile(r"(?<![\w.:/~<-])(?:~[\w-]*/|/[\w.-]+)[^\s'\"]*|(?<!\w)[A-Za-z]:[\\/][^\s'\"]*")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("suite", metavar="SUITE", help="as outputs/SUITE")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md, too")
    options = parser.parse_args()
    for name in publish(options.suite):
        print(f"{name}: {runs.shown(runs.results() / name)}")
    print(f"{options.suite}: {runs.shown(runs.results() / options.suite / TABLE)}")
    if options.readme:
        write_readme(options.suite)
        print("README.md: its table")


def publish(suite: str) -> list[str]:
    """Copy what the suite's finished runs left to `docs/results/`, and write the table.

    Returns the names of the runs that were copied. Raises `ParameterError` where none of the
    suite's runs is finished, `RunError` where a run lacks a file or names a path of this machine.
    """
    runs.check_name(suite)
    folders = _finished(runs.outputs() / suite)
    if not folders and not _finished(runs.results() / suite):
        raise ParameterError(
            "What is published must be a suite with a finished run. Received: "
            f"{suite!r}, and there is none in {runs.shown(runs.outputs() / suite)}. Run it first: "
            f"uv run run_all.py params/{suite}.yaml"
        )
    _compare(folders)
    for name, folder in folders.items():
        _copy(folder, runs.results() / name)
    comparison = _compare(_finished(runs.results() / suite))
    parts = [part for each in comparison.groups for part in _described(each, comparison, suite)]
    files.write_text(runs.results() / suite / TABLE, "\n\n".join(parts) + "\n")
    return list(folders)


def write_readme(suite: str, readme: Path | None = None) -> None:
    """Put the suite's table between the marks of the README. Raises `RunError` without marks."""
    path = readme or environment.root() / "README.md"
    before, start, rest = path.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise RunError(f"{runs.shown(path)} must hold the lines {START.strip()} and {END}.")
    command = f"<!-- made by: uv run benchmarks/publish.py {suite} --readme -->\n"
    table = (runs.results() / suite / TABLE).read_text(encoding="utf-8")
    files.write_text(path, f"{before}{START}{command}{table}{END}{after}")


def _finished(suite: Path) -> dict[str, Path]:
    """The suite's finished runs in this folder, by name."""
    folders = [each for each in runs.finished(suite) if each.parent == suite]
    return {f"{suite.name}/{each.name}": each for each in sorted(folders)}


def _compare(folders: dict[str, Path]) -> Any:
    """The runs side by side, all of them; raises `RunError` where one cannot be compared."""
    comparison = compare_runs(folders)
    if comparison.problems:
        text = "; ".join(f"{name}: {problem}" for name, problem in comparison.problems.items())
        raise RunError(f"What is published must be whole runs. Received: {text}")
    return comparison


def _copy(folder: Path, target: Path) -> None:
    """Publish one run."""
    record, scores = runs.read(folder), files.read_json(folder / "metrics.json")
    record.pop("seal", None)
    # The name of this machine's own kernel tells nobody anything.
    system = "-".join(str(record["hardware"].get("system", "")).split("-")[:2])
    record["hardware"] = {**record["hardware"], "system": system}
    record["stages"] = {
        name: {key: value for key, value in entry.items() if key not in LEFT_OUT}
        for name, entry in record["stages"].items()
    }
    path = PATH.search(json.dumps([record, scores], ensure_ascii=False).replace('\\"', '"'))
    if path:
        raise RunError(
            f"What is published must name no path of this machine. Received: {path[0]!r} in "
            f"{runs.shown(folder)}. Name files relative to the project, and run it again."
        )
    target.mkdir(parents=True, exist_ok=True)
    with np.load(folder / "predictions.npz", allow_pickle=False) as saved:
        arrays = {key: saved[key] for key in ("predicted", "labels")}
    # Class indices in a byte each where they fit.
    fit = np.uint8 if max(each.max(initial=0) for each in arrays.values()) < 256 else np.int16
    with files.writing(target / "predictions.npz") as aside, open(aside, "wb") as stream:
        np.savez_compressed(stream, **{key: each.astype(fit) for key, each in arrays.items()})
    with files.writing(target / "history.csv") as aside:
        shutil.copyfile(folder / "history.csv", aside)
    files.write_json(target / "metrics.json", scores)
    # Last, because a folder without it is no run.
    files.write_json(target / "run.json", record)


def _described(group: Any, comparison: Any, suite: str) -> list[str]:
    """A group's table in Markdown, a row a recipe, and a paragraph of what has to be said of it."""
    lines = ["| | run | network | seeds | accuracy | class-balanced accuracy | training | "
             "parameters | multiply-adds |", "|---" * 9 + "|"]  # fmt: skip
    for row in group.ranking.to_dict("records"):
        time = row["seconds"]
        shares = [
            f"{row[key]:.1%} ({row[f'{key}_low']:.1%} to {row[f'{key}_high']:.1%})"
            for key in ("accuracy", "test")
        ]
        cells = [
            *(row["rank"], f"`{row['recipe']}`", f"`{row['network']}`", row["seeds"], *shares),
            f"{time:.0f} s" if time < 100 else f"{time / 60:.0f} min",
            *(f"{row['parameters']:,.0f}", f"{row['multiply_adds'] / 1e6:,.1f} M"),
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |".replace("%", " %"))
    frame = comparison.runs[comparison.runs["group"] == comparison.groups.index(group)]
    machines, dates, commits, commands = (
        ", ".join(sorted({str(each) for each in frame[key]}))
        for key in ("machine", "date", "commit", "command")
    )
    pairs = f"{int(group.pairs['differ'].sum())} of {len(group.pairs)} pairs differ at 5 %"
    n, chosen_on = group.first["n"], group.first["n_validation"] or 0
    text = (
        f"{group.title}: n = {n:,} test images, opened {group.ranking['openings'].sum()} times; "
        f"ranked by class-balanced accuracy on {chosen_on:,} validation images; 95 % intervals; "
        f"{pairs} (class-balanced, paired bootstrap, Holm). Made by `{commands}` on {machines}, "
        f"{dates}, commit {commits}. The runs: `docs/results/{suite}/`."
    )
    return ["\n".join(lines), text]


if __name__ == "__main__":
    main()
