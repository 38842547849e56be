"""The temperature: known ones are found, none makes things worse, and the recogniser agrees."""

import time

import numpy as np
import pytest
from scipy.special import softmax

from hcr.errors import DataError
from hcr.evaluation import calibration, metrics
from hcr.preprocessing import corruptions, from_strokes, synthesis
from hcr.recognizer import Recognizer, _tempered


def drawn(n=20_000, classes=10, spread=2.0, seed=0):
    """Logits, and labels drawn from their softmax: as calibrated as can be."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, spread, (n, classes))
    cumulated = softmax(logits, axis=1).cumsum(axis=1)
    return logits, (generator.random((n, 1)) > cumulated[:, :-1]).sum(axis=1)


@pytest.mark.parametrize("known", [0.4, 0.7, 1.0, 1.5, 3.0])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_known_temperature_is_found(known, kind):
    logits, labels = drawn()
    found = calibration.temperature(softmax(known * logits, axis=1).astype(kind), labels)
    assert found == pytest.approx(known, rel=0.03)


def test_it_has_the_lowest_log_loss():
    logits, labels = drawn(n=2000)
    probabilities = softmax(2.2 * logits, axis=1)
    found = calibration.temperature(probabilities, labels)
    tried = np.linspace(0.5, 5, 451)
    losses = [metrics.log_loss(labels, calibration.apply(probabilities, each)) for each in tried]
    assert found == pytest.approx(tried[np.argmin(losses)], abs=0.01)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("balanced", [False, True])
def test_the_log_loss_never_rises(seed, balanced):
    generator = np.random.default_rng(seed)
    n, classes = int(generator.integers(1, 60)), int(generator.integers(2, 6))
    sharp = 10 ** generator.uniform(-1, 3)
    probabilities = softmax(sharp * generator.normal(size=(n, classes)), axis=1).astype(np.float32)
    labels = generator.integers(0, classes, n)
    fitted = calibration.temperature(probabilities, labels, balanced)
    assert calibration.LOWEST <= fitted <= calibration.HIGHEST
    after = calibration.apply(probabilities, fitted)
    losses = [-np.log(np.maximum(p[np.arange(n), labels], 1.2e-7)) for p in (probabilities, after)]
    weights = 1 / np.bincount(labels)[labels] if balanced else np.ones(n)
    before, after = (np.average(each, weights=weights) for each in losses)
    assert after <= before + 1e-6


def test_where_nothing_is_misread_it_is_1():
    sure = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    assert calibration.temperature(sure, [0, 1, 0]) == 1
    assert calibration.temperature(np.eye(3, dtype=np.float32), [0, 1, 2]) == 1


def test_certain_mistakes_and_equal_answers_end_in_a_number():
    wrong = np.eye(2, dtype=np.float32)[[0, 0, 0, 1]]
    assert 1 <= calibration.temperature(wrong, [0, 0, 1, 1]) <= calibration.HIGHEST
    assert calibration.temperature(np.full((4, 5), 0.2), [0, 1, 2, 3]) == 1


def test_one_hopeless_outlier_does_not_spoil_the_rest():
    """Without its bound such a one would count for more than all the others together."""
    logits, labels = drawn(n=500, spread=6.0)
    probabilities = softmax(logits, axis=1)
    probabilities[0] = [1 - 9e-300, *[1e-300] * 9]
    labels[0] = 5
    fitted = calibration.temperature(probabilities, labels)
    after = calibration.apply(probabilities, fitted)
    assert metrics.log_loss(labels, after) <= metrics.log_loss(labels, probabilities)


def test_balanced_counts_each_class_the_same():
    """Class 0 is many and calibrated, class 1 is few and too sure by far."""
    logits, labels = drawn(n=30_000, classes=2)
    logits[labels == 1] *= 4
    keep = (labels == 0) | (np.arange(len(labels)) % 50 == 0)
    probabilities, labels = softmax(logits[keep], axis=1), labels[keep]
    even = calibration.temperature(probabilities, labels, balanced=True)
    assert calibration.temperature(probabilities, labels) < even
    # As many pictures of each class give the same.
    few = np.flatnonzero(labels == 1)
    repeated = np.concatenate([np.flatnonzero(labels == 0), np.resize(few, (labels == 0).sum())])
    expected = calibration.temperature(probabilities[repeated], labels[repeated])
    assert even == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("temperature", [0.1, 0.626, 1, 2.5, 10])
def test_to_apply_it_is_what_the_recogniser_does(temperature):
    logits, _ = drawn(n=300)
    probabilities = softmax(3 * logits, axis=1).astype(np.float32)
    found = calibration.apply(probabilities, temperature)
    np.testing.assert_array_equal(found, _tempered(probabilities, temperature))
    np.testing.assert_allclose(found, softmax(3 * logits / temperature, axis=1), atol=2e-6)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.argmax(axis=1), logits.argmax(axis=1))


def test_the_gain_names_both():
    logits, labels = drawn(n=3000)
    before = softmax(3 * logits, axis=1)
    after = calibration.apply(before, 3)
    found = calibration.gain(labels, before, after)
    assert found["log_loss"] == metrics.log_loss(labels, before)
    assert found["ece_calibrated"] == metrics.ece(labels, after)
    assert found["log_loss_calibrated"] < found["log_loss"]
    assert found["ece_calibrated"] < found["ece"]


def test_it_lowers_the_calibration_error_of_a_network_made_too_sure():
    """A network that ships, its logits times four; fitted on some drawings, asked about others."""
    network, letters = Recognizer.load("mnist_nist_1000"), "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    parts = {}
    for part, first in (("validation", 0), ("test", 500)):
        # Spoilt, for it errs too seldom on plain drawings.
        drawn = [
            from_strokes(synthesis.character(each, first + place))
            for each in letters
            for place in range(8)
        ]
        spoiled = corruptions.corrupt(np.stack(drawn), "noise", 4)
        labels = np.repeat([network.labels.index(each) for each in letters], 8)
        parts[part] = calibration.apply(network.predict(spoiled), 1 / 4), labels
    sure, labels = parts["test"]
    fitted = calibration.temperature(*parts["validation"])
    found = calibration.gain(labels, sure, calibration.apply(sure, fitted))
    assert sure.max(axis=1).mean() > metrics.accuracy(labels, sure.argmax(axis=1)) + 0.05
    assert fitted > 2
    assert found["ece_calibrated"] < 0.5 * found["ece"]
    assert found["log_loss_calibrated"] < found["log_loss"]


def test_it_is_fast():
    logits, labels = drawn(n=14_000, classes=47)
    probabilities = softmax(2 * logits, axis=1).astype(np.float32)
    start = time.process_time()
    calibration.temperature(probabilities, labels)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_what_is_no_temperature_is_told(temperature):
    with pytest.raises(DataError, match="above 0"):
        calibration.apply(np.eye(2), temperature)


def test_what_are_no_probabilities_is_told():
    with pytest.raises(DataError, match="sum to 1"):
        calibration.temperature(np.ones((2, 2)), [0, 1])
    with pytest.raises(DataError, match="one entry a picture"):
        calibration.temperature(np.eye(2), [0])
