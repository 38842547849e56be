import asyncio
import html
import json
import re
import time
from types import SimpleNamespace

import ipywidgets as widgets
import numpy as np
import pytest
from ipycanvas.canvas import _CANVAS_MANAGER

from hcr.datasets import drawings_file as own
from hcr.datasets import unipen
from hcr.errors import DataError, ModelError, ParameterError
from hcr.pad import Pad
from hcr.pad.answer import heated
from hcr.pad.curve import smooth
from hcr.pad.pace import Pace
from hcr.pad.paper import FINE
from hcr.pad.reading import Reading, words
from hcr.pad.strokes import Drawing
from hcr.preprocessing import from_strokes, synthesis
from hcr.preprocessing.synthesis import PLACEMENTS, place_on_pad
from hcr.recognizer import Recognizer
from hcr.recognizer.doubt import hesitation

LABELS = (*"01234567", "<b>", "&")


class Reads:
    """A model that answers with the shares given, and remembers the pictures."""

    def __init__(self, shares, labels=LABELS, groups=()):
        self.shares, self.labels, self.groups = np.array(shares, float)[None], labels, groups
        self.pictures, self.looks = [], 0

    def predict(self, pictures):
        self.pictures.append(pictures.copy())
        return self.shares

    def occlusion(self, picture, label):
        self.looks += 1
        return np.where(picture, 1.0 + label, 0.0)


class Kept:
    """Drawings in memory, as the pad keeps them."""

    def __init__(self):
        self.drawings = []

    def append(self, character, strokes, *, size):
        if character == "!":
            raise DataError("character must be one.")
        self.drawings.append((character, strokes, size))
        return self.drawings[-1]

    def count(self):
        return len(self.drawings)

    def left_out(self):
        return ""

    def take_back(self, kept):
        found = [each for each in self.drawings if each is kept]
        self.drawings = [each for each in self.drawings if each is not kept]
        return found[0] if found else None


@pytest.fixture
def reads():
    return Reads([0, 0, 0, 0.05, 0, 0.15, 0, 0, 0.7, 0.1])


@pytest.fixture
def pad(reads):
    return Pad({"one": reads})


def send(pad, event, *points, **more):
    """A message as the page sends it: through ipywidgets and ipycanvas to the handlers."""
    points = [(x * FINE, y * FINE) for x, y in points]
    if event.startswith("touch"):
        more["touches"] = [{"x": x, "y": y} for x, y in points]
    elif points:
        more["x"], more["y"] = points[0]
    pad.canvas._handle_custom_msg({"event": event, **more}, [])


def press(pad, key, shift=False, ctrl=False, meta=False):
    send(pad, "key_down", key=key, shift_key=shift, ctrl_key=ctrl, meta_key=meta)


def drag(pad, *points):
    send(pad, "mouse_down", points[0])
    for point in points[1:]:
        send(pad, "mouse_move", point)
    send(pad, "mouse_up", points[-1])


