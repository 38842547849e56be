"""The choice of data: resolved once, described in `data.json`, the same for every stage."""

import json

import numpy as np
import pytest

from hcr import runs
from hcr.datasets import choice
from hcr.datasets.choice import DataChoice
from hcr.errors import DataError, ParameterError, RunError


def test_data_json_describes_what_was_chosen(tmp_path):
    chosen = DataChoice(limit=300, seed=4)
    data = choice.resolve(chosen, tmp_path)
    record = json.loads((tmp_path / "data.json").read_text())
    assert record["data"]["digest"] == data.digest
    assert record["splits"]["train"]["n"] == len(record["splits"]["train"]["indices"]) == 300
    assert choice.choice_of(tmp_path) == chosen
    assert choice.is_resolved(chosen, tmp_path)
    assert not choice.is_resolved(DataChoice(limit=301, seed=4), tmp_path)
    # What somebody changed counts as none.
    (tmp_path / "data.json").write_text(json.dumps(record | {"schema": 2}))
    assert not choice.is_resolved(chosen, tmp_path)
    with pytest.raises(RunError, match="changed"):
        choice.choice_of(tmp_path)


def test_a_wrong_choice_writes_nothing(tmp_path):
    with pytest.raises(ParameterError, match="orientation"):
        choice.resolve(DataChoice(orientation="inverted"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_stages_open_the_data_that_were_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_OUTPUTS", str(tmp_path))
    monkeypatch.setenv("HCR_RUN", "quick")
    data = choice.choose(runs.open("quick", "01_eda"), limit=300)
    again = choice.open_data(runs.open("quick", "03_train"))
    assert again.digest == data.digest
    record = json.loads((tmp_path / "quick" / "data.json").read_text())
    del record["seal"]
    record["data"]["digest"] = "0" * 64
    runs.files.write_sealed(tmp_path / "quick" / "data.json", record)
    with pytest.raises(DataError, match="01_eda"):
        choice.open_data(runs.open("quick", "03_train"))


def test_labels_are_corrected_after_the_images_were_chosen(tmp_path):
    chosen, path = DataChoice(limit=300), tmp_path / "labels.csv"
    plain, corrected = chosen.load(), DataChoice(limit=300, relabel=str(path))
    # Of the first three one is kept, one left out, one changed; the first of all is not among them.
    old, changed = str(plain.train.labels[0]), str((plain.train.labels[2] + 1) % 10)
    new = dict(zip(plain.indices.tolist(), (old, "", changed), strict=False)) | {0: ""}
    choice.write_corrections(path, choice.whole_data(chosen), new)
    data, before = choice.resolve(corrected, tmp_path), plain.train.take(np.delete(range(300), 1))
    assert (data.train.images == before.images).all()
    assert ((data.train.labels - before.labels) % 10).tolist() == [0, 1] + [0] * 297
    assert (data.validation.digest, data.test.digest) == (
        plain.validation.digest,
        plain.test.digest,
    )
    counts = {"limit": 300, "labels_changed": 1, "images_left_out": 1}
    assert json.loads((tmp_path / "data.json").read_text())["data"]["changed"] == counts
    # Another answer in the file is another choice. Without corrections all is recorded as before.
    assert choice.is_resolved(corrected, tmp_path)
    choice.write_corrections(path, choice.whole_data(chosen), {0: ""})
    assert not choice.is_resolved(corrected, tmp_path)
    assert "relabel" not in chosen.state()["choice"]


def test_wrong_corrections_write_nothing(tmp_path):
    path = tmp_path / "labels.csv"
    choice.write_corrections(path, choice.whole_data(DataChoice()), {0: "", 1: ""})
    head, first, second = path.read_text().splitlines()
    digest, _, image, old, _ = first.split(",")
    for line, word in (
        (f"{'0' * 16},0,{image},{old},", "digest.*line 3"),
        (f"{digest},5,{image},{old},", "hash.*line 3"),  # as the index of another split would be
        (f"{digest},0,{image},{(int(old) + 1) % 10},", "old.*line 3"),
        (f"{digest},3500,{image},{old},", "index"),
        (second, "twice"),
        (f"{digest},0,{image},{old},A", "a character"),
        (f"{digest},0,{image},{old}", "columns"),
    ):
        path.write_text("\n".join((head, second, line)))
        with pytest.raises(ParameterError, match=f"labels.csv.*{word}"):
            choice.resolve(DataChoice(relabel=str(path)), tmp_path / "run")
    with pytest.raises(ParameterError, match="relabel"):
        choice.resolve(DataChoice(relabel="nowhere.csv"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
