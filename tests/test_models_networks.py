"""The networks: their sizes and settings, networks of one's own, and augmentation."""

import keras
import numpy as np
import pytest
import trained

from hcr import models
from hcr.errors import ModelError
from hcr.models.augment import RandomAffine, RandomPen

# Counted by hand from the layers: kernels, biases and four numbers a channel of a batch norm;
# kernel times places of a convolution; rates of dropout. The five projects' parameters are those
# they publish.
SIZES = {
    ("hcr_small", 10): (83_946, 6_487_616, [0.4]),
    ("hcr_net", 47): (414_607, 28_161_024, [0.3]),
    ("hcr_pair", 47): (829_214, 56_322_048, [0.3, 0.3]),
    ("mnist_nist", 36): (159_556, 24**2 * 1600 + 22**2 * 18_432 + 3872 * 36, []),
    ("mnist_nist_deep", 36): (330_596, 15_166_080, [0.4, 0.4, 0.4]),
    ("emnist_cnn", 47): (484_719, 28**2 * 3200 + 14**2 * 73_728 + 3136 * 128 + 128 * 47, [0.5]),
    ("digits_nine_layer", 10): (59_933, 24**2 * 750 + 10**2 * 4050 + 375 * 128 + 6900, [0.2]),
    ("emnist_bn3", 47): (400_815, 28**2 * 288 + 14**2 * 18_432 + 7**2 * 73_728 + 306_944, [0.5]),
    ("az_mnist", 36): (249_892, 24**2 * 800 + 10**2 * 18_432 + 6400 * 36, [0.2]),
}


def numpy(value) -> np.ndarray:
    return keras.ops.convert_to_numpy(value)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return trained.data().train.images[:50]


@pytest.mark.parametrize(("name", "n_classes"), SIZES)
def test_a_network_has_its_size_and_keeps_the_image_contract(name, n_classes, images):
    net = models.build(name, n_classes)
    rates = [each.rate for each in net.layers if isinstance(each, keras.layers.Dropout)]
    assert (net.count_params(), models.multiply_adds(net), rates) == SIZES[name, n_classes]
    assert net.name == name
    table = models.summary(net)
    assert tuple(table[["parameters", "multiply-adds"]].sum()) == SIZES[name, n_classes][:2]
    assert table["output"].iloc[0] == "28×28"
    probabilities = models.predict(net, images[:7])
    assert (probabilities.shape, probabilities.dtype) == ((7, n_classes), np.float32)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert not np.allclose(probabilities[0], probabilities[1], atol=1e-6)
    # An image's probabilities do not depend on the others of its batch.
    np.testing.assert_allclose(models.predict(net, images[3:4])[0], probabilities[3], atol=1e-5)


def test_every_network_is_listed_and_seeded():
    assert {name for name, _ in SIZES} == set(models.MODELS)
    first, again, other = (models.build("hcr_small", 10, seed) for seed in (0, 0, 1))
    assert all(map(np.array_equal, first.get_weights(), again.get_weights()))
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])


def test_emnist_bn3_has_pytorchs_initial_weights():
    net = models.build("emnist_bn3", 47)
    kernels = [each for each in net.layers if getattr(each, "kernel", None) is not None]
    # Uniform within 1 / sqrt(inputs of a unit), weights and biases alike.
    for layer, n in zip(kernels, (9, 288, 576, 1152, 256), strict=True):
        for weight in layer.get_weights():
            assert 0.75 * n**-0.5 < np.abs(weight).max() <= n**-0.5


OWN = """
import keras
from keras import layers

def _end(inputs, x, n):
    return keras.Model(inputs, layers.Dense(n, activation="softmax")(layers.Flatten()(x)))

def good(n_classes):
    inputs = keras.Input((28, 28), dtype="uint8")
    return _end(inputs, layers.Rescaling(1 / 255)(inputs), n_classes)

def floats(n_classes):
    inputs = keras.Input((28, 28))
    return _end(inputs, inputs, n_classes)

def one_more(n_classes):
    return good(n_classes + 1)

def two_inputs(n_classes):
    inputs = [keras.Input((28, 28), dtype="uint8") for _ in range(2)]
    return _end(inputs, layers.Concatenate()(inputs), n_classes)

def nothing(n_classes):
    pass

def unbuilt(n_classes):
    return keras.Sequential([layers.Flatten(), layers.Dense(n_classes)])
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> str:
    """The name of a module with a user's networks, on the path."""
    (tmp_path / "own_networks_of_a_test.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return "own_networks_of_a_test"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("hcr_smal", "Did you mean 'hcr_small'"), ("{own}:floats", "float32"),
        ("{own}:one_more", "6"), ("{own}:two_inputs", "and"), ("{own}:nothing", "NoneType"),
        ("{own}:unbuilt", "Sequential"), ("no_such_module:net", "PYTHONPATH"),
        (".own:net", "PYTHONPATH"),
    ],
)  # fmt: skip
def test_a_network_of_ones_own_keeps_the_contract_or_is_refused(own, images, name, word):
    assert models.predict(models.build(f"{own}:good", 5), images).shape == (50, 5)
    with pytest.raises(ModelError, match=word):
        models.build(name.format(own=own), 5)


# Augmentation


def moved(images: np.ndarray, seed: int = 0, **amplitudes: float) -> np.ndarray:
    """`images` as training sees them; amplitudes that are not passed are 0."""
    none = dict.fromkeys(("degrees", "zoom", "shear", "shift"), 0.0)
    return numpy(RandomAffine(seed=seed, **{**none, **amplitudes})(images, training=True))


def penned(images: np.ndarray, **amplitudes: float) -> np.ndarray:
    none = dict.fromkeys(("degrees", "zoom", "shear", "shift", "alpha", "thickness"), 0.0)
    return numpy(RandomPen(seed=4, **{**none, **amplitudes})(images, training=True))


