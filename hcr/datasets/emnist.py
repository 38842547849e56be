"""EMNIST's six sets, the subset of the standing protocol, and either with pen drawings.

With drawings (`emnist-subset+unipen`, `+drawings`), those of UNIPEN's or the user's own training
split join the training images, as `Split.sources` 1; validation and test are EMNIST's alone.

The subset is rebuilt from ByMerge's training file: the list that comes with the package has the
`pixel_hashes` of its upright images, in order.
"""

import hashlib
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np

from hcr.datasets import drawings, unipen
from hcr.datasets.files import caching, download, find, reading
from hcr.datasets.leaks import LISTED, listed, pixel_hashes
from hcr.datasets.split import SPLIT_SEED, Options, Split, described, stratified
from hcr.datasets.tables import read_split
from hcr.errors import DataError
from hcr.runs import files

SUBSET = "emnist-subset"
JOINED = {"unipen": unipen, "drawings": drawings}
# The archive, and the SHA-256 of its gzipped members.
TABLE = tomllib.loads(Path(__file__).with_name("emnist.toml").read_text("utf-8"))
URLS, MD5, MEMBERS = TABLE["urls"], TABLE["md5"], TABLE["members"]


def sources(name: str, options: Options) -> list[Path]:
    """The files of the training split, of the test split, and of the drawings."""
    first, _, second = name.partition("+")
    joined = JOINED[second].sources(second, options) if second else []
    return [*part_files(first, "train"), *part_files(first, "test"), *joined]


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """Nine tenths of the train file to fit on, one tenth to choose by, and the test file."""
    first, _, second = name.partition("+")
    whole = part(first, "train")
    train, validation = map(whole.take, stratified(whole.labels, (0.9, 0.1), SPLIT_SEED))
    if second:
        drawn = JOINED[second].read("drawings-47" if second == "drawings" else second, options)[0]
        writers = np.full(len(train), "") if train.writers is None else train.writers
        train = Split(
            np.concatenate([train.images, drawn.images]),
            np.concatenate([train.labels, drawn.labels]),
            writers=np.concatenate([writers, drawn.writers]),
            sources=np.repeat([0, 1], [len(train), len(drawn)]).astype(np.int64),
        )
    return train, validation, part(first, "test")


def part(name: str, split: str) -> Split:
    """One whole official file of `name`, `"train"` or `"test"`, upright, labels counting from 0."""
    paths = part_files(name, split)
    if paths[-1] == LISTED[SUBSET]:
        return rebuild(part("emnist-bymerge", split).images)
    for path in paths:
        if path.name in MEMBERS and files.sha256(path) != MEMBERS[path.name]:
            rule = f"{path} must be the official file"
            raise DataError(f"{rule}. Received: another SHA-256. Get it again, or move it.")
    # In EMNIST Letters A is 1.
    first = int(name == "emnist-letters")
    stored = read_split(paths, split, len(described()[name].characters), first)
    upright = np.ascontiguousarray(stored.images.swapaxes(1, 2))
    return Split(upright, stored.labels, writers=stored.writers)


def rebuild(pool: np.ndarray) -> Split:
    """The subset's training images, bit for bit, out of a `pool` of upright ones in any order."""
    hashes, labels, expected = listed(SUBSET)
    keys = pixel_hashes(pool)
    order = np.argsort(keys)
    at = order[np.searchsorted(keys, hashes, sorter=order).clip(max=len(pool) - 1)]
    images = pool[at]
    digest = hashlib.sha256(images)
    digest.update(labels)
    if digest.hexdigest() != expected:
        n = (keys[at] != hashes).sum()
        rule = "All listed images must be among ByMerge's training images"
        raise DataError(f"{rule}. Received: {n:,} are missing, or others. Get that file again.")
    return Split(images, labels.astype(np.int64))


def part_files(name: str, split: str) -> list[Path]:
    """The files that hold a split; behind them the list, for a subset to rebuild."""
    names = [f"{name}-{split}-{kind}" for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    if paths := find("emnist", names, [f"{name}-{split}.csv"], [f"{name}.mat"]):
        return paths
    if name != SUBSET:
        return [emnist_file(each) for each in names]
    return part_files("emnist-bymerge", split) + [LISTED[SUBSET]] * (split == "train")


def emnist_file(name: str) -> Path:
    """The official file `name`, unpacked from the archive once."""
    with caching("emnist") as folder:
        target = folder / f"{name}.gz"
        if not target.is_file():
            what, remedy = "EMNIST's archive", "Move it elsewhere, and it is downloaded again."
            if not (paths := find("emnist", ["gzip.zip"])):
                print(f"Downloading {what}, 562 MB, once.", file=sys.stderr, flush=True)
                later = f"Try again (what came is kept), or put {URLS[0]} into {folder} by hand."
                paths = [download(folder / "gzip.zip", URLS, f"md5:{MD5}", what, later)]
            with reading(paths[0], what, remedy), zipfile.ZipFile(paths[0]) as box:
                content = box.read(f"gzip/{target.name}")
                if hashlib.sha256(content).hexdigest() != MEMBERS[target.name]:
                    raise zipfile.BadZipFile(f"its {target.name} has another SHA-256")
            with files.writing(target) as aside:
                aside.write_bytes(content)
    return target.resolve()
