"""The A–Z file: its forms, its splits, and one clear error for each way it can be bad."""

import zipfile

import numpy as np
import pytest

from hcr.datasets import az, leaks
from hcr.datasets.split import Options
from hcr.errors import DataError
from hcr.preprocessing.labels import LETTERS

HEADER = "label," + ",".join(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))


def rows(n: int = 260, seed: int = 0) -> np.ndarray:
    """n rows as the file has them, int (n, 785): class by class, numbers of one to three digits."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (n, 784)) * (rng.random((n, 784)) < 0.3)
    return np.column_stack([np.sort(np.arange(n) % 26), pixels])


WORDS = list(map(str, range(256)))


def text(table: np.ndarray, end: str = "\n") -> str:
    return "".join(",".join([WORDS[value] for value in row]) + end for row in table.tolist())


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return rows()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """`$HCR_DATA/az`, empty, and nothing anywhere else."""
    monkeypatch.setenv("HCR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    made = tmp_path / "data" / "az"
    made.mkdir(parents=True)
    return made


def read(path=None):
    return az.read("az", Options(path=None if path is None else str(path)))


def whole(splits) -> set[tuple[int, bytes]]:
    return {
        (int(label), picture.tobytes())
        for split in splits
        for picture, label in zip(split.images, split.labels, strict=True)
    }


def expected(table: np.ndarray) -> set[tuple[int, bytes]]:
    return {(int(row[0]), row[1:].astype(np.uint8).tobytes()) for row in table}


def failure(path) -> str:
    with pytest.raises(DataError) as error:
        read(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("block", [900, 5000, 1 << 20])
@pytest.mark.parametrize(
    "form", ["plain", "windows", "no last end", "mark", "empty lines at the end"]
)
def test_every_row_is_read_whatever_the_line_ends_and_blocks(
    folder, table, monkeypatch, block, form
):
    monkeypatch.setattr(az, "BLOCK", block)
    content = text(table, "\r\n" if form == "windows" else "\n")
    if form == "no last end":
        content = content[:-1]
    if form == "mark":
        content = "\ufeff" + content
    if form == "empty lines at the end":
        content += "\n\n"
    (folder / az.FILE).write_text(content, newline="")
    splits = read()
    assert sum(map(len, splits)) == len(table)
    assert whole(splits) == expected(table)
    for split in splits:
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64


def test_a_picture_is_read_row_by_row_and_upright(folder, table):
    drawn = table.copy()
    ell = np.zeros((28, 28), int)
    ell[4:24, 8:11] = 255
    ell[21:24, 8:20] = 255
    drawn[drawn[:, 0] == LETTERS.index("L"), 1:] = ell.reshape(-1)
    (folder / az.FILE).write_text(text(drawn))
    found = [s.images[s.labels == LETTERS.index("L")] for s in read()]
    np.testing.assert_array_equal(np.concatenate(found)[0], ell)


HEADERS = {
    "words": HEADER,
    "words in quotes": ",".join(f'"{each}"' for each in HEADER.split(",")),
    "a word and numbers": "label," + ",".join(map(str, range(784))),
    "pandas, of a row": "0," + ",".join(f"0.{i}" for i in range(1, 785)),
    "pandas, of none": ",".join(map(str, range(785))),
}


def test_a_header_is_left_out_and_no_row_with_it(folder):
    many = rows(2000, seed=1)
    content = text(many)
    (folder / az.FILE).write_text(content)
    without = read()
    assert sum(map(len, without)) == 2000
    assert whole(without) == expected(many)
    for what, header in HEADERS.items():
        (folder / az.FILE).write_text(header + "\n" + content)
        assert [s.digest for s in read()] == [s.digest for s in without], what


def test_a_picture_is_in_the_same_part_for_ever(folder, table):
    # Copies, one of them under another label, and another order of the rows.
    copies = table[:60].copy()
    copies[:, 0] = 25
    (folder / az.FILE).write_text(text(np.concatenate([table, table[:80], copies])))
    parts = [set(leaks.pixel_hashes(split.images).tolist()) for split in read()]
    assert not parts[0] & parts[1]
    assert not (parts[0] | parts[1]) & parts[2]
    (folder / az.FILE).write_text(text(table[::-1]))
    assert [set(leaks.pixel_hashes(split.images).tolist()) for split in read()] == parts
    sizes = [len(part) / len(table) for part in parts]
    assert sizes == pytest.approx(az.SHARES, abs=0.09)


# Where it lies


@pytest.mark.parametrize("name", az.PLACES)
@pytest.mark.parametrize("by", ["place", "file", "folder"])
def test_the_file_is_found_under_its_names(folder, table, name, by):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(az.FILE, text(table))
            # Kaggle's has had it twice.
            archive.writestr(f"A_Z Handwritten Data/{az.FILE}", text(table))
    else:
        path.write_text(text(table))
    given = {"place": None, "file": path, "folder": folder}[by]
    options = Options(path=None if given is None else str(given))
    assert az.sources("az", options) == [path.resolve()]
    assert sum(map(len, read(given))) == len(table)


def test_a_relative_path_counts_from_the_working_folder_or_the_projects_top(
    folder, tmp_path, monkeypatch
):
    project = tmp_path / "project"
    for each in ("hcr", "notebooks", "own"):
        (project / each).mkdir(parents=True)
    (project / "run_all.py").touch()
    (project / "own" / az.FILE).touch()
    for place in (project, project / "notebooks"):
        monkeypatch.chdir(place)
        assert az.sources("az", Options(path="own")) == [project / "own" / az.FILE]


def test_an_archive_of_something_else_is_passed_by(folder, table, tmp_path):
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.writestr("train.csv", "1,2,3")
    with pytest.raises(DataError, match="There is no A_Z Handwritten Data.csv"):
        read()
    (folder.parent / az.FILE).write_text(text(table))
    assert sum(map(len, read())) == len(table)
    # Where it is named it is not passed by.
    assert f"must hold {az.FILE}. Received: an archive without it" in failure(
        folder / "archive.zip"
    )


@pytest.mark.parametrize("path", [None, "nowhere"])
def test_a_missing_file_tells_where_to_get_it_and_what_stands_in(folder, path):
    with pytest.raises(DataError) as error:
        az.sources("az", Options(path=path))
    message = str(error.value)
    assert "\n" not in message
    for part in (az.FILE, az.URL, "HCR_DATA", "mnist+emnist-upper-local", path or "az"):
        assert part in message


# Bad files


def spoilt(table: np.ndarray, line: int, change, header: bool = False) -> str:
    """The file's text with `change` done to the fields of its `line`, counted from 1."""
    lines = text(table).splitlines()
    if header:
        lines.insert(0, HEADER)
    lines[line - 1] = ",".join(change(lines[line - 1].split(",")))
    return "\n".join(lines) + "\n"


