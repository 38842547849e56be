"""The data set `drawings`: who is in which split, and that they stay there."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcr import datasets
from hcr.datasets import drawings as family
from hcr.datasets import drawings_file as drawings
from hcr.errors import DataError
from hcr.preprocessing import check_images, from_strokes, labels, synthesis

CHARACTERS = "ABab01"
KINDS = ("train", "validation", "test")


def draw(characters: str, writer: str | None = None, first: int = 0) -> None:
    """A drawing of each of `characters`, no two alike."""
    for i, character in enumerate(characters):
        strokes = [80 * each + 40 for each in synthesis.character(character, first + i)]
        drawings.append(character, strokes, writer, 280)


def where(data: datasets.Dataset) -> dict[tuple, str]:
    """The split of each drawing, by its character and points."""
    found = {}
    for kind in KINDS:
        split = data.test if kind == "test" else getattr(data, kind)
        for i in range(len(split)):
            points = split.strokes[i]
            found[split.labels[i], points[0].tobytes(), points[-1].tobytes()] = kind
    return found


# Reading


def test_pictures_are_those_of_the_pad_with_strokes_and_writers():
    draw(3 * CHARACTERS, "anna")
    data = datasets.load("drawings")
    assert data.characters == tuple(labels.BALANCED)
    assert data.info.title == "Your drawings"
    kept = drawings.read()
    for split in (data.train, data.validation, data.test):
        check_images(split.images)
        assert set(split.writers) == {"anna"}
        for i in range(len(split)):
            assert (from_strokes(split.strokes[i]) == split.images[i]).all()
            ends = [(each.character, each.strokes[0][0].tolist()) for each in kept]
            character = data.characters[split.labels[i]]
            assert (character, pytest.approx(split.strokes[i][0][0].tolist())) in ends
    assert sum(counts.sum() for counts in data.counts.values()) == len(kept)
    assert datasets.sources("drawings") == [drawings.path()]


def test_small_letters_that_are_no_class_count_as_capitals():
    draw("ccCxxXaaa")
    data = datasets.load("drawings")
    counts = {
        data.characters[i]: [int(data.counts[kind][i]) for kind in KINDS]
        for i in np.flatnonzero(sum(data.counts.values()))
    }
    assert counts == {"C": [1, 1, 1], "X": [1, 1, 1], "a": [1, 1, 1]}


def test_a_copy_counts_once_and_what_is_no_class_is_told(capsys):
    draw("AAABBB")
    content = drawings.path().read_bytes()
    before = where(datasets.load("drawings"))
    first = json.loads(content.splitlines()[0])
    copies = [
        first | {"writer": "bob"},
        first | {"size": 30},
        first | {"when": "2026-01-01T00:00Z"},
    ]
    others = [first | {"character": each} for each in "ä?"]
    with drawings.path().open("ab") as file:
        file.writelines(json.dumps(each).encode() + b"\n" for each in copies + others)
    data = datasets.load("drawings-47")
    assert where(data) == before
    told = capsys.readouterr().err
    assert "Left out 2 of 11 drawings" in told
    assert "? ä" in told
    assert "without 2 of ? ä" in data.info.title  # in the report, too
    # With their classes, for a network that is to learn them.
    data = datasets.load("drawings")
    assert data.characters == (*labels.BALANCED, "?", "ä")
    assert data.counts["train"][-2:].tolist() == [1, 1]
    # Another character meant with the same strokes is another drawing.
    with drawings.path().open("ab") as file:
        file.write(json.dumps(first | {"character": "7"}).encode() + b"\n")
    assert sum(map(sum, datasets.load("drawings-47").counts.values())) == 7


def test_nothing_is_kept_of_what_was_deleted(tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    draw(3 * "AB")
    first = datasets.load("drawings").digest
    assert not (tmp_path / "cache").exists()
    draw("CCC")
    assert datasets.load("drawings").digest != first
    drawings.delete()
    with pytest.raises(DataError, match="drawings"):
        datasets.load("drawings")


@pytest.mark.parametrize(("characters", "most"), [("ABCD", 1), ("Cc", 2)])
def test_too_few_are_told_with_the_number_that_is_needed(characters, most):
    draw(characters)
    received = f"at least 3 .*Received: {len(characters)} drawings, at most {most} "
    with pytest.raises(DataError, match=received):
        datasets.load("drawings")
    draw(characters[0], first=50)
    draw(characters[0], first=60)
    data = datasets.load("drawings")
    assert all(counts.sum() for counts in data.counts.values())


def test_a_merged_file_is_named_by_path(tmp_path, monkeypatch):
    draw(3 * "AB")
    target = tmp_path / "class.jsonl"
    drawings.merge([drawings.path()], target)
    data = datasets.load("drawings", path=str(target))
    assert data.info.title == "Drawings in class.jsonl"
    assert where(data) == where(datasets.load("drawings"))
    monkeypatch.chdir(tmp_path)
    assert datasets.sources("drawings", path="class.jsonl") == [target]
    assert datasets.sources("drawings", path=str(drawings.path().parent)) == [drawings.path()]
    with pytest.raises(DataError, match=r"none\.jsonl"):
        datasets.load("drawings", path="none.jsonl")


# Splits within each class


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(0, 60))
def test_what_is_appended_moves_no_drawing_of_one_writer(values, n):
    parts = family.in_turn(np.array(values, int))
    first = family.in_turn(np.array(values[:n], int))
    assert parts[: len(first)].tolist() == first.tolist()
    # Every part holds one as soon as some class has three.
    most = max(np.bincount(values, minlength=1)) if values else 0
    assert (most >= 3) == all((parts == part).any() for part in range(3))


# Splits by writer

NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=6), min_size=3, max_size=30, unique=True)


@given(NAMES, st.data())
def test_writers_are_kept_apart_and_nobody_moves(names, data):
    drawn = data.draw(st.lists(st.sampled_from(names), max_size=40))
    first = family.by_writer(np.array(names))
    assert set(first.tolist()) == {0, 1, 2}
    both = family.by_writer(np.array(names + drawn))
    assert both[: len(names)].tolist() == first.tolist()
    part = dict(zip(names, first.tolist(), strict=True))
    assert both[len(names) :].tolist() == [part[each] for each in drawn]


def test_many_writers_stand_where_their_names_say_and_few_move():
    names = np.array([f"writer {i}" for i in range(1000)])
    parts = family.by_writer(names)
    assert np.bincount(parts) == pytest.approx([600, 200, 200], abs=50)
    # So many of them that no part could be empty: nobody moves.
    assert family.by_writer(names[:900]).tolist() == parts[:900].tolist()
    for n in range(3, 40):
        moved = family.by_writer(names[: n + 1])[:n] != family.by_writer(names[:n])
        assert moved.sum() <= 2, n


def test_a_file_of_three_people():
    for i, name in enumerate(("anna", "bob", "cem")):
        draw(CHARACTERS, name, first=10 * i)
    data = datasets.load("drawings")
    writers = [set(each.writers) for each in (data.train, data.validation, data.test)]
    assert sorted(map(len, writers)) == [1, 1, 1]
    assert set.union(*writers) == {"anna", "bob", "cem"}
