"""Publishing: what goes into git, what must not, and a README that equals what it was made from."""

import json
import shutil

import made_runs
import numpy as np
import pytest
from conftest import PROJECT
from made_runs import make

from hcr import pipeline, runs
from hcr.errors import ParameterError, RunError
from hcr.evaluation import compare_frames as frames
from hcr.evaluation import compare_old as comparison
from hcr.pipeline import publishing
from hcr.runs import files

README = "# Title\n\n<!-- results -->\n| old |\n<!-- /results -->\n\nMore.\n"


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


@pytest.fixture
def readme(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(README)
    return path


def test_four_small_files_of_each_finished_run_are_published(suite, results):
    assert publishing.publish("five") == ["five/net-s0", "five/small-s0"]
    names = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    files_of = ("run.json", "metrics.json", "history.csv", "predictions.npz")
    runs_of = ("net-s0", "small-s0")
    assert names == {f"five/{run}/{file}" for run in runs_of for file in files_of} | {
        "five/results.md"
    }
    for file in ("metrics.json", "history.csv"):
        assert (results / "five/net-s0" / file).read_text() == (suite / "net-s0" / file).read_text()
    new, old = (np.load(each / "net-s0" / "predictions.npz") for each in (results / "five", suite))
    with new, old:
        assert set(new.files) == {"predicted", "labels"}
        for key in new.files:
            assert new[key].dtype == np.uint8
            assert (new[key] == old[key]).all()
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    publishing.publish("five")
    assert {path: path.read_bytes() for path in before} == before


def test_many_classes_keep_their_numbers(tmp_path):
    assert publishing._small(np.array([0, 255])).dtype == np.uint8
    wide = publishing._small(np.array([0, 256], np.int64))
    assert wide.tolist() == [0, 256]


def test_the_record_says_what_a_reader_needs_and_nothing_of_this_machine(suite, results):
    publishing.publish("five")
    found = json.loads((results / "five/net-s0/run.json").read_text())
    assert found["hardware"] == made_runs.MACHINE | {"system": "Linux-6.1.0"}
    stage = found["stages"]["03_train"]
    assert set(stage) == {"status", "parameters", "headline", "seconds"}
    kept = ("commit", "command", "seed", "versions", "data", "test_openings", "seconds", "finished")
    assert all(key in found for key in kept)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"command": "uv run run_all.py /mine/x.yaml"}, "'/mine/x.yaml'"),
        ({"given": {"path": "/data/own"}}, "run.json.stages.03_train.parameters.path"),
        ({"given": {"path": "~/own"}}, "'~/own'"),
        ({"given": {"path": "C:\\own"}}, "03_train.parameters.path"),
        ({"data": {"title": "at (/srv/own)"}}, "run.json.data.title"),
        ({"versions": {"/opt/python": "3"}}, "a key"),
    ],
)
def test_a_path_of_this_machine_is_not_published(suite, results, change, words):
    make(suite / "own-s0", model="own", **change)
    with pytest.raises(RunError, match="must name no path of this machine") as caught:
        publishing.publish("five")
    assert words in str(caught.value)
    assert not (results / "five" / "own-s0").exists()


def test_a_run_that_another_model_read_is_not_published(suite, results):
    record = files.read_json(suite / "net-s0" / "run.json")
    record["stages"]["04_evaluate"]["parameters"]["reader"] = "emnist"
    files.write_json(suite / "net-s0" / "run.json", record)
    with pytest.raises(RunError, match="must be whole runs.*five/net-s0.*'emnist'"):
        publishing.publish("five")
    assert not results.exists()


def test_what_only_looks_like_a_path_is_published(suite):
    text = "https://example.org/a/b, doi:10.1109/5.726791, and/or, 3 km/h, params/x.yaml, </a>"
    make(suite / "own-s0", model="own", data={"citation": text}, given={"path": "my/pictures"})
    assert "five/own-s0" in publishing.publish("five")


def test_a_suite_that_is_none_is_refused(suite):
    with pytest.raises(ParameterError, match=r"'six'.*uv run run_all.py params/six.yaml"):
        publishing.publish("six")
    with pytest.raises(RunError, match="name"):
        publishing.publish("../five")


