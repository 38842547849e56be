"""A person's own drawings: nothing is lost, and nothing is half."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT
from filelock import FileLock, Timeout
from hypothesis import given
from hypothesis import strategies as st

from hcr.datasets import drawings_store as store
from hcr.datasets import own_drawings as drawings
from hcr.datasets.drawings_command import main
from hcr.datasets.drawings_form import made, parsed
from hcr.errors import DataError, ParameterError
from hcr.preprocessing import synthesis
from hcr.runs import environment

LINE = [[[10, 10], [10.25, 200]]]


def strokes(character: str, seed: int = 0, size: int = 200) -> list[np.ndarray]:
    return [stroke * size + 40 for stroke in synthesis.character(character, seed)]


def draw(characters: str, writer: str | None = None) -> list[drawings.Kept]:
    """Append these; gives what takes each of them back."""
    return [
        drawings.append(character, strokes(character, i), writer, 280)
        for i, character in enumerate(characters)
    ]


def said() -> str:
    """All characters of the file, in their order."""
    return "".join(each.character for each in drawings.read())


@pytest.fixture
def elsewhere(monkeypatch):
    """Call with a folder: from then on, that is where drawings go."""
    return lambda folder: monkeypatch.setenv("HCR_DRAWINGS", str(folder))


# Where it lies


@pytest.fixture(autouse=True)
def _where(tmp_path, monkeypatch):
    """The folder of the person's own drawings."""
    monkeypatch.setenv("HCR_DRAWINGS", str(tmp_path / "drawings"))


def test_it_lies_in_the_users_data_folder_or_where_the_variable_says(monkeypatch, tmp_path):
    assert drawings.folder() == tmp_path / "drawings"
    assert drawings.path() == tmp_path / "drawings" / "drawings.jsonl"
    monkeypatch.delenv("HCR_DRAWINGS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    if sys.platform == "linux":
        assert drawings.path() == tmp_path / "home" / "hcr" / "drawings.jsonl"
    monkeypatch.setenv("HCR_DRAWINGS", "mine")
    for folder in (PROJECT, PROJECT / "notebooks"):
        monkeypatch.chdir(folder)
        assert drawings.folder() == environment.root() / "mine"


@pytest.mark.parametrize("inside", [".", "quick/drawings"])
def test_it_never_lies_among_the_runs(elsewhere, tmp_path, inside):
    elsewhere(tmp_path / "outputs" / inside)
    with pytest.raises(ParameterError, match="outside that of the runs"):
        drawings.append("A", LINE)
    assert main(["count"]) == 2
    assert not (tmp_path / "outputs").exists()


# What is kept


def test_what_was_appended_is_read_as_it_was():
    given_ = strokes("B", 3)
    kept = drawings.append("B", given_, "anna", 280)
    drawings.append("g", [[[0, 0], [1, 1]], [], [[5, 5]]])
    assert kept.path == drawings.path()
    first, second = drawings.read()
    assert (first.character, first.writer, first.size) == ("B", "anna", 280)
    for found, stroke in zip(first.strokes, given_, strict=True):
        assert found.dtype == np.float64
        assert np.abs(found - stroke).max() <= 0.005 + 1e-9
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first.when)
    assert first.when <= second.when
    assert [stroke.tolist() for stroke in second.strokes] == [[[0, 0], [1, 1]], [[5, 5]]]
    assert second.size is None
    assert drawings.count() == 2


def test_a_line_has_the_documented_form():
    drawings.append("é", LINE, "Zoë ", 280)
    (line,) = drawings.path().read_text(encoding="utf-8").splitlines()
    found = json.loads(line)
    when = found.pop("when")
    assert found == {
        "version": 1,
        "character": "é",
        "writer": "Zoë",
        "size": 280,
        "strokes": [[[10.0, 10.0], [10.25, 200.0]]],
    }
    assert f'{{"version":1,"character":"é","writer":"Zoë","when":"{when}","size":280,' in line
    example = re.search(r"^```json\n(.*?)\n```", (PROJECT / "docs/drawings.md").read_text(), re.M)
    assert set(json.loads(example[1])) == {*found, "when"}
    assert parsed(example[1].encode()).line == example[1].encode()


POINTS = st.lists(st.tuples(*[st.floats(-1e6, 1e6, width=32)] * 2), min_size=1, max_size=4)


