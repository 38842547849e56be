"""What of a suite is published for git, by `benchmarks/publish.py`."""

import sys

import made_runs
import numpy as np
import pytest
from conftest import PROJECT
from made_runs import make

from hcr import runs
from hcr.errors import RunError

sys.path.insert(0, str(PROJECT / "benchmarks"))
import publish

pytestmark = pytest.mark.usefixtures("results")


@pytest.fixture
def suite():
    """Two finished runs of a suite and one that isn't."""
    folder = runs.outputs() / "five"
    make(folder / "net-s0", model="hcr_net", validation=0.9, wrong=10, size=1_234_567)
    make(folder / "small-s0", model="hcr_small", validation=0.8, wrong=40, seconds=3000)
    make(folder / "half-s0", status="interrupted")
    make(folder / "compare", kind=runs.COMPARISON)
    return folder


def test_four_small_files_of_each_finished_run_suffice(suite, results):
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
    assert all(word in rows[1] for word in ("`hcr_net`", "97.5 %", "1,234,567"))
    assert "50 min" in rows[2]
    assert "n = 400" in table


@pytest.mark.parametrize("path", ["/mine/x.yaml", "~/own", "C:\\own"])
def test_a_path_of_this_machine_is_not_published(suite, results, path):
    make(suite / "own-s0", given={"path": path})
    with pytest.raises(RunError) as caught:
        publish.publish("five")
    assert path[-4:] in str(caught.value)
    assert not (results / "five" / "own-s0" / "run.json").exists()


def test_the_readme_takes_the_table_and_keeps_the_rest(suite, results, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n\n<!-- results -->\n| old |\n<!-- /results -->\n\nMore.\n")
    publish.publish("five")
    publish.write_readme("five", readme)
    text = readme.read_text()
    assert text.startswith("# Title\n\n<!-- results -->\n<!-- made by: ")
    assert text.endswith("<!-- /results -->\n\nMore.\n")
    assert (results / "five" / "results.md").read_text() in text
