"""The suspects whose verdicts are in docs/label_audit.csv: lists them and draws them large.

    uv run benchmarks/label_audit.py FOLDER

It looks at the 141,475 pictures of emnist-subset's train file, never at a test file, and writes
into FOLDER `suspects.csv` (index in that file, hash, given, suggested, score) and sheets of ten
pictures each. The list follows from `suspects` with five folds and seed 0 alone. Other
versions of NumPy and scikit-learn may swap suspects of nearly the same score, so verdicts are found
by the picture's hash.

Measured on two cores of a virtual machine that other programs used as well: 37 s (39 s of
processor time), all 100 pictures the same and in the same order in two calls.
"""

import sys
from pathlib import Path

from hcr import plots
from hcr.datasets import emnist, leaks
from hcr.evaluation import audit
from hcr.preprocessing.labels import BALANCED

MOST, A_SHEET = 100, 10


def main(folder: Path) -> None:
    """Write the list and the sheets into `folder`, which is made where it isn't there."""
    folder.mkdir(parents=True, exist_ok=True)
    split = emnist.part("emnist-subset", "train")
    found = audit.suspects(split.images, split.labels, len(BALANCED))
    print(
        f"{found.attrs['accuracy']:.2%} of {found.attrs['n']:,} pictures are read as labelled; "
        f"cleanlab counts {found['issue'].sum():,} label errors"
    )
    found = found.head(MOST)
    images = split.images[found["index"]]
    table = found.drop(columns="issue")
    table.insert(1, "hash", audit.hash_text(leaks.pixel_hashes(images)))
    for name in ("given", "suggested"):
        table[name] = [BALANCED[each] for each in found[name]]
    table.to_csv(folder / "suspects.csv", index=False, float_format="%.3g", lineterminator="\n")
    for start in range(0, MOST, A_SHEET):
        part = found.iloc[start : start + A_SHEET]
        captions = [
            f"{BALANCED[row.given]} → {BALANCED[row.suggested]}\n{row.index:,}"
            for row in part.itertuples(index=False)
        ]
        sheet = plots.sheet(images[start : start + A_SHEET], 5, captions)
        sheet.figure.savefig(folder / f"{start + 1:03}.png", dpi=160)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: benchmarks/label_audit.py FOLDER")
    main(Path(sys.argv[1]))