@given(st.lists(POINTS, min_size=1, max_size=3), st.sampled_from("A0g é§"))
def test_every_drawing_comes_back_and_is_one_line(points, character):
    try:
        drawing = made(character, points, "x")
    except DataError:
        rounded = {tuple(np.round(point, 2)) for stroke in points for point in stroke}
        assert len(rounded) == 1 or character == " "
        return
    assert b"\n" not in drawing.line
    assert parsed(drawing.line).line == drawing.line
    assert parsed(json.dumps(json.loads(drawing.line)).encode()).line == drawing.line


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        (("AB", LINE), "one printable character"),
        (("", LINE), "one printable character"),
        ((" ", LINE), "one printable character"),
        (("\n", LINE), "one printable character"),
        ((7, LINE), "one printable character"),
        (("A", []), "two points that differ. Received: none"),
        (("A", [[[1, 1], [1, 1]]]), "two points that differ. Received: a single point"),
        (("A", [[[1, 1], [1.001, 1]]]), "two points that differ"),
        (("A", [[[1, 2, 3]]]), "points \\[x, y\\] of finite numbers"),
        (("A", [[1, 2]]), "points \\[x, y\\] of finite numbers"),
        (("A", [[[0, 0], [np.nan, 1]]]), "NaN"),
        (("A", [[[0, 0], [1e9, 1]]]), "beyond 1e\\+06"),
        (("A", "zigzag"), "Received: str"),
        (("A", [["a", "b"]]), "no such list"),
        (("A", None), "no such list"),
        (("A", LINE, ""), "writer must be a name"),
        (("A", LINE, "x" * 101), "writer must be a name"),
        (("A", LINE, "a\nb"), "writer must be a name"),
        (("A", LINE, "anna", 0), "size must be"),
        (("A", LINE, "anna", True), "size must be"),
        (("A", LINE, "anna", 280.0), "size must be"),
    ],
)
def test_what_is_no_drawing_is_told_and_not_kept(given_, told, tmp_path):
    with pytest.raises(DataError, match=told) as error:
        drawings.append(*given_)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "drawings").exists()


def test_a_name_of_ones_own_is_drawn_once_a_folder(elsewhere, tmp_path):
    draw("AB")
    name = drawings.writer()
    assert re.fullmatch("me-[0-9a-f]{8}", name)
    assert {each.writer for each in drawings.read()} == {name}
    elsewhere(tmp_path / "other")
    assert drawings.writer() != name
    elsewhere(tmp_path / "drawings")
    assert drawings.writer() == name
    (tmp_path / "drawings" / "writer.txt").write_text("")
    assert drawings.writer() not in ("", name)


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
        assert said() == there
        told = capsys.readouterr().err
        assert ("Left out 1 of 3 lines" in told and "line 3" in told) == (0 < cut < len(third) - 1)
        drawings.append("D", LINE)
        assert said() == there + "D"
        assert capsys.readouterr().err == ""
        assert path.read_bytes().startswith(whole)
        assert path.read_bytes().count(b"\n") == len(there) + 1


def test_a_cut_line_is_not_cut_further_where_nothing_can_be_appended(capsys):
    draw("A")
    with drawings.path().open("ab") as file:
        file.write(b'{"version":1,')
    with pytest.raises(DataError):
        drawings.append("AB", LINE)
    assert drawings.path().read_bytes().endswith(b'{"version":1,')


WHOLE = {
    "version": 1,
    "character": "A",
    "writer": "x",
    "when": "2026-08-20T09:12:33Z",
    "strokes": [[[0, 0], [1, 1]]],
}


def line_of(**changed) -> bytes:
    return json.dumps({key: v for key, v in {**WHOLE, **changed}.items() if v != ()}).encode()


