"""Runs of one recipe are gathered over their seeds; recipes that can be ranked make a group."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from pathlib import Path

import numpy as np

from hcr.errors import RunError
from hcr.evaluation import compare_member as member
from hcr.evaluation.compare_member import EVALUATED, TRAINED, Member
from hcr.evaluation.seeds import spread

NAN = float("nan")
# What the ranking goes by. The epoch was chosen by it, and nothing was chosen on the test pictures.
RANKED_BY = (TRAINED, "val_balanced_accuracy")
MEASURES = {
    "validation": RANKED_BY,
    "test": (EVALUATED, "balanced_accuracy"),
    "accuracy": (EVALUATED, "accuracy"),
}


@dataclass(frozen=True)
class Figure:
    """A figure of a recipe.

    Attributes:
        value: The mean over the seeds, a share of 1.
        low: Lower end of its 95 % interval; NaN where none is known.
        high: Upper end.
        spread: Standard deviation over the seeds; NaN of one.
        seeds: How many.
    """

    value: float
    low: float
    high: float
    spread: float
    seeds: int


@dataclass(frozen=True)
class Recipe:
    """The runs that differ in nothing but the seed.

    Attributes:
        label: Its name for a reader.
        members: One run a seed, by seed.
        others: Runs of the same seeds again, which count for nothing.
    """

    label: str
    members: tuple[Member, ...]
    others: tuple[Member, ...] = ()

    @property
    def first(self) -> Member:
        """The run of the lowest seed."""
        return self.members[0]

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """The keys of `MEASURES` with this recipe's figures."""
        return {name: self._figure(*where) for name, where in MEASURES.items()}

    def mean(self, stage: str, key: str) -> float:
        """The mean of a figure of `metrics.json` over the seeds; NaN where one lacks it."""
        return float(np.mean([each.figure(stage, key) for each in self.members]))

    @property
    def seconds(self) -> float:
        """Seconds of training, the mean over the seeds; NaN where they are of several machines."""
        return self.mean(TRAINED, "training_seconds") if self.machine else NAN

    @property
    def built_on(self) -> list[str]:
        """The trained networks without which there were none of it; `seconds` leave them out."""
        return self.first.built_on

    @property
    def latency(self) -> float:
        """Milliseconds from strokes to answer, as `seconds`."""
        found = [NAN if each.latency is None else each.latency for each in self.members]
        return float(np.mean(found)) if self.machine else NAN

    @property
    def machine(self) -> str:
        """What all of its runs were made on; empty where they were made on several."""
        found = {each.machine for each in self.members}
        return found.pop() if len(found) == 1 else ""

    @property
    def openings(self) -> int:
        """How often its runs opened the test split, all together."""
        return sum(len(each.openings) for each in (*self.members, *self.others))

    @cached_property
    def right(self) -> np.ndarray | None:
        """Which test pictures each seed's network reads, int8 (seeds, n); None where unknown."""
        answers = [each.answers for each in self.members]
        if any(each is None for each in answers):
            return None
        return np.array([labels == read for labels, read in answers], np.int8)

    def _figure(self, stage: str, key: str) -> Figure:
        values = [each.figure(stage, key) for each in self.members]
        value = float(np.mean(values))
        ends = [self.mean(stage, f"{key}_{end}") for end in ("low", "high")]
        if len(values) == 1:
            return Figure(value, *ends, NAN, 1)
        if stage == EVALUATED:
            ends = self._ends(balanced=key == MEASURES["test"][1])
        return Figure(value, *ends, float(np.std(values, ddof=1)), len(values))

    def _ends(self, balanced: bool) -> list[float]:
        """The interval of a mean over seeds, for other test pictures and other seeds at once."""
        if self.right is None:
            return [NAN, NAN]
        labels = self.first.answers[0]
        counts = np.bincount(labels)
        weights = (counts > 0) * 1.0 if balanced else counts * 1.0
        return list(spread(self.right, labels, weights / weights.sum(), (0, 1))[1:])


@dataclass(frozen=True)
class Group:
    """Recipes that were chosen on the same validation and measured on the same test pictures.

    Attributes:
        recipes: By class-balanced accuracy on validation, the highest first.
    """

    recipes: tuple[Recipe, ...]

    @property
    def members(self) -> list[Member]:
        """Every run, recipe by recipe."""
        return [each for recipe in self.recipes for each in (*recipe.members, *recipe.others)]

    @property
    def first(self) -> Member:
        """Some run, for what all have in common."""
        return self.recipes[0].first

    @property
    def title(self) -> str:
        """The data set for people, with the caveat that stands beside every figure of it."""
        data = self.first.data
        caveat = f" ({data['caveat']})" if data.get("caveat") else ""
        return f"{data.get('title') or data.get('name') or 'unknown data'}{caveat}"

    @property
    def openings(self) -> int:
        """How often these runs opened the test split, all together."""
        return sum(each.openings for each in self.recipes)

    @property
    def machines(self) -> list[str]:
        """What the runs were made on, the most frequent first."""
        return [name for name, _ in Counter(each.machine for each in self.members).most_common()]


def read(found: Mapping[str, Path]) -> tuple[list[Member], dict[str, str]]:
    """The runs in `found`, a name to a folder each, and why some of them are left out."""
    members, problems = [], {}
    for name, folder in found.items():
        try:
            each = member.read(name, folder)
            # Damaged answers show here and not in the midst of a page.
            _ = each.answers
            members.append(each)
        except RunError as error:
            problems[name] = str(error)
    return members, problems


def gather(members: Iterable[Member]) -> list[Group]:
    """Groups of recipes, the largest first; a run belongs to one recipe, and that to one group."""
    members = list(members)
    by_recipe: dict[tuple[str, str, str], list[Member]] = {}
    for each in members:
        by_recipe.setdefault((each.test, each.validation, each.recipe), []).append(each)
    labels = _labels(list(by_recipe.values()))
    by_test: dict[tuple[str, str], list[Recipe]] = {}
    for (test, validation, _), own in by_recipe.items():
        # The newest run of a seed counts.
        own = sorted(own, key=lambda each: str(each.record.get("finished")), reverse=True)
        kept = {each.seed: each for each in reversed(own)}
        chosen = sorted(kept.values(), key=lambda each: (str(type(each.seed)), each.seed))
        others = [each for each in own if kept[each.seed] is not each]
        recipe = Recipe(labels[own[0].name], tuple(chosen), tuple(others))
        by_test.setdefault((test, validation), []).append(recipe)
    groups = [Group(tuple(sorted(each, key=_rank))) for each in by_test.values()]
    return sorted(groups, key=lambda group: (-len(group.recipes), group.title))


def _rank(recipe: Recipe) -> tuple[float, str]:
    value = recipe.figures["validation"].value
    return (-value if isfinite(value) else 1.0, recipe.label)


def _labels(recipes: list[list[Member]]) -> dict[str, str]:
    """A label for the recipe of each run: short, and never the same for two recipes."""
    short = {each.name: _short(each) for own in recipes for each in own}
    found = {}
    for own in recipes:
        name = min((short[each.name] for each in own), key=lambda text: (len(text), text))
        found |= {each.name: name for each in own}
    owners = Counter(found[own[0].name] for own in recipes)
    for own in recipes:
        if owners[found[own[0].name]] > 1:
            found |= {each.name: min(one.name for one in own) for each in own}
    return found


def _short(each: Member) -> str:
    """A run's name without its suite's name and its seed."""
    return re.sub(rf"-s{re.escape(str(each.seed))}$", "", each.name.rpartition("/")[2])
