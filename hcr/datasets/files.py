"""The datasets' files: where they lie, their download, and IDX, MNIST's and EMNIST's format."""

import gzip
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path

import numpy as np
from filelock import FileLock

from hcr.errors import DataError
from hcr.runs import files
from hcr.runs.environment import cache_folder, root

DATA_VARIABLE = "HCR_DATA"
MOST_IMAGES = 1 << 20  # in a split; EMNIST's largest has 697,932
MOST = MOST_IMAGES * 28 * 28  # bytes of arrays; a file of a few kB may declare, or unpack to, any
ATTEMPTS = 5  # to download from one address
TIMEOUT = (10, 60)  # s to connect, s between two pieces


def folders(family: str) -> list[Path]:
    """Where files of `family` may be: below `$HCR_DATA`, and in `<cache>/<family>`, the last."""
    data = os.environ.get(DATA_VARIABLE)
    tops = from_here(data) if data else []
    # As here, or as torchvision and Kaggle lay them.
    inside = (family, "", f"{family.upper()}/raw", "raw", f"{family}-source-files")
    return [top / each for top in tops for each in inside] + [cache_folder() / family]


def from_here(path: str) -> list[Path]:
    """What a person's `path` may mean: from the working folder, or from the project's top."""
    given = Path(path).expanduser()
    return list(dict.fromkeys((Path.cwd() / given, root() / given)))


def find(family: str, *forms: Sequence[str]) -> list[Path]:
    """The files of the first of `forms`, each some names, that a folder has; none if none has.

    A file may be packed. Raises `DataError` where the user's folders hold only a part of a form.
    """
    part, cached = (), cache_folder() / family
    for folder in folders(family):
        for names in forms:
            paths = {name: path for name in names if (path := _inside(folder, name))}
            if len(paths) == len(names):
                return list(paths.values())
            if paths and folder != cached:
                missing = " and ".join(name for name in names if name not in paths)
                part = part or (names, f"{folder} without {missing}")
    if part:
        rule = f"The files {', '.join(part[0])} go together. Received: {part[1]}"
        raise DataError(f"{rule}. Put it there, or the others elsewhere.")
    return []


def _inside(folder: Path, name: str) -> Path | None:
    """The file `name` in `folder`; Kaggle writes `.idx3`, and has folders of a file's name."""
    ends = ("", ".gz", ".zip") if name.endswith(".csv") else ("", ".gz")
    both = (name, name.replace("-idx", ".idx"))
    places = (x for each in both for x in (*(each + end for end in ends), f"{each}/{each}"))
    return next(((folder / x).resolve() for x in places if (folder / x).is_file()), None)


@contextmanager
def caching(family: str) -> Iterator[Path]:
    """The folder of `family` in the cache, for one process at a time."""
    folder = cache_folder() / family
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            yield folder
    except OSError as error:
        raise files.disk_error(error, folder) from error


def download(
    target: Path, urls: Sequence[str], digest: str, what: str, remedy: str, packed: bool = False
) -> Path:
    """Download `target` from the first of `urls` that gives what has the `digest`.

    With `packed` the address gives it gzipped; the digest is of what that holds. When it breaks off
    the next attempt, or call, asks for the rest only. Raises `DataError` where none gives it.
    """
    import pooch
    import requests

    # It would print the addresses and this machine's folders, into reports too.
    pooch.get_logger().setLevel("WARNING")
    part = target.with_name(f"{target.name}.part")

    def resume(url: str, output_file: str, _: object) -> None:
        part.touch()
        # Compressed on the way, the bytes could not be counted.
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={part.stat().st_size}-"}
        try:
            with open(part, "ab") as file:
                pooch.HTTPDownloader(headers=headers, timeout=TIMEOUT)(url, file, None)
        except requests.HTTPError as error:
            # 416: there is nothing behind what is here. Whether that is right, the digest tells.
            if error.response.status_code != 416:
                raise
        except requests.ConnectionError as error:
            if part.stat().st_size == 0:  # offline: pooch need not try this one again
                raise ConnectionError(error) from error
            raise
        os.replace(part, output_file)
        if packed:
            with gzip.open(output_file) as file:
                content = file.read(MOST)
            Path(output_file).write_bytes(content)

    broken = ValueError, ConnectionError, gzip.BadGzipFile, EOFError, zlib.error
    for url in urls:
        place = {"registry": {target.name: digest}, "urls": {target.name: url}}
        box = pooch.create(target.parent, "", retry_if_failed=ATTEMPTS - 1, **place)
        try:
            box.fetch(target.name, downloader=resume)
            return target
        except (requests.RequestException, *broken) as error:
            reason = f"{type(error).__name__}, {error!s:.70}"
    raise DataError(f"{what} must be downloaded once. Received: {reason}. {remedy}")


@contextmanager
def reading(path: Path, form: str, remedy: str) -> Iterator[None]:
    """Raise `DataError` in place of what a file at `path` that is not of the `form` raises."""
    try:
        yield
    except DataError:
        raise
    # What NumPy, pandas and zipfile raise for a damaged file is of many kinds.
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason = reason.splitlines()[0].rstrip(".")
        raise DataError(f"{path} must be {form}. Received: {reason}. {remedy}") from error


def read_npz(path: Path, keys: Sequence[str], form: str, remedy: str) -> list[np.ndarray]:
    """The arrays `keys` of an `.npz`. Raises `DataError` where it is damaged or lacks one."""
    # Opened here, because NumPy leaves a file open where its archive is damaged.
    with reading(path, form, remedy), open(path, "rb") as file, np.load(file) as arrays:
        return [arrays[key] for key in keys]


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes, plain or gzipped: uint8. Raises `DataError`."""
    form, remedy = "a whole IDX file of unsigned bytes", "Get it again, or make it smaller."
    opened = gzip.open if path.suffix == ".gz" else open
    with reading(path, form, remedy), opened(path, "rb") as file:
        head = file.read(4)
        axes = head[3] if len(head) == 4 else 0
        sizes = file.read(4 * axes)
        if head[:3] != b"\0\0\x08" or axes not in range(1, 5) or len(sizes) < 4 * axes:
            raise ValueError(f"{head.hex() or 'nothing'} as its first bytes")
        shape = struct.unpack(f">{axes}I", sizes)
        if prod(filter(None, shape)) > MOST:
            raise ValueError(f"a header of {shape}, more than {MOST:,} bytes")
        # One more, which is not there: gzip's checksum is looked at behind the last.
        content = file.read(prod(shape) + 1)
        if len(content) != prod(shape):
            raise ValueError(f"{len(content):,} bytes or more for {shape}")
        return np.frombuffer(content, np.uint8).reshape(shape)
