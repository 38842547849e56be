"""The networks: their size, what they take and give, and networks of one's own."""

import json

import keras
import numpy as np
import pytest

from hcr import datasets, models
from hcr.errors import ModelError
from hcr.models.augment import AMPLITUDES, RandomAffine, layer_of
from hcr.models.training import AUGMENTATIONS

# Counted by hand from the layers: kernels, biases and four numbers a channel of a batch norm;
# kernel times places of a convolution. The five projects' parameters are those they publish.
SIZES = {
    ("hcr_small", 10): (83_946, 6_487_616),
    ("hcr_small", 47): (115_951, 6_519_584),
    ("hcr_net", 10): (409_834, 28_156_288),
    ("hcr_net", 47): (414_607, 28_161_024),
    ("hcr_pair", 47): (829_214, 56_322_048),
    ("mnist_nist", 36): (159_556, 24**2 * 1600 + 22**2 * 18_432 + 3872 * 36),
    ("mnist_nist_deep", 36): (330_596, 15_166_080),
    ("emnist_cnn", 47): (484_719, 28**2 * 3200 + 14**2 * 73_728 + 3136 * 128 + 128 * 47),
    ("digits_nine_layer", 10): (59_933, 24**2 * 750 + 10**2 * 4050 + 375 * 128 + 6900),
    ("emnist_bn3", 47): (400_815, 28**2 * 288 + 14**2 * 18_432 + 7**2 * 73_728 + 306_944),
    ("az_mnist", 36): (249_892, 24**2 * 800 + 10**2 * 18_432 + 6400 * 36),
}


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return datasets.load("mnist-sample", limit=50).train.images


@pytest.mark.parametrize(("name", "n_classes"), SIZES)
def test_size_and_form_of_the_networks(name, n_classes, pictures):
    net = models.build(name, n_classes)
    assert (net.count_params(), models.multiply_adds(net)) == SIZES[name, n_classes]
    probabilities = net.predict(pictures[:7], verbose=0)
    assert probabilities.shape == (7, n_classes)
    assert probabilities.dtype == np.float32
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert net.name == name
    # Brightness is scaled inside, so that nobody does it outside: a uint8 picture is all it takes.
    assert net.inputs[0].dtype == "uint8"
    assert not np.allclose(probabilities[0], probabilities[1], atol=1e-6)


@pytest.mark.parametrize("name", models.MODELS)
def test_networks_stay_small(name):
    net = models.build(name, 47)
    networks = 2 if name == "hcr_pair" else 1
    assert net.count_params() <= networks * 800_000
    assert models.multiply_adds(net) <= networks * 30_000_000


@pytest.mark.parametrize("name", models.MODELS)
def test_what_a_network_says_of_a_picture_hangs_on_that_picture_alone(name, pictures):
    net = models.build(name, 10)
    together = net.predict(pictures[:9], verbose=0)
    alone = np.concatenate([net.predict(pictures[i : i + 1], verbose=0) for i in range(9)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(ModelError, match=r"no network 'hcr_smal'\. Did you mean 'hcr_small'\?"):
        models.build("hcr_smal", 10)
    with pytest.raises(ModelError, match=r"Known: .*hcr_net, hcr_pair, hcr_small, "):
        models.build("xyz", 10)


# The five projects' networks, in the order of their code


def kinds(net: keras.Model) -> str:
    """The layers between the way in and the way out, a letter each.

    Conv, Norm, Relu, Pool, Drop, Flatten, Dense; small where an activation is part of the layer.
    """
    letters = {
        "Conv2D": "C",
        "BatchNormalization": "N",
        "ReLU": "R",
        "MaxPooling2D": "P",
        "Dropout": "D",
        "Flatten": "F",
        "Dense": "L",
    }
    found = []
    for layer in net.layers[3:-1]:
        letter = letters.get(type(layer).__name__, "?")
        relu = getattr(layer, "activation", None) is keras.activations.relu
        found.append(letter.lower() if relu and letter != "R" else letter)
    return "".join(found)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("mnist_nist", "ccPFL"),
        ("mnist_nist_deep", "cNcNcND" * 2 + "cNFDL"),
        ("emnist_cnn", "cPcPFlDL"),
        ("digits_nine_layer", "cPcPDFllL"),
        ("emnist_bn3", "?" + "CNRP" * 3 + "FlDL"),  # the first brings pictures to -1..1
        ("az_mnist", "cNPcDFL"),
    ],
)
def test_a_projects_layers_stand_in_its_order(name, order):
    assert kinds(models.build(name, 36)) == order


def settings(net: keras.Model, kind: type, name: str) -> list:
    return [getattr(layer, name) for layer in net.layers if isinstance(layer, kind)]


