"""Data of one's own: every form, and every way in which a folder or file can be wrong."""

import gzip
import io
import shutil
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from dataset_files import idx_bytes, made
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from hcr import datasets
from hcr.datasets import Split, own, own_forms
from hcr.datasets.leaks import pixel_hashes
from hcr.datasets.split import Options
from hcr.errors import HcrError, ParameterError
from hcr.preprocessing import from_picture, from_strokes, synthesis
from hcr.preprocessing.labels import parse_characters


def drawn(char: str, seed: int) -> np.ndarray:
    """An image of the contract."""
    return from_strokes(synthesis.character(char, seed))


def save(picture: np.ndarray | Image.Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path)
    return path


def folder(top: Path, chars: str = "AB", n: int = 4, start: int = 0) -> Path:
    for char in chars:
        for seed in range(start, start + n):
            save(drawn(char, seed), top / char / f"{seed}.png")
    return top


def write_idx(path: Path, values: np.ndarray) -> None:
    content = idx_bytes(values)
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)


def arrays(chars: str, n: int = 4) -> tuple[np.ndarray, np.ndarray]:
    images = [drawn(char, seed) for seed in range(n) for char in chars]
    return np.array(images), np.tile(np.arange(len(chars)), n)


def read(path: Path, orientation: str = "upright"):
    return own.read("own", Options(str(path), orientation))


def characters(path: Path) -> str:
    return "".join(datasets.info("own", path=str(path)).characters)


def together(path: Path, orientation: str = "upright") -> dict[str, set[bytes]]:
    """All images by character, whichever part they are in."""
    chars, found = characters(path), {}
    for split in read(path, orientation):
        for image, label in zip(split.images, split.labels, strict=True):
            found.setdefault(chars[label], set()).add(image.tobytes())
    return found


def expected(char: str, n: int, start: int = 0) -> set[bytes]:
    return {drawn(char, seed).tobytes() for seed in range(start, start + n)}


def refused(path: Path | None, word: str) -> None:
    """Reading is refused in one line."""
    options = Options(None if path is None else str(path))
    with pytest.raises(HcrError, match=word) as error:
        own.read("own", options)
    assert "\n" not in str(error.value)
    assert "Received: " in str(error.value)


# A folder of pictures


def test_a_folder_by_its_characters(tmp_path):
    top = folder(tmp_path / "my.letters", "0Aa", 6)
    # Deeper ones count; hidden and other files, and what systems leave, do not.
    save(drawn("A", 9), top / "A" / "hsf_0" / "hsf_0_00001.PNG")
    for junk in ("A/Thumbs.db", "A/._0.png", "a/notes.txt", "README.md", ".DS_Store"):
        (top / junk).write_bytes(b"junk")
    save(drawn("B", 1), top / ".hidden" / "0.png")
    save(drawn("B", 1), top / "__MACOSX" / "A" / "0.png")
    data = datasets.load("own", path=str(top))
    assert ("".join(data.characters), data.info.title) == ("0Aa", "my.letters (your own)")
    assert len(datasets.sources("own", path=str(top))) == 19
    found = together(top)
    assert (found["0"], found["a"]) == (expected("0", 6), expected("a", 6))
    assert found["A"] == expected("A", 6) | expected("A", 1, 9)
    # A new picture is a new entry of the cache.
    save(drawn("A", 77), top / "A" / "77.png")
    assert datasets.load("own", path=str(top)).digest != data.digest


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (("U+0041", "u+0061", "U+002F", "7"), "/7Aa"),
        (("4a", "5A", "30"), "0JZ"),
        (("ä", "o\u0308", "_"), "_äö"),
        (("A", "U+0041", "B"), "AB"),
        (("zero", "Two", "nine"), "029"),
        (("Sample001", "Sample011", "Sample62"), "0Az"),
        (("A_upper", "a_lower", "क्ष", "क"), ("A", "a", "क", "क्ष")),
        (("36", "37", "40", "46"), "abft"),
        (("9", "10", "11"), "9AB"),
    ],
)
def test_names_of_folders(tmp_path, names, meant):
    for place, name in enumerate(names):
        for seed in range(3):
            save(drawn("ABCDEF"[place], seed), tmp_path / name / f"{seed}.png")
    assert datasets.info("own", path=str(tmp_path)).characters == tuple(meant)


