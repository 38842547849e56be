"""Models that others made: of Keras 2, with other numbers for ink and paper, and from PyTorch."""

import json
import shutil
import sys
import tracemalloc
import zlib
from pathlib import Path

import h5py
import keras2_files
import numpy as np
import pytest
import trained

from hcr.errors import ModelError
from hcr.recognizer import Recognizer, conversion, legacy
from hcr.recognizer.scaling import SHAPES, Scaling, parse
from hcr.runs import files

PICTURES = keras2_files.pictures()
LABELS = {"sequential": "abcdef"[:5], "functional": "abcdefg", "convolution": "0123456789"}


@pytest.fixture
def keras2(tmp_path):
    """A folder with the files of Keras 2, and what it answered."""
    answers = keras2_files.unpack(tmp_path)
    logits = answers["functional"]
    answers["functional"] = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return tmp_path, answers


def one_line(error: pytest.ExceptionInfo, *words: str) -> None:
    text = str(error.value)
    assert "\n" not in text
    assert all(word in text for word in words), text
    assert len(text) < 700


# Scaling


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0..1", Scaling(0, 1)),
        ("-1..1", Scaling(-1, 1)),
        ("0..255 transposed", Scaling(0, 255, True)),
        ("0..1, inverted", Scaling(1, 0)),
        (" -1..1, transposed inverted ", Scaling(1, -1, True)),
        ("-0.4242..2.8215", Scaling(-0.4242, 2.8215)),
        ("1e-3..1", Scaling(0.001, 1)),
        (Scaling(0, 1), Scaling(0, 1)),
        (None, None),
    ],
)
def test_words_of_a_scaling(text, expected):
    assert parse(text) == expected
    if expected is not None:
        assert parse(expected.text) == expected


@pytest.mark.parametrize(
    "text", ["", "0-1", "0..1 upside-down", "transposed", "1..1", "0..", "nan..1", 255, "0..1..2"]
)
def test_what_is_no_scaling_is_told(text):
    with pytest.raises(ModelError, match="scaling must be the numbers of ground and ink") as error:
        parse(text)
    one_line(error, "'0..1', '-1..1' or '0..255'", repr(str(text)))


@pytest.mark.parametrize("shape", SHAPES)
def test_pictures_as_a_model_wants_them(shape):
    plain = PICTURES.astype(np.float64)
    for text, expected in {
        "0..1": plain / 255,
        "-1..1": plain / 127.5 - 1,
        "0..255": plain,
        "0..1 inverted": 1 - plain / 255,
        "-1..1 inverted transposed": 1 - plain.transpose(0, 2, 1) / 127.5,
    }.items():
        found = parse(text).apply(PICTURES, shape)
        assert found.dtype == np.float32
        assert found.shape == (6, *shape)
        np.testing.assert_allclose(found.reshape(6, 28, 28), expected, rtol=1e-5, atol=1e-5)


# Files of Keras 2


def converted(path: Path, scaling: str, labels: str) -> Recognizer:
    """What the converting program makes of `path`, without a process of its own."""
    from hcr.models.convert import convert

    target = path.with_suffix(".tflite")
    convert(path, target, parse(scaling))
    return Recognizer.from_file(target, labels)


@pytest.mark.parametrize(
    ("name", "scaling"),
    [
        ("sequential", "0..1"),
        ("functional", "-1..1 inverted transposed"),
        ("convolution", "0..1"),
    ],
)
def test_a_model_of_keras_2_answers_as_it_did_there(keras2, name, scaling):
    folder, answers = keras2
    recognizer = converted(folder / f"{name}.h5", scaling, LABELS[name])
    np.testing.assert_allclose(recognizer.predict(PICTURES), answers[name], atol=1e-5)
    # The pictures differ enough that another scaling would show.
    assert np.ptp(answers[name], axis=0).max() > 0.01


@pytest.mark.parametrize("bare", [False, True])
def test_a_model_without_a_layer_for_its_input(keras2, bare):
    folder, answers = keras2
    path = keras2_files.without_input_layer(folder / "sequential.h5", bare=bare)
    recognizer = converted(path, "0..1", LABELS["sequential"])
    np.testing.assert_allclose(recognizer.predict(PICTURES), answers["sequential"], atol=1e-5)


