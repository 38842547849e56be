"""The list of the subset's pictures: they are found again in any pool, all of them or none."""

import zipfile

import numpy as np
import pytest

from hcr.datasets import emnist, subset
from hcr.errors import DataError

# The training pictures and labels of the standing protocol; figures are compared on these.
DIGEST = "fd23ad48803b5accd56ee0af8022ebd1be1e579e9fbf75c26d8e2746ba04ce12"


@pytest.fixture
def some() -> tuple[np.ndarray, np.ndarray]:
    """300 pictures, two of them the same under two labels."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (300, 28, 28), dtype=np.uint8)
    pictures[250] = pictures[3]
    labels = rng.integers(0, 47, 300)
    labels[250], labels[3] = 12, 7
    return pictures, labels


@pytest.fixture
def listed(tmp_path, some):
    path = tmp_path / "list.npz"
    subset.write_list(*some, path)
    return path


def pool(pictures: np.ndarray, strangers: int = 500, batch: int = 64, seed: int = 1):
    """Batches of `pictures` among strangers, shuffled."""
    rng = np.random.default_rng(seed)
    others = rng.integers(0, 256, (strangers, 28, 28), dtype=np.uint8)
    together = rng.permutation(np.concatenate([pictures, others]))
    for start in range(0, len(together), batch):
        yield together[start : start + batch]


def one_line(error: pytest.ExceptionInfo) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("batch", [1, 64, 10_000])
def test_the_pictures_are_found_in_any_pool(some, listed, batch):
    pictures, labels = some
    found = subset.rebuild(pool(pictures, batch=batch), listed)
    np.testing.assert_array_equal(found.images, pictures)
    np.testing.assert_array_equal(found.labels, labels)
    assert found.labels.dtype == np.int64
    assert subset.digest(found.images, found.labels) == subset.digest(pictures, labels)


def test_searching_ends_when_all_are_found(some, listed):
    def batches():
        yield some[0]
        raise AssertionError("all were found")

    assert len(subset.rebuild(batches(), listed)) == 300


def test_pictures_that_are_missing_are_counted(some, listed):
    # The one that is listed twice is missing twice.
    for gone, missing in (([9], 1), ([3, 250], 2), (list(range(300)), 300)):
        pictures = np.delete(some[0], gone, axis=0)
        with pytest.raises(DataError, match=f"Received: {missing} that are not among the") as error:
            subset.rebuild(pool(pictures), listed)
        assert f"{800 - len(gone)} searched. Are they EMNIST ByMerge's" in one_line(error)


def test_an_empty_or_lying_pool_is_told(some, listed):
    with pytest.raises(DataError, match="300 that are not among the 0 searched"):
        subset.rebuild(iter(()), listed)
    with pytest.raises(DataError, match="that are not among the 800 searched"):
        subset.rebuild((batch.swapaxes(1, 2) for batch in pool(some[0])), listed)


def test_a_wrong_digest_is_told(some, listed, monkeypatch):
    """Two pictures of one hash, or labels that somebody changed."""
    with np.load(listed) as found:
        arrays = dict(found)
    arrays["labels"][5] += 1
    np.savez_compressed(listed, **arrays)
    with pytest.raises(DataError, match=r"have the digest \w{16}... of the list.") as error:
        subset.rebuild(pool(some[0]), listed)
    one_line(error)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", None], ids=["empty", "cut", "other"])
def test_a_damaged_list_is_told(tmp_path, listed, content):
    if content is None:
        np.savez_compressed(listed, hashes=np.zeros(3, np.uint64))
    else:
        listed.write_bytes(content)
    with pytest.raises(DataError, match="must be the list of the subset's pictures") as error:
        subset.rebuild(iter(()), listed)
    one_line(error)


def test_a_list_is_the_same_bytes_every_time(some, listed, tmp_path):
    subset.write_list(*some, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == listed.read_bytes()


def test_the_shipped_list_is_small_and_names_every_class():
    assert subset.LIST.stat().st_size < 1_250_000
    with np.load(subset.LIST, allow_pickle=False) as found:
        assert found["hashes"].shape == found["labels"].shape == (141_475,)
        assert len(np.unique(found["hashes"])) == 141_475
        counts = np.bincount(found["labels"])
        assert str(found["digest"]) == DIGEST
    assert (len(counts), counts.min(), counts.argmin()) == (47, 500, 40)
    assert zipfile.ZipFile(subset.LIST).testzip() is None


# On the subset itself


@pytest.fixture(scope="module")
def real() -> tuple[np.ndarray, np.ndarray]:
    part = emnist.part("emnist-subset", "train")
    return part.images, part.labels


@pytest.mark.data
def test_the_list_is_made_of_the_subsets_own_files(real, tmp_path):
    assert subset.digest(*real) == DIGEST
    subset.write_list(*real, tmp_path / "list.npz")
    with np.load(tmp_path / "list.npz") as made, np.load(subset.LIST) as shipped:
        assert set(made) == set(shipped)
        for key in made:
            np.testing.assert_array_equal(made[key], shipped[key])


@pytest.mark.data
def test_the_subset_is_rebuilt_from_a_pool_of_it_byclass_and_strangers(real):
    pictures, labels = real
    rng = np.random.default_rng(5)
    strangers = rng.integers(0, 256, (20_000, 28, 28), dtype=np.uint8)
    together = [pictures, emnist.part("emnist-byclass", "test").images, strangers]
    sizes = [len(each) for each in together]
    order = rng.permutation(sum(sizes))
    everything = np.concatenate(together)

    def shuffled(kept: np.ndarray):
        for start in range(0, len(kept), 10_000):
            yield everything[kept[start : start + 10_000]]

    found = subset.rebuild(shuffled(order))
    np.testing.assert_array_equal(found.images, pictures)
    np.testing.assert_array_equal(found.labels, labels)
    # Without one of its pictures it is not rebuilt. Some lie in ByClass test, too.
    known = {picture.tobytes() for picture in together[1]}
    gone = next(i for i, picture in enumerate(pictures) if picture.tobytes() not in known)
    with pytest.raises(DataError, match="Received: 1 that are not among the 277,797 searched"):
        subset.rebuild(shuffled(order[order != gone]))
