"""Data of the user's own: every form, every way in which a folder or file can be wrong."""

import gzip
import io
import struct
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hcr import datasets
from hcr.datasets import own, own_arrays
from hcr.datasets.leaks import pixel_hashes
from hcr.datasets.split import Options
from hcr.errors import DataError, HcrError, ParameterError
from hcr.preprocessing import from_picture, from_strokes, read_picture, synthesis


def drawn(char: str, seed: int) -> np.ndarray:
    """A contract picture."""
    return from_strokes(synthesis.character(char, seed))


def save(picture: np.ndarray | Image.Image, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path)
    return path


def folder(top: Path, chars: str = "0Aa", n: int = 4, start: int = 0) -> Path:
    for char in chars:
        for seed in range(start, start + n):
            save(drawn(char, seed), top / char / f"{seed}.png")
    return top


def idx_file(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">2xBB{values.ndim}I", 8, values.ndim, *values.shape)
    content = header + values.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def read(path: Path, orientation: str = "upright"):
    return own.read("own", Options(str(path), orientation))


def characters(path: Path) -> str:
    return "".join(own.info("own", Options(str(path))).characters)


def together(path: Path, orientation: str = "upright") -> dict[str, set[bytes]]:
    """All pictures by character, whichever part they are in."""
    found: dict[str, set[bytes]] = {}
    chars = characters(path)
    for split in read(path, orientation):
        for picture, label in zip(split.images, split.labels, strict=True):
            found.setdefault(chars[label], set()).add(picture.tobytes())
    return found


def refused(path: Path | str | None, match: str, orientation: str = "upright") -> None:
    """Reading is refused in one line that says what arrived, whose text `match` finds."""
    options = Options(None if path is None else str(path), orientation)

    def load() -> None:
        own.sources("own", options)
        own.info("own", options)
        own.read("own", options)

    with pytest.raises(HcrError, match=match) as error:
        load()
    assert "\n" not in str(error.value)
    assert "Received: " in str(error.value)


# A folder of pictures


def test_a_folder_by_its_characters(tmp_path):
    top = folder(tmp_path / "my.letters", "0Aa", 6)
    assert characters(top) == "0Aa"
    assert own.info("own", Options(str(top))).title == "my.letters (your own)"
    assert len(own.sources("own", Options(str(top)))) == 18
    found = together(top)
    for char in "0Aa":
        assert found[char] == {drawn(char, seed).tobytes() for seed in range(6)}
    data = datasets.load("own", path=str(top))
    assert data.train.images.shape[1:] == (28, 28)
    assert sum(counts.sum() for counts in data.counts.values()) == 18


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("U+0041", "u+0061", "U+002F", "7"), "/7Aa"),
        (("41", "61", "30"), "0Aa"),
        (("4a", "5A", "6a"), "JZj"),
        (("ä", "o\u0308", "ß"), "ßäö"),
        (("1", "2", "A"), "12A"),
        (("_", "x"), "_x"),
    ],
)
def test_names_of_folders(tmp_path, names, expected):
    for place, name in enumerate(names):
        for seed in range(3):
            save(drawn("ABCDEF"[place], seed), tmp_path / name / f"{seed}.png")
    assert characters(tmp_path) == expected


def test_both_ways_to_name_a_character_are_one_class(tmp_path):
    folder(tmp_path, "AB", 3)
    folder(tmp_path / "aside", "A", 3, start=50)
    (tmp_path / "aside" / "A").rename(tmp_path / "U+0041")
    (tmp_path / "aside").rmdir()
    assert characters(tmp_path) == "AB"
    assert len(together(tmp_path)["A"]) == 6


@pytest.mark.parametrize("name", ["10", "AB", "upper_A", "U+110000", "U+0020", "U+41", "1f"])
def test_a_folder_that_names_no_character(tmp_path, name):
    folder(tmp_path, "AB", 3)
    save(drawn("C", 0), tmp_path / name / "0.png")
    refused(tmp_path, f"one character, by its code .* Received: '{name.replace('+', '.')}'")


def test_two_digit_numbers_are_not_guessed(tmp_path):
    for label in (*range(10), 30, 41):
        save(drawn("A", label), tmp_path / str(label) / "0.png")
    refused(tmp_path, "Received: '30'")


