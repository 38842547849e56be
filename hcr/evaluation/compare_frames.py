"""A group of recipes as tables: ranks, figures, prices, parameters, runs, tests."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from hcr import runs
from hcr.evaluation.compare_front import front
from hcr.evaluation.compare_gathering import MEASURES, Figure, Group, Recipe
from hcr.evaluation.compare_member import TRAINED, Member
from hcr.evaluation.compare_paired import Pair
from hcr.reports.show import MISSING, typeset

NBSP = "\N{NO-BREAK SPACE}"
TIMES = "\N{MULTIPLICATION SIGN}"
CURVE = "val_balanced_accuracy"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SHORT = 7  # digits of a commit that a page shows


def ranking(group: Group) -> pd.DataFrame:
    """One row a recipe, by rank, in words: figures in per cent with their intervals."""
    rows = [
        {"rank": place + 1, "recipe": recipe.label, **_measured(recipe)}
        for place, recipe in enumerate(group.recipes)
    ]
    frame = pd.DataFrame(rows)
    if any(len(each.members) > 1 for each in group.recipes):
        frame.insert(2, "seeds", [len(each.members) for each in group.recipes])
        frame.insert(5, "spread", [spread(recipe) for recipe in group.recipes])
    return frame


def alone(groups: Sequence[Group]) -> pd.DataFrame:
    """One row for each group of a single recipe, as in `ranking`."""
    return pd.DataFrame(
        [
            {
                "data": group.title,
                "recipe": group.recipes[0].label,
                "n": group.first.n,
                "seeds": len(group.recipes[0].members),
                **_measured(group.recipes[0]),
            }
            for group in groups
        ]
    )


def _measured(recipe: Recipe) -> dict[str, Any]:
    return {
        "validation": interval(recipe.figures["validation"]),
        "test": interval(recipe.figures["test"]),
        "test, plain accuracy": interval(recipe.figures["accuracy"]),
        "test opened": recipe.openings,
    }


def figures(group: Group) -> pd.DataFrame:
    """One row a recipe and measure, in numbers: what `ranking` and its picture are made of."""
    rows = []
    for place, recipe in enumerate(group.recipes):
        for name, found in recipe.figures.items():
            rows.append(
                {
                    "rank": place + 1,
                    "label": recipe.label,
                    "split": name,
                    **vars(found),
                    "each": [one.figure(*MEASURES[name]) for one in recipe.members],
                }
            )
    return pd.DataFrame(rows)


def prices(group: Group) -> pd.DataFrame:
    """One row a recipe: validation accuracy, each price, and whether it is on the price's front.

    A recipe whose runs were made on several machines has no times.
    """
    frame = pd.DataFrame(
        {
            "label": [each.label for each in group.recipes],
            **{
                key: [getattr(each.figures["validation"], key) for each in group.recipes]
                for key in ("value", "low", "high")
            },
            "seconds": [each.seconds for each in group.recipes],
            "parameters": [each.mean(TRAINED, "parameters") for each in group.recipes],
            "multiply_adds": [each.mean(TRAINED, "multiply_adds") for each in group.recipes],
            "latency": [each.latency for each in group.recipes],
            "machine": [each.machine for each in group.recipes],
            "builds_on": [", ".join(each.built_on) for each in group.recipes],
        }
    )
    frame["parameters_front"] = front(frame["parameters"], frame["value"])
    for price in ("seconds", "latency"):
        found = np.zeros(len(frame), bool)
        for machine in set(frame["machine"]) - {""}:
            own = (frame["machine"] == machine).to_numpy()
            found[own] = front(frame.loc[own, price], frame.loc[own, "value"])
        frame[f"{price}_front"] = found
    frame["times_shortest"] = frame["seconds"] / frame.groupby("machine")["seconds"].transform(
        lambda own: own.min() if own.notna().sum() > 1 else np.nan
    )
    return frame


def starred(frame: pd.DataFrame) -> pd.DataFrame:
    """What `prices` found, with a star at each label whose seconds leave out other trainings."""
    stars = [f"{NBSP}*" if each else "" for each in frame["builds_on"]]
    return frame.assign(label=frame["label"] + stars)


def costs(frame: pd.DataFrame) -> pd.DataFrame:
    """What `prices` found, as a reader is shown it."""
    marks = {"seconds": "time", "parameters": "size", "latency": "latency"}
    fronts = [
        ", ".join(word for price, word in marks.items() if row[f"{price}_front"])
        for _, row in frame.iterrows()
    ]
    return pd.DataFrame(
        {
            "rank": np.arange(len(frame)) + 1,
            "recipe": starred(frame)["label"],
            "parameters": frame["parameters"],
            "multiply-adds": frame["multiply_adds"],
            f"training,{NBSP}s": frame["seconds"],
            f"{TIMES} the shortest": frame["times_shortest"],
            f"strokes to answer,{NBSP}ms": frame["latency"],
            "on the front of": [each or MISSING for each in fronts],
            "machine": frame["machine"],
        }
    )


def parameters(recipes: Sequence[Recipe]) -> pd.DataFrame:
    """The parameters that differ, a column each, and a row a recipe."""
    given = [recipe.first.parameters for recipe in recipes]
    names = list(dict.fromkeys(key for each in given for key in each))
    differ = [name for name in names if len({_value(each, name) for each in given}) > 1]
    frame = pd.DataFrame({"recipe": [recipe.label for recipe in recipes]})
    for name in differ:
        frame[name] = [_value(each, name) for each in given]
    return frame


def members(found: Sequence[Member], recipes: dict[str, str]) -> pd.DataFrame:
    """One row a run: its figures, how often it opened the test split, machine, date and commit.

    `recipes` gives each run's name its recipe's label.
    """
    return pd.DataFrame(
        {
            "run": [each.name for each in found],
            "recipe": [recipes[each.name] for each in found],
            "seed": [str(each.seed) for each in found],
            "data": [_data(each) for each in found],
            "validation": [each.figure(*MEASURES["validation"]) for each in found],
            "test": [each.figure(*MEASURES["test"]) for each in found],
            "n": [each.n for each in found],
            "test opened": [len(each.openings) for each in found],
            "training, s": [each.figure(TRAINED, "training_seconds") for each in found],
            "machine": [each.machine for each in found],
            "date": [each.date for each in found],
            "commit": [each.commit or MISSING for each in found],
            "files": [runs.shown(each.folder) for each in found],
        }
    )


def narrow(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """What `members` gives, as a page has room for it, and what all of them have in common.

    What is the same in every row is told once. A machine is a letter where there are several.
    """
    shown, machines = machine_letters(frame.drop(columns=["recipe", "files"]))
    told = [machines]
    if frame["data"].nunique() == frame["n"].nunique() == 1:
        shown = shown.drop(columns=["data", "n"])
        told.insert(0, f"Data: {frame['data'].iloc[0]}, n = {frame['n'].iloc[0]:,}.")
    suites = {each.rpartition("/")[0] for each in frame["run"]}
    if len(suites) == 1 and suites != {""}:
        shown["run"] = [each.rpartition("/")[2] for each in frame["run"]]
        told.insert(0, f"All of the suite {suites.pop()}.")
    # A hyphen at which a date would be broken.
    shown["date"] = shown["date"].str.replace("-", "\N{NON-BREAKING HYPHEN}")
    shown["commit"] = [each[:SHORT] for each in frame["commit"]]
    return shown.rename(columns={"training, s": f"training,{NBSP}s"}), " ".join(told)


def machine_letters(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """`frame` with a letter for each machine, or without the column where there is but one.

    The second is a sentence that says which machines these are.
    """
    machines = list(dict.fromkeys(each for each in frame["machine"] if each))
    if len(machines) < 2 and all(frame["machine"]):
        return frame.drop(columns="machine"), f"All on: {', '.join(machines)}."
    letters = dict(zip(machines, LETTERS, strict=False))
    named = [letters.get(each, each) or "several" for each in frame["machine"]]
    told = "; ".join(f"{letters.get(each, '')} {each}" for each in machines)
    return frame.assign(machine=named), f"Machines: {told}."


def history(recipe: Recipe) -> pd.DataFrame | None:
    """A row an epoch: the mean over the seeds, the lowest, the highest, and whether one kept it.

    Columns epoch, value, low, high, chosen. An epoch that only some seeds reached is of these.
    None where no run has a history.
    """
    parts = []
    for each in recipe.members:
        found = each.history
        if found is not None and {"epoch", CURVE} <= set(found):
            best = each.figure(TRAINED, "best_epoch")
            own = found[["epoch", CURVE]].rename(columns={CURVE: "value"})
            parts.append(own.assign(chosen=own["epoch"] == best))
    if not parts:
        return None
    whole = pd.concat(parts).groupby("epoch")
    values = whole["value"].agg(value="mean", low="min", high="max")
    return values.assign(chosen=whole["chosen"].any()).reset_index()


def tests(found: Sequence[Pair]) -> pd.DataFrame:
    """One row a pair, in words."""
    return pd.DataFrame(
        {
            "first": [each.first.label for each in found],
            "second": [each.second.label for each in found],
            "seeds": [" and ".join(map(str, dict.fromkeys(each.seeds))) for each in found],
            "only first right": [each.test.only_first for each in found],
            "only second right": [each.test.only_second for each in found],
            "difference, points": [points(each.difference, each.low, each.high) for each in found],
            "p": [each.test.p_value for each in found],
            "p, corrected": [each.p_value for each in found],
            "told apart": [each.told_apart for each in found],
        }
    )


def spread(recipe: Recipe) -> str:
    """The standard deviation over the seeds of the class-balanced test accuracy, in points."""
    found = recipe.figures["test"].spread
    return f"{100 * found:.2f}" if isfinite(found) else MISSING


def interval(found: Figure) -> str:
    """A figure in per cent, with its interval where there is one."""
    if not isfinite(found.value):
        return MISSING
    ends = [f"{100 * each:.1f}" for each in (found.low, found.high) if isfinite(each)]
    text = f"{100 * found.value:.1f}" + (f" ({' to '.join(ends)})" if len(ends) == 2 else "")
    return text.replace(" ", NBSP)


def points(value: float, low: float, high: float) -> str:
    """A difference of shares in points, with its interval where there is one."""
    # z: what rounds to 0 has no minus.
    ends = [f"{100 * each:+z.1f}" for each in (low, high) if isfinite(each)]
    text = f"{100 * value:+z.1f}" + (f" ({' to '.join(ends)})" if len(ends) == 2 else "")
    return typeset(text).replace(" ", NBSP)


def probability(p: float) -> str:
    """A p-value, as `0.032`, or `< 0.001`."""
    return f"<{NBSP}0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _value(given: dict[str, Any], name: str) -> str:
    """A parameter's value as text; a dash where a run's notebooks did not have it yet."""
    if name not in given:
        return MISSING
    value = given[name]
    return "null" if value is None else str(value)


def _data(each: Member) -> str:
    caveat = f" ({each.data['caveat']})" if each.data.get("caveat") else ""
    return f"{each.data.get('name') or 'unknown'}{caveat}"