def test_a_line_need_not_be_ours():
    drawings.folder().mkdir()
    drawings.path().write_bytes(b"\xef\xbb\xbf" + line_of(mood="good", size=()) + b"\r\n")
    (found,) = drawings.read()
    assert (found.size, found.when) == (None, "2026-08-20T09:12:33.000+00:00")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (line_of(version=2), "of version 1. Received: version 2."),
        (line_of(version=()), "of version 1. Received: version None."),
        (line_of(strokes=(), when=()), "A drawing must have strokes, when. Received: none."),
        (line_of(when="now"), "when must be a time with its zone"),
        (line_of(when="2026-08-20T09:12:33"), "when must be a time with its zone"),
        (line_of(when=5), "when must be a time with its zone"),
        (line_of(strokes=[[[0, 0]]]), "two points that differ"),
        (line_of(size="large"), "size must be"),
        (line_of(character="AB"), "one printable character"),
        (b"[1, 2]", "of version 1"),
        (b"\xff\xfe\x00", "must be whole JSON"),
        (b"[" * 100_000, "must be whole JSON"),
        (line_of(strokes=[[[0, 0], [10**400, 1]]]), "no such list"),
    ],
)
def test_a_line_that_is_no_drawing_is_told_and_stays(line, told, capsys):
    draw("A")
    with drawings.path().open("ab") as file:
        file.write(line + b"\n\r\n")
    (last,) = draw("B")
    assert said() == "AB"
    err = capsys.readouterr().err
    assert drawings.left_out() == err.rstrip("\n")
    assert drawings.count() == 2
    assert err.startswith("Left out 1 of 3 lines of ")
    assert "line 2. " in err
    assert told in err
    assert err.count("\n") == 1
    assert line in drawings.path().read_bytes()
    # Nor is it lost when a drawing is taken back.
    drawings.take_back(last)
    assert said() == "A"
    assert line in drawings.path().read_bytes()


def test_a_whole_line_of_another_version_without_its_end_is_kept(capsys):
    draw("A")
    with drawings.path().open("ab") as file:
        file.write(b'{"version":2}')
    draw("B")
    assert said() == "AB"
    assert b'{"version":2}\n' in drawings.path().read_bytes()


PAD = """
import sys
from hcr import drawings
for i in range(40):
    drawings.append(sys.argv[1], [[[0, 0], [1, i + 1]]] * 200, sys.argv[1])
"""


def test_two_pads_at_once_lose_nothing():
    processes = [
        subprocess.Popen([sys.executable, "-c", PAD, name], cwd=PROJECT) for name in ("A", "B")
    ]
    for i in range(40):
        drawings.append("C", [[[0, 0], [1, i + 1]]])
    assert [each.wait(60) for each in processes] == [0, 0]
    found = drawings.read()
    for name in "ABC":
        ends = [int(each.strokes[0][1, 1]) for each in found if each.character == name]
        assert ends == list(range(1, 41)), "each once, in its order"
    assert len(found) == 120


def test_a_reader_beside_a_pad_sees_whole_lines_only(capsys):
    process = subprocess.Popen([sys.executable, "-c", PAD, "A"], cwd=PROJECT)
    n = 0
    while process.poll() is None:
        found = len(drawings.read())
        assert found >= n
        n = found
    assert process.returncode == 0
    assert drawings.count() == 40
    assert capsys.readouterr().err == ""


def test_a_reader_waits_for_who_is_appending_just_now(capsys):
    draw("AB")
    whole = drawings.path().read_bytes()
    drawings.path().write_bytes(whole[:-20])
    with store.locked(drawings.path()):
        reader = ThreadPoolExecutor(1).submit(said)
        time.sleep(0.3)
        assert not reader.done()
        drawings.path().write_bytes(whole)
    assert reader.result(10) == "AB"
    assert capsys.readouterr().err == ""


KILLED = """
import os, signal
from hcr.datasets.own_drawings import store
drawings = store
write = store._write
def half(file, data):
    write(file, data[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
store._write = half
store.append("B", [[[0, 0], [1, 1]]])
"""


def test_a_pad_that_is_killed_in_the_midst_of_writing(capsys):
    draw("A")
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=PROJECT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not drawings.path().read_bytes().endswith(b"\n")
    draw("C")
    assert said() == "AC"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk():
    drawings.folder().mkdir()
    drawings.path().symlink_to("/dev/full")
    with pytest.raises(DataError, match="No space left on device.*HCR_DRAWINGS") as error:
        drawings.append("A", LINE, "anna")
    assert "\n" not in str(error.value)


def test_a_disk_that_takes_only_a_part():
    draw("AB")
    before = drawings.path().read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(DataError, match="File too large"):
            draw("C")
        assert drawings.path().read_bytes() == before
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    draw("D")
    assert said() == "ABD"


