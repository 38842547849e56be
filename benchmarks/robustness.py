"""How robust a model is: images of a validation split, corrupted in eight ways and five strengths.

    HCR_DATA=FOLDER uv run benchmarks/robustness.py [MODEL] [--dataset NAME] [--file FILE]

MODEL is what `Recognizer.load` takes; by default the pretrained model of 47 classes. NAME is a key
of hcr.datasets.DATASETS, by default emnist-subset. The test split stays closed: `04_evaluate`
measures the same on it, with its parameter `robustness`. docs/results/robustness.md holds the last
results.

Predicted are the same images throughout, 100 of each class of the validation split, or all of a
class that has fewer: those whose digests are the least. They are predicted as they are, and
corrupted (`corruptions`, after MNIST-C; seed 0). Every share is of images that were predicted
right, in percent. Intervals are of 95 %, a bootstrap over the images, each drawn with all its
corrupted copies (1,000 resamples, seed 0). `mean` is over the strengths, and in the last row over
the eight ways; `lost` is what that is less than as they are, in points; `below half` is the first
strength at which fewer than half are right. The model's epoch and temperature were chosen on this
split, so that the first column flatters it a little; what is lost is compared on the same images.

The second table is of the first 20 of each class, brought in as a scan is, by
`hcr.preprocessing.from_picture`, which tells ink from paper, trims, scales and centers it.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from hcr import datasets, evaluation
from hcr.preprocessing import corruptions, from_picture
from hcr.recognizer import Recognizer
from hcr.runs import environment

PER_CLASS, SCANNED, SEED = 100, 20, 0


def main(options: argparse.Namespace) -> None:
    """Predict every image 41 times and print the tables."""
    recognizer = Recognizer.load(options.model)
    data = datasets.load(options.dataset, seed=SEED)
    predict = partial(recognizer.predict, characters=data.characters)
    split = data.validation
    few = split.take(corruptions.sample(split.images, split.labels, PER_CLASS, SEED))
    fewer = few.take(corruptions.sample(few.images, few.labels, SCANNED, SEED))
    begun = time.perf_counter()
    tables = markdown(*evaluation.corruption_scores(predict, few.images, few.labels, SEED))
    seconds = time.perf_counter() - begun

    def predict_scans(images: np.ndarray) -> np.ndarray:
        framing = recognizer.framing
        return predict(np.stack([from_picture(image, framing=framing) for image in images]))

    scans = evaluation.corruption_scores(predict_scans, fewer.images, fewer.labels, SEED)
    hardware = environment.facts()["hardware"]
    lines = [
        f"Model: {options.model or 'emnist, pretrained'}; {options.dataset}, validation split, "
        f"n = {len(few):,} of {len(split):,}, 1 seed.",
        "",
        *tables,
        "",
        f"As scans, n = {len(fewer):,}:",
        "",
        *markdown(*scans),
        "",
        f"The first table: {41 * len(few):,} predictions in {seconds:.0f} s, corruptions included; "
        f"{hardware['processor']}, {hardware['cores']} cores that other programs used as well.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.file:
        about = __doc__[__doc__.index("Predicted are") :].strip()
        command = "    HCR_DATA=FOLDER uv run benchmarks/robustness.py"
        head = f"# Accuracy on corrupted images\n\n{command}\n\n{about}\n\n"
        options.file.write_text(head + text, encoding="utf-8", newline="\n")


def markdown(frame: pd.DataFrame, right: np.ndarray) -> list[str]:
    """The summary of `corruption_scores` as a Markdown table, what costs most first."""
    summary = evaluation.corruption_summary(frame, right, SEED)
    rows = pd.concat([summary[:-1].sort_values("lost", ascending=False), summary[-1:]])
    heads = ["corruption", "amplitudes", "as they are", *"12345", "mean", "lost", "below half"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows.to_dict("records"):
        name, amplitudes, half = row["corruption"], "", ""
        if name in corruptions.CORRUPTIONS:
            amplitudes = ", ".join(f"{a:g}" for a in corruptions.CORRUPTIONS[name])
            below = frame[(frame["corruption"] == name) & (frame["accuracy"] < 0.5)]
            half = str(below["strength"].min()) if len(below) else "never"
        shares = [f"{100 * row[key]:.1f}" for key in ("plain", *"12345")]
        for key, prefix in (("mean", ""), ("lost", "lost_")):
            low, high = row[f"{prefix}low"], row[f"{prefix}high"]
            shares.append(f"{100 * row[key]:.1f} ({100 * low:.1f} to {100 * high:.1f})")
        lines.append(f"| {' | '.join([name, amplitudes, *shares, half])} |")
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", metavar="MODEL")
    parser.add_argument("--dataset", default="emnist-subset", metavar="NAME")
    parser.add_argument("--file", type=Path, help="write the tables there, too")
    main(parser.parse_args())
