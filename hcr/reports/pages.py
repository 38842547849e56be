"""An executed notebook as one self-contained HTML page, by nbconvert's `basic` template.

Whatever is not marked as HTML is escaped, and HTML and Markdown of cells is sanitized: nothing on a
page can run or load a thing but the page's own script.
"""

import base64
import copy
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader
from markupsafe import Markup, escape
from nbconvert import HTMLExporter
from nbconvert.filters import ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors.sanitize import SanitizeHTML

from hcr.reports.show import PNG, figure_html

TEMPLATES = Path(__file__).parent / "templates"
PARAMETERS, INJECTED = "parameters", "injected-parameters"
MARKER = "papermill-error-cell-tag"  # papermill's own notes on a failure
EXPECTED = "raises-exception"
TAGS = (
    "a abbr b blockquote br caption code dd del details div dl dt em h2 h3 h4 h5 h6 hr i kbd li ol "
    "p pre s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var wbr"
)
ATTRIBUTES = {"aria-label", "class", "colspan", "role", "rowspan", "scope", "tabindex", "title"}
# What a terminal does with them is nothing that a page can show; `ansi2html` knows colors.
ESCAPES = re.compile(
    r"\x1b\].*?(?:\x07|\x1b\\)|\x1b[()][0-9A-B]|\x1b[=>78cM]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]",
    re.DOTALL,
)
# Of each status: its word, the class of its color, and its symbol in a square of 16 by 16, because
# a state is never told by color alone.
STATES = {
    "done": ("done", "done", "M3.5 8.5 6.8 11.8 12.5 4.8"),
    "running": ("running", "running", "M5.5 4 11.5 8 5.5 12Z"),
    "by hand": ("by hand", "running", "M5.5 4 11.5 8 5.5 12Z"),
    "failed": ("failed", "failed", "M4.5 4.5 11.5 11.5M11.5 4.5 4.5 11.5"),
    "interrupted": ("interrupted", "interrupted", "M5.8 4.5V11.5M10.2 4.5V11.5"),
    "waiting": ("not run", "waiting", "M4.5 8H11.5"),
}


def notebook_html(
    notebook: Any, record: dict[str, Any], stage: str, declared: Sequence[Any] = ()
) -> str:
    """One self-contained page of an executed notebook.

    Args:
        notebook: The notebook, as nbformat reads it, with its outputs.
        record: The run's `run.json`; keys that it lacks are left out of the page.
        stage: The notebook's stage, as `"01_eda"`.
        declared: The parameters that the stage declares, with `name`, `default` and `help`.
    """
    notebook = copy.deepcopy(notebook)
    notebook.cells = list(_cells(notebook.cells))
    title, lead = _split_title(notebook.cells)
    entry = (record.get("stages") or {}).get(stage, {})
    failed = any(cell.metadata.get("failed") for cell in notebook.cells)
    status = "failed" if failed or entry.get("error") else entry.get("status")
    view = {
        "run": record.get("run", ""),
        "stage": stage,
        "front": "" if record.get("kind") else "index.html",  # a page across runs has none
        "title": title or entry.get("title") or stage,
        "lead": lead,
        "status": status,
        "error": entry.get("error") or {},
        "failed": failed,
        "facts": facts(record, entry, stage),
        "headline": entry.get("headline") or [],
        "parameters": _parameters(declared, entry.get("parameters") or {}),
        "files": [*(entry.get("figures") or []), *(entry.get("tables") or [])],
        "credits": credits(record, stage),
        **_neighbors(record, stage),
    }
    return Exporter().from_notebook_node(notebook, resources={"page": view})[0]


class Exporter(HTMLExporter):
    """nbconvert's exporter with templates, filters and a sanitizer of ours.

    Attributes:
        sections: Anchor and text of each section that was rendered, for the table of contents.
    """

    def __init__(self) -> None:
        super().__init__(
            config={"CoalesceStreamsPreprocessor": {"enabled": True}},
            template_name="basic",
            template_file="notebook.html.j2",
            extra_loaders=[FileSystemLoader(TEMPLATES)],
            # A template of the same name in the working folder must not be taken.
            extra_template_basedirs=[],
            sanitize_html=True,
            filters={
                **{"clean_html": clean, "ansi2html": terminal, "figure": _figure, "state": state},
                **{"duration": duration, "moment": moment, "value": value},
            },
        )
        self.sections: list[tuple[str, str]] = []
        self.anchors: set[str] = set()
        self.environment.globals["sections"] = self.sections
        self.environment.autoescape = True
        self.environment.trim_blocks = self.environment.lstrip_blocks = True
        for name in ("style.css", "page.js"):
            text = Markup((TEMPLATES / name).read_text(encoding="utf-8"))
            self.environment.globals[name.replace(".", "_")] = text

    def markdown2html(self, source: str) -> str:
        """Markdown as HTML that is still to be sanitized; its sections are noted."""
        return MarkdownWithMath(renderer=_Renderer(self, escape=False)).render(source)


