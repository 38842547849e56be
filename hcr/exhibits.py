"""What a notebook shows and leaves in its run's folder: figures, tables, results, environment."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from hcr import environment as place
from hcr import figures, files, metrics, runs, tables

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Exhibit:
    """What a cell ends with, so that it is shown: HTML, or one line of text in a terminal."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        """The caption, for places that show no HTML."""
        return self.text

    def show(self) -> None:
        """Show it, where it is not what the cell ends with."""
        from IPython.display import display

        display(self)


@dataclass(frozen=True)
class Result:
    """One figure of a stage.

    Attributes:
        key: Its name in `metrics.json`.
        value: Its value there: a number, text, or what else JSON can hold.
        label: Its name for a reader.
        text: The value as a reader sees it, as `"98.4 %"`.
        note: Interval, n and seeds, as `"95 %: 97.4 to 99.0; n = 1,000"`.
        headline: Whether the run's front page shows it.
    """

    key: str
    value: Any
    label: str
    text: str
    note: str = ""
    headline: bool = False


def share(key: str, value: float, label: str, note: str = "", headline: bool = False) -> Result:
    """A result that is a share of 1, shown in per cent."""
    return Result(key, value, label, _unbroken(metrics.percent(value)), note, headline)


def count(key: str, value: int, label: str, note: str = "", headline: bool = False) -> Result:
    """A result that is a whole number, shown with its thousands apart."""
    return Result(key, int(value), label, f"{value:,d}", note, headline)


def number(
    key: str, value: float, label: str, form: str = ".1f", note: str = "", headline: bool = False
) -> Result:
    """A result that is any number; `form` is its format specification, and may end in a unit."""
    form, _, unit = form.partition(" ")
    shown = tables.typeset(f"{value:{form}}")
    return Result(key, value, label, f"{shown}{NBSP + unit if unit else ''}", note, headline)


def text(key: str, value: str, label: str, note: str = "", headline: bool = False) -> Result:
    """A result that is a word."""
    return Result(key, value, label, value, note, headline)


def against(
    labels: np.ndarray,
    predicted: np.ndarray,
    before: np.ndarray | None,
    note: str = "",
    on: str = "",
) -> list[Result]:
    """How a network reads beside the one that its training began from, on the same pictures.

    Args:
        labels: int (n,).
        predicted: int (n,), what the network reads.
        before: int (n,), what the other one reads; None where training began anew: no results.
        note: What else must be known of the comparison.
        on: What the results' labels end with, as `", on validation"`.
    """
    if before is None:
        return []
    found = metrics.comparison.mcnemar(labels, predicted, before)
    ends = found.difference, found.low, found.high
    sure = "better" if ends[1] > 0 else "worse" if ends[2] < 0 else "not surely better or worse"
    if (before == predicted).all():
        sure = "it reads all as before"
    # z: what rounds to 0 has no minus.
    gain, low, high = (tables.typeset(f"{100 * each:+z.1f}") for each in ends)
    note = "; ".join(
        filter(None, (sure, f"95 %: {low} to {high}; n = {len(labels):,}, the same for both", note))
    )
    value = dict(zip(("difference", "low", "high"), ends, strict=True))
    n_classes = 1 + max(int(each.max()) for each in (labels, predicted, before))
    balanced = metrics.balanced_accuracy(labels, before, n_classes)
    rows = [
        share("start_accuracy", float((before == labels).mean()), f"Accuracy of its start{on}"),
        share("start_balanced_accuracy", balanced, f"Class-balanced accuracy of its start{on}"),
    ]
    text = f"{gain}{NBSP}points"
    label = f"Accuracy gained over its start{on}"
    return [*rows, Result("gain", value, label, text, note, headline=True)]


def figure(
    run: runs.Run,
    drawn: Any,
    name: str,
    caption: str,
    alt: str | None = None,
    headline: bool = False,
    picture: bool = False,
) -> Exhibit:
    """Save a Matplotlib figure as `figures/<NN>_<name>.svg` or `.png`, close it, and show it.

    Args:
        run: The run to leave it in.
        drawn: A `Figure`, an `Axes`, an array of `Axes`, or a seaborn grid.
        name: Lower-case letters, digits, `_` and `-`.
        caption: Plain text below the figure.
        alt: What a reader who cannot see it should know beside the caption; where None, what the
            figure's own labels say, and the caption where it has none.
        headline: Whether the run's front page shows it.
        picture: Whether it is made of pictures, so that a PNG suits it better.
    """
    from matplotlib import pyplot

    whole = (drawn.flat[0] if isinstance(drawn, np.ndarray) else drawn).figure.figure
    caption = _with_caveat(run, caption)
    alt = alt or figures.described(whole) or caption
    path = figures.save(whole, run.path(f"figures/{_stem(run, name)}.svg"), picture)
    # An open figure would be shown a second time by the notebook.
    pyplot.close(whole)
    file = f"figures/{path.name}"
    entry = {"name": path.stem, "file": file, "caption": caption, "alt": alt, "headline": headline}
    # By name, because another drawing of it may be of the other form.
    run.append("figures", entry, same="name")
    return Exhibit(figures.html(path.read_bytes(), caption, alt), f"Figure: {caption}")


def live(run: runs.Run, draw: Callable[[Any], Any], caption: str) -> Callable[[Any], None] | None:
    """What shows a figure that is drawn anew while a cell runs; None where nobody looks on.

    The result is called with what `draw` makes a `Figure` of, and the newest one stands below the
    cell. A notebook that `run_all.py` executes has nobody before it.
    """
    if not run.by_hand:
        return None
    from IPython.display import display
    from matplotlib import pyplot

    shown = None

    def update(found: Any) -> None:
        nonlocal shown
        drawn = draw(found)
        data = figures.svg(drawn)
        pyplot.close(drawn)
        exhibit = Exhibit(figures.html(data, caption, caption), f"Figure: {caption}")
        if shown is None:
            shown = display(exhibit, display_id=True)
        else:
            shown.update(exhibit)

    return update


def table(
    run: runs.Run,
    frame: pd.DataFrame,
    name: str,
    caption: str,
    formats: Mapping[str, tables.Format] | None = None,
    shown: pd.DataFrame | None = None,
) -> Exhibit:
    """Save `frame` as `tables/<NN>_<name>.csv` and, as it is shown, as `.tex`; show it.

    Args:
        run: The run to leave it in.
        frame: The table. Its index is kept where it has a name or is no plain range.
        name: Lower-case letters, digits, `_` and `-`.
        caption: Plain text.
        formats: For a column, a format specification such as `".1%"`, or a function of a value to
            its text.
        shown: What of `frame` a page has room for; all of it where None.
    """
    caption = _with_caveat(run, caption)
    stem = _stem(run, name)
    entry = {"file": f"tables/{stem}.csv", "latex": f"tables/{stem}.tex", "caption": caption}
    files.write_text(
        run.path(entry["file"]), frame.to_csv(index=_indexed(frame), lineterminator="\n")
    )
    told = frame if shown is None else shown
    heads = told.index.nlevels if _indexed(told) else 0
    if heads:
        names = [name or "" for name in told.index.names]
        told = told.reset_index(names=names, allow_duplicates=True)
    label = f"tab:{run.name.replace('/', ':')}:{stem}"
    files.write_text(run.path(entry["latex"]), tables.latex(told, caption, formats or {}, label))
    run.append("tables", entry, same="file")
    return Exhibit(tables.html(told, caption, formats or {}, heads), f"Table: {caption}")


def saved(run: runs.Run, frame: pd.DataFrame, name: str, caption: str) -> Exhibit:
    """Save `frame`, which is too large to be looked at, as `table` does, and name its file."""
    shown = table(run, frame, name, caption)
    file = f"tables/{_stem(run, name)}.csv"
    return Exhibit(f"<p>{escape(caption)} In <code>{file}</code>.</p>", f"{shown.text} In {file}.")


def results(run: runs.Run, rows: Iterable[Result], **extra: Any) -> Exhibit:
    """Write `rows` as the stage's section of `metrics.json`, and show them as a table.

    `extra` goes to `metrics.json` only. What is not finite becomes null there.
    """
    rows = list(rows)
    section = {row.key: row.value for row in rows} | extra
    if run.caveat:
        section["caveat"] = run.caveat
        rows = [replace(row, note="; ".join(filter(None, (run.caveat, row.note)))) for row in rows]
    run.metrics({key: _plain(value) for key, value in section.items()})
    headline = [
        {"key": row.key, "label": row.label, "text": row.text, "note": row.note}
        for row in rows
        if row.headline
    ]
    run.record(headline=headline)
    columns = {"Figure": "label", "Value": "text", "Note": "note"}
    if not any(row.note for row in rows):
        del columns["Note"]
    told = {key: [getattr(row, of) for row in rows] for key, of in columns.items()}
    frame = pd.DataFrame(told).set_index("Figure")
    return table(run, frame, "results", "Results.")


def environment(run: runs.Run) -> Exhibit:
    """Show commit, seed, elapsed seconds, hardware and the packages' versions."""
    record = runs.read(run.folder)
    facts = record if record.get("versions") else place.facts() | record
    hardware = facts["hardware"]
    seconds = (datetime.now(UTC) - run.started).total_seconds()
    state = {True: " (with changes)", False: "", None: ""}[facts.get("dirty")]
    rows = {
        "Run": run.name,
        "Commit": (facts.get("commit") or "unknown")[:12] + state,
        "Seed": facts.get("seed", tables.MISSING),
        "Seconds so far": f"{seconds:.1f}",
        "Processor": f"{hardware['processor']}, {hardware['cores']} cores"
        + (", AMX" if hardware.get("amx") else ""),
        "Memory": f"{hardware['memory_gib']} GiB",
        "GPU": hardware.get("gpu") or "none",
        "System": hardware["system"],
    }
    rows |= facts["versions"]
    frame = pd.DataFrame({"What": list(rows), "Value": [str(value) for value in rows.values()]})
    return Exhibit(tables.html(frame, "Environment", {}, 1, 30, False), "Table: Environment")


def _indexed(frame: pd.DataFrame) -> bool:
    """Whether the index of `frame` says something."""
    return frame.index.name is not None or not isinstance(frame.index, pd.RangeIndex)


def _with_caveat(run: runs.Run, caption: str) -> str:
    return f"{caption} Data: {run.caveat}." if run.caveat else caption


def _unbroken(words: str) -> str:
    """`words` that a page keeps on one line."""
    return words.replace(" ", NBSP)


def _stem(run: runs.Run, name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(
            f"An exhibit's name must be lower-case letters, digits, '_' and '-'. Received: {name!r}"
        )
    return f"{run.number}_{name}"


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it: NumPy's numbers as Python's, what is not finite as None."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