BAD = {
    "too large a pixel": (lambda f: [*f[:9], "256", *f[10:]], "'256' as value 10"),
    "far too large": (lambda f: [*f[:9], "1000", *f[10:]], "'1000' as value 10"),
    "below 0": (lambda f: [*f[:9], "-1", *f[10:]], "'-1' as value 10"),
    "a word": (lambda f: [*f[:9], "x", *f[10:]], "'x' as value 10"),
    "a decimal": (lambda f: [*f[:9], "1.0", *f[10:]], "'1.0' as value 10"),
    "nothing": (lambda f: [*f[:9], "", *f[10:]], "'' as value 10"),
    "a blank": (lambda f: [*f[:9], " 1", *f[10:]], "' 1' as value 10"),
    "not Latin": (lambda f: [*f[:9], "٣", *f[10:]], "as value 10"),
    "label 26": (lambda f: ["26", *f[1:]], "'26' as value 1"),
    "one too few": (lambda f: f[:-1], "784 of 785 values"),
    "one too many": (lambda f: [*f, "0"], "786 of 785 values"),
    "cut short": (lambda f: f[:100], "100 of 785 values"),
    "two in one": (lambda f: [*f, *f], "1570 of 785 values"),
}


@pytest.mark.parametrize("line", [2, 150, 260])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_line_is_told_by_its_number(folder, table, monkeypatch, kind, line):
    monkeypatch.setattr(az, "BLOCK", 20_000)
    change, found = BAD[kind]
    path = folder / az.FILE
    for header in (False, True):
        path.write_text(spoilt(table, line + header, change, header), encoding="utf-8")
        message = failure(path)
        assert f"(line {line + header})" in message
        assert found in message
        assert "must hold a label from 0 to 25 and 784 pixels from 0 to 255" in message
        assert az.URL in message


