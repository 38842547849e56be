"""How much sooner `speedrun` is as good as `emnist_bn3` is after its 20 epochs.

    HCR_DATA=FOLDER uv run benchmarks/speedrun.py

Both learn `emnist-subset`, one after the other on this machine: `speedrun`, `emnist_bn3`, and
`speedrun` once more, since a machine may be slower at one time than at another. Good is
class-balanced accuracy on the validation split; the test split stays closed. The time is that of
training with the validation after each epoch, without loading and building.

The runs lie in outputs/, as speedrun_first, speedrun_bn3 and speedrun_again. They go on where they
were stopped, but then their times are not of one sitting: delete them to measure anew.

Measured last in November 2026 (AMD EPYC, two cores that multiply bfloat16, 1 seed): emnist_bn3 has
87.13 % at best, of n = 14,145, and took 1,179 s for its 20 epochs; speedrun has more after its
second, in 66 s and, once more, 75 s: 17.9 and 15.8 times sooner.
"""

import subprocess
import sys

import pandas as pd

from hcr import runs
from hcr.runs import environment

RUNS = {
    "speedrun_first": "speedrun",
    "speedrun_bn3": "emnist_bn3",
    "speedrun_again": "speedrun",
}
OTHER = "speedrun_bn3"


def main() -> None:
    """Train what is not trained, and print the ratios."""
    root = environment.root()
    for name, params in RUNS.items():
        command = [f"params/{params}.yaml", "--run", name, "-p", "shared.dataset=emnist-subset"]
        for stage in ("02_balance", "03_train"):
            script = [sys.executable, root / "run_all.py", *command, "--only", stage]
            subprocess.run(script, cwd=root, check=True)
    histories = {name: pd.read_csv(runs.outputs() / name / "history.csv") for name in RUNS}
    for name, history in histories.items():
        print(f"\n{name}, {history['epoch_seconds'].sum():.0f} s")
        columns = ["epoch", "val_accuracy", "val_balanced_accuracy", "epoch_seconds"]
        print(history[columns].to_string(index=False))
    goal = float(histories[OTHER]["val_balanced_accuracy"].max())
    theirs = float(histories[OTHER]["epoch_seconds"].sum())
    hardware = environment.hardware()
    print(
        f"\nGoal: {100 * goal:.2f} %, the best of emnist_bn3's epochs, which took {theirs:.0f} s; "
        f"{hardware['processor']}, {hardware['cores']} cores, "
        f"bfloat16: {'yes' if hardware['bfloat16'] else 'no'}"
    )
    for name, history in histories.items():
        reached = history["val_balanced_accuracy"] >= goal
        if name == OTHER:
            continue
        if not reached.any():
            print(f"{name}: not reached, {100 * history['val_balanced_accuracy'].max():.2f} %")
            continue
        ours = float(history["epoch_seconds"][: int(reached.argmax()) + 1].sum())
        print(f"{name}: reached after {ours:.0f} s, {theirs / ours:.1f} times sooner")


if __name__ == "__main__":
    main()