def test_classes_by_a_table(tmp_path, capsys):
    for i, name in enumerate(("alpha", "sin", "B")):
        folder(tmp_path, "AB"[i % 2], 4, 4 * i)
        (tmp_path / "AB"[i % 2]).rename(tmp_path / name)
    refused(tmp_path, "classes.csv")
    assert "folder,character\nB,B\nalpha,\nsin,\n" in capsys.readouterr().err
    (tmp_path / "classes.csv").write_text("folder;character\nalpha;U+00F7\nsin;sin\n")
    data = datasets.load("own", path=str(tmp_path))
    assert data.characters == ("B", "sin", "÷")
    assert parse_characters("÷sin, B", data.characters) == [2, 1, 0]
    assert data.facts()["characters"] == "B sin ÷"


@pytest.mark.parametrize("name", ["AB", "U+110000", "U+0020", "1f", "30"])
def test_a_folder_that_names_no_character(tmp_path, name):
    save(drawn("C", 0), folder(tmp_path) / name / "0.png")
    refused(tmp_path, "no character")


def test_gray_pictures_of_28_by_28_are_taken_as_they_are_in_every_mode(tmp_path):
    image = Image.fromarray(drawn("A", 0))
    for i, mode in enumerate(("L", "RGB", "RGBA", "P", "LA")):
        save(image.convert(mode), tmp_path / "A" / f"{i}.png")
    for suffix in ("bmp", "tif", "gif"):
        save(image, tmp_path / "A" / f"{suffix}.{suffix}")
    save(drawn("A", 1), tmp_path / "A" / "other.png")
    save(image.convert("1"), tmp_path / "B" / "bilevel.png")
    save(drawn("B", 1), tmp_path / "B" / "other.png")
    found = together(tmp_path)
    assert found["A"] == expected("A", 2)
    bilevel = np.where(np.asarray(image.convert("1")), 255, 0).astype(np.uint8)
    assert bilevel.tobytes() in found["B"]


def test_all_other_pictures_are_framed_as_from_picture_does(tmp_path):
    big = Image.fromarray(255 - drawn("A", 0)).resize((90, 90)).convert("RGB")
    light = Image.fromarray(drawn("A", 2)).resize((60, 60))
    ink, red = np.zeros((28, 28, 4), np.uint8), np.full((28, 28, 3), 255, np.uint8)
    ink[..., 3] = drawn("A", 3)
    red[..., 1] = red[..., 2] = 255 - drawn("A", 1)
    pictures = [big, light, ink, red]
    for i, picture in enumerate(pictures):
        save(picture, tmp_path / "A" / f"{i}.png")
    folder(tmp_path, "B")
    assert together(tmp_path)["A"] == {from_picture(picture).tobytes() for picture in pictures}
    inverted = together(tmp_path, "inverted")["A"]
    assert from_picture(light, inverted=True).tobytes() in inverted


@pytest.mark.parametrize("form", ["folder", "npz"])
@pytest.mark.parametrize("orientation", own.ORIENTATIONS)
def test_orientations_are_undone(tmp_path, orientation, form):
    images, labels = arrays("7L", 3)
    images = images.swapaxes(1, 2) if "transposed" in orientation else images
    images = 255 - images if "inverted" in orientation else images
    path = tmp_path / "a.npz"
    np.savez(path, images=images, labels=labels, characters="7L")
    if form == "folder":
        path = tmp_path / "a"
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            save(np.ascontiguousarray(image), path / "7L"[label] / f"{i}.png")
    assert together(path, orientation) == {char: expected(char, 3) for char in "7L"}


def test_small_dark_pictures_are_inverted_together_and_arrays_only_when_asked(tmp_path):
    for char in "7L":
        for seed in range(4):
            save(255 - drawn(char, seed), tmp_path / char / f"{seed}.png")
            big = Image.fromarray(255 - drawn(char, 50 + seed)).resize((90, 90))
            save(big, tmp_path / char / f"big{seed}.png")
    found = together(tmp_path)
    for char in "7L":
        assert expected(char, 4) < found[char]
    assert together(tmp_path, "inverted") == found
    images, labels = arrays("AB")
    np.savez(tmp_path / "a.npz", images=255 - images, labels=labels, characters="AB")
    inverted = {(255 - drawn("A", i)).tobytes() for i in range(4)}
    assert together(tmp_path / "a.npz")["A"] == inverted