def test_hidden_and_other_files_are_passed_over_and_deeper_ones_found(tmp_path):
    top = folder(tmp_path / "set", "AB", 3)
    save(drawn("A", 9), top / "A" / "hsf_0" / "hsf_0_00001.PNG")
    for junk in ("A/Thumbs.db", "A/._0.png", "B/notes.txt", "README.md", ".DS_Store"):
        (top / junk).write_bytes(b"junk")
    save(drawn("B", 1), top / ".hidden" / "0.png")
    save(drawn("B", 1), top / "__MACOSX" / "A" / "0.png")
    found = together(top)
    assert sorted(found) == ["A", "B"]
    assert len(found["A"]) == 4
    assert len(own.sources("own", Options(str(top)))) == 7


def test_pictures_of_28_by_28_are_taken_as_they_are_in_every_mode(tmp_path):
    picture = drawn("A", 0)
    image = Image.fromarray(picture)
    for name, each in {
        "grey": image,
        "rgb": image.convert("RGB"),
        "rgba": image.convert("RGBA"),
        "palette": image.convert("P"),
        "grey alpha": image.convert("LA"),
    }.items():
        save(each, tmp_path / "A" / f"{name}.png")
    save(image, tmp_path / "A" / "windows.bmp")
    save(image, tmp_path / "A" / "scanner.tif")
    save(image, tmp_path / "A" / "loose.gif")
    save(drawn("A", 1), tmp_path / "A" / "other.png")
    save(image.convert("1"), tmp_path / "B" / "bilevel.png")
    save(drawn("B", 1), tmp_path / "B" / "other.png")
    found = together(tmp_path)
    assert found["A"] == {picture.tobytes(), drawn("A", 1).tobytes()}
    bilevel = np.where(np.asarray(image.convert("1")), 255, 0).astype(np.uint8)
    assert bilevel.tobytes() in found["B"]


def test_other_sizes_are_framed_as_from_picture_does(tmp_path):
    big = Image.fromarray(255 - drawn("A", 0)).resize((90, 90)).convert("RGB")
    light = Image.fromarray(drawn("A", 2)).resize((60, 60))
    for name, image in {"dark.png": big, "light.png": light}.items():
        save(image, tmp_path / "A" / name)
    folder(tmp_path, "B", 3)
    expected = {from_picture(image).tobytes() for image in (big, light)}
    assert together(tmp_path)["A"] == expected
    # Where it is told that ink is dark, it is.
    told = together(tmp_path, "inverted")["A"]
    assert from_picture(light, inverted=True).tobytes() in told


def test_a_coloured_or_see_through_picture_of_28_by_28_goes_through_from_picture(tmp_path):
    ink = np.zeros((28, 28, 4), np.uint8)
    ink[..., 3] = drawn("A", 0)
    red = np.full((28, 28, 3), 255, np.uint8)
    red[..., 1] = red[..., 2] = 255 - drawn("A", 1)
    save(ink, tmp_path / "A" / "ink.png")
    save(red, tmp_path / "A" / "red.png")
    folder(tmp_path, "B", 3)
    expected = {from_picture(picture).tobytes() for picture in (ink, red)}
    assert together(tmp_path)["A"] == expected
    for raw in expected:
        picture = np.frombuffer(raw, np.uint8).reshape(28, 28)
        assert not picture[0].any()
        assert picture.max() == 255


@pytest.mark.parametrize("orientation", own.ORIENTATIONS)
def test_orientations_are_undone(tmp_path, orientation):
    for char in "7L":
        for seed in range(3):
            picture = drawn(char, seed)
            if "transposed" in orientation:
                picture = picture.T
            if "inverted" in orientation:
                picture = 255 - picture
            save(np.ascontiguousarray(picture), tmp_path / char / f"{seed}.png")
    found = together(tmp_path, orientation)
    for char in "7L":
        assert found[char] == {drawn(char, seed).tobytes() for seed in range(3)}


def dark(picture: np.ndarray) -> np.ndarray:
    return 255 - picture


