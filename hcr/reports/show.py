"""How a notebook shows and saves a figure, a table, its results and its warnings: one way.

A figure reacts on its page where `figure` is given `points`, a data frame with a row a place: `x`,
`y` in the axes' numbers, and the `text` that is shown where one points at, touches or steps to it.
Columns it may have: `axes`, which of the figure's, from 0; `width` and `height` of an area;
`group`, whose places a button above the figure lights up; and `images`, indices of `pictures`, the
best first, which a click shows with their `texts`. Paper has none of this, so a figure or a table
says the same. On the page a figure of a cell with the tag `fold` is folded:

    points = log.rename(columns={"epoch": "x", "loss": "y"}).assign(text=log["loss"].map(str))
    reports.figure(out, axes, "loss", "The loss of each epoch.", points=points)
"""

import base64
import io
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import DisplayHandle, display
from markupsafe import Markup
from PIL import Image

from hcr import evaluation, runs
from hcr.reports.index import figure_html, macros, write_front
from hcr.runs import environment as place
from hcr.runs import files

NBSP = "\N{NO-BREAK SPACE}"
MISSING = "\N{EN DASH}"
# A figure of many small images is smaller, and as sharp, as a PNG.
MOST_IMAGES, MOST_SVG_BYTES = 12, 250_000
PNG_DPI = 192  # CSS counts 96 dots an inch; this is twice that
PADDING = 0.08  # inches around a figure
# The images of a figure that reacts: side, columns of the sprite, bytes of it, images of a place.
SIDE, COLUMNS, MOST_SPRITE_BYTES, MOST_OF_PLACE = 28, 40, 1_000_000, (8, 6, 4, 3, 2, 1)
LONG, MOST_ROWS = 20, 200  # rows of a table: more scroll, and more are only in its CSV

# Of columns, wherever they occur, their formats and heads; and label and format of scores.
TABLE = tomllib.loads(Path(__file__).with_name("show.toml").read_text("utf-8"))
FORMATS, HEADS, SCORES = (TABLE[key] for key in ("formats", "heads", "scores"))


@dataclass(frozen=True)
class Output:
    """What a cell ends with, so that it is shown: HTML, or an image with its caption as metadata.

    By hand a figure is both, because Jupyter, which takes the HTML, shows no caption of an image.
    """

    html: str
    text: str
    image: Mapping[str, str] | None = None  # its MIME type to its content
    metadata: Mapping[str, Any] | None = None
    by_hand: bool = False

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        image = self.image or {}
        html = {"text/html": self.html} if self.by_hand or not image else {}
        metadata = {kind: dict(self.metadata or {}) for kind in image}
        return {"text/plain": self.text, **html, **image}, metadata

    def show(self) -> None:
        """Show it, where it is not what the cell ends with."""
        display(self)


@dataclass(frozen=True)
class Result:
    """One figure of a stage: `key` and `value` in `metrics.json`, the rest for a reader."""

    key: str
    value: Any
    label: str
    form: str = ""  # of a number, and its unit, as ".2f ms"
    note: str = ""  # interval, n and seeds, as "95 %: 97.4 to 99.0; n = 1,000"
    headline: bool = False  # whether the run's front page shows it
    interval: tuple[float, float] | None = None  # `key_low` and `key_high` in `metrics.json`

    @property
    def text(self) -> str:
        """The value as a reader sees it, as "98.4 %"."""
        if isinstance(self.value, str):
            return self.value
        usual = ",.1f" if isinstance(self.value, float | np.floating) else ",d"
        form, _, unit = (self.form or usual).partition(" ")
        number = typeset(f"{self.value:{form}}") + (NBSP + unit if unit else "")
        return number if np.isfinite(self.value) else "n/a"


def scores(frame: pd.DataFrame, n: int) -> list[Result]:
    """Results of `SCORES` with their intervals: index score, columns value, low, high."""
    rows = []
    for key, value, low, high in frame.itertuples():
        label, form = SCORES[key]
        ends = f"{low:{form}} to {high:{form}}".replace("%", "")
        note, main = f"95 %: {ends}; n = {n:,}, 1 seed", "accuracy" in key
        rows.append(Result(key, value, label, form, note, main, (low, high)))
    return rows


