"""What `Recognizer.load` takes: names, folders, files, Keras models; and one line for the rest."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trained

from hcr import recognizer
from hcr.errors import ModelError, RunError
from hcr.preprocessing import synthesis
from hcr.recognizer import SHIPPED, Recognizer, choices, conversion, sources
from hcr.recognizer.conversion import TOLD
from hcr.runs import files

DIGITS = tuple("0123456789")


@pytest.fixture
def run(tmp_path) -> Path:
    """A copy of the run, for breaking."""
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("model.tflite", "model.keras", "labels.json"):
        shutil.copy(trained.run()[0] / name, folder)
    return folder


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A package that ships nothing yet."""
    monkeypatch.setattr(sources, "PACKAGE", tmp_path / "package")
    return tmp_path / "package"


def one_line(error: pytest.ExceptionInfo, *words: str) -> None:
    text = str(error.value)
    assert "\n" not in text
    assert all(word in text for word in words), text
    assert len(text) < 700


def swap(run: Path) -> None:
    """Exchange two characters in a run's `labels.json`."""
    known = files.read_json(run / "labels.json")
    known["characters"][3:5] = known["characters"][4:2:-1]
    files.write_json(run / "labels.json", known)


@pytest.mark.parametrize("change", ["model", "labels"])
@pytest.mark.parametrize("file", ["model.tflite", "model.keras"])
def test_a_model_that_is_not_as_it_was_written_is_told(run, change, file):
    known = {"characters": list(DIGITS), "temperature": 1.5}
    files.write_sealed(run / "labels.json", known, run / "model.tflite", run / "model.keras")
    assert Recognizer.load(run).temperature == 1.5
    assert recognizer.keras_file(str(run)) == run / "model.keras"
    if change == "labels":
        swap(run)
    elif file == "model.tflite":  # a whole one, for the same characters
        shutil.copy(sources.PACKAGE / SHIPPED["mnist"] / file, run)
    else:
        rewritten(run / file, "metadata.json", lambda content: content + b" ")
    load = Recognizer.load if file == "model.tflite" else recognizer.keras_file
    with pytest.raises(ModelError, match="written") as error:
        load(str(run))
    one_line(
        error, str(run / (file if change == "model" else "labels.json")), "changed", "03_train"
    )
    # Whoever has a model of his own says what it reads.
    if file == "model.tflite":
        assert Recognizer.load(run / file, DIGITS).labels == DIGITS


# What ships


def test_a_shipped_model_goes_by_its_name(package, run):
    first = next(iter(SHIPPED))
    for name, folder in SHIPPED.items():
        (package / folder).mkdir(parents=True)
        for file in ("model.tflite", "labels.json"):
            shutil.copy(run / file, package / folder)
        assert Recognizer.load(name).path == package / folder / "model.tflite"
    assert Recognizer.load().path == Recognizer.load(first).path
    assert Recognizer.load("mnist").labels == DIGITS


def test_a_folder_of_a_shipped_models_name_is_meant_by_a_path(package, run, monkeypatch):
    monkeypatch.chdir(run.parent)
    shutil.copytree(run, "mnist")
    for what in (Path("mnist"), "./mnist"):
        assert Recognizer.load(what).path == Path("mnist/model.tflite")
    with pytest.raises(ModelError, match="The model 'mnist' must lie in"):
        Recognizer.load("mnist")


@pytest.mark.parametrize("name", [None, *SHIPPED])
def test_what_does_not_ship_yet_is_told(package, name):
    with pytest.raises(ModelError, match="Received: a package without it") as error:
        Recognizer.load(name)
    one_line(error, "uv run run_all.py", str(name or next(iter(SHIPPED))), str(package))


