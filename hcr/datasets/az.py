"""The A–Z file of Kaggle: 372,451 capitals as lines of text, very unbalanced.

A line is a label, 0 for A to 25 for Z, and 784 pixels, 0 to 255, ink 255 on 0, upright, row by row,
the letter within 20 x 20 as in MNIST. There is no header: those who count 372,450 have read it with
pandas, which takes the first line for one. Copies that were saved again may have a header; it is
left out. There is no official test split either: a picture's hash decides where it belongs, so
that copies of one picture never meet across splits and every user has the same splits.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hcr.datasets import leaks, places
from hcr.datasets.split import Info, Options, Split, by_hash
from hcr.errors import DataError
from hcr.preprocessing.labels import LETTERS
from hcr.runs import environment

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
LICENCE = (
    "as its Kaggle page says; its pictures come from NIST Special Database 19, a work of the U.S. "
    "government, from MNIST and from sources that the page does not name"
)
CITATION = f"S. Patel. A-Z Handwritten Alphabets in .csv format. Kaggle, 2018. {URL}"
SHARES = (0.7, 0.15, 0.15)  # training, validation, test
COLUMNS = 785
HIGHEST = np.array([len(LETTERS) - 1] + [255] * (COLUMNS - 1), np.uint16)
MARKS = np.frombuffer(b"," * (COLUMNS - 1) + b"\n", np.uint8)
BLOCK = 1 << 20  # bytes that are looked at together


def info(name: str, options: Options) -> Info:
    """What is known of `az`."""
    return Info("A–Z, 372,451 capitals (Kaggle)", tuple(LETTERS), LICENCE, CITATION, URL)


def sources(name: str, options: Options) -> list[Path]:
    """The file, or the archive that holds it.

    `options.path` may be either or the folder that has one of them; a relative path counts from
    the working folder, else from the project's top. Without it the file is looked for in the
    folders of `hcr.datasets.places`. Raises `DataError` where it is nowhere.
    """
    if options.path is None:
        tops = places.folders("az")
        asked = f"${places.DATA_VARIABLE}/az, ${places.DATA_VARIABLE} or {places.cache() / 'az'}"
    else:
        given = Path(options.path).expanduser()
        tops = [given, environment.root() / given]
        asked = options.path
    for top in tops:
        if top.is_file():
            return [top.resolve()]
        for path in (top / each for each in PLACES):
            if path.is_file() and not (path.name == "archive.zip" and _is_anothers(path)):
                return [path.resolve()]
    raise DataError(
        f"There is no {FILE}, and no zip file with it, in {asked}. Download it from {URL} (free, "
        f"with an account) and put it into the folder az/ below {places.DATA_VARIABLE}, or name "
        "its place with path. For MNIST + A–Z there are the stand-ins mnist+emnist-upper and "
        "mnist+emnist-upper-local."
    )


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Read and split the file; needs little more memory than the pictures, 292 MB.

    Raises `DataError`, with the number of the line, where the file isn't what it should be.
    """
    (path,) = sources(name, options)
    with _opened(path) as (file, size):
        # A line has two bytes a number or more. Memory that isn't written to isn't used.
        room = size // (2 * COLUMNS) + 1
        images = [np.empty((room, 28, 28), np.uint8) for _ in SHARES]
        labels: list[list[np.ndarray]] = [[np.zeros(0, np.uint8)] for _ in SHARES]
        filled = [0] * len(SHARES)
        for rows in _blocks(file, path):
            pixels = np.ascontiguousarray(rows[:, 1:]).reshape(-1, 28, 28)
            parts = by_hash(leaks.pixel_hashes(pixels), SHARES)
            for i, part in enumerate(parts):
                images[i][filled[i] : filled[i] + len(part)] = pixels[part]
                labels[i].append(rows[part, 0])
                filled[i] += len(part)
    values = [np.concatenate(each).astype(np.int64) for each in labels]
    found = np.bincount(np.concatenate(values), minlength=len(LETTERS))
    if not found.all():
        lacking = "".join(np.array(list(LETTERS))[found == 0])
        raise DataError(
            f"{path} must hold pictures of every letter. Received: {sum(filled):,} lines, none of "
            f"{lacking}. It was cut short, or is another file: download it again from {URL}."
        )
    train, validation, test = (
        Split(pictures[:n], value)
        for pictures, n, value in zip(images, filled, values, strict=True)
    )
    return train, validation, test


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The CSV as bytes, from the archive where it is one, and its size."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                member = _table(archive)
                if member is None:
                    raise DataError(
                        f"{path} must hold {FILE}. Received: an archive without it. Download it "
                        f"from {URL}."
                    )
                with archive.open(member) as file:
                    yield file, member.file_size
        else:
            with open(path, "rb") as file:
                yield file, path.stat().st_size
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{path} must be a whole zip file. Received: {error}. It was cut short or damaged: "
            f"download it again from {URL}."
        ) from error
    except OSError as error:
        raise DataError(
            f"{path} must be a file that can be read. Received: {error.strerror or error}. "
            "Change its rights, or download it again."
        ) from error


