"""What a notebook shows and leaves in its run's folder: figures, tables, results, environment."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from hcr import runs
from hcr.reports import figures, tables
from hcr.reports.rows import Result, against, count, number, share, text
from hcr.runs import environment as place
from hcr.runs import files

__all__ = [
    "Exhibit",
    "Result",
    "added",
    "against",
    "count",
    "environment",
    "figure",
    "live",
    "noted",
    "number",
    "results",
    "saved",
    "share",
    "table",
    "text",
]

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


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
    return _written(run, list(rows), extra, "results", "Results.")


def added(run: runs.Run, rows: Iterable[Result], name: str, caption: str) -> Exhibit:
    """As `results`, of what a stage finds out after them: beside what they have written.

    Args:
        run: The run to leave it in.
        rows: Further results.
        name: Of their table, lower-case letters, digits, `_` and `-`.
        caption: Of that.
    """
    return _written(run, list(rows), {}, name, caption, beside=True)


def noted(run: runs.Run, **values: Any) -> None:
    """Put `values` beside the stage's results in `metrics.json`, and nowhere else."""
    run.metrics({key: _plain(value) for key, value in values.items()}, beside=True)


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


def _written(
    run: runs.Run,
    rows: list[Result],
    extra: Mapping[str, Any],
    name: str,
    caption: str,
    beside: bool = False,
) -> Exhibit:
    """Write `rows` and `extra`, in place of the section or `beside` it, and show the rows."""
    section = {row.key: row.value for row in rows} | extra
    if run.caveat:
        section["caveat"] = run.caveat
        rows = [replace(row, note="; ".join(filter(None, (run.caveat, row.note)))) for row in rows]
    run.metrics({key: _plain(value) for key, value in section.items()}, beside=beside)
    headline = [
        {"key": row.key, "label": row.label, "text": row.text, "note": row.note}
        for row in rows
        if row.headline
    ]
    if not beside:
        run.record(headline=headline)
    for each in headline if beside else ():
        run.append("headline", each, same="key")
    columns = {"Figure": "label", "Value": "text", "Note": "note"}
    if not any(row.note for row in rows):
        del columns["Note"]
    told = {key: [getattr(row, of) for row in rows] for key, of in columns.items()}
    frame = pd.DataFrame(told).set_index("Figure")
    return table(run, frame, name, caption)


def _indexed(frame: pd.DataFrame) -> bool:
    """Whether the index of `frame` says something."""
    return frame.index.name is not None or not isinstance(frame.index, pd.RangeIndex)


def _with_caveat(run: runs.Run, caption: str) -> str:
    return f"{caption} Data: {run.caveat}." if run.caveat else caption


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