def test_what_ships_is_whole():
    for name in SHIPPED:
        found = Recognizer.load(name)
        answer = found.read_strokes(synthesis.character("7", 1))
        assert len(answer) == len(found.labels)
        assert sum(share for _, share in answer) == pytest.approx(1, abs=1e-4)
        # The digits of the 36 classes' data are smaller than its letters, and no drawing's are.
        assert answer[0][0] == "7" or name.startswith("mnist_nist"), name


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("mnits", ["There is no model mnits", "Did you mean 'mnist'?"]),
        ("outputs/nothing", ["There is no model outputs/nothing", "uv run run_all.py"]),
        ("nothing.tflite", ["There is no model nothing.tflite"]),
        ("nothing.keras", ["There is no model nothing.keras"]),
        (5, ["Received: int", "a run's folder"]),
        (b"mnist", ["Received: bytes"]),
    ],
)
def test_what_is_nowhere_is_told(what, words):
    with pytest.raises(ModelError) as error:
        Recognizer.load(what)
    one_line(error, *words)


@pytest.mark.parametrize("name", ["model.pkl", "model", "labels.json"])
def test_another_kind_of_file_is_told(run, name):
    shutil.copy(run / "model.tflite", run / "model.pkl")
    shutil.copy(run / "model.tflite", run / "model")
    with pytest.raises(ModelError, match="must be a .tflite, a .keras or an .h5 file") as error:
        Recognizer.load(run / name)
    one_line(error, str(run / name))


# What can be chosen


def test_every_model_that_is_there_can_be_chosen(package, run, tmp_path):
    outputs = tmp_path / "outputs"
    for folder in ("quick", "suite/one-s0", "half", "mnist"):
        shutil.copytree(run, outputs / folder)
    (outputs / "half" / "labels.json").unlink()
    shipped = package / SHIPPED["mnist"]
    shutil.copytree(run, shipped)
    assert set(sources.listed()) == {"quick", "suite/one-s0", "mnist", "mnist (shipped)"}
    reader = Recognizer.load(outputs / "suite" / "one-s0")
    found = choices(reader)
    assert next(iter(found)) == "suite/one-s0"
    assert set(found) == set(sources.listed())
    assert found["suite/one-s0"] is reader
    assert found["mnist (shipped)"]().path == shipped / "model.tflite"
    assert found["quick"]().path == outputs / "quick" / "model.tflite"
    assert next(iter(choices(Recognizer.load(run)))) == "run"


# Labels


def test_a_files_labels_lie_beside_it_or_are_given(run):
    assert Recognizer.load(run / "model.tflite").labels == DIGITS
    alone = run.rename(run.with_name("alone"))
    moved = alone.with_name("mine.tflite")
    shutil.copy(alone / "model.tflite", moved)
    assert Recognizer.load(moved, "0123456789").labels == DIGITS
    assert Recognizer.load(moved, list(DIGITS)).labels == DIGITS
    assert Recognizer.load(moved, alone / "labels.json").labels == DIGITS
    with pytest.raises(ModelError, match="in a labels.json beside it, or be given them") as error:
        Recognizer.load(moved)
    one_line(error, str(moved), 'labels="0123456789"')


def test_labels_that_are_given_win_and_their_file_brings_its_temperature(run):
    other = run / "other.json"
    files.write_json(other, {"characters": list(DIGITS[::-1]), "temperature": 2.5})
    found = Recognizer.load(run, other)
    assert (found.labels, found.temperature) == (DIGITS[::-1], 2.5)
    assert Recognizer.load(run, DIGITS[::-1]).temperature == 1


@pytest.mark.parametrize(
    ("labels", "received"),
    [
        ("012345678", "have 9 classes"),
        ("0123456789A", "have 11 classes"),
        ("0123456788", "Received: '8' twice"),
        ([0, 1], r"Received: \[0, 1\]"),
        (7, "Received: 7"),
        ("", "have 0 classes"),
        (Path("nowhere.json"), "There is no file nowhere.json"),
    ],
)
def test_labels_that_do_not_fit_are_told(run, labels, received):
    with pytest.raises(ModelError, match=received) as error:
        Recognizer.load(run / "model.tflite", labels)
    one_line(error)