def test_what_is_published_suffices(suite, results):
    publishing.publish("five")
    shutil.rmtree(runs.outputs())
    found = comparison.find(["five"])
    assert list(found) == ["five/net-s0", "five/small-s0"]
    members, problems = comparison.read(found)
    assert problems == {}
    (group,) = comparison.gather(members)
    assert [each.label for each in group.recipes] == ["net", "small"]
    parameters = {name: entry["parameters"] for name, entry in members[0].record["stages"].items()}
    same = {"parameters": parameters, "stages": {}, "chosen": (), "command": "", "params_file": ""}
    outcome = pipeline.published(pipeline.RunPlan("five/net-s0", **same))
    assert outcome.record["status"] == "done"
    # What another machine has published stays in the table.
    make(runs.outputs() / "five" / "third-s0", model="third", validation=0.7)
    assert publishing.publish("five") == ["five/third-s0"]
    assert "`net`" in (results / "five" / "results.md").read_text()


def test_the_table_has_what_a_published_figure_needs(suite, results):
    publishing.publish("five")
    text = (results / "five" / "results.md").read_text()
    lines = text.splitlines()
    assert lines[0] == (
        "|  | run | network | accuracy | class-balanced accuracy | training | parameters | "
        "multiply-adds |"
    )
    (group,) = comparison.gather(comparison.read(comparison.find(["five"]))[0])
    test = frames.interval(group.recipes[0].figures["test"]).replace(frames.NBSP, " ")
    test = test.replace(" (", " % (")
    assert lines[2] == (
        f"| 1 | `net` | `hcr_net` | 97.5 % (95.5 to 98.6) | {test} | 30 s | 1,234,567 | 98.8 M |"
    )
    assert lines[3].startswith("| 2 | `small` | `hcr_small` |")
    assert "| 50 min |" in lines[3]
    notes = " ".join(lines[4:])
    for words in (
        "n = 400 test pictures", "Ranked by class-balanced accuracy on 500 validation pictures",
        "One seed each, 95 % intervals", "other jobs on the machine lengthen them",
        "by `uv run run_all.py`, on AMD EPYC, 2 cores, 23.5 GiB, 2026-01-02, commit 0123456789.",
        "opened the test split 2 times",
        "McNemar's test: 1 pair, of which 1 is told apart", "docs/results/five/",
    ):  # fmt: skip
        assert words in notes
    assert max(map(len, lines[4:])) <= 105
    assert "seeds" not in lines[0]
    assert "machine" not in lines[0]
    assert "Without the training of" not in text


def test_a_run_that_builds_on_others_says_so_at_its_time(suite, results):
    """Beside what it learned from nothing, the time of one that was taught is not its price."""
    make(suite / "taught-s0", model="hcr_net", given={"teacher": "outputs/net, outputs/pen"})
    make(suite / "mine-s0", model="hcr_net", given={"start": "emnist"}, validation=0.7)
    publishing.publish("five")
    text = (results / "five" / "results.md").read_text()
    rows = {line.split("|")[2].strip(" `"): line for line in text.splitlines() if "`hcr_" in line}
    assert {name: r" \* |" in line for name, line in rows.items()} == {
        "net": False, "taught": True, "mine": True, "small": False,
    }  # fmt: skip
    told = r" \* Without the training of what it builds on: taught on net and pen; mine on emnist."
    assert told in " ".join(text.splitlines())


def test_a_command_is_on_one_line(suite, results):
    command = f"uv run run_all.py params/{'five_' * 9}.yaml"
    for name in ("net-s0", "small-s0"):
        record = files.read_json(suite / name / "run.json")
        files.write_json(suite / name / "run.json", record | {"command": command})
    publishing.publish("five")
    lines = (results / "five" / "results.md").read_text().splitlines()
    assert any(f"`{command}`" in line for line in lines)


