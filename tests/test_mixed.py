"""The 36-class sets: MNIST's digits with the A–Z file's letters or with those that stand in."""

import struct
from pathlib import Path

import numpy as np
import pytest

from hcr import datasets
from hcr.datasets import az, leaks, mixed, mnist, places, thinning
from hcr.datasets.split import Options, Split
from hcr.errors import DataError
from hcr.preprocessing.labels import ALPHANUMERIC, LETTERS

NONE = Options()
STAND_INS = ("mnist+emnist-upper", "mnist+emnist-upper-local")


def write(folder: Path, name: str, values: np.ndarray) -> None:
    """An unpacked IDX file."""
    folder.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">I{values.ndim}I", 0x0800 + values.ndim, *values.shape)
    (folder / name).write_bytes(header + values.astype(np.uint8).tobytes())


def write_pair(folder: Path, name: str, split: Split, transposed: bool = True) -> None:
    images = split.images.swapaxes(1, 2) if transposed else split.images
    write(folder, f"{name}-images-idx3-ubyte", images)
    write(folder, f"{name}-labels-idx1-ubyte", split.labels)


def noise(n: int, classes: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    return Split(
        rng.integers(0, 256, (n, 28, 28), np.uint8), np.arange(n, dtype=np.int64) % classes
    )


def hashes(split: Split) -> set[int]:
    return set(leaks.pixel_hashes(split.images).tolist())


def capitals(split: Split) -> Split:
    return split.take(np.flatnonzero((split.labels >= 10) & (split.labels < 36)))


def letters_of(split: Split) -> Split:
    return split.take(np.flatnonzero(split.labels >= 10))


@pytest.fixture
def files(tmp_path, monkeypatch) -> dict[str, Split]:
    """Small files of all the sets but the A–Z file's; what they hold."""
    monkeypatch.setenv("HCR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    made = {
        "train": noise(300, 10, 1),
        "t10k": noise(50, 10, 2),
        "emnist-byclass-train": noise(620, 62, 3),
        "emnist-byclass-test": noise(620, 62, 4),
    }
    # Every third picture of the one test file is in the other, under the label of 47 classes.
    shared = made["emnist-byclass-test"].take(np.arange(0, 620, 3))
    made["emnist-bymerge-test"] = Split(shared.images, shared.labels % 47)
    for name, split in made.items():
        family = "emnist" if "emnist" in name else "mnist"
        write_pair(tmp_path / "data" / family, name, split, transposed=family == "emnist")
    return made


@pytest.fixture
def csv(tmp_path, files) -> np.ndarray:
    """The A–Z file, 260 rows; what it holds."""
    rng = np.random.default_rng(6)
    table = np.column_stack([np.arange(260) // 10, rng.integers(0, 256, (260, 784))])
    (tmp_path / "data" / "az").mkdir()
    np.savetxt(tmp_path / "data" / "az" / az.FILE, table, "%d", ",")
    return table


def test_the_az_files_letters_come_behind_mnists_digits(csv):
    parts = mixed.read("mnist+az", NONE)
    letters = az.read("az", NONE)
    for part, digits, others in zip(parts, mnist.read("mnist", NONE), letters, strict=True):
        n = len(digits)
        assert part.take(np.arange(n)).digest == digits.digest
        np.testing.assert_array_equal(part.images[n:], others.images)
        np.testing.assert_array_equal(part.labels[n:], others.labels + 10)
        assert [ALPHANUMERIC[label] for label in part.labels[n:]] == [
            LETTERS[label] for label in others.labels
        ]
    assert sum(map(len, parts)) == 350 + 260
    assert not mixed.info("mnist+az", NONE).caveat


def test_the_az_file_may_be_named(csv, tmp_path):
    path = tmp_path / "data" / "az" / az.FILE
    there = path.rename(tmp_path / "mine.csv")
    found = mixed.sources("mnist+az", Options(path=str(there)))
    assert len(found) == 5
    assert found[-1] == there.resolve()
    assert sum(map(len, mixed.read("mnist+az", Options(path=str(there))))) == 610


def test_without_the_az_file_nothing_else_is_read_in_its_place(files):
    for act in (mixed.sources, mixed.read):
        with pytest.raises(DataError) as error:
            act("mnist+az", NONE)
        message = str(error.value)
        assert "\n" not in message
        for part in (az.FILE, az.URL, "mnist+emnist-upper-local", "mnist+emnist-upper "):
            assert part in message


def test_the_capitals_of_byclass_stand_in(files):
    parts = mixed.read("mnist+emnist-upper", NONE)
    train, validation, test = (letters_of(part) for part in parts)
    expected = capitals(files["emnist-byclass-train"])
    assert hashes(train) | hashes(validation) == hashes(expected)
    assert not hashes(train) & hashes(validation)
    assert len(train) + len(validation) == len(expected) == 260
    assert 0.02 < len(validation) / 260 < 0.2
    assert test.digest == capitals(files["emnist-byclass-test"]).digest
    # Upright, and each still with its own label.
    given = {p.tobytes(): label for p, label in zip(expected.images, expected.labels, strict=True)}
    for split in (train, validation):
        for picture, label in zip(split.images, split.labels, strict=True):
            assert given[picture.tobytes()] == label
    for part, digits in zip(parts, mnist.read("mnist", NONE), strict=True):
        assert part.take(np.arange(len(digits))).digest == digits.digest


def test_the_local_stand_in_leaves_out_what_is_in_bymerges_test_file(files):
    parts = [letters_of(part) for part in mixed.read("mnist+emnist-upper-local", NONE)]
    expected = hashes(capitals(files["emnist-byclass-test"])) - hashes(files["emnist-bymerge-test"])
    assert len(expected) < 260
    found = [hashes(part) for part in parts]
    assert found[0] | found[1] | found[2] == expected
    assert sum(map(len, parts)) == len(expected)
    assert len(parts[0]) > len(parts[1]) > 0
    assert len(parts[2]) > 0


@pytest.mark.parametrize("name", STAND_INS)
def test_a_stand_in_says_that_it_is_one(files, name):
    data = datasets.load(name)
    assert data.caveat == "stand-in for MNIST + A–Z"
    assert data.facts()["caveat"] == data.caveat
    assert data.characters == tuple(ALPHANUMERIC)
    assert "MNIST" in data.info.licence
    assert "NIST Special Database 19" in data.info.licence
    assert "EMNIST" in data.info.citation
    assert "LeCun" in data.info.citation


def test_thinning_reaches_training_alone_and_its_factor_is_told(files):
    whole, thinned = (
        datasets.load("mnist+emnist-upper", thin=thin, seed=3) for thin in ("none", "az")
    )
    assert len(thinned.train) < len(whole.train)
    assert hashes(thinned.train) < hashes(whole.train)
    assert thinned.validation.digest == whole.validation.digest
    assert thinned.test.digest == whole.test.digest
    assert 0 < thinned.facts()["changed"]["thin_scale"] < 1


def test_each_set_reads_its_own_files(files):
    names = {name: [path.name for path in mixed.sources(name, NONE)] for name in STAND_INS}
    assert all(found[0] == "train-images-idx3-ubyte" for found in names.values())
    assert [name[:20] for name in names["mnist+emnist-upper"][4:]] == (
        ["emnist-byclass-train"] * 2 + ["emnist-byclass-test-"] * 2
    )
    assert names["mnist+emnist-upper-local"][4:] == [
        "emnist-byclass-test-images-idx3-ubyte",
        "emnist-byclass-test-labels-idx1-ubyte",
        "emnist-bymerge-test-images-idx3-ubyte",
    ]


def test_a_file_of_another_form_is_told(files, tmp_path):
    name = "emnist-bymerge-test-images-idx3-ubyte"
    write(tmp_path / "data" / "emnist", name, np.zeros(100))
    with pytest.raises(DataError, match=f"{name} must hold pictures of 28 x 28"):
        mixed.read("mnist+emnist-upper-local", NONE)


def test_missing_digits_are_told(files, tmp_path):
    (tmp_path / "data" / "mnist" / "train-labels-idx1-ubyte").unlink()
    for name in mixed.TITLES:
        with pytest.raises(DataError, match="There is no train-labels-idx1-ubyte"):
            mixed.sources(name, NONE)


# Real files

LOCAL = {
    "A": 912, "B": 570, "C": 1497, "D": 660, "E": 737, "F": 1251, "G": 388, "H": 438, "I": 1759,
    "J": 539, "K": 328, "L": 702, "M": 1263, "N": 1185, "O": 3556, "P": 1190, "Q": 355, "R": 694,
    "S": 3019, "T": 1342, "U": 1711, "V": 689, "W": 689, "X": 379, "Y": 692, "Z": 402,
}  # fmt: skip


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield datasets.load("mnist+emnist-upper-local")


@pytest.mark.data
def test_the_local_stand_in_has_the_counts_that_were_found(local):
    counts = local.counts
    digits = {split: int(found[:10].sum()) for split, found in counts.items()}
    assert digits == {"train": 54_000, "validation": 6_000, "test": 10_000}
    letters = sum(counts.values())[10:].tolist()
    assert dict(zip(LETTERS, letters, strict=True)) == LOCAL
    assert sum(letters) == 26_947
    assert {split: int(found[10:].sum()) for split, found in counts.items()} == {
        "train": 18_830,
        "validation": 4_026,
        "test": 4_091,
    }
    assert not any(local.leaks.values())


@pytest.mark.data
def test_no_picture_of_it_is_in_two_splits_or_in_bymerges_test_file(local):
    found = [hashes(split) for split in (local.train, local.validation, local.test)]
    assert not found[0] & found[1]
    assert not (found[0] | found[1]) & found[2]
    path = places.need("emnist", "emnist-bymerge-test-images-idx3-ubyte")
    assert not (found[0] | found[1] | found[2]) & set(mixed._hashes(path).tolist())


@pytest.mark.data
def test_thinned_it_has_the_shape_of_mnist_and_az(local):
    labels = local.train.labels
    chosen, factor = thinning.thin(labels, local.characters, "az", seed=0)
    kept = np.bincount(labels[chosen], minlength=36).tolist()
    full = thinning.MNIST_COUNTS | thinning.AZ_COUNTS
    assert factor == pytest.approx(912 / 22_495)  # T has least for what it should have
    for character, n in zip(ALPHANUMERIC, kept, strict=True):
        assert n == pytest.approx(factor * full[character], abs=0.5 + 1e-9)
    order = [ALPHANUMERIC[i] for i in np.argsort(kept)]
    assert order[:2] == ["I", "F"]
    assert order[-1] == "O"
    assert thinning.scaled(1000, factor) == 41


@pytest.mark.data
def test_its_pictures_are_upright_and_larger_than_the_digits(local):
    images, labels = local.train.images, local.train.labels
    ell = images[labels == ALPHANUMERIC.index("L")].mean(axis=0)
    assert ell[14:].sum() > 1.5 * ell[:14].sum()
    assert ell[:, :14].sum() > 1.2 * ell[:, 14:].sum()
    on = images > 0
    side = np.maximum(longest(on.any(axis=2)), longest(on.any(axis=1)))
    assert side[labels < 10].max() == 20
    assert side[labels >= 10].min() == 22


def longest(marks: np.ndarray) -> np.ndarray:
    """From the first to the last mark of each row of `marks`, bool (n, 28)."""
    return 28 - marks.argmax(axis=1) - marks[:, ::-1].argmax(axis=1)
