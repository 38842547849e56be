"""The files of MNIST, EMNIST, A–Z and UNIPEN: found, downloaded, read, and ways to be wrong."""

import gzip
import hashlib
import os
import shutil
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from dataset_files import (
    Server,
    drawings,
    idx_bytes,
    joined,
    made,
    unipen_arrays,
    write_pair,
    write_unipen,
    zip_of,
    zipped,
)
from scipy.io import savemat

from hcr import datasets
from hcr.datasets import Options, Split, emnist, files, leaks, mnist, unipen
from hcr.errors import DataError
from hcr.preprocessing import from_strokes
from hcr.preprocessing.labels import BALANCED, BYCLASS


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    """The folder that `HCR_DATA` names, and a cache; nothing can be downloaded."""
    monkeypatch.setenv("HCR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


def hashes(*parts: Split) -> set[int]:
    return {value for part in parts for value in leaks.pixel_hashes(part.images).tolist()}


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.fixture
def digits(data) -> tuple[Split, Split]:
    """A folder of MNIST's form, with 300 and 50 images."""
    parts = made(300, 1), made(50, 2)
    for name, part in zip(("train", "t10k"), parts, strict=True):
        write_pair(data / "mnist", name, part)
    return parts


def test_mnist_is_read(digits):
    plain = datasets.load("mnist")
    assert plain.test.digest == digits[1].digest
    assert hashes(plain.train, plain.validation) == hashes(digits[0])
    assert (len(plain.train), len(plain.validation)) == (270, 30)


def test_a_relative_folder_counts_from_here_or_the_projects_top(
    digits, data, monkeypatch, tmp_path
):
    (tmp_path / "project" / "hcr").mkdir(parents=True)
    (tmp_path / "project" / "notebooks").mkdir()
    (tmp_path / "project" / "run_all.py").touch()
    monkeypatch.setenv("HCR_DATA", os.path.join("..", "data"))
    for folder in (tmp_path / "project", tmp_path / "project" / "notebooks"):
        monkeypatch.chdir(folder)
        assert files.find("mnist", [IMAGES]) == [(data / "mnist" / IMAGES).resolve()]


@pytest.mark.parametrize("name", ["mnist", "emnist-letters"])
def test_half_of_a_pair_is_not_completed_from_elsewhere(data, name):
    stem = {"mnist": "train"}.get(name, f"{name}-train")
    write_pair(data / name[:6], stem, made(30))
    path = next(data.glob(f"*/{stem}-labels*"))
    path.unlink()
    with pytest.raises(DataError, match=f"without {path.name}"):
        datasets.sources(name)


@pytest.fixture
def mirrors(digits, data, monkeypatch):
    """MNIST's four files lie on a server alone."""
    contents = {path.name: path.read_bytes() for path in (data / "mnist").iterdir()}
    for path in (data / "mnist").iterdir():
        path.unlink()
    digests = {name: hashlib.sha256(contents[name]).hexdigest() for name in mnist.PAYLOADS}
    monkeypatch.setattr(mnist, "PAYLOADS", digests)
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    with Server({f"{name}.gz": zipped(each) for name, each in contents.items()}) as running:
        urls = running.url("first", ""), running.url("second", "")
        monkeypatch.setattr(mnist, "URLS", urls)
        yield running


@pytest.mark.parametrize("plan", [["good"], ["breaks", "good"], ["wrong"], ["404"]])
def test_mnist_is_downloaded_once_where_it_lies_nowhere(mirrors, digits, plan, tmp_path):
    mirrors.plans = {"first": plan}
    loaded = datasets.load("mnist")
    assert loaded.test.digest == digits[1].digest
    assert hashes(loaded.train, loaded.validation) == hashes(digits[0])
    n = len(mirrors.requests)
    assert len(datasets.sources("mnist")) == 4
    assert len(mirrors.requests) == n
    kept = {path.name for path in (tmp_path / "cache" / "mnist").iterdir()} - {".lock"}
    assert kept == set(mnist.PAYLOADS)


def test_where_mnist_can_not_be_downloaded_its_four_files_are_named(mirrors):
    mirrors.plans = {"first": ["503"], "second": ["wrong"]}
    with pytest.raises(DataError, match=".*".join([*mnist.PAYLOADS, "HCR_DATA", "mnist-sample"])):
        datasets.load("mnist")


# Ours, packed; torchvision's; Kaggle's.
LAYOUTS = ["mnist/{0}.gz", "{0}", "MNIST/raw/{0}", "raw/{0}.gz", "{1}", "{0}/{0}"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_mnist_is_found_as_others_lay_it(digits, data, layout):
    digest = datasets.load("mnist").digest
    for path in list((data / "mnist").iterdir()):
        form = layout.format(path.name, path.name.replace("-idx", ".idx"))
        (data / form).parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        path.unlink()
        (data / form).write_bytes(zipped(content) if form.endswith(".gz") else content)
    assert datasets.load("mnist").digest == digest


def write_csv(path, split: Split, header: str = "") -> None:
    pixels = split.images.reshape(len(split), -1)
    rows = np.column_stack([split.labels, pixels])
    np.savetxt(path, rows, "%d", ",", header=header, comments="")


@pytest.mark.parametrize("form", ["csv", "csv.gz", "npz"])
def test_mnist_in_the_forms_of_others_is_the_same(digits, data, form):
    digest = datasets.load("mnist").digest
    shutil.rmtree(data / "mnist")
    if form == "npz":
        train, test = digits
        arrays = {"x_train": train.images, "y_train": train.labels.astype(np.uint8)}
        np.savez(data / "mnist.npz", **arrays, x_test=test.images, y_test=test.labels)
    else:
        for name, part in zip(("train", "test"), digits, strict=True):
            header = ",".join(["label", *(f"pixel{i}" for i in range(784))])
            write_csv(data / f"mnist_{name}.{form}", part, header)
    assert datasets.load("mnist").digest == digest


def broken(content: bytes) -> dict[str, bytes]:
    packed = zipped(content)
    header = struct.pack(">2xBB3I", 8, 3, *(files.MOST_IMAGES + 1, 28, 28))
    return {
        **{f"plain, {keep} bytes": content[:keep] for keep in (0, 4, 15, 16, -1)},
        **{f"gzip, {keep} bytes": packed[:keep] for keep in (5, 500, -1)},
        "floats": b"\0\0\x0d\x01" + bytes(8),
        "a page": b"<html>Not found</html>",
        "255 axes": b"\0\0\x08\xff" + bytes(20),
        "huge": header + bytes(100),
        "more": content + b"0",
        "checksum": gzip.compress(b"\0\0\x08\x01\0\0\0\1\0")[:-8] + bytes(8),
        "damaged": packed[:20] + b"\xff" * 30 + packed[50:],
    }


@pytest.mark.parametrize("kind", broken(b""))
def test_a_broken_idx_file_is_an_error_that_names_it(digits, data, kind):
    path = data / "mnist" / IMAGES
    content = broken(path.read_bytes())[kind]
    if content[:2] == b"\x1f\x8b" or "gzip" in kind:
        path.unlink()
        path = path.with_name(f"{path.name}.gz")
    path.write_bytes(content)
    with pytest.raises(DataError, match=path.name) as error:
        datasets.load("mnist")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("n", [10, files.MOST_IMAGES + 1])
def test_what_unpacks_to_much_is_not_unpacked(data, n):
    """More than it declares, or more than any dataset: 32 kB that become 32 MB, or more."""
    data.mkdir()
    content = struct.pack(">2xBB3I", 8, 3, n, 28, 28) + bytes(32 << 20)
    (data / "a.gz").write_bytes(gzip.compress(content))
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            files.read_idx(data / "a.gz")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("file", "values"),
    [(LABELS, np.full(300, 10)), (LABELS, np.zeros(299)), (IMAGES, np.zeros((300, 28, 27)))],
)
def test_images_and_labels_that_do_not_fit_are_an_error(digits, data, file, values):
    (data / "mnist" / file).write_bytes(idx_bytes(values))
    with pytest.raises(DataError, match="of one split"):
        datasets.load("mnist")


# EMNIST's archive

SMALL = ("emnist-letters", "emnist-digits")
MEMBER = "emnist-letters-test-images-idx3-ubyte"


@pytest.fixture
def official(data, monkeypatch) -> dict[str, bytes]:
    """The official files, by name, instead of EMNIST's; they lie nowhere."""
    for name in SMALL:
        for split in ("train", "test"):
            write_pair(data / "all", f"{name}-{split}", made(130, len(name + split)), first=1)
    contents = {path.name: path.read_bytes() for path in (data / "all").iterdir()}
    for path in (data / "all").iterdir():
        path.unlink()
    digests = {f"{name}.gz": hashlib.sha256(zipped(x)).hexdigest() for name, x in contents.items()}
    monkeypatch.setattr(emnist, "MEMBERS", digests)
    return contents


@pytest.fixture
def server(official, monkeypatch):
    content = zip_of(official)
    with Server(content) as running:
        monkeypatch.setattr(emnist, "MD5", hashlib.md5(content).hexdigest())
        monkeypatch.setattr(emnist, "URLS", (running.url("first"), running.url("second")))
        monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
        yield running


def check_download(official, tmp_path) -> None:
    path = emnist.emnist_file(MEMBER)
    assert path == tmp_path / "cache" / "emnist" / f"{MEMBER}.gz"
    assert gzip.decompress(path.read_bytes()) == official[MEMBER]
    assert not path.with_name("gzip.zip.part").exists()


def test_a_set_is_downloaded_once_with_no_more_than_its_members(server, official, tmp_path):
    data = datasets.load("emnist-letters")
    assert (len(data.train) + len(data.validation), len(data.test)) == (130, 130)
    unpacked = {path.stem for path in (tmp_path / "cache" / "emnist").glob("*.gz")}
    assert unpacked == {name for name in official if "letters" in name}
    emnist.emnist_file("emnist-digits-train-images-idx3-ubyte")
    assert server.requests == [("first", "bytes=0-")]


@pytest.mark.parametrize(
    ("plans", "requests"),
    [
        ({"first": ["breaks", "breaks", "good"]}, ["first"] * 3),
        ({"first": ["breaks", "503"]}, ["first"] * files.ATTEMPTS + ["second"]),
        ({"first": ["wrong"]}, ["first"] * files.ATTEMPTS + ["second"]),
        ({"first": ["breaks", "no range"]}, ["first"] * 3),
    ],
)
def test_a_download_goes_on_where_it_broke_off_or_with_the_next_mirror(
    server, official, tmp_path, plans, requests
):
    server.plans = plans
    check_download(official, tmp_path)
    assert [mirror for mirror, _ in server.requests] == requests


def test_a_download_that_was_killed_is_completed(server, official, tmp_path):
    part = tmp_path / "cache" / "emnist" / "gzip.zip.part"
    part.parent.mkdir(parents=True)
    for content in (server.content, server.content[:9000], b"other bytes", server.content + b"1"):
        part.write_bytes(content)
        check_download(official, tmp_path)
        for path in part.parent.iterdir():
            path.unlink()


@pytest.mark.parametrize(("plan", "word"), [("503", "503"), ("breaks", "kept"), ("wrong", "MD5")])
def test_where_no_mirror_gives_it_the_remedy_is_named(server, official, tmp_path, plan, word):
    server.plans = {"first": [plan], "second": [plan]}
    with pytest.raises(DataError, match=rf"{word}.*by hand"):
        datasets.load("emnist-letters")
    server.plans = {}
    check_download(official, tmp_path)


def test_what_lies_in_hcr_data_needs_no_download_but_must_be_official(server, official, data):
    (data / "emnist").mkdir()
    for name in official:
        (data / "emnist" / f"{name}.gz").write_bytes(zipped(official[name]))
    assert len(datasets.load("emnist-letters").test) == 130
    (data / "emnist" / f"{MEMBER}.gz").write_bytes(gzip.compress(official[MEMBER], 9, mtime=1))
    with pytest.raises(DataError, match="SHA-256"):
        datasets.load("emnist-letters")
    assert server.requests == []


@pytest.mark.parametrize("kind", ["cut", "member missing", "wrong member", "zeros"])
def test_a_bad_archive_is_an_error_and_nothing_of_it_is_trusted(server, official, data, kind):
    content = server.content
    content = {
        "cut": content[: len(content) // 2],
        "member missing": zip_of({LABELS: b""}),
        "wrong member": zip_of({MEMBER: b"other"}),
        "zeros": bytes(9000).join((content[:9000], content[18000:])),
    }[kind]
    (data / "gzip.zip").write_bytes(content)
    with pytest.raises(DataError, match="gzip.zip must be EMNIST's archive"):
        [emnist.emnist_file(name) for name in official]
    (data / "gzip.zip").write_bytes(server.content)
    assert [emnist.emnist_file(name).is_file() for name in official] == [True] * len(official)
    assert server.requests == []


# EMNIST's sets


def put(folder, name: str, split: str, n: int) -> Split:
    """Write one split's files; what they hold, upright, with labels from 0."""
    part = made(n, len(name + split), len(datasets.info(name).characters))
    write_pair(folder / "emnist", f"{name}-{split}", part, first=int(name == "emnist-letters"))
    return part


@pytest.mark.parametrize("name", [x for x in datasets.DATASETS if "emnist-" in x and "+" not in x])
def test_a_set_is_read_upright_with_labels_from_nought(data, name):
    whole, test = put(data, name, "train", 310), put(data, name, "test", 124)
    loaded = datasets.load(name)
    n_classes = len(datasets.info(name).characters)
    assert f"{n_classes} classes" in loaded.info.title
    assert len(loaded.characters) == n_classes
    assert loaded.test.digest == test.digest
    assert hashes(loaded.train, loaded.validation) == hashes(whole)
    index = dict(zip(leaks.pixel_hashes(whole.images).tolist(), whole.labels, strict=True))
    for part in (loaded.train, loaded.validation):
        expected = [index[value] for value in leaks.pixel_hashes(part.images).tolist()]
        assert part.labels.tolist() == expected
    assert np.abs(loaded.counts["validation"] - np.bincount(whole.labels) / 10).max() <= 0.5


@pytest.mark.parametrize("form", ["csv", "mat"])
def test_emnist_in_the_forms_of_others_is_the_same(data, form, tmp_path, monkeypatch):
    name, other = "emnist-letters", tmp_path / "other"
    parts = {split: put(data, name, split, 310) for split in ("train", "test")}
    digest = datasets.load(name).digest
    monkeypatch.setenv("HCR_DATA", str(other))
    other.mkdir()
    stored = {s: Split(p.images.swapaxes(1, 2), p.labels + 1) for s, p in parts.items()}
    if form == "mat":
        writers = np.arange(310) // 100
        dataset = {
            split: {
                "images": part.images.reshape(-1, 784),
                "labels": part.labels[:, None],
                "writers": writers[:, None] + 2 * (split == "test"),
            }
            for split, part in stored.items()
        }
        savemat(other / f"{name}.mat", {"dataset": dataset}, do_compression=True)
    else:
        for split, part in stored.items():
            write_csv(other / f"{name}-{split}.csv", part)
    loaded = datasets.load(name)
    assert loaded.digest == digest
    shared = loaded.leaks.get("writers_in_train_and_test")
    assert shared == (2 if form == "mat" else None)


@pytest.fixture
def listed(data, monkeypatch) -> Split:
    """A list of 470 images in place of the shipped one."""
    part = made(470, 5, 47)
    digest = hashlib.sha256(part.images.tobytes() + part.labels.astype(np.uint8).tobytes())
    arrays = {"hashes": leaks.pixel_hashes(part.images), "labels": part.labels.astype(np.uint8)}
    data.mkdir(exist_ok=True)
    np.savez(data / "list.npz", **arrays, digest=np.array(digest.hexdigest()))
    monkeypatch.setitem(leaks.LISTED, emnist.SUBSET, data / "list.npz")
    return part


def test_the_subset_is_rebuilt_from_bymerge_and_equals_its_own_files(data, listed):
    # Where the images are found, not how they are labeled there, is what counts.
    pool = joined(made(300, 6), listed).take(np.random.default_rng(0).permutation(770))
    write_pair(data / "emnist", "emnist-bymerge-train", pool)
    test = put(data, "emnist-bymerge", "test", 100)
    rebuilt = datasets.load(emnist.SUBSET)
    assert rebuilt.test.digest == test.digest
    for split, part in (("train", listed), ("test", test)):
        write_pair(data / "emnist", f"{emnist.SUBSET}-{split}", part)
    assert {path.name[:13] for path in datasets.sources(emnist.SUBSET)} == {"emnist-subset"}
    assert datasets.load(emnist.SUBSET).digest == rebuilt.digest


def test_a_pool_without_a_listed_image_and_a_damaged_list_are_errors(data, listed):
    with pytest.raises(DataError, match="1 are missing"):
        emnist.rebuild(listed.images[1:])
    with np.load(data / "list.npz") as file:
        arrays = dict(file)
    arrays["labels"][5] += 1
    np.savez(data / "list.npz", **arrays)
    with pytest.raises(DataError, match="others"):
        emnist.rebuild(listed.images)
    (data / "list.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="list.npz"):
        emnist.rebuild(listed.images)


# MNIST with capitals


@pytest.fixture
def byclass(digits, data) -> dict[str, Split]:
    """ByClass's two files, and ByMerge's test images: every third of ByClass's."""
    parts = {split: put(data, "emnist-byclass", split, 620) for split in ("train", "test")}
    shared = parts["test"].take(np.arange(0, 620, 3))
    write_pair(data / "emnist", "emnist-bymerge-test", Split(shared.images, shared.labels % 47))
    return parts | {"shared": shared}


def capitals(split: Split) -> Split:
    return split.take(np.flatnonzero((split.labels >= 10) & (split.labels < 36)))


@pytest.mark.parametrize("name", ["mnist+emnist-upper", "mnist+emnist-upper-local"])
def test_the_capitals_of_byclass_stand_in(byclass, name):
    loaded, alone = datasets.load(name), datasets.load("mnist")
    assert (loaded.info.caveat, len(loaded.characters)) == ("stand-in for MNIST + A–Z", 36)
    letters = []
    for split in ("train", "validation", "test"):
        part, digits = getattr(loaded, split), getattr(alone, split)
        assert part.take(np.arange(len(digits))).digest == digits.digest
        letters.append(part.take(np.arange(len(digits), len(part))))
        assert letters[-1].labels.min() >= 10
    found = [hashes(part) for part in letters]
    assert not (found[0] & found[1]) | (found[2] & (found[0] | found[1]))
    test = hashes(capitals(byclass["test"]))
    if name.endswith("local"):
        assert found[0] | found[1] | found[2] == test - hashes(byclass["shared"])
        assert min(map(len, found)) > 0
    else:
        assert found[0] | found[1] == hashes(capitals(byclass["train"]))
        assert found[2] == test


# The A–Z file

HEADERS = {
    "none": "",
    "words": "label," + ",".join(map(str, range(784))) + "\n",
    "pandas, of a row": "0," + ",".join(f"0.{i}" for i in range(1, 785)) + "\n",
    "pandas, of none": ",".join(map(str, range(785))) + "\n",
    "a mark": "\ufeff",
}


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    """260 rows as the A–Z file has them, class by class."""
    pixels = made(260, 9).images.reshape(260, -1)
    return np.column_stack([np.arange(260) // 10, pixels])


def text(table: np.ndarray) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in table.tolist())


def az(path=None):
    return mnist.read("az", Options(None if path is None else str(path)))


@pytest.mark.parametrize("header", HEADERS)
def test_every_row_of_the_az_file_is_read(data, table, header):
    (data / "az").mkdir(parents=True)
    content = HEADERS[header] + text(table)
    (data / "az" / mnist.AZ_FILE).write_text(content.removesuffix("\n"), encoding="utf-8")
    parts = az()
    rows = {
        (int(label), image.tobytes())
        for part in parts
        for image, label in zip(part.images, part.labels, strict=True)
    }
    assert rows == {(int(row[0]), row[1:].astype(np.uint8).tobytes()) for row in table}
    assert sum(map(len, parts)) == 260
    assert min(map(len, parts)) > 15


@pytest.mark.parametrize("name", mnist.AZ_PLACES)
def test_the_az_file_is_found_under_its_names(data, table, digits, name):
    path = data / "az" / name
    path.parent.mkdir(parents=True)
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            # Kaggle's has had it twice.
            for member in (mnist.AZ_FILE, f"A_Z Handwritten Data/{mnist.AZ_FILE}"):
                archive.writestr(member, text(table))
    else:
        path.write_text(text(table))
    for options in ({}, {"path": str(path)}, {"path": str(data / "az")}):
        assert datasets.sources("az", **options) == [path.resolve()]
    both = datasets.load("mnist+az")
    assert sum(map(sum, both.counts.values())) == 350 + 260
    assert not both.info.caveat


def test_without_the_az_file_nothing_else_is_read_in_its_place(digits, data):
    for options in ({}, {"path": "nowhere"}):
        with pytest.raises(DataError, match="kaggle.*mnist.emnist-upper-local"):
            datasets.load("mnist+az", **options)
    (data / "az").mkdir()
    with zipfile.ZipFile(data / "az" / "archive.zip", "w") as archive:
        archive.writestr("train.csv", "1,2,3")
    with pytest.raises(DataError, match="archive.zip"):
        datasets.load("az")


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: [*fields[:9], "256", *fields[10:]],
        lambda fields: [*fields[:9], "x", *fields[10:]],
        lambda fields: ["26", *fields[1:]],
        lambda fields: fields[:-1],
        lambda fields: [*fields, "0"],
    ],
)
def test_a_bad_line_of_the_az_file_is_an_error(data, table, change):
    lines = text(table).splitlines()
    lines[150] = ",".join(change(lines[150].split(",")))
    data.mkdir()
    (data / "a.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"a\.csv must") as error:
        az(data / "a.csv")
    assert "\n" not in str(error.value)


def test_another_file_than_the_az_file_is_an_error(data, table):
    data.mkdir()
    for content in ("", HEADERS["words"], "<!DOCTYPE html>\n", text(table[table[:, 0] < 23])):
        (data / "a.csv").write_text(content)
        with pytest.raises(DataError, match="a.csv"):
            az(data / "a.csv")
    with zipfile.ZipFile(data / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(mnist.AZ_FILE, text(table))
    content = (data / "a.zip").read_bytes()
    for keep in (10, 5000, -1):
        (data / "a.zip").write_bytes(content[:keep])
        with pytest.raises(DataError, match="a.zip"):
            az(data / "a.zip")


# UNIPEN


def read_unipen(monkeypatch, tmp_path, samples, name="unipen"):
    write_unipen(monkeypatch, tmp_path, **unipen_arrays(samples))
    return unipen.read(name, Options())


def test_unipen_is_split_by_contributor(monkeypatch, tmp_path):
    parts = read_unipen(monkeypatch, tmp_path, drawings())
    assert [sorted(set(part.writers)) for part in parts] == [
        ["apa", "app"],
        ["tos"],
        ["aga", "val"],
    ]
    for part in parts:
        for i in range(len(part)):
            assert (from_strokes(part.strokes[i]) == part.images[i]).all()
    assert [BALANCED[i] for i in parts[0].labels] == [*"AaC7"] * 2
    train, *_ = unipen.read("unipen-62", Options())
    assert [BYCLASS[i] for i in train.labels] == [*"Aac7"] * 2


def test_copies_and_dots_are_left_out(monkeypatch, tmp_path):
    samples = drawings()
    a, seven = samples[0][2], samples[3][2]
    extra = [
        ("app", "A", a),  # a copy of train's
        ("app", "a", a),  # not a copy: another label
        ("app", "A", [np.concatenate(a)]),  # nor this: another stroke
        ("aga", "7", seven),  # the test split's stays, apa's goes
        ("apa", "c", [np.full((2, 2), 230.0)]),
        ("app", "7", [np.array([[5.0, 5.0]])]),
    ]
    train, validation, test = read_unipen(monkeypatch, tmp_path, samples + extra)
    assert (len(train), len(validation), len(test)) == (8 - 1 + 2, 4, 8 + 1)
    assert train.writers[train.labels == BALANCED.index("7")].tolist() == ["app"]


def test_drawings_by_contributor_and_examples(monkeypatch, tmp_path):
    write_unipen(monkeypatch, tmp_path, **unipen_arrays(drawings()))
    strokes, characters, contributors = unipen.drawings_of(["val", "lou"])
    assert characters.tolist() == [*"Aac7"] * 2
    assert contributors.tolist() == ["val"] * 4 + ["lou"] * 4
    expected = [each for name, _, each in drawings() if name == "val"]
    np.testing.assert_allclose(strokes[1][0], expected[1][0])
    examples, classes = unipen.example_drawings(BALANCED, 0)
    # c is C there.
    assert (classes, len(examples)) == (["7", "A", "C", "a"], 4)
    monkeypatch.setenv("HCR_DATA", str(tmp_path / "elsewhere"))
    assert unipen.example_drawings(BALANCED, 0) == ([], [])
    with pytest.raises(DataError, match="zenodo"):
        datasets.sources("unipen")


def test_drawings_join_emnists_training_images(monkeypatch, tmp_path, data):
    first = "emnist-balanced"
    write_unipen(monkeypatch, tmp_path, **unipen_arrays(drawings()))
    for split in ("train", "test"):
        put(data, first, split, 470)
    alone, both = datasets.load(first), datasets.load(f"{first}+unipen")
    n, drawn = len(alone.train), datasets.load("unipen").train
    assert both.train.sources.tolist() == [0] * n + [1] * 8
    assert both.train.take(np.arange(n)).digest == alone.train.digest
    assert both.train.take(np.arange(n, n + 8)).digest == drawn.digest
    assert both.train.writers.tolist() == [""] * n + drawn.writers.tolist()
    assert both.validation.digest == alone.validation.digest
    assert both.test.digest == alone.test.digest
    assert "UNIPEN" in both.info.caveat
    assert "CC BY 4.0" in both.info.license


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("xy", lambda xy: xy[:-1]),
        ("stroke_ptr", lambda ptr: ptr[::-1].astype(np.uint32)),
        ("sample_ptr", lambda ptr: ptr - (np.arange(len(ptr)) == len(ptr) - 1)),
        ("label", lambda label: np.char.replace(label, "7", "?")),
        ("contributor", lambda numbers: numbers + 1),
    ],
)
def test_a_file_of_drawings_that_is_wrong_is_an_error(monkeypatch, tmp_path, key, change):
    arrays = unipen_arrays(drawings())
    path = write_unipen(monkeypatch, tmp_path, **arrays | {key: change(arrays[key].copy())})
    with pytest.raises(DataError, match="unipen_chars"):
        unipen.read("unipen", Options())
    content = path.read_bytes()
    for wrong in (content[:-30], content[:400] + bytes(100) + content[500:]):
        path.write_bytes(wrong)
        with pytest.raises(DataError, match="Copy it again"):
            unipen.read("unipen", Options())
