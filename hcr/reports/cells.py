"""The cells of an executed notebook as blocks of a page."""

from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from hcr.reports import markdown, outputs
from hcr.reports import shown_parameters as parameters

MARKER = "papermill-error-cell-tag"  # papermill's own notes on a failure
EXPECTED = "raises-exception"
FAILED = "failed-cell"  # the anchor of the failing cell


@dataclass
class Block:
    """One cell: `prose`, `parameters` or `code`, with its HTML."""

    kind: str
    html: Markup = field(default_factory=Markup)
    outputs: list[Markup] = field(default_factory=list)
    failed: bool = False


@dataclass
class Body:
    """What a notebook's cells become.

    Attributes:
        title: The notebook's own title, empty where it has none.
        lead: The question, as HTML.
        blocks: The cells.
        sections: Anchor and text of each section, for the table of contents.
        failure: Heading and exception's line of the failing cell, or None.
    """

    title: str = ""
    lead: Markup = field(default_factory=Markup)
    blocks: list[Block] = field(default_factory=list)
    sections: list[tuple[str, str]] = field(default_factory=list)
    failure: dict[str, str] | None = None


def body(notebook: Any) -> Body:
    """Turn the cells of `notebook` into blocks; what papermill added is left out."""
    headings = markdown.Headings()
    page = Body()
    cells = [cell for cell in notebook.cells if MARKER not in parameters.tags(cell)]
    first = next((cell for cell in cells if cell.cell_type == "markdown"), None)
    for cell in cells:
        if cell.cell_type == "markdown":
            source = cell.source
            if cell is first:
                page.title, lead, source = markdown.split_title(source)
                page.lead = markdown.to_html(lead, headings)
            if source.strip():
                page.blocks.append(Block("prose", markdown.to_html(source, headings)))
        elif cell.cell_type == "code":
            block = _code(cell, headings)
            if block and block.failed:
                page.failure = {"heading": headings.last, "exception": _exception(cell)}
            page.blocks += [block] if block else []
    page.sections = headings.sections
    return page


def _code(cell: Any, headings: markdown.Headings) -> Block | None:
    """A code cell's block; None for an empty cell and for papermill's copy of the parameters."""
    marks = parameters.tags(cell)
    empty = not cell.source.strip() and not cell.outputs
    # A failure stays in view, wherever it is.
    if empty or (parameters.INJECTED in marks and not _failed(cell)):
        return None
    shown = outputs.pieces(cell.outputs, headings)
    kind = "parameters" if parameters.TAG in marks else "code"
    code = markdown.highlight(cell.source) if cell.source.strip() else Markup()
    return Block(kind, code, shown, _failed(cell))


def _failed(cell: Any) -> bool:
    expected = EXPECTED in parameters.tags(cell)
    return not expected and any(each.output_type == "error" for each in cell.outputs)


def _exception(cell: Any) -> str:
    error = next(each for each in cell.outputs if each.output_type == "error")
    return outputs.plain(f"{error.ename}: {error.evalue}".strip())
