"""The real notebooks in real kernels, on a small part of the digits: runs, kills, by hand."""

import gzip
import json
import os
import re
import shutil
import signal
import struct
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
from conftest import PROJECT, SMALL, Finished, environment, run_all, start, wait_for
from html_page import Page

from hcr import models, runs
from hcr.pipeline import STAGES, shipping
from hcr.recognizer import Recognizer
from hcr.runs import files

pytestmark = pytest.mark.slow


def without_times(value):
    """`value` without what may differ between two runs: times, by the ending of their keys."""
    if isinstance(value, dict):
        return {
            key: without_times(each)
            for key, each in value.items()
            if not key.endswith(("_seconds", "_ms"))
        }
    return [without_times(each) for each in value] if isinstance(value, list) else value


def metrics(folder: Path) -> str:
    """`metrics.json` as text, times left out."""
    return json.dumps(without_times(json.loads((folder / "metrics.json").read_text())), indent=2)


def test_five_notebooks_leave_five_reports(small_run: Finished):
    assert small_run.code == 0, small_run.text
    folder = small_run.outputs / "small"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    expected = {f"{stage}.{kind}" for stage in STAGES for kind in ("ipynb", "html")} | {
        "index.html", "run.json", "metrics.json", "history.csv", "labels.json", "model.keras",
        "model.tflite", "balance.npz", "predictions.npz",
    }  # fmt: skip
    assert expected <= names
    figures = {name for name in names if name.startswith("figures/")}
    assert len(figures) >= 15
    assert {Path(name).suffix for name in figures} <= {".svg", ".png"}
    assert len([name for name in names if name.startswith("tables/")]) >= 10
    for stage in STAGES:
        assert (folder / f"{stage}.html").stat().st_size < 3_000_000
        errors = [
            output
            for cell in nbformat.read(folder / f"{stage}.ipynb", as_version=4).cells
            for output in cell.get("outputs", [])
            if output.output_type == "error" or output.get("name") == "stderr"
        ]
        assert errors == []
    galleries = {}
    for name in (*STAGES, "index"):
        page = Page((folder / f"{name}.html").read_text())
        assert [each for each in page.all("img") if not each.get("alt", "").strip()] == [], name
        assert page.all("img"), name
        # A drawing that is no mere ornament says what it is.
        drawn = [each for each in page.all("svg") if each.get("aria-hidden") != "true"]
        assert all(each.get("aria-label", "").strip() for each in drawn), name
        galleries[name] = [each["alt"] for each in page.all("img")]
    # What is seen, and not the caption again.
    assert any(
        re.search(r"\d (right|read as \d), [\d.]+ %;", each) for each in galleries["05_draw"]
    )
    assert any("read as" in each for each in galleries["04_evaluate"])


def test_peoples_drawings_are_shown_where_they_are(small_run: Finished):
    page = (small_run.outputs / "small" / "05_draw.html").read_text()
    there = bool(os.environ.get("HCR_DATA"))
    # In the page, not only in the list of its files.
    assert page.count("s validation contributors: as drawn") >= (3 if there else 0)
    assert (small_run.outputs / "small" / "figures" / "05_people.png").is_file() == there
    for name in (*STAGES, "index"):
        html = (small_run.outputs / "small" / f"{name}.html").read_text()
        credited = "CC BY 4.0" in " ".join(Page(html).text.split())
        assert credited == (there and name in ("05_draw", "index")), name


def test_the_record_says_how_it_came_about(small_run: Finished):
    record = json.loads((small_run.outputs / "small" / "run.json").read_text())
    assert record["schema"] == 1
    assert record["status"] == "done"
    assert record["data"]["name"] == "mnist-sample"
    assert re.fullmatch("[0-9a-f]{64}", record["data"]["digest"])
    assert record["data"]["counts"] == {"train": 500, "validation": 500, "test": 1000}
    assert record["data"]["licence"]
    assert record["seed"] == 0
    assert record["versions"]["tensorflow"]
    assert {"processor", "cores", "amx", "memory_gib", "gpu"} <= set(record["hardware"])
    assert record["stages"]["03_train"]["parameters"]["limit"] == 500
    # Only one stage opens the test split, and says so.
    assert {each["stage"] for each in record["test_openings"]} == {"04_evaluate"}
    assert all(re.fullmatch("[0-9a-f]{64}", each["digest"]) for each in record["test_openings"])
    headline = {each["key"] for stage in record["stages"].values() for each in stage["headline"]}
    assert {"accuracy", "balanced_accuracy"} <= headline