def test_a_projects_layers_have_its_settings():
    drop = {
        "mnist_nist_deep": [0.4, 0.4, 0.4],
        "emnist_cnn": [0.5],
        "digits_nine_layer": [0.2],
        "emnist_bn3": [0.5],
        "az_mnist": [0.2],
    }
    nets = {name: models.build(name, 36) for name in drop}
    for name, rates in drop.items():
        assert settings(nets[name], keras.layers.Dropout, "rate") == rates, name
    norm = keras.layers.BatchNormalization
    for name in ("mnist_nist_deep", "az_mnist"):
        assert set(settings(nets[name], norm, "momentum")) == {0.99}
        assert set(settings(nets[name], norm, "epsilon")) == {1e-3}
    he = settings(nets["az_mnist"], keras.layers.Conv2D, "kernel_initializer")
    assert [type(each).__name__ for each in he] == ["HeUniform"] * 2
    deep = nets["mnist_nist_deep"]
    assert settings(deep, keras.layers.Conv2D, "kernel_size") == [
        (3, 3), (3, 3), (5, 5), (3, 3), (3, 3), (5, 5), (4, 4)
    ]  # fmt: skip
    assert [each[0] for each in settings(deep, keras.layers.Conv2D, "strides")] == [
        1, 1, 2, 1, 1, 2, 1
    ]  # fmt: skip


def test_emnist_bn3_is_what_pytorch_would_build(pictures):
    net = models.build("emnist_bn3", 47)
    trained = sum(int(np.prod(weight.shape)) for weight in net.trainable_weights)
    assert trained == 400_367
    norm = keras.layers.BatchNormalization
    assert set(settings(net, norm, "momentum")) == {0.9}
    assert set(settings(net, norm, "epsilon")) == {1e-5}
    # Uniform within 1 / sqrt(inputs of a unit), weights and biases alike.
    inputs = {"conv2d": (9, 288, 576), "dense": (1152, 256)}
    layers = [each for each in net.layers if getattr(each, "kernel", None) is not None]
    for layer, n in zip(layers, [*inputs["conv2d"], *inputs["dense"]], strict=True):
        for weight in layer.get_weights():
            assert 0.75 * n**-0.5 < np.abs(weight).max() <= n**-0.5
        assert abs(layer.get_weights()[0].std() - n**-0.5 / 3**0.5) < 0.1 * n**-0.5
    centred = keras.Model(net.inputs, net.get_layer("centre").output)
    ends = centred.predict(np.array([[[0] * 28] * 28, [[255] * 28] * 28], np.uint8), verbose=0)
    np.testing.assert_allclose(ends[:, 0, 0, 0], [-1, 1], atol=1e-6)


OWN = """
import keras
from keras import layers

NUMBER = 7

def _end(inputs, x, n, activation="softmax"):
    return keras.Model(inputs, layers.Dense(n, activation=activation)(layers.Flatten()(x)))

def good(n_classes):
    inputs = keras.Input((28, 28), dtype="uint8")
    return _end(inputs, layers.Rescaling(1 / 255)(inputs), n_classes)

def flat(n_classes):
    inputs = keras.Input((784,), dtype="uint8")
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
    """The name of a module with somebody's networks, on the path."""
    (tmp_path / "own_networks_of_a_test.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return "own_networks_of_a_test"


def test_a_network_of_ones_own(own, pictures):
    net = models.build(f"{own}:good", 5)
    assert net.predict(pictures, verbose=0).shape == (50, 5)
    assert net.count_params() == 784 * 5 + 5
    assert models.multiply_adds(net) == 784 * 5


@pytest.mark.parametrize(
    ("function", "received"),
    [
        ("flat", r"uint8 \(None, 784\) and"),
        ("floats", r"float32 \(None, 28, 28\) and"),
        ("one_more", r"uint8 \(None, 28, 28\) and float32 \(None, 6\)"),
        ("two_inputs", r"uint8 \(None, 28, 28\) and uint8 \(None, 28, 28\) and"),
        ("nothing", "NoneType"),
        ("unbuilt", "Sequential"),
    ],
)
def test_a_network_of_another_form_is_refused(own, function, received):
    with pytest.raises(ModelError, match=f"{function} must .*Received: {received}") as error:
        models.build(f"{own}:{function}", 5)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["no_such_module:net", "{own}:missing", "json:", ":net", ".own:net", "{own}:NUMBER"]
)
def test_what_cannot_be_imported_is_told(own, name):
    with pytest.raises(ModelError, match=r"Received|There is no network") as error:
        models.build(name.format(own=own), 5)
    assert "\n" not in str(error.value)


# Augmentation


def moved(pictures: np.ndarray, seed: int = 0, **amplitudes: float) -> np.ndarray:
    """`pictures` as training sees them; amplitudes that are not given are 0."""
    none = dict.fromkeys(("degrees", "zoom", "shear", "shift"), 0.0)
    layer = RandomAffine(seed=seed, **{**none, **amplitudes})
    return keras.ops.convert_to_numpy(layer(pictures, training=True))


def test_out_of_training_pictures_stay_as_they_are(pictures):
    for given in (pictures, pictures.astype(np.float32)):
        found = keras.ops.convert_to_numpy(RandomAffine(seed=0)(given, training=False))
        np.testing.assert_array_equal(found, given)
        assert found.dtype == given.dtype


def test_without_amplitude_pictures_stay_as_they_are(pictures):
    found = moved(pictures)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - pictures).max() <= 1


