"""How fast `hcr.recognizer` loads and answers, beside Keras' `model.predict` on one picture.

    uv run benchmarks/recognizer.py [FOLDER]

FOLDER holds model.tflite, model.keras and labels.json, as a run's does; by default it is the model
that `Recognizer.load()` gives, else outputs/quick. Printed are

- start: seconds to import `hcr.recognizer` and to load the model, each in fresh processes, and what
  the slowest imports cost;
- answer: milliseconds from strokes to the sorted answer, drawing by drawing; the drawings are
  UNIPEN's (training contributors) where `HCR_DATA` has them, else synthetic ones, which have more
  points;
- pictures: milliseconds from a picture to the answer, of 512 pixels and of a photo's 12 megapixels;
- beside Keras: the same picture to both in turn, in one process, and the ratio of each pair;
- batches: milliseconds a picture by how many are given at once to the LiteRT interpreter;
- pauses: milliseconds of one picture, 10 ms after the one before, where the machine has nothing
  else to do, and where each core has another busy process;
- precision: the same network exported with float16 and with int8 weights: size, milliseconds, and
  how far its probabilities are from float32's on the drawings.

Last measured in November 2026 with the shipped 47 classes (`hcr_pair`, 56 M multiply-adds, 8 bits a
weight, 0.86 MB) on two cores of an AMD EPYC without AMX: import and load 0.121 s (0.117 to 0.124);
UNIPEN's strokes to the sorted answer 0.53 ms (0.49 to 0.60; n = 500), of which the picture takes
0.17; `model.predict` takes 51.9 ms (50.0 to 54.2), 88 times (83 to 93) as long as
`recognizer.predict` beside it. Medians and quartiles. A picture alone is answered with one thread:
two take 0.18 ms in place of 0.28 where one call follows the other, but after a pause, as while
somebody draws, 0.76 in place of 0.45; where the machine has more to do the 99th percentile is 5.9
in place of 0.6. With int8 weights the network takes less than half the time of float32's and a
quarter of the bytes; float16 weights halve the bytes.
"""

import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from hcr import datasets
from hcr.errors import HcrError
from hcr.preprocessing import from_strokes, synthesis
from hcr.recognizer import Recognizer
from hcr.runs import environment

# Two thirds of a core, in pieces.
BUSY = """
import time
while True:
    until = time.perf_counter() + 0.006
    while time.perf_counter() < until:
        pass
    time.sleep(0.003)
"""
START = """
import json, sys, time
start = time.perf_counter()
from hcr.recognizer import Recognizer
middle = time.perf_counter()
Recognizer.load(sys.argv[1])
print(json.dumps([middle - start, time.perf_counter() - middle]))
"""
QUARTILES = 0.25, 0.5, 0.75


def main() -> None:
    """Measure and print."""
    if len(sys.argv) > 2 and sys.argv[1] == "--keras":
        return beside_keras(Path(sys.argv[2]), Path(sys.argv[3]))
    folder = chosen(sys.argv[1:])
    recognizer = Recognizer.load(folder)
    say("model", f"{folder}, {recognizer.path.stat().st_size / 1e6:.2f} MB")
    say("machine", environment.hardware())
    start(folder)
    drawings = some_drawings()
    recognizer.read_strokes(drawings[0])
    say("answer", spread(timed(lambda i: recognizer.read_strokes(drawings[i]), len(drawings))))
    pictures = np.stack([from_strokes(each) for each in drawings])
    photos(recognizer, pictures[:20])
    batches(recognizer.path, pictures)
    pauses(recognizer.path, pictures)
    with tempfile.TemporaryDirectory() as aside:
        np.save(Path(aside) / "pictures.npy", pictures)
        command = [sys.executable, __file__, "--keras", str(folder), aside]
        subprocess.run(command, check=True)


def chosen(arguments: list[str]) -> Path:
    """The folder of the model to measure."""
    if arguments:
        return Path(arguments[0]).resolve()
    try:
        return Recognizer.load().path.parent
    except HcrError:
        return environment.root() / "outputs" / "quick"


