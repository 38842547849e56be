"""The leak guard, against leaks planted on purpose, and what a model has learned from."""

import json
from pathlib import Path

import numpy as np
import pytest
from dataset_files import NAME, family, joined, made, splits

import hcr
from hcr import datasets
from hcr.datasets import Split, leaks
from hcr.errors import DataError

PRETRAINED = Path(hcr.__file__).parent / "pretrained"


def shared(one: Split, other: Split) -> int:
    """How many images of `one` are in `other`, counted without hashes."""
    known = {image.tobytes() for image in other.images}
    return sum(image.tobytes() in known for image in one.images)


def test_planted_leaks_are_counted_reported_and_removed():
    train, validation, test = splits()
    assert set(leaks.guard(train, validation, test)[3].values()) == {0}
    # Five test images and three validation images in train, one of both; two of test in
    # validation. A copy under another label is a leak as well.
    late = joined(validation, test.take(np.array([4, 5])))
    wrong = Split(test.images[:5], (test.labels[:5] + 1) % 10)
    early = joined(train, wrong, validation.take(np.arange(3)), test.take(np.array([4])))
    clean, choose, _, report = leaks.guard(early, late, test)
    assert report == {
        "train_in_validation": 5,  # three of validation, and twice the image that is in both
        "train_in_test": 6,
        "validation_in_test": 2,
        "removed_from_train": 9,
        "removed_from_validation": 2,
    }
    assert (clean.digest, choose.digest) == (train.digest, validation.digest)


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "not cached"])
def test_loading_guards_every_dataset(tmp_path, monkeypatch, cached):
    train, validation, test = splits()
    (tmp_path / "source").write_text("1")
    leaky = joined(train, test.take(np.arange(7)))
    family(monkeypatch, tmp_path / "source", lambda: (leaky, validation, test), cached)
    data = datasets.load(NAME)
    assert (len(data.train), shared(data.train, data.test)) == (200, 0)
    assert data.leaks["removed_from_train"] == data.facts()["leaks"]["train_in_test"] == 7


# What a model has learned from


@pytest.fixture
def data(tmp_path, monkeypatch) -> datasets.Dataset:
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "source").write_text("1")
    family(monkeypatch, tmp_path / "source")
    return datasets.load(NAME)


def test_what_a_model_and_its_parents_learned_from_is_kept_and_removed(data, tmp_path):
    parent, child = tmp_path / "parent", tmp_path / "child"
    other = datasets.Dataset("other", data.info, made(30, 8), made(5, 9), data.test_labels, None)
    leaks.write_learned(parent, other)
    leaks.write_learned(child, data, [parent])
    hashes = leaks.learned_from(child)
    images = [part.images for part in (data.train, data.validation, other.train, other.validation)]
    expected = leaks.pixel_hashes(np.concatenate(images))
    assert hashes.tolist() == sorted(expected.tolist())
    asked = joined(data.test, other.train.take(np.arange(4)))
    left, removed, texts = leaks.unseen(asked, {"child": hashes, "foreign": None})
    assert (removed, left.digest) == (4, data.test.digest)
    assert "4 test images" in texts[0]
    assert "foreign" in texts[1]
    with pytest.raises(DataError, match="learned"):
        leaks.unseen(data.train, {"model": hashes})
    # Where it is not known what a parent learned from, nothing is claimed.
    leaks.write_learned(child, data, [parent, tmp_path / "unknown"])
    assert leaks.learned_from(child) is None


@pytest.mark.parametrize("name", sorted(path.name for path in PRETRAINED.iterdir()))
def test_what_the_pretrained_models_learned_from_ships(name):
    assert (PRETRAINED / name / leaks.LEARNED).stat().st_size < 1_500_000
    hashes = leaks.learned_from(PRETRAINED / name)
    assert (np.diff(hashes.astype(object)) > 0).all()
    sample = datasets.load("mnist-sample").test
    if name == "emnist":
        assert len(hashes) == 215_020
        assert leaks.unseen(sample, {"model": hashes})[1] == 0
        assert np.isin(leaks.listed("emnist-subset")[0], hashes).all()
    else:
        # The 5,000 digits are of MNIST's training file.
        with pytest.raises(DataError, match="1,000"):
            leaks.unseen(sample, {"model": hashes})


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("mnist", "mnist"),
        ("emnist", "emnist-subset"),
        ("mnist_nist_all", "mnist+emnist-upper-local"),
    ],
)
def test_the_hashes_are_of_the_dataset_that_the_model_names(name, dataset):
    data = datasets.load(dataset)
    hashes = leaks.learned_from(PRETRAINED / name)
    for split in (data.train, data.validation):
        assert np.isin(leaks.pixel_hashes(split.images), hashes).all()
    assert leaks.unseen(data.test, {"model": hashes})[1] == 0
    known = json.loads((PRETRAINED / name / "labels.json").read_text())["data"]
    # The pixels of a re-framed image may differ with Pillow's and SciPy's releases.
    assert name != "mnist" or data.digest == known
