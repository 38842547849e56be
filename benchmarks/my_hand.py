"""What fine-tuning on one person's drawings gives, and how long it takes.

    HCR_DATA=FOLDER uv run benchmarks/my_hand.py [CONTRIBUTOR [EACH]]

Drawings of a contributor to UNIPEN, at most EACH (5) of each of 62 characters, picked by chance,
are put on a pad, kept as a person's own in a temporary folder, and `params/my_hand.yaml` is run on
them into another. Printed are the seconds, and how many points were gained on the drawings held
out, with their intervals, as the notebooks say it.

The default is `tos`, a contributor of the validation split. `tos` and `imp` are in no training
split, but the shipped network's recipe was chosen on them, so its figure for them is a little too
good, and what is gained beside it a little too small. Those of the test split (`aga`, `ced`, `gmd`,
`pri`, `uqb`, `val`) have chosen nothing; whoever reads theirs has opened that split.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from hcr.datasets import drawings_file as drawings
from hcr.datasets import unipen
from hcr.datasets.split import Options
from hcr.errors import DataError
from hcr.preprocessing.synthesis import PAD, place_on_pad
from hcr.runs import environment, files

PROJECT = Path(__file__).resolve().parents[1]
PARAMS = "params/my_hand.yaml"
EACH = 5


def main() -> None:
    """Keep the drawings, run, and print."""
    contributor = sys.argv[1] if len(sys.argv) > 1 else "tos"
    each = int(sys.argv[2]) if len(sys.argv) > 2 else EACH
    print(f"machine: {environment.hardware()}")
    with tempfile.TemporaryDirectory() as aside:
        os.environ["HCR_DRAWINGS"] = str(Path(aside) / "drawings")
        outputs = Path(aside) / "outputs"
        n = kept(contributor, each)
        load, begin = os.getloadavg(), time.perf_counter()
        done = subprocess.run(
            [sys.executable, "run_all.py", PARAMS],
            cwd=PROJECT,
            env={**os.environ, "HCR_OUTPUTS": str(outputs)},
            check=False,
        )
        seconds = time.perf_counter() - begin
        if done.returncode:
            sys.exit(f"{PARAMS} ended with {done.returncode}.")
        found = files.read_json(outputs / Path(PARAMS).stem / "metrics.json")
        print(
            f"{contributor}: {n} drawings, {seconds:.0f} s for all notebooks, load average "
            f"{load[0]:.1f} to {os.getloadavg()[0]:.1f}"
        )
        for stage, what in (("03_train", "validation"), ("04_evaluate", "test")):
            print(f"  on {what}: {told(found[stage])}")


def kept(contributor: str, each: int) -> int:
    """Keep the drawings as a person's own; how many there are."""
    (path,) = unipen.sources("unipen", Options())
    strokes, characters, contributors = unipen.load(path)
    theirs = np.flatnonzero(contributors == contributor)
    if not len(theirs):
        sys.exit(f"CONTRIBUTOR must be one of {', '.join(sorted(set(contributors.tolist())))}.")
    rng = np.random.default_rng(0)
    n = 0
    for character in sorted(set(characters[theirs].tolist())):
        own = rng.permutation(theirs[characters[theirs] == character])[:each]
        for index in own:
            # A pen put down once is no drawing.
            with suppress(DataError):
                drawings.append(character, place_on_pad(strokes[index], "large"), contributor, PAD)
                n += 1
    return n


def told(metrics: dict) -> str:
    """What was gained, in points, with its 95 % interval."""
    gain = metrics["gain"]
    difference, low, high = (100 * gain[key] for key in ("difference", "low", "high"))
    before = 100 * metrics["start_accuracy"]
    return f"{before:.1f} % before, {difference:+.1f} points ({low:+.1f} to {high:+.1f})"


if __name__ == "__main__":
    main()
