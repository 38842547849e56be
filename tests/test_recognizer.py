"""The recognizer: right answers for any number of images, drawings and pictures."""

import json
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from conftest import one_line
from PIL import Image, ImageDraw
from scipy.special import softmax

from hcr import datasets, recognizer, runs
from hcr.errors import DataError, ModelError, ParameterError, PictureWarning
from hcr.preprocessing import FRAMINGS, Framing, from_picture, from_strokes, synthesis
from hcr.recognizer import PRETRAINED, Recognizer, familiar
from hcr.recognizer.network import BATCH
from hcr.runs import files

DIGITS = tuple("0123456789")


@pytest.fixture(scope="module")
def model() -> Recognizer:
    return Recognizer.load("mnist")


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Several batches, and not a whole number of them."""
    found = datasets.load("mnist-sample").test.images[: 3 * BATCH + 7]
    assert len(found) == 3 * BATCH + 7
    return found


def seven(seed: int = 1) -> list[np.ndarray]:
    return [200 * stroke + 40 for stroke in synthesis.character("7", seed)]


def scan(strokes, ink=0, paper=255, side=200) -> np.ndarray:
    """A picture of strokes within the unit square: uint8 (side, side)."""
    picture = Image.new("L", (4 * side, 4 * side), paper)
    for stroke in strokes:
        line = [tuple(point) for point in (stroke * 0.5 + 0.3) * 4 * side]
        ImageDraw.Draw(picture).line(line, fill=ink, width=side // 3, joint="curve")
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX))


def test_any_number_of_images_is_predicted_as_each_alone(model, pictures):
    together = model.predict(pictures)
    assert (together.shape, together.dtype) == ((len(pictures), 10), np.float32)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    for n in (0, 1, 2, BATCH - 1, BATCH, BATCH + 1):
        np.testing.assert_allclose(model.predict(pictures[:n]), together[:n], atol=1e-6)
    # Views that lie otherwise in memory, and an answer that the next call leaves alone.
    np.testing.assert_allclose(model.predict(pictures[::2]), together[::2], atol=1e-6)
    turned = np.asfortranarray(pictures[:20])
    np.testing.assert_allclose(model.predict(turned), together[:20], atol=1e-6)


def test_images_that_break_the_contract_are_refused(model):
    for images in (np.zeros((28, 28), np.uint8), np.zeros((2, 28, 28), np.float32)):
        with pytest.raises(DataError, match="uint8"):
            model.predict(images)


def test_one_image_has_one_thread_and_many_have_all(run, pictures, monkeypatch):
    from ai_edge_litert import interpreter

    threads = []

    class Noted(interpreter.Interpreter):
        def __init__(self, *args, num_threads, **options):
            threads.append(num_threads)
            super().__init__(*args, num_threads=num_threads, **options)

    monkeypatch.setattr(interpreter, "Interpreter", Noted)
    monkeypatch.setattr("hcr.runs.environment.cores", lambda: 3)
    found = Recognizer.load(run)
    for n in (1, 9, 1):
        found.predict(pictures[:n])
    assert threads == [1, 3]


def test_threads_get_their_own_answers(model, pictures):
    expected = model.predict(pictures)

    def ask(seed: int) -> float:
        rng = np.random.default_rng(seed)
        chosen = [rng.integers(0, len(pictures), rng.integers(1, 30)) for _ in range(40)]
        return max(np.abs(model.predict(pictures[i]) - expected[i]).max() for i in chosen)

    with ThreadPoolExecutor(4) as threads:
        assert max(threads.map(ask, range(4))) < 1e-5


def test_strokes_are_recognized_as_their_image(model):
    strokes = seven()
    found = model.recognize(strokes=strokes)
    image = from_strokes(strokes, FRAMINGS["mnist"])
    expected = model.predict(image[None])[0]
    assert (found.image == image).all()
    assert found.best == found.ranked[0][0] == found.alternatives[0] == "7"
    assert dict(found.ranked) == pytest.approx(dict(zip(DIGITS, expected.tolist(), strict=True)))
    chances = [chance for _, chance in found.ranked]
    assert chances == sorted(chances, reverse=True)
    assert model.read_strokes(strokes) == found.ranked
    assert model.recognize(strokes=strokes, top=3).ranked == found.ranked[:3]


@pytest.mark.parametrize("form", ["array", "negative", "image", "path", "text"])
def test_a_picture_is_recognized_whatever_it_comes_as(model, tmp_path, form):
    picture = scan(synthesis.character("7", 1), *((255, 0) if form == "negative" else (0, 255)))
    expected = model.predict(from_picture(picture, framing=model.framing)[None])[0]
    Image.fromarray(picture).save(tmp_path / "seven.png")
    given = {"image": Image.fromarray(picture), "path": tmp_path / "seven.png"}
    given |= {"text": str(tmp_path / "seven.png")}
    found = model.read_image(given.get(form, picture))
    assert found[0] == ("7", pytest.approx(float(expected.max())))
    assert len(found) == 10


def test_pictures_of_mnist_are_recognized_as_well_as_its_arrays(model):
    split = datasets.load("mnist-sample").validation.take(np.arange(200))
    arrays = (model.predict(split.images).argmax(axis=1) == split.labels).mean()
    for pictures in (split.images, 255 - split.images):
        best = [model.recognize(picture).best for picture in pictures]
        assert np.mean(np.array(best) == split.labels.astype(str)) >= arrays - 0.01


def test_a_model_says_how_its_images_were_framed_or_is_told(run, capsys):
    path, mnist = run / "model.tflite", FRAMINGS["mnist"]
    assert Recognizer.load(path, DIGITS).framing == FRAMINGS["emnist"]
    assert "EMNIST" in capsys.readouterr().err
    for told in ("mnist", mnist):
        assert Recognizer.load(path, DIGITS, framing=told).framing == mnist
    with pytest.raises(ModelError, match="framing"):
        Recognizer.load(path, DIGITS, framing="minst")
    facts = {"characters": DIGITS, "framing": {"side": 24.5, "centering": "box"}}
    files.write_json(run / "labels.json", facts)
    assert Recognizer.load(run).framing == Framing(24.5, "box")
    assert not capsys.readouterr().err
    for broken in ({"side": 99, "centering": "box"}, {"side": 20}, "mnist"):
        files.write_json(run / "labels.json", facts | {"framing": broken})
        with pytest.raises(ModelError, match="framing"):
            Recognizer.load(run)


@pytest.mark.parametrize("empty", [[], [np.zeros((0, 2))]])
def test_nothing_drawn_is_nothing_recognized(model, empty):
    found = model.recognize(strokes=empty)
    assert (found.ranked, found.alternatives, found.best) == ([], [], "")
    assert not found.image.any()
    with pytest.warns(PictureWarning, match="blank"):
        assert model.read_image(np.full((80, 60), 230, np.uint8)) == []


def test_a_picture_that_cannot_be_read_is_one_line(model, tmp_path):
    cut, text = tmp_path / "cut.png", tmp_path / "text.png"
    Image.fromarray(scan(synthesis.character("7", 1))).save(cut)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    text.write_text("no picture")
    for path in (cut, text, tmp_path / "missing.png"):
        with one_line(DataError, "picture", path):
            model.read_image(path)
    with pytest.raises(DataError, match="NoneType"):
        model.recognize()


def changed(run: Path, **facts) -> Recognizer:
    files.write_json(run / "labels.json", {"characters": list(DIGITS)} | facts)
    return Recognizer.load(run)


@pytest.mark.parametrize("temperature", [0.5, 30])
def test_probabilities_are_those_of_logits_over_the_temperature(run, pictures, temperature):
    plain = changed(run).predict(pictures[:40])
    calibrated = changed(run, temperature=temperature).predict(pictures[:40])
    # The logarithm of a softmax is its logits, but for a number that a softmax does not see.
    expected = softmax(np.log(plain.astype(float)) / temperature, axis=1)
    assert calibrated.dtype == np.float32
    np.testing.assert_allclose(calibrated, expected, atol=1e-6)


def test_alternatives_are_the_characters_above_the_threshold(run, monkeypatch):
    found = changed(run, groups=[["3", "8"]], alternatives={"images": 0.2, "drawings": 0.3})
    probabilities = np.array([[0, 0, 0, 0.5, 0.02, 0.25, 0, 0, 0.23, 0]], np.float32)
    monkeypatch.setattr(found, "predict", lambda images: probabilities)
    picture = scan(synthesis.character("7", 1))
    assert found.recognize(picture).alternatives == ["3", "5", "8"]
    assert found.recognize(strokes=seven()).alternatives == ["3"]
    # Without a threshold of its own a drawing takes that of images; the best one is always there.
    found.thresholds = {"images": 0.24}
    assert found.recognize(strokes=seven()).alternatives == ["3", "5"]
    found.thresholds = {"images": 0.9}
    assert found.recognize(strokes=seven()).alternatives == ["3"]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.6, 0.3, 0.1], "01"),
        ([0.9, 0.02, 0.02, 0, 0, 0, 0.06], "06"),
        ([0.92, 0.04, 0, 0, 0, 0, 0.04], "0"),
    ],
)
def test_without_thresholds_they_hold_nine_tenths_and_the_group(run, monkeypatch, shares, expected):
    """The rule of models that were trained before thresholds were."""
    found = changed(run, groups=[["0", "6"]])
    probabilities = np.array([shares + [0] * (10 - len(shares))])
    monkeypatch.setattr(found, "predict", lambda images: probabilities)
    assert "".join(found.recognize(strokes=seven()).alternatives) == expected


def test_what_is_no_character_is_said_beside_the_answer():
    model, turn = Recognizer.load(), np.linspace(0, 2 * np.pi, 40)
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    eyes = [circle * [0.11, 0.19] + [x, -0.44] for x in (-0.37, 0.37)]
    smiley = [circle, *eyes, circle[2:18] * [0.69, 0.31] + [0, 0.06]]
    for each in (model, model.among("digits"), Recognizer.load("mnist_nist_all")):
        answer = each.recognize(strokes=smiley)
        assert list(answer.warnings) == ["unfamiliar"]
        assert len(answer.ranked) == len(each.labels)
    cross = [[[0, 4], [8, 4]], [[4, 0], [4, 8]]]
    broken_h = [[[0, 0], [0, 9]], [[2, 5], [6, 5]], [[7, 0], [7, 9]]]
    for one in ([circle], cross[1:], cross, seven(), broken_h):
        assert not model.recognize(strokes=one).warnings
    pair = [*seven(), *(stroke + np.array([220, 0]) for stroke in seven(2))]
    assert list(model.recognize(strokes=pair).warnings) == ["several"]


def test_what_is_familiar_is_the_model_s_own(run, pictures):
    given = Recognizer.load(run)._network.with_features(pictures)
    labels = given[0].argmax(axis=1)
    familiar.write(run / "model.tflite", pictures, labels, {"images": pictures})
    known = Recognizer.load(run)._familiar
    assert 0.98 <= (known.distances(*given) <= known.drawings).mean() < 0.99
    with (run / "model.tflite").open("ab") as file:  # another model
        file.write(b"0")
    assert Recognizer.load(run)._familiar is None
    (run / "familiar.npz").write_bytes(b"PK")
    with one_line(ModelError, "familiar"):
        Recognizer.load(run)


@pytest.mark.parametrize(
    ("only", "labels"),
    [
        ("digits", "0123456789"),
        ("capitals", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("letters", "ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"),
        ("O10", "01O"),  # in the model's order
        (["7"], "7"),
    ],
)
def test_answers_among_some_characters_are_the_model_s_in_proportion(only, labels):
    whole, some = Recognizer.load(), Recognizer.load(only=only)
    strokes = seven()
    everything, answer = (each.recognize(strokes=strokes) for each in (whole, some))
    assert some.labels == tuple(labels)
    shares = {label: p for label, p in everything.ranked if label in labels}
    expected = {label: p / sum(shares.values()) for label, p in shares.items()}
    assert dict(answer.ranked) == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert [p for _, p in answer.ranked] == sorted((p for _, p in answer.ranked), reverse=True)
    assert answer.alternatives[0] == answer.best
    assert {c for group in some.groups for c in group} | set(answer.alternatives) <= set(labels)
    assert some.predict(answer.image[None])[0].sum() == pytest.approx(1)
    assert some.saliency(answer.image, labels.index(answer.best)).shape == (28, 28)
    assert len(whole.labels) == 47  # the model that it comes from is as it was


@pytest.mark.parametrize("only", ["", "0123c", "digit", "00", [], 7, "0, 1"])
def test_characters_that_a_model_lacks_cannot_be_chosen(only):
    with one_line(ParameterError, "only", *(["digits"] if only == "digit" else [])):
        Recognizer.load(only=only)
    with pytest.raises(ParameterError, match="letters"):
        Recognizer.load("mnist", only="letters")


def test_saliency_is_what_covering_costs(model):
    image = model.recognize(strokes=seven()).image
    found = model.saliency(image, 7)
    assert not found[:2, :2].any()
    odds = np.log(model.predict(image[None])[0, 7] / (1 - model.predict(image[None])[0, 7]))
    # The corner pixel of the ink's box by hand: the mean over the squares that cover it.
    row, column = np.argwhere(image)[0]
    costs = []
    for top in range(0, 23, 2):
        for left in range(0, 23, 2):
            if top <= row < top + 6 and left <= column < left + 6:
                covered = image.copy()
                covered[top : top + 6, left : left + 6] = 0
                p = model.predict(covered[None])[0, 7]
                costs.append(odds - np.log(p / (1 - p)))
    assert found[row, column] == pytest.approx(np.mean(costs), abs=0.01)
    assert not model.saliency(np.zeros((28, 28), np.uint8), 7).any()


ALONE = """
import json, sys
import numpy as np
from hcr.recognizer import Recognizer
recognizer = Recognizer.load(sys.argv[1])
recognizer.recognize(strokes=[[(0, 0), (9, 9)]])
heavy = {"tensorflow", "keras", "torch", "jax", "pandas", "sklearn", "matplotlib"}
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules} & heavy)))
"""
FORKED = """
import os, sys, threading
import numpy as np
from hcr.recognizer import Recognizer
recognizer = Recognizer.load(sys.argv[1])
pictures = np.random.default_rng(0).integers(0, 256, (200, 28, 28), np.uint8)
expected = recognizer.predict(pictures)
begun = threading.Event()
def work():
    while True:
        begun.set()
        recognizer.predict(pictures)
