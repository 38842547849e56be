"""How people's pen drawings are recognized: by contributor, wherever and however large they drew.

    HCR_DATA=FOLDER uv run benchmarks/drawings.py [MODEL] [--test] [--file FILE]

MODEL is what `Recognizer.load` takes; by default the pretrained model of 47 classes. Recognized
are the drawings of UNIPEN's contributors of the validation split, or with --test those of the test
split, from which nothing may be chosen, and `lou`, who gave too few to count.

Every drawing is put on a pad of 280 x 280 pixels in four ways (`synthesis.PLACEMENTS`), in whole
pixels, and recognized as the pad does it, `from_strokes` and all. Printed are, for each placement,
the shares that were recognized right in percent: exact (the right one of the model's classes),
folded (right but for case), top 3 (folded, one of the three best), and folded among digits,
capitals and small letters. `mean` is over contributors, each counting the same; its interval is a
bootstrap over the contributors, widened because they are few. No writer of theirs is in a training
split.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from hcr import evaluation
from hcr.datasets import unipen
from hcr.preprocessing.synthesis import PLACEMENTS
from hcr.recognizer import Recognizer
from hcr.runs import files

SEED = 0
BEFORE = """\
The test contributors had been recognized once before, with the model that was pretrained then and
is half of today's: drawn large, 88.5 % right but for case and 98.0 % among the first three. What
followed was chosen on the validation contributors, and by leaving training contributors out
(docs/levers.md).\
"""


def main(options: argparse.Namespace) -> None:
    """Recognize every drawing in every placement and print the tables."""
    recognizer = Recognizer.load(options.model)
    counted = unipen.TEST if options.test else unipen.VALIDATION
    table = evaluation.score_drawings(recognizer, *unipen.drawings_of(counted))
    rows = [table]
    if options.test:
        aside = evaluation.score_drawings(recognizer, *unipen.drawings_of(unipen.ASIDE))
        rows.append(aside[aside["contributor"] != "mean"])
    n = int(table["n"].iloc[-1])
    model = options.model or "emnist, pretrained"
    lines = [f"Model: {model}; {n:,} drawings of {', '.join(sorted(counted))}", ""]
    columns = ("folded", "top 3", "exact")
    means = {column: evaluation.drawing_intervals(table, SEED, column) for column in columns}
    for placement, (size, _) in PLACEMENTS.items():
        part = pd.concat([frame[frame["placement"] == placement] for frame in rows])
        text = [interval(column, means[column][placement]) for column in columns]
        lines += [f"## {placement}: {size} of 280 pixels", "", *markdown(part), ""]
        lines += [f"Mean over contributors: {', '.join(text)}.", ""]
    folded = [each["folded"] for each in means["folded"].values()]
    apart = 100 * (max(folded) - min(folded))
    lines += [f"Folded means of the placements are within {apart:.2f} points of one another."]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.file:
        command = f"uv run benchmarks/drawings.py{' --test' if options.test else ''}"
        about = __doc__[__doc__.index("Every drawing") :].strip()
        head = f"# Accuracy on pen drawings\n\n    HCR_DATA=FOLDER {command}\n\n{about}\n\n"
        head += f"{BEFORE}\n\n" if options.test else ""
        options.file.write_text(head + text, encoding="utf-8", newline="\n")
        facts = {"model": files.sha256(recognizer.path), "contributors": sorted(counted), "n": n}
        files.write_json(options.file.with_suffix(".json"), facts | for_card(table, means))


def for_card(table: pd.DataFrame, means: dict) -> dict:
    """What a model's card shows: (mean, low, high) by placement and share, and the weakest."""
    placements = {
        placement: {
            column: list(means[column][placement].values()) for column in ("folded", "top 3")
        }
        for placement in PLACEMENTS
    }
    people = table[table["contributor"] != "mean"]
    people = people[people["placement"] == next(iter(PLACEMENTS))]
    kinds = people.set_index("contributor")[["digits", "capitals", "small letters"]].stack()
    contributor, kind = kinds.idxmin()
    weakest = {"contributor": contributor, "kind": kind, "folded": float(kinds.min())}
    return {"placements": placements, "weakest": weakest}


def markdown(table: pd.DataFrame) -> list[str]:
    """The table of a placement as Markdown, shares in percent."""
    table = table.drop(columns="placement")
    lines = [f"| {' | '.join(table.columns)} |", "|" + "---|" * len(table.columns)]
    for contributor, n, *shares in table.itertuples(index=False):
        texts = [f"{100 * share:.1f}" if np.isfinite(share) else "" for share in shares]
        lines.append(f"| {contributor} | {n:,} | {' | '.join(texts)} |")
    return lines


def interval(column: str, mean: dict[str, float]) -> str:
    """The mean over contributors, with its interval."""
    text = f"{column} {100 * mean[column]:.2f} %"
    return f"{text} ({100 * mean['low']:.1f} to {100 * mean['high']:.1f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", help="a pretrained model's name, a folder or a file")
    parser.add_argument("--test", action="store_true", help="recognize the test contributors'")
    parser.add_argument("--file", type=Path, help="also write what is printed to this file")
    main(parser.parse_args())
