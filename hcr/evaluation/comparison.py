"""Finished runs side by side: gathered over seeds, ranked on validation, tested on the same images.

Runs that were measured on different test images are never ranked against each other. Runs that end
before `04_evaluate` are ranked with those of the same validation images, and have no test score.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from itertools import combinations
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hcr import runs
from hcr.datasets import choice
from hcr.datasets.files import read_npz
from hcr.errors import HcrError, ParameterError, RunError, nearest
from hcr.evaluation.scores import balanced_difference, holm, mcnemar, seed_interval
from hcr.runs import files

MOST = 12  # recipes of a group that are tested against each other, the first on validation
LEVEL = 0.05
SCORES = {"validation": "val_balanced_accuracy", "test": "balanced_accuracy"}
SCORES["accuracy"] = "accuracy"
COLUMNS = ["run", "recipe", "seed", "data", "validation", "test", "n", "openings", "seconds"]
COLUMNS += ["machine", "date", "commit", "command", "folder", "counted"]


@dataclass(frozen=True)
class Recipe:
    """The runs that differ in nothing but the seed: the newest of each seed, and older ones."""

    label: str
    runs: list[dict[str, Any]]
    older: list[dict[str, Any]]

    def mean(self, key: str) -> float:
        """The mean of a number over the seeds; NaN where one lacks it."""
        return float(np.mean([run[key] for run in self.runs]))

    @property
    def seeds(self) -> list[int]:
        """The seeds, in ascending order."""
        return [run["seed"] for run in self.runs]

    @property
    def is_tested(self) -> bool:
        """Whether every seed's model has predicted the test split."""
        return all(run["n"] for run in self.runs)

    @cached_property
    def right(self) -> np.ndarray:
        """Which test images each seed's model predicts right, int8 (seeds, n)."""
        return np.array([run["labels"] == run["predicted"] for run in self.runs], np.int8)

    def score(self, name: str) -> dict[str, Any]:
        """One of `SCORES`: value, low, high, spread (over the seeds), and each, a list.

        With several seeds the interval of a test score holds other seeds, too; that of validation
        is over the images alone, for its predictions are not kept.
        """
        values = [run[name] for run in self.runs]
        low, high = self.mean(f"{name}_low"), self.mean(f"{name}_high")
        if len(values) > 1 and name != "validation" and self.is_tested:
            labels = self.runs[0]["labels"]
            counts = np.bincount(labels)
            weights = counts if name == "accuracy" else np.sign(counts)
            _, low, high = seed_interval(self.right, labels, weights / weights.sum(), (0, 1))
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else nan
        value = {"value": self.mean(name), "low": low, "high": high}
        return value | {"spread": spread, "each": values}


