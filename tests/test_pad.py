"""The pad in the kernel: what no browser shows. test_pad_browser draws on a page."""

import asyncio
import re

import ipywidgets as widgets
import numpy as np
import pytest
from ipycanvas.canvas import _CANVAS_MANAGER

from hcr.datasets import drawings_file as own
from hcr.errors import DataError
from hcr.pad import Pad
from hcr.pad.answers import heated, tiles
from hcr.pad.surface import FINE, smooth
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

    def feature_maps(self, image):
        return [image[:, :, None] * np.linspace(-1, 1, 20)]

    def saliency(self, image, label):
        self.maps += 1
        return np.where(image, 1.0 + label, 0.0)


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
        ("move 10,10 up 10,10 out 10,10", []),
        ("down 10,10 move 50,10 out 290,10 move 99,99", [[(10, 10), (50, 10), (290, 10)]]),
        ("down 10,10 move 50,10 down 90,90 up 90,99", [[(10, 10), (50, 10)], [(90, 90), (90, 99)]]),
        ("down 10,10 move 11,11 up 12,10", [[(11, 10.333333)]]),  # a tap that trembles
        ("start 10,10;-60,99 slide 10,60;-60,99 end -60,99", [[(10, 10), (10, 60)]]),  # a palm
        ("start 10,10 slide 10,300 slide 60,200 end", [[(10, 10), (10, 300)]]),
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
    assert (model.images[-1] == from_strokes(pad.strokes)).all()
    assert pad.best == (model.ranked if strokes else [])
    assert pad.error is None


def test_undo_redo_and_clear_are_steps_and_drawing_forgets_what_was_undone(pad):
    drag(pad, (10, 10), (10, 90))
    drag(pad, (50, 10), (50, 90))
    steps = []
    for label in ("Undo", "Undo", "Undo", "Redo", "Clear", "Undo"):
        click(pad, label)
        steps.append(len(pad.strokes))
    assert steps == [1, 0, 0, 1, 0, 1]
    drag(pad, (90, 10), (90, 90))
    click(pad, "Redo")
    assert len(pad.strokes) == 2


def test_a_keyboard_gets_out_with_ipywidgets_7(pad, monkeypatch):
    monkeypatch.delattr(widgets.DOMWidget, "focus", raising=False)
    seen = []
    box = next(each for each in every(pad) if pad.canvas in getattr(each, "children", ()))
    box.observe(lambda change: seen.append(change["new"]), "children")
    send(pad, "key_down", key="Tab", shift_key=False, ctrl_key=False, meta_key=False)
    assert seen == [(), (pad.canvas,)]


def test_wherever_it_is_drawn_it_is_recognized_as_its_strokes_are():
    """Large, small, in a corner: the way from pen to answer is that of `recognize`."""
    mnist = Recognizer.load("mnist")
    pad = Pad({"mnist": mnist})
    for placement in PLACEMENTS:
        strokes = place_on_pad(synthesis.character("7", 3), placement)
        assert pad.replay(strokes)[0][0] == "7"
        expected = dict(mnist.read_strokes(strokes)[:5])
        assert dict(pad.best) == pytest.approx(expected, abs=0.02)


def test_replay_is_what_a_mouse_does(pad, model):
    strokes = [np.array([[10, 10], [10, 90]]), [(50, 50)], []]
    assert pad.replay(strokes) == pad.best == model.ranked
    assert [len(each) for each in pad.strokes] == [2, 1]
    pad.strokes[0][:] = 0  # a copy cannot spoil the strokes
    assert pad.strokes[0].any()
    model.ranked = None
    with pytest.raises(TypeError):
        pad.replay(strokes)
    assert 'role="alert"' in shown(pad)
    model.ranked = [("5", 1.0)]
    pad.replay(strokes)
    assert 'role="alert"' not in shown(pad)


def test_two_pads_do_not_mix(model):
    one, two = Pad({"one": model}), Pad({"two": model})
    send(one, "mouse_down", (10, 10))
    drag(two, (20, 20), (20, 90))
    send(one, "mouse_up", (10, 50))
    assert [each[0].tolist() for each in one.strokes + two.strokes] == [[10, 10], [20, 20]]


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
    assert answers <= 3
    assert batches <= 20  # moves that queued up go out together
    # A pause brings line and answer up to date.
    assert (model.images[-1] == from_strokes(pad.strokes)).all()


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


