"""What a notebook shows and saves in its run's folder, and the HTML pages made of it.

`galleries` browses images; `notebook_html`, `index_html` and `inline` are a run's pages.
"""

from hcr import lazy

# Imported when they are asked for: widgets, plots and nbconvert take a second.
_MODULES = {
    "show": "Output Result environment figure gain live note results scores table verdict warnings",
    "pages": "notebook_html write_page",
    "index": "index_html inline write_front write_overview",
}
_PLACES = {name: f"{module}:{name}" for module, names in _MODULES.items() for name in names.split()}
__getattr__ = lazy(__name__, _PLACES | {"galleries": "galleries"})