def test_metrics_name_no_run_path_or_date(small_run: Finished):
    text = metrics(small_run.outputs / "small")
    assert not re.search(r"small|/tmp|outputs|20\d\d-\d\d", text)
    found = json.loads(text)
    assert list(found) == list(STAGES)
    assert 0.3 < found["04_evaluate"]["accuracy"] <= 1
    low, high = (found["04_evaluate"][f"accuracy_{end}"] for end in ("low", "high"))
    assert low < found["04_evaluate"]["accuracy"] < high


def test_the_predictions_are_the_recognisers(small_run: Finished):
    from hcr import datasets

    folder = small_run.outputs / "small"
    recognizer = Recognizer.load(folder)
    data = datasets.load("mnist-sample", limit=500)
    saved = np.load(folder / "predictions.npz")
    expected = recognizer.predict(data.test.images).argmax(axis=1)
    assert (saved["predicted"] == expected).all()
    accuracy = (expected == data.test.labels).mean()
    found = json.loads((folder / "metrics.json").read_text())
    assert found["04_evaluate"]["accuracy"] == pytest.approx(accuracy)


def test_a_finished_run_becomes_a_network_that_ships(small_run: Finished, tmp_path):
    folder = small_run.outputs / "small"
    costs = shipping.write_weights(folder, tmp_path, keras=True)
    assert costs["n"] == 500
    assert abs(costs["whole"] - costs["small"]) < 0.1
    found = json.loads((folder / "metrics.json").read_text())
    assert costs["whole"] == pytest.approx(found["03_train"]["val_balanced_accuracy"])
    assert (tmp_path / "model.keras").read_bytes() == (folder / "model.keras").read_bytes()
    whole = (folder / "model.tflite").stat().st_size
    sizes = {8: 0.4 * whole, 32: whole}
    assert (tmp_path / "model.tflite").stat().st_size <= sizes[costs["bits"]]
    small = Recognizer.load(tmp_path / "model.tflite", folder / "labels.json")
    assert small.labels == Recognizer.load(folder).labels
    record = json.loads((folder / "run.json").read_text())
    model, network = tmp_path / "model.tflite", shipping.NETWORKS["mnist"]
    text = shipping.card("mnist", network, record, found, costs, model)
    test = found["04_evaluate"]
    for share in (
        test["accuracy"],
        test["balanced_accuracy_high"],
        found["03_train"]["val_accuracy"],
    ):
        assert f"{100 * share:.2f} %" in text
    assert "| test | 1,000 |" in text
    assert "hcr.pipeline.shipping mnist" in text
    assert record["data"]["licence"] in text
    assert "UNIPEN" not in text
    assert "None" not in text


def test_weights_of_8_bits_must_cost_nothing(small_run: Finished, tmp_path, monkeypatch):
    folder = small_run.outputs / "small"
    monkeypatch.setattr(shipping, "COST", -100)
    costs = shipping.write_weights(folder, tmp_path, keras=False)
    assert costs["bits"] == 32
    assert (tmp_path / "model.tflite").read_bytes() == (folder / "model.tflite").read_bytes()
    assert not (tmp_path / "model.keras").exists()


@pytest.mark.browser
def test_the_reports_open_without_a_network(small_run: Finished):
    """Every page, on a desk and on a phone: nothing is fetched, fails or overflows."""
    from browser import launched, overflow, visit

    pages = sorted((small_run.outputs / "small").glob("*.html"))
    assert len(pages) == len(STAGES) + 1
    with launched() as chromium:
        for page in pages:
            for width in (1280, 390):
                with visit(chromium, page, width) as seen:
                    assert overflow(seen.page) <= 0, (page.name, width)
                assert seen.problems == [], (page.name, width)


