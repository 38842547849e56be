"""How long a data set of EMNIST ByClass's size takes to load and to look through.

    uv run benchmarks/large_set.py [FOLDER]

FOLDER (by default one in the system's temporary folder; 1.3 GB, kept, so that a second call is
quick) gets IDX files of 697,932 and 116,323 pictures, made of copies of the EMNIST test pictures in
`HCR_DATA` or the cache, else of the digits of mnist-sample; every copy differs in a corner pixel,
or the leak guard would take it away. Then it prints, in seconds and GB of peak resident memory
(mapped pages included):

- read: the first `datasets.load`, which reads the files and makes the cache entry;
- load: `datasets.load` from the cache, in a new process, the import of hcr.datasets apart;
- eda: `run_all.py --only 01_eda` on it, kernel and report included.

Measured last in November 2026 on two cores that other jobs shared (AMD EPYC, no AMX): read 5 s and
1.3 GB; load 0.02 to 0.05 s and 0.05 GB; eda 70 s and 1.2 GB.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from hcr.datasets import files, mnist, tables
from hcr.datasets.split import Options
from hcr.runs import environment

SIZES = {"train": 697_932, "test": 116_323}
# The stage's defaults; params/quick.yaml asks for less.
EDA = (
    "run_all.py --run large --only 01_eda --force -p shared.dataset=emnist-byclass "
    "-p 01_eda.map_points=2000 -p 01_eda.suspects_sample=60000 -p 01_eda.folds=5"
)
PROJECT = Path(__file__).resolve().parents[1]

LOAD = """
import json, resource, time
from hcr import datasets
start = time.perf_counter()
data = datasets.load("emnist-byclass")
seconds = time.perf_counter() - start
sizes = {key: int(value.sum()) for key, value in data.counts.items()}
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
print(json.dumps({"seconds": seconds, "gb": memory, "sizes": sizes, "leaks": data.leaks}))
"""


def main() -> None:
    """Make the files, measure, print."""
    default = Path(tempfile.gettempdir()) / "hcr-large-set"
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else default).resolve()
    make(folder / "data" / "emnist")
    variables = {
        "HCR_DATA": str(folder / "data"),
        "HCR_CACHE": str(folder / "cache"),
        "HCR_OUTPUTS": str(folder / "outputs"),
    }
    say("machine", environment.hardware())
    subprocess.run(["rm", "-rf", str(folder / "cache")], check=True)
    say("read", json.loads(run([sys.executable, "-c", LOAD], variables)[0]))
    for _ in range(3):
        say("load", json.loads(run([sys.executable, "-c", LOAD], variables)[0]))
    _, seconds, gb = run([sys.executable, *EDA.split()], variables)
    say("eda", {"seconds": seconds, "gb": gb})


def make(folder: Path) -> None:
    """Write the four IDX files, unpacked, where they aren't there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = pool()
    start = 0
    for split, n in SIZES.items():
        paths = [
            folder / f"emnist-byclass-{split}-{kind}"
            for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
        ]
        if all(path.is_file() for path in paths):
            start += n
            continue
        with open(paths[0], "wb") as file:
            file.write(struct.pack(">2xBB3I", 8, 3, n, 28, 28))
            for chunk in np.array_split(np.arange(start, start + n), 100):
                part = images[chunk % len(images)].copy()
                part[:, 0, 0] = 1 + chunk // len(images)
                file.write(part.tobytes())
        chosen = labels[np.arange(start, start + n) % len(labels)]
        header = struct.pack(">2xBBI", 8, 1, n)
        paths[1].write_bytes(header + chosen.astype(np.uint8).tobytes())
        start += n


def pool() -> tuple[np.ndarray, np.ndarray]:
    """Pictures as EMNIST stores them, and their labels."""
    names = [f"emnist-byclass-test-{kind}" for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    paths = files.find("emnist", names)
    if paths:
        split = tables.read_split(paths, "test", 62)
        return split.images, split.labels
    train, _, _ = mnist.read("mnist-sample", Options())
    return train.images.swapaxes(1, 2), train.labels


# A process of its own for each command, because the peak is that of all children so far.
WATCH = """
import resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.run(sys.argv[1:]).returncode
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
print(time.perf_counter() - start, memory)
sys.exit(code)
"""


def run(command: list[str], variables: dict[str, str]) -> tuple[str, float, float]:
    """What a command prints, its seconds, and the largest of its processes in GB."""
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *command],
        cwd=PROJECT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        sys.exit(f"It failed: {' '.join(command)}\n{done.stdout}")
    *lines, last = done.stdout.splitlines()
    seconds, memory = map(float, last.split())
    return "\n".join(lines), seconds, memory


def say(what: str, facts: dict) -> None:
    """One line."""
    shown = {
        key: round(value, 2) if isinstance(value, float) else value for key, value in facts.items()
    }
    print(f"{what}: {json.dumps(shown)}", flush=True)


if __name__ == "__main__":
    main()
