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
from hcr.reports.rows import Result, against, count, number, share, text  # noqa: F401
from hcr.runs import environment as place
from hcr.runs import files

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Output:
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
    headline: bool = False,
    raster: bool = False,
) -> Output:
    """Save a Matplotlib figure as `figures/<NN>_<name>.svg` or `.png`, close it, and show it.

    Args:
        run: The run to leave it in.
        drawn: A `Figure`, an `Axes`, an array of `Axes`, or a seaborn grid.
        name: Lower-case letters, digits, `_` and `-`.
        caption: Plain text below the figure.
        headline: Whether the run's front page shows it.
        raster: Whether it is made of images, so that a PNG suits it better.
    """
    from matplotlib import pyplot

    whole = (drawn.flat[0] if isinstance(drawn, np.ndarray) else drawn).figure.figure
    caption = _with_caveat(run, caption)
    alt = figures.described(whole) or caption
    path = figures.save(whole, run.path(f"figures/{_stem(run, name)}.svg"), raster)
    # An open figure would be shown a second time by the notebook.
    pyplot.close(whole)
    file = f"figures/{path.name}"
    entry = {"name": path.stem, "file": file, "caption": caption, "alt": alt, "headline": headline}
    # By name, because another drawing of it may be of the other form.
    run.append("figures", entry, same="name")
    return Output(figures.html(path.read_bytes(), caption, alt), f"Figure: {caption}")


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
        output = Output(figures.html(data, caption, caption), f"Figure: {caption}")
        if shown is None:
            shown = display(output, display_id=True)
        else:
            shown.update(output)

    return update


def table(
    run: runs.Run,
    frame: pd.DataFrame,
    name: str,
    caption: str,
    formats: Mapping[str, tables.Format] | None = None,
    shown: pd.DataFrame | None = None,
) -> Output:
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
    told = _intervals(frame if shown is None else shown, formats or {})
    heads = told.index.nlevels if _indexed(told) else 0
    if heads:
        names = [name or "" for name in told.index.names]
        told = told.reset_index(names=names, allow_duplicates=True)
    label = f"tab:{run.name.replace('/', ':')}:{stem}"
    files.write_text(run.path(entry["latex"]), tables.latex(told, caption, formats or {}, label))
    run.append("tables", entry, same="file")
    return Output(tables.html(told, caption, formats or {}, heads), f"Table: {caption}")


def results(
    run: runs.Run,
    rows: Iterable[Result],
    name: str = "results",
    caption: str = "Results.",
    **extra: Any,
) -> Output:
    """Write `rows` into the stage's section of `metrics.json`, and show them as a table.

    `extra` goes to `metrics.json` only. What is not finite becomes null there.
    """
    rows = list(rows)
    section = {row.key: row.value for row in rows} | extra
    if run.caveat:
        section["caveat"] = run.caveat
        rows = [replace(row, note="; ".join(filter(None, (run.caveat, row.note)))) for row in rows]
    note(run, **section)
    for row in rows:
        if row.headline:
            entry = {"key": row.key, "label": row.label, "text": row.text, "note": row.note}
            run.append("headline", entry, same="key")
    columns = {"Figure": "label", "Value": "text", "Note": "note"}
    if not any(row.note for row in rows):
        del columns["Note"]
    told = {key: [getattr(row, of) for row in rows] for key, of in columns.items()}
    return table(run, pd.DataFrame(told).set_index("Figure"), name, caption)


def warnings(run: runs.Run, texts: Iterable[str | None]) -> Output:
    """Show `texts`, one or two plain sentences each, and put them on the run's front page.

    What is None or empty is left out; where nothing is left, nothing is shown.
    """
    kept = [each for each in texts if each]
    for warning in kept:
        run.append("warnings", {"text": warning}, same="text")
    items = "".join(f"<p><strong>Warning.</strong> {escape(each)}</p>" for each in kept)
    html = f'<div class="hcr-warnings" role="note">{items}</div>' if kept else ""
    return Output(html, "\n".join(f"Warning: {each}" for each in kept) or "No warnings.")


def note(run: runs.Run, **values: Any) -> None:
    """Put `values` beside the stage's results in `metrics.json`, and nowhere else."""
    run.metrics({key: _plain(value) for key, value in values.items()})


def environment(run: runs.Run) -> Output:
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
    return Output(tables.html(frame, "Environment", {}, 1, 30, False), "Table: Environment")


def _indexed(frame: pd.DataFrame) -> bool:
    """Whether the index of `frame` says something."""
    return frame.index.name is not None or not isinstance(frame.index, pd.RangeIndex)


def _intervals(frame: pd.DataFrame, formats: Mapping[str, tables.Format]) -> pd.DataFrame:
    """`frame` with `low` and `high`, or `x_low` and `x_high`, in one column `95 %` or `x, 95 %`."""
    columns: dict[Any, Any] = {}
    for at, name in enumerate(frame.columns):
        stem = str(name).removesuffix("low")
        if str(name).endswith("low") and f"{stem}high" in frame:
            form = formats.get(name, ".1%")
            ends = zip(frame[name], frame[f"{stem}high"], strict=True)
            key = f"{stem.rstrip('_')}, 95 %" if stem else "95 %"
            columns[key] = [
                f"{tables.typeset(f'{low:{form}} to {high:{form}}'.replace('%', ''))}"
                if low == low
                else ""
                for low, high in ends
            ]
        elif not (str(name).endswith("high") and f"{str(name)[:-4]}low" in frame):
            columns[name] = frame.iloc[:, at]
    return pd.DataFrame(columns, index=frame.index)


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
