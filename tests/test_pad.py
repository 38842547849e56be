"""The pad in the kernel: what its page sends, and what it shows. test_pad_browser has a page."""

import asyncio
import html
import re

import ipywidgets as widgets
import numpy as np
import pytest
from ipycanvas.canvas import _CANVAS_MANAGER

from hcr.datasets import drawings_file as own
from hcr.errors import DataError, ModelError
from hcr.pad import Pad
from hcr.pad.answers import heated
from hcr.pad.surface import FINE, Pace, smooth
from hcr.preprocessing import from_strokes, synthesis
from hcr.preprocessing.synthesis import PLACEMENTS, place_on_pad
from hcr.recognizer import Recognition, Recognizer

LABELS = (*"01234567", "<b>", "&")


class Model:
    """A model whose answers are known; it remembers the images."""

    def __init__(self, answer="<b>5&", shares=(0.7, 0.2, 0.1), labels=LABELS, sure=False):
        self.labels, self.images, self.maps, self.sure = labels, [], 0, sure
        self.ranked = list(zip(re.findall("<b>|.", answer), shares, strict=False))

    def recognize(self, strokes):
        image = from_strokes(strokes)
        self.images.append(image)
        if not image.any():
            return Recognition()
        names = [name for name, _ in self.ranked]
        return Recognition(self.ranked, names[:1] if self.sure else names, image=image)

    def saliency(self, image, label):
        self.maps += 1
        return np.where(image, 1.0 + label, 0.0)


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
        return len(self.drawings), ""

    def take_back(self, kept):
        there = any(each is kept for each in self.drawings)
        self.drawings = [each for each in self.drawings if each is not kept]
        return there


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def pad(model):
    return Pad({"one": model})


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