def test_a_disk_that_refuses_the_folder(elsewhere, tmp_path):
    (tmp_path / "file").write_text("")
    elsewhere(tmp_path / "file")
    for call in (lambda: draw("A"), drawings.writer):
        with pytest.raises(DataError, match="must be writable") as error:
            call()
        assert "HCR_OUTPUTS" not in str(error.value)


def test_a_lock_that_is_held_is_told(monkeypatch):
    draw("A")
    monkeypatch.setattr(store, "PATIENCE", 0.1)
    with (
        store.locked(drawings.path()),
        pytest.raises(DataError, match=r"must be free within 0\.1 s"),
    ):
        draw("B")
    assert said() == "A"


# Taking back, deleting


def test_what_is_taken_back_is_that_one_and_others_stay(capsys):
    a, b, c = draw("ABC")
    content = drawings.path().read_bytes()
    other = [sys.executable, "-c", PAD.replace("40", "2"), "Z"]
    subprocess.run(other, cwd=PROJECT, check=True)
    assert said() == "ABCZZ"
    assert drawings.take_back(b).character == "B"
    assert said() == "ACZZ"
    assert drawings.take_back(b) is None, "it is gone already"
    (d,) = draw("D")
    assert [drawings.take_back(each).character for each in (a, d)] == ["A", "D"]
    assert said() == "CZZ"
    assert content.split(b"\n")[2] in drawings.path().read_bytes()
    assert drawings.take_back(c).line == c.line
    assert said() == "ZZ"


def test_of_two_drawings_alike_one_is_taken_back(monkeypatch):
    monkeypatch.setattr(
        "hcr.datasets.drawings_form._when", lambda when: "2026-08-20T09:12:33.000+00:00"
    )
    one, _ = (drawings.append("A", LINE) for _ in range(2))
    drawings.take_back(one)
    assert said() == "A"


def test_what_was_deleted_cannot_be_taken_back():
    a, b = draw("AB")
    name = drawings.writer()
    drawings.path().unlink()
    assert drawings.take_back(b) is None
    (c,) = draw("C")
    assert drawings.delete() == 1
    assert [drawings.take_back(each) for each in (a, c)] == [None, None]
    assert drawings.count() == 0
    assert sorted(os.listdir(drawings.folder())) == [".drawings.jsonl.lock"]
    assert drawings.writer() != name
    assert drawings.delete() == 0


def test_what_is_taken_back_lies_where_it_was_kept(elsewhere, tmp_path):
    (a,) = draw("A")
    elsewhere(tmp_path / "other")
    draw("B")
    assert drawings.take_back(a).character == "A"
    assert said() == "B"
    assert drawings.read(tmp_path / "drawings" / "drawings.jsonl") == []


def test_a_symbolic_link_to_the_file_stays_one(tmp_path):
    real = tmp_path / "synced" / "mine.jsonl"
    real.parent.mkdir()
    drawings.folder().mkdir()
    drawings.path().symlink_to(real)
    a, _ = draw("AB")
    drawings.take_back(a)
    assert drawings.path().is_symlink()
    assert [each.character for each in drawings.read(real)] == ["B"]
    with store.locked(real), pytest.raises(Timeout):
        FileLock(store._lock(drawings.path()), timeout=0).acquire()
    assert drawings.delete() == 1
    assert not real.exists()
    draw("C")
    assert [each.character for each in drawings.read(real)] == ["C"]


# Counting


@pytest.fixture
def looked_at(monkeypatch) -> list[bytes]:
    """The lines that are parsed from now on."""
    lines = []
    known = store.parsed
    monkeypatch.setattr(store, "parsed", lambda line: lines.append(line) or known(line))
    return lines


def test_what_was_counted_is_not_parsed_again(looked_at):
    kept = draw("ABCDE")
    assert drawings.count() == 5
    looked_at.clear()
    assert (drawings.count(), drawings.left_out(), looked_at) == (5, "", [])
    draw("F")
    assert drawings.count() == 6
    assert len(looked_at) == 1
    # What has changed before the end is seen.
    drawings.take_back(kept[1])
    assert drawings.count() == 5
    content = drawings.path().read_bytes()
    drawings.path().write_bytes(content.replace(b'"character":"C"', b'"character":" "'))
    assert drawings.count() == 4
    assert "Left out 1 of 5 lines" in drawings.left_out()
    assert "line 2." in drawings.left_out()
    drawings.delete()
    assert (drawings.count(), drawings.left_out()) == (0, "")


