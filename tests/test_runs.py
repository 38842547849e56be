"""Runs: where a notebook writes and reads, by hand and under the runner, and what is recorded."""

import json
import os
import subprocess
from multiprocessing import get_context
from pathlib import Path

import pytest

from hcr import runs
from hcr.errors import ParameterError, RunError
from hcr.runs import environment, files


def make_run(name: str, finished: str, status: str = "done", **parameters) -> Path:
    """A run's folder with a plan and a model, whose stages had `parameters`."""
    folder = environment.outputs_folder() / name
    stages = {stage: {"parameters": parameters} for stage in ("02_balance", "03_train")}
    record = {"schema": 1, "run": name, "status": status, "finished": finished, "stages": stages}
    files.write_json(folder / "run.json", record)
    for file in ("balance.npz", "model.tflite"):
        files.write_text(folder / file, name)
    return folder


def test_under_the_runner_a_notebook_writes_to_its_run(tmp_path, monkeypatch, capsys):
    for name in ("quick", "five/net-s0"):
        monkeypatch.setenv("HCR_RUN", name)
        run = runs.open(name, "01_eda")
        assert (run.name, run.stage, run.number, run.by_hand) == (name, "01_eda", "01", False)
        assert run.folder == tmp_path / "outputs" / name
        assert run.path("figures/a.svg") == run.folder / "figures" / "a.svg"
    assert capsys.readouterr().out == ""
    run.record(headline=[1])
    # What the runner wrote of the run is not touched.
    assert runs.read(run.folder)["stages"] == {"01_eda": {"headline": [1]}}
    assert runs.open("lab", "01_eda").by_hand


def test_by_hand_a_notebook_writes_to_the_lab_and_says_so(tmp_path, capsys):
    with pytest.raises(RunError, match="save_as"):
        runs.open("quick", "01_eda")
    assert not (tmp_path / "outputs").exists()
    run = runs.open("lab", "01_eda")
    assert (run.name, run.by_hand, run.folder) == ("lab", True, tmp_path / "outputs" / "lab")
    assert capsys.readouterr().out == f"Opened by hand: writing to {run.folder}.\n"
    record = runs.read(run.folder)
    assert record["run"] == "lab"
    assert record["versions"]["python"]
    assert record["hardware"]["cores"] >= 1


# Windows has devices of two of these names, and drops the last dot.
ELSEWHERE = ("", "..", "a/../b", "/x", "a b", "a\n", "-x", ".x", "é", "x" * 101, "nul.txt", "a.")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_name_that_leads_elsewhere_is_refused(name, monkeypatch, tmp_path):
    monkeypatch.setenv("HCR_RUN", name)
    with pytest.raises(RunError, match="name"):
        runs.open(name, "01_eda")
    assert os.listdir(tmp_path) == []
    assert runs.check_name("A.b-c_9") == "A.b-c_9"


def test_by_hand_all_files_come_from_the_newest_finished_run_that_has_them(capsys):
    make_run("older", "2026-01-01T00:00:00+00:00")
    newest = make_run("suite/newer-s0", "2026-01-02T00:00:00+00:00")
    make_run("failed", "2026-01-03T00:00:00+00:00", status="failed")
    partial = make_run("partial", "2026-01-04T00:00:00+00:00")
    (partial / "model.tflite").unlink()
    run = runs.open("lab", "04_evaluate", needs=["balance.npz", "model.tflite"])
    assert run.source == newest
    assert run.input("balance.npz") == newest / "balance.npz"
    assert str(newest) in capsys.readouterr().out
    # The lab's own come first, once all are there.
    files.write_text(run.path("balance.npz"), "lab")
    assert runs.open("lab", "04_evaluate", needs=["balance.npz", "model.tflite"]).source == newest
    files.write_text(run.path("model.tflite"), "lab")
    again = runs.open("lab", "04_evaluate", needs=["balance.npz", "model.tflite"])
    assert again.source == run.folder


def test_by_hand_results_of_other_inputs_than_there_are_now_are_stale():
    files.write_text(runs.outputs() / "lab" / "model.tflite", "first")
    runs.open("lab", "04_evaluate", ["model.tflite"], reads=["model.tflite"]).finish()
    train = runs.open("lab", "03_train", parameters={"seed": 3})
    record = train.finish()
    assert (list(record["stages"]), record["stale"]) == (["03_train", "04_evaluate"], {})
    assert record["seed"] == 3
    files.write_text(train.path("model.tflite"), "second")
    assert list(train.finish()["stale"]) == ["04_evaluate"]


