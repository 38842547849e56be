"""The pretrained models: whole, small, with a card, recognizing what they should; their script."""

import importlib.util
import re
import sys

import numpy as np
import pytest
from conftest import PROJECT

from hcr import datasets, evaluation, runs
from hcr.errors import ModelError
from hcr.preprocessing import from_strokes, labels, synthesis
from hcr.recognizer import PRETRAINED, Recognizer

FOLDER = PROJECT / "hcr" / "pretrained"


@pytest.fixture(scope="module")
def script():
    """`benchmarks/pretrained.py` as a module."""
    path = PROJECT / "benchmarks" / "pretrained.py"
    spec = importlib.util.spec_from_file_location("pretrained", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["pretrained"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def drawn(characters: str) -> np.ndarray:
    """Four synthetic drawings of each character, careful ones."""
    return np.stack(
        [from_strokes(synthesis.character(c, seed)) for c in characters for seed in range(4)]
    )


@pytest.mark.parametrize(
    ("name", "characters", "least"),
    [
        ("emnist", labels.BALANCED, 0.9),
        ("mnist", labels.DIGITS, 0.8),
        ("mnist_nist_all", labels.ALPHANUMERIC, 0.75),
        ("mnist_nist_1000", labels.ALPHANUMERIC, 0.75),
    ],
)
def test_each_is_whole_and_recognizes_drawings(name, characters, least, script):
    recognizer = Recognizer.load(name)
    assert recognizer.labels == tuple(characters)
    predicted = recognizer.predict(drawn(characters)).argmax(axis=1)
    assert (predicted == np.repeat(np.arange(len(characters)), 4)).mean() >= least
    assert 0.5 < recognizer.temperature < 2
    inside = {path.name for path in (FOLDER / name).iterdir()}
    assert inside >= {"model.tflite", "labels.json", "card.md"}
    assert ("model.keras" in inside) == script.MODELS[name].keras
    card = (FOLDER / name / "card.md").read_text(encoding="utf-8")
    assert f"python benchmarks/pretrained.py {name}`" in card
    assert re.search(r"\| test \| [\d,]+ \| \d\d\.\d\d % \(\d\d\.\d\d % to ", card)
    assert "".join(characters) in card


def test_they_are_those_of_the_script_and_small(script):
    assert set(script.MODELS) == set(PRETRAINED) == {path.name for path in FOLDER.iterdir()}
    assert Recognizer.load().path == FOLDER / "emnist" / "model.tflite"
    sizes = [path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()]
    assert max(sizes) < 4_000_000
    assert sum(sizes) < 12_000_000


def test_the_keras_file_predicts_alike(tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_CACHE", str(tmp_path))
    images = drawn(labels.BALANCED)
    keras, litert = (
        Recognizer.load(FOLDER / "emnist" / file).predict(images)
        for file in ("model.keras", "model.tflite")
    )
    # The one has 32 bits a weight, the other 8.
    assert np.abs(keras - litert).max() < 0.2
    assert (keras.argmax(axis=1) == litert.argmax(axis=1)).mean() > 0.95


@pytest.mark.data
def test_nine_in_ten_of_the_validation_images_are_right():
    split = datasets.load("emnist-subset").validation
    predicted = Recognizer.load("emnist").predict(split.images).argmax(axis=1)
    assert evaluation.balanced_accuracy(split.labels, predicted) >= 0.9


def test_parents_are_trained_first_and_an_unknown_name_is_refused(tmp_path, monkeypatch, script):
    class EnoughError(Exception):
        pass

    def stop(run, folder, keras):
        raise EnoughError

    commands = []
    monkeypatch.setenv("HCR_OUTPUTS", str(tmp_path / "out"))
    monkeypatch.setattr(script, "FOLDER", tmp_path / "pretrained")
    monkeypatch.setattr(script, "train", lambda params, run, words: commands.append((run, words)))
    monkeypatch.setattr(script, "write_weights", stop)
    with pytest.raises(EnoughError):
        script.make("emnist")
    out = runs.outputs()
    assert [(run, [w for w in words if "start=" in w]) for run, words in commands] == [
        ("hcr_net_pen", []),
        ("emnist_first", [f"03_train.start={out / 'hcr_net_pen'}"]),
        ("emnist_second", [f"03_train.start={out / 'emnist_first'}"]),
        ("shipped_emnist", [f"03_train.start={out / 'emnist_first'},{out / 'emnist_second'}"]),
    ]
    with pytest.raises(ModelError, match="mnist"):
        script.make("mnsit")


def test_the_card_has_the_measured_drawings(script):
    text = script.drawings(FOLDER / "emnist" / "model.tflite")
    assert text.strip() in (FOLDER / "emnist" / "card.md").read_text(encoding="utf-8")
    assert script.drawings(FOLDER / "mnist" / "model.tflite") == ""
