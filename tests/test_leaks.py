"""The leak guard, against leaks planted on purpose."""

import hashlib

import numpy as np
import pytest
from data_files import NAME, family, made, pictures, splits
from hypothesis import given, settings
from hypothesis import strategies as st

from hcr import datasets
from hcr.datasets import Split, leaks


def joined(*parts: Split) -> Split:
    return Split(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def shared(one: Split, other: Split) -> int:
    """How many pictures of `one` are in `other`, counted without hashes."""
    known = {picture.tobytes() for picture in other.images}
    return sum(picture.tobytes() in known for picture in one.images)


def test_a_pixel_hash_is_the_start_of_sha_256():
    images = pictures(3)
    found = leaks.pixel_hashes(images)
    assert (found.dtype, found.shape) == (np.uint64, (3,))
    for picture, value in zip(images, found, strict=True):
        start = hashlib.sha256(picture.tobytes()).digest()[:8]
        assert int(value) == int.from_bytes(start, "little")
    # However the picture lies in memory.
    np.testing.assert_array_equal(leaks.pixel_hashes(images.swapaxes(1, 2).swapaxes(1, 2)), found)
    assert leaks.pixel_hashes(images[:0]).shape == (0,)
    images[0, 27, 27] ^= 1
    assert leaks.pixel_hashes(images)[0] != found[0]


def test_splits_without_a_leak_pass_as_they_are():
    parts = splits()
    *guarded, report = leaks.guard(*parts)
    assert guarded[0] is parts[0]
    assert guarded[1] is parts[1]
    assert set(report.values()) == {0}


def test_planted_leaks_are_counted_reported_and_removed():
    train, validation, test = splits()
    # Five test pictures and three validation pictures in train, one of both; two of test in
    # validation. A copy under another label is a leak as well.
    late = joined(validation, test.take(np.array([4, 5])))
    wrong = Split(test.images[:5], (test.labels[:5] + 1) % 10)
    early = joined(train, wrong, validation.take(np.arange(3)), test.take(np.array([4])))
    assert shared(early, test) == 6
    clean, choose, report = leaks.guard(early, late, test)
    assert report == {
        "train_in_validation": 5,  # three of validation, and twice the picture that is in both
        "train_in_test": 6,
        "validation_in_test": 2,
        "removed_from_train": 9,
        "removed_from_validation": 2,
    }
    assert clean.digest == train.digest
    assert choose.digest == validation.digest
    assert shared(clean, test) == shared(clean, choose) == shared(choose, test) == 0


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 30), max_size=20), st.lists(st.integers(0, 30), max_size=20))
def test_whatever_meets_nothing_stays_shared(in_train, in_validation):
    pool = made(31, 7)
    train = joined(made(10, 1), pool.take(np.array(in_train, int)))
    validation = joined(made(8, 2), pool.take(np.array(in_validation, int)))
    test = pool.take(np.arange(15))
    clean, choose, report = leaks.guard(train, validation, test)
    assert shared(clean, test) == shared(clean, choose) == shared(choose, test) == 0
    assert len(train) - len(clean) == report["removed_from_train"]
    assert len(validation) - len(choose) == report["removed_from_validation"]
    # What is no leak stays.
    assert shared(made(10, 1), clean) == 10
    assert shared(made(8, 2), choose) == 8


@pytest.mark.parametrize("cached", [True, False], ids=["cached", "not cached"])
def test_loading_guards_every_data_set(tmp_path, monkeypatch, cached):
    train, validation, test = splits()
    source = tmp_path / "source"
    source.write_text("1")
    leaky = joined(train, test.take(np.arange(7)))
    family(monkeypatch, source, lambda: (leaky, validation, test), cached)
    data = datasets.load(NAME)
    assert len(data.train) == 200
    assert shared(data.train, data.test) == 0
    assert data.leaks["removed_from_train"] == 7
    assert data.facts()["leaks"]["train_in_test"] == 7
    # A limit is drawn from what is left.
    assert shared(datasets.load(NAME, limit=200).train, test) == 0
