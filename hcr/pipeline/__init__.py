"""Runs the notebooks: parameters, stages, the runner, suites and the command line.

`hcr.pipeline.cli` is the way in; nothing here is imported before it is needed, because papermill
and nbconvert take seconds.
"""
