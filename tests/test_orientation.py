"""Whether pictures are inverted, transposed, turned or mirrored, and how that is known."""

import re

import numpy as np
import pytest

from hcr import datasets
from hcr.datasets import files
from hcr.errors import DataError
from hcr.evaluation import orientation
from hcr.preprocessing.labels import BYCLASS, BYMERGE, LETTERS

# What makes upright pictures, (n, 28, 28), such.
MADE = {
    "upright": lambda p: p,
    "transposed": lambda p: p.swapaxes(1, 2),
    "mirrored": lambda p: p[:, :, ::-1],
    "upside down": lambda p: p[:, ::-1],
    "turned by 180 degrees": lambda p: p[:, ::-1, ::-1],
    "turned to the left": lambda p: np.rot90(p, axes=(1, 2)),
    "turned to the right": lambda p: np.rot90(p, 3, axes=(1, 2)),
    "transposed along the other diagonal": lambda p: p[:, ::-1, ::-1].swapaxes(1, 2),
}


@pytest.fixture(scope="module")
def digits() -> datasets.Dataset:
    return datasets.load("mnist-sample")


def test_every_way_is_known():
    assert set(MADE) == set(orientation.WAYS) == set(orientation._UNDO)


@pytest.mark.parametrize("way", MADE)
def test_every_way_is_told(digits, way):
    made = MADE[way](digits.train.images)
    for pictures, inverted in ((made, False), (255 - made, True)):
        found = orientation.check(pictures, digits.train.labels, digits.characters)
        assert (found.orientation, found.inverted, found.sure) == (way, inverted, True)
        assert found.fine == (way == "upright" and not inverted)
        assert max(found.scores, key=found.scores.get) == way
        assert ("**" in found.text) != found.fine


def test_it_says_how_it_knows_and_what_to_do(digits):
    labels, characters = digits.train.labels, digits.characters
    pictures = digits.train.images
    good = orientation.check(pictures, labels, characters)
    assert re.match(r"The pictures stand upright: those of \d+ of 10 characters", good.text)
    assert f"(mean correlation {good.scores['upright']:.2f} against " in good.text
    swapped = orientation.check(255 - pictures.swapaxes(1, 2), labels, characters).text
    assert "**The pictures look inverted**, dark ink on light paper: 100 % of them" in swapped
    assert "**The pictures look transposed**: those of 10 of 10 characters" in swapped
    assert "after swapping rows and columns than after leaving them as they are" in swapped
    assert swapped.endswith("set `orientation` to `transposed-inverted`.")
    mirrored = orientation.check(pictures[:, :, ::-1], labels, characters).text
    assert mirrored.endswith("Undo it in the files, by mirroring left and right.")


def test_the_remedies_are_orientations_of_own_data(digits):
    from hcr.datasets.own import ORIENTATIONS

    for made in (MADE["transposed"], lambda p: 255 - p, lambda p: 255 - p.swapaxes(1, 2)):
        pictures = made(digits.train.images)
        text = orientation.check(pictures, digits.train.labels, digits.characters).text
        assert text.rstrip("`.").rsplit("`", 1)[1] in ORIENTATIONS


def test_a_few_inverted_among_many_are_told(digits):
    pictures = digits.train.images.copy()
    pictures[::20] = 255 - pictures[::20]
    found = orientation.check(pictures, digits.train.labels, digits.characters, n=1000)
    assert found.fine
    assert found.text.startswith("5 % of the pictures have a bright border and may be inverted.")
    assert "swap light and dark in their files" in found.text
    plain = orientation.check(digits.train.images, digits.train.labels, digits.characters).text
    assert "swap light" not in plain
    most = orientation.check(255 - pictures, digits.train.labels, digits.characters).text
    assert "swap light" not in most


