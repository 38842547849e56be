"""The cache: made once, mapped into memory, renewed when anything changes, never half written."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from dataset_files import NAME, family, made, splits

from hcr import datasets
from hcr.datasets import Options, Split, Strokes, cache
from hcr.errors import RunError
from hcr.runs.environment import cache_folder


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "source"
    path.write_text("1")
    return path


def entries() -> list:
    return sorted((cache_folder() / "sets").glob(f"{NAME}-*"))


def test_a_set_is_read_once_and_then_mapped(source, monkeypatch):
    calls = family(monkeypatch, source)
    first, second = datasets.load(NAME), datasets.load(NAME)
    assert len(calls) == 1
    for part, expected in zip(("train", "validation", "test"), splits(), strict=True):
        for data in (first, second):
            found = getattr(data, part)
            assert found.digest == expected.digest == Split(found.images, found.labels).digest
    assert isinstance(first.train.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        first.train.images[0, 0, 0] = 1
    assert first.digest == second.digest


def test_a_changed_file_option_or_code_is_read_again(source, monkeypatch):
    calls = family(monkeypatch, source)
    datasets.load(NAME)
    source.write_text("22")
    datasets.load(NAME)
    assert len(calls) == 2
    os.utime(source, ns=(1, 1))
    datasets.load(NAME)
    assert len(calls) == 3
    monkeypatch.setattr(cache, "code", lambda: "other code")
    datasets.load(NAME)
    assert len(calls) == 4
    monkeypatch.setattr(datasets, "TAKE_PATH", (NAME,))
    datasets.load(NAME, path="elsewhere")
    assert len(calls) == 5
    assert len(entries()) == cache.KEPT, "old entries pile up"
    datasets.load(NAME, path="elsewhere")
    assert len(calls) == 5, "the newest is kept"


DAMAGES = {
    "cut": ("train-images.npy", lambda content: content[:-1]),
    "a label changed": ("train-labels.npy", lambda content: content[:-8] + b"\3" + content[-7:]),
    "zeros": ("validation-images.npy", lambda content: bytes(len(content))),
    "record changed": ("entry.json", lambda content: content.replace(b'": 0', b'": 1', 1)),
}


@pytest.mark.parametrize("damage", [*DAMAGES, "test-labels.npy", "entry.json"])
def test_a_damaged_entry_is_rebuilt(source, monkeypatch, damage, capsys):
    calls = family(monkeypatch, source)
    before = datasets.load(NAME)
    (folder,) = entries()
    if damage in DAMAGES:
        name, change = DAMAGES[damage]
        (folder / name).write_bytes(change((folder / name).read_bytes()))
    else:
        (folder / damage).unlink()
    after = datasets.load(NAME)
    assert (len(calls), after.digest, after.leaks) == (2, before.digest, before.leaks)
    np.testing.assert_array_equal(after.train.labels, splits()[0].labels)
    np.testing.assert_array_equal(after.validation.images, splits()[1].images)
    assert "damaged" in capsys.readouterr().err


def test_what_a_copy_of_the_cache_holds_is_believed(source, monkeypatch):
    calls = family(monkeypatch, source)
    datasets.load(NAME)
    (folder,) = entries()
    shutil.copytree(folder, source.parent / "copy")
    shutil.rmtree(folder)
    shutil.move(source.parent / "copy", folder)  # other times and inodes
    datasets.load(NAME)
    assert len(calls) == 1


def test_a_test_split_that_rotted_unseen_is_rebuilt_before_it_is_opened(source, monkeypatch):
    calls = family(monkeypatch, source)
    data = datasets.load(NAME)
    (folder,) = entries()
    path = folder / "test-images.npy"
    state = path.stat()
    with path.open("r+b") as file:  # the same file, of the same size and time
        file.seek(-1, os.SEEK_END)
        file.write(bytes([255 - splits()[2].images.flat[-1]]))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    np.testing.assert_array_equal(data.test.images, splits()[2].images)
    assert len(calls) == 2


def test_a_full_disk_is_told_and_leaves_nothing_that_is_trusted(source, monkeypatch):
    calls = family(monkeypatch, source)
    real, written = np.save, []

    def full(path, *rest, **options):
        written.append(path)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, *rest, **options)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(RunError, match="No space left"):
        datasets.load(NAME)
    assert entries() == []
    assert not list((cache_folder() / "sets").glob(".making-*"))
    monkeypatch.setattr(np, "save", real)
    # Nor does what a killed process has left.
    left = cache_folder() / "sets" / f".making-{NAME}"
    left.mkdir()
    (left / "train-images.npy").touch()
    assert len(datasets.load(NAME).train) == 200
    assert (len(calls), left.exists()) == (2, False)


def test_drawings_and_writers_come_back(source, monkeypatch):
    drawings = [[np.array([[i, 0], [i, 1.5]]), np.array([[i, i]])] for i in range(200)]
    strokes, writers = Strokes.of(drawings), np.array([f"w{i % 7}" for i in range(200)])

    def read():
        train, validation, test = splits()
        return Split(train.images, train.labels, strokes, writers), validation, test

    family(monkeypatch, source, read)
    for _ in range(2):
        data = datasets.load(NAME)
        assert len(data.train.strokes) == 200
        for found, expected in zip(data.train.strokes[17], drawings[17], strict=True):
            np.testing.assert_array_equal(found, expected)
        assert data.train.writers.tolist() == writers.tolist()
        assert data.validation.strokes is None
    less = datasets.load(NAME, limit=20).train
    number = int(less.strokes[7][0][0, 0])
    np.testing.assert_array_equal(less.images[7], data.train.images[number])
    assert less.writers[7] == writers[number]


def test_two_names_share_no_entry(source):
    def entry(name: str, read=splits) -> Path:
        place = cache.place(name, Options(), [source])
        cache.load(place, read)
        return place

    one = entry("a")
    other = entry("a-b", lambda: (made(20, 8), made(20, 9), made(20, 10)))
    assert one != other
    for extra in range(4):
        source.write_text("x" * (extra + 5))
        entry("a")
    assert other.is_dir(), "tidying one name deleted the other"
