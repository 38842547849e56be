"""The levers of training, one at a time: what each gives in a short run, on validation alone.

    HCR_DATA=FOLDER uv run benchmarks/levers.py [--model hcr_small] [--steps 1500] [--seeds 0]
        [--set key=value ...] [--levers NAME ...] [--file levers.jsonl] [--dataset emnist-subset]

Each training makes as many steps of as many images, with the same first weights, the same order
and the same draws of dropout, and is asked about the validation split at its end; the test split
stays closed. Every finished training is a line of FILE, so a command that was stopped goes on where
it stood, and one with more seeds or levers trains what lacks. --set changes the recipe that all
levers are pulled on.

The answers are judged twice: as they are, and with the training prior taken out afterwards (logit
adjustment), because much of what a lever gives to class-balanced accuracy on data whose classes are
of unequal size may be had for nothing by that. `balanced_softmax` took it out while training.
Intervals are for 95 % and hold the draw of the validation images and, with several seeds, the
seeds; those of the differences are of the same images read by both networks. Times are processor
seconds, which other programs on the machine disturb less; they hold the building of the graph.

A lever that slows learning down, as augmentation does, loses in a short run and may win in a long
one: these tables cannot say.

Measured on emnist-subset, hcr_small, 1,500 steps of 128 (1.5 passes over the data), seed 0,
n = 14,145, class-balanced accuracy with the prior taken out, and the difference from the baseline;
two cores of a virtual machine (AMD EPYC, no AMX) that other programs used as well, so that times
are left out:

    baseline           86.4 (85.6 to 87.1)
    no augmentation    86.9   +0.5 (-0.1 to +1.1)     balanced_softmax   86.5   +0.1 (-0.3 to +0.5)
    weight_decay       86.7   +0.3 ( 0.0 to +0.6)     label_smoothing    86.0   -0.4 (-1.0 to +0.1)
    ema                86.4    0.0 (-0.1 to +0.2)

(docs/levers.md has five more, among them mixup and CutMix, which lost and went.)

As it answers, the baseline has 82.9 (82.1 to 83.6): taking the prior out is worth 3.5 points, more
than any lever in so short a run.
"""

import argparse
import ast
import json
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from hcr import datasets, models
from hcr.datasets import balancing
from hcr.evaluation import seed_interval
from hcr.runs import environment, files

BASELINE = "baseline"
RECIPE = {"epochs": 1, "batch_size": 128, "learning_rate": 2e-3, "augmentation": "affine"}
LEVERS = {
    BASELINE: {},
    "no augmentation": {"augmentation": "none"},
    "pen": {"augmentation": "pen"},
    "ema": {"ema": 0.999},
    "label_smoothing": {"label_smoothing": 0.1},
    "balanced_softmax": {"loss": "balanced_softmax"},
    "weight_decay": {"weight_decay": 0.05},
    "bfloat16": {"precision": "mixed_bfloat16"},
}


def main(asked: argparse.Namespace) -> None:
    """Train what lacks, a line each, and print the table."""
    data = datasets.load(asked.dataset, seed=0)
    common = {**RECIPE, "model": asked.model, **dict(map(_setting, asked.set))}
    names = [BASELINE, *(name for name in asked.levers if name != BASELINE)]
    found = _read(asked.file)
    for seed in asked.seeds:
        for name in names:
            recipe = models.Recipe(**{**common, "seed": seed, **LEVERS[name]})
            key = _key(recipe, data, asked.steps)
            if key not in found:
                print(f"{name}, seed {seed}", flush=True)
                found[key] = line = {"key": key, "lever": name, **_train(recipe, data, asked.steps)}
                with asked.file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
    hardware = environment.facts()["hardware"]
    print(
        f"\n{asked.model}, {asked.steps:,} steps of {common['batch_size']}, {asked.dataset}: "
        f"{len(data.train):,} training images, n = {len(data.validation):,} of validation, "
        f"seeds {', '.join(map(str, asked.seeds))}; {hardware['processor']}, "
        f"{hardware['cores']} cores, bfloat16: {'yes' if hardware['bfloat16'] else 'no'}; set: "
        f"{' '.join(asked.set) or 'nothing'}"
    )
    print(f"{'class-balanced, %':18}{'as it answers':>23}{'prior taken out':>23}", end="")
    print(f"{'against the baseline':>25}{'time':>7}")
    base = _lines(found, common, BASELINE, data, asked)
    for name in names:
        lines = _lines(found, common, name, data, asked)
        plain, taken = (_right(lines, kind, data) for kind in ("right", "adjusted"))
        ratio = sum(each["seconds"] for each in lines) / sum(each["seconds"] for each in base)
        against = taken - _right(base, "adjusted", data)
        print(
            f"{name:18}{_text(plain, data):>23}{_text(taken, data):>23}"
            f"{_text(against, data, '+'):>25}{ratio:6.2f}x"
        )


