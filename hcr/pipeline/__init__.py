"""Runs the notebooks: parameters, stages, the runner, suites and the command line.

`hcr.pipeline.cli` is the way in, and `open` that of a notebook; nothing here is imported before it
is needed, because papermill and nbconvert take seconds.
"""

from typing import Any


def open(stage: str, values: dict[str, Any], needs: list[str] | None = None) -> Any:
    """The run of a notebook; see `hcr.pipeline.notebook.open_stage`."""
    from hcr.pipeline.notebook import open_stage

    return open_stage(stage, values, needs or ())
