"""What `Recognizer.load` takes: names, folders, files, models of Keras 2 and of others."""

import json
import re
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import one_line
from PIL import Image
from scipy.special import softmax

from hcr import recognizer
from hcr.errors import ModelError, RunError
from hcr.recognizer import PRETRAINED, Recognizer, keras2
from hcr.recognizer.sources import kind_of, parse_scaling
from hcr.runs import files

DIGITS = tuple("0123456789")
PICTURES = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)
PICTURES[0] = 0
LABELS = {"sequential": "abcde", "functional": "abcdefg", "convolution": "0123456789"}


@pytest.fixture
def run(run) -> Path:
    """A model's folder with Keras' file."""
    shutil.copy(PRETRAINED["emnist"] / "model.keras", run)
    return run


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A package without pretrained models."""
    for name in PRETRAINED:
        monkeypatch.setitem(PRETRAINED, name, tmp_path / "package" / name)
    return tmp_path / "package"


@pytest.fixture
def keras_2(tmp_path):
    """A folder with `.h5` files of Keras 2, and its answers, which `benchmarks/keras2.py` wrote.

    It was asked about `PICTURES` scaled to 0..1, but the functional model, which gives logits,
    about them inverted, transposed and scaled to -1..1.
    """
    with zipfile.ZipFile(Path(__file__).with_name("keras2.zip")) as archive:
        archive.extractall(tmp_path)
    with np.load(tmp_path / "answers.npz") as file:
        answers = {**file}
    answers["functional"] = softmax(answers["functional"], axis=1)
    return tmp_path, answers


# Names, folders, labels


def test_a_pretrained_model_goes_by_its_name(run, package, monkeypatch):
    for name, folder in PRETRAINED.items():
        with pytest.raises(ModelError, match=name):
            Recognizer.load(name)
        shutil.copytree(run, folder)
        assert Recognizer.load(name).path == folder / "model.tflite"
    assert Recognizer.load().path == Recognizer.load("emnist").path
    # A folder of the same name is meant by a path.
    monkeypatch.chdir(run.parent)
    shutil.copytree(run, "mnist")
    for what in (Path("mnist"), "./mnist"):
        assert Recognizer.load(what).path == Path("mnist/model.tflite")


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("mnits", "Did you mean 'mnist'"),
        ("outputs/nothing", "outputs/nothing"),
        ("nothing.keras", "nothing.keras"),
    ],
)
def test_what_is_nowhere_is_one_line(what, word):
    with one_line(ModelError, word):
        Recognizer.load(what)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("net.weights.h5", "load_weights"),
        ("model.ckpt.index", "load_weights"),
        ("model.pkl", "pickle"),
        ("net.pt", "torch.onnx.export"),
        ("model.json", "tensorflowjs_converter"),
        ("saved/saved_model.pb", "tf.saved_model.load"),
        ("net.mlmodel", r"\.onnx"),
        ("empty/notes.md", "no model"),
    ],
)
def test_another_kind_of_file_is_one_line_that_says_what_to_do(tmp_path, name, word):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    path = path.parent if path.parent != tmp_path else path
    for what in (path, str(path)):
        with one_line(ModelError, word, path) as error:
            Recognizer.load(what, DIGITS)
        assert not re.search("(?i)delete|train it again", str(error.value))


def test_a_file_is_known_by_its_content(run, tmp_path):
    keras_3 = (run / "model.keras").read_bytes()
    for name in ("MODEL.TFLITE", "model", "net.onnx"):
        shutil.copy(run / "model.tflite", tmp_path / name)
        assert Recognizer.load(tmp_path / name, DIGITS).labels == DIGITS
    for name in ("NET.KERAS", "net.h5", "net", "net.keras.zip"):
        (tmp_path / name).write_bytes(keras_3)
        assert kind_of(tmp_path / name) == "keras"


def test_labels_lie_beside_a_file_or_are_passed(run):
    other = run / "other.json"
    files.write_json(other, {"characters": list(DIGITS[::-1]), "temperature": 2.5})
    found = Recognizer.load(run, other)
    assert (found.labels, found.temperature) == (DIGITS[::-1], 2.5)
    assert Recognizer.load(run, DIGITS[::-1]).temperature == 1
    assert Recognizer.load(run / "model.tflite").labels == DIGITS
    moved = run.parent / "mine.tflite"
    shutil.copy(run / "model.tflite", moved)
    assert Recognizer.load(moved, "0123456789").labels == DIGITS
    with one_line(ModelError, "labels", moved):
        Recognizer.load(moved)


@pytest.mark.parametrize(
    "labels",
    [
        "012345678",
        "0123456788",
        [0, 1],
        range(20),
        {"A": "0", "B": "1"},
        7,
        "",
        Path("nowhere.json"),
        "nowhere.txt",
    ],
)
def test_labels_that_do_not_fit_are_one_line(run, labels):
    with one_line(ModelError, "Received|no file"):
        Recognizer.load(run / "model.tflite", labels)


@pytest.mark.parametrize(
    "labels",
    [
        range(10),
        np.array(DIGITS),
        dict(enumerate(DIGITS)),
        {label: i for i, label in reversed([*enumerate(DIGITS)])},
        "digits",
        "emnist-digits",
        ("labels.json", json.dumps(DIGITS)),
        ("labels.json", json.dumps({"characters": DIGITS})),
        ("labels.json", json.dumps({i: str(i) for i in reversed(range(10))})),
        ("LABELS.TXT", "\n".join(DIGITS)),
        ("labels.txt", "".join(f"{i} {i}\r\n" for i in range(10))),
        ("mapping.txt", "".join(f"{i} {48 + i}\n" for i in range(10))),
    ],
)
def test_labels_in_the_forms_that_people_have(run, tmp_path, labels):
    path = shutil.copy(run / "model.tflite", tmp_path)
    if not isinstance(labels, tuple):
        assert Recognizer.load(path, labels).labels == DIGITS
        return
    (tmp_path / labels[0]).write_text(labels[1])
    for form in (tmp_path / labels[0], str(tmp_path / labels[0])):
        assert Recognizer.load(path, form).labels == DIGITS
    if labels[0] in ("labels.json", "labels.txt"):
        assert Recognizer.load(path).labels == DIGITS


def test_outputs_without_a_character_are_left_out(run):
    whole = Recognizer.load(run / "model.tflite", DIGITS)
    some = Recognizer.load(run / "model.tflite", ["?", *"123", "", *"5678", None])
    assert some.labels == tuple("1235678")
    kept = whole.predict(PICTURES)[:, [1, 2, 3, 5, 6, 7, 8]]
    np.testing.assert_allclose(some.predict(PICTURES), kept / kept.sum(1, keepdims=True), 1e-4)
    # Labels that count from 1, of a model whose outputs count from 0.
    counted = {i + 1: label for i, label in enumerate(DIGITS)}
    assert Recognizer.load(run / "model.tflite", counted).labels == DIGITS
    with one_line(ModelError, r'labels=\[""', run / "model.tflite"):
        Recognizer.load(run / "model.tflite", DIGITS[1:])
    # Among others of its kind a question mark is a character.
    assert "?" in Recognizer.load(run / "model.tflite", "?!.,;:-+=*").labels


@pytest.mark.parametrize("change", ["model", "labels"])
@pytest.mark.parametrize("file", ["model.tflite", "model.keras"])
def test_a_model_that_is_not_as_it_was_written_is_refused(run, change, file):
    known = {"characters": list(DIGITS), "temperature": 1.5}
    files.write_sealed(run / "labels.json", known, run / "model.tflite", run / "model.keras")
    assert Recognizer.load(run).temperature == 1.5
    assert recognizer.keras_files(str(run)) == [run / "model.keras"]
    if change == "labels":
        facts = files.read_json(run / "labels.json")
        facts["characters"][3:5] = facts["characters"][4:2:-1]
        files.write_json(run / "labels.json", facts)
    else:
        with (run / file).open("ab") as stream:
            stream.write(b" ")
    load = Recognizer.load if file == "model.tflite" else recognizer.keras_files
    with one_line(ModelError, "changed", run):
        load(str(run))
    if file == "model.tflite":  # Whoever has a model of his own says what it recognizes.
        assert Recognizer.load(run / file, DIGITS).labels == DIGITS


def test_networks_to_begin_from(run, package, tmp_path, monkeypatch):
    labels = run / "labels.json"
    files.write_json(labels, {"characters": list(DIGITS)})
    monkeypatch.setattr("hcr.runs.environment.root", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, PRETRAINED["emnist"])
    expected = [run / "model.keras", PRETRAINED["emnist"] / "model.keras"]
    assert recognizer.keras_files("run, emnist", DIGITS) == expected
    assert recognizer.keras_files(f"{run}/model.keras") == expected[:1]
    for characters in ("0123456798", "ABCDEFGHIJ", "012345678"):
        with pytest.raises(ModelError, match="0123456789"):
            recognizer.keras_files("run", characters)
    for name in ("emnsit", "outputs/none", "mnist", "run/model.tflite"):
        with one_line(ModelError, name):
            recognizer.keras_files(name)


# LiteRT files


@pytest.mark.parametrize("name", ["model.tflite", "labels.json"])
def test_a_missing_file_is_one_line(run, name):
    (run / name).unlink()
    with one_line(ModelError, name, run):
        Recognizer.load(run)


@pytest.mark.parametrize("content", [0, 100, 4096, 0.5, 0.99, b"PK\x03\x04" * 999])
def test_what_is_no_whole_model_is_one_line(run, content):
    path = run / "model.tflite"
    if isinstance(content, int | float):
        whole = path.read_bytes()
        content = whole[: int(content * len(whole)) if isinstance(content, float) else content]
    path.write_bytes(content)
    with one_line(ModelError, "LiteRT|archive", path):
        Recognizer.load(run)


WRONG = {"temperature": 0, "groups": [3], "alternatives": [0.1]}


@pytest.mark.parametrize("content", ["{", "[]", "{}", *WRONG])
def test_a_damaged_labels_file_is_one_line(run, content):
    if content in WRONG:
        content = json.dumps({"characters": DIGITS, content: WRONG[content]})
    (run / "labels.json").write_text(content)
    with one_line(ModelError, "labels.json", run / "labels.json"):
        Recognizer.load(run)


def test_a_file_that_is_replaced_while_it_is_used_changes_no_answer(run):
    model, expected = Recognizer.load(run), Recognizer.load("mnist").predict(PICTURES)
    (run / "model.tflite").write_bytes(b"")
    np.testing.assert_array_equal(model.predict(PICTURES), expected)


def exported(path: Path, shape=(28, 28), dtype="uint8", ends="softmax", outputs=1):
    """A tiny network of another form as LiteRT, and the same in Keras."""
    from hcr.models.convert import keras

    inputs = keras.Input(shape, dtype=dtype)
    scaled = keras.layers.Rescaling(1 / 255)(inputs) if dtype == "uint8" else inputs
    flat = keras.layers.Flatten()(scaled)
    out = [keras.layers.Dense(10, activation=ends)(flat) for _ in range(outputs)]
    net = keras.Model(inputs, out if outputs > 1 else out[0])
    rng = np.random.default_rng(0)
    net.set_weights([rng.normal(0, 0.05, each.shape) for each in net.get_weights()])
    if path.suffix == ".keras":
        net.save(path)
    else:
        net.export(str(path), format="litert", verbose=False)
    return net


@pytest.mark.parametrize(
    ("form", "received"),
    [
        ({"shape": (28, 32)}, r"uint8 \(n, 28, 32\)"),
        ({"dtype": "float32"}, "scaling"),
        ({"outputs": 2}, r"\) and float32"),
    ],
)
def test_a_network_of_another_form_is_one_line(tmp_path, form, received):
    exported(tmp_path / "other.tflite", **form)
    with one_line(ModelError, received, tmp_path / "other.tflite"):
        Recognizer.load(tmp_path / "other.tflite", DIGITS)


def test_a_network_for_a_fixed_number_of_images_answers_for_any(tmp_path):
    import tensorflow as tf

    weights = np.random.default_rng(0).normal(0, 0.01, (784, 10)).astype(np.float32)
    expected = softmax(PICTURES.reshape(-1, 784) / 255 @ weights, axis=1)
    for batch in (1, 4):

        def call(pictures, batch=batch):
            flat = tf.reshape(tf.cast(pictures, tf.float32) / 255, (batch, 784))
            return tf.nn.softmax(flat @ weights)

        spec = tf.TensorSpec((batch, 28, 28), tf.uint8)
        function = tf.function(call).get_concrete_function(spec)
        content = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
        (tmp_path / f"{batch}.tflite").write_bytes(content)
        found = Recognizer.load(tmp_path / f"{batch}.tflite", DIGITS)
        np.testing.assert_allclose(found.predict(PICTURES), expected, atol=1e-5)
        np.testing.assert_allclose(found.predict(PICTURES[3:4])[0], expected[3], atol=1e-5)


# Models that take numbers


@pytest.mark.parametrize("text", ["", "0-1", "0..1 upside", "1..1", "0..", "nan..1", 255])
def test_what_is_no_scaling_is_one_line(text):
    with one_line(ModelError, "scaling", repr(str(text))):
        parse_scaling(text)


def expected_of(net, scaling: str) -> np.ndarray:
    """What a network of `exported` says of the pictures, by NumPy."""
    kernel, bias = net.get_weights()
    plain = PICTURES.astype(np.float64)
    values = {
        "0..1": plain / 255,
        "-1..1": plain / 127.5 - 1,
        "0..1 inverted": 1 - plain / 255,
        "-1..1 inverted transposed": 1 - plain.transpose(0, 2, 1) / 127.5,
    }[scaling]
    return softmax(values.reshape(len(plain), 784) @ kernel + bias, axis=1)


def test_images_are_resized_and_repeated_as_a_model_takes_them(tmp_path):
    plain = PICTURES.astype(np.float32) / 255
    large = [np.asarray(Image.fromarray(one).resize((32, 32), 2)) for one in plain]
    small = [np.asarray(Image.fromarray(one).resize((14, 14), 2)) for one in plain]
    colors = np.repeat(plain[..., None], 3, axis=3)
    forms = {(1, 32, 32): large, (14, 14, 1): small, (28, 28, 3): colors, (784, 1): plain}
    forms[3, 28, 28] = colors.transpose(0, 3, 1, 2)
    for shape, inputs in forms.items():
        kernel, bias = exported(tmp_path / "mine.tflite", shape, "float32").get_weights()
        model = Recognizer.load(tmp_path / "mine.tflite", DIGITS, "0..1")
        expected = softmax(np.reshape(inputs, (len(plain), -1)) @ kernel + bias, axis=1)
        np.testing.assert_allclose(model.predict(PICTURES), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["uint8", "int8"])
def test_a_quantized_file_takes_the_scaling_of_its_training_or_its_own(tmp_path, kind, capsys):
    import tensorflow as tf

    net, path = exported(tmp_path / "mine.tflite", (28, 28, 1), "float32"), tmp_path / "mine.tflite"
    converter = tf.lite.TFLiteConverter.from_keras_model(net)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    samples = np.random.default_rng(1).random((20, 1, 28, 28, 1), np.float32)
    samples[:, :, :9], samples[:, :, 20:] = 0, 1
    converter.representative_dataset = lambda: ([sample] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.as_dtype(kind)
    path.write_bytes(converter.convert())
    for scaling in ("0..1", None):
        model = Recognizer.load(path, DIGITS, scaling)
        np.testing.assert_allclose(model.predict(PICTURES), expected_of(net, "0..1"), atol=0.03)
        np.testing.assert_allclose(model.predict(PICTURES).sum(axis=1), 1, atol=1e-5)
    assert "0..1" in capsys.readouterr().err
    with pytest.raises(ModelError, match="scaling='0..1'"):
        Recognizer.load(path, DIGITS, "0..255")


@pytest.mark.parametrize("shape", [("n", 1, 28, 28), (4, 28, 28, 1), ("n", 784)])
def test_an_onnx_file(tmp_path, monkeypatch, shape):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    make, path = onnx.helper, tmp_path / "mine.onnx"
    kernel = np.random.default_rng(0).normal(0, 0.05, (784, 10)).astype(np.float32)
    nodes = [make.make_node("Flatten", ["x"], ["f"]), make.make_node("MatMul", ["f", "w"], ["y"])]
    sides = [make.make_tensor_value_info(n, 1, s) for n, s in (("x", shape), ("y", (shape[0], 10)))]
    weights = [onnx.numpy_helper.from_array(kernel, "w")]
    graph = make.make_graph(nodes, "net", sides[:1], sides[1:], weights)
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    expected = softmax(PICTURES.reshape(-1, 784) / 255 @ kernel, axis=1)  # It gives logits.
    found = Recognizer.load(path, DIGITS, "0..1").predict(PICTURES)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ModelError, match="dense"):
        Recognizer.load(path, DIGITS, "0..1").features(PICTURES)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with one_line(ModelError, "pip install"):
        Recognizer.load(path, DIGITS, "0..1")
    onnx.save(model, path, save_as_external_data=True, location="weights", size_threshold=0)
    with one_line(ModelError, "external", path):
        Recognizer.load(path, DIGITS, "0..1")


@pytest.mark.parametrize("shape", [(28, 28, 1), (784,)])
def test_a_litert_file_that_takes_numbers(tmp_path, shape):
    net = exported(tmp_path / "mine.tflite", shape, "float32")
    for scaling in ("0..1", "-1..1 inverted transposed"):
        model = Recognizer.load(tmp_path / "mine.tflite", DIGITS, scaling)
        expected = expected_of(net, scaling)
        np.testing.assert_allclose(model.predict(PICTURES), expected, atol=1e-5)
        np.testing.assert_allclose(model.predict(PICTURES[2:3])[0], expected[2], atol=1e-5)
    with pytest.raises(ModelError, match="scaling"):
        Recognizer.load("mnist", scaling="0..1")


def test_features_are_what_the_last_dense_layer_is_given(tmp_path):
    exported(tmp_path / "mine.tflite")
    model = Recognizer.load(tmp_path / "mine.tflite", DIGITS)
    expected = PICTURES.reshape(-1, 784) / 255
    for n in (0, 1, len(PICTURES)):
        np.testing.assert_allclose(model.features(PICTURES[:n]), expected[:n], atol=1e-6)
    assert model.feature_maps(PICTURES[0]) == []
    model = Recognizer.load()
    assert model.features(PICTURES).shape == (len(PICTURES), 256)  # a pair
    maps = model.feature_maps(PICTURES[2])
    assert [each.shape for each in maps] == [(14, 14, 32), (14, 14, 48)]
    assert [each.min() for each in maps] == [0, 0] != [each.max() for each in maps]
    other = model.feature_maps(PICTURES[1])
    assert not np.array_equal(maps[0], other[0])


def converted(path: Path, scaling: str | None, labels) -> Recognizer:
    """What the converting program makes of `path`, without a process of its own."""
    from hcr.models.convert import convert

    target = path.with_suffix(".tflite")
    convert(path, target)
    return Recognizer(target, labels, parse_scaling(scaling))


@pytest.mark.parametrize(
    ("shape", "ends", "scaling"),
    [
        ((28, 28, 1), "softmax", "0..1"),
        ((28, 28), "softmax", "-1..1"),
        ((784,), None, "0..1 inverted"),
        ((28, 28, 1), "sigmoid", "0..1"),
    ],
)
def test_a_keras_file_that_takes_numbers(tmp_path, shape, ends, scaling):
    net = exported(tmp_path / "mine.keras", shape, "float32", ends)
    model = converted(tmp_path / "mine.keras", scaling, DIGITS)
    np.testing.assert_allclose(model.predict(PICTURES), expected_of(net, scaling), atol=1e-5)


def test_recurrent_layers_and_fixed_batches_in_a_keras_file(tmp_path):
    from hcr.models.convert import keras

    both = keras.layers.Bidirectional(keras.layers.LSTM(3))
    ends = keras.layers.Dense(10, "softmax")
    net = keras.Sequential([keras.Input((28, 28), batch_size=4), both, ends])
    net.save(tmp_path / "mine.keras")
    expected = net.predict(PICTURES[:4] / 255, batch_size=4, verbose=0)
    model = converted(tmp_path / "mine.keras", "0..1", DIGITS)
    np.testing.assert_allclose(model.predict(PICTURES)[:4], expected, atol=1e-5)


# Conversion


def test_a_keras_file_is_converted_once_by_its_content(tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    path, labels = tmp_path / "mine.keras", Recognizer.load("emnist").labels
    shutil.copy(PRETRAINED["emnist"] / "model.keras", path)
    model = Recognizer.load(path, labels)
    expected = Recognizer(PRETRAINED["emnist"] / "model.tflite", labels).predict(PICTURES)
    np.testing.assert_allclose(model.predict(PICTURES), expected, atol=0.02)  # of 8 bits
    assert [each.name for each in model.path.parent.iterdir()] == [model.path.name]
    monkeypatch.setattr("subprocess.run", None)
    other = tmp_path / "other.keras"
    shutil.copy(path, other)
    assert Recognizer.load(other, labels).path == model.path
    # Damaged, and still a whole LiteRT file: rebuilt.
    content = model.path.read_bytes()
    model.path.write_bytes(content[:-40000] + bytes(20000) + content[-20000:])
    monkeypatch.setattr(keras2, "_run", lambda source, target: target.write_bytes(b"new"))
    found = keras2.convert(path)
    assert found.read_bytes() == b"new"
    assert list(model.path.parent.iterdir()) == [found]


@pytest.fixture
def no_process(monkeypatch):
    """What needs no TensorFlow is reported without waiting for it."""
    monkeypatch.setattr(subprocess, "run", None)


@pytest.mark.parametrize("keep", [0, 0.5, 0.999])
def test_a_keras_file_cut_short_is_one_line(run, no_process, keep):
    path = run / "model.keras"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with one_line(ModelError, "archive", path):
        Recognizer.load(path)


def test_an_archive_without_a_model_or_too_large_is_one_line(run, no_process, monkeypatch):
    from hcr.models import convert

    monkeypatch.setattr(keras2, "MOST", 1 << 20)
    for act in (Recognizer.load, convert.load):  # which is what training begins from
        with pytest.raises(ModelError, match="unpacked"):
            act(run / "model.keras")
    with zipfile.ZipFile(run / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelError, match=r"metadata\.json"):
        Recognizer.load(run / "model.keras")


@pytest.mark.parametrize(
    ("line", "received"),
    [
        ("from hcr.errors import ModelError as E; print('chatter'); raise E('Rule.')", "^Rule.$"),
        ("import tensorflow_that_is_not_there", "tensorflow_that_is_not_there"),
        ("raise SystemExit(9)", "exit code 9"),
        ("import time; time.sleep(1000)", "no end"),
        pytest.param(
            "bytes(400 << 20)",
            "MemoryError",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory here"),
        ),
    ],
)
def test_a_program_that_fails_is_one_line(run, tmp_path, monkeypatch, line, received):
    (tmp_path / "stand_in.py").write_text(line)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(keras2, "PROGRAM", "stand_in")
    monkeypatch.setattr(keras2, "MEMORY", 300 << 20)
    if "sleep" in line:
        monkeypatch.setattr(keras2, "SECONDS", 2)
    with one_line(ModelError, received):
        Recognizer.load(run / "model.keras")
    assert list((tmp_path / "cache" / "models").iterdir()) == []


def test_a_cache_folder_that_cannot_be_written_is_one_line(run, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    with pytest.raises(RunError, match="models"):
        Recognizer.load(run / "model.keras")


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
@pytest.mark.parametrize("kind", ["code", "layer"])
def test_no_code_comes_out_of_a_keras_file(tmp_path, kind):
    from hcr.models.convert import convert, keras

    inputs = keras.Input((28, 28), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    code = keras.layers.Lambda(lambda x: x * 1.0, output_shape=(784,))(flat)
    net = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(code))
    path = tmp_path / "code.keras"
    (net if kind == "code" else keras.Sequential([keras.layers.Dense(3)])).save(path)
    with one_line(ModelError, "(?i)safe mode|input", path.name):
        convert(path, tmp_path / "model.tflite")
    assert not (tmp_path / "model.tflite").exists()


def test_a_conversion_that_answers_otherwise_is_refused(tmp_path, monkeypatch):
    from hcr.models import convert

    right = convert.predict
    monkeypatch.setattr(convert, "predict", lambda net, images: right(net, images)[:, ::-1])
    with pytest.raises(ModelError, match="difference"):
        convert.convert(PRETRAINED["emnist"] / "model.keras", tmp_path / "model.tflite")


# Files of Keras 2


@pytest.mark.parametrize(
    ("name", "scaling", "form"),
    [
        ("sequential", "0..1", "whole"),
        ("sequential", "0..1", "bare"),
        ("functional", "-1..1 inverted transposed", "whole"),
        ("convolution", "0..1", "no input layer"),
        ("convolution", "0..1", "augmented"),
        ("sequential", "0..1", ".keras"),
        ("functional", "-1..1 inverted transposed", ".keras"),
    ],
)
def test_a_model_of_keras_2_answers_as_it_did_there(keras_2, name, scaling, form):
    folder, answers = keras_2
    path = folder / f"{name}.h5"
    if form == ".keras":  # of Keras 2.13
        path = path.with_suffix(form)
    elif form == "augmented":
        zoom = {"class_name": "RandomZoom", "config": {"name": "zoom"}}
        zoom = {"class_name": "Sequential", "config": {"name": "all", "layers": [zoom]}}
        changed(path, lambda config: config["config"]["layers"].insert(1, zoom))
    elif form != "whole":  # as Keras wrote it before 2.3
        changed(path, lambda config: config["config"]["layers"].pop(0))
    if form == "bare":  # before 2.2.3
        changed(path, lambda config: config.update(config=config["config"]["layers"]))
    model = converted(path, scaling, LABELS[name])
    np.testing.assert_allclose(model.predict(PICTURES), answers[name], atol=1e-5)


def test_an_h5_file_is_loaded_as_any_other_and_converted_once(keras_2, monkeypatch):
    folder, answers = keras_2
    monkeypatch.setenv("HCR_CACHE", str(folder / "cache"))
    path = folder / "sequential.h5"
    model = Recognizer.load(path, "vwxyz", "0..1")
    np.testing.assert_allclose(model.predict(PICTURES), answers["sequential"], atol=1e-5)
    monkeypatch.setattr("subprocess.run", None)
    assert Recognizer.load(path, "abcde", "0..1 transposed").path == model.path


def changed(path: Path, change) -> Path:
    """The `.h5` file with its configuration changed in place."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)
    return path


