"""A small run for the tests of pages: outputs as a kernel sends them, in notebooks made by hand."""

from pathlib import Path
from typing import Any

import matplotlib
import nbformat.v4 as v4
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from nbformat import NotebookNode

from hcr import reports, runs

matplotlib.use("Agg")

EVIL = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)></title>"
PARAMETERS = 'run: str = "lab"  # the run\nepochs: int = 4  # [1..] passes over the data\n'


def markdown(source: str, *tags: str) -> NotebookNode:
    return v4.new_markdown_cell(source, metadata={"tags": list(tags)} if tags else {})


def code(source: str, *outputs: Any, tags: tuple[str, ...] = ()) -> NotebookNode:
    metadata = {"tags": list(tags)} if tags else {}
    return v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)


def shown(**data: Any) -> NotebookNode:
    """A `display_data` output; `text_html` stands for `text/html`."""
    return v4.new_output("display_data", {key.replace("_", "/", 1): data[key] for key in data})


def display(output: reports.Output) -> NotebookNode:
    """What a kernel sends of `output`, which a cell ends with."""
    data, metadata = output._repr_mimebundle_()
    return v4.new_output("display_data", data, metadata=metadata)


def stream(text: str, name: str = "stdout") -> NotebookNode:
    return v4.new_output("stream", name=name, text=text)


def error(name: str, value: str, *traceback: str) -> NotebookNode:
    lines = list(traceback) or [f"{name}: {value}"]
    return v4.new_output("error", ename=name, evalue=value, traceback=lines)


def notebook(*cells: NotebookNode) -> NotebookNode:
    return v4.new_notebook(cells=list(cells))


def bars(label: str = "class") -> Figure:
    figure = Figure(figsize=(6, 5))
    axes = figure.subplots()
    axes.bar(list("0123456789"), np.arange(10) + 300, color="#0072B2")
    axes.set(xlabel=label, ylabel="images")
    return figure


def images() -> Figure:
    figure = Figure(figsize=(6, 3))
    rng = np.random.default_rng(0)
    for axes in figure.subplots(2, 8).flat:
        axes.imshow(rng.integers(0, 255, (28, 28)), cmap="gray_r")
        axes.axis("off")
    return figure


def reacting(run: runs.Run) -> reports.Output:
    """A matrix of two by two whose lower left cell has images, each of another gray."""
    figure = Figure(figsize=(6, 3))
    figure.subplots().imshow([[0, 1], [1, 0]], cmap="gray", aspect="auto")
    images = np.arange(11, dtype=np.uint8)[:, None, None].repeat(28, 1).repeat(28, 2) * 17
    rows = [(0, 1, 1, 1, "Lower left.", range(11), "A"), (1, 0, 1, 1, EVIL, (), EVIL)]
    rows += [(1, 1, 1, 1, "Lower right.", (), "")]
    points = pd.DataFrame(rows, columns=["x", "y", "width", "height", "text", "images", "group"])
    more = {"points": points, "pictures": images, "texts": [f"image {i}" for i in range(11)]}
    return reports.figure(run, figure, "reacts", "A matrix.", raster=True, **more)


def frame(rows: int = 30, label: str = "A") -> pd.DataFrame:
    columns = {f"a measure with a long name {i}": np.linspace(1, 2, rows) for i in range(9)}
    shares = {"images": np.arange(rows) + 995, "share": np.linspace(0, 1, rows)}
    return pd.DataFrame({"character": [label] * rows, **shares, **columns})


def unsorted() -> pd.DataFrame:
    """Columns that are sorted each in its own way; `order` is the row's place."""
    n = 9
    return pd.DataFrame(
        {
            "order": np.arange(n),
            "count": [1234, 5, 100_000, 20, 7, 999, 3, 64, 12],
            "share": [0.5, 0.981, 0.0312, np.nan, 1.0, 0.25, 0.125, 0.75, 0.9],
            "figure": [f"{v:.1f} ({v - 1:.1f} to {v + 1:.1f})" for v in
                       (90.2, 9.9, 100.0, 88.7, 90.1, 5.5, 42.0, 61.5, 70.7)],
            "change": [0.5, -1.5, -12.25, 3.0, 0.0, -0.5, 2.25, 10.0, -3.0],
            "p": ["< 0.001", "0.032", "0.001", "0.50", "–", "0.04", "1.00", "0.2", "0.9"],
            "name": ["a10", "a9", "b", "B2", "a1", "C", "d", "e", "f"],
            "took": ["5 s", "2 min", "1 min 3 s", "9 s", "1 s", "3 s", "4 s", "6 s", "7 s"],
        }
    )  # fmt: skip