def test_labels_are_text_and_at_most_four_alternatives_are_named(model):
    pad = Pad({"one": model})
    drag(pad, (10, 10), (10, 90))
    page = shown(pad)
    assert "Not sure: &lt;b&gt;, 5 or &amp;." in page
    assert "or 5, &amp;?" in page
    assert "<b>" not in page
    # What is heard is told once, when a stroke ends.
    status = next(each for each in every(pad) if "hcr-status" in each._dom_classes)
    told = "&lt;b&gt;, 70.0 %. Not sure: &lt;b&gt;, 5 or &amp;."
    assert status.value == told
    send(pad, "mouse_down", (10, 10))
    send(pad, "mouse_move", (10, 50))
    assert status.value == told
    click(pad, "Clear")
    assert status.value == "The pad is empty."
    for answer, told in (("123456", "1, 2, 3, 4 or 2 others"), ("1234", "1, 2, 3 or 4")):
        other = Pad({"one": Model(answer, np.full(9, 1 / 9))})
        drag(other, (10, 10), (10, 90))
        assert f"Not sure: {told}." in shown(other)
    sure = Pad({"one": Model("71", [0.9999, 0.0], sure=True)})
    drag(sure, (10, 10), (10, 90))
    assert "Not sure" not in shown(sure)
    assert "&gt; 99.9 %" in shown(sure)
    assert "&lt; 0.1 %" not in shown(sure)


def test_a_model_is_loaded_once_and_when_it_is_chosen(model):
    other, loaded = Model("xyz", labels=tuple("xyz"), sure=True), []
    pad = Pad({"one": model, "two": lambda: loaded.append(1) or other})
    drag(pad, (10, 10), (10, 90))
    assert not loaded
    control(pad, "Compare with").value = "two"
    assert "two: x, 70.0 %. Recognized as x." in shown(pad)
    control(pad, "Model").value = "two"
    assert shown(pad).count("<section") == 1  # the same beside itself is shown once
    assert loaded == [1]


def test_the_characters_that_are_possible_can_be_chosen():
    emnist, mnist = Recognizer.load(), Recognizer.load("mnist")
    pad = Pad({"emnist": emnist, "mnist": mnist})
    strokes = place_on_pad(synthesis.character("0", 1), next(iter(PLACEMENTS)))
    pad.replay(strokes)
    menu = control(pad, "Characters")
    assert menu.options == ("all", "digits", "letters", "capitals")
    menu.value = "letters"
    expected = dict(emnist.among("letters").read_strokes(strokes)[:5])
    assert dict(pad.best) == pytest.approx(expected, abs=0.02)
    control(pad, "Show saliency").value = True
    control(pad, "Compare with").value = "mnist"  # which has no letters
    assert (menu.options, menu.value, pad.error) == (("all", "digits"), "all", None)
    menu.value, control(pad, "Compare with").value = "digits", "none"
    assert (menu.value, {c for c, _ in pad.best} <= set("0123456789")) == ("digits", True)
    control(pad, "Model").value = "mnist"  # which leaves nothing to choose
    assert not [each for each in every(pad) if each is menu]
    assert (pad.best[0][0], pad.error) == ("0", None)


def test_saliency_is_not_computed_too_often(model):
    async def draw():
        pad = Pad({"one": model})
        control(pad, "Show saliency").value = True
        send(pad, "mouse_down", (50, 10))
        for place in range(20, 200, 2):
            send(pad, "mouse_move", (50, place))
        send(pad, "mouse_up", (50, 200))
        return pad, model.maps

    pad, soon = asyncio.run(draw())
    assert soon <= 3
    pad.replay([[(10, 10), (100, 90)]])  # has it when it is done
    assert model.maps > soon
    assert "<figcaption>saliency" in shown(pad)
    before = model.maps
    pad.clear()
    assert (model.maps, pad.error) == (before, None)


def test_the_first_layers_light_up_on_request(pad):
    pad.replay([[(10, 10), (100, 90)]])
    assert "of 20 maps" not in shown(pad)
    control(pad, "Show first layers").value = True
    assert "16 of 20 maps" in shown(pad)
    before = shown(pad)
    drag(pad, (40, 200), (200, 40))
    pad.replay([[(40, 200), (200, 40)]])
    assert "16 of 20 maps" in shown(pad) != before
    maps = np.zeros((2, 3, 9), np.float32)
    maps[1, 0, 8] = 4
    mosaic = tiles(maps)
    assert (mosaic.shape, *np.argwhere(mosaic == 255).tolist()) == ((6, 32), [4, 0])


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