def control(pad, label):
    def walk(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    return next(w for w in walk(pad) if getattr(w, "description", "") == label)


def click(pad, label):
    control(pad, label)._handle_custom_msg({"event": "click"}, [])


@pytest.fixture
def sent(monkeypatch):
    """The batches of commands that go to the page."""
    batches = []
    monkeypatch.setattr(
        _CANVAS_MANAGER, "_send_custom", lambda command, buffers=(): batches.append(command)
    )
    return batches


def test_mouse(pad, reads):
    drag(pad, (10, 10), (50, 10), (50, 80))
    assert [stroke.tolist() for stroke in pad.strokes] == [[[10, 10], [50, 10], [50, 80]]]
    picture = reads.pictures[-1]
    assert picture.shape == (1, 28, 28)
    assert (picture[0] == from_strokes(pad.strokes)).all()
    assert pad.best == [("<b>", 0.7), ("5", 0.15), ("&", 0.1), ("3", 0.05), ("0", 0)]
    assert pad.error is None


def test_a_mouse_that_only_passes_draws_nothing(pad, reads):
    send(pad, "mouse_move", (10, 10))
    send(pad, "mouse_up", (10, 10))
    send(pad, "mouse_out", (10, 10))
    assert pad.strokes == []
    assert reads.pictures == []


def test_leaving_the_canvas_ends_the_stroke(pad):
    send(pad, "mouse_down", (200, 100))
    send(pad, "mouse_move", (270, 100))
    send(pad, "mouse_out", (284, 100))
    send(pad, "mouse_move", (260, 160))
    send(pad, "mouse_up", (260, 160))
    assert [stroke.tolist() for stroke in pad.strokes] == [[[200, 100], [270, 100], [284, 100]]]


def test_a_button_released_elsewhere_joins_no_strokes(pad):
    send(pad, "mouse_down", (10, 10))
    send(pad, "mouse_move", (10, 90))
    send(pad, "mouse_down", (60, 10))
    send(pad, "mouse_up", (60, 90))
    assert len(pad.strokes) == 2


def test_touch(pad):
    send(pad, "touch_start", (10, 10))
    send(pad, "touch_move", (10, 60))
    send(pad, "touch_end")
    assert [stroke.tolist() for stroke in pad.strokes] == [[[10, 10], [10, 60]]]
    assert pad.best


def test_a_second_finger_ends_the_stroke(pad):
    send(pad, "touch_start", (10, 10))
    send(pad, "touch_move", (10, 60))
    send(pad, "touch_start", (10, 60), (200, 200))
    send(pad, "touch_move", (10, 90), (200, 220))
    send(pad, "touch_end", (200, 220))
    send(pad, "touch_move", (200, 250))
    send(pad, "touch_end")
    assert [stroke.tolist() for stroke in pad.strokes] == [[[10, 10], [10, 60]]]


def test_a_tap_that_trembles_is_a_point(pad):
    drag(pad, (100, 100), (101, 102))
    assert [stroke.shape for stroke in pad.strokes] == [(1, 2)]
    assert (pad.image == from_strokes([[(0, 0)]])).all()


def test_undo_redo_clear(pad):
    click(pad, "Undo")
    drag(pad, (10, 10), (10, 90))
    drag(pad, (60, 10), (60, 90))
    click(pad, "Undo")
    assert len(pad.strokes) == 1
    click(pad, "Redo")
    assert len(pad.strokes) == 2
    click(pad, "Clear")
    assert pad.strokes == []
    assert pad.best == []
    assert not pad.image.any()
    click(pad, "Undo")
    assert len(pad.strokes) == 2
    assert pad.best
    click(pad, "Undo")
    drag(pad, (90, 10), (90, 90))
    click(pad, "Redo")
    assert [stroke[0, 0] for stroke in pad.strokes] == [10, 90]


def test_buttons_tell_what_can_be_done(pad):
    def disabled():
        return [control(pad, label).disabled for label in ("Undo", "Redo", "Clear")]

    assert disabled() == [True, True, True]
    drag(pad, (10, 10), (10, 90))
    assert disabled() == [False, True, False]
    click(pad, "Undo")
    assert disabled() == [True, False, True]
    assert all(control(pad, label).tooltip for label in ("Undo", "Redo", "Clear"))


def test_keys(pad):
    drag(pad, (10, 10), (10, 90))
    press(pad, "z", ctrl=True)
    assert pad.strokes == []
    press(pad, "Z", shift=True, meta=True)
    assert len(pad.strokes) == 1
    press(pad, "Backspace")
    assert pad.strokes == []
    press(pad, "z", ctrl=True)
    press(pad, "z")
    press(pad, "Tab")
    press(pad, "Escape")
    assert len(pad.strokes) == 1


def test_labels_are_text(pad):
    drag(pad, (10, 10), (10, 90))
    html = pad._answer.value
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert "70.0 %" in html
    assert "<b>" not in pad.snapshot()._repr_html_()


def test_an_error_of_the_model_is_shown(reads):
    class Broken(Reads):
        def predict(self, pictures):
            raise ValueError("no <weights>")

    pad = Pad({"broken": Broken([1]), "whole": reads})
    drag(pad, (10, 10), (10, 90))
    assert "ValueError: no &lt;weights&gt;" in pad._error.value
    assert pad._status.value == ""
    assert pad.best == []
    assert len(pad.strokes) == 1
    with pytest.raises(ValueError, match="weights"):
        pad.replay([[(0, 0), (9, 9)]])
    pad.choose("whole")
    assert pad._error.value == ""
    assert pad.best


@pytest.mark.parametrize("answer", [np.zeros((1, 9)), np.zeros(10), np.full((1, 10), np.nan)])
def test_a_wrong_answer_is_shown(answer):
    reads = Reads([0])
    reads.shares = answer
    pad = Pad({"one": reads})
    with pytest.raises(ModelError, match=r"predict must return \(1, 10\)"):
        pad.replay([[(0, 0), (9, 9)]])
    assert "predict must return (1, 10)" in pad._error.value


def test_replay_is_what_a_mouse_does(pad):
    strokes = [stroke * 200 + 40 for stroke in synthesis.character("A", 1)]
    best = pad.replay(strokes)
    replayed = pad.strokes
    assert best == pad.best
    assert all((a == b).all() for a, b in zip(replayed, strokes, strict=True))
    click(pad, "Clear")
    for stroke in strokes:
        drag(pad, *stroke.tolist())
    assert all((a == b).all() for a, b in zip(pad.strokes, replayed, strict=True))
    pad.replay(strokes[:1], clear=False)
    assert len(pad.strokes) == len(strokes) + 1
    assert pad.replay([]) == []


@pytest.fixture(scope="module")
def shipped():
    """The model that ships."""
    try:
        return Recognizer.load()
    except ModelError:
        pytest.skip("no model ships")


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_what_is_placed_and_replayed_is_read_as_its_strokes_are(shipped, placement):
    pad = Pad({"shipped": shipped})
    for i, label in enumerate(shipped.labels):
        strokes = place_on_pad(synthesis.character(label, i), placement)
        best, expected = pad.replay(strokes), shipped.read_strokes(strokes)
        assert best[0][0] == expected[0][0], label
        assert best[0][1] == pytest.approx(expected[0][1], abs=1e-5)


@pytest.mark.data
def test_peoples_drawings_are_replayed_for_each_of_47_characters(shipped):
    pad = Pad({"shipped": shipped})
    strokes, meant, whose = unipen.example_drawings(shipped.labels, 0)
    assert len(strokes) == len(meant) == 47
    assert set(meant) == set(shipped.labels)
    assert set(whose) <= {"tos", "imp"}
    best = [pad.replay(place_on_pad(each, "large"))[0][0] for each in strokes]
    expected = [shipped.read_strokes(place_on_pad(each, "large"))[0][0] for each in strokes]
    # A mouse that trembles is a point: a stroke of less than three pixels.
    assert sum(a == b for a, b in zip(best, expected, strict=True)) >= 46


def test_a_page_that_opens_later_gets_everything(pad, sent):
    drag(pad, (10, 10), (10, 90))
    drag(pad, (60, 10), (60, 90))
    sent.clear()
    send(pad, "client_ready")
    (batch,) = sent  # one batch, from a clean sheet
    text = json.dumps(batch, default=str)
    assert text.count("IPY_MODEL_" + pad.canvas.model_id) == 1
    lines = [command for command in batch if len(command) == 3 and command[2] == 1]
    assert len(lines) == 2


def test_a_finished_stroke_is_sent_anew_and_smooth(pad, sent):
    send(pad, "mouse_down", (0, 0))
    for place in ((50, 80), (100, 0), (150, 80)):
        send(pad, "mouse_move", place)
    sent.clear()
    send(pad, "mouse_up", (200, 0))
    (batch,) = sent
    (line,) = [command for command in batch if len(command) == 3 and command[2] == 1]
    assert line[1][0]["shape"][0] > 10


@pytest.mark.parametrize(("apart", "most"), [(0, 1), (0.001, 10), (0.004, 34)])
def test_moves_that_queued_up_go_out_in_one_batch(pad, sent, monkeypatch, apart, most):
    """Two hundred moves, the seconds `apart` that the kernel takes for each."""
    now = [1000.0]
    monkeypatch.setattr("hcr.pad.pace.time", SimpleNamespace(monotonic=lambda: now[0]))
    send(pad, "mouse_down", (0, 0))
    sent.clear()
    for place in range(1, 200):
        now[0] += apart
        send(pad, "mouse_move", (place, place))
    send(pad, "mouse_up", (200, 200))
    # The whole line, when it is finished, and what a screen can show meanwhile.
    assert 1 <= len(sent) <= most
    assert len(pad.strokes[0]) == 201


def test_the_canvas_has_a_name_and_its_view_opens(pad):
    # ipycanvas 0.14.3's view does not open in JupyterLab with a tooltip and no description.
    state = pad.canvas.get_state()
    if "tooltip" in state:  # since ipywidgets 8
        assert state["tooltip"]
        assert state["description"] == ""


def test_a_copy_cannot_spoil_the_strokes(pad):
    drag(pad, (10, 10), (10, 90))
    pad.strokes[0][:] = 0
    assert pad.strokes[0].max() == 90


def test_two_pads_do_not_mix(pad, reads):
    other = Pad({"one": reads})
    send(pad, "mouse_down", (10, 10))
    drag(other, (60, 10), (60, 90))
    send(pad, "mouse_up", (10, 90))
    assert len(pad.strokes) == len(other.strokes) == 1


def test_shows_itself_with_a_still_picture(pad):
    drag(pad, (10, 10), (10, 90))
    bundle = pad._repr_mimebundle_()
    if hasattr(widgets.Widget, "_repr_mimebundle_"):  # since ipywidgets 8
        assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "<svg" in bundle["text/html"]
    assert "data:image/png;base64," in bundle["text/html"]


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"size": 20}, "size must be"),
        ({"size": "big"}, "size must be"),
        ({"readers": {}}, "readers must map names"),
        ({"readers": Reads([1])}, "readers must map names"),
        ({"readers": {"one": Reads([1], labels=())}}, "labels must be characters"),
        ({"readers": {"one": Reads([1], labels=(0, 1))}}, "labels must be characters"),
    ],
)
def test_what_a_pad_is_made_of(reads, arguments, rule):
    with pytest.raises((ParameterError, ModelError), match=rule):
        Pad(**{"readers": {"one": reads}, **arguments})


