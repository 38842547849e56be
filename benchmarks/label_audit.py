"""The suspects whose verdicts are in docs/label_audit.csv: lists them and draws them large.

    uv run benchmarks/label_audit.py FOLDER

It looks at the 141,475 images of emnist-subset's train file, never at a test file, and writes into
FOLDER `suspects.csv` (index in that file, hash, given, suggested, score) and sheets of ten images
each. Other versions of NumPy and scikit-learn may swap suspects of nearly the same score, so
verdicts are matched by the image's hash: 16 hexadecimal digits. Takes 40 s on two cores.

The verdicts: one person looked at each image, enlarged seven times, knowing both labels. `wrong`:
the label can't be what was written; only where nobody who saw the image would give it (a clear R
labeled r is, a 9 with a straight tail labeled q is not, for the form that the writer filled in is
not at hand). `ambiguous`: it may be right, the image can be read as either. `right`: it is what
was written. `unreadable`: it is no character that can be told.
"""

import sys
from pathlib import Path

from hcr import evaluation, plots
from hcr.datasets import emnist, leaks
from hcr.preprocessing.labels import BALANCED

MOST, A_SHEET = 100, 10


def main(folder: Path) -> None:
    """Write the list and the sheets into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    split = emnist.part("emnist-subset", "train")
    suspects = evaluation.suspected_labels(split.images, split.labels, len(BALANCED))
    print(
        f"{suspects.attrs['accuracy']:.2%} of {suspects.attrs['n']:,} images are predicted as "
        f"labeled; cleanlab counts {suspects['issue'].sum():,} label errors"
    )
    table = suspects.head(MOST).drop(columns="issue")
    table = table.replace({name: dict(enumerate(BALANCED)) for name in ("given", "suggested")})
    images = split.images[table["index"]]
    hashes = [int(h).to_bytes(8, "little").hex() for h in leaks.pixel_hashes(images)]
    table.insert(1, "hash", hashes)
    table.to_csv(folder / "suspects.csv", index=False, float_format="%.3g", lineterminator="\n")
    columns = (table[name] for name in ("given", "suggested", "index"))
    captions = [f"{a} → {b}\n{index:,}" for a, b, index in zip(*columns, strict=True)]
    for start in range(0, MOST, A_SHEET):
        part = slice(start, start + A_SHEET)
        sheet = plots.sheet(images[part], columns=5, captions=captions[part])
        sheet.figure.savefig(folder / f"{start + 1:03}.png", dpi=160)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: benchmarks/label_audit.py FOLDER")
    main(Path(sys.argv[1]))