def test_keras_3_does_not_read_it_by_itself(keras2):
    """The reason for reading such files layer by layer: when this fails, that may go.

    It takes the input for one with an axis more. Where a convolution comes first, as in most, that
    is told as "Kernel shape must have the same length as input".
    """
    trained.run()  # so that Keras is imported without its chatter
    import keras

    for name, told in (
        ("sequential", "found ndim=5"),
        ("convolution", "Kernel shape must have the same length"),
    ):
        path = keras2_files.without_input_layer(keras2[0] / f"{name}.h5")
        with pytest.raises(ValueError, match=told):
            keras.saving.load_model(path, compile=False)


def test_the_file_that_keras_3_refuses_so_is_read(keras2):
    folder, answers = keras2
    path = keras2_files.without_input_layer(folder / "convolution.h5")
    recognizer = converted(path, "0..1", LABELS["convolution"])
    np.testing.assert_allclose(recognizer.predict(PICTURES), answers["convolution"], atol=1e-5)


def test_an_h5_file_is_loaded_as_any_other_and_kept_by_its_scaling(keras2, monkeypatch):
    folder, answers = keras2
    monkeypatch.setenv("HCR_CACHE", str(folder / "cache"))
    path = folder / "sequential.h5"
    files.write_json(folder / "labels.json", {"characters": list("abcde"), "temperature": 2.0})
    found = Recognizer.load(path, "vwxyz", "0..1")
    np.testing.assert_allclose(found.predict(PICTURES), answers["sequential"], atol=1e-5)
    assert found.labels == tuple("vwxyz")
    assert found.path.is_relative_to(folder / "cache")
    with monkeypatch.context() as patch:
        patch.setattr("subprocess.run", None)
        assert Recognizer.load(path, scaling="0..1").path == found.path
        assert Recognizer.load(path, scaling="0..1").temperature == 2
        with pytest.raises(TypeError):
            Recognizer.load(path, scaling="0..1 transposed")


