"""IDX files: where they are looked for, and every way one can be wrong."""

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from hcr import datasets
from hcr.datasets import idx, places
from hcr.errors import DataError


@pytest.fixture(scope="module")
def sample() -> datasets.Data:
    return datasets.load("mnist-sample")


def written(path: Path, values: np.ndarray) -> Path:
    """An IDX file of `values`, gzipped where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">2xBB{values.ndim}I", 8, values.ndim, *values.shape)
    content = header + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def one_line(error: pytest.ExceptionInfo) -> str:
    """The error's text: one line that says what arrived."""
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.fixture
def archive(tmp_path, monkeypatch, sample) -> Path:
    """A folder of MNIST's form, with 600 and 100 of the sample's digits."""
    folder = tmp_path / "data" / "mnist"
    for name, part, n in (("train", sample.train, 600), ("t10k", sample.validation, 100)):
        written(folder / f"{name}-images-idx3-ubyte.gz", part.images[:: len(part) // n][:n])
        written(folder / f"{name}-labels-idx1-ubyte.gz", part.labels[:: len(part) // n][:n])
    monkeypatch.setenv("HCR_DATA", str(tmp_path / "data"))
    return folder


def test_idx_files_are_read_gzipped_or_plain(archive, sample):
    data = datasets.load("mnist")
    assert len(data.test) == 100
    counts = {key: int(value.sum()) for key, value in data.counts.items()}
    assert counts["train"] + counts["validation"] == 600
    assert counts["validation"] == pytest.approx(60, abs=5)
    assert counts["test"] == 100
    for path in archive.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    plain = datasets.load("mnist")
    assert plain.digest == data.digest
    assert plain.test.digest == data.test.digest
    expected = sample.validation.images[::5]
    np.testing.assert_array_equal(plain.test.images, expected[: len(plain.test)])


def test_a_relative_folder_counts_from_the_projects_top_too(archive, monkeypatch, tmp_path):
    project = tmp_path / "project"
    for folder in ("hcr", "notebooks"):
        (project / folder).mkdir(parents=True)
    (project / "run_all.py").touch()
    monkeypatch.setenv("HCR_DATA", os.path.join("..", "data"))
    name = "train-images-idx3-ubyte"
    for folder in (project, project / "notebooks"):
        monkeypatch.chdir(folder)
        assert places.find("mnist", name) == (archive / f"{name}.gz").resolve()
    # What lies at the working folder comes first.
    near = written(project / "data" / "mnist" / name, np.zeros((1, 28, 28)))
    assert places.find("mnist", name) == near.resolve()


def test_the_files_may_lie_in_the_folder_itself(archive, monkeypatch):
    monkeypatch.setenv("HCR_DATA", str(archive))
    assert len(datasets.sources("mnist")) == 4


def test_without_hcr_data_the_remedy_is_told(monkeypatch):
    monkeypatch.delenv("HCR_DATA", raising=False)
    for act in (datasets.load, datasets.sources):
        with pytest.raises(DataError, match="HCR_DATA is not set. Put the file into") as error:
            act("mnist")
        assert "mnist-sample, which needs no file" in one_line(error)


def test_a_missing_file_is_told(archive):
    (archive / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"There is no t10k-labels-idx1-ubyte\.gz in .*/mnist or"):
        datasets.load("mnist")


PICTURES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"


@pytest.mark.parametrize("keep", [0, 1, 2, 5, 12, 500, -1])
@pytest.mark.parametrize("file", [PICTURES, LABELS, "t10k-labels-idx1-ubyte.gz"])
def test_a_gzip_file_cut_short_is_told(archive, file, keep):
    path = archive / file
    content = path.read_bytes()
    path.write_bytes(content[: min(keep, len(content) - 1)])
    with pytest.raises(DataError, match="etch it again") as error:
        datasets.load("mnist")
    assert str(path) in one_line(error)


@pytest.mark.parametrize("keep", [0, 3, 4, 15, 16, 17, 500, -1])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_payload_cut_short_is_told(archive, keep, compressed):
    content = gzip.decompress((archive / PICTURES).read_bytes())[:keep]
    path = archive / PICTURES
    if not compressed:
        path.unlink()
        path = path.with_suffix("")
    path.write_bytes(gzip.compress(content) if compressed else content)
    with pytest.raises(DataError, match="etch it again") as error:
        datasets.load("mnist")
    assert str(path) in one_line(error)


@pytest.mark.parametrize(
    "content",
    [
        b"\0\0\x0d\x01" + bytes(8),  # of floats
        b"<html>Not found</html>",
        b"\0\0\x08\xff" + bytes(20),
        b"\0\0\x08\x03" + b"\xff" * 12,
        gzip.compress(b"\0\0\x08\x01\0\0\0\1\0")[:-8] + bytes(8),  # the checksum is wrong
        gzip.compress(bytes(5000))[:20] + bytes(30),
        gzip.compress(bytes(5000))[:12] + b"\xff" * 30,
    ],
    ids=["floats", "a page", "255 axes", "huge", "checksum", "zeros", "ones"],
)
@pytest.mark.parametrize("name", [PICTURES, PICTURES[:-3]])
def test_what_is_no_idx_file_of_bytes_is_told(archive, content, name):
    (archive / name).write_bytes(content)
    with pytest.raises(DataError, match="etch it again") as error:
        datasets.load("mnist")
    assert str(archive / name) in one_line(error)


@pytest.mark.parametrize("declared", [(10, 28, 28), (idx.MOST_IMAGES + 1, 28, 28)])
def test_what_unpacks_to_much_is_not_unpacked(archive, declared):
    """More than it declares, or more than any data set: 32 kB that become 32 MB, or more."""
    header = struct.pack(">2xBB3I", 8, 3, *declared)
    (archive / PICTURES).write_bytes(gzip.compress(header + bytes(32 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="etch it again"):
            idx.read(archive / PICTURES)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("file", [LABELS, "t10k-labels-idx1-ubyte.gz"])
def test_another_splits_label_file_is_told(archive, file):
    written(archive / file, np.full(600 if file == LABELS else 100, 10))
    with pytest.raises(DataError, match=r"must be below 10. Received: 10. Is it the label file"):
        datasets.load("mnist")
    written(archive / file, np.zeros((7, 28, 28)))
    with pytest.raises(DataError, match=r"one label a picture. Received: .* \(7, 28, 28\)"):
        datasets.load("mnist")
    written(archive / file, np.zeros(0))
    with pytest.raises(DataError, match="one label a picture"):
        datasets.load("mnist")


def test_pictures_and_labels_that_do_not_fit_are_told(archive):
    written(archive / LABELS, np.zeros(599))
    with pytest.raises(DataError, match=r"Received: \(600, 28, 28\) and \(599,\)"):
        datasets.load("mnist")
    written(archive / PICTURES, np.zeros((599, 28, 27)))
    with pytest.raises(DataError, match="28 x 28"):
        datasets.load("mnist")


def test_a_folder_in_place_of_the_file_is_told(archive):
    with pytest.raises(DataError, match="must be a file that can be read. Received: Is a dir"):
        idx.read(archive)
