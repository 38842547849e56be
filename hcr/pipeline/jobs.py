"""Runs as processes of their own: a finished one that is run again and compared."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import ParameterError, nearest
from hcr.pipeline import fingerprints
from hcr.pipeline.parameters import shown
from hcr.pipeline.stages import STAGES, Stage, load_stages
from hcr.runs import environment, files

TIMES = ("_seconds", "_ms")  # how the names of metrics end that differ each time
COMPARED = (".npz", ".tflite", "data.json")  # other files hold times, or a digest of one that does


def verify(name: str) -> int:
    """Run the recorded run `name` again in an empty folder, and print the first difference.

    Parameters and threads are those of its record. Returns the exit code: 1 where it differs.
    Raises `ParameterError` where it is no run of `run_all.py` that has a finished stage.
    """
    folders = [top / name for top in (runs.outputs(), runs.results())]
    folder = next((each for each in folders if (each / "run.json").is_file()), folders[0])
    record = runs.read(folder)
    stages, entries = [], record.get("stages", {})
    for stage in STAGES:
        if entries.get(stage, {}).get("status") != "done" or stage in record.get("stale", {}):
            break
        stages.append(stage)
    if not stages or record.get("params_file") == runs.BY_HAND:
        known = [each.relative_to(runs.outputs()).as_posix() for each in runs.finished()]
        what = "one made by hand" if stages else "none finished"
        rule = "--verify needs a run that run_all.py has made"
        raise ParameterError(f"{rule}. Received: {name!r}, {what}.{nearest(name, known)}")
    with tempfile.TemporaryDirectory(prefix="hcr-verify-") as top:
        params = Path(top) / "params.yaml"
        values = {stage: entries[stage]["parameters"] for stage in stages}
        files.write_json(params, {"run": folder.name, "stages": values})
        variables = {environment.OUTPUTS_VARIABLE: str(Path(top) / "outputs")}
        variables[environment.THREADS_VARIABLE] = str(record["hardware"]["cores"])
        command = [sys.executable, str(environment.root() / "run_all.py"), str(params)]
        command += ["--to", stages[-1]]
        if subprocess.run(command, env=os.environ | variables, check=False).returncode:
            print(f"{name}: cannot be run again", file=sys.stderr)
            return 1
        return _compare(name, stages, folder, Path(top) / "outputs" / folder.name)


def _compare(name: str, stages: list[str], folder: Path, again: Path) -> int:
    """Print whether two runs of the same parameters have the same results; 1 where they differ."""
    places, n = (folder, again), 0
    records = [runs.read(place) for place in places]
    for stage in load_stages(tuple(stages)).values():
        entries = [record["stages"][stage.name] for record in records]
        before, now = (_results(stage, *each) for each in zip(places, entries, strict=True))
        n += len(before)
        for key in before | now:
            was, is_now = (str(results.get(key))[:24] for results in (before, now))
            if before.get(key) != now.get(key):
                print(f"{name}: {stage.name} differs: {key} was {was}, is {is_now}")
                print(
                    f"  why: {'; '.join(_reasons(records, entries)) or 'nothing recorded differs'}"
                )
                return 1
    print(f"{name}: identical, {n} numbers and digests of files in {', '.join(stages)}")
    return 0


def _results(stage: Stage, folder: Path, entry: dict[str, Any]) -> dict[str, Any]:
    """The numbers that `stage` left in `folder`, and the digests of its files.

    A file that is gone, as of a published run, has the digest in the stage's `entry`.
    """
    there = fingerprints.outputs(stage, folder).items()
    there = entry.get("outputs", {}) | {file: digest for file, digest in there if digest}
    numbers = dict(_numbers(runs.read_metrics(folder).get(stage.name, {})))
    return numbers | {file: there[file] for file in there if file.endswith(COMPARED)}


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """What stands in a section of `metrics.json`, each with its place there; no times."""
    if not isinstance(value, dict | list):
        yield name, value
        return
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if not str(key).endswith(TIMES):
            yield from _numbers(each, f"{name}.{key}" if name else str(key))


def _reasons(records: Any, entries: Any) -> Iterator[str]:
    """What is recorded of two runs of a stage and differs: machine, versions, code, data."""
    facts = []
    for record, entry in zip(records, entries, strict=True):
        machine, commit = record["hardware"], f"{entry['commit']}{'+' if entry['dirty'] else ''}"
        about = {key: machine[key] for key in ("processor", "cores", "gpu", "system")}
        about |= {"commit": commit, "data": (record.get("data") or {}).get("digest")}
        facts.append(about | record["versions"])
    before, now = facts
    for key in before | now:
        if before.get(key) != now.get(key):
            yield f"{key} was {shown(before.get(key))}, is {shown(now.get(key))}"
    prints = [entry["fingerprint"] for entry in entries]
    for key, text in fingerprints.REASONS.items():
        if prints[0][key] != prints[1][key]:
            yield text