# Answers while one draws


def test_it_answers_before_the_pen_is_lifted(pad, reads):
    send(pad, "mouse_down", (10, 10))
    assert pad.best  # a dot
    time.sleep(0.35)
    send(pad, "mouse_move", (100, 100))
    assert len(reads.pictures) == 2
    assert (reads.pictures[-1][0] == from_strokes([[(10, 10), (100, 100)]])).all()


def test_it_does_not_answer_every_move(pad, reads):
    send(pad, "mouse_down", (0, 0))
    for place in range(1, 300):
        send(pad, "mouse_move", (place % 250, place % 199))
    send(pad, "mouse_up", (10, 20))
    assert len(reads.pictures) < 20
    assert (reads.pictures[-1][0] == from_strokes(pad.strokes)).all()


def test_a_pause_brings_line_and_answer_up_to_date(reads, sent):
    async def pause():
        pad = Pad({"one": reads})
        send(pad, "mouse_down", (10, 10))
        for place in range(20, 200, 20):
            send(pad, "mouse_move", (10, place))
        sent.clear()
        await asyncio.sleep(0.6)
        return pad

    pad = asyncio.run(pause())
    assert pad._drawing.drawing
    assert (reads.pictures[-1][0] == from_strokes(pad.strokes)).all()
    assert 'data-points="10"' in pad._answer.value
    assert len(sent) == 1