def test_bold_pictures_do_not_decide_alone_that_they_are_inverted(tmp_path):
    bold = np.zeros((28, 28), np.uint8)
    bold[:, 3:25] = bold[3:25] = 255
    for dark in (False, True):
        top = folder(tmp_path / str(dark) / "train", n=6).parent
        folder(top / "test", n=2, start=20)
        for char in "AB":
            for seed in range(5):
                picture = bold.copy()
                picture[10 + seed, 10 + ord(char) % 5] = 0
                save(picture, top / "test" / char / f"bold{seed}.png")
        for path in top.rglob("*.png") if dark else ():
            save(255 - np.asarray(Image.open(path)), path)
        *_, test = read(top)
        assert expected("A", 2, 20) | expected("B", 2, 20) < {x.tobytes() for x in test.images}
        assert sum(image[0].mean() > 128 for image in test.images) == 10


# Without ink


def test_images_without_ink_are_left_out_counted_and_named(tmp_path, capsys):
    top = folder(tmp_path / "set", n=6)
    for i in range(4):
        save(np.full((40, 50), 255, np.uint8), top / "A" / f"white{i}.png")
    save(np.zeros((28, 28), np.uint8), top / "B" / "black.png")
    data = datasets.load("own", path=str(top))
    assert sum(counts.sum() for counts in data.counts.values()) == 12
    said = capsys.readouterr().err
    assert f"Left out 5 of 17 images, which show no ink: {top}/A/white0.png" in said
    # Not from the cache.
    datasets.load("own", path=str(top))
    assert capsys.readouterr().err == ""


# Parts


def test_parts_of_ones_own_are_kept(tmp_path):
    folder(tmp_path / "train", n=8)
    assert sum(map(len, read(tmp_path))) == 16
    folder(tmp_path / "validation", n=3, start=60)
    refused(tmp_path, "no test")
    shutil.rmtree(tmp_path / "validation")
    folder(tmp_path / "test", n=3, start=20)
    train, validation, test = read(tmp_path)
    assert (len(train) + len(validation), set(validation.labels)) == (16, {0, 1})
    known = expected("A", 3, 20) | expected("B", 3, 20)
    assert {image.tobytes() for image in test.images} == known
    folder(tmp_path / "Validation", n=2, start=40)
    assert [len(split) for split in read(tmp_path)] == [16, 4, 6]
    folder(tmp_path / "test", "C", 2)
    refused(tmp_path, "none of C in train")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=8, max_size=120),
    st.sampled_from([own.SHARES, own.OF_TRAINING]),
)
def test_every_image_is_in_one_part_and_every_character_in_all(rows, shares):
    # Two images of its own each, so that all characters will do.
    rows = [*rows, *((label, 100 + 10 * label + i) for label in range(4) for i in range(2))]
    labels = np.array([label for label, _ in rows])
    whole = Split(made(200).images[[image for _, image in rows]], labels)
    parts = own._divide(whole, shares, "ABCD")
    assert sum(map(len, parts)) == len(rows)
    hashes = [set(pixel_hashes(part.images).tolist()) for part in parts]
    assert len(set.union(*hashes)) == sum(map(len, hashes))
    _, first = np.unique(pixel_hashes(whole.images), return_index=True)
    for label in range(4):
        different = (labels[first] == label).sum()
        needed = [0, len(shares) - 1, 1][: min(different, len(shares))]
        assert all((parts[i].labels == label).any() for i in needed)


def test_many_images_are_divided_by_hash_alone_and_stay_when_others_come():
    whole = made(3000)
    parts = own._divide(whole, own.SHARES, "0123456789")
    assert [len(part) / 3000 for part in parts] == pytest.approx(own.SHARES, abs=0.03)
    fewer = own._divide(whole.take(np.arange(2000)), own.SHARES, "0123456789")
    for many, few in zip(parts, fewer, strict=True):
        assert few.digest == many.take(np.arange(len(few))).digest


# What is wrong


def test_a_broken_picture_is_named(tmp_path):
    whole = save(drawn("A", 0), tmp_path / "x.png").read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"<html>404</html>"):
        broken = folder(tmp_path / "set") / "A" / "broken.png"
        broken.write_bytes(content)
        refused(tmp_path / "set", "A/broken.png")