# LiteRT files of other forms


def exported(path: Path, *, shape=(28, 28), dtype="uint8", ends="softmax", outputs=1) -> Path:
    """A tiny network of another form, as LiteRT."""
    import keras

    inputs = keras.Input(shape, dtype=dtype)
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    out = [keras.layers.Dense(10, activation=ends)(flat) for _ in range(outputs)]
    keras.Model(inputs, out).export(str(path), format="litert", verbose=False)
    return path


def exported_for(path: Path, batch: int) -> Path:
    """A network for so many pictures at a time, as LiteRT."""
    import tensorflow as tf

    weights = np.random.default_rng(0).normal(0, 0.01, (784, 10)).astype(np.float32)

    def call(pictures):
        flat = tf.reshape(tf.cast(pictures, tf.float32) / 255, (batch, 784))
        return tf.nn.softmax(flat @ weights)

    function = tf.function(call).get_concrete_function(tf.TensorSpec((batch, 28, 28), tf.uint8))
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
    return path


@pytest.mark.parametrize(
    ("form", "received"),
    [
        ({"shape": (32, 32)}, r"Received: uint8 \(n, 32, 32\)"),
        ({"shape": (28, 28, 1)}, r"Received: uint8 \(n, 28, 28, 1\)"),
        ({"dtype": "float32"}, r"Received: a network of float32 \(n, 28, 28\)"),
        ({"outputs": 2}, "must have one input and one output. Received: 1 and 2"),
        ({"ends": None}, "must give probabilities"),
        ({"ends": "sigmoid"}, "must give probabilities"),
    ],
)
def test_a_network_of_another_form_is_told(tmp_path, form, received):
    trained.run()  # so that Keras is imported without its chatter
    path = exported(tmp_path / "other.tflite", **form)
    with pytest.raises(ModelError, match=received) as error:
        Recognizer.load(path, DIGITS)
    one_line(error, str(path))


def test_a_network_for_one_picture_at_a_time_reads_many(tmp_path):
    trained.run()
    path = exported_for(tmp_path / "single.tflite", 1)
    pictures = trained.data().validation.images[:21]
    recognizer = Recognizer.load(path, DIGITS)
    together = recognizer.predict(pictures)
    alone = [recognizer.predict(pictures[i : i + 1])[0] for i in range(21)]
    assert together.shape == (21, 10)
    np.testing.assert_array_equal(together, alone)


def test_a_network_for_some_pictures_at_a_time_is_told(tmp_path):
    trained.run()
    path = exported_for(tmp_path / "four.tflite", 4)
    with pytest.raises(ModelError, match="number of pictures, or one. Received: a network for 4"):
        Recognizer.load(path, DIGITS)


def test_a_file_that_is_replaced_while_it_is_used_changes_no_answer(run):
    pictures = trained.data().validation.images[:16]
    recognizer = Recognizer.load(run)
    expected = Recognizer.load(trained.run()[0]).predict(pictures)
    (run / "model.tflite").write_bytes(b"")
    np.testing.assert_array_equal(recognizer.predict(pictures), expected)


# Keras files


