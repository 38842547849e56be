"""The runner on five tiny notebooks: real papermill, real kernels, real kills."""

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import tiny_project
from conftest import PROJECT, run_all, start, wait_for
from filelock import FileLock

from hcr import runs
from hcr.datasets import drawings_file
from hcr.pipeline import fingerprints, kernel
from hcr.pipeline.stages import STAGES, load_stages, selected
from hcr.runs import files

pytestmark = pytest.mark.slow


def ran(text: str) -> list[str]:
    """The stages that were executed, by the log."""
    return re.findall(r"\] (\w+): running", text)


@pytest.fixture
def outputs(tmp_path) -> Path:
    return tmp_path / "outputs"


def test_only_what_changed_runs_again(tiny, command, outputs):
    def again(*arguments: str) -> list[str]:
        done = command(*arguments)
        assert done.code == 0, done.text
        return ran(done.out)

    assert again() == list(STAGES)
    folder = outputs / "quick"
    made = runs.read(folder)
    assert (made["status"], made["command"]) == ("done", "uv run run_all.py params/quick.yaml")
    assert list(json.loads((folder / "metrics.json").read_text())) == list(STAGES)
    for stage in STAGES:
        assert str(tiny) not in (folder / f"{stage}.ipynb").read_text()
        assert f"Tiny {stage}" in (folder / f"{stage}.html").read_text()
        digests = made["stages"][stage]["outputs"].values()
        assert all(x in (folder / f"{stage}.html").read_text() for x in (made["command"], *digests))
    # Nothing that was written aside is left.
    assert not [path for path in folder.rglob(".*") if "lock" not in path.name]
    assert again() == []
    # A command that makes nothing does not pass itself off as the one that did.
    for key in made.keys() - {"stages", "seal"}:
        assert runs.read(folder)[key] == made[key]
    tiny_project.write_notebook(tiny, "04_evaluate", prose="Other prose.")
    assert again() == ["04_evaluate"]
    # The plan's content is another one, so training runs, and all that reads its files.
    cap = ("-p", "02_balance.strategy=cap")
    assert again(*cap) == ["02_balance", "03_train", "04_evaluate", "05_draw"]
    (folder / "predictions.npz").unlink()
    assert again(*cap) == ["04_evaluate"]
    assert again(*cap, "--force", "--only", "05_draw") == ["05_draw"]
    # Results that do not belong together are not done.
    assert again(*cap, "--to", "01_eda", "-p", "shared.seed=1") == ["01_eda"]
    record = runs.read(folder)
    assert record["status"] == "partial"
    assert not record["stale"]["04_evaluate"]["same"]  # it evaluated other data
    assert 'href="quick/index.html"' in (outputs / "index.html").read_text()


def test_after_an_update_accepted_results_stay(tiny, command, outputs, monkeypatch):
    package = tiny / "changed"
    shutil.copytree(PROJECT / "hcr", package)
    monkeypatch.setattr(files, "PACKAGE", package)

    def again(*arguments: str, change: str = "") -> str:
        if change:
            with (package / change).open("a") as file:
                file.write("\n# changed\n")
        files.code_digest.cache_clear()
        done = command(*arguments, "--only", "01_eda")
        assert done.code == 0, done.text
        return done.out

    def stage() -> dict:
        return runs.read(outputs / "quick")["stages"]["01_eda"]

    assert ran(again()) == ["01_eda"]
    before = stage()
    # How a figure looks changes no result: pages are made again, and nothing runs.
    assert ran(again(change="plots/__init__.py")) == []
    assert stage()["look"] != before["look"]
    assert ran(again("--accept-code", change="runs/files.py")) == []
    assert stage()["finished"] == before["finished"]
    assert [each["why"] for each in stage()["accepted"]] == ["the code that it runs changed"]
    assert ran(again()) == []
    assert "code that it runs changed" in again(change="errors.py")
    # Other parameters are not accepted.
    tiny_project.write_notebook(tiny, "01_eda", prose="Other prose.")
    assert ran(again("--accept-code", "-p", "shared.seed=1")) == ["01_eda"]
    files.code_digest.cache_clear()


