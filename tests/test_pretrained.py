"""What ships: each network is there, whole, small, with a card, and reads what it should."""

import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import PROJECT

from hcr import datasets, runs
from hcr import recognizer as recognizers
from hcr.errors import ModelError
from hcr.evaluation import metrics
from hcr.pipeline import shipping
from hcr.pipeline.card import drawn
from hcr.pipeline.shipping_command import main as shipping_main
from hcr.preprocessing import from_strokes, labels, synthesis
from hcr.recognizer import Recognizer
from hcr.runs import Run, files

PRETRAINED = PROJECT / "hcr" / "pretrained"


def share_right(recognizer: Recognizer, n: int = 4) -> float:
    """The share of synthetic drawings, careful ones, that are read right."""
    drawn = [(char, seed) for char in recognizer.labels for seed in range(n)]
    pictures = [from_strokes(synthesis.character(char, seed)) for char, seed in drawn]
    best = recognizer.predict(np.stack(pictures)).argmax(axis=1)
    return float(np.mean([recognizer.labels[i] == drawn[k][0] for k, i in enumerate(best)]))


def test_all_that_is_named_ships_and_nothing_else():
    assert set(shipping.NETWORKS) == set(recognizers.PRETRAINED)
    assert {path.name for path in PRETRAINED.iterdir()} == set(recognizers.PRETRAINED)
    for name in recognizers.PRETRAINED:
        folder = recognizers.PRETRAINED[name]
        due = {"model.tflite", "labels.json", "card.md"}
        due |= {"model.keras"} if shipping.NETWORKS[name].keras else set()
        assert {path.name for path in (PROJECT / "hcr" / folder).iterdir()} == due
    assert shipping.NETWORKS[next(iter(recognizers.PRETRAINED))].keras


def test_it_is_small():
    sizes = [path.stat().st_size for path in PRETRAINED.rglob("*") if path.is_file()]
    assert max(sizes) < 4_000_000
    assert sum(sizes) < 8_000_000


@pytest.mark.parametrize(
    ("name", "classes", "least"),
    [
        ("emnist", labels.BALANCED, 0.9),
        ("mnist", labels.DIGITS, 0.8),
        ("mnist_nist_all", labels.ALPHANUMERIC, 0.4),
        ("mnist_nist_1000", labels.ALPHANUMERIC, 0.4),
    ],
)
def test_it_reads(name, classes, least):
    recognizer = Recognizer.load(name)
    assert recognizer.labels == tuple(classes)
    assert share_right(recognizer) >= least
    assert 0.5 < recognizer.temperature < 2


def test_the_first_is_the_47_classes():
    assert Recognizer.load().path == PRETRAINED / "emnist" / "model.tflite"


def test_the_keras_file_says_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_CACHE", str(tmp_path))
    folder = PRETRAINED / "emnist"
    pictures = [from_strokes(synthesis.character(each, 1)) for each in labels.BALANCED]
    keras, litert = (
        Recognizer.load(folder / file).predict(np.stack(pictures))
        for file in ("model.keras", "model.tflite")
    )
    # The one has 32 bits a weight, the other 8.
    assert np.abs(keras - litert).max() < 0.2
    assert (keras.argmax(axis=1) == litert.argmax(axis=1)).mean() > 0.95


@pytest.mark.parametrize("name", recognizers.PRETRAINED)
def test_its_card_tells_figures_limits_and_how_to_make_it_again(name):
    text = (PRETRAINED / name / "card.md").read_text(encoding="utf-8")
    assert f"python benchmarks/pretrained.py {name}`" in text
    for heading in ("## Figures", "## Limits", "## Licences"):
        assert heading in text
    assert re.search(r"\| test \| [\d,]+ \| \d\d\.\d\d % \(\d\d\.\d\d % to ", text)
    assert "read once" in text
    assert "".join(Recognizer.load(name).labels) in text