def test_what_cannot_be_told_is_not_told(digits):
    pictures, labels = digits.train.images, digits.train.labels
    round_ones = np.isin(labels, (0, 1))
    found = orientation.check(pictures[round_ones], labels[round_ones], digits.characters)
    assert not found.sure
    assert found.fine
    assert "can't be told for sure" in found.text
    for characters in ("äöüßéèêñçå", "0äöüßéèêñç"):
        found = orientation.check(pictures, labels, tuple(characters))
        assert not found.sure
        assert "can't be told" in found.text
    assert orientation.check(255 - pictures, labels, tuple("äöüßéèêñçå")).inverted


def test_noise_is_not_told():
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 120, (400, 28, 28)).astype(np.uint8)
    found = orientation.check(pictures, rng.integers(0, 47, 400), tuple(BYMERGE))
    assert max(found.scores.values()) < 0.1
    assert found.fine or not found.sure


def test_the_same_seed_says_the_same(digits):
    arguments = digits.train.images, digits.train.labels, digits.characters
    assert orientation.check(*arguments, seed=3) == orientation.check(*arguments, seed=3)
    assert orientation.check(*arguments, seed=3) != orientation.check(*arguments, seed=4)


def test_blank_pictures_and_a_memory_map_will_do(digits, tmp_path):
    np.save(tmp_path / "pictures.npy", digits.train.images)
    mapped = np.load(tmp_path / "pictures.npy", mmap_mode="r")
    labels = digits.train.labels
    assert orientation.check(mapped, labels, digits.characters).orientation == "upright"
    blank = orientation.check(np.zeros_like(mapped), labels, digits.characters)
    assert blank.fine
    assert not blank.sure


@pytest.mark.parametrize(
    ("pictures", "labels"),
    [
        (np.zeros((0, 28, 28), np.uint8), np.zeros(0, int)),
        (np.zeros((3, 28, 28), np.uint8), np.zeros(2, int)),
        (np.zeros((3, 28, 28), np.float32), np.zeros(3, int)),
    ],
)
def test_no_pictures_or_no_labels_are_refused(pictures, labels):
    with pytest.raises(DataError, match="Received"):
        orientation.check(pictures, labels, ("0", "1"))


def as_stored(name: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `n` pictures and labels of EMNIST's files, transposed as they are there."""
    images, labels = (
        files.read_idx(files.need("emnist", f"{name}-{kind}"))[:n]
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    return images, labels.astype(int)


def few(labels: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    parts = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    return np.concatenate([part[:per_class] for part in parts])


@pytest.mark.data
def test_emnists_files_are_transposed_and_what_is_read_from_them_is_upright():
    images, labels = as_stored("emnist-subset-train", 6000)
    found = orientation.check(images, labels, tuple(BYMERGE))
    assert (found.orientation, found.sure, found.inverted) == ("transposed", True, False)
    data = datasets.load("emnist-subset")
    found = orientation.check(data.train.images, data.train.labels, data.characters)
    assert (found.orientation, found.sure, found.fine) == ("upright", True, True)
    assert found.margin > 5


@pytest.mark.data
def test_letters_of_both_cases_and_five_of_each_will_do():
    images, labels = as_stored("emnist-byclass-test", 12000)
    letters = labels >= 10
    folded = np.array([LETTERS.find(char.upper()) for char in BYCLASS])[labels]
    for name, pictures, values, characters in (
        ("letters", images[letters], folded[letters], LETTERS),
        ("byclass", images, labels, BYCLASS),
    ):
        for seed in range(5):
            chosen = few(values, 5, seed)
            found = orientation.check(pictures[chosen], values[chosen], tuple(characters))
            assert (found.orientation, found.sure) == ("transposed", True), name


@pytest.mark.parametrize(
    ("option", "remedy"),
    [
        ("upright", "transposed-inverted"),
        ("transposed", "inverted"),
        ("inverted", "transposed"),
        ("transposed-inverted", "upright"),
    ],
)
def test_the_remedy_counts_from_the_option_in_force(digits, option, remedy):
    pictures = 255 - digits.train.images.swapaxes(1, 2)
    found = orientation.check(pictures, digits.train.labels, digits.characters, option=option)
    assert f"set `orientation` to `{remedy}`" in found.text
