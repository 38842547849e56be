"""How like EMNIST's pictures `from_strokes` draws, and what changes what it draws.

    HCR_DATA=... uv run benchmarks/strokes.py

measures 2,820 training pictures of `emnist-subset`, 60 of each class, beside as many drawings by
UNIPEN's training contributors; how the pictures of 940 of these change when the pad or the hand is
another; and how long a drawing takes. It writes the tables between the marks of docs/strokes.md,
and its figure. No picture of a validation or test split is looked at. Takes about a minute, once
UNIPEN's pictures are in the cache.
"""

import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage

from hcr import datasets
from hcr.datasets import Strokes
from hcr.plots import look
from hcr.preprocessing import SIDE, from_strokes
from hcr.preprocessing import ink as ink_statistics
from hcr.reports import show
from hcr.runs import environment, files

DOCS = Path(__file__).resolve().parents[1] / "docs"
CLASSES = 47
ENLARGED = 5
MARKS = "<!-- measured -->", "<!-- /measured -->"

Drawing = list[np.ndarray]


def main() -> None:
    """Measure, and write the page's tables and its figure."""
    emnist, unipen = (datasets.load(name).train for name in ("emnist-subset", "unipen"))
    frames = {
        "EMNIST": measured(emnist.images[draw_evenly(emnist.labels, 60 * CLASSES)]),
        "from_strokes": measured(unipen.images[draw_evenly(unipen.labels, 60 * CLASSES)]),
    }
    chosen = draw_evenly(unipen.labels, 20 * CLASSES)
    drawings = [unipen.strokes[int(i)] for i in chosen]
    picture = draw(frames)
    dense = many(unipen.strokes)
    text = "\n\n".join([likeness(frames), changes(drawings, dense), seconds(unipen.strokes)])
    print(text)
    page = DOCS / "strokes.md"
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    files.write_text(page, f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}")
    print("written:", page, show.save_figure(picture, DOCS / "strokes"))


def draw_evenly(labels: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Indices of `n` images, about as many of each class."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    sizes = np.bincount(labels)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[np.argsort(rank, kind="stable")[:n]])


# How the pictures look


def measured(pictures: np.ndarray) -> pd.DataFrame:
    """One row a picture: lengths in pixels, ink in the sum of the pixels' shares."""
    found = ink_statistics.measure(pictures)
    area = pictures[0].size
    values = pictures / 255.0
    centre = (SIDE - 1) / 2
    return pd.DataFrame(
        {
            "line width, 2 ink / edge (px)": found["stroke"],
            "line width, along the ridge (px)": [ridge_width(each) for each in pictures],
            "ink (pixels)": found["ink"] * area,
            "longer side of the ink (px)": found[["width", "height"]].max(axis=1),
            "box, right of the middle (px)": found["left"] + found["width"] / 2 - 0.5 - centre,
            "box, below the middle (px)": found["top"] + found["height"] / 2 - 0.5 - centre,
            "mass, right of the middle (px)": found["x"] - centre,
            "mass, below the middle (px)": found["y"] - centre,
            "greyness, 4 v (1 - v) / v": (4 * values * (1 - values)).sum((1, 2))
            / values.sum((1, 2)),
        }
    )


def ridge_width(picture: np.ndarray) -> float:
    """Twice the median distance from the ridge to the edge, at half brightness, in pixels."""
    size = [ENLARGED * side for side in picture.shape[::-1]]
    large = Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC)
    distance = ndimage.distance_transform_edt(np.asarray(large) >= 128)
    ridge = (distance >= ndimage.maximum_filter(distance, 3)) & (distance > 0)
    return float(2 * np.median(distance[ridge]) / ENLARGED)


def likeness(frames: dict[str, pd.DataFrame]) -> str:
    """The table of what the pictures measure."""
    rows = []
    for name in frames["EMNIST"]:
        row = {"": name}
        for kind, frame in frames.items():
            low, middle, high = np.quantile(frame[name], (0.25, 0.5, 0.75))
            row[kind] = f"{middle:.2f} ({low:.2f} to {high:.2f})"
        rows.append(row)
    n = " and ".join(f"{len(frame):,}" for frame in frames.values())
    return f"Medians and quartiles, n = {n}:\n\n{markdown(rows)}"


def draw(frames: dict[str, pd.DataFrame]):
    """Four distributions, EMNIST's filled, ours a line."""
    shown = {
        "line width, 2 ink / edge (px)": np.arange(1, 7.1, 0.25),
        "ink (pixels)": np.arange(0, 321, 12),
        "longer side of the ink (px)": np.arange(14.5, 29, 1),
        "mass, right of the middle (px)": np.arange(-5, 5.1, 0.4),
    }
    with look.style():
        figure = look.canvas(4.8)
        for ax, (name, bins) in zip(figure.subplots(2, 2).ravel(), shown.items(), strict=True):
            for kind, frame in frames.items():
                share = np.full(len(frame), 1 / len(frame))
                filled = {"histtype": "stepfilled", "color": "#56B4E9", "alpha": 0.7}
                line = {"histtype": "step", "color": look.COLORS["mark"], "linewidth": 1.8}
                form = filled if kind == "EMNIST" else line
                ax.hist(frame[name], bins, weights=share, label=kind, **form)
            ax.set_xlabel(name[0].upper() + name[1:])
            look.percents(ax.yaxis)
        figure.axes[0].legend()
    return figure


# What changes them


