"""Trains a pretrained model, and puts it into the package.

    HCR_DATA=FOLDER uv run python benchmarks/pretrained.py NAME ...

NAME is a key of `MODELS`. The command runs the params file behind it, as `run_all.py` does (so an
interrupted training is resumed, and a finished one kept), writes the model with weights of 8 bits
where that costs nothing on validation, and fills `hcr/pretrained/NAME/`: `model.tflite`,
`labels.json`, `card.md`, `learned.npz`, `familiar.npz`, and for the first one `model.keras`.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hcr import datasets, evaluation, models, runs
from hcr.datasets import leaks
from hcr.datasets.choice import DataChoice, choice_of
from hcr.errors import HcrError, ModelError, nearest
from hcr.evaluation.robustness import KINDS
from hcr.recognizer import Recognizer
from hcr.runs import environment, files

COST = 0.05  # points of class-balanced validation accuracy that weights of 8 bits may cost
FOLDER = environment.root() / "hcr" / "pretrained"
LIMITS = """\
It recognizes one character at a time, upright, and always answers with one of its classes: a word,
a punctuation mark or a scribble is recognized as the character that is least unlike it. It was
trained on the handwriting of people in the United States around 1990{pen}, and knows other ways to
write a character (a seven with a bar, a one with a long upstroke) only as far as they wrote them.
Nobody should be judged, graded or identified by it. It warns of much that is no character, not of
all: docs/recognizer.md has the figures."""


@dataclass(frozen=True)
class Pretrained:
    """A model of the package.

    Attributes:
        params: Its file in `params/`, without the ending.
        about: What it is, for its card.
        overrides: Parameters beside the file, as `-p` takes them.
        parents: The runs before it, each of a params file of that name, in their order; and those
            of them that each starts from.
        start: Those of them that its own training starts from.
        keras: Whether the Keras model is kept, too.
        openings: For its card: when the test split was read before, and what that chose.
        history: For its card: the figures of the model that it has replaced.
    """

    params: str
    about: str
    overrides: tuple[str, ...] = ()
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    start: tuple[str, ...] = ()
    keras: bool = False
    openings: str = ""
    history: str = ""


OPENED = (
    "It had been read for one model before, for which only the digits were resampled: on "
    "validation its capitals lost 11 to 18 points as pictures, so all images are resampled now."
)
REFRAMED = ("01_eda.dataset=mnist+emnist-upper-local", "01_eda.framing=emnist")
BEFORE = """
Until version 0.1 this was a model of the images in their original framing, digits in MNIST's and
capitals in EMNIST's, so that size alone told them apart, and no picture fitted both. Its figures,
on the test split in that framing, n = 14,091: accuracy {}, class-balanced {}.
"""
MODELS = {
    "emnist": Pretrained(
        "emnist",
        "The 47 classes of EMNIST, predicted as if every character were equally likely.",
        parents={
            "hcr_net_pen": (),
            "emnist_first": ("hcr_net_pen",),
            "emnist_second": ("emnist_first",),
        },
        start=("emnist_first", "emnist_second"),
        keras=True,
        openings="It had been read for two models before this one, of which the second is half "
        "of it: nothing was chosen by that.",
    ),
    "mnist": Pretrained("mnist", "Digits, 10 classes."),
    "mnist_nist_all": Pretrained(
        "mnist_nist_all",
        "Digits and capitals, 36 classes; trained on all images, so that it knows how frequent "
        "each class was. Beside mnist_nist_1000 it shows what balancing buys.",
        REFRAMED,
        openings=OPENED,
        history=BEFORE.format("97.31 % (97.03 % to 97.56 %)", "93.96 % (93.17 % to 94.74 %)"),
    ),
    "mnist_nist_1000": Pretrained(
        "mnist_nist_1000",
        "Digits and capitals, 36 classes; trained on at most 1,000 images of a class, "
        "drawn at random, 25,805 in all. Beside mnist_nist_all it shows what balancing buys.",
        REFRAMED,
        openings=OPENED,
        history=BEFORE.format("95.38 % (95.02 % to 95.71 %)", "93.01 % (92.27 % to 93.84 %)"),
    ),
}


def make(name: str) -> Path:
    """Train the model `name` where its run does not stand, and put it into the package.

    Returns the folder that was filled. Raises `ModelError` where a run failed.
    """
    if name not in MODELS:
        raise ModelError(f"There is no pretrained model {name!r}.{nearest(name, MODELS)}")
    model, run = MODELS[name], runs.outputs() / f"shipped_{name}"
    for parent, start in model.parents.items():
        train(parent, parent, ["--to", "03_train", *start_from(*start)])
    overrides = [word for override in model.overrides for word in ("-p", override)]
    train(model.params, run.name, [*start_from(*model.start), *overrides])
    folder, aside = FOLDER / name, FOLDER / f".{name}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    cost = write_weights(run, aside, keras=model.keras)
    labels = files.read_json(run / "labels.json")
    # The start is a folder of this machine; the digests are of the run's files.
    for key in ("start", "sha256", "seal"):
        labels.pop(key, None)
    files.write_json(aside / "labels.json", labels)
    parents = [runs.outputs() / parent for parent in model.parents]
    shown = by_kind(Recognizer.load(aside), datasets.load(choice_of(run).dataset), choice_of(run))
    text = card(name, [*parents, run], cost, aside / "model.tflite", shown)
    files.write_text(aside / "card.md", text)
    data = choice_of(run).load()
    leaks.write_learned(aside, data, parents=parents)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    # It loads the model by its name: in its place.
    script = Path(__file__).with_name("unfamiliar.py")
    subprocess.run([sys.executable, script, name, "--write"], check=True)
    return folder


def start_from(*names: str) -> list[str]:
    """The words that let a run start from other runs, wherever runs lie."""
    folders = ",".join(str(runs.outputs() / name) for name in names)
    return ["-p", f"03_train.start={folders}"] if names else []


def train(params: str, run: str, words: list[str]) -> None:
    """A run. Raises `ModelError` where it fails."""
    script = environment.root() / "run_all.py"
    command = [sys.executable, script, f"params/{params}.yaml", "--run", run, *words]
    code = subprocess.run(command, cwd=script.parent, check=False).returncode
    if code:
        raise ModelError(f"The run {run} must end well. Received: exit code {code}. See above.")


def write_weights(run: Path, folder: Path, *, keras: bool) -> dict[str, Any]:
    """Write the run's model into `folder`; with 8 bits a weight if validation allows it.

    Returns bits, 8 or 32, and the class-balanced validation accuracy of 32 bits, `whole`, and of
    8, `small`.
    """
    import tensorflow as tf  # here, because it takes seconds

    small, labels = folder / "model.tflite", run / "labels.json"
    net, options = models.load(run / "model.keras"), {"optimizations": [tf.lite.Optimize.DEFAULT]}
    net.export(str(small), format="litert", verbose=False, **options)
    split = choice_of(run).load().validation
    cost: dict[str, Any] = {}
    for key, path in (("whole", run / "model.tflite"), ("small", small)):
        predicted = Recognizer.load(path, labels).predict(split.images).argmax(axis=1)
        cost[key] = evaluation.balanced_accuracy(split.labels, predicted)
    cost["bits"] = 8 if 100 * (cost["whole"] - cost["small"]) <= COST else 32
    if cost["bits"] == 32:
        shutil.copyfile(run / "model.tflite", small)
    if keras:
        shutil.copyfile(run / "model.keras", folder / "model.keras")
    return cost


def by_kind(recognizer: Recognizer, original: datasets.Dataset, choice: DataChoice) -> str:
    """What is right of the validation split by kind of character, and of 0 and O: Markdown.

    Arrays are in the framing of `choice`. A picture is an image of the `original`, as a file of it
    would be read.
    """
    split, names = choice.load().validation, np.array(original.characters)
    true, best = names[split.labels], {}
    best["arrays"] = np.array(recognizer.labels)[recognizer.predict(split.images).argmax(axis=1)]
    for key, change in (("light on dark", 0), ("dark on light", 255)):
        pictures = np.abs(change - original.validation.images.astype(int)).astype(np.uint8)
        best[key] = np.array([recognizer.recognize(picture).best for picture in pictures])
    kinds = {"all": original.characters, **KINDS, "0": "0", "O": "O"}
    lines = [f"| validation | n | {' | '.join(best)} |", "|---|---|" + "---|" * len(best)]
    for kind, characters in kinds.items():
        those = np.isin(true, list(characters))
        cells = [percent((each == true)[those].mean()) for each in best.values()]
        if kind in ("0", "O"):
            other = "O0"["0O".index(kind)]
            share = [percent((each == other)[those].mean()) for each in best.values()]
            cells = [f"{a}, as {other} {b}" for a, b in zip(cells, share, strict=True)]
        if those.any():
            lines.append(f"| {kind} | {those.sum():,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def card(name: str, steps: list[Path], cost: dict[str, Any], litert_file: Path, shown: str) -> str:
    """The model card, Markdown: data, protocol, scores, limits, licenses, how to rebuild it.

    Args:
        name: A key of `MODELS`.
        steps: The folders of its parents' runs and of its own, the last.
        cost: What `write_weights` returns.
        litert_file: The model in the package.
        shown: A table of `by_kind`.
    """
    model, record, metrics = MODELS[name], runs.read(steps[-1]), runs.read_metrics(steps[-1])
    data, training, hardware = record["data"], metrics["03_train"], record["hardware"]
    minutes = sum(runs.read_metrics(step)["03_train"]["training_seconds"] for step in steps) / 60
    commits = ", ".join(str(runs.read(step).get("commit"))[:12] for step in steps)
    counts, test = data["counts"], metrics["04_evaluate"]
    cells = [
        f"{percent(test[key])} ({percent(test[f'{key}_low'])} to {percent(test[f'{key}_high'])})"
        for key in ("accuracy", "balanced_accuracy")
    ]
    caveat = f" ({data['caveat']})" if data["caveat"] else ""
    openings = f" {model.openings}" if model.openings else ""
    pen = ", and of UNIPEN's contributors" if "unipen" in data["name"] else ""
    return f"""\