@pytest.mark.parametrize("name", recognizers.PRETRAINED)
def test_its_command_is_right(name):
    network = shipping.NETWORKS[name]
    for params in (*network.before, network.params):
        words = [f"params/{params}.yaml", "--run", f"shipped_{name}", "--check"]
        for override in network.overrides:
            words += ["-p", override]
        done = subprocess.run(
            [sys.executable, "run_all.py", *words],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_its_steps_come_in_their_order(tmp_path, monkeypatch):
    commands, cards = [], []
    monkeypatch.setenv("HCR_OUTPUTS", str(tmp_path / "out"))
    monkeypatch.setattr(shipping, "_run", lambda name, *given: commands.append(given))
    monkeypatch.setattr(shipping.environment, "root", lambda: tmp_path)
    monkeypatch.setattr(shipping, "write_weights", lambda run, folder, keras: {"bits": 8})
    monkeypatch.setattr(shipping, "card", lambda *given: cards.append(given) or "card")
    steps = ["hcr_net_pen", "emnist_first", "emnist_second", "shipped_emnist"]
    for i, step in enumerate(steps):
        seconds = {"03_train": {"training_seconds": 10.0**i}}
        files.write_json(tmp_path / "out" / step / "metrics.json", seconds)
        files.write_json(tmp_path / "out" / step / "run.json", {"schema": 1, "commit": f"c{i}"})
    files.write_json(tmp_path / "out" / "shipped_emnist" / "labels.json", {"start": "gone"})
    folder = shipping.ship("emnist")
    assert [run for _, run, _ in commands] == steps
    begins = [[word for word in given if "start=" in word] for *_, given in commands]
    out = runs.outputs()
    assert begins == [
        [],
        [f"03_train.start={out / 'hcr_net_pen'}"],
        [f"03_train.start={out / 'emnist_first'}"],
        [f"03_train.start={out / 'emnist_first'},{out / 'emnist_second'}"],
    ]
    assert cards[0][2]["commit"] == "c0, c1, c2, c3"
    assert cards[0][3]["03_train"]["training_seconds"] == 1111.0
    assert files.read_json(folder / "labels.json") == {}
    assert (folder / "card.md").read_text(encoding="utf-8") == "card"


@pytest.mark.data
def test_it_reads_nine_in_ten_of_the_validation_pictures():
    split = datasets.load("emnist-subset").validation
    predicted = Recognizer.load("emnist").predict(split.images).argmax(axis=1)
    assert metrics.balanced_accuracy(split.labels, predicted, 47) >= 0.9


def test_its_card_tells_how_drawings_are_read():
    text = (PRETRAINED / "emnist" / "card.md").read_text(encoding="utf-8")
    found = files.read_json(PROJECT / "docs" / "results" / "drawings.json")
    assert found["model"] == files.sha256(PRETRAINED / "emnist" / "model.tflite")
    assert "## Pen drawings" in text
    for shares in found["placements"].values():
        for mean, _, _ in shares.values():
            assert f"| {100 * mean:.2f} % (" in text
    assert drawn(PRETRAINED / "mnist" / "model.tflite") == []


def test_an_unknown_network_does_not_ship(capsys):
    with pytest.raises(ModelError, match="No network 'mnsit' ships.*mnist"):
        shipping.ship("mnsit")
    assert shipping_main(["mnsit"]) == 1
    assert "No network 'mnsit' ships" in capsys.readouterr().err


def test_a_stage_reads_with_its_runs_model_or_with_a_shipped_one(tmp_path, capsys):
    by_hand = Run("lab", "05_draw", tmp_path, by_hand=True)
    assert recognizers.load_for(by_hand, "run").labels == tuple(labels.BALANCED)
    assert "shipped model emnist, 47 classes" in capsys.readouterr().out
    run = Run("mine", "05_draw", tmp_path, by_hand=False)
    assert recognizers.load_for(run, "emnist").labels == tuple(labels.BALANCED)
    with pytest.raises(Exception, match="05_draw reads model.tflite"):
        recognizers.load_for(run, "run")


README = (PROJECT / "README.md").read_text(encoding="utf-8")


def rounded(figure: str, digits: int) -> str:
    """`90.22 % (90.00 % to 90.43 %)` as `90.2 % (90.0 to 90.4)`."""
    found = [f"{float(each):.{digits}f}" for each in re.findall(r"\d+\.\d+", figure)]
    return f"{found[0]} % ({found[1]} to {found[2]})"


@pytest.mark.parametrize("name", recognizers.PRETRAINED)
def test_the_readme_has_the_cards_figures(name):
    card = (PRETRAINED / name / "card.md").read_text(encoding="utf-8")
    _, n, accuracy, balanced = re.search(r"\| (test) \| (.+?) \| (.+?) \| (.+?) \|", card).groups()
    (row,) = (line for line in README.splitlines() if line.startswith(f"| [`{name}`]"))
    cells = [each.strip() for each in row.split("|")]
    digits = 2 if name in ("emnist", "mnist") else 1
    assert cells[4:7] == [n, rounded(accuracy, digits), rounded(balanced, digits)]


def test_the_readme_has_the_figures_of_drawings():
    text = (PROJECT / "docs" / "results" / "drawings.md").read_text(encoding="utf-8")
    found = re.findall(
        r"## (.+?): .*?contributors: folded (.+?\)), top 3 (.+?\)), exact", text, re.S
    )
    assert len(found) == 4
    rows = [
        line.split("|") for line in README.splitlines() if " pixels" in line or "a corner" in line
    ]
    rows = [[cell.strip() for cell in row] for row in rows if len(row) == 5]
    assert [row[2:4] for row in rows] == [[folded, top] for _, folded, top in found]
    n = re.search(r"([\d,]+) drawings of", text)[1]
    assert f"(n = {n})" in README