def _train(recipe: models.Recipe, data: datasets.Dataset, steps: int) -> dict:
    """One training: which validation images were read right, bit by bit, and the seconds."""
    n_classes, plan = len(data.characters), balancing.plan(data.train.labels)
    recipe = replace(recipe, steps_per_epoch=steps)
    begun, process = time.perf_counter(), time.process_time()
    net = models.train(data, recipe, plan).net
    seconds = time.process_time() - process
    wall = time.perf_counter() - begun
    answers = models.predict(net, data.validation.images)
    shares = balancing.prior(plan.counts(data.train.labels, n_classes))
    without = recipe.loss == "balanced_softmax"
    taken = answers if without else answers / np.where(shares > 0, shares, 1)
    right = [each.argmax(axis=1) == data.validation.labels for each in (answers, taken)]
    print(f"  {wall:.0f} s, val_accuracy {right[0].mean():.4f}", flush=True)
    packed = [np.packbits(each).tobytes().hex() for each in right]
    return {"seconds": seconds, "wall": wall, "right": packed[0], "adjusted": packed[1]}


def _key(recipe: models.Recipe, data: datasets.Dataset, steps: int) -> str:
    code = _code(recipe.model)
    return files.digest(vars(recipe), data.train.digest, data.validation.digest, steps, code)


@cache
def _code(model: str) -> str:
    """The digest of the code that was imported: read once, as it may be edited meanwhile."""
    return models.code_digest(model)


def _read(path: Path) -> dict[str, dict]:
    """The finished trainings of the file, by key; a line that was cut short is left out."""
    found = {}
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            line = json.loads(text)
            found[line["key"]] = line
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _lines(found: dict, common: dict, name: str, data: datasets.Dataset, asked) -> list[dict]:
    recipes = [models.Recipe(**{**common, "seed": s, **LEVERS[name]}) for s in asked.seeds]
    return [found[_key(recipe, data, asked.steps)] for recipe in recipes]


def _right(lines: list[dict], kind: str, data: datasets.Dataset) -> np.ndarray:
    """Which images were read right, float (seeds, n)."""
    packed = [np.frombuffer(bytes.fromhex(line[kind]), np.uint8) for line in lines]
    return np.array([np.unpackbits(each)[: len(data.validation)] for each in packed], float)


def _text(values: np.ndarray, data: datasets.Dataset, sign: str = "") -> str:
    """The class-balanced mean of `values` and its interval, in points."""
    weights = np.full(len(data.characters), 1 / len(data.characters))
    scale = (-1.0, 1.0) if sign else (0.0, 1.0)
    mean, low, high = seed_interval(values, data.validation.labels, weights, scale)
    return f"{100 * mean:{sign}.2f} ({100 * low:{sign}.1f} to {100 * high:{sign}.1f})"


def _setting(text: str) -> tuple[str, object]:
    key, _, value = text.partition("=")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="hcr_small")
    parser.add_argument("--dataset", default="emnist-subset")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", nargs="*", default=[], metavar="key=value")
    parser.add_argument("--levers", nargs="+", default=list(LEVERS), choices=list(LEVERS))
    parser.add_argument("--file", type=Path, default=Path("levers.jsonl"))
    main(parser.parse_args())