def test_what_cannot_be_believed_is_quarantined_and_its_stage_runs_again(tiny, command, outputs):
    def again() -> str:
        done = command("--only", "01_eda")
        assert done.code == 0, done.text
        return done.out

    again()
    folder = outputs / "quick"
    opening = {"stage": "04_evaluate", "dataset": "x", "n": 3, "digest": "d", "when": runs.now()}
    wrong = {"stages": {"01_eda": {"status": []}}, "test_openings": [opening, {"n": 1}]}
    wrong["seal"] = "a"
    for name, content in {"run.json": json.dumps(wrong), "metrics.json": "[]"}.items():
        (folder / name).write_text(content)
        text = again()
        assert ran(text) == ["01_eda"], name
        aside = name.replace(".", ".quarantined-1.")
        assert aside in text
        assert (folder / aside).read_text() == content
        # Openings of the test split stay on the record.
        assert runs.read(folder)["test_openings"] == [opening]
    (folder / "01_eda.ipynb").write_text('{"cells": [{}]}')
    assert ran(again()) == ["01_eda"]
    assert ran(again()) == []


def test_figures_of_an_earlier_notebook_do_not_linger(tiny, command, outputs):
    def draw(name: str) -> None:
        code = (
            "from hcr.runs import files\n"
            f'file = "figures/01_{name}.svg"\nfiles.write_text(out.path(file), "<svg/>")\n'
            'out.append("figures", {"file": file, "caption": "c"}, same="file")'
        )
        tiny_project.write_notebook(tiny, "01_eda", code)
        assert command("--only", "01_eda").code == 0

    draw("first")
    other = outputs / "quick" / "figures" / "02_other.svg"
    other.write_text("<svg/>")
    draw("second")
    assert {path.name for path in other.parent.iterdir()} == {"01_second.svg", "02_other.svg"}


def test_a_failed_notebook_stops_its_run_and_shows_where(tiny, command, outputs):
    warning = 'out.append("warnings", {"text": "Images look\\n inverted."}, same="text")'
    code = f"# Why\n{warning}\nvalue = 1\nprint(value / 0)"
    tiny_project.write_notebook(tiny, "02_balance", code, prose="See below.\n\n### The division")
    (tiny / "params" / "other.yaml").write_text("run: other\n")
    done = command("params/quick.yaml", "params/other.yaml", "--from", "02_balance")
    assert done.code == 1
    # Another run is not stopped by it.
    assert ran(done.out) == ["02_balance"] * 2
    assert "2 of 2 runs failed: quick, other" in done.out
    assert "warning: Images look inverted.\n" in done.out
    lines = done.err.strip().splitlines()
    assert "02_balance failed under “The division”" in lines[0]
    assert "print(value / 0)" in lines[1]
    assert "ZeroDivisionError: division by zero" in lines[2]
    page = outputs / "other" / "02_balance.html"
    assert lines[-1] == str(page)
    assert "ZeroDivisionError" in page.read_text()
    executed = nbformat.read(outputs / "quick" / "02_balance.ipynb", as_version=4)
    assert any(o.output_type == "error" for c in executed.cells for o in c.get("outputs", []))
    record = runs.read(outputs / "quick")
    statuses = [record["stages"][stage]["status"] for stage in ("02_balance", "03_train")]
    assert (record["status"], statuses) == ("failed", ["failed", "waiting"])
    # A stage that does not write what it says has failed, too; mended, the run goes on.
    tiny_project.write_notebook(tiny, "02_balance", "pass")
    assert "writes balance.npz, and did not" in command("--only", "02_balance").err
    tiny_project.write_notebook(tiny, "02_balance")
    assert ran(command("--only", "02_balance").out) == ["02_balance"]