@dataclass(frozen=True)
class Group:
    """Recipes with the same validation and test images, the best on validation first."""

    title: str  # the dataset, with its caveat
    suffix: str  # for file names: empty for the first group, `_2` and so on for the others
    recipes: list[Recipe]  # at least one

    @property
    def first(self) -> dict[str, Any]:
        """Some run, for what all have in common: n, n_validation, test_digest, data_facts."""
        return next((each.runs[0] for each in self.tested), self.recipes[0].runs[0])

    @property
    def tested(self) -> list[Recipe]:
        """The recipes with a test score, the best on validation first."""
        return [recipe for recipe in self.recipes if recipe.is_tested]

    @cached_property
    def figures(self) -> pd.DataFrame:
        """A row a recipe and score: rank, recipe, split, and the keys of `Recipe.score`."""
        return pd.DataFrame(
            {"rank": rank, "recipe": recipe.label, "split": name, **recipe.score(name)}
            for rank, recipe in enumerate(self.recipes, start=1)
            for name in SCORES
        )

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """A row a recipe, by rank: scores with ends x_low and x_high, spread, openings, and costs.

        Validation and test are balanced accuracies, latency in ms; times are of one machine only;
        builds_on: models whose training the seconds leave out; x_front: no cheaper one is as good.
        """
        rows = []
        for rank, recipe in enumerate(self.recipes, start=1):
            first, machines = recipe.runs[0], {run["machine"] for run in recipe.runs}
            row = {"rank": rank, "recipe": recipe.label, "network": first["network"]}
            row["seeds"] = len(recipe.runs)
            scores = {name: recipe.score(name) for name in SCORES}
            for name, score in scores.items():
                row[name] = score["value"]
                row |= {f"{name}_{end}": score[end] for end in ("low", "high")}
            row["spread"] = scores["test"]["spread"]
            row["openings"] = sum(run["openings"] for run in recipe.runs + recipe.older)
            for key in ("seconds", "latency", "parameters", "multiply_adds"):
                timed = key in ("seconds", "latency")
                row[key] = nan if timed and len(machines) > 1 else recipe.mean(key)
            row["machine"] = machines.pop() if len(machines) == 1 else ""
            rows.append(row | {"builds_on": first["builds_on"]})
        frame = pd.DataFrame(rows)
        for price in ("seconds", "parameters", "latency"):
            parts = frame.groupby("machine") if price != "parameters" else [("", frame)]
            on_front = [front(part[price], part["validation"]) for _, part in parts]
            frame[f"{price}_front"] = pd.concat(on_front)
        return frame

    @property
    def record(self) -> dict[str, Any]:
        """The group as `metrics.json` holds it: its images, and each recipe's scores."""
        scores = self.figures.assign(seeds=self.figures["each"].map(len))
        return {
            "data": self.first["data_facts"].get("name"),
            "test": self.first["test_digest"],
            "validation": self.first["validation_digest"],
            "n": self.first["n"],
            "test_openings": int(self.ranking["openings"].sum()),
            "ranking": scores.rename(columns={"recipe": "label"}).to_dict("records"),
        }

    @cached_property
    def differing(self) -> pd.DataFrame:
        """A row a recipe: recipe, and as text each parameter that differs; a dash: none."""
        given = pd.DataFrame([recipe.runs[0]["given"] for recipe in self.recipes], dtype=object)
        text = given.map(str).where(given.notna(), "–").loc[:, lambda text: text.nunique() > 1]
        text.insert(0, "recipe", [recipe.label for recipe in self.recipes])
        return text

    @cached_property
    def histories(self) -> pd.DataFrame:
        """A row a recipe and epoch: the balanced accuracy on validation.

        Columns rank, recipe, epoch, value (the mean), low and high over the seeds.
        """
        key, by = SCORES["validation"], ["rank", "recipe", "epoch"]
        parts = [
            run["history"].reindex(columns=["epoch", key]).assign(rank=rank, recipe=recipe.label)
            for rank, recipe in enumerate(self.recipes, start=1)
            for run in recipe.runs
        ]
        epochs = pd.concat(parts).dropna().groupby(by, as_index=False)
        return epochs.agg(value=(key, "mean"), low=(key, "min"), high=(key, "max"))

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """A row for every two of the first `MOST` tested recipes.

        Columns: `mcnemar`'s, those of `balanced_difference`, and differ, whether its p-value, by
        Holm, is below 5 %. Both tests are of two models, of the lowest common seed; difference, low
        and high are over all common seeds, for other images and other seeds.
        """
        rows = []
        for first, second in combinations(self.tested[:MOST], 2):
            place = {run["seed"]: j for j, run in enumerate(second.runs)}
            common = [(i, place.get(run["seed"])) for i, run in enumerate(first.runs)]
            common = [pair for pair in common if pair[1] is not None] or [(0, 0)]
            i, j = map(list, zip(*common, strict=True))
            one, other = first.runs[i[0]], second.runs[j[0]]
            row = mcnemar(one["labels"], one["predicted"], other["predicted"])
            row |= balanced_difference(one["labels"], one["predicted"], other["predicted"])
            if len(i) > 1:
                labels, weights = one["labels"], np.bincount(one["labels"]) / len(one["labels"])
                ends = seed_interval(first.right[i] - second.right[j], labels, weights, (-1, 1))
                row |= dict(zip(("difference", "low", "high"), ends, strict=True))
            seeds = " and ".join(dict.fromkeys((str(one["seed"]), str(other["seed"]))))
            rows.append({"first": first.label, "second": second.label, "seeds": seeds} | row)
        frame = pd.DataFrame(rows)
        for name, key in (("p_holm", "p_value"), ("balanced_p_holm", "balanced_p")):
            frame[name] = holm(frame[key]) if rows else []
        return frame.assign(differ=frame["balanced_p_holm"] < LEVEL)


@dataclass(frozen=True)
class Comparison:
    """Finished runs: a row a run, the groups that can be ranked, and why some were left out."""

    runs: pd.DataFrame
    groups: list[Group]
    problems: dict[str, str]