threading.Thread(target=work, daemon=True).start()
begun.wait()
child = os.fork()
if not child:
    for n in (200, 1):
        assert np.allclose(recognizer.predict(pictures[:n]), expected[:n], atol=1e-4)
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_it_needs_nothing_heavy():
    command = [sys.executable, "-c", ALONE, "mnist"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_it_predicts_in_the_child_of_a_fork_too():
    """Even where another thread was predicting, whose locks and threads the child lacks."""
    command = [sys.executable, "-W", "ignore", "-c", FORKED, "mnist"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        _, err = process.communicate(timeout=120)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, err


def test_a_stage_opened_by_hand_takes_a_model_that_is_there(run, capsys):
    needs = ["model.tflite", "labels.json"]
    stage = runs.open("lab", "05_draw", needs=needs)
    assert recognizer.load_for(stage, "run").labels == Recognizer.load().labels
    assert "pretrained model emnist" in capsys.readouterr().out
    assert recognizer.load_for(stage, str(run)).labels == DIGITS
    assert str(run) in capsys.readouterr().out
    shutil.copytree(run, stage.folder, dirs_exist_ok=True)
    stage = runs.open("lab", "05_draw", needs=needs)
    assert recognizer.load_for(stage, "run").path == stage.path("model.tflite")


def test_what_training_began_from_is_loaded_again(run, tmp_path, capsys):
    labels = tmp_path / "labels.json"
    known = {"characters": list(DIGITS)}
    files.write_json(labels, known)
    assert recognizer.load_start(labels) is None
    files.write_json(labels, known | {"start": str(run)})
    assert recognizer.load_start(labels).path.parent == run
    assert capsys.readouterr().out == ""
    for start in ("outputs/gone", "emnist"):
        files.write_json(labels, known | {"start": start})
        assert recognizer.load_start(labels) is None
        assert capsys.readouterr().out.startswith("Not compared")


def test_few_images_leave_temperature_and_groups_as_they_were(tmp_path):
    (tmp_path / "model.keras").touch()
    known = {"temperature": 1.25, "groups": [["1", "7"]], "alternatives": {"images": 0.1}}
    files.write_json(tmp_path / "labels.json", {"characters": list(DIGITS)} | known)
    found = recognizer.inherited(str(tmp_path), 999)
    assert (found.temperature, found.groups) == (1.25, (("1", "7"),))
    assert found.alternatives == {"images": 0.1}
    assert recognizer.inherited(str(tmp_path), 1000) is None
    assert recognizer.inherited(None, 5) is None


def test_every_model_that_is_there_can_be_chosen(run, tmp_path):
    outputs = runs.outputs()
    for folder in ("quick", "suite/one-s0", "half", "mnist"):
        shutil.copytree(run, outputs / folder)
    (outputs / "half" / "labels.json").unlink()
    first = Recognizer.load(outputs / "suite" / "one-s0")
    found = recognizer.choices(first)
    pretrained = {f"{name} (pretrained)" for name in PRETRAINED}
    assert set(found) == {"quick", "suite/one-s0", "mnist"} | pretrained
    assert found[next(iter(found))] is first
    assert found["quick"]().path == outputs / "quick" / "model.tflite"
    assert next(iter(recognizer.choices(Recognizer.load(run)))) == "run"