def test_small_pictures_that_are_dark_on_light_are_read_like_their_larger_copies(tmp_path):
    for char in "7L":
        for seed in range(4):
            save(dark(drawn(char, seed)), tmp_path / char / f"{seed}.png")
            big = Image.fromarray(dark(drawn(char, 50 + seed))).resize((90, 90))
            save(big, tmp_path / char / f"big{seed}.png")
    found = together(tmp_path)
    for char in "7L":
        assert {drawn(char, seed).tobytes() for seed in range(4)} < found[char]
        for raw in found[char]:
            assert not np.frombuffer(raw, np.uint8).reshape(28, 28)[0].any()
    # Told, or found out: the same.
    assert together(tmp_path, "inverted")["7"] == found["7"]


def test_the_small_pictures_of_all_parts_are_inverted_together_or_not_at_all(tmp_path):
    # The few in test are bold enough to look inverted on their own.
    bold = np.zeros((28, 28), np.uint8)
    bold[:, 3:25] = bold[3:25] = 255
    for light in (True, False):
        top = tmp_path / str(light)
        shown = (lambda p: p) if light else dark
        for part, n, start in (("train", 6, 0), ("test", 2, 20)):
            for char in "AB":
                for seed in range(start, start + n):
                    save(shown(drawn(char, seed)), top / part / char / f"{seed}.png")
        for char in "AB":
            for seed in range(5):
                each = bold.copy()
                each[10 + seed, 10 + ord(char) % 5] = 0
                save(shown(each), top / "test" / char / f"bold{seed}.png")
        *_, test = read(top)
        raw = {picture.tobytes() for picture in test.images}
        assert {drawn(char, seed).tobytes() for char in "AB" for seed in (20, 21)} < raw
        assert sum(picture[0].mean() > 128 for picture in test.images) == 10


def test_small_pictures_turned_as_well_as_dark_on_light(tmp_path):
    for char in "7L":
        for seed in range(3):
            picture = np.ascontiguousarray(dark(drawn(char, seed)).T)
            save(picture, tmp_path / char / f"{seed}.png")
    assert together(tmp_path, "transposed")["7"] == {drawn("7", i).tobytes() for i in range(3)}


def test_arrays_are_not_inverted_unless_told(tmp_path):
    images_, labels = pictures("AB", 4)
    np.savez(tmp_path / "a.npz", images=255 - images_, labels=labels, characters="AB")
    expected = {(255 - drawn("A", i)).tobytes() for i in range(4)}
    assert together(tmp_path / "a.npz")["A"] == expected


# Pictures without ink


def test_pictures_without_ink_are_left_out_counted_and_named(tmp_path, capsys):
    top = folder(tmp_path / "set", "AB", 6)
    white, black = np.full((40, 50), 255, np.uint8), np.zeros((28, 28), np.uint8)
    for i in range(4):
        save(white, top / "A" / f"white{i}.png")
    save(black, top / "B" / "black.png")
    found = together(top)
    assert {char: len(each) for char, each in found.items()} == {"A": 6, "B": 6}
    assert capsys.readouterr().err == (
        f"Left out 5 of 17 pictures, which show no ink: {top}/A/white0.png, {top}/A/white1.png, "
        f"{top}/A/white2.png and 2 more.\n"
    )
    assert all(split.images.max(axis=(1, 2)).all() for split in read(top))


def test_nothing_is_said_where_all_show_ink(tmp_path, capsys):
    read(folder(tmp_path, "AB", 3))
    assert capsys.readouterr().err == ""


def test_blank_pictures_are_told_when_they_are_read_and_not_from_the_cache(tmp_path, capsys):
    top = folder(tmp_path / "set", "AB", 5)
    save(np.full((28, 28), 255, np.uint8), top / "B" / "white.png")
    data = datasets.load("own", path=str(top))
    assert capsys.readouterr().err.count("Left out 1 of 11 pictures") == 1
    assert sum(counts.sum() for counts in data.counts.values()) == 10
    assert datasets.load("own", path=str(top)).digest == data.digest
    assert capsys.readouterr().err == ""