def test_pace():
    done = []
    pace = Pace(lambda: done.append(time.monotonic()), 0.05)

    async def ask():
        for _ in range(100):
            pace.ask()
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)

    begin = time.monotonic()
    asyncio.run(ask())
    last = time.monotonic()
    assert 2 <= len(done) <= (last - begin) / 0.05 + 1
    assert min(np.diff(done)) > 0.04
    assert done[-1] > last - 0.3  # what was asked for last was done, too
    pace.now()
    pace.ask()
    assert done[-2] < last < done[-1]


def test_what_goes_wrong_later_is_shown_too(reads):
    async def wait():
        pad = Pad({"one": reads})
        send(pad, "mouse_down", (10, 10))
        reads.shares = np.zeros((1, 3))
        send(pad, "mouse_move", (10, 60))
        assert pad.error is None
        await asyncio.sleep(0.6)
        return pad

    assert isinstance(asyncio.run(wait()).error, ModelError)


def test_a_line_that_cannot_be_drawn_later_is_shown_and_the_next_one_can(reads, sent, monkeypatch):
    async def wait():
        pad = Pad({"one": reads})
        send(pad, "mouse_down", (10, 10))
        with monkeypatch.context() as patch:
            patch.setattr(pad._paper, "_line", broken)
            # However busy the machine is, the line is not due yet.
            pad._paper._pace._due = time.monotonic() + 5
            send(pad, "mouse_move", (10, 60))
            pad._paper._pace._timer.cancel()
            assert pad.error is None
            asyncio.get_running_loop().call_soon(pad._paper._pace.now)
            # Longer than until the next answer, which must not wipe it away.
            await asyncio.sleep(0.4)
            assert "ZeroDivisionError: no ink" in pad._error.value
        assert pad.best
        send(pad, "mouse_up", (10, 90))
        sent.clear()
        drag(pad, (60, 10), (60, 90))
        return pad

    def broken(points):
        raise ZeroDivisionError("no ink")

    pad = asyncio.run(wait())
    assert (pad.error, pad._error.value) == (None, "")
    assert sent
    # ipycanvas holds nothing back, of no canvas.
    assert not _CANVAS_MANAGER._caching


def test_what_goes_wrong_while_typing_what_was_meant_is_shown(reads, monkeypatch):
    pad = Pad({"one": reads}, Kept())
    wrong = [OSError("no keys")]

    def strokes():
        if wrong:
            raise wrong.pop()
        return []

    monkeypatch.setattr(pad._teaching, "_strokes", strokes)
    control(pad, "You meant").value = "a"
    assert "OSError: no keys" in pad._error.value