class _Renderer(IPythonRenderer):
    """nbconvert's renderer, but for anchors, formulas as written, and tables in boxes."""

    def __init__(self, page: Exporter, **options: Any) -> None:
        super().__init__(**options)
        self.page = page

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        plain = str(Markup(text).striptags())
        stem = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "section"
        anchor, number = f"s-{stem}", 1
        while anchor in self.page.anchors:
            number += 1
            anchor = f"s-{stem}-{number}"
        self.page.anchors.add(anchor)
        if level <= 2:  # the page has the only title
            level = 2
            self.page.sections.append((anchor, plain))
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'

    def inline_math(self, body: str) -> str:
        return f'<code class="math">{escape(body)}</code>'

    def block_math(self, body: str) -> str:
        return f'<pre class="math" tabindex="0">{escape(body)}</pre>\n'

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
        return name in ATTRIBUTES or name == "style" or (tag == "a" and name == "href")

    styles = ["text-align", "overflow", "max-height"]
    return SanitizeHTML(tags=TAGS.split(), attributes=allowed, styles=styles, strip=True)


def terminal(text: str) -> Markup:
    """What a terminal shows of `text`: colors as spans, no other control characters."""
    return Markup(ansi2html(ESCAPES.sub("", text)))


def _figure(output: Any) -> Markup:
    """An image output as a figure with its caption and alternative text."""
    svg = "image/svg+xml" in output.data
    kind = "image/svg+xml" if svg else "image/png"
    metadata = output.metadata.get(kind) or {}
    caption = str(metadata.get("caption") or "")
    content = str(output.data[kind]).encode()
    try:
        data = content if svg else base64.b64decode(content)
        html = figure_html(data, caption, str(metadata.get("alt") or caption or "Figure"))
    except (ValueError, OSError, SyntaxError):  # no image; Pillow has all of these
        return Markup()
    return Markup(html) if svg == (not data.startswith(PNG)) else Markup()


def _cells(cells: Iterable[Any]) -> Iterable[Any]:
    """The cells that a page shows; those that failed are marked."""
    for cell in cells:
        tags = cell.metadata.get("tags") or []
        if cell.cell_type == "code":
            # Widgets and scripts, and the text that stands for them, show nothing here.
            cell.outputs = [
                output
                for output in cell.outputs
                if not any(kind.startswith("application/") for kind in output.get("data", {}))
            ]
            errors = any(output.output_type == "error" for output in cell.outputs)
            cell.metadata["failed"] = errors and EXPECTED not in tags
            # A failure stays in view, wherever it is.
            hidden = INJECTED in tags and not cell.metadata["failed"]
            if hidden or not (cell.source.strip() or cell.outputs):
                continue
        if MARKER not in tags:
            yield cell


def _split_title(cells: list[Any]) -> tuple[str, str]:
    """Take the title and the sentence below it out of the first Markdown cell."""
    first = next((cell for cell in cells if cell.cell_type == "markdown"), None)
    match = re.match(r"\s*#[ \t]+(.+?)[ \t#]*(?:\n+|$)", first.source) if first else None
    if not match:
        return "", ""
    rest = first.source[match.end() :]
    lead, _, after = rest.partition("\n\n")
    if not lead or lead.lstrip()[0] in "|#-*>`<":  # a table, a list or a heading is no sentence
        lead, after = "", rest
    first.source = after
    if not after.strip():
        cells.remove(first)
    return match[1], lead


def _parameters(declared: Sequence[Any], values: dict[str, Any]) -> list[dict[str, Any]]:
    """A row a parameter; those that differ from their defaults are `changed`."""
    rows = []
    for each in declared:
        used = values.get(each.name, each.default)
        row = {"name": each.name, "value": used, "default": each.default, "help": each.help}
        rows.append(row | {"changed": used != each.default and each.name != "run"})
    names = {each.name for each in declared}
    rest = [name for name in values if name not in names]
    return rows + [{"name": name, "value": values[name], "changed": False} for name in rest]


