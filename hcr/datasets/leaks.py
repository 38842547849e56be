"""The leak guard: no image may be both trained on and measured with (docs/datasets.md).

EMNIST's sets are shuffles of one pool (Cohen et al. 2017). Images are compared by hash.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from hcr.datasets.files import read_npz
from hcr.datasets.split import Dataset, Split
from hcr.errors import DataError
from hcr.runs import files

# The training files whose images' hashes come with the package, by dataset.
LISTED = {"emnist-subset": Path(__file__).with_name("emnist_subset.npz")}
LEARNED = "learned.npz"


def pixel_hashes(images: np.ndarray) -> np.ndarray:
    """The first 8 bytes, as a little-endian number, of the SHA-256 of each image: uint64 (n,).

    `images` are uint8 (n, 28, 28). Two of a million have the same by a chance of 3 in 100 million.
    """
    joined = b"".join(hashlib.sha256(row).digest()[:8] for row in np.ascontiguousarray(images))
    return np.frombuffer(joined, "<u8").astype(np.uint64, copy=False)


def hashes_of(split: Split) -> np.ndarray:
    """The `pixel_hashes` of a split's images as their makers framed them."""
    return pixel_hashes(split.images) if split.originals is None else split.originals


def guard(train: Split, validation: Split, test: Split) -> tuple[Split, Split, Split, dict]:
    """The splits, without the images of later ones in earlier ones, and how many there were."""
    hashes = [hashes_of(split) for split in (train, validation, test)]
    in_validation, in_test = np.isin(hashes[0], hashes[1]), np.isin(hashes[0], hashes[2])
    leaked, late = in_validation | in_test, np.isin(hashes[1], hashes[2])
    masks = {"train_in_validation": in_validation, "train_in_test": in_test}
    masks |= {"validation_in_test": late, "removed_from_train": leaked}
    masks |= {"removed_from_validation": late}
    report = {name: int(mask.sum()) for name, mask in masks.items()}
    writers = [split.writers for split in (train, test)]
    if all(each is not None for each in writers):
        report["writers_in_train_and_test"] = len(np.intersect1d(*writers))
    return _without(train, leaked), _without(validation, late), test, report


def unseen(split: Split, learned: Mapping[str, np.ndarray | None]) -> tuple[Split, int, list[str]]:
    """`split` without what models, by name, have `learned_from`, how many that was, and texts."""
    known = [hashes for hashes in learned.values() if hashes is not None]
    seen = np.isin(hashes_of(split), np.concatenate([np.zeros(0, np.uint64), *known]))
    if seen.all():
        rule = "A model is measured on images that it has not learned from"
        raise DataError(f"{rule}. Received: {len(split):,}, all of which it has. Take other data.")
    n, unknown = int(seen.sum()), [name for name, hashes in learned.items() if hashes is None]
    texts = [f"{n:,} test images were removed, because a model has learned from them."] * (n > 0)
    if unknown:
        names = ", ".join(unknown)
        texts.append(f"Not known what was learned from: {names}. Test images may be among it.")
    return _without(split, seen), n, texts


def learned_from(folder: Path) -> np.ndarray | None:
    """The hashes of all images that the model in `folder`, a run's too, was trained or chosen on.

    With those of its parent models, uint64 (n,), sorted; None where there is no `learned.npz`.
    """
    path = folder / LEARNED
    if not path.is_file():
        return None
    hashes, names = read_npz(path, ("hashes", "listed"), "a list of hashes", "Train again.")
    return np.unique(np.concatenate([hashes, *(listed(name)[0] for name in names.tolist())]))


def write_learned(folder: Path, data: Dataset, parents: Iterable[Path] = ()) -> None:
    """Write `learned.npz` into `folder`: what the model there was trained and chosen on, `data`."""
    (folder / LEARNED).unlink(missing_ok=True)
    hashes = [hashes_of(data.train), hashes_of(data.validation), *map(learned_from, parents)]
    if any(each is None for each in hashes):  # not known of a parent model: nothing is claimed
        return
    together = np.unique(np.concatenate(hashes))
    # What comes with the package need not be written again.
    names = [name for name in LISTED if np.isin(listed(name)[0], together).all()]
    for name in names:
        together = np.setdiff1d(together, listed(name)[0])
    with files.writing(folder / LEARNED) as aside, open(aside, "wb") as file:
        np.savez(file, hashes=together.astype("<u8"), listed=np.array(names, str))


def listed(name: str) -> tuple[np.ndarray, np.ndarray, str]:
    """The hashes, uint64 (n,), labels, uint8 (n,), and digest of a file of `LISTED`."""
    keys = "hashes", "labels", "digest"
    hashes, labels, digest = read_npz(LISTED[name], keys, "a list of hashes", "Install hcr again.")
    return hashes.astype(np.uint64), labels, str(digest)


def _without(split: Split, leaked: np.ndarray) -> Split:
    return split.take(np.flatnonzero(~leaked)) if leaked.any() else split
