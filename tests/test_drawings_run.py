"""A person's own drawings among EMNIST's training pictures: `03_train` mixes them in."""

import pytest
from conftest import run_all

from hcr import datasets
from hcr.datasets import drawings_file as drawings
from hcr.preprocessing import synthesis
from hcr.runs import files

pytestmark = [pytest.mark.slow, pytest.mark.data]


def test_a_network_is_trained_on_emnist_and_ones_own_drawings(tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_DRAWINGS", str(tmp_path / "drawings"))
    for i in range(40):
        for character in "0123456789":
            strokes = [200 * each + 40 for each in synthesis.character(character, i)]
            drawings.append(character, strokes, size=280)
    given = {
        "shared.dataset": "emnist-subset+drawings",
        "shared.limit": 4000,
        "03_train.epochs": 1,
        "03_train.batch_size": 100,
        "03_train.model": "hcr_small",
    }
    words = [word for key, value in given.items() for word in ("-p", f"{key}={value}")]
    stages = "--from", "02_balance", "--to", "03_train"
    # The same that the run will take: some of the drawings are among them.
    data = datasets.load("emnist-subset+drawings", seed=0, limit=4000)
    assert data.train.sources.sum() > 0
    done = run_all("--run", "mixed", *stages, *words, outputs=tmp_path / "runs")
    assert done.code == 0, done.text
    folder = tmp_path / "runs" / "mixed"
    record = files.read_json(folder / "run.json")
    assert record["data"]["name"] == "emnist-subset+drawings"
    assert "your own" in record["data"]["caveat"]
    assert record["data"]["counts"]["train"] == 4000
    assert record["data"]["digest"] == data.facts()["digest"]
    assert record["stages"]["03_train"]["status"] == "done"
    # It has learned something in forty steps: by chance it would be one in 47.
    assert files.read_json(folder / "metrics.json")["03_train"]["val_accuracy"] > 0.05
    assert (folder / "model.tflite").is_file()
