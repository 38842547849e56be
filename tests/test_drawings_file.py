"""A person's own drawings: nothing is lost, and nothing is half."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import PROJECT

from hcr import datasets
from hcr.datasets import drawings_file as drawings
from hcr.errors import DataError, ParameterError
from hcr.pipeline import cli
from hcr.preprocessing import synthesis

LINE = [[[10, 10], [10.25, 200]]]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """The folder of the person's own drawings."""
    monkeypatch.setenv("HCR_DRAWINGS", str(tmp_path / "drawings"))
    return tmp_path / "drawings"


def main(arguments: list[str]) -> int:
    return cli.main(["drawings", *arguments])


def draw(characters: str, writer: str | None = None) -> list[drawings.Drawing]:
    """Append one of each character."""
    return [
        drawings.append(c, [s * 200 + 40 for s in synthesis.character(c, i)], writer, 280)
        for i, c in enumerate(characters)
    ]


def kept() -> str:
    """All characters of the file, in their order."""
    return "".join(drawing.character for drawing in drawings.read())


def test_it_never_lies_among_the_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("HCR_DRAWINGS", str(tmp_path / "outputs" / "quick" / "drawings"))
    with pytest.raises(ParameterError, match="outside"):
        drawings.append("A", LINE)
    assert main(["count"]) == 2
    assert not (tmp_path / "outputs").exists()


def test_a_line_has_the_documented_form():
    drawings.append("é", LINE, "Zoë ", 280)
    (line,) = drawings.path().read_text(encoding="utf-8").splitlines()
    record = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", record.pop("when"))
    strokes = [[[10.0, 10.0], [10.25, 200.0]]]
    assert record == {
        "version": 1, "character": "é", "writer": "Zoë", "size": 280, "strokes": strokes
    }  # fmt: skip
    example = re.search(r"^```json\n(.*?)\n```", (PROJECT / "docs/drawings.md").read_text(), re.M)
    assert drawings.parse(example[1].encode()).line == example[1].encode()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("A" * 17, LINE), "character"),
        ((7, LINE), "character"),
        (("A", []), "two differ"),
        (("A", [[[1, 1], [1.001, 1]]]), "two differ"),
        (("A", [[[1, 2, 3]]]), "strokes"),
        (("A", [[[0, 0], [np.nan, 1]]]), "nan"),
        (("A", LINE, "a\nb"), "writer"),
        (("A", LINE, "anna", True), "size"),
    ],
)
def test_what_is_no_drawing_is_refused(arguments, word, folder):
    with pytest.raises(DataError, match=word):
        drawings.append(*arguments)
    assert not folder.exists()


def test_a_name_is_given_once_a_folder(monkeypatch, tmp_path, folder):
    draw("AB")
    (name,) = {drawing.writer for drawing in drawings.read()}
    assert re.fullmatch("me-[0-9a-f]{8}", name)
    monkeypatch.setenv("HCR_DRAWINGS", str(tmp_path / "other"))
    draw("A")
    assert drawings.read()[0].writer != name


# Crashes, full disks, two pads


def test_a_last_line_cut_at_any_byte_costs_that_line_alone(capsys):
    draw("AB")
    path = drawings.path()
    whole = path.read_bytes()
    drawings.append("C", LINE)
    third = path.read_bytes()[len(whole) :]
    for cut in range(len(third)):
        path.write_bytes(whole + third[:cut])
        # The very last byte is the line's end: without it the drawing is whole.
        there = "ABC" if cut == len(third) - 1 else "AB"
        capsys.readouterr()
        assert kept() == there
        assert ("line 3" in capsys.readouterr().err) == (0 < cut < len(third) - 1)
        drawings.append("D", LINE)
        assert kept() == there + "D"
        assert path.read_bytes().startswith(whole)


WHOLE = {"version": 1, "character": "A", "writer": "x", "when": "2026-08-20T09:12:33Z",
         "strokes": [[[0, 0], [1, 1]]]}  # fmt: skip


def line_of(**changed) -> bytes:
    return json.dumps({key: v for key, v in {**WHOLE, **changed}.items() if v != ()}).encode()


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (line_of(version=2), "version 1. Received: 2"),
        (line_of(strokes=()), "strokes"),
        (line_of(when="2026-08-20T09:12:33"), "zone"),
        (b"\xff\xfe\x00", "JSON"),
        (b"[" * 100_000, "JSON"),
        (line_of(strokes=[[[0, 0], [10**400, 1]]]), "strokes"),
    ],
)
def test_a_line_that_is_no_drawing_is_reported_and_stays(line, word, capsys):
    draw("A")
    with drawings.path().open("ab") as file:
        file.write(line + b"\n\r\n")
    (last,) = draw("B")
    assert kept() == "AB"
    note = capsys.readouterr().err
    assert drawings.saved()[1] == note.rstrip("\n")
    assert "line 2" in note
    assert word in note
    # Nor is it lost when a drawing is taken back.
    drawings.take_back(last)
    assert kept() == "A"
    assert line in drawings.path().read_bytes()


def test_lines_of_others_are_read(folder):
    folder.mkdir()
    drawings.path().write_bytes(b"\xef\xbb\xbf" + line_of(mood="good", size=()) + b"\r\n")
    (drawing,) = drawings.read()
    assert (drawing.size, drawing.when) == (None, "2026-08-20T09:12:33.000+00:00")


PAD = """
import sys
from hcr.datasets import drawings_file
for i in range(40):
    drawings_file.append(sys.argv[1], [[[0, 0], [1, i + 1]]] * 200, sys.argv[1])
"""