@pytest.fixture(scope="module")
def converted(tmp_path_factory) -> tuple[Path, Path, Recognizer]:
    """A lone Keras file that was read once: itself, the cache folder, what came of it."""
    folder = tmp_path_factory.mktemp("keras")
    path = folder / "mine.keras"
    shutil.copy(trained.run()[0] / "model.keras", path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCR_CACHE", str(folder / "cache"))
        return path, folder / "cache", Recognizer.load(path, "0123456789")


def test_a_keras_file_answers_as_the_run_does(converted):
    pictures = trained.data().validation.images[:20]
    expected = Recognizer.load(trained.run()[0]).predict(pictures)
    np.testing.assert_allclose(converted[2].predict(pictures), expected, atol=1e-5)


@pytest.fixture
def no_process(monkeypatch):
    """No process may be started."""

    def run(*_, **__):
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", run)


def test_a_keras_file_is_converted_once(converted, monkeypatch, tmp_path, no_process):
    path, cache, recognizer = converted
    monkeypatch.setenv("HCR_CACHE", str(cache))
    assert recognizer.path.is_relative_to(cache)
    assert Recognizer.load(path, "0123456789").path == recognizer.path
    # By its content, not by its name; labels are not part of it.
    other = tmp_path / "other.keras"
    shutil.copy(path, other)
    files.write_json(tmp_path / "labels.json", {"characters": list(DIGITS), "temperature": 2})
    found = Recognizer.load(other)
    assert (found.path, found.temperature) == (recognizer.path, 2)
    assert [each.name for each in recognizer.path.parent.iterdir()] == [recognizer.path.name]


def test_a_damaged_conversion_is_made_anew(converted, monkeypatch, tmp_path):
    path, cache, recognizer = converted
    shutil.copytree(cache, tmp_path / "cache")
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    copy = tmp_path / "cache" / recognizer.path.relative_to(cache)
    content = copy.read_bytes()
    # Still a whole LiteRT file, with other weights.
    copy.write_bytes(content[:-40000] + bytes(20000) + content[-20000:])
    assert copy.stat().st_size == len(content)

    def run(source, target, scaling):
        target.write_bytes(b"fresh")

    monkeypatch.setattr(conversion, "_run", run)
    found = conversion.converted(path)
    assert found.read_bytes() == b"fresh"
    assert list(copy.parent.iterdir()) == [found]


@pytest.mark.parametrize("content", [b"", b"<html>no</html>" * 99, b"PK\x03\x04" * 999])
def test_what_is_no_keras_file_is_told_at_once(run, no_process, content):
    (run / "model.keras").write_bytes(content)
    with pytest.raises(ModelError, match="must be a .keras file. Received: no whole arch") as error:
        Recognizer.load(run / "model.keras")
    one_line(error, str(run / "model.keras"))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_keras_file_cut_short_is_told_at_once(run, no_process, keep):
    path = run / "model.keras"
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ModelError, match="must be a .keras file. Received: no whole arch") as error:
        Recognizer.load(path)
    one_line(error, str(path))


def test_another_archive_is_told_at_once(run, no_process):
    with zipfile.ZipFile(run / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelError, match="Received: an archive without metadata.json"):
        Recognizer.load(run / "model.keras")


