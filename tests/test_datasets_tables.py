"""Data as other packages keep them: CSV of pixels, EMNIST's `.mat`, folders of IDX files."""

import gzip
import zipfile

import numpy as np
import pytest
from dataset_files import made
from scipy.io import savemat

from hcr.datasets import tables

NAMES = [f"pixel{i}" for i in range(784)]


def rows(kind: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images, labels, and the lines of a CSV of the kind."""
    data = made(30)
    labels = np.array(list("ABCDEFGHIJ"))[data.labels] if kind == "letters" else data.labels
    pixels = data.images.reshape(-1, 784)
    images = pixels / np.float32(255) if kind == "floats" else pixels
    if kind == "last, no header":
        images[:, 0] = 0
    lines = [[label, *row] for label, row in zip(labels, images.tolist(), strict=True)]
    heads = {
        "header": ["label", *NAMES],
        "numbered": ["label", *range(784)],
        "last": [*NAMES, "class"],
        "index": ["", "label", *NAMES],
    }
    if kind.startswith("last"):
        lines = [[*row, label] for label, *row in lines]
    lines = [[i, *row] for i, row in enumerate(lines)] if kind == "index" else lines
    text = [",".join(map(str, row)) for row in ([heads[kind]] if kind in heads else []) + lines]
    return images.reshape(-1, 28, 28), labels, text


KINDS = ["no header", "header", "numbered", "last", "last, no header", "index", "letters", "floats"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_csv_of_pixels(tmp_path, kind):
    images, labels, lines = rows(kind)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress("\r\n".join(lines).encode()))
    table = tables.pixel_table(path)
    assert table.labels.tolist() == labels.tolist()
    assert np.array_equal(table.images(), images)
    assert table.images().dtype == images.dtype


def test_a_csv_that_is_damaged(tmp_path):
    _, _, lines = rows("no header")
    path = tmp_path / "a.csv"
    path.write_text("\n".join([*lines[:7], lines[7][:500], *lines[8:]]))
    with pytest.raises(ValueError, match="row 8"):
        tables.pixel_table(path).images()
    path.write_text("\n".join([*lines[:7], lines[7][:-1] + "x", *lines[8:]]))
    with pytest.raises(ValueError, match="x'"):
        tables.pixel_table(path).images()
    path.write_text("\n".join([",".join(["label", *NAMES]), *(f"{line},0" for line in lines)]))
    with pytest.raises(ValueError, match="786 cells"):
        tables.pixel_table(path).images()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("train.csv", "test.csv"):
            archive.write(path, name)
    with pytest.raises(ValueError, match="unpack"):
        tables.pixel_table(tmp_path / "a.zip")
    path.write_text("picture,label\na.png,A\n")
    assert tables.pixel_table(path) is None


def test_a_mat_that_unpacks_to_much(tmp_path, monkeypatch):
    path, images = tmp_path / "a.mat", made(30).images.reshape(-1, 784)
    savemat(path, {"dataset": {"train": {"images": images}}}, do_compression=True)
    monkeypatch.setattr(tables, "MOST", 9000)
    with pytest.raises(ValueError, match="unpacked"):
        tables.read_mat(path)