def test_a_character_that_is_mostly_blank_is_refused(tmp_path):
    top = folder(tmp_path, "AB", 4)
    for i in range(4):
        save(np.full((40, 50), 255, np.uint8), top / "A" / f"white{i}.png")
    assert sum(map(len, read(top))) == 8
    save(np.full((40, 50), 255, np.uint8), top / "A" / "white4.png")
    refused(
        top, r"Received: 5 of 9 of A \(latin capital letter a\) without, .*white0.png, .* 2 more"
    )


def test_blank_pictures_of_given_parts_are_counted_together(tmp_path, capsys):
    folder(tmp_path / "train", "AB", 4)
    folder(tmp_path / "test", "AB", 2, start=20)
    for i in range(3):
        save(np.full((40, 50), 255, np.uint8), tmp_path / "test" / "A" / f"white{i}.png")
    train, validation, test = read(tmp_path)
    assert (len(train) + len(validation), len(test)) == (8, 4)
    assert "test/A/white0.png" in capsys.readouterr().err


def test_blank_pictures_of_idx_files_are_named_by_their_place(tmp_path, capsys):
    images_, labels = pictures("0123456789", 3)
    images_[17] = 0
    idx_file(tmp_path / "images-idx3-ubyte", images_)
    idx_file(tmp_path / "labels-idx1-ubyte", labels)
    assert sum(map(len, read(tmp_path))) == 29
    assert "no ink: picture 17 of images-idx3-ubyte." in capsys.readouterr().err


def test_an_unknown_orientation(tmp_path):
    top = folder(tmp_path, "AB", 3)
    with pytest.raises(ParameterError, match="Did you mean 'transposed'"):
        read(top, "transpose")


def test_given_splits_are_kept(tmp_path):
    folder(tmp_path / "train", "AB", 8)
    folder(tmp_path / "test", "AB", 3, start=20)
    train, validation, test = read(tmp_path)
    assert len(train) + len(validation) == 16
    assert set(validation.labels) == {0, 1}
    expected = {drawn(char, seed).tobytes() for char in "AB" for seed in (20, 21, 22)}
    assert {picture.tobytes() for picture in test.images} == expected
    folder(tmp_path / "Validation", "AB", 2, start=40)
    assert [len(split) for split in read(tmp_path)] == [16, 4, 6]


def test_splits_that_lack_one(tmp_path):
    folder(tmp_path / "train", "AB", 3)
    refused(tmp_path, "must have train and test. Received: no test")
    folder(tmp_path / "test", "ABC", 2, start=20)
    refused(tmp_path, "none of C in train")


def cut(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize("form", ["png", "jpg", "tif", "bmp", "gif", "webp"])
@pytest.mark.parametrize("share", [0, 0.1, 0.6])
def test_a_picture_cut_short_is_named(tmp_path, form, share):
    folder(tmp_path, "AB", 3)
    noise = np.random.default_rng(0).integers(0, 255, (60, 60)).astype(np.uint8)
    cut(save(noise, tmp_path / "A" / f"broken.{form}"), share)
    refused(tmp_path, rf"A/broken.{form} must be a whole picture")
    with pytest.raises(DataError) as error:
        read(tmp_path)
    # One rule, one finding, one remedy; the path once.
    text = str(error.value).replace(str(tmp_path), "", 1)
    assert str(tmp_path) not in text
    assert (text.count("must be"), text.count("Received"), text.count("Save it")) == (1, 1, 1)


def test_no_broken_byte_raises_anything_else(tmp_path):
    folder(tmp_path, "AB", 3)
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (20, 20)).astype(np.uint8)
    for form in ("png", "tif", "gif", "bmp", "jpg", "webp"):
        path = save(picture, tmp_path / "A" / f"broken.{form}")
        whole = bytearray(path.read_bytes())
        for _ in range(40):
            damaged = bytearray(whole)
            for place in rng.integers(0, min(len(whole), 200), 3):
                damaged[place] = rng.integers(0, 256)
            path.write_bytes(damaged)
            # Some are still whole enough; nothing but DataError may come of the others.
            with suppress(DataError):
                read_picture(path)
        path.unlink()


def test_what_is_no_picture_is_named(tmp_path):
    folder(tmp_path, "AB", 3)
    (tmp_path / "B" / "page.png").write_text("<html>404</html>")
    refused(tmp_path, "B/page.png must be a whole picture")


