"""Our templates and style, as nbconvert's exporter holds them."""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from nbconvert import TemplateExporter

from hcr.reports import words

TEMPLATES = Path(__file__).parent / "templates"


class Exporter(TemplateExporter):
    """nbconvert's exporter with one template, ours: no theme, no script, nothing from elsewhere."""

    output_mimetype = "text/html"

    def __init__(self, **options: Any) -> None:
        """Take nbconvert's options; the templates are fixed."""
        # No search path: a template of the same name in the working folder must not be taken.
        super().__init__(
            template_paths=[],
            extra_loaders=[FileSystemLoader(TEMPLATES)],
            template_file="notebook.html.j2",
            filters=dict(words.FILTERS),
            **options,
        )
        self.environment.autoescape = True
        self.environment.trim_blocks = self.environment.lstrip_blocks = True
        self.environment.globals.update(style=_file("style.css"), script=_file("page.js"))

    def _file_extension_default(self) -> str:
        return ".html"


@cache
def templates() -> Environment:
    """The Jinja environment of every page; it escapes whatever is not marked as HTML."""
    return Exporter().environment


def _file(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))