def every(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from every(child)


def control(pad, label):
    return next(each for each in every(pad) if getattr(each, "description", "") == label)


def click(pad, label):
    control(pad, label)._handle_custom_msg({"event": "click"}, [])


def shares(pad):
    return {name: answer.ranked for name, answer in pad.snapshot().shown.answers.items()}


def image(pad):
    return pad.snapshot().shown.first.image


def shown(pad):
    """All that the pad shows as HTML."""
    return " ".join(each.value for each in every(pad) if isinstance(each, widgets.HTML))


@pytest.fixture
def sent(monkeypatch):
    """The batches of commands that go to the page."""
    batches = []
    monkeypatch.setattr(
        _CANVAS_MANAGER, "_send_custom", lambda command, buffers=(): batches.append(command)
    )
    return batches


# Mouse, finger, keys


@pytest.mark.parametrize(
    ("events", "strokes"),
    [
        ("down 10,10 move 50,10 up 50,80", [[(10, 10), (50, 10), (50, 80)]]),
        ("move 10,10 up 10,10 out 10,10", []),
        ("down 10,10 move 50,10 out 290,10 move 99,99", [[(10, 10), (50, 10), (290, 10)]]),
        ("down 10,10 move 50,10 down 90,90 up 90,99", [[(10, 10), (50, 10)], [(90, 90), (90, 99)]]),
        ("down 10,10 move 11,11 up 12,10", [[(11, 10.333333)]]),  # a tap that trembles
        ("start 10,10 slide 10,60 end", [[(10, 10), (10, 60)]]),
        ("start 10,10 slide 10,60 start 10,60;90,60 slide 10,99;90,99 end", [[(10, 10), (10, 60)]]),
        ("start 10,10 slide 10,300 slide 60,200 end", [[(10, 10), (10, 300)]]),
        ("start 10,10;-60,99 slide 10,60;-60,99 end -60,99", [[(10, 10), (10, 60)]]),
    ],
)
def test_a_pointer_draws_strokes(pad, model, events, strokes):
    kinds = {"down": "mouse_down", "move": "mouse_move", "up": "mouse_up", "out": "mouse_out"}
    kinds |= {"start": "touch_start", "slide": "touch_move", "end": "touch_end"}
    for kind, places in re.findall(r"([a-z]+) ?([-\d,;]*)", events):
        points = [tuple(map(float, each.split(","))) for each in places.split(";") if each]
        send(pad, kinds[kind], *points)
    assert len(pad.strokes) == len(strokes)
    for found, expected in zip(pad.strokes, strokes, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    if strokes:
        assert (model.images[-1] == from_strokes(pad.strokes)).all()
        assert pad.best == model.ranked
    else:
        assert model.images == []
    assert pad.error is None


def test_undo_redo_clear(pad):
    def state():
        return len(pad.strokes), [not control(pad, each).disabled for each in buttons]

    buttons = ("Undo", "Redo", "Clear")
    assert state() == (0, [False, False, False])
    drag(pad, (10, 10), (10, 90))
    drag(pad, (50, 10), (50, 90))
    for act, n, can in (
        (lambda: click(pad, "Undo"), 1, [True, True, True]),
        (lambda: press(pad, "z", ctrl=True), 0, [False, True, False]),
        (lambda: press(pad, "z", ctrl=True, shift=True), 1, [True, True, True]),
        (lambda: press(pad, "y", meta=True), 2, [True, False, True]),
        (lambda: press(pad, "Delete"), 0, [True, False, False]),
        (lambda: click(pad, "Undo"), 2, [True, True, True]),
        (lambda: press(pad, "a"), 2, [True, True, True]),
        (lambda: click(pad, "Clear"), 0, [True, False, False]),
    ):
        act()
        assert state() == (n, can)
        assert bool(pad.best) == bool(n)


def test_a_keyboard_gets_out(model, monkeypatch):
    gone, pad = [], Pad({"one": model, "two": model})
    monkeypatch.setattr(
        widgets.DOMWidget, "focus", lambda self: gone.append(self.description), raising=False
    )
    press(pad, "Tab")  # nothing is drawn: the buttons are disabled, and take no focus
    drag(pad, (10, 10), (10, 90))
    press(pad, "Escape")
    press(pad, "Tab", shift=True)
    assert gone == ["Show saliency", "Undo", "Compare with"]
    monkeypatch.delattr(widgets.DOMWidget, "focus")  # ipywidgets 7
    seen = []
    box = next(each for each in every(pad) if pad.canvas in getattr(each, "children", ()))
    box.observe(lambda change: seen.append(change["new"]), "children")
    press(pad, "Tab")
    assert seen == [(), (pad.canvas,)]


# Replay, snapshot


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_wherever_it_is_drawn_it_is_recognized_as_its_strokes_are(placement):
    """Large, small, in a corner: the way from pen to answer is that of `recognize`."""
    mnist = Recognizer.load("mnist")
    pad, strokes = Pad({"mnist": mnist}), place_on_pad(synthesis.character("7", 3), placement)
    assert pad.replay(strokes)[0][0] == "7"
    expected = dict(mnist.read_strokes(strokes))
    assert dict(pad.best) == pytest.approx({each: expected[each] for each, _ in pad.best}, abs=0.02)


def test_replay_is_what_a_mouse_does(pad, model):
    strokes = [np.array([[10, 10], [10, 90]]), [(50, 50)], []]
    assert pad.replay(strokes) == pad.best == model.ranked
    assert [len(each) for each in pad.strokes] == [2, 1]
    pad.replay([[(90, 10), (90, 90)]], clear=False)
    assert len(pad.strokes) == 3
    pad.strokes[0][:] = 0  # a copy cannot spoil the strokes
    assert pad.strokes[0].any()
    assert (image(pad) == from_strokes(pad.strokes)).all()


def test_shows_itself_with_a_still_picture(pad):
    pad.replay([[(10, 10), (10, 90)], [(50, 50)]])
    pad.show_saliency()
    page = pad.snapshot()._repr_html_()
    assert page.count("<polyline") == 2
    assert "saliency" in page
    assert "&lt;b&gt;" in page
    assert "onload" not in page  # a report holds no script
    assert pad._repr_mimebundle_()["text/html"] == page


# What goes to the page


def test_a_page_that_opens_later_gets_everything(pad, sent):
    drag(pad, (10, 10), (10, 90))
    drag(pad, (50, 10), (50, 90))
    sent.clear()
    send(pad, "client_ready")
    assert len(sent) == 1


def test_two_pads_do_not_mix(model):
    one, two = Pad({"one": model}), Pad({"two": model})
    send(one, "mouse_down", (10, 10))
    drag(two, (20, 20), (20, 90))
    send(one, "mouse_up", (10, 50))
    assert [each[0].tolist() for each in one.strokes + two.strokes] == [[10, 10], [20, 20]]


def test_the_page_knows_roles_style_and_state(pad):
    page = shown(pad)
    assert "touch-action: none" in page
    script = html.unescape(re.search(r'onload="([^"]*)">', page)[1])
    assert script.endswith(', "Drawing area")')
    assert {"hcr-paper", "hcr-status"} <= set(re.findall(r"\.(hcr-\w+)", script))
    assert pad.canvas.description == ""  # else its view does not open
    assert 'data-points="0" data-whole="true"' in page
    send(pad, "mouse_down", (20, 20))
    assert 'data-points="1" data-whole="false"' in shown(pad)
    send(pad, "mouse_up", (20, 90))
    assert 'data-points="2" data-whole="true"' in shown(pad)


def test_it_answers_while_one_draws_and_not_at_every_move(model, sent):
    async def draw():
        pad = Pad({"one": model})
        sent.clear()
        send(pad, "mouse_down", (10, 10))
        for place in range(20, 200, 2):
            send(pad, "mouse_move", (10, place))
        counts = len(model.images), len(sent)
        await asyncio.sleep(0.5)
        return counts, pad

    (answers, batches), pad = asyncio.run(draw())
    assert answers <= 2
    assert batches <= 20  # moves that queued up go out together
    # A pause brings line and answer up to date.
    assert (model.images[-1] == from_strokes(pad.strokes)).all()


def test_pace(monkeypatch):
    now, done = [0.0], []
    monkeypatch.setattr("hcr.pad.surface.time.monotonic", lambda: now[0])
    pace = Pace(lambda: done.append(now[0]), 0.3)
    for now[0] in (0, 0.1, 0.29, 0.31, 0.5, 0.62):
        pace.ask()
    assert done == [0, 0.31, 0.62]
    pace.now()
    assert done[-1] == 0.62

    def slow():
        now[0] += 1

    pace = Pace(slow, 0.3)
    pace.ask()
    before = now[0]
    now[0] += 3.9
    pace.ask()
    assert now[0] == before + 3.9
    now[0] += 0.2
    pace.ask()
    assert now[0] == pytest.approx(before + 5.1)


def test_a_curve_goes_through_its_points():
    points = np.array([[0, 0], [50, 10], [50, 10], [90, 60], [90, 200]], float)
    curve = smooth(points)
    for point in points:
        assert np.abs(curve - point).sum(axis=1).min() < 1e-4
    assert len(curve) > 15
    assert smooth(points[:2]).tolist() == points[:2].tolist()
    # A corner stays one, and a straight line straight.
    corner = smooth(np.array([[0, 0], [0, 90], [90, 90], [90, 0]], float))
    assert corner[:, 1].max() <= 90 + 1e-4
    assert np.ptp(smooth(np.array([[0, 5], [30, 5], [60, 5]], float))[:, 1]) < 1e-4


# What it shows


def test_labels_are_text_and_at_most_four_alternatives_are_named(model):
    pad = Pad({"one": model})
    drag(pad, (10, 10), (10, 90))
    page = shown(pad)
    assert "Not sure: &lt;b&gt;, 5 or &amp;." in page
    assert "or 5, &amp;?" in page
    assert "<b>" not in page
    for answer, told in (
        ("123456", "1, 2, 3, 4 or 2 others"),
        ("12345", "1, 2, 3, 4 or 1 other"),
        ("1234", "1, 2, 3 or 4"),
    ):
        other = Pad({"one": Model(answer, np.full(9, 1 / 9))})
        drag(other, (10, 10), (10, 90))
        assert f"Not sure: {told}." in shown(other)
    sure = Pad({"one": Model("7", [0.9999], sure=True)})
    drag(sure, (10, 10), (10, 90))
    assert "Not sure" not in shown(sure)
    assert "&gt; 99.9 %" in shown(sure)


def test_a_stroke_is_told_once_when_it_ends(pad):
    status = next(each for each in every(pad) if "hcr-status" in each._dom_classes)
    told = []
    status.observe(lambda change: told.append(change["new"]), "value")
    assert status.value == "The pad is empty."
    send(pad, "mouse_down", (10, 10))
    for place in range(20, 200, 20):
        send(pad, "mouse_move", (10, place))
    assert told == []
    send(pad, "mouse_up", (10, 200))
    click(pad, "Undo")
    assert told == ["&lt;b&gt;, 70.0 %. Not sure: &lt;b&gt;, 5 or &amp;.", "The pad is empty."]


def test_two_models_answer_side_by_side(model):
    other, loaded = Model("xyz", labels=tuple("xyz"), sure=True), []
    pad = Pad({"one": model, "two": lambda: loaded.append(1) or other})
    drag(pad, (10, 10), (10, 90))
    assert list(shares(pad)) == ["one"]
    assert not loaded
    control(pad, "Compare with").value = "two"
    assert shares(pad) == {"one": pad.best, "two": other.ranked}
    assert "two: x, 70.0 %. Recognized as x." in shown(pad)
    control(pad, "Model").value = "two"
    assert list(shares(pad)) == ["two"]  # the same beside itself is shown once
    control(pad, "Model").value = "one"
    control(pad, "Compare with").value = "two"
    assert list(shares(pad)) == ["one", "two"]
    assert loaded == [1]


def test_errors_of_models_are_shown_until_they_answer(model):
    def load():
        raise ModelError("It is <broken>.")

    pad = Pad({"one": model, "broken": load})
    drag(pad, (10, 10), (10, 90))
    control(pad, "Compare with").value = "broken"
    assert "It is &lt;broken&gt;." in shown(pad)
    control(pad, "Compare with").value = "none"
    assert "broken&gt;" not in shown(pad)
    model.ranked, ranked = None, model.ranked
    drag(pad, (50, 10), (50, 90))
    assert 'role="alert"' in shown(pad)
    assert pad.best == []
    with pytest.raises(TypeError):
        pad.replay([[(10, 10), (10, 90)]])
    model.ranked = ranked
    drag(pad, (50, 10), (50, 90))
    assert 'role="alert"' not in shown(pad)
    assert pad.best == ranked


# Saliency


def test_saliency_is_shown_on_demand_and_not_too_often(model):
    async def draw():
        pad = Pad({"one": model})
        drag(pad, (10, 10), (10, 90))
        assert ("<figcaption>saliency" in shown(pad), model.maps) == (False, 0)
        pad.show_saliency()
        assert ("<figcaption>saliency" in shown(pad), model.maps) == (True, 1)
        send(pad, "mouse_down", (50, 10))
        for place in range(20, 200, 2):
            send(pad, "mouse_move", (50, place))
        send(pad, "mouse_up", (50, 200))
        soon = model.maps
        await asyncio.sleep(0.5)
        return pad, soon

    pad, soon = asyncio.run(draw())
    assert soon <= 3
    assert (pad.snapshot().shown.maps["one"] == np.where(image(pad), 9.0, 0)).all()
    pad.replay([[(10, 10), (100, 90)]])  # has it when it is done
    assert (pad.snapshot().shown.maps["one"] == np.where(image(pad), 9.0, 0)).all()
    before = model.maps
    pad.clear()
    assert (model.maps, pad.error) == (before, None)
    pad.show_saliency(False)
    assert "<figcaption>saliency" not in shown(pad)


def test_heat():
    image, saliency = np.zeros((28, 28), np.uint8), np.zeros((28, 28))
    image[10:20, 10:20] = 255
    saliency[10, 10], saliency[20, 20] = 2, -1
    red, _, blue = heated(image, saliency)[[10, 20], [10, 20]].astype(int).T
    assert red[0] > blue[0]
    assert blue[1] > red[1]
    assert (heated(image, saliency * 0)[15, 15] == 153).all()


# Teaching


@pytest.fixture
def file(tmp_path, monkeypatch):
    """The person's own file of drawings, empty."""
    monkeypatch.setenv("HCR_DRAWINGS", str(tmp_path / "drawings"))
    return own.path()


def keep(pad, character):
    """Draw something, and keep it as `character`."""
    drag(pad, (10, 10), (10, 90))
    control(pad, "You meant").value = character
    click(pad, "Keep")


def test_a_drawing_is_kept_as_what_was_meant(model):
    kept = Kept()
    pad = Pad({"one": model}, kept)
    meant, button = control(pad, "You meant"), control(pad, "Keep")
    assert meant.options == LABELS
    meant._handle_custom_msg({"event": "submit"}, [])  # nothing is drawn: nothing is kept
    drag(pad, (10, 10), (10, 90))
    assert button.disabled
    meant.value = " & "
    assert not button.disabled
    strokes = pad.strokes
    click(pad, "Keep")
    ((character, found, size),) = kept.drawings
    assert (character, size) == ("&", 280)
    assert [each.tolist() for each in found] == [each.tolist() for each in strokes]
    assert pad.strokes == []
    assert "1 drawing kept (as &amp;)" in shown(pad)
    drag(pad, (10, 10), (10, 90))
    meant._handle_custom_msg({"event": "submit"}, [])
    assert "2 drawings kept" in shown(pad)
    meant.value = "!"
    drag(pad, (10, 10), (10, 90))
    click(pad, "Keep")
    assert "character must be one." in shown(pad)
    assert len(pad.strokes) == 1
    assert not any(getattr(each, "description", "") == "Keep" for each in every(Pad({"a": model})))


def test_a_pad_takes_back_what_was_kept_there(model, file):
    one, two = Pad({"one": model}, own), Pad({"one": model}, own)
    assert control(one, "Take back").disabled
    for pad, character in ((one, "1"), (two, "2"), (one, "3")):
        keep(pad, character)
    click(one, "Take back")
    click(one, "Take back")
    assert [each.character for each in own.read()] == ["2"]
    assert "1 drawing kept (taken back)" in shown(one)
    own.delete()
    click(two, "Take back")
    assert "gone already" in shown(two)


def test_what_cannot_be_taken_back_may_be_tried_again(model):
    kept = Kept()
    pad = Pad({"one": model}, kept)
    keep(pad, "1")
    kept.take_back, whole = lambda kept: 1 / 0, kept.take_back
    click(pad, "Take back")
    assert "ZeroDivisionError" in shown(pad)
    kept.take_back = whole
    click(pad, "Take back")
    assert kept.drawings == []


def test_a_file_without_a_drawing_stops_nobody(model, file):
    file.parent.mkdir()
    file.write_text("<hello>\n")
    pad = Pad({"one": model}, own)
    assert 'role="alert"' in shown(pad)
    drag(pad, (10, 10), (10, 90))
    assert pad.best
    keep(pad, "A")
    assert "1 drawing kept (as A)" in shown(pad)
    click(pad, "Take back")
    assert file.read_text() == "<hello>\n"


def test_who_recognizes_better_is_counted(model):
    other = Model("A", [1], labels=("A", "y", "z"))
    model.ranked = [("a", 0.7), ("3", 0.3)]
    pad = Pad({"<one>": model, "two": other}, Kept())
    keep(pad, "A")
    assert "Of 1 kept here, right but for case: &lt;one&gt; 1." in shown(pad)
    control(pad, "Compare with").value = "two"
    assert "kept here" not in shown(pad)  # The first one was not for both.
    keep(pad, "a")
    model.ranked = [("3", 0.8)]
    keep(pad, "A")
    keep(pad, "3")
    assert "Of 3 kept here, right but for case: &lt;one&gt; 2, two 2." in shown(pad)
    click(pad, "Take back")
    assert "Of 2 kept here, right but for case: &lt;one&gt; 1, two 2." in shown(pad)
    control(pad, "Compare with").value = "none"
    assert "Of 3 kept here, right but for case: &lt;one&gt; 2." in shown(pad)


def test_it_is_the_whole_drawing_that_is_compared(model):
    """Some of a stroke may have come since the last answer."""
    pad = Pad({"one": model}, Kept())
    send(pad, "mouse_down", (10, 10))
    control(pad, "You meant").value = "A"
    for place in range(20, 200, 20):
        send(pad, "mouse_move", (10, place))
    strokes = pad.strokes
    click(pad, "Keep")
    assert any((each == from_strokes(strokes)).all() for each in model.images)