def test_under_the_runner_nothing_is_taken_from_elsewhere(monkeypatch):
    make_run("done", "2026-01-01T00:00:00+00:00")
    monkeypatch.setenv("HCR_RUN", "quick")
    run = runs.open("quick", "03_train", needs=["balance.npz"])
    with pytest.raises(RunError, match="run_all.py"):
        run.input("balance.npz")
    files.write_text(run.path("balance.npz"), "own")
    assert run.input("balance.npz") == run.folder / "balance.npz"


def test_by_hand_without_any_run_one_line_says_what_to_run_first():
    run = runs.open("lab", "04_evaluate", needs=["model.tflite"])
    assert run.source is None
    with pytest.raises(RunError, match="03_train first") as error:
        run.input("model.tflite")
    # A notebook shows that line and no traceback.
    assert error.value._render_traceback_() == [f"RunError: {error.value}"]


def test_the_newest_finished_run_is_found_among_damaged_ones(tmp_path):
    good = make_run("good", "2026-01-01T00:00:00+00:00")
    for name, content in {"cut": '{"status": "do', "list": "[]", "empty": ""}.items():
        files.write_text(tmp_path / "outputs" / name / "run.json", content)
    make_run("running", "2026-01-02T00:00:00+00:00", status="running")
    make_run("odd", None)
    make_run("lab", "2026-01-03T00:00:00+00:00")
    page = make_run("compare", "2026-01-09T00:00:00+00:00")
    files.write_json(page / "run.json", runs.read(page) | {"kind": runs.COMPARISON})
    assert runs.finished() == [good, tmp_path / "outputs" / "odd"]
    assert runs.finished(tmp_path / "outputs" / "nowhere") == []


DAMAGED = ('{"s": "d', "[]", '{"stages": []}', '{"schema": 2}', '{"a": "\\ud800"}', "[" * 100_000)


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_record_is_a_clear_error(tmp_path, monkeypatch, content):
    monkeypatch.setenv("HCR_RUN", "quick")
    run = runs.open("quick", "01_eda")
    for file in ("run.json", "metrics.json"):
        files.write_text(run.path(file), content)
    for act in (lambda: run.record(a=1), lambda: run.metrics({})):
        with pytest.raises(RunError, match="Delete it") as error:
            act()
        assert str(tmp_path) in str(error.value)
    assert run.path("run.json").read_text() == content


def test_a_record_that_was_changed_is_refused_and_one_without_a_seal_is_not(monkeypatch):
    monkeypatch.setenv("HCR_RUN", "quick")
    run = runs.open("quick", "04_evaluate")
    run.test_opened("mnist-sample", 1000, "ab12")
    changed = files.read_json(run.path("run.json")) | {"test_openings": []}
    files.write_json(run.path("run.json"), changed)
    with pytest.raises(RunError, match="as it was written"):
        runs.read(run.folder)
    del changed["seal"]  # as earlier versions wrote it
    files.write_json(run.path("run.json"), changed)
    assert runs.read(run.folder)["test_openings"] == []


def test_what_a_stage_records(monkeypatch):
    monkeypatch.setenv("HCR_RUN", "quick")
    run, other = runs.open("quick", "01_eda"), runs.open("quick", "04_evaluate")
    for file, caption in (("a", "1"), ("b", "2"), ("a", "3")):
        run.append("figures", {"file": file, "caption": caption}, same="file")
    other.record(headline=[])
    run.record_data({"name": "mnist-sample"})
    other.test_opened("mnist-sample", 1000, "ab12")
    record = runs.read(run.folder)
    assert record["stages"] == {
        "01_eda": {"figures": [{"file": "b", "caption": "2"}, {"file": "a", "caption": "3"}]},
        "04_evaluate": {"headline": []},
    }
    assert record["data"] == {"name": "mnist-sample"}
    (opening,) = record["test_openings"]
    del opening["when"]
    expected = {"stage": "04_evaluate", "dataset": "mnist-sample", "n": 1000, "digest": "ab12"}
    assert opening == expected


