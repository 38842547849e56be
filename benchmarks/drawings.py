"""How people's pen drawings are read: by contributor, wherever and however large they drew.

    HCR_DATA=FOLDER uv run benchmarks/drawings.py [MODEL] [--test] [--file FILE]

MODEL is what `Recognizer.load` takes: a shipped model's name, a run's folder, a file; by default
the shipped 47 classes. Asked are UNIPEN's contributors of the validation split, or with --test
those of the test split, from which nothing may be chosen, and `lou`, who gave too few to count.

Every drawing is put on a pad of 280 x 280 pixels in four ways (`hcr.preprocessing.synthesis`), in
whole pixels, and read as the pad reads it, `from_strokes` and all. Printed are, for each placement,
the shares that were read right in per cent: exact (the right one of the model's classes), folded
(right but for case), top 3 (folded, one of the three best), and folded among digits, capitals and
small letters. `mean` is over contributors, each counting the same; its interval is a bootstrap over
the contributors, widened because they are few. No writer of theirs is in a training split.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from hcr.datasets import unipen
from hcr.evaluation.old_drawings import KINDS, MEAN, interval
from hcr.preprocessing.synthesis import PLACEMENTS
from hcr.recognizer import SHIPPED, Recognizer
from hcr.reports import insights_people as people
from hcr.runs import files

SEED = 0
BEFORE = """\
The test contributors had been read once before, with the network that shipped then and is half of
today's: drawn large, 88.5 % right but for case and 98.0 % among the first three. What followed was
chosen on the validation contributors, and by leaving training contributors out (docs/levers.md).\
"""


def main(asked: argparse.Namespace) -> None:
    """Read every drawing in every placement and print the tables."""
    recognizer = Recognizer.load(asked.model)
    counted = unipen.TEST if asked.test else unipen.VALIDATION
    table = people.in_placements(recognizer, *unipen.drawings_of(counted))
    n = int(table["n"].iloc[-1])
    model = asked.model or f"{next(iter(SHIPPED))}, as it ships"
    lines = [f"Model: {model}; {n:,} drawings of {', '.join(sorted(counted))}", ""]
    aside = None
    if asked.test:
        aside = people.in_placements(recognizer, *unipen.drawings_of(unipen.ASIDE))
        aside = aside[aside["contributor"] != MEAN]
    for placement, (size, _) in PLACEMENTS.items():
        own = table[table["placement"] == placement]
        means = [f"{column} {share(own, column)}" for column in ("folded", "top 3", "exact")]
        lines += [f"## {placement}: {size} of 280 pixels", "", *rows(own)]
        if aside is not None:
            lines += rows(aside[aside["placement"] == placement])[2:]
        lines += ["", f"Mean over contributors: {', '.join(means)}.", ""]
    apart = people.spread(table)
    lines += [f"Folded means of the placements lie within {apart:.2f} points of one another."]
    text = "\n".join(lines)
    print(text)
    if asked.file:
        command = f"uv run benchmarks/drawings.py{' --test' if asked.test else ''}"
        head = f"# How pen drawings are read\n\n    HCR_DATA=FOLDER {command}\n\n{about()}\n\n"
        if asked.test:
            head += f"{BEFORE}\n\n"
        asked.file.write_text(head + text + "\n", encoding="utf-8", newline="\n")
        files.write_json(asked.file.with_suffix(".json"), facts(recognizer, counted, table))


def facts(recognizer: Recognizer, counted: tuple[str, ...], table: pd.DataFrame) -> dict:
    """What the card of the network tells: by placement, (mean, low, high) of each share."""
    placements = {}
    for placement in PLACEMENTS:
        own = table[table["placement"] == placement]
        mean = own.loc[own["contributor"] == MEAN].iloc[0]
        placements[placement] = {
            column: [float(mean[column]), *interval(own, column, SEED)]
            for column in ("folded", "top 3")
        }
    each = table[(table["contributor"] != MEAN) & (table["placement"] == next(iter(PLACEMENTS)))]
    kinds = each.set_index("contributor")[list(KINDS)].stack()
    contributor, kind = kinds.idxmin()
    return {
        "model": files.sha256(recognizer.path),
        "contributors": sorted(counted),
        "n": int(table["n"].iloc[-1]),
        "placements": placements,
        "weakest": {"contributor": contributor, "kind": kind, "folded": float(kinds.min())},
    }


def about() -> str:
    """What the figures are: the last paragraph of what stands on top of this file."""
    return __doc__[__doc__.index("Every drawing") :].strip()


def rows(table: pd.DataFrame) -> list[str]:
    """The table of a placement as Markdown, shares in per cent."""
    table = table.drop(columns="placement")
    found = [f"| {' | '.join(table.columns)} |", "|" + "---|" * len(table.columns)]
    for row in table.itertuples(index=False):
        shares = [f"{100 * each:.1f}" if np.isfinite(each) else "" for each in row[2:]]
        found.append(f"| {row[0]} | {row[1]:,} | {' | '.join(shares)} |")
    return found


def share(table: pd.DataFrame, column: str) -> str:
    """The mean over contributors, with its interval."""
    low, high = interval(table, column, SEED)
    mean = table.loc[table["contributor"] == MEAN, column].item()
    return f"{100 * mean:.2f} % ({100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", help="a shipped model's name, a folder or a file")
    parser.add_argument("--test", action="store_true", help="ask the test contributors")
    parser.add_argument("--file", type=Path, help="also write what is printed to this file")
    main(parser.parse_args())
