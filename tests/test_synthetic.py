from pathlib import Path

import numpy as np
import pytest

from hcr.datasets import DATASETS, Options, idx, places, synthetic
from hcr.errors import DataError
from hcr.preprocessing import PEN, check_images, from_strokes, labels, synthesis

NAMES = sorted(synthetic.CHARACTERS)


@pytest.fixture(scope="module")
def small():
    """47 classes, a few drawings of each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "SIZES", (24, 2, 8))
        return synthetic.read("pen-strokes", Options())


def test_all_names_are_there_and_named_synthetic():
    assert {name for name in DATASETS if name.startswith("pen-strokes")} == set(NAMES)
    for name, n in zip(NAMES, (47, 10, 36, 62), strict=True):
        info = synthetic.info(name, Options())
        assert len(info.characters) == n
        assert info.caveat == "synthetic"
        assert "ynthetic" in info.title
        assert info.licence
        assert info.citation


def test_sources_are_files(monkeypatch):
    found = synthetic.sources("pen-strokes", Options())
    assert found
    assert all(path.is_file() for path in found)
    assert Path(synthetic.__file__) in found
    monkeypatch.setattr(synthetic, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="uv sync"):
        synthetic.sources("pen-strokes", Options())


@pytest.mark.parametrize("name", NAMES)
def test_every_class_has_as_many(name, monkeypatch):
    monkeypatch.setattr(synthetic, "SIZES", (2, 1, 1))
    splits = synthetic.read(name, Options())
    n = len(synthetic.CHARACTERS[name])
    for split, size in zip(splits, (2, 1, 1), strict=True):
        assert check_images(split.images).shape[0] == len(split.strokes) == n * size
        assert (np.bincount(split.labels, minlength=n) == size).all()
        assert split.labels.dtype == np.int64
    assert (splits[0].images[:n] != splits[0].images[n:]).any(axis=(1, 2)).all()


def test_the_drawings_are_the_same_every_time(small, monkeypatch):
    monkeypatch.setattr(synthetic, "SIZES", (1, 2, 1))
    again = synthetic.read("pen-strokes", Options())[1]
    assert (again.images == small[1].images).all()
    assert (again.strokes.points == small[1].strokes.points).all()
    # No split repeats another.
    assert not (small[0].images[: 2 * 47] == small[1].images).all(axis=(1, 2)).any()


def test_merged_classes_hold_both_cases(monkeypatch):
    asked = []

    def character(char, rng, variation, form):
        asked.append(char)
        return [np.array([[0.0, 0.0], [0.0, 1.0]])]

    monkeypatch.setattr(synthesis, "character", character)
    monkeypatch.setattr(synthetic, "SIZES", (2, 1, 1))
    for name, counts in (("pen-strokes", "Cc"), ("pen-strokes-36", "CC"), ("pen-strokes-62", "CC")):
        asked.clear()
        synthetic.read(name, Options())
        train = "".join(asked[: 2 * len(synthetic.CHARACTERS[name])])
        i = 2 * synthetic.CHARACTERS[name].index("C")
        assert train[i : i + 2] == counts
        assert train[2 * 10 : 2 * 11] == "AA"


def test_a_picture_is_made_from_its_strokes(small):
    """But for the pen's width, which turns each brightness into another one."""
    for split in small:
        for i in range(0, len(split), 97):
            plain, picture = from_strokes(split.strokes[i]).ravel(), split.images[i].ravel()
            order = np.argsort(plain, kind="stable")
            for value in np.unique(plain):
                assert np.ptp(picture[plain == value]) == 0
            assert (np.diff(picture[order].astype(int)) >= 0).all()
            assert picture.max() == 255


@pytest.mark.parametrize("width", [1.8, 2.7, 3.4, 4.2])
def test_a_pen_of_another_width(width):
    line = from_strokes([np.array([[0.0, 0.0], [0.3, 1.0]])])
    drawn = synthetic.with_pen(line, width)
    assert drawn.dtype == np.uint8
    # Across the line, far from its ends: the ink in all is as wide as the pen.
    across = drawn[8:20].sum(axis=1).mean() / 255 / np.hypot(0.3, 1)
    # A thin one is a little more: it is stretched to the full brightness, which it doesn't reach.
    assert across == pytest.approx(width, abs=0.13)
    assert synthetic.with_pen(np.zeros((28, 28), np.uint8), width).max() == 0


def test_the_usual_pen_changes_nothing():
    picture = from_strokes(synthesis.character("R", 3))
    assert np.abs(synthetic.with_pen(picture, PEN).astype(int) - picture).max() <= 2


def ink(pictures):
    return pictures.reshape(len(pictures), -1) / 255.0


def share_read(train, pictures, values):
    """The share of `pictures` whose nearest mean picture of `train` has their label."""
    known = ink(train.images)
    means = np.array([known[train.labels == label].mean(axis=0) for label in range(47)])
    distance = (means**2).sum(axis=1) - 2 * ink(pictures) @ means.T
    return (distance.argmin(axis=1) == values).mean()


def test_a_nearest_mean_reads_what_was_held_out(small):
    train, _, test = small
    assert share_read(train, test.images, test.labels) > 0.5  # chance is 1 in 47


@pytest.mark.data
def test_it_reads_what_people_wrote_and_looks_like_it(small):
    """On EMNIST's *training* pictures: nothing about the test pictures is learned here."""
    paths = [
        places.find("emnist", f"emnist-subset-train-{kind}")
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    ]
    pictures, values = idx.read_pair(*paths, 47)
    rng = np.random.default_rng(0)
    chosen = np.concatenate(
        [rng.permutation(np.flatnonzero(values == label))[:40] for label in range(47)]
    )
    people, train = pictures[chosen].swapaxes(1, 2), small[0]
    assert share_read(train, people, values[chosen]) > 0.3  # chance is 1 in 47
    # Transposed, as EMNIST's files have them, they are hardly read.
    assert share_read(train, people.swapaxes(1, 2), values[chosen]) < 0.2
    ratio = ink(train.images).sum(axis=1).mean() / ink(people).sum(axis=1).mean()
    assert 0.85 < ratio < 1.2


def test_all_the_characters_of_the_labels():
    assert synthetic.CHARACTERS["pen-strokes"] == labels.BALANCED