def rewritten(path: Path, name: str, change) -> Path:
    """The archive `path` with the member `name` changed."""
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in members.items():
            archive.writestr(each, content)
    return path


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Have a program of one line in place of the one that converts."""

    def use(line: str) -> None:
        (tmp_path / "stand_in.py").write_text(line)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setattr(conversion, "PROGRAM", "stand_in")
        monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))

    return use


def test_the_error_that_the_program_tells_is_the_users(run, tmp_path, program):
    program(f"print('chatter'); print('The rule. Received: x.'); raise SystemExit({TOLD})")
    with pytest.raises(ModelError, match=r"^The rule\. Received: x\.$"):
        Recognizer.load(run / "model.keras")
    assert list((tmp_path / "cache" / "models").iterdir()) == []


@pytest.mark.parametrize(
    ("line", "received"),
    [
        ("import tensorflow_that_is_not_there", "No module named 'tensorflow_that_is_not_there'"),
        ("raise SystemExit(9)", "exit code 9"),
        ("pass", "exit code 0"),
    ],
)
def test_a_program_that_fails_is_one_line(run, program, line, received):
    program(line)
    with pytest.raises(
        ModelError, match=f"which needs TensorFlow. Received: .*{received}"
    ) as error:
        Recognizer.load(run / "model.keras")
    one_line(error, str(run / "model.keras"), ".tflite")


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of memory on this system")
def test_a_program_that_takes_too_much_memory_is_one_line(run, program, monkeypatch):
    monkeypatch.setattr(conversion, "MEMORY", 300 << 20)
    program("bytes(400 << 20)")
    with pytest.raises(ModelError, match="300 MiB, .*Received: MemoryError") as error:
        Recognizer.load(run / "model.keras")
    one_line(error, str(run / "model.keras"), ".tflite")


def test_a_program_that_does_not_end_is_one_line(run, program, monkeypatch):
    monkeypatch.setattr(conversion, "SECONDS", 2)
    program("import time; time.sleep(1000)")
    with pytest.raises(ModelError, match="no end of it after 2 s") as error:
        Recognizer.load(run / "model.keras")
    one_line(error, str(run / "model.keras"), ".tflite")


def test_a_keras_file_that_unpacks_to_much_is_told_at_once(run, no_process, monkeypatch):
    from hcr.models import convert

    path = rewritten(run / "model.keras", "model.weights.h5", lambda old: old + bytes(4 << 20))
    monkeypatch.setattr(conversion, "MOST", 4 << 20)
    for act in (Recognizer.load, convert.load):  # which is what training begins from
        with pytest.raises(ModelError, match="bytes, unpacked") as error:
            act(path)
        one_line(error, str(path))


def test_a_cache_folder_that_cannot_be_written_is_one_line(run, tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    with pytest.raises(RunError, match="Cannot write .*models"):
        Recognizer.load(run / "model.keras")


# The program that converts


def saved(path: Path, net) -> Path:
    net.save(path)
    return path


def test_safe_mode_is_kept(tmp_path):
    from hcr.models.convert import convert, keras

    inputs = keras.Input((28, 28), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    code = keras.layers.Lambda(lambda x: x * 1.0, output_shape=(784,))(flat)
    net = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(code))
    path = saved(tmp_path / "code.keras", net)
    with pytest.raises(ModelError, match="safe mode can load. Received: .*[Ll]ambda") as error:
        convert(path, tmp_path / "model.tflite")
    one_line(error, str(path))
    assert not (tmp_path / "model.tflite").exists()


@pytest.mark.parametrize(
    ("shape", "dtype", "units", "received"),
    [
        ((28, 28, 1), "uint8", 10, r"uint8 \(None, 28, 28, 1\) to float32 \(None, 10\)"),
        ((28, 28), "float32", 10, r"float32 \(None, 28, 28\)"),
        ((32, 32), "uint8", 10, r"uint8 \(None, 32, 32\)"),
    ],
)
def test_a_keras_model_of_another_form_is_told(tmp_path, shape, dtype, units, received):
    from hcr.models.convert import convert, keras

    inputs = keras.Input(shape, dtype=dtype)
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    net = keras.Model(inputs, keras.layers.Dense(units, activation="softmax")(flat))
    path = saved(tmp_path / "other.keras", net)
    with pytest.raises(ModelError, match=received) as error:
        convert(path, tmp_path / "model.tflite")
    one_line(error, str(path))


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_a_keras_file_that_holds_no_model_is_told(tmp_path):
    from hcr.models.convert import convert, keras

    path = tmp_path / "layer.keras"
    keras.saving.save_model(keras.Sequential([keras.layers.Dense(3)]), path)
    with pytest.raises(ModelError, match="that knows its input|safe mode can load") as error:
        convert(path, tmp_path / "model.tflite")
    one_line(error, str(path))


def test_a_conversion_that_says_something_else_is_told(tmp_path, monkeypatch):
    from hcr.models import convert

    right = convert.predict
    monkeypatch.setattr(convert, "predict", lambda net, images: right(net, images)[:, ::-1])
    with pytest.raises(ModelError, match="within 0.001. Received: a difference of 0"):
        convert.convert(trained.run()[0] / "model.keras", tmp_path / "model.tflite")


def test_what_the_program_finds_wrong_is_told(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    path = rewritten(run / "model.keras", "model.weights.h5", lambda content: content[:9000])
    with pytest.raises(ModelError, match="a whole Keras model that safe mode can load") as error:
        Recognizer.load(path)
    one_line(error, str(path))