def test_in_training_every_picture_moves_in_its_own_way(pictures):
    same = np.repeat(pictures[:1], 20, axis=0)
    layer = RandomAffine(seed=3)
    first, second = (keras.ops.convert_to_numpy(layer(same, training=True)) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape == same.shape
    assert len({each.tobytes() for each in (*same, *first, *second)}) == 41
    # It is still the same character, neither gone nor washed out.
    ink = first.mean(axis=(1, 2)) / same[0].mean()
    assert 0.6 < ink.min() < ink.max() < 1.6
    np.testing.assert_array_equal(moved(same, 5, shift=1.5), moved(same, 5, shift=1.5))
    assert not np.array_equal(moved(same, 5, shift=1.5), moved(same, 6, shift=1.5))


def places(pictures: np.ndarray) -> np.ndarray:
    """The centre of mass of each picture, (n, 2): y and x in pixels from the middle."""
    grid = np.arange(28) - 13.5
    ink = pictures.astype(float)
    total = ink.sum(axis=(1, 2))
    return (
        np.stack([(ink * grid[:, None]).sum((1, 2)), (ink * grid).sum((1, 2))], 1) / total[:, None]
    )


def dots(y: int, x: int, n: int = 200) -> np.ndarray:
    """n pictures of a dot of 2 x 2 pixels whose middle is (y, x) pixels from the picture's."""
    found = np.zeros((n, 28, 28), np.uint8)
    found[:, 13 + y : 15 + y, 13 + x : 15 + x] = 255
    return found


def test_each_amplitude_does_what_it_says():
    away = 8
    # A shift moves the middle, in both directions, up to its amplitude.
    shifted = places(moved(dots(0, 0), shift=3.0))
    assert np.abs(shifted).max() <= 3.1
    assert (shifted.min(axis=0) < -2.5).all()
    assert (shifted.max(axis=0) > 2.5).all()
    # Turning, scaling and slanting leave the middle where it is.
    for amplitude in ({"degrees": 20.0}, {"zoom": 0.3}, {"shear": 0.3}):
        assert np.abs(places(moved(dots(0, 0), **amplitude))).max() < 0.2, amplitude
    turned = places(moved(dots(0, away), degrees=20.0))
    angles = np.degrees(np.arctan2(turned[:, 0], turned[:, 1]))
    assert 17 < np.abs(angles).max() < 22
    assert angles.min() < -15 < 15 < angles.max()
    np.testing.assert_allclose(np.hypot(*turned.T), away, atol=0.5)
    # Slant moves what is above and below sideways, and not what is beside.
    slanted = places(moved(dots(-away, 0), shear=0.3))
    assert 2 < np.abs(slanted[:, 1]).max() < 2.9
    assert np.abs(slanted[:, 0] + away).max() < 0.5
    assert np.abs(places(moved(dots(0, away), shear=0.3)) - (0, away)).max() < 0.5
    zoomed = places(moved(dots(0, away), zoom=0.25))[:, 1]
    assert zoomed.min() < away / 1.15
    assert zoomed.max() > away * 1.15
    assert zoomed.max() <= away / 0.75 + 0.5


def test_each_named_augmentation_moves_pictures_as_it_says():
    assert set(AMPLITUDES) == set(AUGMENTATIONS) - {"none"}
    assert layer_of("none", 0) is None
    turned, shifted = (layer_of("rotate_zoom_shift", seed=0) for _ in range(2))
    turned.shift = turned.zoom = shifted.degrees = shifted.zoom = 0.0
    middle = places(keras.ops.convert_to_numpy(shifted(dots(0, 0), training=True)))
    assert 2.6 < np.abs(middle).max() <= 2.9
    side = places(keras.ops.convert_to_numpy(turned(dots(0, 8), training=True)))
    assert 8 < np.abs(np.degrees(np.arctan2(side[:, 0], side[:, 1]))).max() < 11
    # No slant: turning alone keeps the distance from the middle.
    np.testing.assert_allclose(np.hypot(*side.T), 8, atol=0.3)
    given = ("degrees", "zoom", "shear", "shift", "seed")
    for name, values in (
        ("affine", (10.0, 0.1, 0.15, 1.5, 5)),
        ("rotate_zoom_shift", (10.0, 0.1, 0.0, 2.8, 5)),
    ):
        config = layer_of(name, seed=5).get_config()
        assert tuple(config[key] for key in given) == values


def test_augmentation_is_saved_with_its_arguments(tmp_path, pictures):
    inputs = keras.Input((28, 28), dtype="uint8")
    layer = RandomAffine(degrees=1.0, zoom=0.2, shear=0.3, shift=4.0, seed=5, name="moved")
    keras.Model(inputs, layer(inputs)).save(tmp_path / "x.keras")
    found = keras.models.load_model(tmp_path / "x.keras").get_layer("moved")
    config = found.get_config()
    own = {key: config[key] for key in ("degrees", "zoom", "shear", "shift", "seed")}
    assert own == {"degrees": 1.0, "zoom": 0.2, "shear": 0.3, "shift": 4.0, "seed": 5}
    assert json.dumps(own)
    again = (keras.ops.convert_to_numpy(each(pictures, training=True)) for each in (layer, found))
    np.testing.assert_array_equal(*again)
