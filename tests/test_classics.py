"""scikit-learn's classifiers on pictures: what they see, what they say, what they refuse."""

import numpy as np
import pytest
import trained

from hcr.errors import DataError, ParameterError
from hcr.evaluation import classics


@pytest.mark.parametrize("name", classics.CLASSICS)
def test_each_reads_digits_and_says_the_same_twice(name):
    train, asked = trained.data().train, trained.data().validation
    found = [classics.fit(name, train.images, train.labels).predict(asked.images) for _ in "ab"]
    assert found[0].dtype == np.int64
    assert (found[0] == asked.labels).mean() > 0.75
    np.testing.assert_array_equal(*found)


def test_the_answer_is_the_same_in_parts_and_for_none(monkeypatch):
    train, asked = trained.data().train, trained.data().validation
    whole = classics.fit("hog_svm", train.images, train.labels).predict(asked.images)
    monkeypatch.setattr(classics, "CHUNK", 33)
    model = classics.fit("hog_svm", train.images, train.labels)
    np.testing.assert_array_equal(model.predict(asked.images), whole)
    assert model.predict(asked.images[:0]).shape == (0,)


def test_knn_knows_a_picture_again_among_five_of_it():
    pictures = trained.data().train.images[:8]
    model = classics.fit("knn", np.repeat(pictures, 5, axis=0), np.repeat(np.arange(8), 5))
    np.testing.assert_array_equal(model.predict(pictures), np.arange(8))


def edge(across: bool) -> np.ndarray:
    """A picture that is bright from its 10th row, or column, on."""
    found = np.zeros((1, 28, 28), np.uint8)
    found[:, 10:] = 200
    return found if across else found.transpose(0, 2, 1)


def blocks(image: np.ndarray) -> np.ndarray:
    """Corners of a block, directions, and the blocks' places: (4, 8, 6, 6)."""
    found = classics.hog(image)
    assert (found.shape, found.dtype) == ((1, 1152), np.float32)
    return found.reshape(4, 8, 6, 6)


def test_hog_says_where_an_edge_is_and_how_it_runs():
    # The outer blocks see the picture's own border; rows 8 to 11, the third row of cells, are
    # where the brightness changes, and belong to the second and third row of blocks.
    across, upright = (blocks(edge(each))[:, :, 1:5, 1:5] for each in (True, False))
    assert set(np.nonzero(across.sum(axis=(0, 1, 3)))[0]) == {0, 1}
    assert set(np.nonzero(upright.sum(axis=(0, 1, 2)))[0]) == {0, 1}
    # 8 directions from that to the right on; an edge is seen by its own and by both beside it.
    downward, rightward = directions(across), directions(upright)
    assert downward == {1, 2, 3}
    assert rightward == {7, 0, 1}
    # From bright to dark is the opposite of from dark to bright.
    back = directions(blocks(255 - edge(True))[:, :, 1:5, 1:5])
    assert back == {5, 6, 7}


def directions(found: np.ndarray) -> set[int]:
    """Those that are seen anywhere in blocks, (4, 8, rows, columns)."""
    return set(np.flatnonzero(found.sum(axis=(0, 2, 3)) > 1e-3).tolist())


def test_hog_does_not_see_how_strong_the_ink_is():
    image = trained.data().train.images[:5] // 2
    np.testing.assert_allclose(classics.hog(image * 2), classics.hog(image), atol=0.02)
    lengths = np.linalg.norm(blocks(image[:1]).reshape(32, 36), axis=0)
    assert lengths.max() <= 1.001
    assert (lengths > 0.99).sum() >= 5
    assert not classics.hog(np.zeros((1, 28, 28), np.uint8)).any()


def test_what_it_refuses():
    train = trained.data().train
    with pytest.raises(ParameterError, match=r"'hogsvm'\. Did you mean 'hog_svm'\?"):
        classics.fit("hogsvm", train.images, train.labels)
    with pytest.raises(DataError, match="at least two classes.*of 1 classes"):
        classics.fit("knn", train.images[:3], np.zeros(3, int))
    with pytest.raises(DataError, match="3 pictures, 2 labels"):
        classics.fit("knn", train.images[:3], np.arange(2))
    with pytest.raises(DataError):
        classics.fit("knn", train.images[:3] / 255, np.arange(3))
    model = classics.fit("knn", train.images, train.labels)
    with pytest.raises(DataError):
        model.predict(train.images[0])