def layer(config: dict, kind: str) -> dict:
    return next(each for each in config["config"]["layers"] if each["class_name"] == kind)


def options(kind: str, **values):
    return lambda config: layer(config, kind)["config"].update(values)


@pytest.mark.parametrize(
    ("change", "received"),
    [
        (lambda c: layer(c, "Dense").update(class_name="Lambda"), "Lambda"),
        (lambda c: c.update(class_name="MyModel"), "MyModel"),
        (options("Conv2D", data_format="channels_first"), "channels_first"),
        (options("Dense", activation="hard_sigmoid"), "hard_sigmoid"),
        (options("Dense", activation={"class_name": "mine"}), "mine"),
        (options("InputLayer", batch_input_shape=[None, None, 28, 1]), "shape"),
        (lambda c: c["config"].update(layers=[]), "Received"),
    ],
)
def test_what_is_no_plain_model_is_one_line(keras_2, change, received, monkeypatch):
    path = changed(keras_2[0] / "sequential.h5", change)
    with one_line(ModelError, f"Keras 2.*{received}", path):
        keras2.read(path)


def test_a_layer_used_twice_is_refused_and_the_shape_may_come_with_the_first_call(keras_2):
    twice = [[["re_lu", 0, 0, {}]]] * 2
    path = keras_2[0] / "functional.h5"
    with pytest.raises(ModelError, match="used 2 times"):
        keras2.read(changed(path, lambda c: layer(c, "Add").update(inbound_nodes=twice)))

    def built(config):
        config["config"]["layers"].pop(0)
        config["config"]["layers"][0]["config"].pop("batch_input_shape")
        config["config"]["build_input_shape"] = [None, 28, 28, 1]

    assert keras2.read(changed(keras_2[0] / "sequential.h5", built)).shape == (28, 28, 1)


