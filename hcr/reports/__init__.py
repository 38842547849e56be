"""What a notebook shows and saves in its run's folder, and the HTML pages made of it."""

from importlib import import_module
from typing import Any

from hcr.reports.show import (
    Output,
    Result,
    against,
    count,
    environment,
    figure,
    live,
    note,
    number,
    results,
    share,
    table,
    text,
    warnings,
)

__all__ = [
    "Output",
    "Result",
    "against",
    "count",
    "environment",
    "figure",
    "galleries",
    "index_html",
    "inline",
    "live",
    "note",
    "notebook_html",
    "number",
    "results",
    "share",
    "table",
    "text",
    "warnings",
]

# Imported when they are asked for: widgets, plots and nbconvert take a second.
LAZY = {
    "galleries": "galleries",
    "index_html": "index",
    "inline": "inline",
    "notebook_html": "notebook",
}


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"hcr.reports.{LAZY[name]}")
    return module if name == LAZY[name] == "galleries" else getattr(module, name)
