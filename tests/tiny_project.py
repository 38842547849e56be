"""Writes a project of five tiny notebooks, each with the form of a real one."""

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = """run: str = "lab"  # the folder below outputs/
seed: int = 0  # [0..] of every draw
"""

OPEN = """from hcr import pipeline
out = pipeline.open("{stage}", globals(), needs={needs!r})
"""

METRICS = 'out.metrics({{"seed": seed, "stage": "{stage}"}})'

# Stage to what it reads, what it writes besides its metrics, its own parameters, its own code.
STAGES = {
    "01_eda": ([], [], "", 'print("looked")'),
    "02_balance": (
        [],
        ["balance.npz"],
        'strategy: str = "none"  # [none|cap] how to balance\n',
        "from hcr.runs import files\n"
        'files.write_text(out.path("balance.npz"), f"{strategy} {seed}")',
    ),
    "03_train": (
        ["balance.npz"],
        ["model.tflite", "labels.json"],
        "epochs: int = 2  # [1..] passes\npause: float = 0.0  # [0..] seconds an epoch\n",
        "import time\n"
        "from hcr.runs import files\n"
        "for epoch in range(1, epochs + 1):\n"
        "    time.sleep(pause)\n"
        '    print(f"epoch {epoch}/{epochs}  loss 0.5  accuracy 0.9  (0.1 s)", flush=True)\n'
        'plan = out.input("balance.npz").read_text()\n'
        'files.write_text(out.path("model.tflite"), f"{epochs} {seed} {plan}")\n'
        'files.write_text(out.path("labels.json"), "{}")',
    ),
    "04_evaluate": (
        ["model.tflite", "labels.json"],
        ["predictions.npz"],
        "",
        'from hcr.runs import files\nfiles.write_text(out.path("predictions.npz"), "1")',
    ),
    "05_draw": (["model.tflite", "labels.json"], [], "", 'print("drawn")'),
}


# Across runs: it writes down which it found.
ACROSS = {
    "06_compare": (
        [],
        [],
        "names: list[str] | None = None  # the runs\n"
        "published: bool = True  # whether published ones count\n"
        "confirmed: list[str] | None = None  # the winner\nbaseline: str | None = None  # a run\n",
        'from hcr.evaluation import find_runs\nprint("compares", *find_runs(names, published))',
    )
}


def write(folder: Path, **code: str) -> None:
    """Write notebooks/ and params/quick.yaml below `folder`.

    `code` replaces the own code of a stage, as `s03_train="1 / 0"`.
    """
    (folder / "notebooks").mkdir(exist_ok=True)
    (folder / "params").mkdir(exist_ok=True)
    for stage in (*STAGES, *ACROSS):
        write_notebook(folder, stage, code.get(f"s{stage}"))
    (folder / "params" / "quick.yaml").write_text("run: quick\nshared: {seed: 0}\n")


def write_notebook(
    folder: Path, stage: str, code: str | None = None, prose: str = "Prose.", parameters: str = ""
) -> None:
    """Write one stage's notebook, with other `code`, `prose` or further `parameters`."""
    reads, writes, own_parameters, own_code = (STAGES | ACROSS)[stage]
    quoted = [
        ", ".join(f"`{file}`" for file in each) for each in (reads, [*writes, "metrics.json"])
    ]
    notebook = new_notebook(
        cells=[
            new_markdown_cell(
                f"# Tiny {stage}?\n\n| | |\n|---|---|\n| Reads | {quoted[0]} |\n"
                f"| Writes | {quoted[1]} |",
                id="head",
            ),
            new_code_cell(
                (PARAMETERS + own_parameters + parameters).rstrip(),
                metadata={"tags": ["parameters"]},
                id="parameters",
            ),
            new_markdown_cell(f"## Work\n\n{prose}", id="prose"),
            new_code_cell(OPEN.format(stage=stage, needs=reads), id="open"),
            new_code_cell(own_code if code is None else code, id="code"),
            new_code_cell(METRICS.format(stage=stage), id="metrics"),
        ]
    )
    nbformat.write(notebook, folder / "notebooks" / f"{stage}.ipynb")