def test_defaults_that_differ_from_the_commit_are_named(tiny, command, outputs):
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "--quiet"], ["add", "notebooks"], ["commit", "--quiet", "-m", "1"]):
        subprocess.run([*git, *words], check=True)
    path = tiny / "notebooks" / "01_eda.ipynb"
    path.write_text(path.read_text().replace("seed: int = 0", "seed: int = 7"))
    assert "last commit" not in command("--check").out  # the seed is the params file's
    (tiny / "params" / "quick.yaml").write_text("run: quick\n")
    done = command("--only", "01_eda")
    assert "seed=7, the last commit 0" in done.out.splitlines()[0]
    assert "seed=7, the last commit 0" in (outputs / "quick" / "index.html").read_text()


def test_a_terminal_without_a_sign_fails_no_run(tiny, outputs):
    (tiny / "params" / "größe.yaml").write_text("run: size\n")
    command = ("params/größe.yaml", "--check")
    done = run_all(*command, outputs=outputs, cwd=tiny, PYTHONIOENCODING="ascii")
    assert done.code == 0, done.text
    assert "gr??e" in done.out


def test_what_cannot_start_leaves_the_run_as_it_was(tiny, command, outputs):
    assert command("--only", "02_balance").code == 0
    before = {path: path.read_bytes() for path in outputs.rglob("*") if path.is_file()}
    done = command("--only", "04_evaluate")
    assert (done.code, done.err.count("\n"), ran(done.out)) == (1, 1, [])
    assert "04_evaluate reads model.tflite" in done.err
    assert {path: path.read_bytes() for path in before} == before
    assert command("--only", "03_train", "--run", "fresh").code == 1
    assert not (outputs / "fresh" / "run.json").exists()


def test_a_suite_runs_each_seed_compares_and_takes_what_is_published(
    tiny, command, outputs, monkeypatch
):
    def suite(*arguments: str) -> str:
        done = command("params/both.yaml", *arguments)
        assert done.code == 0, done.text
        return done.out

    text = "suite: both\nruns: [quick]\nseeds: [3]\nshared: {strategy: cap}\nthen: 06_compare\n"
    (tiny / "params" / "both.yaml").write_text(text)
    assert "both/compare: skipped, no run of both is finished" in suite("--to", "02_balance")
    record = runs.read(outputs / "both" / "quick-s3")
    assert record["status"] == "partial"
    assert record["stages"]["02_balance"]["parameters"] == {"seed": 3, "strategy": "cap"}
    # Finished, and compared on a page, which reads the runs and leaves them alone.
    assert ran(suite("-p", "06_compare.published=false"))[-1] == "06_compare"
    assert compared(outputs / "both" / "compare") == "compares both/quick-s3\n"
    files = (outputs / "both").rglob("*")
    before = {path: path.read_bytes() for path in files if path.is_file()}
    done = command("--compare", "both")
    assert done.code == 0, done.text
    page = outputs / "compare" / "06_compare.html"
    assert done.out.splitlines()[-1] == f"compare: done, open {page}"
    record = runs.read(outputs / "compare")
    assert (record["kind"], record["status"]) == ("comparison", "done")
    assert record["command"] == "uv run run_all.py --compare both"
    # Nothing leads to a front page, because there is none.
    assert not (outputs / "compare" / "index.html").exists()
    assert "index.html" not in page.read_text()
    assert {path: path.read_bytes() for path in before} == before
    assert command("--compare", "compare").code == 2
    # What is published is not run again; with other parameters it is another run.
    shutil.copytree(outputs / "both", tiny / "docs" / "results" / "both")
    monkeypatch.setenv("HCR_OUTPUTS", str(outputs.parent / "elsewhere"))
    again = suite("--to", "01_eda")
    assert "both/quick-s3: finished before" in again
    assert ran(again) == ["06_compare"]
    assert ran(suite("-p", "03_train.epochs=3", "--to", "01_eda")) == ["01_eda"]


def compared(folder: Path) -> str:
    """What the tiny 06_compare printed."""
    cells = nbformat.read(folder / "06_compare.ipynb", as_version=4).cells
    return "".join(each.text for cell in cells for each in cell.get("outputs", []))


