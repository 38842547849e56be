"""Data as other packages keep them: CSV of pixels, and EMNIST's `.mat`.

Own data and the named datasets are both read with these. Images come as they are stored; EMNIST's
are transposed. What is wrong is a `ValueError`, which `files.reading` makes a `DataError`.
"""

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from math import isqrt
from pathlib import Path

import numpy as np

from hcr.datasets.files import MOST, MOST_IMAGES, read_idx, read_npz, reading
from hcr.datasets.split import Split

LABELS = {"label", "labels", "class", "target", "character", "char", "letter", "digit", "y"}
INDICES = {"", "id", "index", "unnamed: 0"}
MOST_LINE = 1 << 20  # characters of the first row
SMALLEST = 8  # px a side


@dataclass(frozen=True)
class PixelTable:
    """A CSV, plain or packed, with an image a row and its label in the first or last column."""

    labels: np.ndarray | None  # int64 or str (n,); None: there are none
    # Reads (n, side, side) as stored: uint8 where all are whole numbers in 0..255, else float32.
    images: Callable[[], np.ndarray]


def pixel_table(path: Path) -> PixelTable | None:
    """The table at `path`, its labels read; None where its columns are not a square of pixels."""
    with _open(path) as file:
        first = file.readline(MOST_LINE)
    separator = max(",;\t", key=first.count)
    names = [name.strip(' "\n').lower() for name in first.split(separator)]
    # Names differ, as those do that pandas makes ("0", "0.1", "0.2", ...); a row's grays repeat.
    header = len(set(names)) == len(names) or not names[len(names) // 2].replace(".", "").isdigit()
    before, after = int(not _square(len(names))), 0
    named = header and not (LABELS | INDICES).isdisjoint(names)
    if named:
        before = sum(name in LABELS | INDICES for name in names[:2])
        after = int(names[-1] in LABELS)
    if not _square(len(names) - before - after):
        return None
    most, head = min(MOST_IMAGES, MOST // len(names)), int(header)
    with _open(path) as file:
        lines = islice(filter(str.strip, islice(file, head, None)), most + 1)
        ends = [
            (line.split(separator, 2)[: max(before, 1)][-1], line.rpartition(separator)[2])
            for line in lines
        ]
    if not 0 < len(ends) <= most:
        raise ValueError(f"{len(ends):,} rows, not 1 to {most:,}: make picture files of it")
    labels = None
    if bool(LABELS & set(names)) if named else before:
        first, last = np.char.strip(np.array(ends), ' "\n').T
        # Without a header the label is the first, unless this is a corner that never has ink.
        if not header and (first == first[0]).all() and (last != last[0]).any():
            before, after = 0, 1
        labels = last if after else first
        with suppress(ValueError):  # characters
            numbers = labels.astype(np.float64)
            labels = labels if (numbers % 1).any() else numbers.astype(np.int64)
    pixels = slice(before, len(names) - after)
    others = {i: lambda _: 0 for i in {*range(len(names))} - {*range(len(names))[pixels]}}

    def read(kind: type) -> np.ndarray:
        with _open(path) as file:
            form = {"comments": None, "quotechar": '"', "skiprows": head, "ndmin": 2}
            cells = np.loadtxt(file, kind, delimiter=separator, converters=others, **form)
        if cells.shape[1] != len(names):
            raise ValueError(f"{cells.shape[1]} cells in a row, and {len(names)} in the first")
        side = isqrt(pixels.stop - pixels.start)
        return cells[:, pixels].reshape(-1, side, side)

    def images() -> np.ndarray:
        with suppress(ValueError):
            return read(np.uint8)
        try:
            values = read(np.float32)
        except ValueError as error:  # without what NumPy advises
            raise ValueError(f"{error}".partition(";")[0]) from error
        whole = ((values >= 0) & (values <= 255) & (values % 1 == 0)).all()
        return values.astype(np.uint8) if whole else values

    return PixelTable(labels, images)


def _open(path: Path) -> io.TextIOWrapper:
    if path.suffix.lower() == ".zip":
        archive = zipfile.ZipFile(path)
        names = [name for name in archive.namelist() if name.lower().endswith((".csv", ".tsv"))]
        if len({name.rpartition("/")[2].lstrip("._") for name in names}) != 1:
            raise ValueError(f"a .zip of {len(names)} CSVs: unpack it first")
        file = archive.open(names[0])
    else:
        file = (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rb")
    return io.TextIOWrapper(file, "utf-8-sig", "replace")


def _square(n: int) -> bool:
    return isqrt(n) >= SMALLEST and isqrt(n) ** 2 == n


def read_mat(path: Path) -> tuple[dict[str, tuple], dict[int, str]]:
    """Read a `.mat` of EMNIST's MATLAB archive.

    Returns images, uint8 (n, 28, 28), labels, int64 (n,), and writers, str (n,) or None, of "train"
    and "test"; the character of each label, if it says so.
    """
    from scipy.io import loadmat

    _measure(path)
    parts = {}
    try:
        dataset = loadmat(path, variable_names=["dataset"], simplify_cells=True)["dataset"]
        for name in [key for key in ("train", "test") if key in dataset]:
            part = {key: np.asarray(value) for key, value in dataset[name].items()}
            images, labels = part["images"].reshape(-1, 28, 28), part["labels"].reshape(-1)
            writers = part["writers"].reshape(-1).astype(str) if "writers" in part else None
            parts[name] = images, labels.astype(np.int64), writers
        mapping = {int(label): chr(code) for label, code, *_ in dataset.get("mapping", ())}
    except (KeyError, TypeError, NotImplementedError) as error:
        raise ValueError(f"no dataset.train.images, as EMNIST's .mat have it ({error})") from error
    return parts, mapping


def _measure(path: Path) -> None:
    """Raise `ValueError` where what is compressed in a `.mat` has more than `MOST` bytes."""
    with open(path, "rb") as file:
        size, place = 0, 128
        while file.seek(place) and len(tag := file.read(8)) == 8:
            kind, length = np.frombuffer(tag, "<u4").tolist()
            place += 8 + length
            unpacker, piece = zlib.decompressobj(), file.read(length) if kind == 15 else b""
            while piece and size <= MOST:
                size += len(unpacker.decompress(piece, 1 << 24))
                piece = unpacker.unconsumed_tail
    if size > MOST:
        raise ValueError(f"more than {MOST:,} bytes, unpacked")


def read_split(paths: Sequence[Path], name: str, n_classes: int, first: int = 0) -> Split:
    """The split `name`, `"train"` or `"test"`, as stored, at least an image, labels from 0.

    `paths` are an IDX file of images and one of labels, or a CSV, a `.mat` or Keras' `.npz`.
    Raises `DataError` where they, or the labels, `n_classes` from `first` up, don't fit together.
    """
    path, writers = paths[0], None
    form = f"images of 28 x 28, uint8, and one label of {n_classes} from {first} up for each"
    with reading(path, form, "Are they of one split of one dataset?"):
        if len(paths) > 1:
            images, labels = map(read_idx, paths)
        elif path.suffix == ".npz":
            images, labels = read_npz(path, (f"x_{name}", f"y_{name}"), form, "Get it again.")
        elif path.suffix == ".mat":
            images, labels, writers = read_mat(path)[0][name]
        elif (table := pixel_table(path)) is None or table.labels is None:
            raise ValueError("a CSV without a label and 784 pixels in each row")
        else:
            images, labels = table.images(), table.labels
        labels = labels.astype(np.int64) - first
        fit = images.shape[1:] == (28, 28) and labels.shape == images.shape[:1] != (0,)
        if not fit or images.dtype != np.uint8:
            raise ValueError(f"{images.dtype} {images.shape} and {labels.shape}")
        if labels.min() < 0 or labels.max() >= n_classes:
            raise ValueError(f"labels from {labels.min() + first} to {labels.max() + first}")
        return Split(images, labels, writers=writers)