def test_a_curve_goes_through_its_points():
    points = np.array([[0, 0], [30, 5], [31, 60], [31, 60], [90, 61], [20, 20]], float)
    found = smooth(points)
    assert all(np.hypot(*(found - point).T).min() < 1e-5 for point in points)
    assert np.hypot(*np.diff(found, axis=0).T).max() < 40
    line = smooth(np.array([[0, 0], [1, 1], [5, 5], [9, 9]], float))
    assert np.abs(line[:, 0] - line[:, 1]).max() < 1e-6
    corner = smooth(np.array([[50, 60], [50, 200], [220, 200]], float))
    assert np.abs(corner[:7, 0] - 50).max() < 1e-4
    turns = np.linspace(0, 2 * np.pi, 25)
    circle = smooth(np.stack([np.cos(turns), np.sin(turns)], axis=1))
    inner = circle[6:-6]  # the ends are straighter
    assert np.abs(np.hypot(*inner.T) - 1).max() < 0.002  # a polygon's sides are 0.009 off
    for few in (points[:1], points[:2], points[[2, 3]], points[[2, 3, 2]]):
        assert np.unique(smooth(few), axis=0).tolist() == np.unique(few, axis=0).tolist()


def test_undo_does_not_keep_all_there_ever_was():
    drawing = Drawing()
    for place in range(1000):
        drawing.begin(place, place)
        drawing.clear()
    assert len(drawing._states) <= 200
    assert drawing.can_undo
    assert not drawing.strokes


# Doubt


@pytest.mark.parametrize(
    ("shares", "groups", "named"),
    [
        ({"0": 0.95, "O": 0.05}, [], ()),
        ({"0": 0.95, "O": 0.05}, ["0O"], ("0", "O")),
        ({"0": 0.97, "O": 0.03}, ["0O"], ()),
        ({"0": 0.6, "O": 0.35, "D": 0.05}, [], ("0", "O")),
        ({"1": 0.92, "7": 0.02, "I": 0.06}, ["1IL"], ("1", "I")),
        ({"1": 0.92, "7": 0.06, "I": 0.02}, ["1IL"], ()),
        ({"a": 0.3, "b": 0.3, "c": 0.3, "d": 0.1}, [], ("a", "b", "c")),
    ],
)
def test_what_it_hesitates_between(shares, groups, named):
    ranked = sorted(shares.items(), key=lambda each: -each[1])
    assert hesitation(ranked, groups) == named


def test_doubt_is_told(reads):
    reads.labels = ("1", "2", "3", "4", "5", "O", "7", "8", "0", "9")
    reads.groups = (("0", "O"), ("1", "7"))
    pad = Pad({"one": reads})
    drag(pad, (10, 10), (10, 90))
    assert "Not sure: 0, O or 9." in pad._answer.value
    assert "hcr-unsure" in pad._answer.value
    assert "<small>or O, 9?</small>" in pad._answer.value
    reads.shares = np.array([[0, 0, 0, 0, 0, 0.3, 0, 0, 0.7, 0]])
    pad.replay([[(10, 10), (10, 90)]])
    assert "Not sure: 0 or O. On validation, too, it confused these." in pad._answer.value
    reads.shares = np.full((1, 10), 0.1)
    pad.replay([[(10, 10), (10, 90)]])
    assert "Not sure: 1, 2, 3, 4, 5 or 4 others." in pad._answer.value
    assert "<small>or 2, 3?</small>" in pad._answer.value
    reads.shares = np.eye(10)[:1]
    pad.replay([[(10, 10), (10, 90)]])
    assert "Read as 1." in pad._answer.value
    assert "hcr-unsure" not in pad._answer.value
    assert words(Reading([("a", 0.6)], ("a", "b"))) == "Not sure: a or b."
    assert words(Reading([("a", 0.2)], (*"abcdef",))) == "Not sure: a, b, c, d, e or 1 other."


# Two models


def test_two_models_read_side_by_side(reads):
    other, loaded = Reads(np.eye(3)[0], labels=("x", "y", "z")), []

    def load():
        loaded.append(1)
        return other

    pad = Pad({"one": reads, "two": load})
    drag(pad, (10, 10), (10, 90))
    assert list(pad.answers) == ["one"]
    assert not loaded
    control(pad, "Beside it").value = "two"
    assert pad.answers == {"one": pad.best, "two": [("x", 1), ("y", 0), ("z", 0)]}
    control(pad, "Model").value = "two"
    control(pad, "Beside it").value = "none"
    assert list(pad.answers) == ["two"]
    pad.choose("one", "two")
    assert list(pad.answers) == ["one", "two"]
    assert loaded == [1]
    with pytest.raises(ParameterError, match="There is no model 'tow'. Did you mean 'two'?"):
        pad.choose("one", "tow")


def test_the_same_model_beside_itself_is_shown_once(reads):
    pad = Pad({"one": reads, "two": reads})
    pad.choose("one", "one")
    drag(pad, (10, 10), (10, 90))
    assert list(pad.answers) == ["one"]


def test_one_model_leaves_nothing_to_choose(pad):
    with pytest.raises(StopIteration):
        control(pad, "Model")