def test_a_run_is_verified_or_the_first_difference_is_named_with_its_cause(tiny, command, outputs):
    text = "suite: both\nruns: [quick]\nseeds: [3]\nshared: {strategy: cap}\n"
    (tiny / "params" / "both.yaml").write_text(text)
    done = command("params/both.yaml", "--to", "03_train", "-p", "03_train.epochs=3")
    assert done.code == 0, done.text
    before = {path: path.read_bytes() for path in outputs.rglob("*") if path.is_file()}
    done = command("--verify", "both/quick-s3")
    assert (done.code, "identical" in done.out) == (0, True), done.text
    code = tiny_project.STAGES["02_balance"][3].replace("{seed}", "{seed + 1}")
    tiny_project.write_notebook(tiny, "02_balance", code)
    done = command("--verify", "both/quick-s3")
    assert done.code == 1
    assert "02_balance differs: balance.npz" in done.out
    assert "notebook was" in done.out
    assert {path: path.read_bytes() for path in before} == before
    runs.update(outputs / "both" / "quick-s3", lambda record: record.update(params_file="by hand"))
    for name in ("both/quick-s3", "both/quick"):
        done = command("--verify", name)
        assert (done.code, done.err.count("\n"), name in done.err) == (2, 1, True), done.text


def test_a_second_runner_on_the_same_run_is_refused(tiny, command, outputs):
    (outputs / "quick").mkdir(parents=True)
    with FileLock(outputs / "quick" / ".lock"):
        done = command()
    assert done.code == 1
    assert "another run_all.py" in done.err


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=30)
    return not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_from_outside_ends_the_kernels_and_the_run_goes_on(tiny, command, outputs, number):
    files.write_text(outputs / "quick" / "balance.npz", "plan")
    alone = ("--only", "03_train", "-p", "03_train.epochs=50")
    process = start(outputs, tiny, *alone, "-p", "03_train.pause=1")
    wait_for(process, "epoch 2/50")
    kernels = psutil.Process(process.pid).children(recursive=True)
    assert kernels
    assert 'class="badge running"' in (outputs / "index.html").read_text()
    process.send_signal(number)
    rest, code = process.stdout.read(), process.wait(60)
    assert "Traceback" not in rest
    assert gone(kernels)
    record = runs.read(outputs / "quick")
    if number == signal.SIGKILL:
        assert record["status"] == "running"
    else:
        assert code == 130
        assert "Go on with the same command" in rest
        assert record["stages"]["03_train"]["status"] == "interrupted"
        assert not (outputs / "quick" / ".executing").exists()
    again = command(*alone)
    assert again.code == 0, again.text
    assert "03_train: running, it was interrupted" in again.out