def test_half_a_line_is_counted_when_it_is_whole():
    draw("AB")
    whole = drawings.path().read_bytes()
    drawings.path().write_bytes(whole[:-20])
    assert drawings.count() == 1
    assert "Left out 1 of 2 lines" in drawings.left_out()
    drawings.path().write_bytes(whole)
    assert (drawings.count(), drawings.left_out()) == (2, "")
    # Its line's number counts empty ones, too.
    drawings.path().write_bytes(whole + b"\n\n")
    assert drawings.count() == 2
    with drawings.path().open("ab") as file:
        file.write(b"no\n")
    assert "Left out 1 of 3 lines" in drawings.left_out()
    assert "line 5." in drawings.left_out()


def test_a_file_without_a_drawing_is_told_by_the_count_until_there_is_one():
    drawings.folder().mkdir()
    drawings.path().write_text("hello\n")
    for call in (drawings.count, drawings.left_out):
        with pytest.raises(DataError, match=r"a line each \(docs/drawings.md\). In line 1: "):
            call()
    draw("A")
    assert drawings.count() == 1
    assert "Left out 1 of 2 lines" in drawings.left_out()


def test_reading_what_is_not_there(tmp_path):
    assert drawings.read() == []
    assert drawings.delete() == 0
    assert not drawings.folder().exists()
    with pytest.raises(DataError, match="There is no file of drawings"):
        drawings.read(tmp_path / "none.jsonl")
    (tmp_path / "page.txt").write_text("hello\nworld\n")
    with pytest.raises(DataError, match=r"a line each \(docs/drawings.md\). In line 1: .*JSON"):
        drawings.read(tmp_path / "page.txt")
    (tmp_path / "empty.jsonl").touch()
    assert drawings.read(tmp_path / "empty.jsonl") == []
    draw("A")
    assert [each.character for each in drawings.read(drawings.folder())] == ["A"]
    assert [each.character for each in drawings.read(str(drawings.path()))] == ["A"]


# Many people


@pytest.fixture
def people(elsewhere, tmp_path):
    """Call with a folder's name, characters and a writer: somebody draws there. Gives the file."""

    def person(name: str, characters: str, writer: str | None = None) -> Path:
        elsewhere(tmp_path / name)
        draw(characters, writer)
        return drawings.path()

    return person


def test_merged_are_all_drawings_once_and_those_without_a_name_stay_apart(people, tmp_path):
    one, two = people("one", "ABC"), people("two", "ABCD")
    found = drawings.merge([one, two, one], tmp_path / "all.jsonl")
    assert (sorted(found.writers.values()), found.copies, found.shared) == ([3, 4], 3, ())
    assert list(found.writers.values()) == [4, 3], "the most first"
    merged = drawings.read(found.path)
    assert "".join(each.character for each in merged) == "ABCABCD"
    kept = found.path.read_bytes()
    # Again, and with what has grown since: what is new comes behind.
    people("one", "E")
    again = drawings.merge([two, one, tmp_path / "two"], found.path)
    assert (sorted(again.writers.values()), again.copies) == ([4, 4], 11)
    assert again.path.read_bytes().startswith(kept)
    assert len(again.writers.keys() & found.writers.keys()) == 2


def test_the_same_name_twice(people, tmp_path):
    """`me` tells nothing, so it is somebody else in each file; a chosen name is one person."""
    parts = [people(name, "AB", "me") for name in ("one", "two")]
    found = drawings.merge(parts, tmp_path / "me.jsonl")
    assert sorted(found.writers.values()) == [2, 2]
    assert found.shared == ()
    people("one", "C", "me")
    again = drawings.merge(parts, tmp_path / "me.jsonl")
    assert sorted(again.writers.values()) == [2, 3]
    assert set(again.writers) == set(found.writers)

    parts = [people(name, "AB", "anna") for name in ("three", "four")]
    found = drawings.merge(parts, tmp_path / "anna.jsonl")
    assert (found.writers, found.shared) == ({"anna": 4}, ("anna",))


