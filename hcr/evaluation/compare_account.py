"""Runs side by side as a notebook shows them: an exhibit for each question, group by group."""

from collections.abc import Callable, Sequence
from html import escape
from os.path import relpath

import pandas as pd

from hcr import plots, reports
from hcr.evaluation import compare_frames as frames
from hcr.evaluation import compare_words as words
from hcr.evaluation.compare_gathering import Group, Recipe
from hcr.evaluation.compare_member import Member
from hcr.evaluation.compare_paired import pairs
from hcr.evaluation.metrics import interval_text
from hcr.reports import Output, Result
from hcr.runs import Run

MOST = 12  # recipes in a figure or a table of pairs; of more, the first on validation
WIDE = "max-width:75ch"  # as wide as a caption


def scope(run: Run, groups: Sequence[Group], problems: dict[str, str]) -> Output:
    """Which runs are compared, and which may not be ranked against each other."""
    told = words.scope(groups, problems)
    members = [each for group in groups for each in group.members]
    # For the page's title block and footer; by hand the record is of other notebooks, too.
    if not run.by_hand:
        run.record_data(words.data(members))
    run.record(models=sorted({str(each.parameters.get("model")) for each in members}))
    parts = [_paragraph(each) for each in told]
    if members:
        labels = {
            each.name: recipe.label
            for group in groups
            for recipe in group.recipes
            for each in (*recipe.members, *recipe.others)
        }
        frame = frames.members(members, labels)
        shown, common = frames.narrow(frame)
        caption = f"The runs. Validation and test: class-balanced accuracy. {common}"
        formats: dict[str, str] = {"validation": ".1%", "test": ".1%", "n": ",d"}
        formats |= {f"training,{frames.NBSP}s": ",.0f"}
        parts.append(reports.table(run, frame, "runs", caption, formats, shown).html)
        parts.append(_links(run, members))
        parts += [_paragraph(each) for each in words.sources(members)]
    return _exhibit(parts, "\n".join(told))


def ranking(run: Run, groups: Sequence[Group]) -> Output:
    """Each group's recipes by their rank on validation, the test beside it."""

    def show(group: Group, name: Callable[[str], str]) -> list[Output]:
        figures = frames.figures(group)
        caption = f"{group.title}: {words.COLUMNS} {words.about(group)}"
        told = frames.ranking(group)
        table = reports.table(run, figures, name("ranking"), caption, shown=told)
        shown = figures[(figures["split"] != "accuracy") & (figures["rank"] <= MOST)]
        caption = (
            f"{group.title}: class-balanced accuracy of each recipe, by rank. Bars are 95 % "
            f"intervals; with several seeds, the test's holds other seeds too.{_only(group)}"
        )
        drawn = plots.ranking(shown.rename(columns={"label": "recipe"}))
        figure = reports.figure(run, drawn, name("ranking"), caption, headline=True)
        return [table, figure, _said(words.standing(group))]

    single = [each for each in groups if len(each.recipes) == 1]
    parts = [_several(groups, show)]
    if single:
        parts.append(_said(words.ALONE))
        caption = f"Recipes that stand alone: {words.COLUMNS}"
        parts.append(reports.table(run, frames.alone(single), "alone", caption))
    return _exhibit([each.html for each in parts], "\n".join(each.text for each in parts))


def parameters(run: Run, groups: Sequence[Group]) -> Output:
    """The parameters in which the recipes of each group differ."""

    def show(group: Group, name: Callable[[str], str]) -> list[Output]:
        caption = (
            f"{group.title}: the parameters that differ, by rank; all others are the same. A dash: "
            "the run's notebooks did not have it."
        )
        frame = frames.parameters(group.recipes)
        return [reports.table(run, frame, name("parameters"), caption)]

    return _several(groups, show)


def costs(run: Run, groups: Sequence[Group]) -> Output:
    """What each recipe costs in seconds, parameters and latency, and which are worth it."""

    def show(group: Group, name: Callable[[str], str]) -> list[Output]:
        found = frames.prices(group)
        prices = frames.costs(found)
        shown, made = frames.machine_letters(prices)
        caption = (
            f"{group.title}: class-balanced accuracy on validation against its price. A full disc "
            "is on the front: nothing cheaper is as good. Grey bars are 95 % intervals. "
            f"{'Times have a front for each machine. ' if 'machine' in shown else ''}"
            f"{made}{_only(group)} {words.built_on(group.recipes[:MOST])}"
        ).strip()
        renamed = {"label": "recipe", "value": "validation"}
        renamed |= {"low": "validation_low", "high": "validation_high"}
        drawn = plots.costs(frames.starred(found.head(MOST)).rename(columns=renamed))
        figure = reports.figure(run, drawn, name("prices"), caption, headline=True)
        caption = (
            f"{group.title}: the prices. Times are compared between runs of one machine only. "
            f"Seconds are {words.TIMES} {made} {words.built_on(group.recipes)}"
        ).strip()
        formats: dict[str, str] = {"parameters": ",.0f", "multiply-adds": ",.0f"}
        formats |= {f"training,{frames.NBSP}s": ",.0f", f"{frames.TIMES} the shortest": ",.1f"}
        formats |= {f"strokes to answer,{frames.NBSP}ms": ".2f"}
        return [figure, reports.table(run, found, name("prices"), caption, formats, shown)]

    return _several(groups, show)


