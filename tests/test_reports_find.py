"""What is planted in data and in models is told by the reports, in words; real notebooks, whole.

The data are a person's own, so small that a notebook takes seconds; nothing is trained: the
networks that ship read them.
"""

import json
import re
import shutil
from pathlib import Path

import made_runs
import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import Finished, run_all
from html_page import Page

from hcr import datasets
from hcr.datasets import drawings_file as drawings
from hcr.evaluation import metrics
from hcr.preprocessing import corruptions, from_strokes, synthesis
from hcr.recognizer import PRETRAINED
from hcr.reports.insights_faults import WARNING
from hcr.runs import files

pytestmark = pytest.mark.slow

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TEST = 20  # pictures of a character
SPOILT = "K"  # whose test pictures are noise
EXCHANGED = "ET"  # in the order of a model's labels
LEAKED = 25  # test pictures that lie among the training pictures, too
SHARE = 0.3  # of the labels of 3 and 8 that are exchanged for one another


def drawn(each: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """So many pictures of each of `CHARACTERS`, digits smaller, as the shipped networks know them.

    The seeds of the drawings count from `first`.
    """
    found = np.stack(
        [
            from_strokes(synthesis.character(character, first + place))
            for character in CHARACTERS
            for place in range(each)
        ]
    )
    digits = 10 * each
    found[:digits] = corruptions.corrupt(found[:digits], "scale", 2)
    return found, np.repeat(np.arange(len(CHARACTERS)), each)


@pytest.fixture(scope="module")
def spoilt_class(tmp_path_factory) -> Path:
    """Drawn characters; the test pictures of one of them are noise."""
    parts = {"train": drawn(4, 0), "validation": drawn(4, 50), "test": drawn(TEST, 100)}
    pictures, labels = parts["test"]
    its = labels == CHARACTERS.index(SPOILT)
    shape = (int(its.sum()), 28, 28)
    pictures[its] = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = tmp_path_factory.mktemp("own") / "drawn.npz"
    arrays = {f"{part}_images": each for part, (each, _) in parts.items()}
    arrays |= {f"{part}_labels": each for part, (_, each) in parts.items()}
    np.savez(path, **arrays, characters=np.array(list(CHARACTERS)))
    return path


def sentences(run: Path, stage: str) -> list[str]:
    """What the executed notebook of `stage` says, sentence by sentence, as Markdown."""
    notebook = nbformat.read(run / f"{stage}.ipynb", as_version=4)
    said = [
        output.data["text/markdown"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "text/markdown" in output.get("data", {})
    ]
    return [each for text in said for each in re.split(r"(?<=[.:])\s+(?=[A-Z“>])", text) if each]


def page(run: Path, stage: str) -> str:
    """The text of the report of `stage`, with single blanks."""
    return " ".join(Page((run / f"{stage}.html").read_text()).text.split())


def evaluated(outputs: Path, name: str, **given) -> Path:
    """Run 04_evaluate, and nothing else, in the run `name`; its folder."""
    hands = outputs.parent / "hands"
    if not hands.exists():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HCR_DRAWINGS", str(hands))
            for character in CHARACTERS:
                strokes = [200 * each + 40 for each in synthesis.character(character, 7)]
                drawings.append(character, strokes, size=280)
    words = [word for key, value in given.items() for word in ("-p", f"04_evaluate.{key}={value}")]
    done: Finished = run_all(
        *words, "--only", "04_evaluate", "--run", name, outputs=outputs, HCR_DRAWINGS=str(hands)
    )
    assert done.code == 0, done.text
    return outputs / name


@pytest.fixture(scope="module")
def outputs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("made") / "runs"


@pytest.fixture(scope="module")
def one(outputs, spoilt_class) -> Path:
    """Everything that 04_evaluate can tell, of one network."""
    more = {"beside": "mnist_nist_1000", "robustness": 2, "drawings": "own"}
    own = {"dataset": "own", "path": spoilt_class}
    return evaluated(outputs, "one", reader="mnist_nist_all", **own, **more)


@pytest.fixture(scope="module")
def other(outputs, spoilt_class) -> Path:
    """Another network, and the same pictures."""
    own = {"dataset": "own", "path": spoilt_class, "robustness": 2, "drawings": "own"}
    return evaluated(outputs, "other", reader="mnist_nist_1000", **own)


# A broken class


def test_a_class_that_is_hardly_read_is_told(one):
    said = page(one, "04_evaluate")
    warning = WARNING.strip("> *").strip()
    found = re.search(
        rf"{warning} (\d+) of 36 classes (is|are) read far worse than the o[^:]*:", said
    )
    assert found, said
    its = re.search(rf"“{SPOILT}”, (\d+) of {TEST} pictures read right, [^;.]*read as “.”", said)
    assert its, said
    saved = np.load(one / "predictions.npz")
    mine = saved["labels"] == CHARACTERS.index(SPOILT)
    assert int(its[1]) == int((saved["predicted"] == saved["labels"])[mine].sum())


# Labels exchanged


def test_labels_exchanged_in_the_models_order_are_told(outputs, spoilt_class, one):
    order = CHARACTERS.translate(str.maketrans(EXCHANGED, EXCHANGED[::-1]))
    own = {"dataset": "own", "path": spoilt_class, "labels": f'"{order}"'}
    run = evaluated(outputs, "swapped", reader="mnist_nist_all", **own)
    said = page(run, "04_evaluate")
    a, b = EXCHANGED
    assert f"“{a}” and “{b}” look exchanged: " in said
    assert re.search(rf"1\d of 20 pictures of “{a}” are read as “{b}”|20 of 20 pictures of", said)
    assert "Look at the order of the model's labels" in said
    assert "look exchanged" not in page(one, "04_evaluate")


@pytest.fixture(scope="module")
def looked_at(outputs, tmp_path_factory) -> tuple[Path, dict]:
    """01_eda of digits among which are test pictures, and labels of 3 and 8 that were exchanged."""
    data = datasets.load("mnist-sample", limit=1200)
    test = data.test
    labels = data.train.labels.copy()
    generator, moved = np.random.default_rng(0), {}
    for given, instead in ((3, 8), (8, 3)):
        its = np.flatnonzero(data.train.labels == given)
        chosen = generator.choice(its, round(SHARE * len(its)), replace=False)
        labels[chosen], moved[given] = instead, len(chosen)
    arrays = {
        "train_images": np.concatenate([data.train.images, test.images[:LEAKED]]),
        "train_labels": np.concatenate([labels, test.labels[:LEAKED]]),
        "validation_images": data.validation.images,
        "validation_labels": data.validation.labels,
        "test_images": test.images,
        "test_labels": test.labels,
    }
    path = tmp_path_factory.mktemp("own") / "digits.npz"
    np.savez(path, **arrays)
    words = ["--only", "01_eda", "--run", "faults", "-p", "shared.dataset=own", "-p"]
    words += [f"shared.path={path}", "-p", "01_eda.map_points=0"]
    done = run_all(*words, outputs=outputs)
    assert done.code == 0, done.text
    return outputs / "faults", moved


def test_labels_exchanged_in_a_part_of_the_data_are_told(looked_at):
    run, moved = looked_at
    said = page(run, "01_eda")
    found = re.search(
        r"Of ([\d,]+) doubted labels (\d+) \([\d.]+ %\) lie between “3” and “8”: "
        r"(\d+) are labelled “3” and look like “8”, (\d+) the other way round. "
        r"That is no chance: look whether these labels were exchanged.",
        said,
    )
    assert found, said
    assert WARNING.strip("> *").strip() in said
    every, both, threes, eights = (int(each.replace(",", "")) for each in found.groups())
    assert both == threes + eights <= every
    # What looks like an 8 and is labelled 3 was one that was moved, for the most part.
    assert threes > 0.6 * moved[8]
    assert eights > 0.6 * moved[3]


# A leak


def test_test_pictures_among_the_training_pictures_are_told(looked_at):
    run, _ = looked_at
    said = page(run, "01_eda")
    assert (
        f"removed from train {LEAKED} pictures that are in validation (0) or test ({LEAKED})"
    ) in said
    found = json.loads((run / "metrics.json").read_text())["01_eda"]
    assert found["leaks"] == LEAKED
    # What was measured, then, is without them.
    assert found["train"] == 1200


# Sentences are made from the data


def test_another_model_changes_every_sentence_that_names_a_figure(one, other):
    first, second = (sentences(each, "04_evaluate") for each in (one, other))
    figures = [each for each in first if re.search(r"\d", each)]
    # Classes, kinds of mistakes, calibration, refusing, doubts, spoilt pictures, drawings, a pair.
    assert len(figures) >= 10, first
    same = [each for each in figures if each in second]
    assert same == []
    assert not [each for each in second if re.search(r"\d", each) and each in first]


def test_another_model_changes_every_result_and_every_table_of_answers(one, other):
    found = [json.loads((run / "metrics.json").read_text())["04_evaluate"] for run in (one, other)]
    assert set(found[0]) == set(found[1])
    same = {key for key in found[0] if found[0][key] == found[1][key]}
    assert same == {"n"}
    for name in ("splits", "per_class", "counts", "confusions", "kinds", "robustness", "drawings"):
        texts = [(run / "tables" / f"04_{name}.csv").read_text() for run in (one, other)]
        assert texts[0] != texts[1], name


def captions(run: Path, stage: str) -> dict[str, str]:
    """The captions of the figures and tables of `stage`, by their folder and name."""
    record = files.read_json(run / "run.json")["stages"][stage]
    every = [*record["figures"], *record["tables"]]
    return {str(Path(each["file"]).with_suffix("")): each["caption"] for each in every}


def notes(run: Path, stage: str) -> dict[str, str]:
    """Value and note of each row of the results of `stage`, by what is counted."""
    path = run / "tables" / f"{stage[:2]}_results.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("Figure")
    return (table["Value"] + "; " + table["Note"]).to_dict()


# What is the same for every model: the level, how many pictures, how many are shown, names.
FIXED = re.compile(
    r"95 %|n = [\d,]+|\b1 seed|[Tt]he first (15 pictures|40 shown)|0: as they are|F1|tables/\S+"
)


def telling(texts: dict[str, str]) -> set[str]:
    """The names of the texts that hold a figure of a model."""
    return {name for name, text in texts.items() if re.search(r"\d", FIXED.sub("", text))}


def test_another_model_changes_every_caption_and_note_that_names_a_figure(one, other):
    for of, least in (
        (captions, {"figures/04_reliability"}),
        (notes, {"Accuracy", "Class-balanced accuracy", "Log loss", "Calibration error (ECE)"}),
    ):
        first, second = (of(each, "04_evaluate") for each in (one, other))
        assert least <= telling(first)
        assert set(first) >= telling(second)
        same = [name for name in telling(first) if first[name] == second.get(name)]
        assert same == (["Test pictures"] if of is notes else [])


def test_another_training_changes_every_caption_and_note_that_names_a_figure(outputs):
    runs = []
    for model, epochs in (("hcr_small", 1), ("digits_nine_layer", 2)):
        words = ("-p", f"03_train.model={model}", "-p", f"03_train.epochs={epochs}")
        done = run_all(*words, "--to", "03_train", "--run", f"by_{model}", outputs=outputs)
        assert done.code == 0, done.text
        runs.append(outputs / f"by_{model}")
    for of, least in (
        (captions, {"figures/03_calibration", "tables/03_files"}),
        (notes, {"Chosen epoch", "Accuracy on validation", "Temperature", "Parameters"}),
    ):
        first, second = (of(each, "03_train") for each in runs)
        assert least <= telling(first)
        same = {name for name in telling(first) if first[name] == second[name]}
        # Two networks may have as many groups; how numbers are held is the machine's.
        assert same <= {"tables/03_groups", "Groups of confused characters", "Precision"}


def test_another_reader_changes_every_figure_of_the_pad(outputs):
    """The one reads 47 characters, the other ten."""
    runs = []
    for name in ("emnist", "mnist"):
        words = ("-p", f"05_draw.reader={name}", "--only", "05_draw", "--run", f"drawn_{name}")
        done = run_all(*words, outputs=outputs)
        assert done.code == 0, done.text
        runs.append(outputs / f"drawn_{name}")
    first, second = (notes(each, "05_draw") for each in runs)
    assert len(telling(first)) == len(first) == 2
    assert [name for name in first if first[name] == second[name]] == []
    first, second = (captions(each, "05_draw") for each in runs)
    assert [name for name in telling(first) if first[name] == second[name]] == []
    first, second = (files.read_json(each / "metrics.json")["05_draw"] for each in runs)
    assert [key for key in first if first[key] == second[key]] == []


def test_what_a_notebook_says_itself_holds_no_figure_of_a_run(one):
    """The prose is the same for every model: no share, no count of pictures."""
    notebook = nbformat.read(one / "04_evaluate.ipynb", as_version=4)
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    found = json.loads((one / "metrics.json").read_text())["04_evaluate"]
    told = [metrics.percent(value) for value in found.values() if isinstance(value, float)]
    assert not [each for text in prose for each in told if each in text]


# Seeds


def test_the_spread_over_seeds_is_told_where_there_are_several(outputs, one):
    """The run's network is one that ships; its record, and the run of another seed, are made up."""
    data = datasets.load("mnist-sample")
    facts = {"validation_digest": data.validation.digest}
    usual = {"test_digest": data.test.digest, "data": facts, "true": data.test.labels}
    for seed, wrong in ((0, 1), (1, 30), (2, 50)):
        made_runs.make(outputs / f"net-s{seed}", seed=seed, wrong=wrong, **usual)
    made_runs.make(outputs / "wider-s1", seed=1, wrong=400, epochs=9, **usual)
    run = outputs / "net-s0"
    for file in ("model.tflite", "labels.json"):
        shutil.copy(PRETRAINED["mnist"] / file, run / file)
    evaluated(outputs, "net-s0")
    own = files.read_json(run / "metrics.json")["04_evaluate"]["accuracy"]
    values = np.array([own, 0.97, 0.95])
    said = page(run, "04_evaluate")
    assert "Finished so far with this recipe: the seeds 0, 1 and 2." in said
    assert f"Accuracy: {metrics.percent(values.mean(), 2)} on the average (95 %: " in said
    assert f"standard deviation of {100 * values.std(ddof=1):.2f} points over the seeds" in said
    table = (run / "tables" / "04_seeds.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table[1:]] == [
        "0",
        "1",
        "2",
        "mean",
        "standard deviation",
    ]
    # Nothing of one seed alone.
    assert "Finished so far" not in page(one, "04_evaluate")
    assert not (one / "tables" / "04_seeds.csv").exists()
