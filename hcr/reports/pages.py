"""The page of an executed notebook, by nbconvert's `basic` template.

It is one self-contained file. Whatever is not marked as HTML is escaped, and HTML and Markdown of
cells is sanitized: nothing on a page can run or load a thing but the page's own script.
"""

import base64
import copy
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import compress
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import FileSystemLoader
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters import ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat.v4 import new_markdown_cell

from hcr import runs
from hcr.reports.index import PNG, TEMPLATES, figure_html, templates
from hcr.runs import files

TABLE = tomllib.loads(Path(__file__).with_name("pages.toml").read_text("utf-8"))
ESCAPES = re.compile(TABLE["escapes"], re.DOTALL)


def notebook_html(
    notebook: Any, record: dict[str, Any], stage: str, declared: Sequence[Any] = ()
) -> str:
    """One self-contained page of an executed notebook of a `stage`, as nbformat reads it.

    Of the run's `run.json`, the `record`, keys that it lacks are left out. The parameters that the
    stage has `declared` have `name`, `default` and `help`.
    """
    notebook = copy.deepcopy(notebook)
    notebook.cells = list(_cells(notebook.cells))
    title, lead = _split_title(notebook.cells)
    failed = any(cell.metadata.get("failed") for cell in notebook.cells)
    if not failed:
        notebook.cells = _arranged(notebook.cells)
    entry = (record.get("stages") or {}).get(stage, {})
    view = {"record": record, "stage": stage, "entry": entry, "declared": declared}
    view |= {"title": title or entry.get("title") or stage, "lead": lead, "failed": failed}
    return Exporter().from_notebook_node(notebook, resources={"page": view})[0]


def write_page(folder: Path, stage: str, declared: Sequence[Any], **facts: Any) -> None:
    """Write the page of the executed notebook in a run's `folder`; the record gets `facts`, too."""
    record, source = runs.read(folder), folder / f"{stage}.ipynb"
    facts |= {"html": f"{stage}.html", "notebook": source.name}
    record["stages"][stage].update(facts)
    html = notebook_html(nbformat.read(source, as_version=4), record, stage, declared)
    files.write_text(folder / facts["html"], html)
    runs.update(folder, lambda record: record["stages"][stage].update(facts))


class Exporter(HTMLExporter):
    """nbconvert's exporter with templates, filters and a sanitizer of ours; notes `sections`."""

    def __init__(self) -> None:
        super().__init__(
            config={
                "CoalesceStreamsPreprocessor": {"enabled": True},
                "NbConvertBase": {"display_data_priority": TABLE["kinds"]},
            },
            template_name="basic",
            template_file="notebook.html.j2",
            extra_loaders=[FileSystemLoader(TEMPLATES)],
            # A template of the same name in the working folder must not be taken.
            extra_template_basedirs=[],
            sanitize_html=True,
            filters={
                **{name: templates().filters[name] for name in ("value", "clock")},
                **{"clean_html": clean, "figure": self.figure},
                "ansi2html": lambda text: Markup(ansi2html(ESCAPES.sub("", text))),
            },
        )
        self.sections: list[tuple[str, str]] = []
        self.anchors: Counter[str] = Counter()
        self.reactions: list[dict[str, Any]] = []
        self.environment.globals |= templates().globals
        self.environment.globals |= {"sections": self.sections, "reactions": self.reactions}
        self.environment.autoescape = True
        self.environment.trim_blocks = self.environment.lstrip_blocks = True

    def figure(self, output: Any) -> Markup:
        """An image output as a figure with its caption; how it reacts is noted."""
        svg = "image/svg+xml" in output.data
        kind = "image/svg+xml" if svg else "image/png"
        metadata, content = output.metadata.get(kind) or {}, str(output.data[kind]).encode()
        reaction = metadata.get("reaction")
        try:
            data = content if svg else base64.b64decode(content)
            at = len(self.reactions) if reaction else None
            html = figure_html(data, str(metadata.get("caption") or ""), at)
        except (ValueError, OSError, SyntaxError):  # no image; Pillow has all of these
            return Markup()
        if svg == data.startswith(PNG):
            return Markup()
        self.reactions += [reaction] if reaction else []
        return Markup(html)

    def markdown2html(self, source: str) -> str:
        """Markdown as HTML that is still to be sanitized; its sections are noted."""
        return MarkdownWithMath(renderer=_Renderer(self, escape=False)).render(source)


