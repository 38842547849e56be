"""How people's pen drawings are read: by contributor, wherever and however large they drew.

    HCR_DATA=FOLDER uv run benchmarks/drawings.py [MODEL] [--test] [--json FILE]

MODEL is what `Recognizer.load` takes: a shipped model's name, a run's folder, a file; by default
the shipped 47 classes. Asked are UNIPEN's contributors of the validation split, or with --test
those of the test split, from which nothing may be chosen, and `lou`, who gave too few to count.

Every drawing is put on a pad of 280 x 280 pixels in four ways (`hcr.synthesis.placements`), in
whole pixels, and read as the pad reads it, `from_strokes` and all. Printed are, for each placement,
the shares that were read right in per cent: exact (the right one of the model's classes), folded
(right but for case), top 3 (folded, one of the three best), and folded among digits, capitals and
small letters. `mean` is over contributors, each counting the same; its interval is a bootstrap over
the contributors, of whom there are few. No writer of theirs is in a training split.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from hcr import images
from hcr.datasets import Options, unipen
from hcr.metrics.drawings import MEAN, by_contributor
from hcr.recognizer import Recognizer
from hcr.synthesis.placements import PLACEMENTS, placed

RESAMPLES, SEED = 10_000, 0


def main(asked: argparse.Namespace) -> None:
    """Read every drawing in every placement and print the tables."""
    recognizer = Recognizer.load(asked.model)
    counted = unipen.TEST if asked.test else unipen.VALIDATION
    drawings, characters, contributors = chosen({*counted, *(unipen.ASIDE if asked.test else ())})
    print(f"{recognizer.path}: {len(drawings):,} drawings of {', '.join(sorted(counted))}")
    tables = {}
    for placement in PLACEMENTS:
        pictures = np.stack([images.from_strokes(placed(each, placement)) for each in drawings])
        answers = recognizer.predict(pictures)
        inside = np.isin(contributors, counted)
        parts = []
        for those in (inside, ~inside):
            given = answers[those], recognizer.labels, characters[those], contributors[those]
            parts.append(by_contributor(*given) if those.any() else None)
        table, aside = parts
        tables[placement] = table
        print(f"\n{placement}, {PLACEMENTS[placement][0]} of 280 pixels")
        print(shown(table))
        if aside is not None:
            print("not counted\n" + shown(aside[aside["contributor"] != MEAN]))
        people = table[table["contributor"] != MEAN]
        for column in ("folded", "top 3"):
            low, high = interval(people[column].to_numpy())
            mean = people[column].mean()
            print(f"{column}: {100 * mean:.1f} % ({100 * low:.1f} to {100 * high:.1f})")
    means = [table.set_index("contributor").loc[MEAN, "folded"] for table in tables.values()]
    print(f"\nBetween placements: {100 * (max(means) - min(means)):.2f} points of folded")
    if asked.json:
        found = {name: table.to_dict("records") for name, table in tables.items()}
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def chosen(names: set[str]) -> tuple[list, np.ndarray, np.ndarray]:
    """The drawings of these contributors, their characters and contributors; no copies."""
    (path,) = unipen.sources("unipen", Options())
    strokes, characters, contributors = unipen.load(path)
    kept, _ = unipen.distinct(strokes, characters, unipen.split(contributors))
    kept = kept[np.isin(contributors[kept], list(names))]
    return [strokes[i] for i in kept.tolist()], characters[kept], contributors[kept]


def shown(table: pd.DataFrame) -> str:
    """The table, shares in per cent."""
    text = table.copy()
    for column in table.columns[2:]:
        text[column] = [f"{100 * each:.1f}" if np.isfinite(each) else "" for each in table[column]]
    return text.to_string(index=False)


def interval(shares: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile bootstrap of the mean over contributors."""
    rng = np.random.default_rng(SEED)
    means = shares[rng.integers(0, len(shares), (RESAMPLES, len(shares)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", help="a shipped model's name, a folder or a file")
    parser.add_argument("--test", action="store_true", help="ask the test contributors")
    parser.add_argument("--json", type=Path, help="also write the tables to this file")
    main(parser.parse_args())