def test_an_empty_line_between_others_is_told(folder, table):
    path = folder / az.FILE
    for line in (1, 2, 150):
        lines = text(table).splitlines(keepends=True)
        path.write_text("".join([*lines[: line - 1], "\n", *lines[line - 1 :]]))
        # An empty first line passes for a header.
        if line == 1:
            assert sum(map(len, read())) == len(table)
        else:
            assert f"Received: '', 1 of 785 values (line {line})" in failure(path)


def test_two_bad_lines_that_make_up_for_each_other_are_told(folder, table):
    # As many values and line ends as there should be.
    lines = text(table).splitlines()
    lines[6], lines[7] = lines[6] + ",0", lines[7].partition(",")[2]
    (folder / az.FILE).write_text("\n".join(lines))
    assert "786 of 785 values (line 7)" in failure(folder / az.FILE)


def test_a_first_line_with_one_bad_number_is_no_header(folder, table):
    negative = (lambda f: ["-1", *f[1:]], "'-1' as value 1")
    for change, found in (BAD["a word"], BAD["one too few"], BAD["below 0"], negative):
        (folder / az.FILE).write_text(spoilt(table, 1, change))
        message = failure(folder / az.FILE)
        assert found in message
        assert "(line 1)" in message


@pytest.mark.parametrize("content", ["", "\n\n", HEADER, HEADER + "\n"])
def test_a_file_without_rows_is_told(folder, content):
    (folder / az.FILE).write_text(content)
    assert "Received: 0 lines, none of ABCDEFGHIJKLMNOPQRSTUVWXYZ" in failure(folder / az.FILE)


def test_a_file_cut_at_a_line_end_lacks_letters(folder, table):
    (folder / az.FILE).write_text(text(table[table[:, 0] < 23]))
    assert "none of XYZ. It was cut short" in failure(folder / az.FILE)


def test_a_file_of_another_kind_is_told(folder):
    (folder / az.FILE).write_text("<!DOCTYPE html>\n<p>Sign in</p>\n")
    assert "'<p>Sign in</p>', 1 of 785 values (line 2)" in failure(folder / az.FILE)


def test_a_file_without_line_ends_is_not_gathered_in_memory(folder):
    class Endless:
        left = 3

        def read(self, n: int) -> bytes:
            self.left -= 1
            assert self.left, "the whole file would be read"
            return b"0" * n

    with pytest.raises(DataError, match=r"1 of 785 values \(line 1\)") as error:
        list(az._blocks(Endless(), folder / az.FILE))
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.98, -1])
def test_a_zip_file_cut_short_is_told(folder, table, keep):
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(az.FILE, text(table))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep) if 0 < keep < 1 else keep])
    with pytest.raises(DataError, match="must be a whole zip file.*download it again"):
        read()


def test_a_zip_file_with_wrong_bytes_inside_is_told(folder, table):
    path = folder / "archive.zip"
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr(az.FILE, text(table))
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 40] = bytes(40)
        path.write_bytes(content)
        with pytest.raises(DataError, match="A_Z|archive.zip"):
            read()


def test_a_file_that_cannot_be_opened_is_told(folder, monkeypatch):
    for name in (az.FILE, "archive.zip"):
        monkeypatch.setattr(az, "sources", lambda *_, path=folder / name: [path])
        assert "must be a file that can be read. Received: No such file" in failure(folder / name)


def test_what_is_known_of_it():
    info = az.info("az", Options())
    assert "".join(info.characters) == LETTERS
    assert info.url == az.URL
    assert not info.caveat
    assert "NIST" in info.licence