def test_a_model_that_cannot_be_loaded_is_told(reads):
    def load():
        raise ModelError("It is broken.")

    pad = Pad({"one": reads, "broken": load})
    control(pad, "Beside it").value = "broken"
    assert "It is broken." in pad._error.value
    control(pad, "Beside it").value = "none"
    assert pad._error.value == ""


# Where it looked


def test_where_it_looked_is_shown_on_demand(pad, reads):
    drag(pad, (10, 10), (10, 90))
    assert "where it looked" not in pad._answer.value
    assert reads.looks == 0
    control(pad, "Show where it looked").value = True
    assert "where it looked" in pad._answer.value
    assert reads.looks == 1
    assert "where it looked" in pad.snapshot()._repr_html_()
    pad.show_where(False)
    assert "where it looked" not in pad._answer.value


def test_it_is_looked_for_after_the_answer_and_not_too_often(reads):
    async def draw():
        pad = Pad({"one": reads})
        pad.show_where()
        send(pad, "mouse_down", (10, 10))
        for place in range(20, 200, 2):
            send(pad, "mouse_move", (10, place))
        send(pad, "mouse_up", (10, 200))
        looks = reads.looks
        await asyncio.sleep(0.5)
        return looks, pad

    looks, pad = asyncio.run(draw())
    assert looks <= 2
    assert reads.looks == looks + 1
    assert (next(iter(pad._shown.maps.values())) > 0).any()


def test_a_replay_has_looked_when_it_is_done(reads):
    async def replay():
        pad = Pad({"one": reads})
        pad.show_where()
        pad.replay([[(10, 10), (100, 90)], [(100, 10), (10, 90)]])
        return pad.snapshot()

    shown = asyncio.run(replay()).shown
    assert (shown.maps["one"] == np.where(shown.image, 9.0, 0)).all()


def test_an_empty_pad_has_nothing_to_look_at(pad, reads):
    pad.show_where()
    pad.clear()
    assert (reads.looks, pad.error) == (0, None)


def test_heat():
    image, found = np.zeros((28, 28), np.uint8), np.zeros((28, 28))
    image[10:20, 10:20] = 255
    found[10, 10], found[20, 20] = 2, -1
    picture = heated(image, found)
    red, _, blue = picture[10, 10].astype(int)
    assert red > blue
    red, _, blue = picture[20, 20].astype(int)
    assert blue > red
    assert (picture[0, 0] == 0).all()
    assert (heated(image, found * 0)[15, 15] == 153).all()


# Teaching


def test_a_drawing_is_kept_as_what_was_meant(reads):
    kept = Kept()
    pad = Pad({"one": reads}, kept)
    meant, keep = control(pad, "You meant"), control(pad, "Keep")
    assert meant.options == LABELS
    assert keep.disabled
    drag(pad, (10, 10), (10, 90))
    assert keep.disabled
    meant.value = " & "
    assert not keep.disabled
    strokes = pad.strokes
    click(pad, "Keep")
    ((character, found, size),) = kept.drawings
    assert (character, size) == ("&", 280)
    assert [each.tolist() for each in found] == [each.tolist() for each in strokes]
    assert pad.strokes == []
    assert keep.disabled
    assert "1 drawing kept (as &amp;)" in pad._teaching._note.value
    drag(pad, (10, 10), (10, 90))
    meant._handle_custom_msg({"event": "submit"}, [])
    assert "2 drawings kept" in pad._teaching._note.value
    click(pad, "Take back")
    assert len(kept.drawings) == 1
    assert "1 drawing kept (taken back)" in pad._teaching._note.value


def keep(pad, character):
    """Draw something, and keep it as `character`."""
    drag(pad, (10, 10), (10, 90))
    control(pad, "You meant").value = character
    click(pad, "Keep")


def note(pad):
    return pad._teaching._note.value


def test_only_what_was_kept_here_is_taken_back(reads):
    kept = Kept()
    kept.drawings.append(("x", [], 280))
    pad = Pad({"one": reads}, kept)
    assert control(pad, "Take back").disabled
    assert "1 drawing kept" in note(pad)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The person's own file of drawings, empty."""
    monkeypatch.setenv("HCR_DRAWINGS", str(tmp_path / "drawings"))
    return own.path()


def test_of_two_pads_in_one_kernel_each_takes_back_its_own(reads, file):
    one, two = Pad({"one": reads}, own), Pad({"one": reads}, own)
    keep(one, "1")
    keep(two, "2")
    keep(one, "3")
    click(one, "Take back")
    click(one, "Take back")
    assert [each.character for each in own.read()] == ["2"]
    assert control(one, "Take back").disabled
    assert "1 drawing kept (taken back)" in note(one)
    click(two, "Take back")
    assert own.read() == []