def test_paths_and_forms_that_are_none(tmp_path, monkeypatch):
    refused(None, "None.*shared.path")
    refused(tmp_path / "nowhere", "nowhere")
    refused(tmp_path, "a folder character/picture.png")
    (tmp_path / "a.zip").touch()
    refused(tmp_path / "a.zip", "zip file")
    (tmp_path / "set" / "A").mkdir(parents=True)
    refused(tmp_path / "set", "pictures in A")
    save(drawn("A", 0), tmp_path / "set" / "A" / "0.png")
    refused(tmp_path / "set", "2 characters")
    folder(tmp_path / "set")
    monkeypatch.chdir(tmp_path)
    assert characters(Path("set")) == "AB"
    with pytest.raises(ParameterError, match="'transposed'"):
        read(tmp_path / "set", "transpose")

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(own_forms, "_folders", denied)
    refused(tmp_path / "set", "Permission denied")


# Tables


TABLES = ["image,label\nImg/{0}.png,{1}", "{1};{0}", "id,class,file\n{0},{1},C:\\data\\{0}.png"]


@pytest.mark.parametrize("form", TABLES)
def test_pictures_with_a_table(tmp_path, form, capsys):
    *head, row = form.split("\n")
    rows = [row.format(i, "AB"[i % 2]) for i in range(12)]
    for i in range(13):
        save(drawn("AB"[i % 2], i), tmp_path / "Img" / f"{i}.png")
    (tmp_path / "english.csv").write_text("\n".join([*head, *rows]))
    right = {c: {drawn(c, i).tobytes() for i in range("AB".index(c), 12, 2)} for c in "AB"}
    assert together(tmp_path) == right
    assert "1 pictures that no CSV names" in capsys.readouterr().err
    (tmp_path / "english.csv").write_text("\n".join([*head, *rows, row.format(99, "A")]))
    refused(tmp_path, "no picture")


def test_emnist_as_csv_and_mat(tmp_path, capsys):
    """Both hold their images transposed; the labels of B in EMNIST Letters are 2."""
    images, labels = arrays("ABC", 5)
    pixels = images.swapaxes(1, 2).reshape(-1, 784)
    for part, rows in {"train": range(12), "test": range(12, 15)}.items():
        lines = [",".join(map(str, [labels[i] + 1, *pixels[i]])) for i in rows]
        (tmp_path / f"emnist-letters-{part}.csv").write_text("\n".join(lines))
    path = tmp_path / "mat" / "emnist-letters.mat"
    path.parent.mkdir()
    part = {"images": pixels, "labels": labels[:, None] + 1, "writers": labels[:, None]}
    mapping = [[1, 65, 97], [2, 66, 98], [3, 67, 99]]
    savemat(path, {"dataset": {"train": part, "test": part, "mapping": mapping}})
    for form in (tmp_path, path, path.parent):
        assert together(form)["B"] == expected("B", 5)
    assert {*read(path)[0].writers} == {"0", "1", "2"}
    said = capsys.readouterr().err
    assert "transposed" in said
    assert "3 in both" in said


# What others have


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("x.npy", "np.load"),
        ("data/b.parquet", "read_parquet"),
        ("tfds/emnist/1.0/e.tfrecord-00000-of-00001", "tfds.load"),
        ("data.pkl", "pickle"),
        ("a.tar.gz", "unpack"),
        ("scans/1.png", "without labels"),
        ("MNIST/raw/a.bin", "no pictures"),
    ],
)
def test_what_is_not_read_says_how_it_can_be(tmp_path, name, word):
    for place in (name, "EMNIST/raw/b.bin") if "bin" in name else (name,):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    refused(tmp_path / name if "/" not in name else tmp_path, word)


def test_layouts_of_folders(tmp_path, capsys):
    for names in (
        ("training_set", "test_set"),
        ("Train", "Test"),
        ("train-images", "VAL", "testing"),
    ):
        top, right = tmp_path / names[0] / "my data é", set()
        for i, name in enumerate(names):
            folder(top / name, n=6, start=10 * i)
            right |= expected("A", 6, 10 * i)
        (top / names[0] / "A" / "notes.doc").touch()
        assert together(top.parent)["A"] == right
        assert "1 .doc" in capsys.readouterr().err


# A pair of IDX files


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_pair_with_a_mapping(tmp_path, suffix):
    images, labels = arrays("xyz", 5)
    images[7] = 0
    write_idx(tmp_path / f"my-images-idx3-ubyte{suffix}", images)
    write_idx(tmp_path / f"my-labels-idx1-ubyte{suffix}", labels + 1)
    (tmp_path / "my-mapping.txt").write_text("1 120\n2 121\n3 122 90\n4 65\n")
    assert characters(tmp_path) == "xyz"  # A has no images
    assert together(tmp_path)["x"] == expected("x", 5)
    assert len(datasets.sources("own", path=str(tmp_path))) == 3