# {name}

{model.about}

- **Characters**, in the order of the outputs: `{data["characters"]}`
- **Network**: `{record["stages"]["03_train"]["parameters"]["model"]}`, \
{training["parameters"]:,} parameters, {training["multiply_adds"]:,} multiply-adds an image; \
{cost["bits"]} bits a weight (class-balanced on validation {percent(cost["small"])} with 8 bits, \
{percent(cost["whole"])} with 32).
- **Data**: {data["title"]}; {counts["train"]:,} images to train, {counts["validation"]:,} to \
choose, {counts["test"]:,} to test{caveat}. Digest {data["digest"][:12]}.
- **Protocol**: epoch and temperature were chosen on the validation split; the test split was read \
once for this model, at the end.{openings}
- **Rebuilt by**: `HCR_DATA=FOLDER uv run python benchmarks/pretrained.py {name}`; \
{hardware["processor"]}, {hardware["cores"]} cores, {minutes:.0f} min of training, commit \
{commits}, TensorFlow {record["versions"]["tensorflow"]}, Keras {record["versions"]["keras"]}.

## Figures

| split | n | accuracy | class-balanced |
|---|---|---|---|
| test | {test["n"]:,} | {cells[0]} | {cells[1]} |
| validation | {counts["validation"]:,} | {percent(training["val_accuracy"])} | \
{percent(training["val_balanced_accuracy"])} |