def test_runs_are_compared_on_a_page(small_run: Finished, tmp_path):
    """The real 06_compare on a real run and the same one with other answers and another seed."""
    outputs = tmp_path / "runs"
    shutil.copytree(small_run.outputs / "small", outputs / "small")
    shutil.copytree(small_run.outputs / "small", outputs / "other")
    change = lambda record: record["stages"]["03_train"]["parameters"].update(epochs=9)  # noqa: E731
    runs.update(outputs / "other", change)
    done = run_all("--compare", outputs=outputs)
    assert done.code == 0, done.text
    folder = outputs / "compare"
    errors = [
        output
        for cell in nbformat.read(folder / "06_compare.ipynb", as_version=4).cells
        for output in cell.get("outputs", [])
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert errors == []
    found = json.loads((folder / "metrics.json").read_text())["06_compare"]
    whole = json.loads((outputs / "small" / "metrics.json").read_text())
    (ranking,) = (each for each in found["rankings"] if len(each["ranking"]) == 6)
    test = [each for each in ranking["ranking"] if each["split"] == "test"]
    expected = whole["04_evaluate"]["balanced_accuracy"]
    assert {each["value"] for each in test} == {expected}
    assert {each["low"] for each in test} == {whole["04_evaluate"]["balanced_accuracy_low"]}
    trained = whole["03_train"]
    rank = next(each for each in ranking["ranking"] if each["split"] == "validation")
    assert rank["low"] == trained["val_balanced_accuracy_low"] < rank["value"]
    assert rank["value"] < rank["high"] == trained["val_balanced_accuracy_high"]
    text = (folder / "06_compare.html").read_text()
    assert "1 pair, of which none is told apart" in text
    assert (folder / "06_compare.html").stat().st_size < 3_000_000


@pytest.mark.browser
def test_the_page_across_runs_opens_without_a_network(tmp_path):
    import made_runs
    from browser import launched, overflow, visit

    for place, name in enumerate(("a", "b", "c")):
        made_runs.make(tmp_path / name, model=name, wrong=20 + 30 * place)
    assert run_all("--compare", *"abc", outputs=tmp_path).code == 0
    page = tmp_path / "compare" / "06_compare.html"
    with launched() as chromium:
        for width in (1280, 390):
            with visit(chromium, page, width) as seen:
                assert overflow(seen.page) <= 0, width
                wide = "[...document.querySelectorAll('.hcr-table caption > span')]"
                wide += ".filter(e => e.getBoundingClientRect().right > window.innerWidth).length"
                assert seen.page.evaluate(wide) == 0
                links = "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
                for each in seen.page.evaluate(links):
                    assert each.startswith(("#", "http")) or (page.parent / each).is_file(), each
            assert seen.problems == [], width


def test_tensorflow_is_imported_in_training_alone(small_run: Finished):
    """By the fingerprint's list of modules; `02_balance` trains where its study is asked for."""
    from hcr.pipeline.fingerprint import modules

    from hcr import pipeline

    for name, stage in pipeline.load_stages().items():
        reached = set(modules(stage.code))
        assert ("hcr.models.training" in reached) == (name in ("02_balance", "03_train"))
        assert not re.search(r"import (keras|tensorflow)", stage.code)


def test_a_second_command_runs_nothing_again(small_run: Finished):
    before = {path: path.read_bytes() for path in small_run.outputs.rglob("*.html")}
    again = run_all(*SMALL, outputs=small_run.outputs)
    assert again.code == 0, again.text
    assert again.out.count("up to date, kept") == len(STAGES)
    after = {path: path.read_bytes() for path in before if path.name != "index.html"}
    assert all(before[path] == content for path, content in after.items())


def test_a_kill_in_training_costs_no_epoch_and_changes_no_figure(small_run: Finished, tmp_path):
    """The killed and resumed run must give what the uninterrupted one gave, byte for byte."""
    process = start(tmp_path, PROJECT, *SMALL)
    wait_for(process, "epoch 2/4")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = run_all(*SMALL, outputs=tmp_path)
    assert done.code == 0, done.text
    assert "found epoch 2/4 in the checkpoint" in done.out or "found epoch 3/4" in done.out
    trained = [int(epoch) for epoch in re.findall(r"; epoch (\d)/4 ", done.out)]
    assert 1 not in trained
    assert 2 not in trained
    assert trained[-1] == 4
    assert "01_eda: up to date, kept" in done.out
    assert metrics(tmp_path / "small") == metrics(small_run.outputs / "small")


def test_the_same_parameters_and_seed_give_the_same_figures(small_run: Finished, tmp_path):
    again = run_all(*SMALL, "--run", "again", outputs=tmp_path)
    assert again.code == 0, again.text
    assert metrics(tmp_path / "again") == metrics(small_run.outputs / "small")
    for file in ("model.tflite", "predictions.npz"):
        one, other = tmp_path / "again" / file, small_run.outputs / "small" / file
        if file.endswith(".npz"):
            with np.load(one) as a, np.load(other) as b:
                assert all((a[key] == b[key]).all() for key in b.files)
        else:
            assert one.read_bytes() == other.read_bytes()


def test_prose_does_not_cost_a_training(small_run: Finished, tmp_path):
    """With another sentence in 03_train the notebook runs again, and the weights are kept."""
    project = tmp_path / "project"
    project.mkdir()
    for name in ("notebooks", "params"):
        shutil.copytree(PROJECT / name, project / name)
    shutil.copy(PROJECT / "run_all.py", project)
    (project / "hcr").symlink_to(PROJECT / "hcr", target_is_directory=True)
    outputs = tmp_path / "runs"
    shutil.copytree(small_run.outputs, outputs)
    path = project / "notebooks" / "03_train.ipynb"
    path.write_text(path.read_text().replace("## Curves", "## The curves of this training"))
    weights = (outputs / "small" / "model.keras").read_bytes()
    done = run_all(*SMALL, outputs=outputs, cwd=project)
    assert done.code == 0, done.text
    assert re.findall(r"\] (\w+): running", done.out) == ["03_train"]
    assert "found epoch 4/4 in the checkpoint" in done.out
    assert not re.search(r"; epoch \d/4 ", done.out)
    assert (outputs / "small" / "model.keras").read_bytes() == weights
    assert "The curves of this training" in (outputs / "small" / "03_train.html").read_text()


@pytest.mark.parametrize("characters", ["7ä", "äöü"])
def test_few_classes_and_characters_that_no_font_has_are_shown(characters, tmp_path):
    """What can be drawn by program is, and of the rest there are images of the dataset."""
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (40 * len(characters), 28, 28), np.uint8)
    data = tmp_path / "mine.npz"
    np.savez(data, images=images, labels=np.array(list(characters) * 40))
    net = models.build("hcr_small", len(characters))
    net.export(str(folder / "model.tflite"), format="litert", verbose=False)
    files.write_json(folder / "labels.json", {"characters": sorted(characters)})
    given = ("shared.dataset=own", f"shared.path={data}", "05_draw.reader=run")
    words = [word for each in given for word in ("-p", each)]
    done = run_all(*words, "--only", "05_draw", "--run", "mine", outputs=folder.parent)
    assert done.code == 0, done.text
    stage = files.read_json(folder / "run.json")["stages"]["05_draw"]
    seen = {each["name"]: each["alt"] for each in stage["figures"]}
    assert all(each in seen["05_images"] for each in characters if each != "7")
    assert {"05_placements", "05_gallery"} <= set(seen) or "7" not in characters
    found = files.read_json(folder / "metrics.json")["05_draw"]
    assert ("synthetic_right" in found) == ("7" in characters)
    assert found["read_strokes_ms"] > 0
    notebook = nbformat.read(folder / "05_draw.ipynb", as_version=4)
    assert [each.text for each in outputs_of(notebook, "stream") if each.name == "stderr"] == []