def test_paths_and_forms_that_are_none(tmp_path, monkeypatch):
    refused(None, r"Received: no path. Give it, as in -p shared.path=")
    refused(tmp_path / "nowhere", "nowhere, which does not exist. Give one that does.$")
    refused("no/where", rf"no/where, which does not exist. It counts from {Path.cwd()}. Give one")
    monkeypatch.chdir(tmp_path)
    refused("no/where", rf"It counts from {tmp_path} or {own.environment.root()}. Give one")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "a folder without folders or IDX files")
    (tmp_path / "set.zip").write_bytes(b"PK")
    refused(tmp_path / "set.zip", "another file. Unpack it first")
    folder(tmp_path / "one", "A", 5)
    refused(tmp_path / "one", "at least two characters, .* Received: A in")
    folder(tmp_path / "hole", "AB", 3)
    (tmp_path / "hole" / "C").mkdir()
    refused(tmp_path / "hole", "C must hold pictures of C. Received: none")
    (tmp_path / "parts" / "train").mkdir(parents=True)
    (tmp_path / "parts" / "test").mkdir()
    refused(tmp_path / "parts", "must hold a folder for each character. Received: none")


def test_a_relative_path_counts_from_here(tmp_path, monkeypatch):
    folder(tmp_path / "set", "AB", 3)
    monkeypatch.chdir(tmp_path)
    assert characters(Path("set")) == "AB"


def test_a_folder_without_rights(tmp_path, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(own.own_folder, "folders", denied)
    refused(tmp_path, f"{tmp_path} must be readable. Received: Permission denied. Change its")


def test_a_character_with_one_picture(tmp_path):
    folder(tmp_path, "AB", 5)
    folder(tmp_path, "Z", 1)
    refused(tmp_path, r"at least two different pictures.* Received: 1 of Z \(latin capital let")
    # Two copies of one picture are one picture.
    save(drawn("Z", 0), tmp_path / "Z" / "copy.png")
    refused(tmp_path, "Received: 1 of Z")


def test_new_pictures_make_a_new_entry_of_the_cache(tmp_path):
    top = folder(tmp_path / "set", "AB", 5)
    before = datasets.load("own", path=str(top))
    assert datasets.load("own", path=str(top)).digest == before.digest
    save(drawn("A", 77), top / "A" / "77.png")
    assert datasets.load("own", path=str(top)).digest != before.digest


# How they are divided

SHARES = own.SHARES


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=8, max_size=120),
    st.sampled_from([SHARES, own.OF_TRAINING]),
)
def test_every_picture_is_in_one_part_and_every_character_in_all(rows, shares):
    # Two pictures of its own each, so that all characters will do.
    rows = [*rows, *((label, 100 + 10 * label + i) for label in range(4) for i in range(2))]
    labels = np.array([label for label, _ in rows])
    spread = np.random.default_rng(0).integers(0, 2**64, 200, dtype=np.uint64)
    hashes = spread[[picture for _, picture in rows]]
    parts = own.divided(hashes, labels, shares, "ABCD")
    assert sorted(np.concatenate(parts)) == list(range(len(rows)))
    for one, other in ((0, 1), (0, -1), (1, -1))[: 1 if len(shares) == 2 else 3]:
        assert not set(hashes[parts[one]]) & set(hashes[parts[other]])
    _, first = np.unique(hashes, return_index=True)
    for label in range(4):
        different = (labels[first] == label).sum()
        expected = [0, len(shares) - 1, 1][: min(different, len(shares))]
        assert all((labels[parts[i]] == label).any() for i in expected)


def test_many_pictures_are_divided_by_hash_alone_and_stay_when_others_come():
    hashes = np.random.default_rng(1).integers(0, 2**64, 3000, dtype=np.uint64)
    labels = np.arange(3000) % 10
    parts = own.divided(hashes, labels, SHARES, "0123456789")
    assert [len(part) / 3000 for part in parts] == pytest.approx(SHARES, abs=0.03)
    fewer = own.divided(hashes[:2000], labels[:2000], SHARES, "0123456789")
    for all_of_them, some in zip(parts, fewer, strict=True):
        assert (all_of_them[all_of_them < 2000] == some).all()