class _Renderer(IPythonRenderer):
    """nbconvert's renderer, but for anchors and tables in boxes."""

    def __init__(self, page: Exporter, **options: Any) -> None:
        super().__init__(**options)
        self.page = page

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        plain = str(Markup(text).striptags())
        stem = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "section"
        self.page.anchors[stem] += 1
        again = self.page.anchors[stem] - 1
        anchor = f"s-{stem}" + (f"-{again + 1}" if again else "")
        if level <= 2:  # the page has the only title
            level = 2
            self.page.sections.append((anchor, plain))
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'

    def table(self, text: str) -> str:
        box = '<div class="box" tabindex="0" role="group" aria-label="Table">'
        return f"{box}<table>{text}</table></div>\n"


def clean(html: str) -> Markup:
    """HTML of a notebook, reduced to what can neither run nor load a thing."""
    # Their text would stay as text.
    html = re.sub(r"<(script|style)\b.*?(</\1\s*>|$)", "", str(html), flags=re.I | re.S)
    return Markup(_sanitizer().sanitize_html_tags(html))


@cache
def _sanitizer() -> SanitizeHTML:
    def allowed(tag: str, name: str, value: str) -> bool:
        if name == "id":
            return value.startswith("s-")  # our anchors; others may be those of the page
        return name in TABLE["attributes"] or (tag == "a" and name == "href")

    return SanitizeHTML(tags=TABLE["tags"], attributes=allowed, styles=TABLE["styles"], strip=True)


def _cells(cells: Iterable[Any]) -> Iterable[Any]:
    """The cells that a page shows; those that failed are marked."""
    for cell in cells:
        tags = cell.metadata.get("tags") or []
        if cell.cell_type == "code":
            # Widgets and scripts, and the text that stands for them, show nothing here.
            seen = ["application/" not in " ".join(each.get("data", ())) for each in cell.outputs]
            cell.outputs = list(compress(cell.outputs, seen))
            errors = any(output.output_type == "error" for output in cell.outputs)
            cell.metadata["failed"] = errors and "raises-exception" not in tags
            # A failure stays in view, wherever it is.
            hidden = "injected-parameters" in tags and not cell.metadata["failed"]
            if hidden or not (cell.source.strip() or cell.outputs):
                continue
        if "papermill-error-cell-tag" not in tags:  # its own notes on a failure
            yield cell


def _arranged(cells: list[Any]) -> list[Any]:
    """The cells in a page's order: results, parameters, and last, folded, what is neither.

    A part, from a heading or bold words on, that shows only why it is skipped becomes a line.
    """
    parts: list[tuple[str, list[Any]]] = [("", [])]
    for cell in cells:
        begins = re.match(r"(?:#+[ \t]+|\*\*)([^\n*]+)", cell.source)
        if begins and cell.cell_type == "markdown":
            parts.append((begins[1].strip(" ."), []))
        parts[-1][1].append(cell)
    results, parameters, folded, skipped = [], [], [], []
    for title, part in parts:
        texts = [output.get("text", "") for cell in part for output in cell.get("outputs", ())]
        if texts and all(text.startswith("Skipped: ") for text in texts):
            skipped.append(f"{title} ({texts[0][9:].strip().rstrip('.')})")
            continue
        for cell in part:
            if "parameters" in cell.metadata.get("tags", ()):
                parameters.append(cell)
            elif title in TABLE["folded"] or (not title and cell.source.startswith("|")):
                folded.append(cell)
                cell.source = re.sub("^## ", "### ", cell.source)
            else:
                results.append(cell)
    if folded:
        folded[0].metadata["opens"] = folded[-1].metadata["closes"] = True
    if skipped:
        results.append(new_markdown_cell(f"*Left out: {'; '.join(skipped)}.*"))
    return results + parameters + folded


def _split_title(cells: list[Any]) -> tuple[str, str]:
    """Take the title and the sentence below it out of the first Markdown cell."""
    first = next((cell for cell in cells if cell.cell_type == "markdown"), None)
    # A table, a heading or a list is no sentence.
    form = r"\s*#[ \t]+(.+?)[ \t#]*(?:\n+|$)(?:(?![|#-])(.+(?:\n.+)*))?\s*"
    match = re.match(form, first.source) if first else None
    if not match:
        return "", ""
    first.source = first.source[match.end() :]
    if not first.source:
        cells.remove(first)
    return match[1], match[2] or ""