def results(
    run: runs.Run,
    rows: Iterable[Result],
    name: str = "results",
    caption: str = "Results.",
    **extra: Any,
) -> Output:
    """Add `rows` to the stage's section of `metrics.json`, and show them as a table.

    `extra` goes to `metrics.json` only. What is not finite becomes null there.
    """
    rows = list(rows)
    values = {row.key: row.value for row in rows}
    for row in rows:
        values |= zip((f"{row.key}_low", f"{row.key}_high"), row.interval or (), strict=False)
    note(run, **values, **extra, **({"caveat": run.caveat} if run.caveat else {}))
    notes = [f"{run.caveat}; {row.note}".strip("; ") for row in rows]
    for row, remark in zip(rows, notes, strict=True):
        if row.headline:
            entry = {"key": row.key, "label": row.label, "text": row.text, "note": remark}
            run.append("headline", entry, same="key")
    columns = {"Value": [row.text for row in rows]} | ({"Note": notes} if any(notes) else {})
    index = pd.Index([row.label for row in rows], name="Figure")
    return table(run, pd.DataFrame(columns, index), name, caption)


def gain(
    run: runs.Run, labels: np.ndarray, predicted: np.ndarray, before: np.ndarray, name: str
) -> Output:
    """Show what a training gained over its parent, which predicted `before`; see `mcnemar`."""
    test = evaluation.mcnemar(labels, predicted, before)
    numbers = {key: test[key] for key in ("difference", "low", "high")}
    gained, low, high = (100 * each for each in numbers.values())
    ends = f"95 %: {low:+z.1f} to {high:+z.1f}; n = {len(labels):,}, the same images for both"
    was = float(np.mean(labels == before)), evaluation.balanced_accuracy(labels, before)
    rows = [
        Result("start_accuracy", was[0], "Accuracy of the parent model", ".1%"),
        Result("start_balanced_accuracy", was[1], "Balanced accuracy of the parent model", ".1%"),
        Result("gain", gained, "Accuracy gained over it", "+z.1f points", ends, True),
    ]
    shown = results(run, rows, name, "Compared with the model that training began from.")
    note(run, gain=numbers)  # all three, in place of the first
    return shown


def note(run: runs.Run, **values: Any) -> None:
    """Add `values` to the stage's section of `metrics.json`, and show them nowhere."""
    run.metrics({key: _plain(value) for key, value in values.items()})


def verdict(run: runs.Run, *lines: str) -> Output:
    """Show the stage's answer in one or two plain `lines` that hold its figures.

    Its page has it right below the title, wherever the cell stands, and the run's front page has
    it, too: the record's `verdict` of the stage. Empty lines are left out.
    """
    kept = [line for line in lines if line]
    kept[-1:] = [_with_caveat(run, line) for line in kept[-1:]]
    run.record(verdict=kept)
    return Output(str(macros().verdict(kept)), "\n".join(kept))


def warnings(run: runs.Run, texts: Iterable[str | None]) -> Output:
    """Show `texts`, one or two plain sentences each, and put them on the run's front page.

    What is None or empty is left out; where nothing is left, nothing is shown.
    """
    kept = [each for each in texts if each]
    for warning in kept:
        run.append("warnings", {"text": warning}, same="text")
    html = str(macros().warnings(kept)) if kept else ""
    return Output(html, "\n".join(f"Warning: {each}" for each in kept))


def environment(run: runs.Run) -> Output:
    """Show commit, seed, hardware and the packages' versions; by hand, also end the stage."""
    if run.by_hand:
        verdict = run.finish()["stages"][run.stage].get("verdict", ())
        how = f"{runs.shown(write_front(run.folder))} shows this run, and this notebook once it is "
        print(*verdict, f'{how}saved. To keep the run: pipeline.save_as("my_run")', sep="\n")
    facts = place.facts() | runs.read(run.folder)
    changes = " (with changes)" if facts.get("dirty") else ""
    commit = f"{facts.get('commit') or 'unknown':.12}{changes}"
    rows = {"run": run.name, "commit": commit, "seed": facts.get("seed")}
    rows |= facts["hardware"] | facts["versions"]
    frame = pd.Series(rows, dtype=object).rename_axis("What").to_frame("Value")
    html = table_html(frame, "Environment", {}, "hcr-table kept")
    if run.by_hand:  # the lines above are to be in view
        html = f"<details><summary>Versions and hardware</summary>{html}</details>"
    return Output(html, "Table: Environment")