AMPLITUDES = {  # as published: degrees, zoom, shear, shift, and of the pen
    "affine": (10.0, 0.1, 0.15, 1.5),
    "rotate_zoom_shift": (10.0, 0.1, 0.0, 2.8),
    "pen": (10.0, 0.12, 0.2, 1.5, 14.0, 4.0, 0.3),
}


@pytest.mark.parametrize("name", AMPLITUDES)
def test_each_image_varies_in_its_own_way_and_in_training_alone(name, images):
    layer = models.augmentation(name, 3)
    assert tuple(layer.amplitudes.values()) == AMPLITUDES[name]
    np.testing.assert_array_equal(numpy(layer(images, training=False)), images)
    same = np.repeat(images[:1], 20, axis=0)
    first, second = (numpy(layer(same, training=True)) for _ in range(2))
    assert (first.shape, first.dtype) == (same.shape, np.uint8)
    assert len({each.tobytes() for each in (*same, *first, *second)}) == 41
    ink = first.mean(axis=(1, 2)) / same[0].mean()
    assert 0.5 < ink.min() < ink.max() < 1.7
    again = numpy(models.augmentation(name, 3)(same, training=True))
    np.testing.assert_array_equal(again, first)
    assert layer.get_config()["seed"] == 3


def centers(images: np.ndarray) -> np.ndarray:
    """The center of mass of each image, (n, 2): y and x in pixels from the middle."""
    grid, ink = np.arange(28) - 13.5, images.astype(float)
    sums = [(ink * grid[:, None]).sum((1, 2)), (ink * grid).sum((1, 2))]
    return np.stack(sums, 1) / ink.sum((1, 2))[:, None]


def dots(y: int, x: int, n: int = 200) -> np.ndarray:
    """n images of a dot of 2 x 2 pixels whose middle is (y, x) pixels from the image's."""
    drawn = np.zeros((n, 28, 28), np.uint8)
    drawn[:, 13 + y : 15 + y, 13 + x : 15 + x] = 255
    return drawn


def test_each_amplitude_does_what_it_says():
    away = 8
    shifted = centers(moved(dots(0, 0), shift=3.0))
    assert 2.5 < np.abs(shifted).max() <= 3.1
    assert (shifted.min(axis=0) < -2.5).all()
    for amplitude in ({"degrees": 20.0}, {"zoom": 0.3}, {"shear": 0.3}):
        assert np.abs(centers(moved(dots(0, 0), **amplitude))).max() < 0.2, amplitude
    rotated = centers(moved(dots(0, away), degrees=20.0))
    angles = np.degrees(np.arctan2(rotated[:, 0], rotated[:, 1]))
    assert 17 < np.abs(angles).max() < 22
    assert angles.min() < -15
    np.testing.assert_allclose(np.hypot(*rotated.T), away, atol=0.5)
    # Shear moves what is above and below sideways, and not what is beside.
    sheared = centers(moved(dots(-away, 0), shear=0.3))
    assert 2 < np.abs(sheared[:, 1]).max() < 2.9
    assert np.abs(centers(moved(dots(0, away), shear=0.3)) - (0, away)).max() < 0.5
    zoomed = centers(moved(dots(0, away), zoom=0.25))[:, 1]
    assert zoomed.min() < away / 1.15
    assert away * 1.15 < zoomed.max() <= away / 0.75 + 0.5


def test_the_affine_part_of_pen_is_the_affine_layers(images):
    amplitudes = {"degrees": 20.0, "zoom": 0.2, "shear": 0.3, "shift": 4.0}
    expected = moved(images, 4, **amplitudes)
    assert np.abs(penned(images, **amplitudes).astype(int) - expected).max() <= 1


def test_the_elastic_map_moves_places_smoothly_and_as_far_as_it_says():
    # Where it takes each pixel from, read off images that hold their columns' numbers.
    ramps = np.tile(np.arange(28, dtype=np.float32), (300, 28, 1))
    middle = (penned(ramps, alpha=34.0) - ramps)[:, 10:18, 10:18]
    # Uniform noise has a variance of 1/3, of which a Gaussian leaves 1 / (4 pi sigma**2).
    assert middle.std() == pytest.approx(34 * np.sqrt(1 / 3 / (4 * np.pi * 16)), rel=0.1)
    beside = np.corrcoef(middle[:, :, 0].ravel(), middle[:, :, 1].ravel())[0, 1]
    # The correlation of noise behind that Gaussian, one pixel on: exp(-1 / (4 sigma**2)).
    assert beside == pytest.approx(np.exp(-1 / 64), abs=0.01)


def test_lines_get_thicker_or_thinner():
    line = np.zeros((200, 28, 28), np.float32)
    line[:, 4:24, 12:16] = 200
    widths = penned(line, thickness=0.5)[:, 14].sum(axis=1) / 200
    # Four pixels wide: at most half of one more on either side, at least half of one less.
    assert 4.85 < widths.max() <= 5
    assert 3 <= widths.min() < 3.15


@pytest.mark.parametrize(("padding", "strides"), [("same", 1), ("same", 2), ("valid", (2, 1))])
def test_a_convolutions_number_is_the_sum_of_its_patchs_products(padding, strides):
    inputs = keras.Input((7, 8, 2))
    layer = keras.layers.Conv2D(3, (3, 2), strides, padding, use_bias=False)
    before = np.random.default_rng(0).random((7, 8, 2))
    after = np.array(keras.Model(inputs, layer(inputs))(before[None]))[0]
    for place in np.ndindex(after.shape):
        _, _, products = models.patch_below(layer, before, place)
        assert products.sum() == pytest.approx(after[place], abs=1e-5)