def compare(names: Sequence[str] | None = None, published: bool = True) -> Comparison:
    """Compare finished runs; `names` and `published` as in `find_runs`."""
    return compare_runs(find_runs(names, published))


def find_runs(names: Sequence[str] | None = None, published: bool = True) -> dict[str, Path]:
    """The folders of finished runs by name, as `"quick"` or `"five_projects/hcr_net-s0"`.

    `names` are runs, or suites, which stand for all of their finished runs; None is all there are,
    those that ended with their training among them, and what notebooks opened by hand wrote.
    Those that are `published` in `docs/results/` count, too. Raises `ParameterError` for no run.
    """
    found: dict[str, Path] = {}
    for place in [runs.outputs(), *([runs.results()] if published else [])]:
        for folder in runs.finished(place, trained=True):
            found.setdefault(folder.relative_to(place).as_posix(), folder)
    found = dict(sorted(found.items()))
    if names is None:
        return found
    chosen: dict[str, Path] = {}
    for name in names:
        match = {key: found[key] for key in found if name in (key, key.rpartition("/")[0] or key)}
        if not match:
            known = {*found, *(key.rpartition("/")[0] for key in found)} - {""}
            rule = "What is compared must be a finished run, or a suite with one"
            raise ParameterError(f"{rule}. Received: {name!r}.{nearest(str(name), sorted(known))}")
        chosen |= match
    return chosen


def compare_runs(folders: Mapping[str, Path]) -> Comparison:
    """Compare the finished runs in these folders, by name."""
    by_recipe: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    problems = {}
    for name, folder in folders.items():
        try:
            run = _read(name, folder)
            key = run["test_digest"], run["validation_digest"], files.digest(run["given"])
            by_recipe.setdefault(key, []).append(run)
        except HcrError as error:
            problems[name] = str(error)
        except Exception as error:  # A record of another release may break with any.
            problems[name] = f"Its files are not as expected: {type(error).__name__}: {error}."
    # Without a test score: beside those that have the same validation images.
    tests = {validation: test for test, validation, _ in by_recipe if test}
    for test, validation, given in [key for key in by_recipe if not key[0]]:
        same = by_recipe.pop((test, validation, given))
        by_recipe.setdefault((tests.get(validation, ""), validation, given), []).extend(same)
    by_images: dict[tuple[str, str], list[Recipe]] = {}
    for (key, same), label in zip(by_recipe.items(), _labels(by_recipe.values()), strict=True):
        same.sort(key=lambda run: run["finished"])
        newest = {run["seed"]: run for run in same}
        chosen = sorted(newest.values(), key=lambda run: run["seed"])
        for run in same:
            run |= {"recipe": label, "counted": newest[run["seed"]] is run}
        recipe = Recipe(label, chosen, [run for run in same if not run["counted"]])
        by_images.setdefault(key[:2], []).append(recipe)
    ranked = [
        sorted(recipes, key=lambda recipe: (-recipe.mean("validation"), recipe.label))
        for recipes in by_images.values()
    ]
    ranked.sort(key=lambda recipes: (-len(recipes), recipes[0].runs[0]["title"]))
    groups = [
        Group(recipes[0].runs[0]["title"], f"_{i + 1}" if i else "", recipes)
        for i, recipes in enumerate(ranked)
    ]
    rows = [
        {"group": i} | {key: run[key] for key in COLUMNS}
        for i, group in enumerate(groups)
        for recipe in group.recipes
        for run in recipe.runs + recipe.older
    ]
    return Comparison(pd.DataFrame(rows, columns=["group", *COLUMNS]), groups, problems)


