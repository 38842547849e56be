"""Networks taken apart: every layer has its sentence, blocks add up, numbers are the network's."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

from hcr import models
from hcr.errors import DataError
from hcr.models import anatomy
from hcr.models.anatomy_words import SENTENCES


@pytest.fixture(scope="module")
def picture():
    generator = np.random.default_rng(0)
    found = np.zeros((28, 28), np.uint8)
    found[5:23, 9:19] = generator.integers(0, 256, (18, 10))
    return found


@pytest.fixture(scope="module", params=list(models.MODELS))
def net(request):
    return models.build(request.param, 10)


def test_every_layer_of_every_network_has_a_sentence_of_its_own(net):
    for layer in net.layers:
        said = anatomy.sentence(layer)
        assert type(layer).__name__ in SENTENCES, said
        assert said.endswith(".")
        assert "None" not in said
        assert "<" not in said


def test_sentences_tell_the_settings():
    inputs = keras.Input((28, 28, 1))
    layer = keras.layers.Conv2D(7, (5, 3), strides=2, activation="relu")
    layer(inputs)
    assert "7 patterns of 5 × 3 at every second place" in anatomy.sentence(layer)
    assert "below 0 becomes 0" in anatomy.sentence(layer)
    assert "25 %" in anatomy.sentence(keras.layers.Dropout(0.25))
    assert "ReLU" in anatomy.sentence(keras.layers.Activation("relu"))


def test_a_layer_of_ones_own_tells_its_docstring():
    class Odd(keras.layers.Layer):
        """Does what no other layer does.

        And more.
        """

    class Plain(Odd):
        __doc__ = None

    assert anatomy.sentence(Odd()) == "Does what no other layer does."
    assert anatomy.sentence(Plain()) == "A layer of the kind Plain."


def test_blocks_add_up_to_the_network(net):
    blocks = anatomy.blocks(net)
    assert blocks["parameters"].sum() == net.count_params()
    assert blocks["multiply-adds"].sum() == models.multiply_adds(net)
    assert blocks["block"].iloc[0] == "picture"
    last = blocks.iloc[-1]
    ends = blocks.iloc[list(last["sources"])] if last["block"] == "mean" else blocks.iloc[-1:]
    assert all("softmax" in then for then in ends["then"])
    assert blocks["output"].iloc[-1] == (10,)
    for place, sources in enumerate(blocks["sources"]):
        assert all(source < place for source in sources)
        assert sources or place == 0


def test_blocks_know_the_ways_round():
    blocks = anatomy.blocks(models.build("hcr_net", 10))
    for place in np.flatnonzero(blocks["block"] == "add"):
        sources = blocks["sources"][place]
        assert len(sources) == 2
        assert max(sources) == place - 1
        assert min(sources) < place - 1


def test_maps_are_what_the_network_computes(net, picture):
    kernels, maps = anatomy.first_maps(net, picture)
    first = next(each for each in net.layers if type(each).__name__ == "Conv2D")
    np.testing.assert_array_equal(kernels, first.get_weights()[0])
    # The end of its block, by a model that ends there.
    row = anatomy.blocks(net).iloc[1]
    assert row["output"] == maps.shape
    ends = [each for each in net.layers if tuple(each.output.shape[1:]) == maps.shape]
    every = keras.Model(net.inputs, [each.output for each in ends]).predict(
        picture[None], verbose=0
    )
    every = every if isinstance(every, list) else [every]
    assert any(np.allclose(maps, each[0], atol=1e-5) for each in every)


def test_a_step_is_what_the_network_computes(net, picture):
    step = anatomy.step(net, picture)
    first = next(each for each in net.layers if type(each).__name__ == "Conv2D")
    answers = keras.Model(net.inputs, first.output).predict(picture[None], verbose=0)[0]
    assert step.value == pytest.approx((step.patch * step.kernel).sum() + step.bias, abs=1e-5)
    # The patch is where it is said to be, and its answer is among the network's.
    (y, x), size = step.corner, len(step.patch)
    np.testing.assert_array_equal(step.given[y : y + size, x : x + size], step.patch)
    assert np.abs(answers - step.value).min() < 1e-4
    if step.before is None:
        assert not any(type(each).__name__ == "MaxPooling2D" for each in net.layers)
        return
    half = len(step.before) // 2
    windows = step.before.reshape(2, half, 2, half).max(axis=(1, 3))
    np.testing.assert_array_equal(windows, step.after)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_the_patch_is_found_at_any_padding_and_stride(padding, strides, size, picture):
    inputs = keras.Input((28, 28), dtype="uint8")
    x = keras.layers.Reshape((28, 28, 1))(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Conv2D(4, size, strides, padding=padding)(x)
    x = keras.layers.GlobalMaxPooling2D()(x)
    net = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x))
    step = anatomy.step(net, picture)
    answers = keras.Model(inputs, net.layers[3].output)(picture[None]).numpy()[0]
    # Exactly there, in its own map.
    which = np.abs(net.layers[3].get_weights()[0][:, :, 0] - step.kernel[..., None]).sum((0, 1))
    mine = answers[..., int(which.argmin())]
    total = max((mine.shape[0] - 1) * strides + size - 28, 0) if padding == "same" else 0
    row, column = ((at + total // 2) // strides for at in step.corner)
    assert mine[row, column] == pytest.approx(step.value, abs=1e-5)


def test_the_patch_has_no_padding_even_where_that_would_answer_most():
    inputs = keras.Input((28, 28), dtype="uint8")
    x = keras.layers.Reshape((28, 28, 1))(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Conv2D(1, 5, padding="same", use_bias=False)(x)
    net = keras.Model(inputs, keras.layers.Softmax()(keras.layers.Flatten()(x)))
    # Ink is punished, and at the edge there is less of it.
    net.layers[3].set_weights([-np.ones((5, 5, 1, 1), np.float32)])
    step = anatomy.step(net, np.full((28, 28), 255, np.uint8))
    assert step.patch.shape == (5, 5)
    assert step.value == pytest.approx(-25)


def test_a_network_without_such_a_convolution_is_told(picture):
    inputs = keras.Input((28, 28), dtype="uint8", name="pictures")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    net = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x), name="flat")
    assert anatomy.blocks(net)["block"].tolist() == ["picture", "one row", "dense"]
    for look in (anatomy.first_maps, anatomy.step):
        with pytest.raises(DataError, match="one channel. Received: flat"):
            look(net, picture)
