"""What the benchmarks count by themselves."""

import re
import runpy

import numpy as np
import pytest
from conftest import PROJECT

from hcr.datasets import Split
from hcr.preprocessing import corruptions

TOLD = re.compile(r"(-?[\d.]+) \((-?[\d.]+) to (-?[\d.]+)\)")


class Chance:
    """Reads a picture right with a chance that falls with the number of questions so far."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels, self.asked = labels, 0
        self.generator = np.random.default_rng(0)
        self.hard = self.generator.random(len(labels))
        self.right: list[np.ndarray] = []

    def answers(self, pictures: np.ndarray, characters: str) -> np.ndarray:
        # The same pictures are hard throughout, so that their answers hang together.
        right = self.hard < 0.95 - 0.01 * self.asked
        self.asked += 1
        self.right.append(right)
        return np.eye(2)[np.where(right, self.labels, 1 - self.labels)]


def test_the_means_over_corruptions_have_intervals_over_the_pictures():
    bench = runpy.run_path(str(PROJECT / "benchmarks" / "robustness.py"))
    n = 500
    labels = np.arange(n) % 2
    pictures = np.zeros((n, 28, 28), np.uint8)
    pictures[:, 8:20, 10:18] = 255
    chance = Chance(labels)
    frame, table = bench["asked_of"](chance, Split(pictures, labels), "ab")
    right = np.array(chance.right, float)
    assert right.shape == (1 + 5 * len(corruptions.CORRUPTIONS), n)
    lines = bench["rows"](frame, table)
    told = {line.split("|")[1].strip(): TOLD.findall(line) for line in lines[2:]}
    assert list(told)[-1] == "mean"
    parts = dict(zip(corruptions.CORRUPTIONS, right[1:].reshape(-1, 5, n), strict=True))
    for name, its in (parts | {"mean": right[1:]}).items():
        mean = its.mean(axis=0)
        for found, values in zip(told[name], (mean, right[0] - mean), strict=True):
            value, low, high = (float(each) for each in found)
            assert value == pytest.approx(100 * values.mean(), abs=0.051)
            # The normal interval of a mean of pictures, each of which counts once.
            half = 196 * values.std(ddof=1) / np.sqrt(n)
            assert (high - low) / 2 == pytest.approx(half, rel=0.12, abs=0.1)
            assert low <= value <= high