def executed(run: runs.Run, text: str = "A") -> NotebookNode:
    """An executed notebook with one of everything; `text` stands wherever a user's text may."""
    accuracy = reports.Result("accuracy", 0.984, text, ".1%", text, headline=True)
    return notebook(
        markdown(
            "# Look at the data\n\nWhat is in it?\n\n| Reads | Writes |\n|---|---|\n"
            "| the data set | `tables/01_counts.csv` |\n\nExpected time: 8 s."
        ),
        code(PARAMETERS, tags=("parameters",)),
        code('run = "x"\nepochs = 9\n', tags=("injected-parameters",)),
        code("from hcr import reports, runs"),
        markdown("## Classes\n\nThe share is $n_c / N$.\n\n### Counts\n\nRead it so."),
        code("counts", display(reports.figure(run, bars(text), "counts", text, headline=True))),
        code("table", display(reports.table(run, frame(30, text), "counts", text))),
        markdown("## Images"),
        code("images", display(reports.figure(run, images(), "first", "The first ones"))),
        code(
            "print(text)", stream(text), stream(f"\x1b[31m{text}", "stderr"), shown(text_plain=text)
        ),
        markdown("## Results"),
        code("results", display(reports.results(run, [accuracy]))),
        code("verdict", display(reports.verdict(run, f"{text} answers."))),
        markdown("## Environment"),
        code("environment", display(reports.environment(run))),
    )


def record(run: runs.Run, text: str = "quick") -> dict[str, Any]:
    """The run's record with what a finished pipeline writes, and `text` for a user's text."""
    model = ["model.tflite", "labels.json"]
    chain = {"01_eda": ([], []), "02_balance": (["the data set"], ["balance.npz"])}
    chain |= {"03_train": (["balance.npz"], model), "05_draw": (model, [])}
    chain["04_evaluate"] = (model, ["predictions.npz"])

    def change(kept: dict[str, Any]) -> None:
        kept.update(
            run=text,
            status="done",
            command=f"uv run run_all.py {text}",
            params_file=f"params/{text}.yaml",
            seed=0,
            started="2026-11-21T10:00:00+00:00",
            finished="2026-11-21T10:01:01+00:00",
            seconds=61.2,
            commit="0123456789" * 4,
            dirty=True,
            versions={"python": "3.11.7", text: text},
            hardware={"processor": text, "cores": 2, "memory_gib": 23.5, "system": text},
            data={"name": "mnist-sample", "title": text, "licence": text, "citation": text}
            | {"digest": "ab" * 32, "counts": {"train": 3500, "test": 1000}}
            | {"url": "https://example.org/"},
            test_openings=[{"stage": "04_evaluate", "dataset": text, "n": 1000}],
        )
        for stage, (reads, writes) in chain.items():
            entry = kept.setdefault("stages", {}).setdefault(stage, {})
            entry.update(title=f"Stage {text}", status="done", reads=reads, writes=writes)
            entry.update(seconds=8.1, html=f"{stage}.html", finished="2026-11-21T10:00:08+00:00")
            entry["parameters"] = {"run": text, "epochs": 9, "dataset": text}
        kept["stages"] = {stage: kept["stages"][stage] for stage in sorted(chain)}

    return runs.update(run.folder, change)


def open_run(folder: Path, monkeypatch: Any, name: str = "quick") -> runs.Run:
    """A run as the pipeline opens it, in `folder`."""
    monkeypatch.setenv(runs.OUTPUTS_VARIABLE, str(folder))
    monkeypatch.setenv(runs.RUN_VARIABLE, name)
    return runs.open(name, stage="01_eda")
