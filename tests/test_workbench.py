"""The real notebooks in real kernels, on a small part of the digits: runs, kills, by hand."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
from conftest import PROJECT, SMALL, Finished, environment, run_all, start, wait_for
from PIL import Image

from hcr import datasets, pipeline, runs
from hcr.errors import RunError
from hcr.pipeline.stages import STAGES
from hcr.preprocessing import FRAMINGS
from hcr.recognizer import Recognizer
from hcr.runs import files

pytestmark = pytest.mark.slow


def without_times(value):
    """`value` without what may differ between two runs: times, by the ending of their keys."""
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if not key.endswith(("_seconds", "_ms"))}
        return {key: without_times(each) for key, each in kept.items()}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def scores(folder: Path) -> str:
    """`metrics.json` as text, times left out."""
    return json.dumps(without_times(runs.read_metrics(folder)), indent=2)


def outputs_of(path: Path) -> list:
    """The outputs of an executed notebook."""
    cells = nbformat.read(path, as_version=4).cells
    return [each for cell in cells for each in cell.get("outputs", [])]


def test_five_notebooks_leave_five_reports_and_their_record(small_run: Finished):
    assert small_run.code == 0, small_run.text
    folder = small_run.outputs / "small"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names >= {f"{stage}.{kind}" for stage in STAGES for kind in ("ipynb", "html")} | {
        "index.html", "run.json", "metrics.json", "history.csv", "labels.json", "model.keras",
        "model.tflite", "balance.npz", "predictions.npz", "data.json",
    }  # fmt: skip
    assert len([name for name in names if name.startswith("figures/")]) >= 12
    assert len([name for name in names if name.startswith("tables/")]) >= 8
    for stage in STAGES:
        assert (folder / f"{stage}.html").stat().st_size < 3_000_000
        outputs = outputs_of(folder / f"{stage}.ipynb")
        bad = [x for x in outputs if x.output_type == "error" or x.get("name") == "stderr"]
        assert bad == [], stage
    record = runs.read(folder)
    assert (record["status"], record["seed"], record["data"]["name"]) == ("done", 0, "mnist-sample")
    assert record["data"]["counts"] == {"train": 500, "validation": 500, "test": 1000}
    assert {"processor", "cores", "amx", "memory_gib", "gpu"} <= set(record["hardware"])
    # Only one stage opens the test split, and says so.
    assert {each["stage"] for each in record["test_openings"]} == {"04_evaluate"}
    headline = {each["key"] for stage in record["stages"].values() for each in stage["headline"]}
    assert "accuracy" in headline
    (drawn,) = [each for each in record["stages"]["05_draw"]["figures"] if each["headline"]]
    assert "small knows 10 classes: 0–9" in drawn["caption"]
    text = scores(folder)
    assert not re.search(r"small|/tmp|outputs|20\d\d-\d\d", text)
    evaluated = json.loads(text)["04_evaluate"]
    assert evaluated["accuracy_low"] < evaluated["accuracy"] < evaluated["accuracy_high"]
    assert evaluated["accuracy"] > 0.3
    # The predictions are the recognizer's, which frames pictures as the training images were.
    data = datasets.load("mnist-sample", limit=500)
    with np.load(folder / "predictions.npz") as saved:
        model = Recognizer.load(folder)
        expected = model.predict(data.test.images).argmax(axis=1)
        assert (saved["predicted"] == expected).all()
    assert evaluated["accuracy"] == pytest.approx((expected == data.test.labels).mean())
    assert model.framing == FRAMINGS["mnist"]


def test_a_run_shows_its_own_classes_where_no_program_can_draw_them(tmp_path):
    greek, digits = "αβγδεζηθικ", datasets.load("mnist-sample").train
    for digit, letter in enumerate(greek):
        (tmp_path / "mine" / letter).mkdir(parents=True)
        for i, image in enumerate(digits.images[digits.labels == digit][:6]):
            Image.fromarray(image).save(tmp_path / "mine" / letter / f"{i}.png")
    folder = tmp_path / "outputs" / "letters"
    folder.mkdir(parents=True)
    shutil.copy(PROJECT / "hcr" / "pretrained" / "mnist" / "model.tflite", folder)
    files.write_json(folder / "labels.json", {"characters": list(greek)})
    own = ("-p", "shared.dataset=own", "-p", f"shared.path={tmp_path / 'mine'}")
    done = run_all("--run", "letters", "--only", "05_draw", *own, outputs=tmp_path / "outputs")
    assert done.code == 0, done.text
    (shown,) = runs.read(folder)["stages"]["05_draw"]["figures"]
    assert (shown["name"], shown["headline"]) == ("05_validation", True)
    assert f"letters knows 10 classes: {greek[0]}–{greek[-1]}." in shown["caption"]


def test_pictures_are_shown_step_by_step_without_a_run(tmp_path):
    words = ("--only", "07_pictures", "-p", "07_pictures.page=true")
    done = run_all(*words, outputs=tmp_path)
    assert done.code == 0, done.text
    folder = tmp_path / "07_pictures"
    found = runs.read_metrics(folder)["07_pictures"]
    assert (found["pictures"], found["broken"]) == (14, 0)
    assert found["answered"] >= 11
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {"07_steps.png"} | {f"07_page_{i}.png" for i in range(1, 15)}
    outputs = outputs_of(folder / "07_pictures.ipynb")
    assert [each for each in outputs if each.output_type == "error"] == []
    assert "shadow.jpg" in (folder / "07_pictures.html").read_text(encoding="utf-8")
    assert run_all(*words, "--run", "x", outputs=tmp_path).code == 2


@pytest.mark.browser
def test_the_reports_open_without_a_network(small_run: Finished):
    """Every page, on a desk and on a phone: nothing is fetched, fails or overflows."""
    from browser import launched, overflow, visit

    pages = sorted((small_run.outputs / "small").glob("*.html"))
    assert len(pages) == len(STAGES) + 1
    with launched() as chromium:
        for page in pages:
            with visit(chromium, page) as seen:
                for width in (1280, 390):
                    seen.page.set_viewport_size({"width": width, "height": 900})
                    assert overflow(seen.page) <= 0, (page.name, width)
            assert seen.problems == [], page.name


def test_runs_are_compared_on_a_page(small_run: Finished, tmp_path):
    for name in ("default", "other"):
        shutil.copytree(small_run.outputs / "small", tmp_path / name)
    change = lambda record: record["stages"]["03_train"]["parameters"].update(epochs=9)  # noqa: E731
    runs.update(tmp_path / "other", change)
    words = ("baseline=other", "confirmed=[other, default]", "recall_of=37")
    options = [word for each in words for word in ("-p", f"06_compare.{each}")]
    done = run_all("--compare", *options, outputs=tmp_path)
    assert done.code == 0, done.text
    outputs = outputs_of(tmp_path / "compare" / "06_compare.ipynb")
    assert [x for x in outputs if x.output_type == "error" or x.get("name") == "stderr"] == []
    metrics = runs.read_metrics(tmp_path / "compare")["06_compare"]
    assert (metrics["confirmed"], "first" in metrics) == (0, True)
    record = runs.read(tmp_path / "compare")["stages"]["06_compare"]
    assert "new seeds" in record["verdict"][0]
    tables = tmp_path / "compare" / "tables"
    assert {tables / f"06_{name}.csv" for name in ("confirmed", "flattered")} <= {*tables.iterdir()}
    assert (tables / "06_baseline.csv").read_text().count("recall of 7") == 2


def test_a_second_command_runs_nothing_and_imports_little(small_run: Finished):
    folder = small_run.outputs / "small"
    before = {path: path.read_bytes() for path in folder.rglob("*.html")}
    code = (
        "import sys\nfrom hcr.pipeline.cli import run_all\n"
        f"assert run_all({list(SMALL)!r}) == 0\n"
        "heavy = {'papermill', 'nbconvert', 'pandas', 'matplotlib', 'tensorflow'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    how = {"cwd": PROJECT, "env": environment(small_run.outputs)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **how)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("up to date, kept") == len(STAGES)
    assert {path: path.read_bytes() for path in before} == before


def test_a_kill_in_training_costs_no_epoch_and_changes_no_figure(small_run: Finished, tmp_path):
    """The killed and resumed training must give what the uninterrupted one gave, byte for byte."""
    outputs, project = tmp_path / "runs", tmp_path / "project"
    shutil.copytree(small_run.outputs / "small", outputs / "small")
    process = start(outputs, PROJECT, *SMALL, "--only", "03_train", "--force")
    wait_for(process, "epoch 2/4")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # Another sentence in the notebook costs no epoch, either.
    for name in ("notebooks", "params"):
        shutil.copytree(PROJECT / name, project / name)
    shutil.copy(PROJECT / "run_all.py", project)
    (project / "hcr").symlink_to(PROJECT / "hcr", target_is_directory=True)
    path = project / "notebooks" / "03_train.ipynb"
    path.write_text(path.read_text().replace("## Environment", "## The environment"))
    done = run_all(*SMALL, "--to", "03_train", outputs=outputs, cwd=project)
    assert done.code == 0, done.text
    trained = [int(epoch) for epoch in re.findall(r"; epoch (\d)/4 ", done.out)]
    assert trained[0] > 2
    assert trained[-1] == 4
    assert "01_eda: up to date, kept" in done.out
    whole = small_run.outputs / "small"
    assert scores(outputs / "small") == scores(whole)
    model = (whole / "model.tflite").read_bytes()
    assert (outputs / "small" / "model.tflite").read_bytes() == model
    assert "The environment" in (outputs / "small" / "03_train.html").read_text()


def by_hand(stage: str, outputs: Path, replace: dict[str, str] | None = None):
    """Run a notebook top to bottom in its own folder, as JupyterLab would."""
    notebook = nbformat.read(PROJECT / "notebooks" / f"{stage}.ipynb", as_version=4)
    for cell in notebook.cells:
        for old, new in (replace or {}).items():
            cell.source = cell.source.replace(old, new)
    # Where the reply to its last request is lost, a client waits that long, and goes on.
    how = {"timeout": 240, "kernel_name": "python3", "allow_errors": True}
    folder = {"metadata": {"path": str(PROJECT / "notebooks")}}
    client = nbclient.NotebookClient(notebook, resources=folder, **how)
    client.create_kernel_manager()
    client.execute(env=environment(outputs))
    return notebook


def of_kind(notebook, kind: str) -> list:
    outputs = [each for cell in notebook.cells for each in cell.get("outputs", [])]
    return [each for each in outputs if each.output_type == kind]


# Each chooses its own data and model; what 02_balance lacks, 03_train lacks, too.
@pytest.mark.parametrize("stage", ["03_train", "04_evaluate", "05_draw"])
def test_by_hand_a_stage_alone_on_a_fresh_clone_does_the_sensible_default(
    stage, tmp_path, monkeypatch
):
    notebook = by_hand(stage, tmp_path, {"epochs: int = 8": "epochs: int = 1"})
    assert of_kind(notebook, "error") == []
    text = "".join(each.text for each in of_kind(notebook, "stream"))
    assert "Opened by hand: writing to" in text
    assert {path.name for path in tmp_path.iterdir()} == {"lab", "index.html"}
    if stage in ("04_evaluate", "05_draw"):
        assert "emnist" in text
        return
    # It is a run: recorded, on a page, and kept under a name of its own.
    monkeypatch.setenv("HCR_OUTPUTS", str(tmp_path))
    monkeypatch.setattr("hcr.pipeline.notebook._path", lambda name: tmp_path / f"{name}.ipynb")
    pipeline.save_as("mine")
    assert not list(tmp_path.rglob(f"{stage}.html"))  # only Jupyter knows what it shows
    record, page = runs.read(tmp_path / "mine"), (tmp_path / "mine" / "index.html").read_text()
    assert (record["run"], record["status"], record["seed"]) == ("mine", "done", 0)
    entry = record["stages"][stage]
    assert (entry["status"], entry["parameters"]["epochs"]) == ("done", 1)
    assert "learning_rate" in page
    assert f'href="{stage}.html"' not in page
    # Once the notebook is saved, the lab and the copy have its page.
    nbformat.write(notebook, tmp_path / f"{stage}.ipynb")
    for folder in ("lab", "mine"):
        pipeline.notebook.write_page(stage, tmp_path / folder)
        assert f'href="{stage}.html"' in (tmp_path / folder / "index.html").read_text()
        page = (tmp_path / folder / f"{stage}.html").read_text()
        assert page.count("<figure") > 4
        assert '"places"' in page  # they react
        assert "<code>epochs: 1</code>" in page  # which the notebook of the last commit has not
    with pytest.raises(RunError, match="new name"):
        pipeline.save_as("mine")
    done = run_all("--run", "mine", outputs=tmp_path)
    assert (done.code, "by hand" in done.err) == (1, True)


def test_by_hand_a_training_is_stopped_in_one_line_and_its_cell_goes_on(tmp_path):
    """As by JupyterLab's stop button; nothing of TensorFlow's is shown in red."""
    notebook = nbformat.read(PROJECT / "notebooks" / "03_train.ipynb", as_version=4)
    at = next(i for i, each in enumerate(notebook.cells) if "models.train(" in each.source)
    notebook.cells[1].source += "\nepochs = 3"

    class Client(nbclient.NotebookClient):
        pressed = False

        def process_message(self, msg, cell, cell_index):
            if "Epoch 1 of 3" in str(msg["content"]) and not self.pressed:
                self.pressed = True
                self.km.provisioner.process.send_signal(signal.SIGINT)
            return super().process_message(msg, cell, cell_index)

    folder = {"metadata": {"path": str(PROJECT / "notebooks")}}
    client = Client(notebook, resources=folder, timeout=600, kernel_name="python3")
    with client.setup_kernel(env=environment(tmp_path)):
        for i in range(at):
            client.execute_cell(notebook.cells[i], i)
        with pytest.raises(nbclient.exceptions.CellExecutionError, match="nothing is lost"):
            client.execute_cell(notebook.cells[at], at)
        (error,) = of_kind(notebook, "error")
        assert [len(error.traceback), error.traceback[0].count("\n")] == [1, 0]
        client.execute_cell(notebook.cells[at], at)
    printed = of_kind(notebook, "stream")
    assert [each.text for each in printed if each.name == "stderr"] == []
    assert "found epoch" in printed[-1].text


def test_by_hand_it_reads_the_newest_finished_run_and_leaves_it_alone(small_run, tmp_path):
    outputs = tmp_path / "runs"
    shutil.copytree(small_run.outputs / "small", outputs / "small")
    before = {path: path.read_bytes() for path in outputs.rglob("*") if path.is_file()}
    notebook = by_hand("04_evaluate", outputs)
    assert of_kind(notebook, "error") == []
    assert "small" in of_kind(notebook, "stream")[0].text
    assert {path: path.read_bytes() for path in before} == before
    # A live notebook offers controls.
    shown = [output.data for output in of_kind(notebook, "execute_result")]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)


def test_by_hand_a_wrong_parameter_is_two_lines_at_once(tmp_path):
    error = of_kind(by_hand("05_draw", tmp_path, {"seed: int = 0": "sede: int = 0"}), "error")[0]
    assert error.ename == "ParameterError"
    assert "'seed'" in error.evalue
    assert "\n".join(error.traceback).count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_missing_or_damaged_data_end_in_one_line(tmp_path):
    done = run_all("-p", "shared.dataset=mnist", outputs=tmp_path / "runs", HCR_DATA="")
    assert done.code == 1
    assert len(done.err.strip().splitlines()) <= 2, done.err
    assert "HCR_DATA" in done.err
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for split in ("train", "t10k"):
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            (folder / f"{split}-{kind}").write_bytes(b"\0\0\x08\x03\0\0\0\x09")
    variables = {"outputs": tmp_path / "runs", "HCR_DATA": str(tmp_path / "data")}
    done = run_all("-p", "shared.dataset=mnist", **variables)
    assert done.code == 1
    assert "Traceback" not in done.text


def test_an_old_params_file_runs_as_it_did(tmp_path):
    """As of the first release: the data were each stage's, rare levers were parameters."""
    path = tmp_path / "old.yaml"
    path.write_text(
        "run: old\nshared: {seed: 0, dataset: mnist-sample, thin: none}\nstages:\n"
        "  02_balance: {strategy: none, limit: 300}\n"
        "  03_train: {limit: 300, epochs: 1, plain_epochs: 1, mixing: none, label_smoothing: 0.1}\n"
        "  05_draw: {reader: emnist, variation: 1.0}\n"
    )
    done = run_all(str(path), "--only", "02_balance", outputs=tmp_path)
    assert done.code == 0, done.text
    assert "limit is now 01_eda.limit" in done.out
    data = files.read_json(tmp_path / "old" / "data.json")
    assert (data["choice"]["limit"], data["splits"]["train"]["n"]) == (300, 300)
    parameters = runs.read(tmp_path / "old")["stages"]["03_train"]["parameters"]
    assert parameters["recipe"] == {"label_smoothing": 0.1}


@pytest.mark.data
def test_the_standing_protocol_is_prepared(tmp_path):
    """The first stages of `emnist_subset.yaml`, on all its images; few are looked at one by one."""
    few = "suspects_sample=1000", "neighbor_sample=1000", "map_points=0", "folds=2"
    given = [word for each in few for word in ("-p", f"01_eda.{each}")]
    done = run_all("params/emnist_subset.yaml", "--to", "02_balance", *given, outputs=tmp_path)
    assert done.code == 0, done.text
    data = runs.read(tmp_path / "emnist_subset")["data"]
    assert data["classes"] == 47
    assert data["counts"]["train"] + data["counts"]["validation"] == 141_475
    assert data["counts"]["test"] == 116_323
