"""Trains a network that ships with the package, and puts it there.

    HCR_DATA=FOLDER uv run python benchmarks/pretrained.py NAME

NAME is a key of `NETWORKS`. The command runs the params file behind it, as `run_all.py` does (so a
training that was interrupted goes on, and a finished one is kept), writes the network with weights
of 8 bits where that costs nothing on validation, and fills `hcr/pretrained/NAME/`: `model.tflite`,
`labels.json`, `card.md`, and for the first one `model.keras`, without the optimizer's state.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hcr import datasets, runs
from hcr.errors import ModelError, nearest
from hcr.evaluation import metrics
from hcr.pipeline.card import card
from hcr.recognizer import PRETRAINED, Recognizer
from hcr.runs import environment, files

# Points of class-balanced validation accuracy that weights of 8 bits may cost.
COST = 0.05


@dataclass(frozen=True)
class Network:
    """One that ships.

    Attributes:
        params: Its file in `params/`, without the ending.
        about: What it is, for its card.
        overrides: What is asked for besides the file, as `-p` takes it.
        before: The files, without the ending, of the networks before it, in their order, and
            those of them that each begins from: each is a run of the same name.
        begins: Those of them that its own training begins from.
        keras: Whether the Keras model ships, too.
        readings: For its card, what of the test split was read before, and what that chose.
    """

    params: str
    about: str
    overrides: tuple[str, ...] = ()
    before: dict[str, tuple[str, ...]] = field(default_factory=dict)
    begins: tuple[str, ...] = ()
    keras: bool = False
    readings: str = ""


NETWORKS = {
    "emnist": Network(
        "emnist",
        "The 47 classes of EMNIST, read as if every character were equally likely.",
        before={
            "hcr_net_pen": (),
            "emnist_first": ("hcr_net_pen",),
            "emnist_second": ("emnist_first",),
        },
        begins=("emnist_first", "emnist_second"),
        keras=True,
        readings="It had been read for two networks before this one, of which the second is half "
        "of it: nothing was chosen by that.",
    ),
    "mnist": Network("mnist", "Digits, 10 classes."),
    "mnist_nist_all": Network(
        "mnist_nist_all",
        "Digits and capitals, 36 classes; learned from all there is, so that it knows how frequent "
        "each was. Beside mnist_nist_1000 it shows what balance buys.",
        ("shared.dataset=mnist+emnist-upper-local",),
    ),
    "mnist_nist_1000": Network(
        "mnist_nist_1000",
        "Digits and capitals, 36 classes; learned from at most 1,000 pictures of a class, "
        "drawn at random, 25,805 in all. Beside mnist_nist_all it shows what balance buys.",
        ("shared.dataset=mnist+emnist-upper-local",),
    ),
}


def ship(name: str) -> Path:
    """Train the network `name` where its run does not stand, and put it into the package.

    Returns:
        The folder that was filled.

    Raises:
        ModelError: There is no such network, or its run failed.
    """
    if name not in NETWORKS:
        raise ModelError(f"No network {name!r} ships.{nearest(name, NETWORKS)}")
    network = NETWORKS[name]
    for each, begins in network.before.items():
        _run(name, each, each, ["--to", "03_train", *_beginning_from(*begins)])
    given = _beginning_from(*network.begins)
    given += [word for override in network.overrides for word in ("-p", override)]
    _run(name, network.params, f"shipped_{name}", given)
    run = runs.outputs() / f"shipped_{name}"
    folder = PRETRAINED[name]
    aside = folder.with_name(f".{name}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    costs = write_weights(run, aside, keras=network.keras)
    known = files.read_json(run / "labels.json")
    # Where training began is a folder of this machine; the digests are of the run's files.
    for key in ("start", "sha256", "seal"):
        known.pop(key, None)
    files.write_json(aside / "labels.json", known)
    write_card(name, aside, costs)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    return folder


def write_card(name: str, folder: Path, costs: dict[str, Any]) -> None:
    """Write the card of the network in `folder`, whose runs stand; `costs` of `write_weights`."""
    network, out = NETWORKS[name], runs.outputs()
    steps = [out / each for each in (*network.before, f"shipped_{name}")]
    found = files.read_json(steps[-1] / "metrics.json")
    seconds = [
        files.read_json(each / "metrics.json")["03_train"]["training_seconds"] for each in steps
    ]
    found["03_train"]["training_seconds"] = sum(seconds)
    record = runs.read(steps[-1])
    record["commit"] = ", ".join(str(runs.read(each).get("commit"))[:12] for each in steps)
    text = card(name, network, record, found, costs, folder / "model.tflite")
    (folder / "card.md").write_text(text, encoding="utf-8", newline="\n")


def _beginning_from(*names: str) -> list[str]:
    """What tells a run to begin from other runs, wherever runs lie."""
    folders = ",".join(str(runs.outputs() / each) for each in names)
    return ["-p", f"03_train.start={folders}"] if names else []


def _run(name: str, params: str, run: str, given: list[str]) -> None:
    """A run behind the network `name`. Raises `ModelError` where it fails."""
    script = environment.root() / "run_all.py"
    command = [sys.executable, script, f"params/{params}.yaml", "--run", run, *given]
    done = subprocess.run(command, cwd=script.parent, check=False)
    if done.returncode:
        raise ModelError(
            f"The run behind {name} must end well. Received: exit code {done.returncode}. "
            "Mend what is printed above, and start again."
        )


def write_weights(run: Path, folder: Path, *, keras: bool) -> dict[str, Any]:
    """Write the run's network into `folder`; with 8 bits a weight if validation allows it.

    Returns:
        bits, 8 or 32, and what was measured on the run's validation split: `n`, and the
        class-balanced accuracy with 32 bits, `whole`, and with 8, `small`.
    """
    from hcr.models.convert import load
    from hcr.models.training import export_small

    small = folder / "model.tflite"
    export_small(load(run / "model.keras"), small)
    about = runs.read(run)["data"]
    split = datasets.load(about["name"]).validation
    found: dict[str, Any] = {"n": len(split)}
    labels = run / "labels.json"
    for what, path in (("whole", run / "model.tflite"), ("small", small)):
        answers = Recognizer.load(path, labels).predict(split.images)
        predicted = answers.argmax(axis=1)
        found[what] = metrics.balanced_accuracy(split.labels, predicted, about["classes"])
    found["bits"] = 8 if 100 * (found["whole"] - found["small"]) <= COST else 32
    if found["bits"] == 32:
        shutil.copyfile(run / "model.tflite", small)
    if keras:
        shutil.copyfile(run / "model.keras", folder / "model.keras")
    return found
