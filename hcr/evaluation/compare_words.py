"""What is said of runs side by side: which are compared, which may not be ranked, and how far."""

from collections.abc import Sequence
from typing import Any

from hcr.evaluation import metrics
from hcr.evaluation.compare_frames import NBSP, probability
from hcr.evaluation.compare_gathering import Group, Recipe
from hcr.evaluation.compare_member import Member
from hcr.evaluation.compare_paired import Pair

SHORT = 12  # digits of a digest that are shown
COLUMNS = (
    "class-balanced accuracy on validation and on the test split, and the test split's plain "
    "accuracy, in per cent with 95 % intervals; and how often its runs opened the test split."
)
TIMES = "those of the epochs; other jobs on the machine lengthen them."
ALONE = (
    "Of each of these, nothing else was measured on the same test pictures: there is nothing to "
    "rank it against."
)


def counted(number: int, noun: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def scope(groups: Sequence[Group], problems: dict[str, str]) -> list[str]:
    """What is compared with what, and what is not; a sentence or two each."""
    members = [each for group in groups for each in group.members]
    if not members:
        told = ["There is no finished run to compare."]
    else:
        recipes = sum(len(group.recipes) for group in groups)
        told = [f"{counted(len(members), 'run')} of {counted(recipes, 'recipe')}."]
    told += refusals(groups)
    repeated = [
        f"{one.name} (again {recipe.label}, seed {one.seed})"
        for group in groups
        for recipe in group.recipes
        for one in recipe.others
    ]
    if repeated:
        told.append(
            "The same recipe and seed were run more than once; the newest run counts, and these "
            f"do not: {', '.join(repeated)}."
        )
    told += [f"Left out: {name}. {problem}" for name, problem in problems.items()]
    return told


def refusals(groups: Sequence[Group]) -> list[str]:
    """Why groups are not ranked against each other; nothing where there is one group."""
    tests = list(dict.fromkeys(group.first.test for group in groups))
    told = []
    if len(tests) > 1:
        told.append(
            f"Not ranked against each other: these runs were measured on {len(tests)} different "
            "sets of test pictures, and a figure on one says nothing of a figure on another. "
            "There is a ranking for each set, and none over all: "
            + "; ".join(
                f"{group.title} ({identity(group.first)}): "
                f"{', '.join(each.label for each in group.recipes)}"
                for group in groups
            )
            + "."
        )
    if len(groups) > len(tests):
        told.append(
            "Some were tested on the same pictures and chosen on other validation pictures; they "
            "are ranked apart too, because the ranking goes by validation."
        )
    old = [each.name for group in groups for each in group.members if not each.test_recorded]
    if old and len(tests) > 1:
        told.append(
            f"Of {', '.join(old)} the record does not say which pictures were read: they are told "
            "from others by the data set's name and the labels, and kept apart from runs that say "
            "it. Their 04_evaluate, run again, records it."
        )
    return told


def identity(each: Member) -> str:
    """What tells the test pictures of a run from others, in short."""
    kind = "digest" if each.test_recorded else "digest of the labels"
    return f"{kind} {each.test[:SHORT]}"


# What is said of a data set beside every figure of it; a caveat stands in the titles already.
KNOWN = ("name", "title", "licence", "citation", "url", "changed")


def data(members: Sequence[Member]) -> dict[str, Any]:
    """The data set that all runs share, as `run.json` has it; nothing where they do not."""
    found = [{key: each.data[key] for key in KNOWN if key in each.data} for each in members]
    return found[0] if found and all(each == found[0] for each in found) else {}


def sources(members: Sequence[Member]) -> list[str]:
    """Where the data come from, with licence and citation; a sentence or two a data set."""
    told = {}
    for each in members:
        data = each.data
        parts = [data.get("citation"), data.get("licence") and f"Licence: {data['licence']}."]
        parts = [str(part).rstrip(".") + "." for part in parts if part]
        if parts:
            told[f"Data: {data.get('title') or data.get('name')}. {' '.join(parts)}"] = None
    return list(told)


def about(group: Group) -> str:
    """What a group has in common."""
    each = group.first
    chosen = f", ranked on {each.n_validation:,} validation pictures" if each.n_validation else ""
    seeds = {len(recipe.members) for recipe in group.recipes}
    many = "; spread: of the test's, over seeds, in points (standard deviation)"
    return (
        f"n = {each.n:,} test pictures ({identity(each)}){chosen}"
        f"{', 1 seed each' if seeds == {1} else many}. "
        f"{counted(len(group.recipes), 'recipe')}, {counted(len(group.members), 'run')}; together "
        f"they opened this test split {counted(group.openings, 'time')}."
    )


def standing(group: Group) -> str:
    """How the first stands to the others on validation, in words."""
    first, *others = group.recipes
    best = first.figures["validation"]
    text = f"{first.label} is first on validation, with {_percent(best.value)}"
    if best.low == best.low:
        text += f" (95 %: {100 * best.low:.1f} to {100 * best.high:.1f}"
        # What the seeds add is known of the test split alone: validation answers are not kept.
        text += "; of the pictures alone, without the spread over seeds)" if best.seeds > 1 else ")"
    close = [each.label for each in others if each.figures["validation"].value >= best.low]
    if close:
        text += (
            f"; {', '.join(close)} {'lies' if len(close) == 1 else 'lie'} within that interval, so "
            "the order among them may be chance"
        )
    elif others and best.low == best.low:
        text += "; no other lies within that interval"
    test = first.figures["test"]
    text += f". On the test split it reads {_percent(test.value)}, class-balanced"
    ahead = [each for each in others if each.figures["test"].value > test.value]
    if ahead:
        told = ", ".join(f"{e.label} ({_percent(e.figures['test'].value)})" for e in ahead)
        text += (
            f"; {told} {'reads' if len(ahead) == 1 else 'read'} more there. That is no reason to "
            "choose: what was chosen on the test split is no longer measured by it"
        )
    return text + "."


def built_on(recipes: Sequence[Recipe]) -> str:
    """What the times of those with a star leave out; empty where there is none."""
    told = []
    for each in recipes:
        *others, last = each.built_on or [""]
        names = f"{', '.join(others)} and {last}" if others else last
        told += [f"{each.label} on {names}"] if names else []
    return f"* Without the training of what it builds on: {'; '.join(told)}." if told else ""


def verdict(found: Sequence[Pair]) -> str:
    """What the paired tests found, in words."""
    apart = [each for each in found if each.told_apart]
    same = [each for each in found if not each.told_apart]
    told = [
        f"{counted(len(found), 'pair')}, of which {len(apart) or 'none'} "
        f"{'is' if len(apart) < 2 else 'are'} told apart at 5 %, corrected for their number "
        "(Holm)."
    ]
    if same:
        names = [f"{each.first.label} and {each.second.label}" for each in same]
        told.append(f"Not told apart: {'; '.join(names)}.")
    against = [each for each in apart if each.difference < 0]
    if against:
        names = [
            f"{each.second.label} over {each.first.label} (p {_equals(each.p_value)})"
            for each in against
        ]
        told.append(f"Told apart against the order of the ranks: {'; '.join(names)}.")
    return " ".join(told)


def _equals(p: float) -> str:
    text = probability(p)
    return text if text.startswith("<") else f"= {text}"


def _percent(share: float) -> str:
    return metrics.percent(share).replace(" ", NBSP)