def by_hand(stage: str, outputs: Path, replace: dict[str, str] | None = None):
    """Run a notebook top to bottom in its own folder, as JupyterLab would."""
    notebook = nbformat.read(PROJECT / "notebooks" / f"{stage}.ipynb", as_version=4)
    for cell in notebook.cells:
        for old, new in (replace or {}).items():
            cell.source = cell.source.replace(old, new)
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(PROJECT / "notebooks")}},
    )
    client.create_kernel_manager()
    client.execute(env=environment(outputs))
    return notebook


def live_buttons(notebook) -> list[str]:
    """What stands on the buttons that a notebook left in its widgets."""
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    return [
        each["state"].get("description", "")
        for each in states.values()
        if each["model_name"] == "ButtonModel"
    ]


def outputs_of(notebook, kind: str) -> list:
    return [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == kind
    ]


def test_by_hand_all_five_in_order_from_nothing(tmp_path):
    for stage in STAGES:
        notebook = by_hand(stage, tmp_path, {"epochs: int = 8": "epochs: int = 2"})
        assert outputs_of(notebook, "error") == [], stage
        first = outputs_of(notebook, "stream")[0].text
        assert "Opened by hand: writing to" in first
        assert str(tmp_path / "lab") in first
    assert (tmp_path / "lab" / "predictions.npz").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["lab"]