@pytest.mark.parametrize(("chars", "first"), [("0123456789", 0), ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 1)])
def test_two_pairs_without_a_mapping(tmp_path, chars, first):
    for part, n in (("train", 5), ("t10k", 2)):
        images, labels = arrays(chars, n)
        write_idx(tmp_path / f"{part}-images.idx3-ubyte", images)
        write_idx(tmp_path / f"{part}-labels.idx1-ubyte", labels + first)
    assert characters(tmp_path) == chars
    train, validation, test = read(tmp_path)
    n = len(chars)
    assert (len(train) + len(validation), len(test)) == (5 * n, 2 * n)


def test_pairs_that_do_not_fit(tmp_path):
    images, labels = arrays("0123456789", 3)
    pair = tmp_path / "images-idx3-ubyte", tmp_path / "labels-idx1-ubyte"
    write_idx(pair[0], images)
    refused(tmp_path, "not one pair")
    write_idx(pair[1], labels[:-1])
    refused(tmp_path, "29")
    write_idx(pair[1], labels + 3)
    refused(tmp_path, "10 labels from 3 to 12")
    (tmp_path / "mapping.txt").write_text("0 65\n1 66\n")
    refused(tmp_path, "2 characters AB")
    (tmp_path / "mapping.txt").write_text("zero 48\n")
    refused(tmp_path, "mapping file")
    (tmp_path / "other-mapping.txt").write_text("0 48\n")
    refused(tmp_path, "mapping")
    for path in tmp_path.glob("*mapping.txt"):
        path.unlink()
    write_idx(pair[1], labels)
    pair[0].write_bytes(pair[0].read_bytes()[:-500])
    refused(tmp_path, "IDX")
    write_idx(pair[0], labels)
    refused(tmp_path, "shape")
    write_idx(tmp_path / "emnist-letters-test-images-idx3-ubyte", images)
    refused(tmp_path, "not one pair")


# An archive of arrays


@pytest.mark.parametrize(
    ("labels", "known", "meant"),
    [
        (list("äB7"), None, "7Bä"),
        ([["x"], ["y"], ["z"]], None, "xyz"),
        ([0, 1, 2], "xyz", "xyz"),
        ([[0], [1], [2]], list("xyz"), "xyz"),
    ],
)
def test_labels_of_an_archive(tmp_path, labels, known, meant):
    images, places = arrays("ABC")
    given = {} if known is None else {"characters": known}
    images = images.reshape(-1, 784)
    np.savez(tmp_path / "a.npz", images=images, labels=np.array(labels)[places], **given)
    assert characters(tmp_path / "a.npz") == meant
    char = known[1] if known else np.ravel(labels)[1]
    assert together(tmp_path / "a.npz")[char] == expected("B", 4)


@pytest.mark.parametrize("names", ["{0}_images {0}_labels", "X_{0} y_{0}"])
def test_an_archive_with_its_splits(tmp_path, names):
    names = [*names.format("train").split(), *names.format("test").split()]
    parts = dict(zip(names, (*arrays("0123456789", 4), *arrays("0123456789", 1)), strict=True))
    np.savez(tmp_path / "a.npz", **parts)
    train, validation, test = read(tmp_path / "a.npz")
    assert (len(train) + len(validation), len(test)) == (40, 10)
    more = {"val_images": parts[names[2]], "val_labels": parts[names[3]]}
    np.savez(tmp_path / "a.npz", **parts, **more)
    assert [len(split) for split in read(tmp_path / "a.npz")] == [40, 10, 10]


