"""Rows of characters: their order, their boxes, and what is one character."""

import warnings
from copy import copy

import numpy as np
import pytest
from PIL import Image, ImageDraw

from hcr.errors import PictureWarning
from hcr.preprocessing import synthesis
from hcr.recognizer import Recognizer


@pytest.fixture(scope="module")
def model() -> Recognizer:
    return Recognizer.load()


def page(*rows: str, size: int = 60, step: int = 80) -> tuple[np.ndarray, list[tuple]]:
    """Rows of drawn characters, and their boxes."""
    image = Image.new("L", (step * max(map(len, rows)) + 40, 110 * len(rows) + 20), 230)
    draw, boxes = ImageDraw.Draw(image), []
    for i, row in enumerate(rows):
        for j, char in enumerate(row):
            strokes = [
                stroke * size + [30 + step * j, 25 + 110 * i]
                for stroke in synthesis.character(char)
            ]
            points = np.concatenate(strokes)
            boxes.append((*points.min(axis=0), *points.max(axis=0)))
            for stroke in strokes:
                draw.line([tuple(p) for p in stroke.tolist()], fill=40, width=6, joint="curve")
    return np.asarray(image), boxes


def texts(model: Recognizer, picture) -> list[str]:
    return ["".join(each.best for each in line) for line in model.recognize_page(picture)]


@pytest.mark.parametrize("rows", [("7436",), ("A3K",), ("SOLE",), ("743", "25B")])
def test_a_page_is_lines_of_characters_in_the_order_of_reading(model, rows):
    picture, boxes = page(*rows)
    assert texts(model, picture) == list(rows)
    assert texts(model, 255 - picture) == list(rows)
    found = [each for line in model.recognize_page(picture) for each in line]
    for each, box in zip(found, boxes, strict=True):
        assert np.abs(np.array(each.box) - box).max() < 8
        assert each.ranked[0][0] == each.best == each.alternatives[0]


def test_a_slanting_row_is_one_line(model):
    picture, _ = page("74362")
    turned = Image.fromarray(picture).rotate(5, Image.Resampling.BICUBIC, True, fillcolor=230)
    assert texts(model, turned) == ["74362"]


def test_boxes_are_those_of_the_picture_however_large_it_is(model):
    picture, boxes = page("7436")
    large = Image.fromarray(picture).resize((picture.shape[1] * 8, picture.shape[0] * 8))
    (line,) = model.recognize_page(large)
    for each, box in zip(line, boxes, strict=True):
        assert np.abs(np.array(each.box) / 8 - box).max() < 8


@pytest.mark.parametrize("char", "ij5KH")
def test_what_is_in_several_pieces_is_one_character(model, char):
    strokes = synthesis.character(char)
    image = Image.new("L", (280, 280), 240)
    for stroke in strokes:
        points = [tuple(p) for p in (stroke * 180 + 50).tolist()]
        ImageDraw.Draw(image).line(points, fill=20, width=12, joint="curve")
    assert [len(line) for line in model.recognize_page(image)] == [1]
    assert "several" not in model.recognize(image).warnings


def test_a_page_without_ink_has_no_lines(model):
    assert model.recognize_page(np.full((200, 300), 240, np.uint8)) == []


@pytest.mark.parametrize("row", ["74", "A3", "743"])
def test_several_characters_get_a_warning_and_no_answer(model, row):
    picture, _ = page(row)
    assert f"{len(row)} char" in model.recognize(picture).warnings["several"]
    with pytest.warns(PictureWarning, match="recognize_page"):
        assert model.read_image(picture) == []


def test_a_character_among_specks_is_no_row(model):
    picture, _ = page("7")
    picture = picture.copy()
    for x in (5, 100, 110):
        picture[40:42, x : x + 2] = 40
    assert "several" not in model.recognize(picture).warnings
    with warnings.catch_warnings(action="error", category=PictureWarning):
        assert model.read_image(picture)[0][0] == "7"


def test_a_character_of_another_script_may_have_its_parts_side_by_side(model):
    picture, _ = page("743")
    answer = model.recognize(picture)
    assert "several" in answer.warnings
    assert answer.ranked[0][1] > 0.5
    other = copy(model)
    other.labels = tuple("い" if label == answer.best else label for label in model.labels)
    assert "several" not in other.recognize(picture).warnings