def test_one_small_class_moves_no_other():
    hashes = np.sort(np.random.default_rng(1).integers(0, 2**63, 3000, dtype=np.uint64))
    labels = np.zeros(3000, int)
    labels[:3] = 1  # all three would be for training
    alone = own.divided(hashes[3:] * 2, labels[3:], SHARES, "A")
    both = own.divided(np.append(hashes[:3], hashes[3:] * 2), labels, SHARES, "AB")
    assert [(labels[part] == 1).sum() for part in both] == [1, 1, 1]
    for one, other in zip(alone, both, strict=True):
        assert (one + 3 == other[other >= 3]).all()


def test_the_same_picture_is_never_in_two_parts_even_under_two_labels(tmp_path):
    top = folder(tmp_path, "AB", 12)
    for seed in range(6):
        save(drawn("A", seed), top / "B" / f"wrong{seed}.png")
        save(drawn("A", seed), top / "A" / f"copy{seed}.png")
    hashes = [set(pixel_hashes(split.images).tolist()) for split in read(top)]
    assert not hashes[0] & hashes[1]
    assert not hashes[2] & (hashes[0] | hashes[1])
    assert datasets.load("own", path=str(top)).leaks["removed_from_train"] == 0


# A pair of IDX files


def pictures(chars: str, n: int = 4) -> tuple[np.ndarray, np.ndarray]:
    drawings = [drawn(char, seed) for seed in range(n) for char in chars]
    return np.array(drawings), np.tile(np.arange(len(chars)), n)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_pair_with_a_mapping(tmp_path, suffix):
    images_, labels = pictures("xyz", 5)
    idx_file(tmp_path / f"my-images-idx3-ubyte{suffix}", images_)
    idx_file(tmp_path / f"my-labels-idx1-ubyte{suffix}", labels + 1)
    (tmp_path / "my-mapping.txt").write_text("1 120\n2 121\n3 122 90\n4 65\n")
    assert characters(tmp_path) == "xyz"  # A has no pictures
    assert together(tmp_path)["y"] == {drawn("y", seed).tobytes() for seed in range(5)}
    assert len(own.sources("own", Options(str(tmp_path)))) == 3


def test_two_pairs_as_mnist_names_them_and_no_mapping(tmp_path):
    for part, n in (("train", 5), ("t10k", 2)):
        images_, labels = pictures("0123456789", n)
        idx_file(tmp_path / f"{part}-images.idx3-ubyte", images_)
        idx_file(tmp_path / f"{part}-labels.idx1-ubyte", labels)
    assert characters(tmp_path) == "0123456789"
    train, validation, test = read(tmp_path)
    assert (len(train) + len(validation), len(test)) == (50, 20)


