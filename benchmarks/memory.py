"""How much memory a training on all of emnist-subset takes.

    HCR_DATA=FOLDER uv run benchmarks/memory.py [-p STAGE.key=value ...]

Trains `params/hcr_net.yaml` for one epoch, with what `-p` changes, in a folder of its own that is
deleted afterwards, and prints the largest resident memory of any process of it, kernel included:
data, network, validation and export. More epochs take no more.

Measured last in November 2026 on two cores (AMD EPYC, no AMX), in bfloat16: 1.42 GB.
"""

import os
import resource
import subprocess
import sys
import tempfile

from hcr.runs import environment

WORDS = "params/hcr_net.yaml --run memory --to 03_train -p 03_train.epochs=1"


def main() -> None:
    """Train, and print the peak."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                sys.executable,
                "run_all.py",
                *WORDS.split(),
                "-p",
                "03_train.plain_epochs=0",
                *sys.argv[1:],
            ],
            cwd=environment.root(),
            env={**os.environ, "HCR_OUTPUTS": folder},
            check=True,
        )
    # The largest of all processes that were waited for, and theirs; Linux counts in KiB.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 1e9
    print(f"peak resident memory: {peak:.2f} GB")


if __name__ == "__main__":
    main()