def test_what_is_refused_stays_on_the_pad(model, file, monkeypatch):
    pad = Pad({"one": model}, own)
    meant, button = control(pad, "You meant"), control(pad, "Keep")
    assert meant.options == LABELS
    meant._handle_custom_msg({"event": "submit"}, [])  # nothing is drawn: nothing is kept
    drag(pad, (10, 10), (10, 90))
    assert button.disabled
    for refused in ("\x07", "ßx", " ", "🇩🇪🇩"):
        meant.value, pad.error = refused, None
        meant._handle_custom_msg({"event": "submit"}, [])
        assert isinstance(pad.error, DataError)
    assert 'role="alert"' in shown(pad)
    meant.value, strokes = " & ", pad.strokes
    click(pad, "Keep")
    (kept,) = own.read()
    assert (kept.character, kept.size) == ("&", 280)
    assert [each.tolist() for each in kept.strokes] == [each.tolist() for each in strokes]
    assert pad.strokes == []
    assert "1 drawing kept (as &amp;)" in shown(pad)
    # What cannot be taken back may be tried again.
    with monkeypatch.context() as patch:
        patch.setattr(own, "take_back", lambda kept: 1 / 0)
        click(pad, "Take back")
    assert "ZeroDivisionError" in shown(pad)
    click(pad, "Take back")
    assert list(own.read()) == []
    ones = ("e\u0323\u0302", "क्ष", "✓\ufe0f", "<b>", "🇩🇪", "👍🏽")  # each counts as one
    for meant in ones:
        keep(pad, meant)
    assert len(own.read()) == len(ones)


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


def sharp(i):
    """A ß, each a little different."""
    return [[(90 + i, 240), (92, 90), (120, 50 + i), (165, 60), (170, 100), (130, 130 - i),
             (175, 150), (185, 195 + i), (150, 225), (120, 215)]]  # fmt: skip


def test_a_new_character_is_taught_by_three_drawings_of_whoever_draws(file):
    pad = Pad({"emnist": Recognizer.load()}, own)
    assert pad.replay(sharp(9))[0][0] != "ß"
    keep(pad, "A")
    control(pad, "Your name").value = "Eve"
    for i in range(3):
        assert control(pad, "Learn now").disabled
        pad.replay(sharp(i))
        control(pad, "You meant").value = "ß"
        click(pad, "Keep")
    assert [each.writer for each in own.read()][1:] == ["Eve"] * 3
    assert "lacks ß" in shown(pad)
    click(pad, "Learn now")
    assert control(pad, "Model").value == "emnist + my 3 drawings"
    assert re.search("0 were right before, 3 are now; none .* Draw B, too", shown(pad))
    assert pad.replay(sharp(9))[0][0] == "ß"
    assert "does not look like" not in shown(pad)
    pad.replay([np.random.default_rng(0).uniform(40, 240, (25, 2))])  # a scribble
    assert "does not look like" in shown(pad)
    assert pad.replay(place_on_pad(synthesis.character("B", 3), "large"))[0][0] == "B"
    control(pad, "Show saliency").value = True
    control(pad, "Characters").value = "letters"
    assert pad.replay(sharp(8))[0][0] == "ß"
    assert pad.error is None
    strokes = place_on_pad(synthesis.character("B", 3), "large")
    pad.replay(strokes)
    control(pad, "You meant").value = "B"
    click(pad, "Keep")
    click(pad, "Learn now")
    for character, kept in (("ß", sharp(0)), ("ß", sharp(2)), ("B", strokes)):
        assert pad.replay(kept)[0][0] == character
    # Of what is kept afterwards the same model learns again.
    keep(pad, "1")
    click(pad, "Learn now")
    control(pad, "Compare with").value = "emnist"
    assert control(pad, "Model").options == ("emnist + my 5 drawings", "emnist")
    control(pad, "Show all kept").value = True
    assert shown(pad).count("<svg") == 6


def test_it_asks_for_each_character_until_there_are_enough(file):
    pad = Pad({"mnist": Recognizer.load("mnist")}, own)
    control(pad, "Ask for").value = 1
    asked = []
    for _ in range(10):
        asked.append(control(pad, "You meant").value)
        keep(pad, asked[-1])
    assert asked == list("0123456789")
    assert "All 10 drawn" in shown(pad)
