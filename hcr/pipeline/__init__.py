"""Runs the notebooks: parameters, stages, the runner, suites and the command line.

`hcr.pipeline.cli` is the way in, `open` that of a notebook; nothing here is imported before it is
needed, because papermill and nbconvert take seconds.
"""

from hcr import lazy

__getattr__ = lazy(__name__, {"open": "notebook:open_stage", "save_as": "notebook:save_as"})
