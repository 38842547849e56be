"""What a network bears: pictures of a validation split, spoilt in eight ways and five strengths.

    HCR_DATA=FOLDER uv run benchmarks/robustness.py [MODEL] [--dataset NAME] [--file FILE]

MODEL is what `Recognizer.load` takes: a shipped model's name, a run's folder, a file; by default
the shipped 47 classes. NAME is a key of hcr.datasets.DATASETS, by default emnist-subset. The test
split stays closed: `04_evaluate` asks the same of it, with its parameter `robustness`.

What was measured last of the shipped 47 classes stands in docs/results/robustness.md.

Asked are the same pictures throughout, 100 of each class of the validation split, or all of a class
that has fewer: those whose digests are the least. They are read as they are, and spoilt in each of
eight ways at five strengths (`corruptions`, after MNIST-C; seed 0). Every share is of
pictures that were read right, in per cent. Intervals are of 95 %, over the pictures: Wilson's for
those as they are; for the means and for what is lost a bootstrap in which a picture is drawn with
all that became of it (1,000 draws, seed 0). `mean` is over the strengths, and in the last row over
the eight ways; `lost` is what that is less than as they are, in points; `below half` is the first
strength at which fewer than half are. The network's epoch and temperature were chosen on this
split, so that the first column flatters it a little; what is lost is compared on the same pictures.

The network gets these pictures as they are. A scan or a photograph comes in through
`from_picture`, which tells ink from paper, trims, scales and centres it: the second
table is of the first 20 of each class, taken in by that door after they were spoilt.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hcr import datasets
from hcr.evaluation import metrics
from hcr.evaluation.old_robustness import measure, summary
from hcr.preprocessing import corruptions, from_picture
from hcr.recognizer import SHIPPED, Recognizer
from hcr.reports import insights_verdicts as verdicts
from hcr.runs import environment

PER_CLASS, SCANNED, SEED = 100, 20, 0


def main(asked: argparse.Namespace) -> None:
    """Read every picture 41 times and print the tables."""
    recognizer = Recognizer.load(asked.model)
    data = datasets.load(asked.dataset, seed=SEED)
    characters = data.characters
    chosen = corruptions.sample(data.validation.images, data.validation.labels, PER_CLASS, SEED)
    few = data.validation.take(chosen)
    begun = time.perf_counter()
    frame, table = asked_of(recognizer, few, characters)
    seconds = time.perf_counter() - begun
    fewer = few.take(corruptions.sample(few.images, few.labels, SCANNED, SEED))
    scanned = asked_of(recognizer, fewer, characters, taken_in)
    hardware = environment.facts()["hardware"]
    counts = np.bincount(few.labels, minlength=len(characters))
    model = asked.model or f"{next(iter(SHIPPED))}, as it ships"
    low, high = frame.loc[0, ["low", "high"]]
    lines = [
        f"Model: {model}; {asked.dataset}, validation split, n = {len(few):,} of "
        f"{len(data.validation):,} ({counts.min()} to {counts.max()} of each of {len(characters)} "
        f"classes), 1 seed. Read as they are: {share(table['plain'].iloc[0])} % "
        f"({share(low)} to {share(high)}).",
        "",
        verdicts.robust(table, len(few)),
        "",
        *rows(frame, table),
        "",
        f"As scans, n = {len(fewer):,}:",
        "",
        verdicts.robust(scanned[1], len(fewer)),
        "",
        *rows(*scanned),
        "",
        f"The first table: {41 * len(few):,} answers in {seconds:.0f} s, spoiling and all; "
        f"{hardware['processor']}, {hardware['cores']} cores that other programs used as well.",
    ]
    text = "\n".join(lines)
    print(text)
    if asked.file:
        head = "# How spoilt pictures are read\n\n"
        head += f"    HCR_DATA=FOLDER uv run benchmarks/robustness.py\n\n{about()}\n\n"
        asked.file.write_text(head + text + "\n", encoding="utf-8", newline="\n")


def asked_of(
    recognizer: Recognizer,
    split: datasets.Split,
    characters: Sequence[str],
    door: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What `measure` finds of a split's pictures that come in by `door`, and its summary."""

    def answers(pictures: np.ndarray) -> np.ndarray:
        return recognizer.answers(door(pictures), characters)

    frame, right = measure(answers, split.images, split.labels, SEED)
    return frame, summary(frame, right, SEED)


def taken_in(pictures: np.ndarray) -> np.ndarray:
    """Pictures as a scan's are taken in, uint8 (n, 28, 28)."""
    return np.stack([from_picture(each) for each in pictures])


def about() -> str:
    """What the figures are: the last paragraphs of what stands on top of this file."""
    return __doc__[__doc__.index("Asked are") :].strip()


def rows(frame: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """The summary as Markdown, what costs most first."""
    last, each = table.iloc[-1:], table.iloc[:-1].sort_values("lost", ascending=False)
    found = ["| corruption | amplitudes | 1 | 2 | 3 | 4 | 5 | mean | lost | below half |"]
    found.append("|" + "---|" * 10)
    for row in pd.concat([each, last]).to_dict("records"):
        name, told, half = row["corruption"], "", ""
        if name in corruptions.CORRUPTIONS:
            amplitudes = ", ".join(f"{a:g}" for a in corruptions.CORRUPTIONS[name])
            told = f"{amplitudes} {corruptions.UNITS[name]}"
            own = frame[(frame["corruption"] == name) & (frame["accuracy"] < 0.5)]
            half = str(int(own["strength"].min())) if len(own) else "never"
        mean = f"{share(row['mean'])} ({share(row['low'])} to {share(row['high'])})"
        lost = f"{share(row['lost'])} ({share(row['lost_low'])} to {share(row['lost_high'])})"
        shares = [share(row[str(each)]) for each in corruptions.STRENGTHS]
        found.append(f"| {' | '.join([name, told, *shares, mean, lost, half])} |")
    return found


def share(value: float) -> str:
    """A share of 1 in per cent."""
    return metrics.percent(value).removesuffix(" %")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", metavar="MODEL")
    parser.add_argument("--dataset", default="emnist-subset", metavar="NAME")
    parser.add_argument("--file", type=Path, help="write the tables there, too")
    main(parser.parse_args())
