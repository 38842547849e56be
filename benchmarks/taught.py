"""What a few kept drawings teach a model in the pad, at once (`hcr.pad.teaching.adapt`).

    HCR_DATA=FOLDER uv run benchmarks/taught.py [MODEL]

Drawings of UNIPEN's validation contributors, on which the constants were chosen, too; the test
split is left alone. MODEL is what `Recognizer.load` takes. One contributor teaches, by chance:

- 3, 10 or 50 drawings, whatever they are, 10 times each;
- 3 drawings of a repeated mistake, one character taken for one and the same other: twice for each
  such pair with 5 drawings or more; `recalled` counts the pair's other drawings;
- 3 or 10 drawings of a character that is taken from the model's labels, each of them in turn;
  `recalled` counts their other drawings of it. The network was trained with that character, so a
  script that it never saw may be harder.

Printed are means in percent, with 95 % bootstrap intervals over the teachings: what was recalled,
and by how many points the accuracy changed on other drawings of the contributor (own) and of the
other contributor (others), at most 300 of each.
"""

import sys

import numpy as np

from hcr.datasets import unipen
from hcr.pad.teaching import adapt
from hcr.preprocessing import from_strokes
from hcr.preprocessing.labels import merge
from hcr.recognizer import Recognizer
from hcr.runs import environment

SOME = 300


def main() -> None:
    """Teach, and print."""
    model = Recognizer.load(*sys.argv[1:2])
    strokes, characters, people = unipen.drawings_of(unipen.VALIDATION)
    images = np.stack([from_strokes(each, model.framing) for each in strokes])
    true = np.array([merge(each) for each in characters.tolist()])
    best = np.array(model.labels)[model.predict(images).argmax(axis=1)]
    rows: dict[str, list[list[float]]] = {}

    def teach(way: str, model: Recognizer, kept, back, seed: list[int]) -> None:
        """Teach with the drawings `kept`, some of whose siblings are kept `back`."""
        taught, *_ = adapt(model, images[kept], true[kept].tolist())
        theirs, row = people == people[kept[0]], [100 * right(taught, back)]
        rest = np.setdiff1d(np.flatnonzero(np.isin(true, model.labels)), [*kept, *back])
        for rows_of in (rest[theirs[rest]], rest[~theirs[rest]]):
            some = np.random.default_rng(seed).choice(rows_of, min(SOME, len(rows_of)), False)
            row.append(100 * (right(taught, some) - right(model, some)))
        rows.setdefault(way, []).append(row)

    def right(model: Recognizer, chosen) -> float:
        """The share of these drawings that are right."""
        if not len(chosen):
            return np.nan
        top = model.predict(images[chosen]).argmax(axis=1)
        return float((np.array(model.labels)[top] == true[chosen]).mean())

    for p, person in enumerate(unipen.VALIDATION):
        theirs = np.flatnonzero(people == person)
        for n in (3, 10, 50):
            for i in range(10):
                kept = np.random.default_rng([p, n, i]).choice(theirs, n, False)
                teach(f"{n} drawings", model, kept, kept[:0], [p, n, i])
        for pair in sorted({(true[i], best[i]) for i in theirs if true[i] != best[i]}):
            same = theirs[(true[theirs] == pair[0]) & (best[theirs] == pair[1])]
            for i in range(2 * (len(same) >= 5)):
                mixed = np.random.default_rng([p, i]).permutation(same)
                teach("3 of a repeated mistake", model, mixed[:3], mixed[3:], [p, i])
        for label in model.labels:
            same = np.random.default_rng(p).permutation(theirs[true[theirs] == label])
            less = model.among("".join(each for each in model.labels if each != label))
            for n in (3, 10):
                if len(same) >= n + 5:
                    teach(f"{n} of a new character", less, same[:n], same[n:], [p, n])
    print(f"machine: {environment.hardware()}; {len(true):,} drawings")
    print("| taught with | times | recalled | own | others |\n|---|---:|---:|---:|---:|")
    rng = np.random.default_rng(0)
    for way, values in rows.items():
        table = np.array(values)
        means = table[rng.integers(0, len(table), (2000, len(table)))].mean(axis=1)
        ends = zip(table.mean(axis=0), *np.quantile(means, (0.025, 0.975), axis=0), strict=True)
        cells = ["" if np.isnan(m) else f"{m:+.1f} ({a:+.1f} to {b:+.1f})" for m, a, b in ends]
        print(f"| {way} | {len(table)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