def changed(path: Path, change) -> Path:
    """The `.h5` file with its configuration changed in place."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)
    return path


def layer(config: dict, kind: str) -> dict:
    return next(each for each in config["config"]["layers"] if each["class_name"] == kind)


@pytest.mark.parametrize(
    ("change", "received"),
    [
        (lambda c: layer(c, "Dense").update(class_name="Lambda"), "of the class Lambda"),
        (lambda c: layer(c, "Dense").update(class_name="TFOpLambda"), "of the class TFOpLambda"),
        (lambda c: layer(c, "Flatten").update(class_name="mine>Layer"), "the class mine>Layer"),
        (lambda c: c.update(class_name="MyModel"), "a model of the class MyModel"),
        (
            lambda c: layer(c, "Conv2D")["config"].update(data_format="channels_first"),
            "with channels_first",
        ),
        (
            lambda c: layer(c, "Dense")["config"].update(activation="hard_sigmoid"),
            "the activation 'hard_sigmoid'",
        ),
        (
            lambda c: layer(c, "Dense")["config"].update(activation={"class_name": "mine"}),
            "the activation 'no name'",
        ),
        (
            lambda c: layer(c, "InputLayer")["config"].update(
                batch_input_shape=[None, None, 28, 1]
            ),
            r"an input of the shape \(None, None, 28, 1\)",
        ),
        (lambda c: c["config"].update(layers=[]), "list index out of range"),
        (lambda c: c.pop("config"), "config"),
    ],
)
def test_what_is_no_plain_model_is_told(keras2, change, received):
    path = changed(keras2[0] / "sequential.h5", change)
    with pytest.raises(
        ModelError, match=f"Keras 2 in an .h5 file. Received: .*{received}"
    ) as error:
        legacy.read(path)
    one_line(error, str(path))


@pytest.fixture
def no_tensorflow(monkeypatch):
    """Whoever waits for TensorFlow is told something else."""
    monkeypatch.setattr(conversion, "PROGRAM", "not_the_converting_one")


def test_that_is_told_without_waiting_for_tensorflow(keras2, no_tensorflow):
    path = changed(keras2[0] / "sequential.h5", lambda c: c.update(class_name="MyModel"))
    with pytest.raises(ModelError, match="a model of the class MyModel") as error:
        Recognizer.load(path, "abcde", "0..1")
    one_line(error, str(path))


def test_the_shape_may_be_that_of_the_first_call(keras2):
    def built(config, shape):
        config["config"]["layers"].pop(0)
        config["config"]["layers"][0]["config"].pop("batch_input_shape")
        config["config"]["build_input_shape"] = shape

    path = keras2[0] / "sequential.h5"
    changed(path, lambda c: built(c, [None, 28, 28, 1]))
    assert legacy.read(path).shape == (28, 28, 1)
    changed(path, lambda c: c["config"].pop("build_input_shape"))
    with pytest.raises(ModelError, match="no shape of its input. Give its first layer an input_sh"):
        legacy.read(path)


def test_layers_may_be_told_in_any_order(keras2):
    path = keras2[0] / "functional.h5"
    plain = legacy.read(path)
    changed(path, lambda c: c["config"]["layers"].reverse())
    found = legacy.read(path)
    known = {found.entry}
    for each in found.layers:
        assert set(each.sources) <= known
        known.add(each.name)
    assert found.end == plain.end
    assert {each.name: each.sources for each in found.layers} == {
        each.name: each.sources for each in plain.layers
    }


def test_a_functional_model_that_uses_a_layer_twice_is_told(keras2):
    path = changed(
        keras2[0] / "functional.h5",
        lambda c: layer(c, "Add").update(inbound_nodes=[[["re_lu", 0, 0, {}]]] * 2),
    )
    with pytest.raises(ModelError, match="the layer 'add', used 2 times"):
        legacy.read(path)


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.95])
def test_a_file_cut_short_is_told(keras2, keep):
    path = keras2[0] / "sequential.h5"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    with pytest.raises(ModelError, match="must be a whole model of Keras 2") as error:
        legacy.read(path)
    one_line(error, str(path))


def test_weights_without_a_model_are_told(keras2):
    path = keras2[0] / "sequential.h5"
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
    with pytest.raises(ModelError, match="weights alone, without model_config"):
        legacy.read(path)


def kernel(file: h5py.File) -> tuple[h5py.Group, str]:
    group = file["model_weights/dense"]
    return group, str(group.attrs["weight_names"][0])


@pytest.mark.parametrize("link", ["external", "soft", "elsewhere", "virtual"])
def test_weights_are_taken_from_no_other_file(keras2, link):
    path = keras2[0] / "sequential.h5"
    other = shutil.copy(path, keras2[0] / "other.h5")
    with h5py.File(path, "r+") as file:
        group, name = kernel(file)
        shape = group[name].shape
        del group[name]
        if link == "external":
            group[name] = h5py.ExternalLink(str(other), f"model_weights/dense/{name}")
        elif link == "soft":
            group[name] = h5py.SoftLink("/model_weights/dense_1")
        elif link == "elsewhere":
            group.create_dataset(name, shape, "f4", external=[(str(other), 0, h5py.h5f.UNLIMITED)])
        else:
            layout = h5py.VirtualLayout(shape, "f4")
            layout[:] = h5py.VirtualSource(str(other), f"model_weights/dense/{name}", shape)
            group.create_virtual_dataset(name, layout)
    with pytest.raises(ModelError, match="Received: (no |weights that lie elsewhere)"):
        legacy.read(path)


def test_weights_are_not_read_where_they_declare_to_be_huge(keras2):
    """35 kB that call themselves 600 MiB."""
    path = keras2[0] / "sequential.h5"
    with h5py.File(path, "r+") as file:
        group, name = kernel(file)
        del group[name]
        group.create_dataset(name, (150 << 20,), "f4", chunks=(1 << 20,), compression="gzip")
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match="bytes of weights"):
            legacy.read(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory on this system")
def test_a_file_that_unpacks_to_much_meets_the_limit(keras2, no_tensorflow, monkeypatch):
    """40 kB whose only chunk is 1 kB by its shape, and becomes 600 MiB, packed twice."""
    monkeypatch.setattr(conversion, "MEMORY", 300 << 20)
    path = keras2[0] / "sequential.h5"
    with h5py.File(path, "r+") as file:
        group, name = kernel(file)
        values = group[name][()]
        del group[name]
        options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        options.set_chunk(values.shape)
        options.set_deflate(9)
        options.set_deflate(9)
        space = h5py.h5s.create_simple(values.shape)
        kind = h5py.h5t.IEEE_F32LE
        made = h5py.h5d.create(group.id, name.encode(), kind, space, options)
        content = zlib.compress(zlib.compress(values.tobytes() + bytes(600 << 20), 1), 9)
        made.write_direct_chunk((0, 0), content)
    assert path.stat().st_size < 100_000
    with pytest.raises(ModelError, match="must be a whole model of Keras 2"):
        Recognizer.load(path, "abcde", "0..1")


@pytest.mark.parametrize("change", ["missing", "shape"])
def test_weights_that_do_not_fit_are_told(keras2, change):
    from hcr.models.convert import rebuilt

    path = keras2[0] / "sequential.h5"
    with h5py.File(path, "r+") as file:
        group, name = kernel(file)
        if change == "missing":
            group.attrs["weight_names"] = []
        else:
            shape = group[name].shape
            del group[name]
            group[name] = np.zeros(shape[::-1], np.float32)
    with pytest.raises(ModelError, match="layers and weights that go together. Received: weights"):
        rebuilt(path)


# Keras and LiteRT files that take numbers


def network(shape=(28, 28, 1), ends="softmax", units=10):
    """A tiny network of floats whose answers hang on where, and how bright, the ink is."""
    trained.run()  # so that Keras is imported without its chatter
    import keras

    inputs = keras.Input(shape)
    flat = keras.layers.Flatten()(inputs)
    net = keras.Model(inputs, keras.layers.Dense(units, activation=ends)(flat))
    generator = np.random.default_rng(0)
    net.set_weights([generator.normal(0, 0.05, each.shape) for each in net.get_weights()])
    return net


def expected(net, scaling):
    """What `net` says of the pictures, by NumPy."""
    kernel, bias = net.get_weights()
    logits = parse(scaling).apply(PICTURES, (784,)).astype(np.float64) @ kernel + bias
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("shape", "ends", "scaling"),
    [
        ((28, 28, 1), "softmax", "0..1"),
        ((28, 28), "softmax", "-1..1 transposed"),
        ((784,), None, "0..1 inverted"),
    ],
)
def test_a_keras_file_that_takes_numbers(tmp_path, shape, ends, scaling):
    net = network(shape, ends)
    net.save(tmp_path / "mine.keras")
    recognizer = converted(tmp_path / "mine.keras", scaling, "0123456789")
    np.testing.assert_allclose(recognizer.predict(PICTURES), expected(net, scaling), atol=1e-5)


def test_a_keras_file_that_takes_numbers_needs_a_scaling(tmp_path):
    network().save(tmp_path / "mine.keras")
    with pytest.raises(ModelError, match=r"float32 \(None, 28, 28, 1\)") as error:
        converted(tmp_path / "mine.keras", None, "0123456789")
    one_line(error, "or say how it was trained, as scaling='0..1'")


@pytest.mark.parametrize("shape", [(32, 32, 1), (28, 28, 3)])
def test_a_keras_file_of_another_size_is_told(tmp_path, shape):
    network(shape).save(tmp_path / "mine.keras")
    with pytest.raises(
        ModelError, match=r"must take \(n, 28, 28\).*Models of other sizes"
    ) as error:
        converted(tmp_path / "mine.keras", "0..1", "0123456789")
    one_line(error, str(shape[0]))


def test_a_keras_file_that_gives_no_probabilities_is_told(tmp_path):
    network(ends="sigmoid").save(tmp_path / "mine.keras")
    with pytest.raises(ModelError, match="must give probabilities"):
        converted(tmp_path / "mine.keras", "0..1", "0123456789")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_litert_file_that_takes_numbers(tmp_path, shape):
    net = network(shape)
    path = tmp_path / "mine.tflite"
    net.export(str(path), format="litert", verbose=False)
    for scaling in ("0..1", "-1..1 inverted transposed"):
        recognizer = Recognizer.load(path, "0123456789", scaling)
        found = recognizer.predict(PICTURES)
        np.testing.assert_allclose(found, expected(net, scaling), atol=1e-5)
        np.testing.assert_array_equal(recognizer.predict(PICTURES[2:3])[0], found[2])


def test_a_litert_file_and_its_scaling_must_go_together(tmp_path):
    path = tmp_path / "mine.tflite"
    network().export(str(path), format="litert", verbose=False)
    with pytest.raises(ModelError, match=r"takes numbers.*network of float32 \(n, 28, 28, 1\)"):
        Recognizer.load(path, "0123456789")
    with pytest.raises(ModelError, match="takes pictures as they are.*Leave scaling out") as error:
        Recognizer.load(trained.run()[0], scaling="0..1")
    one_line(error, "Received: scaling='0..1'")


# PyTorch


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.onnx"])
def test_a_pytorch_file_is_answered_with_the_way_through_onnx(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(ModelError, match="must be a .tflite, a .keras or an .h5 file") as error:
        Recognizer.load(tmp_path / name)
    one_line(error, name, "onnx2tf -i net.onnx -o net", "net/net_float32.tflite", "scaling='0..1'")
    assert ("torch.onnx.export" in str(error.value)) == (not name.endswith("onnx"))