def test_letters_count_from_one(tmp_path):
    images_, labels = pictures("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 2)
    idx_file(tmp_path / "images-idx3-ubyte", images_)
    idx_file(tmp_path / "labels-idx1-ubyte", labels + 1)
    assert characters(tmp_path) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert together(tmp_path)["Q"] == {drawn("Q", seed).tobytes() for seed in range(2)}


def test_pairs_that_do_not_fit(tmp_path):
    images_, labels = pictures("0123456789", 3)
    pair = tmp_path / "images-idx3-ubyte", tmp_path / "labels-idx1-ubyte"
    idx_file(pair[0], images_)
    refused(tmp_path, "one pair .* Received: images-idx3-ubyte in")
    idx_file(pair[1], labels[:-1])
    refused(tmp_path, "one label a picture. Received: 30 pictures and 29 labels")
    idx_file(pair[1], labels + 3)
    refused(tmp_path, "Received: 10 labels from 3 to 12. Add EMNIST's mapping.txt")
    idx_file(pair[1], np.minimum(labels, 7))
    refused(tmp_path, "Received: 8 labels from 0 to 7")
    (tmp_path / "mapping.txt").write_text("0 65\n1 66\n")
    refused(tmp_path, "from 0 to 1, as there are 2 characters. Received: labels from 0 to 7")
    (tmp_path / "mapping.txt").write_text("zero 48\n")
    refused(tmp_path, "mapping file must hold a label")
    (tmp_path / "other-mapping.txt").write_text("0 48\n")
    refused(tmp_path, "one mapping file. Received: mapping.txt, other-mapping.txt")
    idx_file(tmp_path / "emnist-letters-test-images-idx3-ubyte", images_)
    refused(tmp_path, "Put one data set into a folder of its own")
    cut(pair[0])
    (tmp_path / "emnist-letters-test-images-idx3-ubyte").unlink()
    for path in tmp_path.glob("*mapping.txt"):
        path.unlink()
    idx_file(pair[1], labels)
    refused(tmp_path, "was cut short or damaged")
    idx_file(pair[0], labels)
    refused(tmp_path, "must be pictures, .* Received: uint8 of shape")


# An archive of arrays


def test_an_archive_with_strings(tmp_path):
    images_, labels = pictures("ABC", 4)
    for name, values in {
        "unicode": np.array(list("äB7"))[labels],
        "column": np.array(list("äB7"))[labels][:, None],
    }.items():
        np.savez_compressed(tmp_path / f"{name}.npz", images=images_, labels=values)
        assert characters(tmp_path / f"{name}.npz") == "7Bä"
        assert together(tmp_path / f"{name}.npz")["B"] == {
            drawn("B", i).tobytes() for i in range(4)
        }
    assert own.info("own", Options(str(tmp_path / "column.npz"))).title == "column (your own)"
    np.savez(tmp_path / "bytes.npz", images=images_, labels=np.array([b"x", b"y", b"z"])[labels])
    assert characters(tmp_path / "bytes.npz") == "xyz"


@pytest.mark.parametrize("orientation", own.ORIENTATIONS)
def test_orientations_of_an_archive_are_undone(tmp_path, orientation):
    images_, labels = pictures("7L", 3)
    stored = images_.swapaxes(1, 2) if "transposed" in orientation else images_
    stored = 255 - stored if "inverted" in orientation else stored
    np.savez(tmp_path / "a.npz", images=stored, labels=labels, characters="7L")
    found = together(tmp_path / "a.npz", orientation)
    for char in "7L":
        assert found[char] == {drawn(char, seed).tobytes() for seed in range(3)}


@pytest.mark.parametrize("given", ["xyz", list("xyz"), np.array(list("xyz"))])
def test_an_archive_with_numbers_and_characters(tmp_path, given):
    images_, labels = pictures("xyz", 4)
    flat = images_.reshape(-1, 784)
    np.savez(tmp_path / "a.npz", images=flat, labels=labels, characters=given)
    assert together(tmp_path / "a.npz")["x"] == {drawn("x", i).tobytes() for i in range(4)}


@pytest.mark.parametrize(
    "names",
    [
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("x_train", "y_train", "x_test", "y_test"),
        ("X_train", "Y_train", "X_test", "Y_test"),
    ],
)
def test_an_archive_with_its_splits(tmp_path, names):
    arrays = *pictures("0123456789", 4), *pictures("0123456789", 1)
    np.savez(tmp_path / "a.npz", **dict(zip(names, arrays, strict=True)))
    train, validation, test = read(tmp_path / "a.npz")
    assert (len(train) + len(validation), len(test)) == (40, 10)
    more = {"val_images": arrays[2], "val_labels": arrays[3]}
    np.savez(tmp_path / "a.npz", **dict(zip(names, arrays, strict=True)), **more)
    assert [len(split) for split in read(tmp_path / "a.npz")] == [40, 10, 10]


def test_arrays_of_another_size_or_in_colour(tmp_path):
    images_, labels = pictures("AB", 3)
    big = np.array([np.asarray(Image.fromarray(255 - p).resize((50, 40))) for p in images_])
    colour = np.repeat(big[..., None], 3, axis=3)
    small_colour = np.repeat(images_[..., None], 3, axis=3)
    for name, values in {"big": big, "colour": colour, "small": small_colour}.items():
        np.savez(tmp_path / f"{name}.npz", images=values, labels=labels, characters="AB")
    assert together(tmp_path / "small.npz")["A"] == {drawn("A", i).tobytes() for i in range(3)}
    expected = {from_picture(picture).tobytes() for picture in big[::2]}
    assert together(tmp_path / "big.npz")["A"] == expected
    assert together(tmp_path / "colour.npz")["A"] == expected


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"labels": None}, "must hold images and labels, or .* Received: images, characters"),
        ({"images": np.zeros((12, 28, 28))}, "Received: float64 of shape .* black 0, white 255"),
        ({"images": np.zeros((12, 100), np.uint8)}, r"Received: uint8 of shape \(12, 100\)"),
        ({"images": np.zeros((11, 28, 28), np.uint8)}, r"11 pictures and 12 labels \(.*a.npz\)"),
        ({"images": np.zeros((13, 40, 50), np.uint8)}, r"13 pictures and 12 labels \(.*a.npz\)"),
        ({"labels": np.zeros(12)}, "whole numbers, one a picture. Received: float64"),
        ({"labels": np.zeros((12, 3), int)}, r"Received: int64 of shape \(12, 3\)"),
        ({"labels": np.array(["A", "B", "CD"] * 4)}, "strings of one each. Received: 'CD'"),
        ({"labels": np.array([None] * 12)}, "numbers and strings. Received: Object arrays"),
        ({"labels": np.arange(12) % 5}, "from 0 to 2, .* Received: labels from 0 to 4"),
        ({"labels": np.arange(12) % 3 - 1}, "Received: labels from -1 to 1"),
        ({"characters": "AAB"}, "Each character must have one label. Received: AAB"),
        ({"characters": np.arange(3)}, "strings of one each. Received: int64"),
        ({"characters": None}, "Received: 3 labels from 0 to 2. Add EMNIST's"),
        ({"labels": np.zeros(12, int)}, "at least two characters, .* Received: A"),
        (
            {"images": np.full((12, 28, 28), 9, np.uint8)},
            "Received: 4 of 4 of A .* picture 0 of im",
        ),
        ({"images": np.tile(np.eye(28, dtype=np.uint8), (12, 1, 1))}, "Received: 1 of A"),
    ],
)
def test_an_archive_that_does_not_fit(tmp_path, change, match):
    images_, labels = pictures("ABC", 4)
    arrays = {"images": images_, "labels": labels, "characters": "ABC"} | change
    found = {name: values for name, values in arrays.items() if values is not None}
    np.savez(tmp_path / "a.npz", **found)
    refused(tmp_path / "a.npz", match)


