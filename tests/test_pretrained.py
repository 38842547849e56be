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
from hcr.runs import files

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
        ("mnist_nist_all", labels.ALPHANUMERIC, 0.4),
        ("mnist_nist_1000", labels.ALPHANUMERIC, 0.4),
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


def test_the_runs_come_in_their_order_and_a_card_is_written(tmp_path, monkeypatch, script):
    commands = []
    monkeypatch.setenv("HCR_OUTPUTS", str(tmp_path / "out"))
    monkeypatch.setattr(script, "FOLDER", tmp_path / "pretrained")
    monkeypatch.setattr(script, "train", lambda params, run, words: commands.append((run, words)))
    cost = {"bits": 8, "whole": 0.9, "small": 0.9}
    monkeypatch.setattr(script, "write_weights", lambda run, folder, keras: write(folder))
    monkeypatch.setattr(script.leaks, "write_learned", lambda *_, **__: None)

    def write(folder) -> dict:
        (folder / "model.tflite").write_bytes(b"")
        return cost

    steps = ["hcr_net_pen", "emnist_first", "emnist_second", "shipped_emnist"]
    data = dict.fromkeys(("characters", "title", "licence", "citation"), "x")
    data |= {"name": "mnist-sample", "caveat": "", "digest": "d" * 64}
    data["counts"] = dict.fromkeys(("train", "validation", "test"), 1234)
    score = dict.fromkeys(("accuracy", "balanced_accuracy"), 0.9)
    ends = {f"{key}_{end}": 0.9 for key in score for end in ("low", "high")}
    training = {"parameters": 5, "multiply_adds": 6, "val_accuracy": 0.9}
    for i, step in enumerate(steps):
        metrics = {
            "03_train": {
                **training,
                "val_balanced_accuracy": 0.9,
                "training_seconds": 60.0 * 10**i,
            },
            "04_evaluate": {"n": 1234, **score, **ends},
        }
        record = {"schema": 1, "commit": f"c{i}", "data": data}
        record["hardware"] = {"processor": "p", "cores": 2}
        record["versions"] = {"tensorflow": "2", "keras": "3"}
        record["stages"] = {"03_train": {"parameters": {"model": "hcr_pair"}}}
        files.write_json(tmp_path / "out" / step / "metrics.json", metrics)
        files.write_json(tmp_path / "out" / step / "run.json", record)
    files.write_json(tmp_path / "out" / "shipped_emnist" / "labels.json", {"start": "gone"})
    folder, out = script.make("emnist"), runs.outputs()
    assert [run for run, _ in commands] == steps
    assert [[word for word in words if "start=" in word] for _, words in commands] == [
        [],
        [f"03_train.start={out / 'hcr_net_pen'}"],
        [f"03_train.start={out / 'emnist_first'}"],
        [f"03_train.start={out / 'emnist_first'},{out / 'emnist_second'}"],
    ]
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "c0, c1, c2, c3" in card
    assert "1111 min" in card
    assert "| test | 1,234 | 90.00 % (90.00 % to 90.00 %)" in card
    assert files.read_json(folder / "labels.json") == {}
    with pytest.raises(ModelError, match="mnist"):
        script.make("mnsit")


def test_the_card_has_the_measured_drawings(script):
    text = script.drawings(FOLDER / "emnist" / "model.tflite")
    assert text.strip() in (FOLDER / "emnist" / "card.md").read_text(encoding="utf-8")
    assert script.drawings(FOLDER / "mnist" / "model.tflite") == ""