def test_seeds_machines_and_changed_trees_show_in_the_table(suite, results):
    make(suite / "net-s1", model="hcr_net", validation=0.92, wrong=14, seed=1, dirty=True,
         finished="2026-02-03T00:00:00+00:00")  # fmt: skip
    make(suite / "big-s0", model="big", validation=0.7, hardware=made_runs.OTHER)
    publishing.publish("five")
    text = (results / "five" / "results.md").read_text()
    lines = text.splitlines()
    assert lines[0].startswith("|  | run | network | seeds | accuracy |")
    assert lines[0].endswith("| multiply-adds | machine |")
    assert "| `net` | `hcr_net` | 2 |" in lines[2]
    (group,) = comparison.gather(comparison.read(comparison.find(["five"]))[0])
    net = group.recipes[0].figures["test"]
    row = dict(zip(lines[0].split("|"), lines[2].split("|"), strict=True))
    assert row[" class-balanced accuracy "].startswith(f" {100 * net.value:.1f} % (")
    assert row[" spread "] == f" {100 * net.spread:.2f} "
    assert net.spread > 0
    assert dict(zip(lines[0].split("|"), lines[3].split("|"), strict=True))[" spread "] == " – "
    assert "Xeon" in lines[4]
    said = " ".join(lines)
    assert "2026-01-02 to 2026-02-03, commits 0123456789, 0123456789+ (a plus: the tree" in said
    assert "those of the test split hold other seeds, too." in " ".join(lines)
    assert "One seed each" not in text


def test_other_test_pictures_get_a_table_of_their_own(suite, results):
    make(suite / "odd-s0", model="odd", test_digest="99" * 32)
    publishing.publish("five")
    text = (results / "five" / "results.md").read_text()
    assert text.count("|---") == 0
    assert text.count("| --- | --- |") > 0
    assert text.count("| 1 |") == 2
    assert "Not ranked against each other" in text


def test_the_readme_takes_the_table_and_keeps_the_rest(suite, results, readme):
    assert publishing.outdated(readme) == []
    publishing.publish("five")
    (line,) = publishing.outdated(readme)
    assert "made from no published suite" in line
    publishing.write_readme("five", readme)
    text = readme.read_text()
    table = (results / "five" / "results.md").read_text()
    made = "<!-- made by: uv run python -m hcr publish five --readme -->\n"
    assert text == README.replace("| old |\n", made + table)
    assert publishing.outdated(readme) == []
    publishing.write_readme("five", readme)
    assert readme.read_text() == text


def test_a_readme_that_is_not_what_it_was_made_from_is_found(suite, results, readme):
    publishing.publish("five")
    publishing.write_readme("five", readme)
    readme.write_text(readme.read_text().replace("97.5 %", "98.5 %"))
    (line,) = publishing.outdated(readme)
    assert "is not what it was made from" in line
    assert "hcr.pipeline.publishing five --readme" in line
    publishing.write_readme("five", readme)
    # A figure that was changed beside the table shows too.
    path = results / "five" / "net-s0" / "metrics.json"
    found = files.read_json(path)
    found["04_evaluate"]["balanced_accuracy"] = 0.95
    files.write_json(path, found)
    (line,) = publishing.outdated(readme)
    assert "is not the table of the runs beside it" in line
    shutil.rmtree(results)
    (line,) = publishing.outdated(readme)
    assert "which is missing" in line


def test_a_readme_without_marks_is_refused(suite, readme):
    publishing.publish("five")
    readme.write_text("# Title\n")
    with pytest.raises(RunError, match="between the lines <!-- results -->"):
        publishing.write_readme("five", readme)


def test_the_command_says_what_it_did(suite, results, readme, monkeypatch, capsys):
    monkeypatch.setattr("hcr.runs.environment.root", lambda: readme.parent)
    assert publishing.main(["five", "--readme"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said] == [
        "five/net-s0", "five/small-s0", "five", "README.md",
    ]  # fmt: skip
    assert "hcr.pipeline.publishing five" in readme.read_text()
    assert publishing.main(["six"]) == 1
    assert "'six'" in capsys.readouterr().err
    for wrong in ([], ["--readme"], ["five", "six"], ["--help"]):
        assert publishing.main(wrong) == 2
        assert "Usage" in capsys.readouterr().err


def test_this_readme_and_what_is_published_here_are_what_they_were_made_from(monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(PROJECT)
    assert publishing.outdated(PROJECT / "README.md") == []