@pytest.mark.parametrize("keep", [0, 0.5, 0.95, None])
def test_an_h5_file_without_a_whole_model_is_one_line(keras_2, keep):
    path = keras_2[0] / "sequential.h5"
    if keep is None:
        with h5py.File(path, "r+") as file:
            del file.attrs["model_config"]
    else:
        content = path.read_bytes()
        path.write_bytes(content[: int(keep * len(content))])
    with one_line(ModelError, "Keras 2", path):
        keras2.read(path)


def replaced(path: Path, put) -> Path:
    """The `.h5` file with `put(group, name, values)` in place of a kernel."""
    with h5py.File(path, "r+") as file:
        group = file["model_weights/dense"]
        name = str(group.attrs["weight_names"][0])
        values = group[name][()]
        del group[name]
        put(group, name, values)
    return path


@pytest.mark.parametrize("link", ["external", "soft", "elsewhere", "virtual"])
def test_weights_are_taken_from_no_other_file(keras_2, link):
    path = keras_2[0] / "sequential.h5"
    other = str(shutil.copy(path, keras_2[0] / "other.h5"))

    def put(group, name, values):
        if link == "external":
            group[name] = h5py.ExternalLink(other, f"model_weights/dense/{name}")
        elif link == "soft":
            group[name] = h5py.SoftLink("/model_weights/dense_1")
        elif link == "elsewhere":
            place = [(other, 0, h5py.h5f.UNLIMITED)]
            group.create_dataset(name, values.shape, "f4", external=place)
        else:
            layout = h5py.VirtualLayout(values.shape, "f4")
            layout[:] = h5py.VirtualSource(other, f"model_weights/dense/{name}", values.shape)
            group.create_virtual_dataset(name, layout)

    with pytest.raises(ModelError, match="no |elsewhere"):
        keras2.read(replaced(path, put))