def curves(run: Run, groups: Sequence[Group]) -> Output:
    """Every recipe's learning curve on one axis."""

    def show(group: Group, name: Callable[[str], str]) -> list[Output]:
        chosen = group.recipes[:MOST]
        found = [(each.label, frames.history(each)) for each in chosen]
        found = [(label, frame) for label, frame in found if frame is not None]
        if not found:
            return [_said(f"{group.title}: no run has a history of its training.")]
        caption = (
            f"{group.title}: class-balanced accuracy on validation after each epoch; a dot marks "
            "the epoch that was kept. Of several seeds the line is the mean, and the band goes "
            f"from the lowest to the highest.{_only(group)}"
        )
        drawn = plots.histories(pd.concat([f.assign(recipe=label) for label, f in found]))
        return [reports.figure(run, drawn, name("histories"), caption)]

    return _several(groups, show)


def tests(run: Run, groups: Sequence[Group]) -> Output:
    """McNemar's test between every two recipes of a group."""

    def show(group: Group, name: Callable[[str], str]) -> list[Output]:
        found = pairs(group, MOST)
        if not found:
            return [_said(f"{group.title}: the answers to test, predictions.npz, are missing.")]
        caption = (
            f"{group.title}: McNemar's test of each pair on the same {group.first.n:,} pictures; "
            "the difference in accuracy with its 95 % interval, the p-value, and the p-value "
            f"corrected for the number of pairs (Holm).{_over_seeds(group)}"
        )
        formats = dict.fromkeys(("p", "p, corrected"), frames.probability)
        table = reports.table(run, frames.tests(found), name("tests"), caption, formats)
        return [_said(words.verdict(found)), table]

    return _several(groups, show)


def results(run: Run, groups: Sequence[Group]) -> Output:
    """The first of each ranking, and `metrics.json` with every ranking."""
    rows = [reports.count("groups", len(groups), "Sets of test pictures, ranked apart")]
    for place, group in enumerate(each for each in groups if len(each.recipes) > 1):
        rows += _first(group, place)
    numbers = [
        {
            "data": group.first.data.get("name"),
            "test": group.first.test,
            "validation": group.first.validation,
            "n": group.first.n,
            "test_openings": group.openings,
            "ranking": frames.figures(group).to_dict("records"),
        }
        for group in groups
    ]
    return reports.results(run, rows, rankings=numbers)


def _first(group: Group, place: int) -> list[Result]:
    """The headline of a ranking."""
    recipe = group.recipes[0]
    end, data = f"_{place + 1}" if place else "", group.first.data.get("name")
    rows = [reports.text(f"first{end}", recipe.label, f"First on validation, {data}")]
    for split, n in (("validation", group.first.n_validation), ("test", group.first.n)):
        found = recipe.figures[split]
        note = f"n = {n:,}" if n else ""
        if found.low == found.low and n:
            note = interval_text(found.low, found.high, n)
        note = "; ".join(filter(None, (recipe.label, note))) + f", {_seeds(recipe)}"
        label = f"Class-balanced accuracy, {split}, {data}"
        key = f"{split}_balanced_accuracy{end}"
        rows.append(reports.share(key, found.value, label, note, headline=True))
    return rows


def _several(
    groups: Sequence[Group], show: Callable[[Group, Callable[[str], str]], list[Output]]
) -> Output:
    """What `show` gives for each group with two recipes or more, below one another.

    It is given the group and what makes an exhibit's name one of this group. Where there are
    several groups, each has its heading.
    """
    groups = [each for each in groups if len(each.recipes) > 1]
    if not groups:
        return _said("There are no two recipes to compare.")
    titles = [group.title for group in groups]
    parts, texts = [], []
    for place, group in enumerate(groups):
        if len(groups) > 1:
            twice = titles.count(group.title) > 1
            title = f"{group.title}, {words.identity(group.first)}" if twice else group.title
            parts.append(f"<h3>{escape(title)}</h3>")
        found = show(group, lambda name, end=f"_{place + 1}" if place else "": name + end)
        parts += [each.html for each in found]
        texts += [each.text for each in found]
    return _exhibit(parts, "\n".join(texts))


def _links(run: Run, members: Sequence[Member]) -> str:
    """Links to the runs' own pages, where they are; a notebook opened by hand has none."""
    there = [each for each in members if (each.folder / "index.html").is_file()]
    if run.by_hand or not there:
        return ""
    links = [
        f'<a href="{escape(relpath(each.folder / "index.html", run.folder))}">'
        f"{escape(each.name)}</a>"
        for each in there
    ]
    return f'<p style="{WIDE}">Their reports: {", ".join(links)}.</p>'


def _only(group: Group) -> str:
    more = len(group.recipes) - MOST
    return (
        f" Only the first {MOST} on validation; {more} more are in the table." if more > 0 else ""
    )


def _over_seeds(group: Group) -> str:
    """What belongs to one seed and what to all, where there are several."""
    if all(len(each.members) == 1 for each in group.recipes):
        return ""
    return " Counts and p-values are of the seeds named; the difference is of all that both have."


def _seeds(recipe: Recipe) -> str:
    return words.counted(len(recipe.members), "seed")


def _said(text: str) -> Output:
    return Output(f'<div class="hcr-comparison">{_paragraph(text)}</div>', text)


def _exhibit(parts: Sequence[str], text: str) -> Output:
    return Output(f'<div class="hcr-comparison">{"".join(parts)}</div>', text)


def _paragraph(text: str) -> str:
    return f'<p style="{WIDE}">{escape(text)}</p>'