One seed. Intervals are of 95 % and cover the draw of the images, not that of the seed.

By kind, as arrays of the dataset, and as pictures of its images in their original framing:

{shown}
{model.history}{drawings(litert_file)}
## Limits

{LIMITS.format(pen=pen)}

## Licenses

The weights: MIT, as this package. The training data: {data["licence"]}.

{data["citation"]}
"""


def drawings(litert_file: Path) -> str:
    """What `benchmarks/drawings.py` measured of this model, if it did."""
    path = environment.root() / "docs" / "results" / "drawings.json"
    scores = files.read_json(path) if path.is_file() else {}
    if scores.get("model") != files.sha256(litert_file):
        return ""
    rows = []
    for placement, shares in scores["placements"].items():
        cells = [f"{percent(m)} ({percent(a)} to {percent(b)})" for m, a, b in shares.values()]
        rows.append(f"| {placement} | {' | '.join(cells)} |")
    weakest = scores["weakest"]
    return "\n".join(
        [
            "\n## Pen drawings\n",
            f"UNIPEN's contributors {', '.join(scores['contributors'])}, n = {scores['n']:,}, none "
            "of whom it learned from; means over contributors, each counting the same:\n",
            "| drawn | right but for case | right among the first three |\n|---|---|---|",
            *rows,
            f"\nAmong {weakest['kind']} of {weakest['contributor']} it is weakest: "
            f"{percent(weakest['folded'])} right but for case.\n",
        ]
    )


def percent(share: float) -> str:
    """Two digits, as in the card."""
    return f"{100 * share:.2f} %"


def main(names: list[str]) -> int:
    """Make the models that are named; the exit code."""
    try:
        for name in names:
            print(f"{name}: {runs.shown(make(name))}", flush=True)
    except HcrError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