def _table(archive: zipfile.ZipFile) -> zipfile.ZipInfo | None:
    """The member that is the CSV; Kaggle's archive has had it twice, once in a folder."""
    found = [each for each in archive.infolist() if Path(each.filename).name == FILE]
    return min(found, key=lambda each: len(each.filename), default=None)


def _is_anothers(path: Path) -> bool:
    """Whether `path` is a whole archive that doesn't hold the CSV: Kaggle gives all one name."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _table(archive) is None
    except (OSError, zipfile.BadZipFile):
        return False


def _blocks(file: BinaryIO, path: Path) -> Iterator[np.ndarray]:
    """The file's numbers, uint8 (k, 785), many lines at a time; the header is left out."""
    number, rest = 1, b""  # of the next line; what was read and not looked at yet
    while True:
        block = file.read(BLOCK)
        text = rest + block
        # The last line waits, with all line ends behind it: empty lines at the very end are none.
        stop = text.rstrip(b"\r\n").rfind(b"\n") + 1 if block else len(text)
        lines, rest = text[:stop].replace(b"\r\n", b"\n"), text[stop:]
        if not block:
            lines = lines.rstrip() + b"\n"
        if number == 1 and lines:
            lines = lines.removeprefix(b"\xef\xbb\xbf")
            first, _, others = lines.partition(b"\n")
            if _is_header(first):
                number, lines = 2, others
        if lines.strip():
            yield _parsed(lines, path, number)
        number += lines.count(b"\n")
        if len(rest) > 100 * COLUMNS:
            raise _bad_line(rest, path, number)
        if not block:
            return


def _is_header(line: bytes) -> bool:
    """Whether the first line names columns: in words, in decimals, or from 0 up.

    The last two are what pandas writes for a table that it read without asking about a header.
    """
    fields = line.split(b",")
    words = not all(field.strip().lstrip(b"-").isdigit() for field in fields[:2])
    return words or fields == [b"%d" % i for i in range(COLUMNS)]


def _parsed(lines: bytes, path: Path, number: int) -> np.ndarray:
    """The numbers of whole `lines`, uint8 (k, 785); the first is the file's line `number`.

    As fast as `pandas.read_csv`, and stricter: that takes decimals, blanks, quotes and missing
    lines for what they might mean, and of a bad one it does not tell where it is.
    """
    text = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(text < ord("0"))  # commas and line ends; else a line is bad
    digits = np.diff(ends, prepend=-1) - 1
    good = len(ends) % COLUMNS == 0 and digits.min() >= 1 and digits.max() <= 3
    if not good or text.max() > ord("9") or (text[ends].reshape(-1, COLUMNS) != MARKS).any():
        raise _bad_line(lines, path, number)
    values = (text[ends - 1] - ord("0")).astype(np.uint16)
    for place, weight in ((2, 10), (3, 100)):
        (longer,) = np.nonzero(digits >= place)
        values[longer] += weight * (text[ends[longer] - place] - ord("0")).astype(np.uint16)
    rows = values.reshape(-1, COLUMNS)
    if (rows > HIGHEST).any():
        raise _bad_line(lines, path, number)
    return rows.astype(np.uint8)


def _bad_line(lines: bytes, path: Path, number: int) -> DataError:
    """The error for the first bad one of `lines`, of which the first is line `number`."""
    found = ""
    for line in lines.decode("latin-1").split("\n"):
        fields = line.split(",")
        if len(fields) != COLUMNS:
            found = f"{line[:20]!r}, {len(fields)} of {COLUMNS} values"
            break
        bad = [
            column
            for column, (field, highest) in enumerate(zip(fields, HIGHEST, strict=True))
            if not re.fullmatch(r"[0-9]{1,3}", field) or int(field) > highest
        ]
        if bad:
            found = f"{fields[bad[0]][:20]!r} as value {bad[0] + 1}"
            break
        number += 1
    return DataError(
        f"A line of {path} must hold a label from 0 to 25 and 784 pixels from 0 to 255. "
        f"Received: {found} (line {number:,}). It was cut short, or is "
        f"another file: download it again from {URL}."
    )