def on_a_pad(strokes: Drawing, size: float, x: float, y: float) -> Drawing:
    """The drawing `size` pixels large at a place, its points at whole pixels."""
    points = np.concatenate(strokes)
    low, extent = points.min(axis=0), max(float(np.ptp(points, axis=0).max()), 1e-6)
    return [np.rint((each - low) / extent * size + np.array([x, y])) for each in strokes]


def left(strokes: Drawing, n: int) -> Drawing:
    """About `n` points of all, evenly along the pen's way in time, and each stroke's last."""
    step = -(-sum(map(len, strokes)) // n)
    return [np.concatenate([each[:-1:step], each[-1:]]) for each in strokes]


def denser(strokes: Drawing, times: int) -> Drawing:
    """So many times the points, on the lines between them."""
    found = []
    for each in strokes:
        places = np.linspace(0, len(each) - 1, times * (len(each) - 1) + 1)
        known = np.arange(len(each))
        found.append(np.stack([np.interp(places, known, each[:, axis]) for axis in (0, 1)], axis=1))
    return found


FAR = np.array([12_345.6, -7_890.1])
MANY = 80  # points: a drawing with fewer has none to spare
CHANGES: dict[str, Callable[[Drawing], Drawing]] = {
    "moved far beyond every pad": lambda s: [each + FAR for each in s],
    "100 times smaller": lambda s: [each / 100 for each in s],
    "100 times larger": lambda s: [each * 100.0 for each in s],
    "5 times the points": lambda s: denser(s, 5),
    "each point three times": lambda s: [np.repeat(each, 3, axis=0) for each in s],
    "strokes backwards, last one first": lambda s: [each[::-1] for each in s[::-1]],
    "260 px on a pad, whole pixels": lambda s: on_a_pad(s, 260, 10, 10),
    "140 px on a pad, whole pixels": lambda s: on_a_pad(s, 140, 70, 70),
    "60 px on a pad, whole pixels": lambda s: on_a_pad(s, 60, 110, 110),
    "40 px in a corner, whole pixels": lambda s: on_a_pad(s, 40, 6, 6),
    "40 px half off the pad, whole pixels": lambda s: on_a_pad(s, 40, -20, -20),
}
SPARSER: dict[str, Callable[[Drawing], Drawing]] = {
    f"{n} points are left": partial(left, n=n) for n in (40, 20, 10)
}


def many(strokes: Strokes) -> list[Drawing]:
    """400 drawings that have points to spare."""
    points = np.diff(strokes.stroke_ptr[strokes.sample_ptr])
    chosen = np.random.default_rng(0).choice(np.flatnonzero(points >= MANY), 400, replace=False)
    return [strokes[int(i)] for i in chosen]


def changes(drawings: list[Drawing], dense: list[Drawing]) -> str:
    """The table of how far a picture moves when the drawing is made in another way."""
    rows = [row(name, change, drawings) for name, change in CHANGES.items()]
    rows += [row(name, change, dense) for name, change in SPARSER.items()]
    return (
        "By how many of 255 levels of grey a picture differs. The last rows are of drawings with\n"
        f"at least {MANY} points, as a slow mouse would have made them:\n\n{markdown(rows)}"
    )


def row(name: str, change: Callable[[Drawing], Drawing], drawings: list[Drawing]) -> dict[str, str]:
    """What one change does to the pictures of `drawings`."""
    before = [from_strokes(each) for each in drawings]
    after = [from_strokes(change(each)) for each in drawings]
    largest, mean, alike = (np.array(each) for each in zip(*compared(before, after), strict=True))
    return {
        "the same drawing": name,
        "n": str(len(drawings)),
        "a pixel, at most (median)": f"{np.median(largest):.0f}",
        "(99 %)": f"{np.quantile(largest, 0.99):.0f}",
        "the mean pixel (median)": f"{np.median(mean):.2f}",
        "correlation (median)": f"{np.median(alike):.4f}",
        "(1 %)": f"{np.quantile(alike, 0.01):.3f}",
    }


def compared(
    before: list[np.ndarray], after: list[np.ndarray]
) -> Iterator[tuple[float, float, float]]:
    """Largest and mean difference of a pixel, and the correlation, of each pair."""
    for one, other in zip(before, after, strict=True):
        apart = np.abs(one.astype(int) - other)
        yield apart.max(), apart.mean(), np.corrcoef(one.ravel(), other.ravel())[0, 1]


# How long it takes


def seconds(strokes: Strokes) -> str:
    """The line about time; drawings as UNIPEN has them, not evenly by class."""
    rng = np.random.default_rng(0)
    spent, points = [], []
    for i in rng.choice(len(strokes), 3000, replace=False):
        drawing = strokes[int(i)]
        start = time.perf_counter()
        from_strokes(drawing)
        spent.append(1000 * (time.perf_counter() - start))
        points.append(sum(map(len, drawing)))
    machine = environment.hardware()
    low, middle, high = np.quantile(spent, (0.25, 0.5, 0.75))
    return (
        f"One drawing takes {middle:.2f} ms ({low:.2f} to {high:.2f}; median and quartiles of\n"
        f"{len(spent):,} drawings with a median of {np.median(points):.0f} points; "
        f"{machine['processor']}, Python {platform.python_version()})."
    )


def markdown(rows: list[dict[str, str]]) -> str:
    """A table of `rows`, which have the same keys."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *[list(row.values()) for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