def test_what_is_gone_already_is_not_said_to_be_taken_back(reads, file):
    pad = Pad({"one": reads}, own)
    keep(pad, "1")
    own.delete()
    other = own.append("2", [[(0, 0), (9, 9)]])
    click(pad, "Take back")
    assert "1 drawing kept (that one was gone already)" in note(pad)
    assert own.read()[0].line == other.line
    assert pad.error is None


def test_what_cannot_be_taken_back_may_be_tried_again(reads):
    kept = Kept()
    pad = Pad({"one": reads}, kept)
    keep(pad, "1")
    kept.take_back, whole = lambda kept: 1 / 0, kept.take_back
    click(pad, "Take back")
    assert "ZeroDivisionError" in pad._error.value
    kept.take_back = whole
    click(pad, "Take back")
    assert kept.drawings == []


def test_a_file_without_a_drawing_stops_nobody(reads, file):
    file.parent.mkdir()
    file.write_text("<hello>\n")
    pad = Pad({"one": reads}, own)
    assert "must be a file of drawings, a line each" in note(pad)
    assert 'role="alert"' in note(pad)
    drag(pad, (10, 10), (10, 90))
    assert pad.best
    # It is told as long as it is so.
    assert "must be a file of drawings" in note(pad)
    control(pad, "You meant").value = "A"
    click(pad, "Keep")
    assert pad.strokes == []
    assert "1 drawing kept (as A)" in note(pad)
    assert "Left out 1 of 2 lines" in note(pad)
    click(pad, "Take back")
    assert "Done: taken back." in note(pad)
    assert "must be a file of drawings" in note(pad)
    assert file.read_text() == "<hello>\n"


# Which of the two reads you better


def test_who_reads_better_is_counted(reads):
    other = Reads(np.eye(3)[0], labels=("A", "y", "z"))
    reads.labels, reads.shares = ("a", "3"), np.array([[0.7, 0.3]])
    pad = Pad({"<one>": reads, "two": other}, Kept())
    keep(pad, "A")
    assert "Of 1 kept here, read right but for case: &lt;one&gt; 1." in note(pad)
    control(pad, "Beside it").value = "two"
    # The first one was not read by both.
    assert "kept here" not in note(pad)
    keep(pad, "a")
    reads.shares = np.array([[0.2, 0.8]])
    keep(pad, "A")
    keep(pad, "3")
    assert "Of 3 kept here, read right but for case: &lt;one&gt; 2, two 2." in note(pad)
    keep(pad, "a")
    assert "Of 4 kept here, read right but for case: &lt;one&gt; 2, two 3." in note(pad)
    click(pad, "Take back")
    click(pad, "Take back")
    assert "Of 2 kept here, read right but for case: &lt;one&gt; 1, two 2." in note(pad)
    control(pad, "Beside it").value = "none"
    assert "Of 3 kept here, read right but for case: &lt;one&gt; 2." in note(pad)
    control(pad, "Model").value = control(pad, "Beside it").value = "two"
    assert "Of 2 kept here, read right but for case: two 2." in note(pad)


def test_it_is_the_whole_drawing_that_was_read(reads):
    """Some of a stroke may have come since the last answer."""
    pad = Pad({"one": reads}, Kept())
    send(pad, "mouse_down", (10, 10))
    control(pad, "You meant").value = "A"
    for place in range(20, 200, 20):
        send(pad, "mouse_move", (10, place))
    strokes = pad.strokes
    click(pad, "Keep")
    assert any((each[0] == from_strokes(strokes)).all() for each in reads.pictures)


def test_a_model_that_fails_has_no_count(reads):
    pad = Pad({"one": reads}, Kept())
    drag(pad, (10, 10), (10, 90))
    reads.shares = np.zeros((1, 3))
    control(pad, "You meant").value = "&"
    click(pad, "Keep")
    assert "1 drawing kept (as &amp;)" in note(pad)
    assert "kept here" not in note(pad)


def test_enter_without_a_drawing_keeps_nothing(reads):
    kept = Kept()
    pad = Pad({"one": reads}, kept)
    control(pad, "You meant").value = "&"
    control(pad, "You meant")._handle_custom_msg({"event": "submit"}, [])
    assert kept.drawings == []
    assert pad.error is None


def test_what_cannot_be_kept_is_told_and_stays(reads):
    pad = Pad({"one": reads}, Kept())
    drag(pad, (10, 10), (10, 90))
    control(pad, "You meant").value = "!"
    click(pad, "Keep")
    assert "character must be one." in pad._error.value
    assert len(pad.strokes) == 1


def test_without_drawings_there_is_nothing_to_keep(pad):
    with pytest.raises(StopIteration):
        control(pad, "Keep")


# The way out, touch, and what never happens


