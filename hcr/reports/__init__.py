"""What a notebook shows and saves in its run's folder, and the HTML pages made of it.

`galleries` browses images; `notebook_html`, `index_html` and `inline` are a run's pages.
"""

from importlib import import_module
from typing import Any

# Imported when they are asked for: widgets, plots and nbconvert take a second.
_NAMES = {
    "show": "Output Result environment figure gain live note results scores table warnings",
    "pages": "notebook_html",
    "index": "index_html inline",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name == "galleries":
        return import_module("hcr.reports.galleries")
    if name in _MODULES:
        return getattr(import_module(f"hcr.reports.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