def test_two_pads_and_a_reader_at_once_lose_nothing(capsys):
    processes = [
        subprocess.Popen([sys.executable, "-c", PAD, name], cwd=PROJECT) for name in ("A", "B")
    ]
    n = 0
    while any(process.poll() is None for process in processes):
        now = len(drawings.read())
        assert now >= n
        n = now
    assert [process.returncode for process in processes] == [0, 0]
    everything = drawings.read()
    for name in "AB":
        ends = [int(d.strokes[0][1, 1]) for d in everything if d.character == name]
        assert ends == list(range(1, 41)), "each once, in its order"
    assert capsys.readouterr().err == ""


def test_a_disk_that_takes_only_a_part():
    draw("AB")
    before = drawings.path().read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(DataError, match="HCR_DRAWINGS"):
            draw("C")
        assert drawings.path().read_bytes() == before
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    draw("D")
    assert kept() == "ABD"


def test_a_disk_that_refuses_and_a_lock_that_is_held(monkeypatch, tmp_path):
    draw("A")
    monkeypatch.setattr(drawings, "PATIENCE", 0.1)
    with drawings._locked(drawings.path()), pytest.raises(DataError, match="lock"):
        draw("B")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HCR_DRAWINGS", str(tmp_path / "file"))
    with pytest.raises(DataError, match="writable"):
        draw("A")


# Taking back, deleting, counting


def test_what_is_taken_back_is_that_one_and_others_stay():
    a, b, c = draw("ABC")
    subprocess.run([sys.executable, "-c", PAD.replace("40", "2"), "Z"], cwd=PROJECT, check=True)
    assert drawings.take_back(b)
    assert kept() == "ACZZ"
    assert not drawings.take_back(b), "it is gone already"
    assert drawings.take_back(a)
    assert kept() == "CZZ"
    drawings.delete()
    assert not drawings.take_back(c)
    assert drawings.saved() == ([], "")
    assert os.listdir(drawings.path().parent) == [".drawings.jsonl.lock"]


def test_a_symbolic_link_to_the_file_stays_one(tmp_path, folder):
    real = tmp_path / "synced" / "mine.jsonl"
    real.parent.mkdir()
    folder.mkdir()
    drawings.path().symlink_to(real)
    a, _ = draw("AB")
    drawings.take_back(a)
    assert drawings.path().is_symlink()
    assert [drawing.character for drawing in drawings.read(real)] == ["B"]
    drawings.delete()
    assert not real.exists()


def test_a_file_that_is_none_of_drawings_is_refused(tmp_path, folder):
    assert drawings.read() == []
    with pytest.raises(DataError, match="No such file"):
        drawings.read(tmp_path / "none.jsonl")
    folder.mkdir()
    drawings.path().write_text("hello\n")
    for call in (drawings.saved, drawings.read):
        with pytest.raises(DataError, match="Line 1"):
            call()
    draw("A")
    assert len(drawings.saved()[0]) == 1


# Many people


@pytest.fixture
def people(monkeypatch, tmp_path):
    """Call with a folder's name, characters and a writer: somebody draws there. Gives the file."""

    def person(name: str, characters: str, writer: str | None = None) -> Path:
        monkeypatch.setenv("HCR_DRAWINGS", str(tmp_path / name))
        draw(characters, writer)
        return drawings.path()

    return person


def test_merged_are_all_drawings_once_and_those_without_a_name_stay_apart(people, tmp_path):
    one, two = people("one", "ABC"), people("two", "ABCD")
    target = tmp_path / "all.jsonl"
    writers, copies = drawings.merge([one, two, one], target)
    assert (sorted(writers.values()), copies) == ([3, 4], 3)
    before = target.read_bytes()
    # Again, and with what has grown since: what is new comes behind.
    people("one", "E")
    writers, copies = drawings.merge([two, one, tmp_path / "two"], target)
    assert (sorted(writers.values()), copies) == ([4, 4], 11)
    assert target.read_bytes().startswith(before)


# The command line


def test_count_and_merge(people, tmp_path, capsys):
    one = people("one", "ABA", "anna")
    assert main(["count"]) == 0
    out = capsys.readouterr().out
    assert "A:2 B:1" in out
    assert str(one) in out
    people("two", "A")
    assert main(["merge", str(one), str(drawings.path().parent)]) == 0
    merged = drawings.path().with_name("merged.jsonl")
    assert f"shared.path={merged}" in capsys.readouterr().out
    assert len({drawing.writer for drawing in drawings.read(merged)}) == 2
    assert main(["merge", str(tmp_path / "none.jsonl")]) == 1


def test_list_and_export(tmp_path, capsys):
    draw("AB")
    assert main(["list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    target = tmp_path / "mine.jsonl"
    assert main(["export", str(target), "--writer", "Anna"]) == 0
    assert {drawing.writer for drawing in drawings.read(target)} == {"Anna"}
    assert main(["export", str(target)]) == 1
    assert len(drawings.read(target)) == 2
    for character in "aßक":
        drawings.append(character, LINE)
    for form in ("png", "svg"):
        assert main(["export", str(tmp_path / form), "--as", form]) == 0
    (svg,) = (tmp_path / "svg" / "U+00DF").glob("*.svg")
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    # Others can train on the images, as on any of their own.
    characters = datasets.info("own", path=str(tmp_path / "png")).characters
    assert set(characters) == set("ABaßक")


def test_delete_asks(capsys, monkeypatch):
    draw("AB")
    for answer in ("", "n", "perhaps"):
        monkeypatch.setattr("builtins.input", lambda question, answer=answer: answer)
        assert main(["delete"]) == 0
    assert kept() == "AB"
    assert main(["delete", "--yes"]) == 0
    assert not drawings.path().exists()
