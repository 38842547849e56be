"""The A–Z file of Kaggle: 372,451 capitals as lines of text, very unbalanced.

A line is a label, 0 for A to 25 for Z, and 784 pixels, 0 to 255, ink 255 on 0, upright, row by row,
the letter within 20 x 20 as in MNIST. There is no header: those who count 372,450 have read it with
pandas, which takes the first line for one. Copies that were saved again may have a header; it is
left out. There is no official test split either: an image's hash decides where it belongs, so
that copies of one image never meet across splits and every user has the same splits.
"""

import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hcr.datasets.files import folders, from_here
from hcr.datasets.files import read as read_file
from hcr.datasets.leaks import pixel_hashes
from hcr.datasets.split import Info, Options, Split, by_hash
from hcr.errors import DataError
from hcr.preprocessing.labels import LETTERS

CACHED = True
FILE = "A_Z Handwritten Data.csv"
# As Kaggle, its program and browsers name them.
PLACES = (
    FILE,
    f"A_Z Handwritten Data/{FILE}",
    "az-handwritten-alphabets-in-csv-format.zip",
    f"{FILE}.zip",
    "A_Z Handwritten Data.zip",
    "archive.zip",
)
URL = "https://www.kaggle.com/datasets/sachinpatel21/az-handwritten-alphabets-in-csv-format"
LICENSE = (
    "as its Kaggle page says; its images come from NIST Special Database 19, a work of the U.S. "
    "government, from MNIST and from sources that the page does not name"
)
CITATION = f"S. Patel. A-Z Handwritten Alphabets in .csv format. Kaggle, 2018. {URL}"
SHARES = (0.7, 0.15, 0.15)  # training, validation, test
COLUMNS = 785
LINES = 10_000  # that are read together


def info(name: str, options: Options) -> Info:
    """What is known of `az`."""
    return Info("A–Z, 372,451 capitals (Kaggle)", tuple(LETTERS), LICENSE, CITATION, URL)


def sources(name: str, options: Options) -> list[Path]:
    """The file, or the archive that holds it.

    `options.path` may be either or the folder that has one of them. Raises `DataError` where it is
    nowhere.
    """
    tops = folders("az") if options.path is None else from_here(options.path)
    for top in tops:
        if top.is_file():
            return [top.resolve()]
        for path in (top / each for each in PLACES):
            # Kaggle gives all its archives one name.
            if path.is_file() and not (path.name == "archive.zip" and _member(path) is None):
                return [path.resolve()]
    where = options.path or ", ".join(map(str, tops))
    raise DataError(
        f"{name} needs the file {FILE}. Received: no such file in {where}. Download it from {URL} "
        "into a folder az below HCR_DATA, or name its place with path. For MNIST + A–Z there are "
        "the stand-ins mnist+emnist-upper and mnist+emnist-upper-local."
    )


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Read and split the file.

    Raises `DataError`, with the number of the line, where the file isn't what it should be.
    """
    (path,) = sources(name, options)
    rule = f"a file of lines with a label from 0 to 25 and {COLUMNS - 1} pixels from 0 to 255"
    parts = read_file(path, lambda: _parts(path), rule, f"Download it again from {URL}.")
    counts = sum(np.bincount(labels, minlength=len(LETTERS)) for _, labels in parts)
    if not counts.all():
        missing = "".join(np.array(list(LETTERS))[counts == 0])
        raise DataError(
            f"{path} must hold images of every letter. Received: {counts.sum():,} lines, none of "
            f"{missing}. It was cut short, or is another file: download it again from {URL}."
        )
    train, validation, test = (Split(*part) for part in parts)
    return train, validation, test


def _parts(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and labels of each split."""
    import pandas as pd

    images = [[np.zeros((0, 28, 28), np.uint8)] for _ in SHARES]
    labels = [[np.zeros(0, np.int64)] for _ in SHARES]
    with _opened(path) as file:
        first = file.readline(100 * COLUMNS).removeprefix(b"\xef\xbb\xbf")
    header, line = _is_header(first), 1
    with _opened(path) as file:
        options = {"header": None, "skiprows": int(header), "dtype": np.int32}
        try:
            for table in pd.read_csv(file, chunksize=LINES, **options):
                rows = table.to_numpy()
                wrong = (rows < 0) | (rows > 255)
                wrong[:, 0] = (rows[:, 0] < 0) | (rows[:, 0] >= len(LETTERS))
                if rows.shape[1] != COLUMNS:
                    raise ValueError(f"{rows.shape[1]} values in a line")
                if wrong.any():
                    row, column = np.argwhere(wrong)[0]
                    at = line + header + row
                    raise ValueError(f"{rows[row, column]} as value {column + 1} of line {at:,}")
                pixels = np.ascontiguousarray(rows[:, 1:], np.uint8).reshape(-1, 28, 28)
                for i, part in enumerate(by_hash(pixel_hashes(pixels), SHARES)):
                    images[i].append(pixels[part])
                    labels[i].append(rows[part, 0].astype(np.int64))
                line += len(rows)
        except pd.errors.EmptyDataError:
            pass
        except ValueError as error:
            raise ValueError(f"{error} (line {line:,} or later)") from error
    return [(np.concatenate(a), np.concatenate(b)) for a, b in zip(images, labels, strict=True)]


@contextmanager
def _opened(path: Path):
    """The CSV as bytes, from the archive where it is one."""
    if path.suffix.lower() != ".zip":
        with open(path, "rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        member = _member(path)
        if member is None:
            raise zipfile.BadZipFile(f"an archive without {FILE}")
        with archive.open(member) as file:
            yield file


def _member(path: Path) -> str | None:
    """The member that is the CSV, or "" of a broken archive; Kaggle's has had it twice."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if Path(name).name == FILE]
            return min(names, key=len, default=None)
    except (OSError, zipfile.BadZipFile):
        return ""


def _is_header(line: bytes) -> bool:
    """Whether the first line names columns: in words, in decimals, or from 0 up.

    The last two are what pandas writes for a table that it read without asking about a header.
    """
    fields = line.strip().split(b",")
    words = not all(field.strip().lstrip(b"-").isdigit() for field in fields[:2])
    return words or fields == [b"%d" % i for i in range(COLUMNS)]
