"""What a sweep gains over a command for each run, and `--jobs 2` over `--jobs 1`.

    uv run benchmarks/sweeps.py [--rates 4] [--seeds 3] [--epochs 2] [-p STAGE.key=value ...]

The runs are those of `params/quick.yaml` up to `03_train`, for each of so many learning rates and
seeds (12 by default), in a folder that is deleted afterwards: a command for each, one sweep of all
with `--jobs 1`, and with `--jobs 2`. Prints seconds and processor seconds, how many times faster
each is, megabytes a run, and whether metrics are equal at an equal number of threads: the sweep's
and the commands', and of `--jobs 2` those of one run and its `--verify`.

All three stand side by side in one sitting; other work on the machine falsifies the factors.

Two quiet cores of an AMD EPYC without bfloat16, November 2026, `--seeds 1 --epochs 1 -p
shared.limit=500` (4 runs): commands 254 s, a sweep 152 s (1.67 times faster), with `--jobs 2` 109 s
(1.39 times), metrics of all 4 equal, and `--jobs 2` verified again.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.runs import environment

TIMES = ("_seconds", "_ms")


def call(outputs: Path, *words: str) -> tuple[float, float]:
    """Run `run_all.py`; the seconds that it took, and those of all processors."""
    start, used = time.monotonic(), processor_seconds()
    command = [sys.executable, "run_all.py", *words]
    variables = {**os.environ, environment.OUTPUTS_VARIABLE: str(outputs)}
    done = subprocess.run(command, cwd=environment.root(), env=variables, capture_output=True)
    if done.returncode:
        sys.exit(done.stdout.decode() + done.stderr.decode())
    return time.monotonic() - start, processor_seconds() - used


def processor_seconds() -> float:
    """Those of all processes that have ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def scores(folder: Path) -> str:
    """A run's metrics, without times."""
    sections = runs.read_metrics(folder)
    kept: dict[str, Any] = {
        stage: {key: value for key, value in section.items() if not key.endswith(TIMES)}
        for stage, section in sections.items()
    }
    return json.dumps(kept, sort_keys=True)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=int, default=4, help="how many learning rates")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds of each")
    parser.add_argument("--epochs", type=int, default=2, help="of each training")
    parser.add_argument("-p", action="append", default=[], help="as that of run_all.py")
    given = parser.parse_args()
    rates, seeds = [1e-3 * 2**i for i in range(given.rates)], range(given.seeds)
    words = ["--to", "03_train", "-p", f"03_train.epochs={given.epochs}"]
    words += [word for each in given.p for word in ("-p", each)]
    with tempfile.TemporaryDirectory() as top:
        outputs = {name: Path(top) / name for name in ("commands", "one", "two")}
        took = dict.fromkeys(outputs, (0.0, 0.0))
        shutil.copy(environment.root() / "params" / "quick.yaml", top)
        grid = {"grid": {"03_train.learning_rate": rates}, "seeds": [*seeds], "base": "quick"}
        sweep = Path(top) / "sweep.yaml"
        sweep.write_text(json.dumps({"sweep": "sweep", **grid}))
        for rate in rates:
            for seed in seeds:
                own = ["-p", f"03_train.learning_rate={rate}", "-p", f"shared.seed={seed}"]
                own += ["--run", f"learning_rate-{rate:g}-s{seed}"]
                each = call(outputs["commands"], "params/quick.yaml", *own, *words)
                took["commands"] = tuple(map(sum, zip(took["commands"], each, strict=True)))
        took["one"] = call(outputs["one"], str(sweep), *words, "--jobs", "1")
        took["two"] = call(outputs["two"], str(sweep), *words, "--jobs", "2")
        n = len(rates) * len(seeds)
        for name, (seconds, used) in took.items():
            print(f"{name}: {seconds:.0f} s, {used / n:.0f} processor seconds a run, {n} runs")
        print(
            f"a sweep beside its commands: {took['commands'][0] / took['one'][0]:.2f} times faster"
        )
        print(f"--jobs 2 beside --jobs 1: {took['one'][0] / took['two'][0]:.2f} times faster")
        made = sorted(path.parent for path in outputs["one"].glob("sweep/*/run.json"))
        equal = [scores(run) == scores(outputs["commands"] / run.name) for run in made]
        print(f"metrics of sweep and commands equal: {sum(equal)} of {len(equal)}")
        left = [path for path in outputs["commands"].rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in left) / n / 1e6
        print(f"a run alone: {size:.1f} MB in {len(left) / n:.0f} files")
        call(outputs["two"], "--verify", f"sweep/{made[0].name}")  # ends in an error otherwise
        print(f"--jobs 2, verified again with its threads: {made[0].name} identical")


if __name__ == "__main__":
    main()
