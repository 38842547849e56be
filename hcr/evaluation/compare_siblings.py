"""A run among those of its recipe with other seeds: how much of its figures is the seed's."""

from pathlib import Path

import numpy as np
import pandas as pd

from hcr import runs
from hcr.errors import RunError
from hcr.evaluation import compare_member as member
from hcr.evaluation import metrics
from hcr.evaluation.compare_finding import find
from hcr.evaluation.compare_gathering import Recipe, gather
from hcr.evaluation.compare_member import EVALUATED, Member

MEAN, SPREAD = "mean", "standard deviation"
FIGURES = {"accuracy": "accuracy", "balanced": "balanced_accuracy"}
FORMATS = dict.fromkeys(FIGURES, ".2%")


def of(run: runs.Run) -> Recipe | None:
    """The run's recipe with every seed that is finished, this one among them.

    Others count where the same made them but for the seed, and where they were measured on the same
    validation and test pictures.

    Args:
        run: The run, whose figures of training and evaluation are in its files.

    Returns:
        None where no other seed is finished, where the run's network is not its own, and of a
        notebook that was opened by hand.
    """
    own = None if run.by_hand else _read(run.name, run.folder)
    if own is None:
        return None
    same = [each for each in map(_read, *_others(run)) if each and _like(each, own)]
    return gather([own, *same])[0].recipes[0] if same else None


def table(recipe: Recipe) -> pd.DataFrame:
    """A row a seed, then their mean and their standard deviation.

    Returns:
        Columns seed (text), run (its name, empty in the last two rows), accuracy and balanced
        (class-balanced accuracy), on the test split.
    """
    rows = [
        {"seed": str(each.seed), "run": each.name}
        | {name: each.figure(EVALUATED, key) for name, key in FIGURES.items()}
        for each in recipe.members
    ]
    frame = pd.DataFrame(rows)
    values = frame[list(FIGURES)]
    ends = {MEAN: values.mean(), SPREAD: values.std(ddof=1)}
    last = pd.DataFrame([{"seed": name, "run": "", **each} for name, each in ends.items()])
    return pd.concat([frame, last], ignore_index=True)


def told(recipe: Recipe) -> str:
    """Mean and spread of both accuracies over the seeds, in a sentence each.

    The intervals hold the draw of the test pictures and that of the seeds (`metrics.seeds`).
    """
    seeds = [str(each.seed) for each in recipe.members]
    first = recipe.first
    text = [
        f"Finished so far with this recipe: the seeds {', '.join(seeds[:-1])} and {seeds[-1]}. "
        "The intervals hold the draw of the pictures and of the seeds."
    ]
    for name, key in (("Accuracy", "accuracy"), ("Class-balanced accuracy", "test")):
        found = recipe.figures[key]
        span = ""
        if np.isfinite(found.low):
            span = metrics.interval_text(found.low, found.high, first.n, digits=2)
            span = f" ({span}, {found.seeds} seeds)"
        text.append(
            f"{name}: {metrics.percent(found.value, 2)} on the average{span}, with a standard "
            f"deviation of {100 * found.spread:.2f} points over the seeds."
        )
    return " ".join(text)


def _others(run: runs.Run) -> tuple[list[str], list[Path]]:
    """Names and folders of the other finished runs."""
    found = {name: folder for name, folder in find().items() if folder != run.folder}
    return list(found), list(found.values())


def _read(name: str, folder: Path) -> Member | None:
    """The finished run in `folder`; None where it is none, or damaged."""
    try:
        found = member.read(name, folder)
        _ = found.answers
    except RunError:
        return None
    return found


def _like(one: Member, own: Member) -> bool:
    """Whether two runs differ in nothing but the seed."""
    facts = ((each.recipe, each.test, each.validation) for each in (one, own))
    return len(set(facts)) == 1 and one.seed != own.seed