def test_metrics_are_a_section_a_stage_in_their_order(monkeypatch):
    monkeypatch.setenv("HCR_RUN", "quick")
    run = runs.open("quick", "04_evaluate")
    run.metrics({"old": 1})
    run.metrics({}, clear=True)
    run.metrics({"accuracy": 0.5})
    runs.open("quick", "01_eda").metrics({"classes": 10})
    run.metrics({"n": 1000})
    assert list(json.loads(run.path("metrics.json").read_text()).items()) == [
        ("01_eda", {"classes": 10}),
        ("04_evaluate", {"accuracy": 0.5, "n": 1000}),
    ]
    # By hand a stage starts over.
    for value in (1, 2):
        lab = runs.open("lab", "01_eda")
        lab.metrics({f"k{value}": value})
    assert runs.read_metrics(lab.folder) == {"01_eda": {"k2": 2}}


MANY = 30


def write_often(name: str, together) -> None:
    """What a stage does, many times over; run in a process of its own."""
    together.wait(60)
    run = runs.Run("quick", name, environment.outputs_folder() / "quick", by_hand=False)
    for i in range(MANY):
        run.append("figures", {"file": f"{name}-{i}"}, same="file")
        run.test_opened(name, i, "ab12")
        run.metrics({f"{name}-{i}": i})


def test_two_processes_that_write_at_once_lose_nothing():
    stages = ("01_eda", "02_balance")
    context = get_context("spawn")
    together = context.Barrier(2)
    processes = [context.Process(target=write_often, args=(each, together)) for each in stages]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    folder = environment.outputs_folder() / "quick"
    record, metrics = runs.read(folder), runs.read_metrics(folder)
    for stage in stages:
        assert len(record["stages"][stage]["figures"]) == len(metrics[stage]) == MANY
    assert len(record["test_openings"]) == 2 * MANY


def test_outputs_are_the_projects_wherever_in_it_one_works(tmp_path, monkeypatch):
    project = tmp_path / "project"
    for folder in ("hcr", "notebooks"):
        (project / folder).mkdir(parents=True)
    (project / "run_all.py").touch()
    for folder in (project, project / "notebooks"):
        monkeypatch.chdir(folder)
        assert environment.root() == project
        for value, expected in {
            "": project / "outputs",
            "../mine": tmp_path / "mine",
            str(tmp_path / "far"): tmp_path / "far",
        }.items():
            monkeypatch.setenv("HCR_OUTPUTS", value)
            assert runs.outputs() == expected
    assert runs.shown(project / "outputs" / "x") == os.path.join("outputs", "x")
    monkeypatch.chdir(tmp_path)
    assert environment.root() == Path(environment.__file__).parents[2]


def test_drawings_do_not_lie_among_the_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("HCR_DRAWINGS", str(tmp_path / "outputs" / "mine"))
    with pytest.raises(ParameterError, match="HCR_DRAWINGS"):
        environment.drawings_folder()
    monkeypatch.setenv("HCR_DRAWINGS", str(tmp_path / "mine"))
    assert environment.drawings_folder() == tmp_path / "mine"


def test_the_facts_of_a_run_are_the_commit_versions_and_hardware(tmp_path, monkeypatch):
    (tmp_path / "hcr").mkdir()
    (tmp_path / "run_all.py").touch()
    monkeypatch.chdir(tmp_path)
    facts = environment.facts()
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["commit"], facts["dirty"]) == (None, None)
    assert facts["versions"]["numpy"]
    assert 1 <= facts["hardware"]["cores"] <= (os.cpu_count() or 1)

    for command in (["init", "--quiet"], ["add", "run_all.py"], ["commit", "--quiet", "-m", "1"]):
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *command]
        subprocess.run(git, check=True, capture_output=True)
    for content, dirty in {"": False, "# changed": True}.items():
        (tmp_path / "run_all.py").write_text(content)
        facts = environment.facts()
        assert (len(facts["commit"]), facts["dirty"]) == (40, dirty)


def test_what_native_libraries_print_is_discarded(capfd):
    os.write(2, b"before ")
    with environment.quiet_stderr():
        os.write(2, b"chatter")
    os.write(2, b"after")
    assert capfd.readouterr().err == "before after"