def _neighbors(record: dict[str, Any], stage: str) -> dict[str, Any]:
    """The stages before and after, where a page of them is there or is about to be."""
    stages = record.get("stages") or {}
    names = list(stages)
    if stage not in names:
        return {"number": 0, "of": len(names)}
    at, coming = names.index(stage), record.get("status") in ("done", "running")
    links = {}
    for key, place in {"previous": at - 1, "next": at + 1}.items():
        if 0 <= place < len(names):
            name, entry = names[place], stages[names[place]]
            if coming or entry.get("status") != "waiting":
                title = entry.get("title") or name
                links[key] = {"href": entry.get("html") or f"{name}.html", "title": title}
    return {**links, "number": at + 1, "of": len(names)}


def facts(record: dict[str, Any], entry: dict[str, Any], stage: str | None) -> list[Any]:
    """Name and text of what stands below a page's title; what is not known is left out."""
    data, stages = record.get("data") or {}, record.get("stages") or {}
    title = ", ".join(dict.fromkeys(filter(None, (data.get("title"), data.get("name")))))
    cuts = [f"{key} {value(cut)}" for key, cut in (data.get("changed") or {}).items()]
    # The network is known from the stage on that trains it.
    names = list(stages)[: list(stages).index(stage) + 1] if stage in stages else list(stages)
    trained = [(stages[name].get("parameters") or {}).get("model") for name in names]
    parameters = entry.get("parameters") or {}
    pretrained = parameters.get("pretrained") or "run"
    models = [pretrained] if pretrained != "run" else [each for each in trained if each][-1:]
    seed = parameters.get("seed", record.get("seed"))
    machine = record.get("hardware") or {}
    cores = f"{machine.get('cores')} cores" if machine.get("cores") else ""
    rows = {
        "Run": record.get("run", "") if stage else "",
        "Data": f"{title}; training split cut: {', '.join(cuts)}" if cuts else title,
        "Model": ", ".join(entry.get("models") or models),
        "Seed": "" if seed is None else value(seed),
        "Date": moment(entry.get("finished") or entry.get("started")),
        "Took": duration(entry.get("seconds")),
        "Commit": str(record.get("commit") or "unknown")[:10]
        + (", with changes" if record.get("dirty") else ""),
        "Hardware": ", ".join(filter(None, (machine.get("processor"), cores, machine.get("gpu")))),
    }
    return [(name, str(text)) for name, text in rows.items() if text]


def credits(record: dict[str, Any], stage: str | None = None) -> list[dict[str, Any]]:
    """The datasets that a page credits: the run's, and what `stage`, or any stage, shows besides.

    One that the run's dataset consists of, or holds, is credited there.
    """
    data = record.get("data") or {}
    credited = {"": data} if data else {}
    for name, entry in (record.get("stages") or {}).items():
        for other in (entry.get("data_also") or []) if stage in (None, name) else []:
            if str(other.get("citation")) not in str(data.get("citation") or ""):
                credited[str(other.get("name"))] = other
    return list(credited.values())


def duration(seconds: float | None) -> str:
    """`8.1 s`, `1 min 1 s` or `2 h 5 min`; empty where unknown."""
    if seconds is None or seconds < 59.95:
        return "" if seconds is None else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def moment(when: str | None) -> str:
    """An ISO 8601 time as `21 November 2026, 10:00 UTC`; as it is where it is none."""
    try:
        time = datetime.fromisoformat(when or "")
    except ValueError:
        return when or ""
    zone = f" {time.tzname()}" if time.tzinfo else ""
    return f"{time.day} {time:%B %Y, %H:%M}{zone}"


def value(given: Any) -> str:
    """A parameter's value as YAML would have it."""
    if given is None:
        return "null"
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, list | tuple):
        return f"[{', '.join(map(value, given))}]"
    return '""' if given == "" else str(given)


def state(status: str | None) -> dict[str, str]:
    """A status's word, its kind (a class of the style) and its symbol's path."""
    unknown = (str(status or "unknown"), "waiting", STATES["waiting"][2])
    return dict(zip(("word", "kind", "symbol"), STATES.get(status or "", unknown), strict=True))
