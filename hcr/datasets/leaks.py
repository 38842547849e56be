"""The leak guard: no image may be both trained on and measured with.

EMNIST's sets are shuffles of one pool (Cohen et al. 2017), so an image of one set's training split
may lie in another's test split, and a pretrained model may have learned from it. Images are
compared by hash, so the test images stay closed.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hcr import runs
from hcr.datasets.files import read
from hcr.datasets.split import Dataset, Split
from hcr.errors import DataError, HcrError
from hcr.runs import files

# The training files whose images' hashes come with the package, by dataset.
LISTED = {"emnist-subset": Path(__file__).with_name("emnist_subset.npz")}
LEARNED = "learned.npz"


def pixel_hashes(images: np.ndarray) -> np.ndarray:
    """The first 8 bytes, as a little-endian number, of the SHA-256 of each image's bytes.

    Args:
        images: uint8 (n, 28, 28), upright.

    Returns:
        uint64 (n,). Among a million images two different ones have the same with a chance of
        about 3 in 100 million.
    """
    rows = np.ascontiguousarray(images)
    joined = b"".join(hashlib.sha256(row).digest()[:8] for row in rows)
    return np.frombuffer(joined, "<u8").astype(np.uint64, copy=False)


def guard(train: Split, validation: Split, test: Split) -> tuple[Split, Split, Split, dict]:
    """Take the images of later splits out of earlier ones.

    Returns:
        Training split without the images of validation and test, validation split without those
        of test, the test split, and how many images of one were in another and were removed.
    """
    hashes = [pixel_hashes(split.images) for split in (train, validation, test)]
    in_validation, in_test = np.isin(hashes[0], hashes[1]), np.isin(hashes[0], hashes[2])
    leaked, late = in_validation | in_test, np.isin(hashes[1], hashes[2])
    report = {
        "train_in_validation": int(in_validation.sum()),
        "train_in_test": int(in_test.sum()),
        "validation_in_test": int(late.sum()),
        "removed_from_train": int(leaked.sum()),
        "removed_from_validation": int(late.sum()),
    }
    return _without(train, leaked), _without(validation, late), test, report


def without_learned(split: Split, hashes: np.ndarray) -> tuple[Split, int]:
    """`split` without the images whose `hashes` a model has learned from, and how many they were.

    Raises `DataError` where none is left.
    """
    learned = np.isin(pixel_hashes(split.images), hashes)
    if learned.all():
        raise DataError(
            f"A model is measured on images that it has not learned from. Received: {len(split):,} "
            "images, all of which it has. Choose another dataset or another model."
        )
    return _without(split, learned), int(learned.sum())


def learned_from(folder: Path) -> np.ndarray | None:
    """The hashes of all images that the model in `folder` was trained or chosen on.

    They are those of its `learned.npz`; for a run from before there was one, those of the dataset
    that it names, where that is at hand and unchanged.

    Args:
        folder: A pretrained model's, or a run's.

    Returns:
        uint64 (n,), sorted, those of the models that it was trained from included; None where it
        is not known.
    """
    path = folder / LEARNED
    if path.is_file():
        arrays = _arrays(path, "hashes", "listed")
        return np.unique(np.concatenate([arrays[0], *(listed(x)[0] for x in arrays[1].tolist())]))
    from hcr import datasets

    try:
        record = runs.read(folder)
        parameters, data = record["stages"]["03_train"]["parameters"], record["data"]
        options = {key: parameters[key] for key in ("path", "orientation") if key in parameters}
        dataset = datasets.load(data["name"], **options)
        if dataset.validation.digest != data["validation_digest"]:
            return None
    except (HcrError, KeyError, TypeError):
        return None
    if parameters.get("start") or parameters.get("teacher"):
        return None
    return _hashes(dataset)


def write_learned(folder: Path, data: Dataset, parents: Iterable[Path] = ()) -> None:
    """Write `learned.npz` into `folder`: what the model there was trained and chosen on.

    Args:
        folder: Of the model, which was trained on `data.train` and chosen on `data.validation`.
        data: The dataset; the hashes of its file that come with the package are named only.
        parents: The folders of the models that training began from or learned from. Of one whose
            images are not known, nothing is written.
    """
    (folder / LEARNED).unlink(missing_ok=True)
    hashes = [_hashes(data), *map(learned_from, parents)]
    if any(each is None for each in hashes):
        return
    together = np.unique(np.concatenate(hashes))
    names = [name for name in LISTED if np.isin(listed(name)[0], together).all()]
    for name in names:
        together = np.setdiff1d(together, listed(name)[0])
    with files.writing(folder / LEARNED) as aside, open(aside, "wb") as file:
        np.savez(file, hashes=together.astype("<u8"), listed=np.array(names, str))


def listed(name: str) -> tuple[np.ndarray, np.ndarray, str]:
    """The hashes, uint64 (n,), labels, uint8 (n,), and digest of a file of `LISTED`."""
    hashes, labels, digest = _arrays(LISTED[name], "hashes", "labels", "digest")
    return hashes.astype(np.uint64), labels, str(digest)


def _hashes(data: Dataset) -> np.ndarray:
    """The sorted hashes of the training and validation images."""
    images = (data.train.images, data.validation.images)
    return np.unique(np.concatenate([pixel_hashes(each) for each in images]))


def _arrays(path: Path, *keys: str) -> list[np.ndarray]:
    def load() -> list[np.ndarray]:
        # Opened here, because NumPy leaves a file open where its archive is damaged.
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return [arrays[key] for key in keys]

    return read(path, load, f"an .npz file of {', '.join(keys)}", "Install hcr, or train, again.")


def _without(split: Split, leaked: np.ndarray) -> Split:
    return split.take(np.flatnonzero(~leaked)) if leaked.any() else split