def figure(
    run: runs.Run,
    drawn: Any,
    name: str,
    caption: str,
    headline: bool = False,
    raster: bool = False,
    points: pd.DataFrame | None = None,
    pictures: np.ndarray | None = None,
    texts: Sequence[str] = (),
) -> Output:
    """Save a Matplotlib figure as `figures/<NN>_<name>.svg` or `.png`, close it, and show it.

    `drawn` is a `Figure`, an `Axes`, an array of `Axes`, or a seaborn grid; the `caption` is one
    line of plain text. The run's front page shows a `headline`; `raster` says that it is made of
    images, so that a PNG suits it better.
    `points`, `pictures` (n, 28, 28) `uint8` and their `texts`: how it reacts, see the module.
    """
    from matplotlib import pyplot

    drawn = (drawn.flat[0] if isinstance(drawn, np.ndarray) else drawn).figure.figure
    caption = _with_caveat(run, caption)
    path = save_figure(drawn, run.path(f"figures/{run.number}_{name}.svg"), raster)
    more = {} if points is None else _reaction(drawn, points, pictures, texts)
    pyplot.close(drawn)  # an open one would be shown a second time by the notebook
    file = f"figures/{path.name}"
    entry = {"name": path.stem, "file": file, "caption": caption, "headline": headline}
    # By name, because another drawing of it may be of the other form.
    run.append("figures", entry, same="name")
    data, png = path.read_bytes(), path.suffix == ".png"
    html, text = figure_html(data, caption, 0 if more else None), f"Figure: {caption}"
    html = str(macros().by_hand(Markup(html), more)) if run.by_hand else html
    content = base64.b64encode(data).decode() if png else data.decode()
    image = {"image/png" if png else "image/svg+xml": content}
    return Output(html, text, image, {"caption": caption, "reaction": more}, run.by_hand)


def _reaction(
    drawn: Any, points: pd.DataFrame, pictures: np.ndarray | None, texts: Sequence[str]
) -> dict[str, Any]:
    """What the page's script reads of a figure's places: sides as shares of the picture."""
    drawn.draw_without_rendering()  # settles the layout
    box, lists = drawn.get_tightbbox().padded(PADDING), points.get("images", [()] * len(points))
    for most in MOST_OF_PLACE:
        used = np.unique([i for each in lists for i in each[:most]]).astype(int)
        sprite = _sprite(pictures[used]) if len(used) else b""
        if len(sprite) <= MOST_SPRITE_BYTES:
            break
    places = []
    for row, images in zip(points.to_dict("records"), lists, strict=True):
        middle = np.array([row["x"], row["y"]])
        half = np.array([row.get("width", 0), row.get("height", 0)]) / 2
        ends = drawn.axes[row.get("axes", 0)].transData.transform([middle - half, middle + half])
        ends = (ends / drawn.dpi - box.min) / box.size
        sides = np.sort(abs(ends - [0, 1]), axis=0).ravel().round(4).tolist()  # from the top left
        tiles = np.searchsorted(used, images[:most]).tolist()
        places.append([*sides, str(row["text"]), len(images), tiles, str(row.get("group", ""))])
    sprite = {"png": base64.b64encode(sprite).decode(), "columns": COLUMNS, "side": SIDE}
    return {"places": places, "sprite": sprite, "texts": [str(texts[i]) for i in used]}