KERNELS = {
    "broken": "raise ImportError('no ipykernel here')",
    # The first start finds its port in use, as where another program was there first.
    "busy": "import json, pathlib, runpy, socket, sys\n"
    "here = pathlib.Path(__file__).parent\n"
    "if not (here / 'tried').exists():\n"
    "    (here / 'tried').touch()\n"
    "    file = pathlib.Path(sys.argv[sys.argv.index('-f') + 1])\n"
    "    taken = socket.socket()\n"
    "    taken.bind(('127.0.0.1', json.loads(file.read_text())['shell_port']))\n"
    "    taken.listen()\n"
    "sys.path.remove(str(here))\n"
    "runpy.run_module('ipykernel_launcher', run_name='__main__', alter_sys=True)\n",
}


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_that_does_not_start_is_tried_again_and_then_named(
    name, tiny, command, monkeypatch, outputs, tmp_path
):
    (tmp_path / "ipykernel_launcher.py").write_text(KERNELS[name])
    # Whatever kernelspecs there are, the kernel is that of this interpreter.
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text('{"argv": ["/bin/false"], "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = command("--only", "01_eda")
    if name == "busy":
        assert (tmp_path / "tried").exists()
        assert done.code == 0, done.text
    else:
        assert (done.code, done.err.count("\n")) == (1, 1), done.err
        assert "no ipykernel here" in done.err
        assert runs.read(outputs / "quick")["status"] == "failed"


def test_a_kernel_that_dies_keeps_its_notebook_and_what_explains_it(tiny, command, outputs):
    code = "import os, sys\nos.write(2, b'out of luck')\nos._exit(9)"
    tiny_project.write_notebook(tiny, "01_eda", code)
    done = command()
    assert done.code == 1
    error = runs.read(outputs / "quick")["stages"]["01_eda"]["error"]
    assert error["heading"] == "Work"
    assert all(word in error["exception"] for word in ("DeadKernelError", "code 9", "out of luck"))
    assert error["exception"] in done.err
    assert "DeadKernelError" in (outputs / "quick" / "01_eda.html").read_text()


def test_outputs_that_come_late_are_waited_for(tiny, command, monkeypatch):
    # It prints faster than its runner listens: 6 s are left to hear at its end.
    tiny_project.write_notebook(tiny, "01_eda", "for i in range(60): print(i, flush=True)")
    monkeypatch.setattr(kernel.Reporter, "write", lambda self, text: time.sleep(0.1))
    done = command("--only", "01_eda")
    assert done.code == 0, done.text


def test_a_log_has_a_line_an_epoch_with_the_time_left(capsys):
    reporter = kernel.Reporter(["03_train"])
    reporter.begin("03_train", "it has not run yet", "synthetic")
    reporter.cell(3, 9)
    reporter.write("epoch 2/10  loss 0.5  accuracy 0.9  (60.0 s)\nsomething else\n")
    for epoch in range(1, 1000):
        reporter.write(f"epoch {epoch}/1000  loss 0.5  (0.1 s)\n")
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("[1/1] 03_train (synthetic): ") for line in lines)
    assert "cells 3/9" in lines[1]
    assert "about 8:00 min left; epoch 2/10" in lines[1]
    assert len(lines) < 10


def test_a_fingerprint_follows_the_files_that_parameters_name(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(PROJECT)
    stages = load_stages()

    def inputs(stage: str, **parameters) -> dict:
        return fingerprints.fingerprint(stages[stage], parameters, tmp_path)["inputs"]

    model = tmp_path / "model.keras"
    for key in ("start", "teacher"):
        model.write_bytes(b"PK one")
        first = inputs("03_train", **{key: str(model)})
        model.write_bytes(b"PK two")
        assert first != inputs("03_train", **{key: str(model)}) != {}
    before = inputs("04_evaluate", drawings="own")
    drawings_file.append("7", [[(0, 0), (9, 0), (3, 30)]])
    assert inputs("04_evaluate", drawings="own") != before == {}
    assert inputs("04_evaluate", drawings="none") == {}
    code = tmp_path / "networks.py"
    monkeypatch.syspath_prepend(tmp_path)
    digests = set()
    for text in ("one = 1", "raise RuntimeError('never imported')"):
        code.write_text(text)
        given = {"model": "networks:one"}
        digests.add(fingerprints.fingerprint(stages["03_train"], given, tmp_path)["code"])
    assert len(digests) == 2


def test_the_real_notebooks_pass_files_on(monkeypatch):
    monkeypatch.chdir(PROJECT)
    written: set[str] = set()
    for name, stage in load_stages().items():
        # The choice of data is resolved before the first stage.
        assert set(stage.reads) - {"data.json"} <= written | {"learned.npz"}, name
        assert "metrics.json" in stage.writes
        written |= set(stage.writes)
    assert selected("02_balance", "04_evaluate", None) == ("02_balance", "03_train", "04_evaluate")


def test_outputs_that_cannot_be_written_are_one_clear_line(tiny, command, monkeypatch, tmp_path):
    (tmp_path / "blocked").write_text("a file, no folder")
    monkeypatch.setenv("HCR_OUTPUTS", str(tmp_path / "blocked"))
    done = command()
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "Cannot write" in done.err
