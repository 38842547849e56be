"""The runner on five tiny notebooks: real papermill, real kernels, real kills."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import tiny_project
from conftest import PROJECT, environment, run_all, start, wait_for
from filelock import FileLock

from hcr import pipeline, runs
from hcr.pipeline import STAGES, kernel
from hcr.pipeline.progress import Reporter


def record(outputs: Path, run: str = "quick") -> dict:
    return runs.read(outputs / run)


def ran(text: str) -> list[str]:
    """The stages that were executed, by the log."""
    return re.findall(r"\] (\w+): running", text)


@pytest.fixture
def outputs(tmp_path) -> Path:
    return tmp_path / "runs"


def test_a_kernel_writes_bytecode_even_where_the_shell_forbids_it(tiny, outputs):
    tiny_project.write(tiny, s01_eda="import sys\nassert not sys.dont_write_bytecode")
    done = run_all("--only", "01_eda", outputs=outputs, cwd=tiny, PYTHONDONTWRITEBYTECODE="1")
    assert done.code == 0, done.text


def test_a_run_leaves_what_the_house_lists(tiny, outputs):
    done = run_all(outputs=outputs, cwd=tiny)
    assert done.code == 0, done.text
    assert ran(done.out) == list(STAGES)
    folder = outputs / "quick"
    for stage in STAGES:
        executed = nbformat.read(folder / f"{stage}.ipynb", as_version=4)
        assert all(cell.execution_count for cell in executed.cells if cell.cell_type == "code")
        assert str(tiny) not in (folder / f"{stage}.ipynb").read_text()
        assert f"Tiny {stage}" in (folder / f"{stage}.html").read_text()
    assert (folder / "index.html").is_file()
    found = record(outputs)
    assert found["schema"] == 1
    assert found["status"] == "done"
    assert found["command"] == "uv run run_all.py params/quick.yaml"
    assert {entry["status"] for entry in found["stages"].values()} == {"done"}
    assert all(entry["seconds"] > 0 for entry in found["stages"].values())
    assert found["hardware"]["cores"] >= 1
    assert "tensorflow" in found["versions"]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert list(metrics) == list(STAGES)
    # Nothing that was written aside is left.
    assert not [path for path in folder.rglob(".*") if "lock" not in path.name]


def test_only_what_changed_runs_again(tiny, outputs):
    def again(*arguments: str) -> list[str]:
        done = run_all(*arguments, outputs=outputs, cwd=tiny)
        assert done.code == 0, done.text
        return ran(done.out)

    assert again() == list(STAGES)
    made = record(outputs)
    assert again() == []
    # A command that makes nothing does not pass itself off as the one that did.
    assert {key: value for key, value in record(outputs).items() if key != "stages"} == {
        key: value for key, value in made.items() if key != "stages"
    }
    assert made["seconds"] == pytest.approx(
        sum(stage["seconds"] for stage in made["stages"].values()), abs=0.1
    )
    tiny_project.write_notebook(tiny, "04_evaluate", prose="Other prose.")
    assert again() == ["04_evaluate"]
    # The plan's content is another one, so training runs, and all that reads its files.
    assert again("-p", "02_balance.strategy=cap") == [
        "02_balance", "03_train", "04_evaluate", "05_draw",
    ]  # fmt: skip
    (outputs / "quick" / "predictions.npz").unlink()
    assert again("-p", "02_balance.strategy=cap") == ["04_evaluate"]
    assert again("-p", "02_balance.strategy=cap", "--force", "--only", "05_draw") == ["05_draw"]


WRONG = {
    "run.json": '{"schema": 1, "stages": {"01_eda": {"status": []}}, "seal": "ab"}',
    "metrics.json": "[]",
    "01_eda.ipynb": '{"cells": [{}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
}


def test_a_record_that_cannot_be_believed_is_put_aside_and_its_stage_runs_again(tiny, outputs):
    def again() -> str:
        done = run_all("--only", "01_eda", outputs=outputs, cwd=tiny)
        assert done.code == 0, done.text
        assert "Traceback" not in done.text
        return done.out

    again()
    folder = outputs / "quick"
    for name, content in WRONG.items():
        (folder / name).write_text(content)
        (folder / "01_eda.html").unlink()
        text = again()
        assert ran(text) == ["01_eda"], name
        aside = name.replace(".", ".quarantined-1.")
        assert f"{aside}" in text
        assert (folder / aside).read_text() == content
        assert "Tiny 01_eda" in (folder / "01_eda.html").read_text()
    assert ran(again()) == []


def test_figures_of_an_earlier_notebook_do_not_linger(tiny, outputs):
    def draw(name: str) -> None:
        code = (
            "from hcr import files\n"
            f'file = "figures/01_{name}.svg"\n'
            'files.write_text(out.path(file), "<svg/>")\n'
            'out.append("figures", {"file": file, "caption": "c", "alt": "a"}, same="file")'
        )
        tiny_project.write_notebook(tiny, "01_eda", code)
        assert run_all("--only", "01_eda", outputs=outputs, cwd=tiny).code == 0

    draw("first")
    other = outputs / "quick" / "figures" / "02_other.svg"
    other.write_text("<svg/>")
    draw("second")
    names = {path.name for path in other.parent.iterdir()}
    assert names == {"01_second.svg", "02_other.svg"}
    assert [each["file"] for each in record(outputs)["stages"]["01_eda"]["figures"]] == [
        "figures/01_second.svg"
    ]


def test_a_changed_module_runs_the_stages_that_import_it_again(tiny, outputs):
    # A copy of the package takes the place of the installed one, so that it can be changed.
    (tiny / "hcr").unlink()
    shutil.copytree(PROJECT / "hcr", tiny / "hcr")

    def again() -> str:
        changed = {"outputs": outputs, "cwd": tiny, "PYTHONPATH": str(tiny)}
        done = run_all("--to", "02_balance", **changed)
        assert done.code == 0, done.text
        return done.out

    assert ran(again()) == ["01_eda", "02_balance"]
    # Every stage opens its run, and hcr.runs imports hcr.runs.files.
    with (tiny / "hcr" / "files.py").open("a") as file:
        file.write("\n# changed\n")
    text = again()
    assert ran(text) == ["01_eda", "02_balance"]
    assert "a module that it imports changed" in text
    # No stage of this project draws a plot.
    with (tiny / "hcr" / "plots" / "look.py").open("a") as file:
        file.write("\n# changed\n")
    assert ran(again()) == []


def test_another_run_does_not_touch_the_first(tiny, outputs):
    assert run_all("--to", "02_balance", outputs=outputs, cwd=tiny).code == 0
    before = {path: path.read_bytes() for path in (outputs / "quick").rglob("*") if path.is_file()}
    other = ("--run", "second", "-p", "shared.seed=1", "--to", "02_balance")
    done = run_all(*other, outputs=outputs, cwd=tiny)
    assert done.code == 0, done.text
    assert {path: path.read_bytes() for path in before} == before
    assert record(outputs, "second")["seed"] == 1
    assert "--run second -p shared.seed=1" in record(outputs, "second")["command"]


def test_a_failed_notebook_stops_its_run_and_shows_where(tiny, outputs):
    code = "# Why\nvalue = 1\nprint(value / 0)"
    tiny_project.write_notebook(tiny, "03_train", code, prose="See below.\n\n### The division")
    done = run_all(outputs=outputs, cwd=tiny)
    assert done.code == 1
    assert ran(done.out) == ["01_eda", "02_balance", "03_train"]
    assert "Traceback" not in done.text
    lines = done.err.strip().splitlines()
    assert "03_train failed under “The division”" in lines[0]
    assert "print(value / 0)" in lines[1]
    assert "ZeroDivisionError: division by zero" in lines[2]
    page = outputs / "quick" / "03_train.html"
    assert lines[-1] == str(page)
    assert "ZeroDivisionError" in page.read_text()
    assert 'href="04_evaluate.html"' not in page.read_text()
    assert 'href="02_balance.html"' in page.read_text()
    executed = nbformat.read(outputs / "quick" / "03_train.ipynb", as_version=4)
    assert any(o.output_type == "error" for c in executed.cells for o in c.get("outputs", []))
    found = record(outputs)
    assert found["status"] == "failed"
    assert found["stages"]["03_train"]["status"] == "failed"
    assert found["stages"]["04_evaluate"]["status"] == "waiting"
    # Mended, the same command goes on where it stopped.
    tiny_project.write_notebook(tiny, "03_train")
    assert ran(run_all(outputs=outputs, cwd=tiny).out) == ["03_train", "04_evaluate", "05_draw"]


def test_a_failed_run_does_not_stop_the_next(tiny, outputs):
    tiny_project.write_notebook(tiny, "01_eda", "1 / seed")
    (tiny / "params" / "other.yaml").write_text("run: other\nshared: {seed: 1}\n")
    files = ("params/quick.yaml", "params/other.yaml")
    done = run_all(*files, "--to", "01_eda", outputs=outputs, cwd=tiny)
    assert done.code == 1
    assert record(outputs, "quick")["status"] == "failed"
    assert record(outputs, "other")["stages"]["01_eda"]["status"] == "done"
    assert "1 of 2 runs failed: quick" in done.out


def test_a_stage_that_does_not_write_what_it_says_has_failed(tiny, outputs):
    tiny_project.write_notebook(tiny, "02_balance", "pass")
    done = run_all("--to", "02_balance", outputs=outputs, cwd=tiny)
    assert done.code == 1
    assert "it says that it writes balance.npz, and did not" in done.err


def test_a_clock_that_is_behind_fails_no_stage_and_hides_none(tiny, outputs):
    # As on a file server, or where the clock is set back while the notebook runs.
    code = (
        "import os\n"
        "put = os.replace\n"
        "def behind(source, target):\n"
        "    put(source, target)\n"
        "    os.utime(target, (10**9, 10**9))\n"
        "os.replace = behind"
    )
    tiny_project.write_notebook(tiny, "01_eda", code)
    done = run_all("--only", "01_eda", outputs=outputs, cwd=tiny)
    assert done.code == 0, done.text
    tiny_project.write_notebook(tiny, "01_eda", "out.metrics = lambda section: None")
    done = run_all("--only", "01_eda", outputs=outputs, cwd=tiny)
    assert done.code == 1
    assert "metrics.json" in done.err


def test_a_terminal_without_a_sign_fails_no_run(tiny, outputs):
    code = 'out.record(headline=[{"label": "Größe", "text": "± 1 ✓"}])'
    tiny_project.write_notebook(tiny, "01_eda", code)
    done = run_all("--only", "01_eda", outputs=outputs, cwd=tiny, PYTHONIOENCODING="ascii")
    assert done.code == 0, done.text
    assert "Gr??e" in done.out


def test_a_stage_alone_needs_what_it_reads(tiny, outputs):
    done = run_all("--only", "04_evaluate", outputs=outputs, cwd=tiny)
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "04_evaluate reads model.tflite, labels.json, which 03_train writes" in done.err
    assert ran(done.out) == []


def test_what_cannot_start_leaves_the_run_as_it_was(tiny, outputs):
    assert run_all("--to", "02_balance", outputs=outputs, cwd=tiny).code == 0
    before = {path: path.read_bytes() for path in outputs.rglob("*") if path.is_file()}
    done = run_all("--only", "04_evaluate", outputs=outputs, cwd=tiny)
    assert done.code == 1
    # The earliest stage that is missing is named at once.
    assert "Run again with --from 03_train" in done.err
    assert {path: path.read_bytes() for path in before} == before
    fresh = run_all("--only", "03_train", "--run", "fresh", outputs=outputs, cwd=tiny)
    assert "Run again with --from 02_balance" in fresh.err
    assert not (outputs / "fresh" / "run.json").exists()
    assert not (outputs / "fresh" / "index.html").exists()


def test_a_run_whose_stages_do_not_belong_together_is_not_done(tiny, outputs):
    assert run_all(outputs=outputs, cwd=tiny).code == 0
    done = run_all("--to", "02_balance", "-p", "shared.seed=1", outputs=outputs, cwd=tiny)
    assert done.code == 0
    assert record(outputs)["status"] == "partial"
    again = run_all("-p", "shared.seed=1", outputs=outputs, cwd=tiny)
    assert ran(again.out) == ["03_train", "04_evaluate", "05_draw"]
    assert record(outputs)["status"] == "done"


def test_a_suite_runs_each_seed_and_ends_in_a_table(tiny, outputs):
    (tiny / "params" / "both.yaml").write_text(
        "suite: both\nruns: [quick, other]\nseeds: [0, 1]\nshared: {strategy: cap}\n"
    )
    (tiny / "params" / "other.yaml").write_text("run: other\nstages: {03_train: {epochs: 3}}\n")
    short = ("params/both.yaml", "--to", "02_balance")
    done = run_all(*short, outputs=outputs, cwd=tiny)
    assert done.code == 0, done.text
    names = [f"{run}-s{seed}" for run in ("quick", "other") for seed in (0, 1)]
    for name in names:
        found = record(outputs / "both", name)
        assert found["status"] == "partial"
        assert found["stages"]["02_balance"]["status"] == "done"
        assert found["stages"]["02_balance"]["parameters"] == {
            "seed": int(name[-1]), "strategy": "cap",
        }  # fmt: skip
    table = (outputs / "both" / "both.csv").read_text().splitlines()
    assert table[0].startswith("run,data,status,accuracy")
    assert [line.split(",")[0] for line in table[1:]] == [f"both/{name}" for name in names]
    assert all(f"both/{name}" in done.out for name in names)


def test_a_published_result_of_a_suite_is_taken_not_run_again(tiny, outputs):
    (tiny / "params" / "both.yaml").write_text("suite: both\nruns: [quick]\nseeds: [0]\n")
    assert run_all("params/both.yaml", outputs=outputs, cwd=tiny).code == 0
    published = tiny / "docs" / "results" / "both" / "quick-s0"
    published.mkdir(parents=True)
    for file in ("run.json", "metrics.json"):
        (outputs / "both" / "quick-s0" / file).replace(published / file)
    elsewhere = outputs / "elsewhere"
    again = run_all("params/both.yaml", outputs=elsewhere, cwd=tiny)
    assert again.code == 0
    assert "both/quick-s0: finished before" in again.out
    assert ran(again.out) == []
    assert (elsewhere / "both" / "both.csv").is_file()
    # With other parameters it is another run.
    other = run_all("params/both.yaml", "-p", "03_train.epochs=3", "--to", "01_eda",
                    outputs=elsewhere, cwd=tiny)  # fmt: skip
    assert ran(other.out) == ["01_eda"]


def compared(folder: Path) -> str:
    """What the tiny 06_compare printed."""
    cells = nbformat.read(folder / "06_compare.ipynb", as_version=4).cells
    return "".join(each.text for cell in cells for each in cell.get("outputs", []))


def test_a_page_across_runs_reads_them_and_leaves_them_alone(tiny, outputs):
    other = ("--run", "other", "-p", "shared.seed=1")
    assert run_all(outputs=outputs, cwd=tiny).code == 0
    assert run_all(*other, outputs=outputs, cwd=tiny).code == 0
    before = {path: path.read_bytes() for path in outputs.rglob("*") if path.is_file()}
    done = run_all("--compare", outputs=outputs, cwd=tiny)
    assert done.code == 0, done.text
    page = outputs / "compare" / "06_compare.html"
    assert done.out.splitlines()[-1] == f"compare: done, open {page}"
    assert compared(outputs / "compare") == "compares other quick\n"
    found = record(outputs, "compare")
    assert (found["kind"], found["status"]) == ("comparison", "done")
    assert found["command"] == "uv run run_all.py --compare"
    assert list(found["stages"]) == ["06_compare"]
    # Nothing leads to a front page, because there is none.
    assert not (outputs / "compare" / "index.html").exists()
    assert "index.html" not in page.read_text()
    assert {path: path.read_bytes() for path in before} == before
    # What the runs have written since is seen, and the page itself is no run.
    again = run_all("--compare", "other", outputs=outputs, cwd=tiny)
    assert ran(again.out) == ["06_compare"]
    assert compared(outputs / "compare") == "compares other\n"
    assert record(outputs, "compare")["command"] == "uv run run_all.py --compare other"
    listed = run_all("--compare", "compare", outputs=outputs, cwd=tiny)
    assert listed.code == 2
    assert ran(listed.out) == []


def test_a_suite_ends_in_the_page_that_it_names(tiny, outputs):
    text = "suite: both\nruns: [quick]\nseeds: [0, 1]\nthen: 06_compare\n"
    (tiny / "params" / "both.yaml").write_text(text)
    short = run_all("params/both.yaml", "--to", "01_eda", outputs=outputs, cwd=tiny)
    assert short.code == 0, short.text
    assert "both/compare: left out, no run of both is finished" in short.out
    assert not (outputs / "both" / "compare").exists()
    none = ("-p", "06_compare.published=false")
    done = run_all("params/both.yaml", *none, outputs=outputs, cwd=tiny)
    assert done.code == 0, done.text
    assert ran(done.out)[-1] == "06_compare"
    folder = outputs / "both" / "compare"
    assert compared(folder) == "compares both/quick-s0 both/quick-s1\n"
    assert f"both/compare: done, open {folder / '06_compare.html'}" in done.out
    stage = record(outputs / "both", "compare")["stages"]["06_compare"]
    assert stage["parameters"] == {"seed": 0, "names": ["both"], "published": False}
    table = (outputs / "both" / "both.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table[1:]] == ["both/quick-s0", "both/quick-s1"]


def test_a_second_runner_on_the_same_run_is_refused(tiny, outputs):
    (outputs / "quick").mkdir(parents=True)
    with FileLock(outputs / "quick" / ".lock"):
        done = run_all(outputs=outputs, cwd=tiny)
    assert done.code == 1
    assert "is being written by another run_all.py" in done.err
    assert done.err.count("\n") == 1


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=15)
    return not [each for each in alive if each.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_kernels_and_says_how_to_go_on(tiny, outputs, number):
    slow = ("-p", "03_train.epochs=50", "-p", "03_train.pause=1")
    process = start(outputs, tiny, *slow)
    wait_for(process, "epoch 2/50")
    kernels = psutil.Process(process.pid).children(recursive=True)
    assert kernels
    process.send_signal(number)
    rest = process.stdout.read()
    assert process.wait(20) == 130
    assert "Traceback" not in rest
    assert "Go on with the same command" in rest.strip().splitlines()[-1]
    assert gone(kernels)
    found = record(outputs)
    assert found["status"] == "interrupted"
    assert found["stages"]["03_train"]["status"] == "interrupted"
    assert not (outputs / "quick" / ".executing").exists()
    again = run_all("-p", "03_train.pause=0", "--to", "03_train", outputs=outputs, cwd=tiny)
    assert again.code == 0, again.text
    assert ran(again.out) == ["03_train"]


def test_a_killed_runner_takes_its_kernel_along(tiny, outputs):
    process = start(outputs, tiny, "-p", "03_train.epochs=50", "-p", "03_train.pause=1")
    wait_for(process, "epoch 1/50")
    kernels = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert gone(kernels)
    assert record(outputs)["status"] == "running"
    again = run_all("--to", "03_train", outputs=outputs, cwd=tiny)
    assert again.code == 0, again.text
    assert ran(again.out) == ["03_train"]


def test_epochs_are_told_within_two_seconds(tiny, outputs):
    code = (
        "import time\nfor epoch in range(1, 4):\n    time.sleep(1.5)\n"
        '    print(f"epoch {epoch}/3  loss {time.time():.3f}  accuracy 0.9  (1.5 s)", flush=True)\n'
        "from hcr import files\n"
        'files.write_text(out.path("model.tflite"), "1")\n'
        'files.write_text(out.path("labels.json"), "{}")'
    )
    tiny_project.write_notebook(tiny, "03_train", code)
    process = start(outputs, tiny, "--to", "03_train")
    late = []
    for line in process.stdout:
        found = re.search(r"epoch (\d)/3  loss ([\d.]+)", line)
        if found:
            late.append(time.time() - float(found[2]))
            assert re.search(r"^\[3/3\] 03_train: cells \d/\d, \d+ s elapsed", line)
    assert process.wait() == 0
    assert len(late) == 3
    assert max(late) < 2


def test_a_terminal_gets_a_bar_that_redraws(tiny, outputs):
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "run_all.py", "-p", "03_train.pause=0.6"],
        cwd=tiny,
        env=environment(outputs, TERM="xterm", COLUMNS="100"),
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:
        pass  # the terminal's other side was closed
    assert process.wait() == 0
    text = shown.decode(errors="replace")
    assert "\x1b[2K" in text  # a line is erased and drawn anew
    assert re.search(r"\[3/5\] 03_train.*cells \d/\d", text)
    assert "epoch 1/2" in text


def test_a_false_kernelspec_is_not_used(tiny, outputs, tmp_path):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(
        json.dumps({"argv": ["/bin/false"], "display_name": "no", "language": "python"})
    )
    path = str(tmp_path / "jupyter")
    done = run_all("--only", "01_eda", outputs=outputs, cwd=tiny, JUPYTER_PATH=path)
    assert done.code == 0, done.text


def test_a_missing_kernel_is_one_clear_line(tiny, outputs, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "ipykernel_launcher.py").write_text("raise ImportError('no ipykernel here')")
    done = run_all("--only", "01_eda", outputs=outputs, cwd=tiny, PYTHONPATH=str(broken))
    assert done.code == 1
    assert done.err.count("\n") == 1, done.err
    assert "A kernel must start with" in done.err
    assert record(outputs)["status"] == "failed"
    assert "no ipykernel here" in record(outputs)["stages"]["01_eda"]["error"]["exception"]
    assert "no ipykernel here" in done.err
    assert "uv sync" in done.err


def test_a_port_that_is_taken_meanwhile_fails_no_run(tiny, outputs, tmp_path):
    # The kernel's first start finds its port in use, as where another program was there first.
    (tmp_path / "busy").mkdir()
    (tmp_path / "busy" / "ipykernel_launcher.py").write_text(
        "import json, pathlib, runpy, socket, sys\n"
        "here = pathlib.Path(__file__).parent\n"
        "if not (here / 'tried').exists():\n"
        "    (here / 'tried').touch()\n"
        "    file = pathlib.Path(sys.argv[sys.argv.index('-f') + 1])\n"
        "    taken = socket.socket()\n"
        "    taken.bind(('127.0.0.1', json.loads(file.read_text())['shell_port']))\n"
        "    taken.listen()\n"
        "sys.path.remove(str(here))\n"
        "runpy.run_module('ipykernel_launcher', run_name='__main__', alter_sys=True)\n"
    )
    path = str(tmp_path / "busy")
    done = run_all("--only", "01_eda", outputs=outputs, cwd=tiny, PYTHONPATH=path)
    assert (tmp_path / "busy" / "tried").exists()
    assert done.code == 0, done.text


def test_a_kernel_that_dies_keeps_its_notebook_and_what_explains_it(tiny, outputs):
    code = "import os, sys\nos.write(2, b'out of luck')\nos._exit(9)"
    tiny_project.write_notebook(tiny, "01_eda", code)
    done = run_all(outputs=outputs, cwd=tiny)
    assert done.code == 1
    assert "Traceback" not in done.text
    error = record(outputs)["stages"]["01_eda"]["error"]
    assert error["heading"] == "Work"
    assert all(word in error["exception"] for word in ("DeadKernelError", "code 9", "out of luck"))
    assert error["exception"] in done.err
    page = (outputs / "quick" / "01_eda.html").read_text()
    assert "DeadKernelError" in page
    assert "out of luck" in page


@pytest.fixture
def slow_to_hear(tiny, monkeypatch):
    """Run a stage that prints faster than its runner listens: 6 s are left to hear at its end."""
    tiny_project.write_notebook(tiny, "01_eda", "for i in range(60): print(i, flush=True)")
    monkeypatch.setattr(Reporter, "line", lambda self, text: time.sleep(0.1))
    monkeypatch.chdir(tiny)
    stages = pipeline.load_stages()
    given = {name: {"seed": 0} for name in stages}
    plan = pipeline.RunPlan("quick", given, stages, ("01_eda",), "", "params/quick.yaml")
    return lambda: pipeline.run(plan)


def test_outputs_that_come_late_are_waited_for(slow_to_hear):
    outcome = slow_to_hear()
    assert outcome.code == 0, outcome.problem
    cells = nbformat.read(outcome.folder / "01_eda.ipynb", as_version=4).cells
    assert any("59" in each.get("text", "") for cell in cells for each in cell.get("outputs", []))


def test_outputs_that_never_come_are_no_fault_of_the_disk(slow_to_hear, monkeypatch):
    monkeypatch.setattr(kernel, "OUTPUT_TIMEOUT", 1)
    outcome = slow_to_hear()
    assert outcome.code == 1
    assert "CellTimeoutError" in outcome.problem
    assert "Cannot write" not in outcome.problem
    assert "CellTimeoutError" in (outcome.folder / "01_eda.html").read_text()


def test_outputs_that_cannot_be_written_are_one_clear_line(tiny, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, no folder")
    done = run_all(outputs=blocked, cwd=tiny)
    assert done.code == 1
    assert done.err.count("\n") == 1, done.err
    assert "Cannot write" in done.err
    assert "HCR_OUTPUTS" in done.err
    assert blocked.read_text() == "a file, no folder"


def test_a_full_disk_is_one_clear_line_and_loses_nothing(tiny, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk can only be made by root")
    try:
        assert run_all("--only", "01_eda", outputs=disk, cwd=tiny).code == 0
        before = (disk / "quick" / "metrics.json").read_bytes()
        code = 'from hcr import files\nfiles.write_text(out.path("balance.npz"), "x" * 10**6)'
        tiny_project.write_notebook(tiny, "02_balance", code)
        done = run_all(outputs=disk, cwd=tiny)
        assert done.code == 1
        assert "Traceback" not in done.text
        assert "The disk is full" in done.text
        assert (disk / "quick" / "metrics.json").read_bytes() == before
        json.loads((disk / "quick" / "run.json").read_text())
    finally:
        subprocess.run(["umount", str(disk)], check=True)
