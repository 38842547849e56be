"""Whole files or none, on disks that really refuse."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hcr.errors import RunError
from hcr.runs import files


@pytest.fixture
def old(tmp_path) -> Path:
    path = tmp_path / "kept.txt"
    path.write_text("old", encoding="utf-8")
    return path


def alone(path: Path) -> bool:
    """Whether nothing but `path` lies in its folder."""
    return os.listdir(path.parent) == [path.name]


def test_writing_makes_folders_and_replaces(tmp_path):
    path = tmp_path / "a" / "b" / "new.txt"
    for text in ("first", "zweite Zeile é\n"):
        files.write_text(path, text)
        assert path.read_bytes() == text.encode("utf-8")
        assert alone(path)


def test_the_old_file_is_replaced_and_never_written_into(old):
    # Who has it open, or a second name for it, keeps what was there.
    second = old.with_name("second")
    os.link(old, second)
    files.write_text(old, "new")
    assert (old.read_text(), second.read_text()) == ("new", "old")


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), RunError("no")])
def test_an_exception_leaves_the_old_file_and_nothing_else(old, error):
    def write():
        with files.writing(old) as aside:
            aside.write_text("half", encoding="utf-8")
            raise error

    with pytest.raises(type(error)):
        write()
    assert old.read_text(encoding="utf-8") == "old"
    assert alone(old)


KILLED = """
import sys, time
from hcr.runs import files
with files.writing(sys.argv[1]) as aside:
    aside.write_text("half")
    print("written", flush=True)
    time.sleep(60)
"""


def test_a_kill_leaves_the_old_file_and_the_next_write_cleans_up(old):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(old)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "written\n"
        aside = old.with_name(f".{process.pid}-{old.name}")
        files.write_text(old, "old")
        assert aside.is_file(), "the file of a process that lives was deleted"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert old.read_text(encoding="utf-8") == "old"
    # Names that only look alike are nobody's leftovers.
    others = [old.with_name(f".{process.pid}-{old.name}.bak"), old.with_name(f".x-{old.name}")]
    for path in others:
        path.touch()
    files.write_text(old, "new")
    assert old.read_text(encoding="utf-8") == "new"
    assert sorted(os.listdir(old.parent)) == sorted([old.name, *(path.name for path in others)])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk(old):
    def write():
        with files.writing(old) as aside:
            aside.symlink_to("/dev/full")
            aside.write_text("new", encoding="utf-8")

    with pytest.raises(RunError, match="space"):
        write()
    assert old.read_text(encoding="utf-8") == "old"
    assert alone(old)


def test_a_file_and_a_folder_in_the_way(old):
    for path in (old / "new.txt", old / "deeper" / "new.txt"):
        with pytest.raises(RunError, match="Cannot write"):
            files.write_text(path, "new")
    (old.parent / "run.json").mkdir()
    with pytest.raises(RunError, match="Cannot write"):
        files.write_json(old.parent / "run.json", {})
    assert old.read_text(encoding="utf-8") == "old"


def test_json_that_nobody_else_could_read_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("content", [None, b'{"a": 1', b"\xff\xfe", b"[NaN]"])
def test_a_missing_or_damaged_json_file_is_refused(tmp_path, content):
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RunError, match=r"run\.json"):
        files.read_json(path)


def test_a_sealed_file_that_was_changed_is_refused(tmp_path):
    other, path = tmp_path / "other", tmp_path / "labels.json"
    other.write_bytes(b"abc")
    files.write_sealed(path, {"a": 1}, other)
    facts = files.read_sealed(path)
    assert facts == {"a": 1, "sha256": {"other": files.sha256(other)}}
    sealed = files.read_json(path)
    files.write_json(path, sealed | {"a": 2})
    with pytest.raises(RunError, match="changed"):
        files.read_sealed(path)
    with pytest.raises(RunError, match="changed"):
        files.read_sealed(path, required=False)
    files.write_json(path, {"a": 2})
    with pytest.raises(RunError, match="changed"):
        files.read_sealed(path)
    assert files.read_sealed(path, required=False) == {"a": 2}


def test_sha256_and_digest(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.sha256(tmp_path / "abc") == known
    assert files.digest({"a": 1, "b": 2}) == files.digest({"b": 2, "a": 1})
    assert files.digest(b"a", b"bc") != files.digest(b"ab", b"c")
