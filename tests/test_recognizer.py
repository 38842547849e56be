"""The recognizer: right answers for every number of pictures, and one line for every bad file."""

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
import trained
from PIL import Image, ImageDraw

from hcr.errors import DataError, ModelError
from hcr.preprocessing import from_picture, from_strokes, synthesis
from hcr.recognizer import BATCH, Recognizer, read_labels, read_temperature
from hcr.runs import files

DIGITS = tuple("0123456789")


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer.load(trained.run()[0])


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Many batches, and not a whole number of them."""
    found = trained.data().test.images[:603]
    assert len(found) > 2 * BATCH
    assert len(found) % BATCH
    return found


@pytest.fixture
def run(tmp_path) -> Path:
    """A copy of the run, for breaking."""
    for name in ("model.tflite", "labels.json"):
        shutil.copy(trained.run()[0] / name, tmp_path)
    return tmp_path


def test_a_runs_folder_is_all_it_needs(run, recognizer, pictures):
    found = Recognizer.load(str(run))
    assert found.labels == DIGITS
    assert found.path == run / "model.tflite"
    np.testing.assert_array_equal(found.predict(pictures[:9]), recognizer.predict(pictures[:9]))


@pytest.mark.parametrize("n", [1, 2, BATCH - 1, BATCH, BATCH + 1, 603])
def test_probabilities_of_any_number_of_pictures_equal_keras(recognizer, pictures, n):
    from hcr.models import training

    found = recognizer.predict(pictures[:n])
    assert found.shape == (n, 10)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    expected = training.predict(trained.run()[1].model, pictures[:n])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_one_by_one_is_the_same_as_all_at_once(recognizer, pictures):
    together = recognizer.predict(pictures)
    places = [0, 1, BATCH - 1, BATCH, 2 * BATCH, 599, 602]
    alone = np.concatenate([recognizer.predict(pictures[i : i + 1]) for i in places])
    np.testing.assert_allclose(alone, together[places], atol=1e-6)


def test_one_picture_has_one_thread_and_many_have_all(run, pictures, monkeypatch):
    from ai_edge_litert import interpreter

    threads = []

    class Noted(interpreter.Interpreter):
        def __init__(self, *args, num_threads, **options):
            threads.append(num_threads)
            super().__init__(*args, num_threads=num_threads, **options)

    monkeypatch.setattr(interpreter, "Interpreter", Noted)
    monkeypatch.setattr("hcr.runs.environment.cores", lambda: 3)
    found = Recognizer.load(run)
    found.predict(pictures[:1])
    assert threads == [1]
    found.predict(pictures[:9])
    found.predict(pictures[:1])
    assert threads == [1, 3]


def test_the_pictures_are_not_changed_and_need_not_lie_in_a_row(recognizer, pictures):
    before = pictures[:20].copy()
    every_second = recognizer.predict(pictures[:20:2])
    turned = recognizer.predict(np.asfortranarray(pictures[:20]))
    np.testing.assert_array_equal(pictures[:20], before)
    expected = recognizer.predict(before)
    np.testing.assert_allclose(turned, expected, atol=1e-6)
    np.testing.assert_allclose(every_second, expected[::2], atol=1e-6)
    # An answer is the caller's: the next question does not change it.
    kept = expected.copy()
    recognizer.predict(pictures[20:40])
    np.testing.assert_array_equal(expected, kept)


def test_no_picture_gives_no_answer(recognizer, pictures):
    found = recognizer.predict(pictures[:0])
    assert (found.shape, found.dtype) == ((0, 10), np.float32)
    assert recognizer.predict(pictures[:3]).shape == (3, 10)


@pytest.mark.parametrize(
    "broken",
    [np.zeros((2, 28, 28), np.float32), np.zeros((28, 28), np.uint8), np.zeros((2, 32, 32), "u1")],
)
def test_pictures_that_break_the_contract_are_refused(recognizer, broken):
    with pytest.raises(DataError, match=r"uint8 array of shape \(n, 28, 28\)"):
        recognizer.predict(broken)


def test_strokes_are_read_as_their_picture(recognizer):
    strokes = [500 * stroke for stroke in synthesis.character("7", 1)]
    answer = recognizer.read_strokes(strokes)
    assert sorted(label for label, _ in answer) == list(DIGITS)
    chances = [chance for _, chance in answer]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) == pytest.approx(1, abs=1e-5)
    assert all(type(chance) is float for chance in chances)
    expected = recognizer.predict(from_strokes(strokes)[None])[0]
    assert answer[0] == (DIGITS[expected.argmax()], pytest.approx(expected.max()))
    assert dict(answer)["3"] == pytest.approx(expected[3])


@pytest.mark.parametrize("empty", [[], [np.zeros((0, 2))], [[]]])
def test_an_empty_pad_has_no_answer(recognizer, empty):
    assert recognizer.read_strokes(empty) == []


def drawn(strokes, ink=0, paper=255, side=200) -> np.ndarray:
    """A scan of strokes within the unit square: uint8 (side, side)."""
    scan = Image.new("L", (4 * side, 4 * side), paper)
    for stroke in strokes:
        line = [tuple(point) for point in (stroke * 0.5 + 0.3) * 4 * side]
        ImageDraw.Draw(scan).line(line, fill=ink, width=side // 3, joint="curve")
    return np.asarray(scan.resize((side, side), Image.Resampling.BOX))


@pytest.mark.parametrize("form", ["array", "negative", "image", "path", "text"])
def test_a_picture_is_read_whatever_it_comes_as(recognizer, tmp_path, form):
    scan = drawn(synthesis.character("7", 1), *((255, 0) if form == "negative" else (0, 255)))
    expected = recognizer.best(recognizer.predict(from_picture(scan)[None])[0])
    given = {"array": scan, "negative": scan, "image": Image.fromarray(scan)}.get(form)
    if given is None:
        Image.fromarray(scan).save(tmp_path / "seven.png")
        given = tmp_path / "seven.png" if form == "path" else str(tmp_path / "seven.png")
    answer = recognizer.read_image(given)
    assert answer == expected
    assert sorted(label for label, _ in answer) == list(DIGITS)


def test_a_scan_and_a_drawing_look_the_same_and_are_read_the_same(recognizer):
    for char in "0147":
        strokes = synthesis.character(char, 1)
        pair = from_picture(drawn(strokes)), from_strokes(strokes)
        assert np.corrcoef(pair[0].ravel(), pair[1].ravel())[0, 1] > 0.9
        by_scan, by_pen = recognizer.read_image(drawn(strokes)), recognizer.read_strokes(strokes)
        assert by_scan[0][0] == by_pen[0][0]


def test_blank_paper_has_no_answer(recognizer):
    assert recognizer.read_image(np.full((80, 60), 230, np.uint8)) == []


def test_a_picture_that_cannot_be_read_is_one_line(recognizer, tmp_path):
    cut, text = tmp_path / "cut.png", tmp_path / "text.png"
    Image.fromarray(drawn(synthesis.character("7", 1))).save(cut)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    text.write_text("no picture")
    missing = tmp_path / "missing.png"
    for path, rule in ((cut, "whole picture"), (text, "whole picture"), (missing, "no picture")):
        with pytest.raises(DataError, match=rule) as error:
            recognizer.read_image(path)
        one_line(error, path)
    with pytest.raises(DataError, match="whole picture"):
        recognizer.read_image(tmp_path)
    with pytest.raises(DataError, match="Received: NoneType"):
        recognizer.read_image(None)


@pytest.mark.parametrize("temperature", [0.5, 1.7, 30])
def test_probabilities_are_those_of_logits_over_the_temperature(run, recognizer, temperature):
    from scipy.special import softmax

    pictures = trained.data().validation.images[:40]
    labels = {"characters": list(DIGITS), "temperature": temperature}
    files.write_json(run / "labels.json", labels)
    found = Recognizer.load(run)
    assert found.temperature == read_temperature(run / "labels.json") == temperature
    plain, calibrated = recognizer.predict(pictures), found.predict(pictures)
    # The logarithm of a softmax is its logits, but for a number that a softmax does not see.
    expected = softmax(np.log(plain.astype(float)) / temperature, axis=1)
    assert calibrated.dtype == np.float32
    np.testing.assert_allclose(calibrated, expected, atol=1e-6)
    np.testing.assert_array_equal(calibrated.argmax(axis=1), plain.argmax(axis=1))
    answer = dict(found.read_strokes(synthesis.character("7", 1)))
    assert max(answer.values()) != pytest.approx(
        recognizer.read_strokes(synthesis.character("7", 1))[0][1], abs=1e-3
    )


def test_without_a_temperature_answers_are_the_networks_own(run, recognizer):
    files.write_json(run / "labels.json", {"characters": list(DIGITS), "temperature": 1})
    pictures = trained.data().validation.images[:9]
    assert recognizer.temperature == 1
    np.testing.assert_array_equal(
        Recognizer.load(run).predict(pictures), recognizer.predict(pictures)
    )


@pytest.mark.parametrize("value", [0, -1, "1", None, True, [1], 1e9])
def test_a_temperature_that_is_none_is_told(run, value):
    files.write_json(run / "labels.json", {"characters": list(DIGITS), "temperature": value})
    with pytest.raises(ModelError, match="temperature must be a number from 0.01") as error:
        Recognizer.load(run)
    one_line(error, run / "labels.json")


def test_certain_and_undecided_answers_stay_numbers_at_any_temperature():
    from hcr.recognizer import _tempered

    certain = np.array([[1, 0, 0], [0, 1e-38, 1], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    for temperature in (0.01, 0.5, 100.0):
        found = _tempered(certain, temperature)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_groups_come_with_the_labels(run):
    groups = [["0", "6"], ["1", "7", "9"]]
    files.write_json(run / "labels.json", {"characters": list(DIGITS), "groups": groups})
    assert Recognizer.load(run).groups == (("0", "6"), ("1", "7", "9"))
    assert Recognizer.load(run, DIGITS).groups == ()
    files.write_json(run / "labels.json", {"characters": list(DIGITS)})
    assert Recognizer.load(run).groups == ()


@pytest.mark.parametrize("value", ["01", [["0", 1]], [3], {"0": "6"}, None])
def test_groups_that_are_none_are_told(run, value):
    files.write_json(run / "labels.json", {"characters": list(DIGITS), "groups": value})
    with pytest.raises(ModelError, match="groups must be lists of the model's characters") as error:
        Recognizer.load(run)
    assert str(run / "labels.json") in str(error.value)


def test_where_it_looked_is_where_the_ink_is(recognizer):
    strokes = synthesis.character("7", 1)
    picture = from_strokes(strokes)
    label = int(recognizer.predict(picture[None])[0].argmax())
    found = recognizer.occlusion(picture, label)
    assert np.abs(found).max() > 0
    assert not found[:2, :2].any()
    # Without what speaks most for the answer, it is less likely.
    row, column = np.unravel_index(found.argmax(), found.shape)
    covered = picture.copy()
    covered[max(row - 3, 0) : row + 3, max(column - 3, 0) : column + 3] = 0
    before, after = recognizer.predict(np.stack([picture, covered]))[:, label]
    assert after < before


def test_the_time_of_each_step_is_told(recognizer):
    drawings = [synthesis.character(char, 0) for char in "123"]
    times = recognizer.time_strokes(drawings)
    assert list(times) == ["strokes to picture", "picture to probabilities", "strokes to answer"]
    assert all(0 < value < 1000 for value in times.values())


def test_two_threads_get_their_own_answers(recognizer, pictures):
    expected = recognizer.predict(pictures)

    def ask(seed: int) -> float:
        rng = np.random.default_rng(seed)
        worst = 0.0
        for _ in range(40):
            i = rng.integers(0, len(pictures), rng.integers(1, 30))
            worst = max(worst, np.abs(recognizer.predict(pictures[i]) - expected[i]).max())
        return float(worst)

    with ThreadPoolExecutor(4) as threads:
        assert max(threads.map(ask, range(4))) < 1e-5


def test_labels_of_another_data_set_are_told(recognizer):
    recognizer.check_labels(DIGITS)
    for others in (DIGITS[::-1], (*DIGITS, "A")):
        with pytest.raises(ModelError, match="Received: a model for 0123456789. Use the data set"):
            recognizer.check_labels(others)


def one_line(error: pytest.ExceptionInfo, path: Path) -> None:
    text = str(error.value)
    assert "\n" not in text
    assert str(path) in text
    assert len(text) < 600


def test_labels_that_do_not_fit_the_model_are_told(run):
    files.write_json(run / "labels.json", {"characters": list("0123")})
    with pytest.raises(
        ModelError, match=r"have 4 classes\. Received: .* and 10 classes\."
    ) as error:
        Recognizer.load(run)
    one_line(error, run / "model.tflite")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"characters": "0123456789"}', '{"characters": [0, 1]}', "null"],
)
def test_a_damaged_labels_file_is_told(run, content):
    (run / "labels.json").write_text(content)
    with pytest.raises(ModelError) as error:
        Recognizer.load(run)
    one_line(error, run / "labels.json")


@pytest.mark.parametrize("name", ["model.tflite", "labels.json"])
def test_a_missing_file_is_told(run, name):
    (run / name).unlink()
    with pytest.raises(ModelError, match="There is no .*03_train") as error:
        Recognizer.load(run)
    one_line(error, run / name)


@pytest.mark.parametrize("keep", [0, 1, 8, 100, 4096, 0.25, 0.5, 0.9, 0.99])
def test_a_model_cut_short_is_told(run, keep):
    path = run / "model.tflite"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(ModelError, match="must be a LiteRT model. Received: .* Train it") as error:
        Recognizer.load(run)
    one_line(error, path)


@pytest.mark.parametrize("content", [b"<html>no</html>" * 99, bytes(5000), b"PK\x03\x04" * 999])
def test_what_is_no_model_is_told(run, content):
    (run / "model.tflite").write_bytes(content)
    with pytest.raises(ModelError, match="must be a LiteRT model") as error:
        Recognizer.load(run)
    one_line(error, run / "model.tflite")


def test_a_folder_in_place_of_the_model_is_told(run):
    (run / "model.tflite").unlink()
    (run / "model.tflite").mkdir()
    with pytest.raises(ModelError, match="There is no model file"):
        Recognizer.load(run)


def test_labels_come_back(run):
    assert read_labels(run / "labels.json") == DIGITS


ALONE = """
import json, sys
import numpy as np
from hcr import datasets
from hcr.recognizer import Recognizer
recognizer = Recognizer.load(sys.argv[1])
pictures = datasets.load("mnist-sample").test.images[:50]
heavy = {name.split(".")[0] for name in sys.modules} & {"tensorflow", "keras", "torch", "jax"}
print(json.dumps([recognizer.predict(pictures).argmax(axis=1).tolist(), sorted(heavy)]))
"""


def test_it_reads_without_tensorflow(recognizer):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(trained.run()[0])],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    answers, heavy = json.loads(done.stdout)
    assert heavy == []
    expected = recognizer.predict(trained.data().test.images[:50]).argmax(axis=1)
    assert answers == expected.tolist()


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_it_predicts_in_the_child_of_a_fork_too():
    """Even where another thread was predicting, whose locks and threads the child lacks."""
    command = [sys.executable, "-W", "ignore", "-c", FORKED, str(trained.run()[0])]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        _, err = process.communicate(timeout=120)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, err