def test_who_shares_a_drawing_is_one_person(people, tmp_path):
    people("one", "AB")
    drawings.export(tmp_path / "anna.jsonl", "anna")
    one = people("one", "C")
    two = people("two", "A")
    found = drawings.merge([tmp_path / "anna.jsonl", one, two], tmp_path / "all.jsonl")
    assert sorted(found.writers.values()) == [1, 3]
    assert found.writers["anna"] == 3
    assert found.copies == 2


def test_a_merge_that_fails_leaves_the_file(people, tmp_path):
    one = people("one", "AB")
    target = drawings.merge([one], tmp_path / "all.jsonl").path
    before = target.read_bytes()
    with pytest.raises(DataError, match="There is no file of drawings"):
        drawings.merge([one, tmp_path / "none"], target)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    two = people("two", "ABCDEF")
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(DataError, match="File too large.*HCR_DRAWINGS"):
            drawings.merge([two], target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert target.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == [".all.jsonl.lock", "all.jsonl", "one", "two"]


def test_a_target_without_the_end_of_its_last_line(people, tmp_path):
    one = people("one", "AB")
    target = drawings.merge([one], tmp_path / "all.jsonl").path
    target.write_bytes(target.read_bytes()[:-1])
    found = drawings.merge([people("two", "C")], target)
    assert sorted(found.writers.values()) == [1, 2]


# The command line


def test_list_and_count(capsys):
    assert main(["count"]) == 0
    assert capsys.readouterr().out.startswith("0 drawings of 0 characters by 0 writers\n")
    assert main(["list"]) == 0
    assert capsys.readouterr().out == ""
    draw("AB")
    draw("A", "anna")
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3"]
    assert [line.split()[2] for line in lines] == list("ABA")
    assert lines[2].endswith("anna")
    assert main(["count"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("3 drawings of 2 characters by 2 writers\nA:2 B:1\n")
    assert str(drawings.path()) in out


def test_delete_asks(capsys, monkeypatch):
    draw("AB")
    for answer in ("", "n", "perhaps"):
        monkeypatch.setattr("builtins.input", lambda question, answer=answer: answer)
        assert main(["delete"]) == 0
        assert "Nothing was deleted" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.setenv("HCR_DRAWINGS", str(drawings.folder()))


def test_delete_is_one_command(capsys):
    draw("AB")
    done = subprocess.run(
        [sys.executable, "-m", "hcr.datasets.own_drawings", "delete"],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "delete must be confirmed. Received: no answer. Add --yes.\n"
    assert said() == "AB"
    assert main(["delete", "--yes"]) == 0
    assert "Deleted 2 drawings" in capsys.readouterr().out
    assert not drawings.path().exists()
    assert main(["delete", "--yes"]) == 0
    assert "nothing to delete" in capsys.readouterr().out


def test_merge_and_export(people, tmp_path, capsys):
    one = people("one", "ABC")
    assert main(["export", str(tmp_path / "given.jsonl"), "--writer", "bob"]) == 0
    assert main(["export", str(tmp_path / "given.jsonl")]) == 1
    people("two", "A")
    capsys.readouterr()
    assert main(["merge", str(tmp_path / "given.jsonl"), str(drawings.folder())]) == 0
    out = capsys.readouterr().out
    target = drawings.path().with_name("merged.jsonl")
    assert out.startswith(f"4 drawings by 2 writers in {target}; 0 copies\n")
    assert f"shared.path={target}" in out
    assert main(["merge", str(one), "--into", str(target)]) == 0
    assert "4 drawings by 2 writers" in capsys.readouterr().out
    assert "bob" in {each.writer for each in drawings.read(target)}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "VERB"),
        (["lsit"], "lsit"),
        (["merge"], "FILE"),
        (["merge", "nothing.jsonl"], "nothing.jsonl, which is not"),
        (["delete", "--force"], "--force"),
        (["export"], "FILE"),
        (["count", "more"], "more"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_with_2(arguments, told, capsys):
    draw("A")
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert captured.err.count("\n") == 1
    assert drawings.count() == 1


def test_what_cannot_be_done_exits_with_1(capsys, tmp_path):
    assert main(["export", str(tmp_path / "x.jsonl")]) == 1
    assert "no drawings to export" in capsys.readouterr().err
    (tmp_path / "x.jsonl").write_text("hello\n")
    assert main(["merge", str(tmp_path / "x.jsonl")]) == 1
    assert "must be a file of drawings" in capsys.readouterr().err
