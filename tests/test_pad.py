import json

import ipywidgets as widgets
import numpy as np
import pytest
from ipycanvas.canvas import _CANVAS_MANAGER

from hcr import images, synthesis
from hcr.errors import ModelError, ParameterError
from hcr.pad import Pad

LABELS = (*"01234567", "<b>", "&")


class Predict:
    """Answers with the shares given, and remembers the pictures."""

    def __init__(self, shares):
        self.shares, self.pictures = np.array(shares, float)[None], []

    def __call__(self, pictures):
        self.pictures.append(pictures.copy())
        return self.shares


@pytest.fixture
def predict():
    return Predict([0, 0, 0, 0.05, 0, 0.15, 0, 0, 0.7, 0.1])


@pytest.fixture
def pad(predict):
    return Pad(predict, LABELS)


def send(pad, event, *points, **more):
    """A message as the page sends it: through ipywidgets and ipycanvas to the handlers."""
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


def button(pad, label):
    def walk(widget):
        yield widget
        for child in getattr(widget, "children", ()):
            yield from walk(child)

    return next(w for w in walk(pad) if getattr(w, "description", "") == label)


def click(pad, label):
    button(pad, label)._handle_custom_msg({"event": "click"}, [])


@pytest.fixture
def sent(monkeypatch):
    """The batches of commands that go to the page."""
    batches = []
    monkeypatch.setattr(
        _CANVAS_MANAGER, "_send_custom", lambda command, buffers=(): batches.append(command)
    )
    return batches


def test_mouse(pad, predict):
    drag(pad, (10, 10), (50, 10), (50, 80))
    assert [stroke.tolist() for stroke in pad.strokes] == [[[10, 10], [50, 10], [50, 80]]]
    (picture,) = predict.pictures
    assert picture.shape == (1, 28, 28)
    assert (picture[0] == images.from_strokes(pad.strokes)).all()
    assert pad.best == [("<b>", 0.7), ("5", 0.15), ("&", 0.1), ("3", 0.05), ("0", 0)]
    assert pad.error is None


def test_a_mouse_that_only_passes_draws_nothing(pad, predict):
    send(pad, "mouse_move", (10, 10))
    send(pad, "mouse_up", (10, 10))
    send(pad, "mouse_out", (10, 10))
    assert pad.strokes == []
    assert predict.pictures == []


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
    assert (pad.image == images.from_strokes([[(0, 0)]])).all()


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
        return [button(pad, label).disabled for label in ("Undo", "Redo", "Clear")]

    assert disabled() == [True, True, True]
    drag(pad, (10, 10), (10, 90))
    assert disabled() == [False, True, False]
    click(pad, "Undo")
    assert disabled() == [True, False, True]
    assert all(button(pad, label).tooltip for label in ("Undo", "Redo", "Clear"))


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


def test_an_error_of_the_model_is_shown(predict):
    def broken(pictures):
        raise ValueError("no <weights>")

    pad = Pad(broken, LABELS)
    drag(pad, (10, 10), (10, 90))
    assert "ValueError: no &lt;weights&gt;" in pad._error.value
    assert pad.best == []
    assert len(pad.strokes) == 1
    with pytest.raises(ValueError, match="weights"):
        pad.replay([[(0, 0), (9, 9)]])
    pad._predict = predict
    drag(pad, (60, 10), (60, 90))
    assert pad._error.value == ""
    assert pad.best


@pytest.mark.parametrize("answer", [np.zeros((1, 9)), np.zeros(10), np.full((1, 10), np.nan)])
def test_a_wrong_answer_is_shown(answer):
    pad = Pad(lambda pictures: answer, LABELS)
    with pytest.raises(ModelError, match=r"predict must return \(1, 10\)"):
        pad.replay([[(0, 0), (9, 9)]])
    assert "predict must return (1, 10)" in pad._error.value


def test_replay_is_what_a_mouse_does(pad, predict):
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


def test_moves_that_queued_up_go_out_in_one_batch(pad, sent):
    send(pad, "mouse_down", (0, 0))
    sent.clear()
    for place in range(1, 200):
        send(pad, "mouse_move", (place, place))
    send(pad, "mouse_up", (200, 200))
    assert len(sent) < 50
    assert len(pad.strokes[0]) == 201


def test_the_canvas_has_no_tooltip(pad):
    # ipycanvas 0.14.3's view does not open in JupyterLab when it has one.
    assert getattr(pad.canvas, "tooltip", None) is None


def test_a_copy_cannot_spoil_the_strokes(pad):
    drag(pad, (10, 10), (10, 90))
    pad.strokes[0][:] = 0
    assert pad.strokes[0].max() == 90


def test_two_pads_do_not_mix(pad, predict):
    other = Pad(predict, LABELS)
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
        ({"labels": ()}, "labels must be"),
        ({"labels": (0, 1)}, "labels must be"),
        ({"size": 20}, "size must be"),
        ({"size": "big"}, "size must be"),
        ({"predict": None}, "predict must be a function"),
    ],
)
def test_what_a_pad_is_made_of(predict, arguments, rule):
    with pytest.raises(ParameterError, match=rule):
        Pad(**{"predict": predict, "labels": LABELS, **arguments})
