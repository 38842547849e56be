"""EMNIST's sets: labels and orientation of each, what lies beside them, what must be fetched."""

import os
from pathlib import Path

import emnist_files
import numpy as np
import pytest

from hcr import datasets
from hcr.datasets import Options, archive, emnist, places, subset
from hcr.errors import DataError
from hcr.preprocessing import check_images, from_strokes, labels, synthesis

OFFICIAL = [name for name in emnist.SETS if name != emnist.SUBSET]
COUNTS = {
    "emnist-balanced": (112_800, 18_800, 47),
    "emnist-letters": (124_800, 20_800, 26),
    "emnist-digits": (240_000, 40_000, 10),
    "emnist-mnist": (60_000, 10_000, 10),
    "emnist-bymerge": (697_932, 116_323, 47),
    "emnist-byclass": (697_932, 116_323, 62),
}
# Every figure on the standing protocol was made with these splits.
SUBSET_DIGEST = "dcecebab920d6b5852ca299c11338b542a55a35eb58788696fdcbf35bb981083"
NO = Options()


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """The folder for EMNIST's files below HCR_DATA, and a cache; nothing can be downloaded."""
    monkeypatch.setenv("HCR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(archive, "URLS", ("http://127.0.0.1:9/gzip.zip",))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "data" / "emnist"


def put(folder: Path, name: str, split: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Write one split's files and return their upright pictures and labels from 0."""
    drawn = emnist_files.drawn(name, split, n)
    emnist_files.write(folder, emnist_files.contents(name, split, *drawn))
    return drawn


def pictures_of(*splits: datasets.Split) -> dict[bytes, int]:
    return {
        picture.tobytes(): int(label)
        for split in splits
        for picture, label in zip(split.images, split.labels, strict=True)
    }


def one_line(error: pytest.ExceptionInfo) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


# Each set


@pytest.mark.parametrize("name", emnist.SETS)
def test_a_set_is_read_upright_with_labels_from_nought(data, name):
    pictures, values = put(data, name, "train", 310)
    test_pictures, test_values = put(data, name, "test", 124)
    found = datasets.load(name)
    n_classes = len(emnist.SETS[name][0])
    assert len(found.characters) == n_classes
    assert set(found.test_labels) == set(range(n_classes))
    np.testing.assert_array_equal(found.test.images, test_pictures)
    np.testing.assert_array_equal(found.test.labels, test_values)
    # Train and validation are the train file, each class split alike.
    assert len(found.train) + len(found.validation) == 310
    expected = {p.tobytes(): int(v) for p, v in zip(pictures, values, strict=True)}
    assert pictures_of(found.train, found.validation) == expected
    assert np.abs(found.counts["validation"] - np.bincount(values) / 10).max() <= 0.5
    for split in (found.train, found.validation, found.test):
        check_images(split.images)
        assert split.labels.dtype == np.int64


@pytest.mark.parametrize("name", emnist.SETS)
def test_what_is_known_before_reading(name):
    info = emnist.info(name, NO)
    assert info.characters == tuple(emnist.SETS[name][0])
    assert f"{len(info.characters)} classes" in info.title
    assert all((info.licence, info.citation, info.url))
    assert datasets.DATASETS[name] == "hcr.datasets.emnist"
    if name in COUNTS:
        train, test, n_classes = COUNTS[name]
        assert f"({train:,} and {test:,} pictures)" in info.title
        assert len(info.characters) == n_classes


def test_letters_count_from_one(data):
    assert emnist.info("emnist-letters", NO).characters == tuple(labels.LETTERS)
    pictures, values = put(data, "emnist-letters", "train", 52)
    stored = places.need("emnist", "emnist-letters-train-labels-idx1-ubyte")
    assert (stored.read_bytes()[8], values[0]) == (values[0] + 1, values[0])
    part = emnist.part("emnist-letters", "train")
    np.testing.assert_array_equal(part.labels, values)
    # Labels of another set, which count from 0.
    emnist_files.write(data, emnist_files.contents("emnist-mnist", "train", pictures, values))
    (data / "emnist-mnist-train-labels-idx1-ubyte").replace(stored)
    with pytest.raises(DataError, match="must count from 1. Received: 0. Is it the label") as error:
        emnist.part("emnist-letters", "train")
    one_line(error)


@pytest.mark.parametrize("name", emnist.SETS)
def test_labels_of_a_larger_set_are_told(data, name):
    put(data, name, "train", 130)
    path = places.need("emnist", f"{name}-train-labels-idx1-ubyte")
    path.write_bytes(emnist_files.idx_bytes(np.full(130, 63)))
    with pytest.raises(DataError, match="must be below .* Received: 63. Is it the label file"):
        emnist.part(name, "train")


# Mapping files

BALANCED_MAPPING = "".join(f"{i} {ord(each)}\n" for i, each in enumerate(labels.BALANCED))
LETTERS_MAPPING = "".join(
    f"{i} {ord(each)} {ord(each.lower())}\n" for i, each in enumerate(labels.LETTERS, start=1)
)


@pytest.mark.parametrize(
    ("name", "mapping"),
    [("emnist-balanced", BALANCED_MAPPING), ("emnist-letters", LETTERS_MAPPING)],
)
def test_a_mapping_file_may_lie_there_and_must_agree(data, name, mapping):
    put(data, name, "train", 60)
    put(data, name, "test", 60)
    path = data / f"{name}-mapping.txt"
    path.write_text(mapping)
    assert len(emnist.sources(name, NO)) == 4
    other = LETTERS_MAPPING if name == "emnist-balanced" else BALANCED_MAPPING
    path.write_text(other)
    with pytest.raises(DataError, match=f"must map the labels of {name} to ") as error:
        datasets.load(name)
    assert str(path) in one_line(error)
    for content in (b"0 forty-eight\n", b"", b"\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"{path}.*elete it.") as error:
            datasets.load(name)
        one_line(error)


# The archive


def test_a_set_is_fetched_with_no_more_than_its_members(data, tmp_path, monkeypatch):
    content = {}
    for name in ("emnist-mnist", "emnist-digits"):
        for split, n in (("train", 90), ("test", 40)):
            drawn = emnist_files.drawn(name, split, n)
            content |= emnist_files.contents(name, split, *drawn)
    emnist_files.known(monkeypatch, content)
    box = emnist_files.zip_of(content)
    with emnist_files.Server(box) as server:
        emnist_files.served(monkeypatch, box, server.url())
        found = datasets.load("emnist-mnist")
        assert len(found.train) + len(found.validation) == 90
        unpacked = {path.stem for path in (tmp_path / "cache" / "emnist").glob("*.gz")}
        assert unpacked == {name for name in content if name.startswith("emnist-mnist")}
        assert datasets.load("emnist-mnist").digest == found.digest
        datasets.load("emnist-digits")
        assert len(server.requests) == 1


@pytest.mark.parametrize("name", emnist.SETS)
def test_without_files_and_network_the_remedy_is_told(data, name):
    for act in (datasets.load, datasets.sources):
        with pytest.raises(DataError, match="must be downloaded once. Received: 127") as error:
            act(name)
        assert "by hand and put it into" in one_line(error)


# The subset


@pytest.fixture
def listed(tmp_path, monkeypatch) -> tuple[np.ndarray, np.ndarray]:
    """A list of 470 pictures in place of the shipped one."""
    drawn = emnist_files.drawn(emnist.SUBSET, "train", 470)
    subset.write_list(*drawn, tmp_path / "list.npz")
    monkeypatch.setattr(subset, "LIST", tmp_path / "list.npz")
    return drawn


def test_the_subset_is_rebuilt_from_bymerge_and_equals_its_own_files(
    data, listed, tmp_path, monkeypatch
):
    content = {}
    # ByMerge's training pictures: the subset's among others, in another order.
    others, _ = emnist_files.drawn("emnist-bymerge", "train", 300)
    pool = np.random.default_rng(0).permutation(np.concatenate([others, listed[0]]))
    content |= emnist_files.contents("emnist-bymerge", "train", pool, np.zeros(len(pool)))
    test = emnist_files.drawn("emnist-bymerge", "test", 100)
    content |= emnist_files.contents("emnist-bymerge", "test", *test)
    emnist_files.known(monkeypatch, content)
    box = emnist_files.zip_of(content)
    with emnist_files.Server(box) as server:
        emnist_files.served(monkeypatch, box, server.url())
        rebuilt = datasets.load(emnist.SUBSET)
        # Where the pictures were found, not how they are labelled there, is what counts.
        assert [path.name for path in datasets.sources(emnist.SUBSET)] == [
            "emnist-bymerge-train-images-idx3-ubyte.gz",
            "list.npz",
            "emnist-bymerge-test-images-idx3-ubyte.gz",
            "emnist-bymerge-test-labels-idx1-ubyte.gz",
        ]
    np.testing.assert_array_equal(rebuilt.test.images, test[0])
    emnist_files.write(data, emnist_files.contents(emnist.SUBSET, "train", *listed))
    emnist_files.write(data, emnist_files.contents(emnist.SUBSET, "test", *test))
    own = datasets.load(emnist.SUBSET)
    assert {path.parent for path in datasets.sources(emnist.SUBSET)} == {data}
    assert own.digest == rebuilt.digest
    assert own.test.digest == rebuilt.test.digest
    np.testing.assert_array_equal(own.train.images, rebuilt.train.images)


def test_half_of_the_subsets_own_files_is_told(data, listed):
    content = emnist_files.contents(emnist.SUBSET, "train", *listed)
    for name in content:
        emnist_files.write(data, {name: content[name]})
        (missing,) = set(content) - {name}
        with pytest.raises(DataError, match=f"There is no {missing}.gz in"):
            datasets.load(emnist.SUBSET)
        (data / name).unlink()


def test_a_bymerge_without_a_listed_picture_is_told(data, listed):
    pool = np.concatenate([listed[0][1:], listed[0][1:]])
    values = np.zeros(len(pool))
    emnist_files.write(data, emnist_files.contents("emnist-bymerge", "train", pool, values))
    put(data, "emnist-bymerge", "test", 94)
    with pytest.raises(DataError, match="Received: 1 that are not among the 938 searched"):
        datasets.load(emnist.SUBSET)


# The real files


def real(name: str, split: str) -> datasets.Split:
    if places.find("emnist", f"{name}-{split}-images-idx3-ubyte") is None:
        pytest.skip(f"HCR_DATA does not hold the {split} files of {name}")
    return emnist.part(name, split)


@pytest.mark.data
def test_the_real_files_have_the_official_counts():
    found = [
        (name, split)
        for name in OFFICIAL
        for split in ("train", "test")
        if places.find("emnist", f"{name}-{split}-images-idx3-ubyte") is not None
    ]
    if not found:
        pytest.skip("HCR_DATA holds no official EMNIST files")
    for name, split in found:
        counts = np.bincount(emnist.part(name, split).labels)
        assert counts.sum() == COUNTS[name][split == "test"]
        assert len(counts) == COUNTS[name][2]
        assert counts.min() > 0
        if name not in ("emnist-bymerge", "emnist-byclass"):
            assert counts.min() == counts.max()


@pytest.mark.data
@pytest.mark.parametrize("name", emnist.SETS)
def test_the_real_mapping_files_agree_with_the_label_sets(name):
    path = Path(os.environ["HCR_DATA"]) / "emnist" / f"{name}-mapping.txt"
    if not path.is_file():
        pytest.skip(f"HCR_DATA holds no {path.name}")
    assert labels.parse_mapping(path.read_text()) == emnist.info(name, NO).characters


@pytest.mark.data
def test_the_subset_is_what_it_has_always_been():
    real(emnist.SUBSET, "train")
    assert datasets.load(emnist.SUBSET).digest == SUBSET_DIGEST


@pytest.fixture(scope="module")
def digits() -> datasets.Data:
    return datasets.load("mnist-sample")


@pytest.mark.data
@pytest.mark.parametrize("name", ["emnist-bymerge", "emnist-byclass", emnist.SUBSET])
def test_the_real_pictures_are_upright(name, digits):
    """By a seven of MNIST, which is stored upright, and by letters drawn by program."""
    part = real(name, "test")
    characters = emnist.info(name, NO).characters
    means = {
        char: part.images[part.labels == characters.index(char)].mean(axis=0) for char in "L7E"
    }
    seven = digits.train.images[digits.train.labels == 7].mean(axis=0)
    assert alike(means["7"], seven) > alike(means["7"].T, seven) + 0.2
    for char, found in means.items():
        drawings = [from_strokes(synthesis.character(char, seed)) for seed in range(20)]
        drawn = np.mean(drawings, axis=0)
        assert alike(found, drawn) > alike(found.T, drawn) + 0.3, char


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two pictures."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