def test_an_archive_cut_short_or_of_another_kind(tmp_path):
    images_, labels = pictures("ABC", 4)
    file = io.BytesIO()
    np.savez_compressed(file, images=images_, labels=labels, characters="ABC")
    path, content = tmp_path / "a.npz", file.getvalue()
    damaged = bytearray(content)
    damaged[100:140] = bytes(40)
    single = io.BytesIO()
    np.save(single, images_)
    for wrong in (b"", content[:100], content[:-50], bytes(damaged), b"no zip", single.getvalue()):
        path.write_bytes(wrong)
        refused(path, "must be a whole .npz file .* Write it anew")


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
        ("labels", declared((10**12,), "<U0")),
        ("labels", declared((30_000,), "|u1", bytes(30_000))),
        ("images", declared((12, 40, 40), "|u1", bytes(12 * 1600))),
    ],
    ids=["zeros", "strings of no bytes", "labels", "pixels"],
)
def test_an_archive_that_asks_for_much_memory(tmp_path, monkeypatch, name, content):
    images_, labels = pictures("ABC")
    np.savez(tmp_path / "a.npz", images=images_, labels=np.array(list("ABC"))[labels])
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for each, before in members.items():
            archive.writestr(each, content if each == f"{name}.npy" else before)
    monkeypatch.setattr(own_arrays.idx, "MOST_IMAGES", 10_000)
    monkeypatch.setattr(own_arrays.idx, "MOST", 10_000 * 784)
    monkeypatch.setattr(own_arrays, "MOST_PIXELS", 1500)
    tracemalloc.start()
    try:
        refused(tmp_path / "a.npz", "must hold at most 10,000")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_an_archive_that_declares_more_than_any_memory(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", declared((2**50, 28, 28), "|u1"))
        archive.writestr("labels.npy", declared((2**50,), "|u1"))
    refused(tmp_path / "a.npz", "must hold at most")
