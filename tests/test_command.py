"""`python -m hcr recognize`, as a process of its own."""

import json
import subprocess
import sys

import malformed
import numpy as np
import pytest
from conftest import PROJECT
from PIL import Image

from hcr.recognizer import page

SAMPLES = PROJECT / "examples" / "pictures"


def recognize(*words: object, sent: bytes | None = None) -> tuple[int, list[str], str]:
    """The exit code, the lines that it prints, and its errors."""
    command = [sys.executable, "-m", "hcr", "recognize", *map(str, words)]
    done = subprocess.run(command, cwd=PROJECT, input=sent, capture_output=True, timeout=120)
    assert b"Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode()


@pytest.fixture
def folder(tmp_path):
    """Two pictures in folders of their characters, a broken one, and what is no picture."""
    for name, char in (("ballpoint", "7"), ("turned", "H"), ("pencil", "F")):
        (tmp_path / char).mkdir()
        (tmp_path / char / f"{name}.jpg").write_bytes((SAMPLES / f"{name}.jpg").read_bytes())
    (tmp_path / "H" / "broken.png").write_bytes(malformed.EPS)
    (tmp_path / "H" / ".hidden.png").write_bytes(b"")
    (tmp_path / "notes.TXT").touch()
    return tmp_path


def test_a_picture_is_a_line():
    code, lines, errors = recognize(SAMPLES / "ballpoint.jpg", SAMPLES / "turned.jpg")
    assert (code, len(lines), errors) == (0, 2, "")
    assert [line.split(":")[-1].split()[0] for line in lines] == ["7", "H"]
    white = malformed.png(9, 9, bytes([0, *[255] * 9]) * 9)
    code, lines, _ = recognize("-", sent=white)
    assert (code, len(lines)) == (0, 1)
    assert "no answer" in lines[0]
    sent = (SAMPLES / "turned.jpg").read_bytes()
    code, lines, _ = recognize("-", "--only", "LT", "--top", "9", sent=sent)
    assert sorted(lines[0].split()[1::3]) == ["L", "T"]


def test_a_broken_picture_in_a_folder_is_named_and_the_others_are_recognized(folder):
    code, lines, errors = recognize(folder, "--json")
    answers = {fact["picture"]: fact for fact in map(json.loads, lines)}
    broken = answers.pop(str(folder / "H" / "broken.png"))
    assert code == 1
    assert set(broken) == {"picture", "error"}
    assert "broken.png" in errors
    assert "1 .txt" in errors
    best = {path.rsplit("/", 1)[-1]: fact["answers"][0] for path, fact in answers.items()}
    assert {name: each["character"] for name, each in best.items()} == {
        "ballpoint.jpg": "7",
        "turned.jpg": "H",
        "pencil.jpg": "E",
    }
    assert all(0.5 < each["probability"] <= 1 for each in best.values())


def test_the_sample_pictures_are_recognized():
    code, lines, errors = recognize("--expect", SAMPLES / "labels.csv")
    assert (code, len(lines), errors) == (0, 15, "")
    assert int(lines[-1].split()[1]) >= 12
    assert lines[-1].split()[2:5] == ["of", "14", "right,"]


def test_accuracy_has_an_interval_and_counts_what_can_be_read(folder):
    code, lines, errors = recognize("--expect", folder)
    assert code == 1  # the broken one
    assert "2 of 3 right, 66.7 % (95 % interval 20.8 to 93.9)" in lines[-1]
    assert "not F" in next(line for line in lines if "pencil" in line)
    assert "1 without a label" in errors
    *_, last = recognize("--json", "--expect", folder, "--only", "letters", folder / "7")[1]
    assert json.loads(last)["interval"] == pytest.approx([0, 0.793], abs=1e-3)


def test_a_page_is_its_lines_with_boxes(tmp_path):
    row = [np.asarray(Image.open(SAMPLES / f"{name}.jpg")) for name in ("ballpoint", "pencil")]
    Image.fromarray(np.hstack([row[0], row[1]])).save(tmp_path / "row.png")
    code, lines, _ = recognize(tmp_path / "row.png", "--page", "--boxes", tmp_path / "out.png")
    assert (code, lines) == (0, [f"{tmp_path / 'row.png'}:1: 7E"])
    words = "--page", "--json", "--boxes", tmp_path / "boxes"
    code, [line], _ = recognize(tmp_path / "row.png", *words)
    boxes = [each["box"] for each in json.loads(line)["lines"][0]]
    assert boxes[0][2] <= 480 <= boxes[1][0]
    assert len(list((tmp_path / "boxes").iterdir())) == 1
    drawn = np.asarray(Image.open(tmp_path / "out.png")).astype(int)
    for left, top, _, _ in boxes:
        assert np.abs(drawn[top + 30, left] - page.BLUE).max() < 5
    assert "--page" in recognize(tmp_path / "row.png")[1][0]  # no answer of one character


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "folder"),
        (("--top", "0", "x.png"), 2, "--top"),
        (("--boxes", "x.png", SAMPLES / "box.jpg"), 2, "--page"),
        (("--page", "--expect", SAMPLES), 2, "--expect"),
        (("--page", "--boxes", "all.png", SAMPLES), 2, "--boxes"),
        (("--only", "é", SAMPLES), 2, "only"),
        (("nowhere.png",), 1, "nowhere.png"),
        ((PROJECT / "params",), 2, ".yaml"),
        (("--model", "nowhere", SAMPLES), 1, "nowhere"),
        (("--expect", PROJECT / "params"), 1, "params"),
    ],
)
def test_what_cannot_be_done_is_told(words, code, told):
    found, lines, errors = recognize(*words)
    assert (found, lines) == (code, [])
    assert told in errors
