"""Corrupted images, pen drawings, and the real 04_evaluate on models that a person brings."""

import json
import shutil

import numpy as np
import pytest
import trained
from conftest import run_all

from hcr import evaluation, runs
from hcr.datasets import drawings_file as drawings
from hcr.errors import DataError
from hcr.preprocessing import FRAMINGS, corruptions, synthesis
from hcr.preprocessing.synthesis import PLACEMENTS
from hcr.recognizer import Recognizer


def test_corrupted_images_are_the_same_images_at_every_strength():
    labels, asked = np.arange(400) % 2, []
    images = np.zeros((400, 28, 28), np.uint8)
    images[:, 8:20, 10:18] = 255
    hard = np.random.default_rng(0).random(400)

    def predict(corrupted):
        asked.append(corrupted)
        # The same images are hard throughout, so that the results hang together.
        right = hard < 0.95 - 0.01 * (len(asked) - 1)
        return np.eye(2)[np.where(right, labels, 1 - labels)]

    frame, right = evaluation.corruption_scores(predict, images, labels)
    names = list(corruptions.CORRUPTIONS)
    assert frame["corruption"].unique().tolist() == names
    assert frame["strength"].tolist() == [*range(6)] * len(names)
    np.testing.assert_array_equal(asked[0], images)
    np.testing.assert_array_equal(asked[3], corruptions.corrupt(images, names[0], 3, 0))
    assert frame["amplitude"].tolist()[1:6] == list(corruptions.CORRUPTIONS[names[0]])
    assert right.shape == (1 + 5 * len(names), 400)
    row = frame.iloc[8]
    assert (row["right"], row["accuracy"]) == (right[7].sum(), right[7].mean())
    assert (row["low"], row["high"]) == evaluation.wilson(right[7].sum(), 400)
    summary = evaluation.corruption_summary(frame, right).set_index("corruption")
    parts = dict(zip(names, right[1:].reshape(-1, 5, 400), strict=True)) | {"mean": right[1:]}
    for name, part in parts.items():
        means = part.mean(axis=0)
        for values, column, prefix in ((means, "mean", ""), (right[0] - means, "lost", "lost_")):
            row = summary.loc[name, [column, f"{prefix}low", f"{prefix}high"]]
            half = 1.96 * values.std(ddof=1) / np.sqrt(400)
            assert row.iloc[0] == pytest.approx(values.mean())
            assert (row.iloc[2] - row.iloc[1]) / 2 == pytest.approx(half, rel=0.15, abs=1e-3)


class Corner:
    """Predicts `a` where ink reaches the image's upper left part, else `B`; `0` is the second."""

    labels = ("a", "B", "0")
    framing = FRAMINGS["emnist"]

    def predict(self, images):
        there = images[:, :14, :14].any(axis=(1, 2))
        return np.stack([0.5 * there + 0.1, 0.6 - 0.5 * there, np.full(len(images), 0.3)], axis=1)


def test_drawings_are_scored_in_every_placement_by_contributor():
    strokes = [synthesis.character(c, 0) for c in "aA0a"]
    frame = evaluation.score_drawings(Corner(), strokes, list("aA0a"), [*"xxyz"], 0.3)
    assert frame["placement"].unique().tolist() == list(PLACEMENTS)
    large = frame[frame["placement"] == "large"].set_index("contributor")
    assert large["n"].to_dict() == {"x": 2, "y": 1, "z": 1, "mean": 4}
    assert large["exact"].tolist() == [0.5, 0, 1, 0.5]
    # Right but for case.
    assert large["folded"].tolist() == pytest.approx([1, 0, 1, 2 / 3])
    assert large["top 3"].tolist() == large["covered"].tolist() == [1, 1, 1, 1]
    assert large["alternatives"].tolist() == [2, 2, 2, 2]
    assert np.isnan(large.at["x", "digits"])
    assert large.at["y", "digits"] == 0
    assert large.at["x", "capitals"] == 1
    intervals = evaluation.drawing_intervals(frame)
    assert list(intervals) == list(PLACEMENTS)
    assert intervals["large"]["folded"] == pytest.approx(2 / 3)
    assert intervals["large"]["low"] < 2 / 3 < intervals["large"]["high"]


def test_ones_own_drawings_are_loaded_and_those_left_out_are_told(monkeypatch, capsys):
    monkeypatch.setenv("HCR_RUN", "quick")
    run = runs.open("quick", "04_evaluate")
    with pytest.raises(DataError, match="drawings"):
        evaluation.load_drawings(run, "own")
    for character in "4é5":
        strokes = [200 * stroke for stroke in synthesis.character("4", 0)]
        drawings.append(character, strokes, writer="Anna")
    strokes, characters, writers = evaluation.load_drawings(run, "own")
    assert (characters.tolist(), writers.tolist()) == (["4", "5"], ["Anna", "Anna"])
    assert "1 of 3 drawings, of é" in capsys.readouterr().out
    assert [len(stroke) > 0 for drawing in strokes for stroke in drawing]


@pytest.mark.slow
def test_a_model_that_a_person_brings_is_evaluated(tmp_path):
    folder, own = trained.run()[0], tmp_path / "drawings"
    (tmp_path / "theirs").mkdir()
    brought = shutil.copy(folder / "model.tflite", tmp_path / "theirs" / "net.tflite")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCR_DRAWINGS", str(own))
        for character in "0123456789":
            strokes = [200 * stroke + 40 for stroke in synthesis.character(character, 0)]
            drawings.append(character, strokes, size=280)
    given = {
        "pretrained": brought, "labels": '"0123456789"', "compare_with": folder,
        "saliency_for": '"73"', "robustness": 2, "drawings": "own",
    }  # fmt: skip
    words = [word for key, value in given.items() for word in ("-p", f"04_evaluate.{key}={value}")]
    words += ["--only", "04_evaluate", "--run", "theirs"]
    done = run_all(*words, outputs=tmp_path / "runs", HCR_DRAWINGS=str(own))
    assert done.code == 0, done.text
    run = tmp_path / "runs" / "theirs"
    tables = {path.stem.split("_", 1)[1] for path in (run / "tables").glob("04_*.csv")}
    wanted = {"models", "pairs", "splits", "robustness", "drawings", "counts", "suspects"}
    assert wanted | {"robustness_each", "results", "per_class", "confusions"} <= tables
    data = trained.data()
    predicted = Recognizer.load(brought, "0123456789").predict(data.test.images).argmax(axis=1)
    section = json.loads((run / "metrics.json").read_text())["04_evaluate"]
    assert section["accuracy"] == pytest.approx((predicted == data.test.labels).mean())
    keys = ("accuracy", "balanced_accuracy", "top3", "log_loss", "ece", "gap_train")
    for key in (*keys, "gap_validation", "alternatives_coverage", "alternatives_mean_size"):
        assert section[f"{key}_low"] <= section[key] <= section[f"{key}_high"], key
    assert section["robustness"]["low"] <= section["robustness"]["mean"]
    assert set(section["drawings"]) == set(section["drawings_alternatives"]) == set(PLACEMENTS)
    # Of a file nobody knows what it has learned from.
    stage = json.loads((run / "run.json").read_text())["stages"]["04_evaluate"]
    assert any(str(brought) in each["text"] for each in stage["warnings"])