def start(folder: Path) -> None:
    """Import and load, in seconds, nine times."""
    command = [sys.executable, "-c", START, str(folder)]
    found = [
        json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        for _ in range(9)
    ]
    for name, values in zip(("import", "load"), np.transpose(found), strict=True):
        say(f"start, {name} (s)", spread(values))
    say("start, both (s)", spread(np.sum(found, axis=1)))
    command = [sys.executable, "-X", "importtime", "-c", START, str(folder)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    lines = [line.split("|") for line in text.splitlines()[1:] if line.count("|") == 2]
    times = {name.strip(): int(total) / 1000 for _, total, name in lines if total.strip().isdigit()}
    tops = (
        "numpy",
        "ai_edge_litert.interpreter",
        "hcr.runs.environment",
        "hcr.preprocessing",
        "hcr.runs.files",
    )
    say("of the import (ms)", {name: times[name] for name in tops if name in times})


def some_drawings() -> list[list[np.ndarray]]:
    """500 drawings."""
    try:
        strokes = datasets.load("unipen").train.strokes
    except HcrError:
        say("drawings", "synthetic")
        return [synthesis.character("0123456789abdefghnqrt"[i % 21], i) for i in range(500)]
    say("drawings", "UNIPEN, training contributors")
    indices = np.random.default_rng(0).choice(len(strokes), 500, replace=False)
    return [strokes[int(i)] for i in indices]


def photos(recognizer: Recognizer, pictures: np.ndarray) -> None:
    """Milliseconds from a picture, dark on light and noisy, to the answer."""
    rng = np.random.default_rng(0)
    for name, side in (("512 pixels", 512), ("12 megapixels, JPEG", 3464)):
        files = []
        for picture in pictures if side == 512 else pictures[:5]:
            large = np.asarray(Image.fromarray(230 - picture // 2).resize((side, side)), np.int16)
            noisy = np.clip(large + rng.integers(-4, 5, large.shape), 0, 255).astype(np.uint8)
            file = io.BytesIO()
            Image.fromarray(noisy).convert("RGB").save(file, "JPEG" if side > 512 else "BMP")
            files.append(file.getvalue())
        times = timed(lambda i, files=files: recognizer.recognize(files[i]), len(files))
        say(f"pictures, {name}", spread(times))


def batches(path: Path, pictures: np.ndarray) -> None:
    """Milliseconds a picture, by the number of pictures at once and of threads."""
    for threads in sorted({1, environment.cores()}):
        found = {}
        for n in (1, 2, 4, 8, 16, 32, 64, 256):
            run = interpreter(path, n, threads)
            repeats = max(5, 256 // n)
            times = timed(lambda i, n=n, run=run: run(pictures[:n]), repeats)
            found[n] = float(np.median(times)) / n
        say(f"batches, {threads} threads (ms a picture)", found)


def pauses(path: Path, pictures: np.ndarray) -> None:
    """Milliseconds of one picture where a while has passed since the last, by threads."""
    for others in (0, environment.cores()):
        busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(others)]
        try:
            for threads in sorted({1, environment.cores()}):
                run = interpreter(path, 1, threads)
                found = []
                for _ in range(300):
                    time.sleep(0.01)
                    found += timed(lambda _, run=run: run(pictures[:1]), 1)
                middle, high = np.quantile(found, (0.5, 0.99))
                told = {"median": float(middle), "99th percentile": float(high)}
                say(f"after a pause, {threads} threads, {others} others (ms)", told)
        finally:
            for each in busy:
                each.kill()
                each.wait()


def interpreter(path: Path, n: int, threads: int):
    """A function of n pictures."""
    from ai_edge_litert.interpreter import Interpreter

    with environment.quiet_stderr():
        found = Interpreter(model_path=str(path), num_threads=threads)
        entry, end = found.get_input_details()[0]["index"], found.get_output_details()[0]["index"]
        found.resize_tensor_input(entry, (n, 28, 28))
        found.allocate_tensors()

    def run(pictures: np.ndarray) -> np.ndarray:
        found.set_tensor(entry, pictures)
        found.invoke()
        return found.get_tensor(end)

    return run


def beside_keras(folder: Path, aside: Path) -> None:
    """What needs TensorFlow, in a process of its own."""
    from hcr.models.backend import keras  # isort: skip
    import tensorflow as tf

    pictures = np.load(aside / "pictures.npy")
    with environment.quiet_stderr():
        net = keras.saving.load_model(folder / "model.keras", compile=False)
    recognizer = Recognizer.load(folder)
    ours, theirs = [], []
    for i in range(-3, 60):
        one = pictures[i : i + 1] if i >= 0 else pictures[:1]
        pair = (
            timed(lambda _, one=one: recognizer.predict(one), 1)[0],
            timed(lambda _, one=one: net.predict(one, verbose=0), 1)[0],
        )
        if i >= 0:
            ours.append(pair[0])
            theirs.append(pair[1])
    say("beside Keras, recognizer.predict", spread(ours))
    say("beside Keras, model.predict", spread(theirs))
    say("beside Keras, ratio of each pair", spread(np.array(theirs) / ours, "times"))
    kinds = {
        "float32": {},
        "float16 weights": {"target_spec": {"supported_types": [tf.float16]}},
        "int8 weights": {},
    }
    expected = None
    for name, options in kinds.items():
        if name != "float32":
            options["optimizations"] = [tf.lite.Optimize.DEFAULT]
        path = aside / f"{name.split()[0]}.tflite"
        with environment.quiet_stderr():
            net.export(str(path), format="litert", verbose=False, **options)
        other = Recognizer.load(path, recognizer.labels)
        found = other.predict(pictures)
        expected = found if expected is None else expected
        times = timed(lambda i, other=other: other.predict(pictures[i : i + 1]), 300)
        facts = {
            "MB": path.stat().st_size / 1e6,
            "ms": spread(times),
            "largest difference": float(np.abs(found - expected).max()),
            "other answers": int((found.argmax(1) != expected.argmax(1)).sum()),
            "of": len(pictures),
        }
        say(f"precision, {name}", facts)


def timed(run, times: int) -> list[float]:
    """The milliseconds of each call `run(i)`."""
    found = []
    for i in range(times):
        begin = time.perf_counter()
        run(i)
        found.append(1000 * (time.perf_counter() - begin))
    return found


def spread(values, unit: str = "") -> str:
    """The median and the quartiles."""
    low, middle, high = np.quantile(values, QUARTILES)
    return f"{middle:.3g}{unit and ' '}{unit} ({low:.3g} to {high:.3g}; n = {len(values)})"


def say(what: str, found) -> None:
    """Print one line."""
    if isinstance(found, dict):
        found = {k: float(f"{v:.3g}") if isinstance(v, float) else v for k, v in found.items()}
        found = json.dumps(found)
    print(f"{what}: {found}", flush=True)


if __name__ == "__main__":
    main()
