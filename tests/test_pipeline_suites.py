"""Suites: the table over the seeds, and what of a suite is published for git."""

import csv

import made_runs
import numpy as np
import pytest
from made_runs import make

from hcr import runs
from hcr.errors import ParameterError, RunError
from hcr.pipeline import publish, suites
from hcr.pipeline.runner import Outcome


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "results", lambda: tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def suite():
    """Two finished runs of a suite and one that isn't."""
    folder = runs.outputs() / "five"
    make(folder / "net-s0", model="hcr_net", validation=0.9, wrong=10, size=1_234_567)
    make(folder / "small-s0", model="hcr_small", validation=0.8, wrong=40, seconds=3000)
    make(folder / "half-s0", status="interrupted")
    make(folder / "compare", kind=runs.COMPARISON)
    return folder


def test_the_suites_table_ends_in_means_and_spreads_over_the_seeds(tmp_path):
    outcomes = []
    for seed, wrong in ((0, 20), (1, 40)):
        folder = make(tmp_path / f"net-s{seed}", wrong=wrong)
        record = runs.read(folder)
        outcomes.append(Outcome(f"two/net-s{seed}", 0, folder=folder, record=record))
    outcomes.append(Outcome("two/failed-s0", 1, folder=tmp_path / "failed"))
    text = suites.write_summary("two", outcomes)
    with (runs.outputs() / "two" / "two.csv").open() as file:
        rows = {row["run"]: row for row in csv.DictReader(file)}
    assert rows["two/failed-s0"]["status"] == "failed"
    assert float(rows["two/net (mean of 2 seeds)"]["accuracy"]) == pytest.approx(0.925)
    spread = float(rows["two/net (standard deviation of 2 seeds)"]["accuracy"])
    assert spread == pytest.approx(0.05 / 2**0.5)
    assert "two/net (mean of 2 seeds)" in text


def test_four_small_files_of_each_finished_run_suffice(suite, results, monkeypatch):
    assert publish.publish("five") == ["five/net-s0", "five/small-s0"]
    names = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    assert names == {"five/results.md"} | {
        f"five/{run}/{file}"
        for run in ("net-s0", "small-s0")
        for file in ("run.json", "metrics.json", "history.csv", "predictions.npz")
    }
    record = runs.read(results / "five" / "net-s0")
    # What a reader needs, and nothing of this machine.
    assert record["hardware"] == made_runs.MACHINE | {"system": "Linux-6.1.0"}
    assert set(record["stages"]["03_train"]) == {"status", "parameters", "headline", "seconds"}
    kept = {"commit", "command", "seed", "versions", "data", "test_openings", "seconds", "finished"}
    assert kept <= set(record)
    with np.load(results / "five/net-s0/predictions.npz") as new:
        assert {new[key].dtype for key in new.files} == {np.dtype(np.uint8)}
        with np.load(suite / "net-s0" / "predictions.npz") as old:
            assert all((new[key] == old[key]).all() for key in new.files)
    table = (results / "five" / "results.md").read_text()
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert "`hcr_net`" in rows[1]
    assert "97.5 %" in rows[1]
    assert "1,234,567" in rows[1]
    assert "50 min" in rows[2]
    assert "n = 400" in table
    # Published from another machine, what was there before stays.
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    monkeypatch.setattr(runs, "outputs", lambda: results.parent / "elsewhere")
    assert publish.publish("five") == []
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"command": "uv run run_all.py /mine/x.yaml"}, "/mine/x.yaml"),
        ({"given": {"path": "~/own"}}, "~/own"),
        ({"given": {"path": "C:\\own"}}, "C:"),
        ({"versions": {"/opt/python": "3"}}, "/opt/python"),
    ],
)
def test_a_path_of_this_machine_is_not_published(suite, results, change, word):
    make(suite / "own-s0", **change)
    with pytest.raises(RunError) as caught:
        publish.publish("five")
    assert word in str(caught.value)
    assert not (results / "five" / "own-s0" / "run.json").exists()


def test_a_suite_that_is_none_is_refused(suite):
    for name in ("four", "five/net-s0"):
        with pytest.raises((ParameterError, RunError), match=name):
            publish.publish(name)


def test_the_readme_takes_the_table_and_keeps_the_rest(suite, results, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n\n<!-- results -->\n| old |\n<!-- /results -->\n\nMore.\n")
    assert publish.main(["five"]) == 0
    assert "five/net-s0" in capsys.readouterr().out
    publish.write_readme("five", readme)
    text = readme.read_text()
    assert text.startswith("# Title\n\n<!-- results -->\n<!-- made by: ")
    assert text.endswith("<!-- /results -->\n\nMore.\n")
    assert (results / "five" / "results.md").read_text() in text
    readme.write_text("no marks")
    with pytest.raises(RunError, match="results"):
        publish.write_readme("five", readme)