def test_by_hand_runs_are_compared_in_the_lab(tmp_path):
    import made_runs

    for name in ("a", "b"):
        made_runs.make(tmp_path / name, model=name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    notebook = by_hand("06_compare", tmp_path)
    assert outputs_of(notebook, "error") == []
    assert "writing to" in outputs_of(notebook, "stream")[0].text
    assert {path: path.read_bytes() for path in before} == before
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "lab"}
    assert (tmp_path / "lab" / "figures" / "06_ranking.svg").is_file()


@pytest.mark.parametrize("stage", ["03_train", "04_evaluate"])
def test_by_hand_alone_without_inputs_it_ends_with_one_line(stage, tmp_path):
    notebook = by_hand(stage, tmp_path)
    error = outputs_of(notebook, "error")[0]
    assert len(error.traceback) == 1
    assert "\n" not in error.traceback[0]
    assert f"{stage} reads" in error.traceback[0]
    assert "uv run run_all.py" in error.traceback[0]


def test_by_hand_it_reads_the_newest_finished_run_and_leaves_it_alone(small_run, tmp_path):
    outputs = tmp_path / "runs"
    shutil.copytree(small_run.outputs, outputs)
    before = {path: path.read_bytes() for path in outputs.rglob("*") if path.is_file()}
    notebook = by_hand(
        "04_evaluate", outputs, {"limit: int | None = None": "limit: int | None = 500"}
    )
    assert outputs_of(notebook, "error") == []
    first = outputs_of(notebook, "stream")[0].text
    assert "model.tflite is taken from" in first
    assert "small" in first
    assert {path: path.read_bytes() for path in before} == before
    # A live notebook offers controls.
    shown = [output.data for output in outputs_of(notebook, "execute_result")]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)


def test_by_hand_the_pad_needs_no_run(tmp_path):
    notebook = by_hand("05_draw", tmp_path)
    assert outputs_of(notebook, "error") == []
    told = "".join(each.text for each in outputs_of(notebook, "stream"))
    assert "Read by the shipped model emnist, 47 classes." in told
    # A kernel at work answers no pad, so nothing was drawn that nobody has asked for.
    assert list((tmp_path / "lab").glob("figures/*")) == []
    assert sum("Draw it" in each for each in live_buttons(notebook)) == 3


def test_a_data_file_cut_short_fails_in_one_line(tmp_path):
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", 1000, 28, 28)
    whole = gzip.compress(header + np.random.default_rng(0).bytes(784_000))
    for split in ("train", "t10k"):
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            (folder / f"{split}-{kind}.gz").write_bytes(whole[:5000])
    done = run_all("--only", "01_eda", "-p", "shared.dataset=mnist", outputs=tmp_path / "runs",
                   HCR_DATA=str(tmp_path / "data"))  # fmt: skip
    assert done.code == 1
    assert "Traceback" not in done.text
    assert "DataError" in done.err
    assert "cut short" in done.err
    page = done.err.strip().splitlines()[-1]
    assert "cut short" in Path(page).read_text()


def test_a_missing_data_set_is_one_line(tmp_path):
    done = run_all("-p", "shared.dataset=mnist", outputs=tmp_path, HCR_DATA="")
    assert done.code == 1
    assert done.err.count("\n") == 1, done.err
    assert "HCR_DATA is not set" in done.err


@pytest.mark.data
def test_the_standing_protocol_is_prepared(tmp_path):
    """The first stages of `emnist_subset.yaml`, on all its pictures."""
    done = run_all("params/emnist_subset.yaml", "--to", "02_balance", outputs=tmp_path)
    assert done.code == 0, done.text
    data = json.loads((tmp_path / "emnist_subset" / "run.json").read_text())["data"]
    assert data["classes"] == 47
    assert data["counts"]["train"] + data["counts"]["validation"] == 141_475
    assert data["counts"]["test"] == 116_323
