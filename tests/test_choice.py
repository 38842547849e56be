"""The choice of data: resolved once, described in `data.json`, the same for every stage."""

import json

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
