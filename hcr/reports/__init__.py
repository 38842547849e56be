"""What a notebook shows and saves in its run's folder, and the HTML pages made of it.

`galleries` browses images; `notebook_html`, `index_html` and `inline` are a run's pages.
"""

from importlib import import_module
from typing import Any

from hcr.reports.show import (  # noqa: F401
    Output,
    Result,
    environment,
    figure,
    gain,
    live,
    note,
    results,
    scores,
    table,
    warnings,
)

# Imported when they are asked for: widgets, plots and nbconvert take a second.
LAZY = ("notebook_html", "index_html", "inline")


def __getattr__(name: str) -> Any:
    if name == "galleries":
        return import_module("hcr.reports.galleries")
    if name in LAZY:
        return getattr(import_module("hcr.reports.pages"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