def test_a_keyboard_gets_out(pad, monkeypatch):
    gone = []
    monkeypatch.setattr(
        widgets.DOMWidget, "focus", lambda self: gone.append(self.description), raising=False
    )
    press(pad, "Tab")  # nothing is drawn: the buttons are disabled, and take no focus
    drag(pad, (10, 10), (10, 90))
    press(pad, "Tab")
    press(pad, "Escape")
    press(pad, "Tab", shift=True)  # there is nothing before it
    assert gone == ["Show where it looked", "Undo", "Undo", "Undo"]


def test_a_keyboard_gets_out_backward(reads, monkeypatch):
    gone = []
    monkeypatch.setattr(
        widgets.DOMWidget, "focus", lambda self: gone.append(self.description), raising=False
    )
    pad = Pad({"one": reads, "two": reads})
    press(pad, "Tab", shift=True)
    assert gone == ["Beside it"]


def test_a_keyboard_gets_out_of_ipywidgets_7(pad, monkeypatch):
    monkeypatch.delattr(widgets.DOMWidget, "focus", raising=False)
    seen = []
    box = pad._frame
    box.observe(lambda change: seen.append(change["new"]), "children")
    press(pad, "Tab")
    assert seen == [(), (pad.canvas,)]


def test_a_finger_that_leaves_the_canvas_ends_the_stroke(pad):
    send(pad, "touch_start", (10, 10))
    send(pad, "touch_move", (10, 200))
    send(pad, "touch_move", (10, 300))
    send(pad, "touch_move", (60, 200))
    send(pad, "touch_end")
    assert [stroke.tolist() for stroke in pad.strokes] == [[[10, 10], [10, 200], [10, 300]]]


def test_a_hand_that_rests_beside_the_canvas_does_not_disturb(pad):
    send(pad, "touch_start", (10, 10), (-60, 100))
    send(pad, "touch_move", (10, 60), (-60, 100))
    send(pad, "touch_end", (-60, 100))
    assert [stroke.tolist() for stroke in pad.strokes] == [[[10, 10], [10, 60]]]


def test_a_stroke_is_told_once_when_it_ends(pad, reads):
    told = []
    pad._status.observe(lambda change: told.append(change["new"]), "value")
    assert pad._status.value == "The pad is empty."
    send(pad, "mouse_down", (10, 10))
    for place in range(20, 200, 20):
        time.sleep(0.05)
        send(pad, "mouse_move", (10, place))
    assert len(reads.pictures) > 1
    assert told == []
    send(pad, "mouse_up", (10, 200))
    doubt = "Not sure: &lt;b&gt;, 5 or &amp;."
    assert told == [f"&lt;b&gt;, 70.0 %. {doubt}"]
    click(pad, "Undo")
    assert told[1:] == ["The pad is empty."]
    assert 'role="status"' not in pad._answer.value


def test_both_models_are_told(reads):
    pad = Pad({"one": reads, "two": Reads([1, 0], labels=("x", "y"))})
    drag(pad, (10, 10), (10, 90))
    pad.choose("one", "two")
    assert pad._status.value.startswith("one: &lt;b&gt;, 70.0 %. Not sure: ")
    assert pad._status.value.endswith(" two: x, 100.0 %. Read as x.")


def test_the_page_is_told_whether_the_answer_is_for_a_whole_drawing(pad):
    def whole():
        return 'data-whole="true"' in pad._answer.value

    assert whole()
    pad._pen._down(20, 20)
    pad._pen._move(20, 120)
    pad._reading.now()
    assert not whole()
    pad._pen._up(20, 160)
    assert whole()


def test_what_ipywidgets_cannot_name_is_named_on_the_page(pad):
    (style,) = [each.value for each in pad.children if "onload" in getattr(each, "value", "")]
    script = html.unescape(re.search(r'onload="([^"]*)">', style)[1])
    assert script.endswith(', "Drawing area")')
    for told in ('"role", "application"', '"aria-label", name', '"role", "status"'):
        assert told in script
    assert {"hcr-paper", "hcr-status"} <= set(re.findall(r"\.(hcr-\w+)", script))
    assert "hcr-status" in pad._status._dom_classes
    # A report holds no script.
    assert "onload" not in pad.snapshot()._repr_html_()


def test_the_stylesheet_is_on_the_page(pad):
    styles = [child.value for child in pad.children if isinstance(child, widgets.HTML)]
    assert any("touch-action: none" in style for style in styles)
    assert "hcr-paper" in pad.canvas._dom_classes
    assert "hcr-pad" in pad._dom_classes


def test_the_browser_is_never_asked_for_pixels():
    from pathlib import Path

    import hcr.pad

    for path in Path(hcr.pad.__file__).parent.glob("*.py"):
        assert not re.search("get_image_data|sync_image_data|image_data", path.read_text()), path