def test_arrays_of_another_size_or_in_color(tmp_path):
    images, labels = arrays("AB", 3)
    big = np.array([np.asarray(Image.fromarray(255 - p).resize((50, 40))) for p in images])
    framed = {from_picture(picture).tobytes() for picture in big[::2]}
    for values, right in (
        (big, framed),
        (np.repeat(big[..., None], 3, axis=3), framed),
        (np.repeat(images[..., None], 3, axis=3), expected("A", 3)),
    ):
        np.savez(tmp_path / "a.npz", images=values, labels=labels, characters="AB")
        assert together(tmp_path / "a.npz")["A"] == right


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (lambda pixels: pixels / 255, np.eye(10, dtype=int)),
        (lambda pixels: pixels.astype(float), np.arange(10.0)),
        (lambda pixels: pixels.astype(np.uint16) * 257, np.arange(1, 11)),
        (lambda pixels: pixels > 127, np.eye(10)),
        (lambda pixels: pixels // 255, np.arange(10)),
    ],
    ids=["0..1", "floats", "0..65535", "bool", "0 and 1"],
)
def test_arrays_of_other_ranges_and_labels_of_other_forms(tmp_path, images, labels):
    pixels, places = arrays("0123456789", 3)
    values = images(pixels)
    np.savez(tmp_path / "a.npz", images=values, labels=labels[places], characters="0123456789")
    right = pixels if values.max() > 1 or values.dtype == float else images(pixels) * np.uint8(255)
    found = together(tmp_path / "a.npz")
    for i, char in enumerate("0123456789"):
        assert found[char] == {image.tobytes() for image in right[places == i]}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"labels": None}, "images and labels"),
        ({"images": np.full((12, 28, 28), np.nan)}, "nan"),
        ({"images": np.zeros((12, 101), np.uint8)}, "shape"),
        ({"images": np.zeros((11, 28, 28), np.uint8)}, "12 for 11"),
        ({"labels": np.full(12, 0.5)}, "float64"),
        ({"labels": np.array(["A", "B", "scan 1.png\n"] * 4)}, "scan 1"),
        ({"labels": np.array([None] * 12)}, "Object"),
        ({"labels": np.arange(12) % 5}, "from 0 to 4"),
        ({"labels": np.arange(12) % 3 - 1}, "from -1"),
        ({"characters": "AAB"}, "AAB"),
        ({"characters": np.arange(3)}, "not int"),
        ({"characters": None}, "from 0 to 2"),
        ({"labels": np.zeros(12, int)}, "2 characters"),
        ({"images": np.full((12, 28, 28), 9, np.uint8)}, "0 different images of 'A'"),
    ],
)
def test_an_archive_that_does_not_fit(tmp_path, change, word):
    images, labels = arrays("ABC")
    parts = {"images": images, "labels": labels, "characters": "ABC"} | change
    np.savez(tmp_path / "a.npz", **{k: v for k, v in parts.items() if v is not None})
    refused(tmp_path / "a.npz", word)


def test_an_archive_cut_short_or_of_another_kind(tmp_path):
    images, labels = arrays("ABC")
    file, single = io.BytesIO(), io.BytesIO()
    np.savez_compressed(file, images=images, labels=labels, characters="ABC")
    np.save(single, images)
    path, content = tmp_path / "a.npz", file.getvalue()
    damaged = content[:100] + bytes(40) + content[140:]
    huge = io.BytesIO()
    with zipfile.ZipFile(huge, "w") as archive:
        archive.writestr("images.npy", declared((2**50, 28, 28), "|u1"))
        archive.writestr("labels.npy", declared((2**50,), "|u1"))
    for wrong in (b"", content[:-50], damaged, single.getvalue(), huge.getvalue()):
        path.write_bytes(wrong)
        refused(path, "a.npz must be")


def declared(shape: tuple[int, ...], kind: str, content: bytes = b"") -> bytes:
    """An array as an archive holds it, whose header says what it likes."""
    file = io.BytesIO()
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("images", declared((20_000, 28, 28), "|u1", bytes(20_000 * 784))),
        ("images", declared((12, 40, 40), "|u1", bytes(12 * 1600))),
        ("labels", declared((10**12,), "<U0")),
        ("labels", declared((30_000,), "|u1", bytes(30_000))),
    ],
    ids=["zeros", "pixels", "strings of no bytes", "labels"],
)
def test_an_archive_that_asks_for_much_memory(tmp_path, monkeypatch, name, content):
    images, labels = arrays("ABC")
    np.savez(tmp_path / "a.npz", images=images, labels=np.array(list("ABC"))[labels])
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for member, before in members.items():
            archive.writestr(member, content if member == f"{name}.npy" else before)
    for key, most in (("MOST_IMAGES", 10_000), ("MOST", 10_000 * 784), ("MOST_PIXELS", 1500)):
        monkeypatch.setattr(own_forms, key, most)
    tracemalloc.start()
    try:
        refused(tmp_path / "a.npz", "a.npz")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