def test_weights_that_declare_to_be_huge_are_not_read(keras_2):
    """35 kB that call themselves 600 MiB."""

    def put(group, name, values):
        group.create_dataset(name, (150 << 20,), "f4", chunks=(1 << 20,), compression="gzip")

    path = replaced(keras_2[0] / "sequential.h5", put)
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match="bytes of weights"):
            keras2.read(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory on this system")
def test_a_file_that_unpacks_to_much_meets_the_limit(keras_2, monkeypatch):
    """40 kB whose only chunk is 1 kB by its shape, and becomes 600 MiB, packed twice."""
    monkeypatch.setattr(keras2, "PROGRAM", "not_the_converting_one")
    monkeypatch.setattr(keras2, "MEMORY", 300 << 20)

    def put(group, name, values):
        form = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        form.set_chunk(values.shape)
        form.set_deflate(9)
        form.set_deflate(9)
        space = h5py.h5s.create_simple(values.shape)
        dataset = h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space, form)
        content = zlib.compress(zlib.compress(values.tobytes() + bytes(600 << 20), 1), 9)
        dataset.write_direct_chunk((0, 0), content)

    path = replaced(keras_2[0] / "sequential.h5", put)
    assert path.stat().st_size < 100_000
    with pytest.raises(ModelError, match="Keras 2"):
        Recognizer.load(path, "abcde", "0..1")


def test_weights_that_do_not_fit_are_one_line(keras_2):
    from hcr.models.convert import load

    def put(group, name, values):
        group[name] = np.zeros(values.shape[::-1], np.float32)

    with pytest.raises(ModelError, match="weight"):
        load(replaced(keras_2[0] / "sequential.h5", put))