def differences(
    right: Mapping[str, np.ndarray], labels: np.ndarray, measures: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """What each recipe scores, and its difference to the first, with 95 % intervals.

    `right` has the images that each seed's model predicts right, (seeds, n), of all recipes with
    the same seeds; `measures` the weight of each class's recall, (classes,), of any sum. Columns
    measure, recipe, value, low, high (the mean over the seeds), difference, difference_low,
    difference_high (paired by seed and image, NaN for the first), n (images that count), seeds.
    """
    rows, (first, *_) = [], right.values()
    for measure, weights in measures.items():
        weights = np.where(np.bincount(labels, minlength=len(weights)) > 0, weights, 0)
        if not weights.any():  # no image of these classes is here
            continue
        weights, n = weights / weights.sum(), int((weights[labels] > 0).sum())
        for name, values in right.items():
            ends = seed_interval(values, labels, weights, (0, 1))
            change = values.astype(np.int8) - first.astype(np.int8)
            apart = seed_interval(change, labels, weights, (-1, 1))
            apart = (nan,) * 3 if values is first else apart
            rows.append([measure, name, n, len(values), *ends, *apart])
    columns = "measure recipe n seeds value low high difference difference_low difference_high"
    return pd.DataFrame(rows, columns=columns.split())


def front(price: pd.Series, value: pd.Series) -> pd.Series:
    """Which are on Pareto's front: nothing else is as cheap and as good, and better in either."""
    p, v = price.to_numpy(float), value.to_numpy(float)
    better = (p[:, None] <= p) & (v[:, None] >= v) & ((p[:, None] < p) | (v[:, None] > v))
    return np.isfinite(price) & np.isfinite(value) & ~better.any(axis=0)


def _read(name: str, folder: Path) -> dict[str, Any]:
    """What a finished run's files say. Raises `RunError` where it cannot be compared."""
    record, metrics = runs.read(folder), runs.read_metrics(folder)
    trained, evaluated = metrics.get("03_train", {}), metrics.get("04_evaluate", {})
    if record["stages"].get("03_train", {}).get("parameters", {}).get("refit"):
        rule = "A refitted model has learned from the validation images, on which runs are ranked"
        raise RunError(f"{rule}. Received: refit. Rank the run that it repeats, without refit.")
    scores, needed = trained | evaluated, {"n", *SCORES.values()}
    if not evaluated:
        needed = {SCORES["validation"]}
    if missing := needed - {key for key in scores if scores[key] is not None}:
        rule = f"{runs.shown(folder)}/metrics.json must hold the scores of training and evaluation"
        raise RunError(f"{rule}. Missing: {', '.join(sorted(missing))}. Run it again.")
    stages = {stage: each.get("parameters") or {} for stage, each in record["stages"].items()}
    # `reader` is what older runs called it.
    model, drawn = (
        stages.get(stage, {}).get("pretrained", stages.get(stage, {}).get("reader", "run"))
        for stage in ("04_evaluate", "05_draw")
    )
    if evaluated and model != "run":
        rule = "A run's scores must be those of its own model"
        raise RunError(f"{rule}. Received: those of {model!r}. Evaluate it with pretrained=run.")
    entry, data = record["stages"].get("03_train", {}), record.get("data") or {}
    stages |= entry.get("before", {})  # by hand: of the run whose files it read
    training, edited = stages.get("03_train", {}), entry.get("edited") or {}
    levers = training | (training.get("recipe") or {})
    parents = f"{levers.get('start') or ''},{levers.get('teacher') or ''}".split(",")
    parents = [parent.strip().removeprefix("outputs/") for parent in parents]
    openings = record.get("test_openings") or []
    openings = [each for each in openings if each.get("dataset") in (data.get("name"), None)]
    labels, predicted, digest = np.zeros(0, int), np.zeros(0, int), ""
    if evaluated:
        labels, predicted = _predictions(folder, evaluated)
        opening = openings[-1] if openings else {}
        digest = opening.get("digest") if opening.get("n") == evaluated["n"] else None
        # Of an old run, or one whose model learned from some: the labels tell them from others.
        digest = digest or files.digest(data.get("name"), data.get("characters"), labels.tobytes())
    numbers = {key: trained.get(key) for key in ("parameters", "multiply_adds")}
    latency = metrics.get("05_draw", {}).get("read_strokes_ms") if drawn == "run" else None
    numbers |= {"seconds": trained.get("training_seconds"), "latency": latency}
    for score, key in SCORES.items():
        numbers |= {f"{score}{end}": scores.get(f"{key}{end}") for end in ("", "_low", "_high")}
    names = data.get("characters") or ""
    history, counts = folder / "history.csv", data.get("counts") or {}
    caveat = f" ({data['caveat']})" if data.get("caveat") else ""
    finished = str(record.get("finished") or "")
    return {key: nan if value is None else float(value) for key, value in numbers.items()} | {
        "run": name,
        "folder": runs.shown(folder),
        "path": folder,
        "n": len(labels),
        "seed": int(training.get("seed", record.get("seed")) or 0),
        "given": _parameters(folder, stages) | edited,
        "network": str(edited.get("model", training.get("model"))),
        "builds_on": ", ".join(dict.fromkeys(filter(None, parents))),
        "data_facts": data,
        "characters": names.split() if " " in names else [*names],
        "data": f"{data.get('name') or 'unknown'}{caveat}",
        "title": f"{data.get('title') or data.get('name') or 'unknown data'}{caveat}",
        "test_digest": digest,
        "validation_digest": data.get("validation_digest") or f"{data.get('name')}, {counts}",
        "n_validation": counts.get("validation"),
        "openings": len(openings),
        "machine": _machine(record.get("hardware") or {}),
        "finished": finished,
        "date": finished[:10],
        "commit": str(record.get("commit") or "–")[:10] + "+" * bool(record.get("dirty")),
        "command": record.get("command"),
        "labels": labels,
        "predicted": predicted,
        "history": pd.read_csv(history) if history.is_file() else pd.DataFrame(dtype=float),
    }


def _parameters(folder: Path, stages: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All that made the model but the seeds, by parameter."""
    # The choice of data, which older runs' 03_train had among its parameters.
    options = stages.get("01_eda", {}) | stages.get("03_train", {})
    options.setdefault("class_profile", options.get("thin", "none"))
    options.setdefault("framing", "original")
    if (folder / choice.FILE).is_file():
        options = asdict(choice.choice_of(folder))
    names = [field.name for field in fields(choice.DataChoice)]
    parameters = {name: options.get(name) for name in names if name != "seed"}
    for stage in ("02_balance", "03_train"):
        # What older runs' notebooks did not have yet counts as its default.
        own = {"optimizer": "adam", "refit": None} if stage == "03_train" else {}
        own |= stages.get(stage, {})
        for key, value in (own | {"recipe": None} | (own.get("recipe") or {})).items():
            # What 02_balance trains for its study goes nowhere else.
            if key not in ("run", "thin", "recipe", *names) and not key.startswith("study"):
                parameters[key if parameters.get(key, value) == value else f"{stage}.{key}"] = value
    return parameters


def save_predictions(run: runs.Run, labels: np.ndarray, predicted: np.ndarray) -> None:
    """Write `predictions.npz`, labels and predictions of the test split, for later comparisons."""
    with files.writing(run.path("predictions.npz")) as aside:
        arrays = {"predicted": predicted.astype(np.int16), "labels": labels.astype(np.int16)}
        np.savez_compressed(aside, **arrays)


def _predictions(folder: Path, evaluated: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions of the test split, int64 (n,)."""
    path = folder / "predictions.npz"
    form, remedy = "a run's predictions", "Run its 04_evaluate again."
    arrays = read_npz(path, ("labels", "predicted"), form, remedy)
    labels, predicted = (array.astype("<i8") for array in arrays)
    right = np.mean(labels == predicted)
    if len(labels) != evaluated["n"] or abs(right - evaluated["accuracy"]) > 1e-9:
        rule = f"{runs.shown(path)} must hold the predictions behind metrics.json"
        raise RunError(f"{rule}. Received: others, {right:.4%} right. Run its 04_evaluate again.")
    return labels, predicted


def _machine(facts: dict[str, Any]) -> str:
    """Processor, cores, AMX or bfloat16, memory, GPU; times are compared where it is equal."""
    cores, memory = facts.get("cores"), facts.get("memory_gib")
    parts = [facts.get("processor") or "unknown", f"{cores} core{'s' * (cores != 1)}" * bool(cores)]
    parts += ["AMX" if facts.get("amx") else "bfloat16" if facts.get("bfloat16") else ""]
    parts += [f"{memory} GiB" * bool(memory), facts.get("gpu")]
    return ", ".join(str(part) for part in parts if part)


def _labels(recipes: Collection[list[dict[str, Any]]]) -> list[str]:
    """Each recipe's shortest name without suite and seed; a run's full name where not unique."""
    full = [min(run["run"] for run in same) for same in recipes]
    names = [[re.sub(rf".*/|-s{run['seed']}$", "", run["run"]) for run in same] for same in recipes]
    short = [min(sorted(same), key=len) for same in names]
    return [a if short.count(a) == 1 else b for a, b in zip(short, full, strict=True)]