def _sprite(images: np.ndarray) -> bytes:
    """A PNG of 16 grays with all `images`, ink black, `COLUMNS` in a row."""
    sheet = np.zeros((-(-len(images) // COLUMNS) * COLUMNS, SIDE, SIDE), np.uint8)
    sheet[: len(images)] = np.round(images / 17)
    sheet = np.block([list(row) for row in sheet.reshape(-1, COLUMNS, SIDE, SIDE)])
    image, file = Image.fromarray(sheet, "P"), io.BytesIO()
    image.putpalette(np.repeat(255 - 17 * np.arange(16), 3).tolist())
    image.save(file, "PNG", optimize=True, bits=4)
    return file.getvalue()


def live(
    run: runs.Run, draw: Callable, caption: Callable, first: str = ""
) -> Callable[[Any], None] | None:
    """A function that shows `draw(data)`, `caption(data)`; first `first`. None by `run_all.py`."""
    if not run.by_hand:
        return None
    from matplotlib import pyplot

    handle = DisplayHandle()
    handle.display(Output(f"<p>{first}</p>", first))

    def update(data: Any) -> None:
        drawn, text = draw(data), caption(data)
        svg = _svg(drawn)
        image = {"image/svg+xml": svg.decode()}
        handle.update(Output(figure_html(svg, text), text, image, {"caption": text}, True))
        pyplot.close(drawn)

    return update


def save_figure(drawn: Any, path: Path, raster: bool = False) -> Path:
    """Write the figure `drawn` beside `path`, as `.svg` or `.png`, and return the file's path.

    It is a PNG where it is `raster`, shows more than 12 images, or is more than 250 kB of SVG. The
    same figure always gives the same bytes. Raises `RunError` where the disk refuses.
    """
    many = sum(len(axes.images) for axes in drawn.axes) > MOST_IMAGES
    data = b"" if raster or many else _svg(drawn)
    form, other = ".svg", ".png"
    if not data or len(data) > MOST_SVG_BYTES:
        form, other, data = ".png", ".svg", _png(drawn)
    with files.writing(path.with_suffix(form)) as aside:
        aside.write_bytes(data)
    # The other form, of an earlier run of the cell, would stay behind.
    path.with_suffix(other).unlink(missing_ok=True)
    return path.with_suffix(form)


def table(
    run: runs.Run,
    frame: pd.DataFrame,
    name: str,
    caption: str,
    formats: Mapping[str, str] | None = None,
    shown: pd.DataFrame | None = None,
) -> Output:
    """Save `frame` as `tables/<NN>_<name>.csv` and, as it is shown, as `.tex`; show it.

    The columns `low` and `high`, or `x_low` and `x_high`, are shown as one, `95 %` or `x, 95 %`.
    The index is kept where it has a name or is no plain range. `formats` are those of columns, as
    `".1%"`, where `FORMATS` has none or another; `shown` is what is shown of `frame`, None for all.
    """
    caption, stem = _with_caveat(run, caption), f"tables/{run.number}_{name}"
    shown, formats = frame if shown is None else shown, FORMATS | dict(formats or {})
    entry = {"file": f"{stem}.csv", "latex": f"{stem}.tex", "caption": caption}
    whole = frame.to_csv(index=_has_index(frame), lineterminator="\n")
    files.write_text(run.path(entry["file"]), whole)
    shown = _with_intervals(shown, formats)
    cells = formatted(shown, formats)
    latex = cells.to_latex(index=_has_index(cells), escape=True, longtable=len(cells) > LONG)
    files.write_text(run.path(entry["latex"]), latex)
    run.append("tables", entry, same="file")
    return Output(table_html(shown, caption, formats), f"Table: {caption}")


def table_html(
    frame: pd.DataFrame, caption: str, formats: Mapping[str, str], kind: str = "hcr-table"
) -> str:
    """A data frame as an HTML table; every name and value is text, never markup."""
    most = frame.head(MOST_ROWS)
    if len(most) < len(frame):
        caption = f"{caption} The first {MOST_ROWS} of {len(frame):,} rows; its CSV has all."
    cells, heads = formatted(most, formats), most.index.nlevels if _has_index(most) else 0
    if heads:
        how = {"names": [name or "" for name in most.index.names], "allow_duplicates": True}
        most, cells = most.reset_index(**how), cells.reset_index(**how)
    sides = ["right" if pd.api.types.is_numeric_dtype(kind) else "left" for kind in most.dtypes]
    long = len(most) > LONG and "kept" not in kind
    rows = cells.astype(str).itertuples(index=False, name=None)
    parts = [str(name).partition(",") for name in cells]
    names = [f"{HEADS.get(a) or re.sub('(?<=.)_(?=.)', ' ', a)}{b}{c}" for a, b, c in parts]
    return str(macros().table(kind, caption, long, heads, names, sides, list(rows)))


def formatted(frame: pd.DataFrame, formats: Mapping[str, str]) -> pd.DataFrame:
    """`frame` with the text of each value, as a reader sees it."""
    columns = []
    for at, name in enumerate(frame.columns):
        form, column = formats.get(name), frame.iloc[:, at]
        if form is None and pd.api.types.is_float_dtype(column):
            # Four digits for the largest value, the same places for all.
            values = np.abs(column.to_numpy(float, na_value=np.nan))
            largest = values[np.isfinite(values)].max(initial=0)
            places = 3 - int(np.floor(np.log10(largest))) if largest > 0 else 0
            form = f",.{min(max(places, 0), 6)}f"
        columns.append([_cell(value, form) for value in column])
    cells = pd.DataFrame(dict(enumerate(columns)), index=frame.index)
    return cells.set_axis(frame.columns, axis=1)


def typeset(text: str) -> str:
    """A number's text with a minus sign in place of a hyphen, and its unit apart."""
    return text.replace("-", "\N{MINUS SIGN}").replace("%", f"{NBSP}%")


def _cell(value: Any, form: str | None) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return MISSING
    if form == "p":  # a test's, which is never 0
        return f"{value:.2g}" if value >= 1e-4 else f"<{NBSP}0.0001"
    if form is not None:
        return typeset(format(value, form))
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return typeset(f"{value:,}")
    return typeset(f"{value:,.4g}") if isinstance(value, float) else str(value)


def _with_intervals(frame: pd.DataFrame, formats: Mapping[str, str]) -> pd.DataFrame:
    """`frame` with the two ends of each interval in one column."""
    columns: dict[Any, Any] = {}
    for at, name in enumerate(frame.columns):
        stem = str(name).removesuffix("low")
        if str(name).endswith("low") and f"{stem}high" in frame:
            form = formats.get(name) or formats.get(stem.removesuffix("_")) or ".1%"
            ends = zip(frame[name], frame[f"{stem}high"], strict=True)
            texts = [
                f"{low:{form}}{NBSP}to {high:{form}}".replace("%", "") if low == low else ""
                for low, high in ends
            ]
            columns[f"{stem.rstrip('_')}, 95 %".lstrip(", ")] = list(map(typeset, texts))
        elif not (str(name).endswith("high") and f"{str(name)[:-4]}low" in frame):
            columns[name] = frame.iloc[:, at]
    return pd.DataFrame(columns, index=frame.index)


def _render(drawn: Any, **options: Any) -> bytes:
    import matplotlib

    file = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "hcr"}):
        drawn.savefig(file, facecolor="white", bbox_inches="tight", pad_inches=PADDING, **options)
    return file.getvalue()


def _svg(drawn: Any) -> bytes:
    """The figure as SVG, without date and comments."""
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    svg = _render(drawn, format="svg", metadata=nothing).decode()
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.S)

    def shorten(path: re.Match) -> str:
        # A hundredth of a point is finer than any screen; six decimals are a third of the file.
        return " ".join(re.sub(r"\d+\.\d{3,}", lambda n: f"{float(n[0]):.2f}", path[0]).split())

    return re.sub(r">\s+<", "><", re.sub(r'(?<=\sd=")[^"]*(?=")', shorten, svg)).encode()


def _png(drawn: Any) -> bytes:
    png = io.BytesIO(_render(drawn, format="png", dpi=PNG_DPI))
    image, file = Image.open(png, formats=["PNG"]).convert("RGB"), io.BytesIO()
    # A palette halves the size.
    few = image.quantize(256, dither=Image.Dither.NONE)
    few.save(file, "PNG", optimize=True, dpi=(PNG_DPI, PNG_DPI))
    return file.getvalue()


def _has_index(frame: pd.DataFrame) -> bool:
    """Whether the index of `frame` says something."""
    return frame.index.name is not None or not isinstance(frame.index, pd.RangeIndex)


def _with_caveat(run: runs.Run, caption: str) -> str:
    return f"{caption} Data: {run.caveat}." if run.caveat else caption


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it: NumPy's numbers as Python's, what is not finite as None."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
