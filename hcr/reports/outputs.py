"""The outputs of a cell as pieces of HTML."""

import base64
import re
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup, escape
from nbconvert.filters import ansi2html

from hcr.reports import figures, foreign, markdown

# How the HTML of our exhibits begins; it escapes what it holds.
OURS = ('<figure class="hcr-', '<div class="hcr-')
OTHER_ESCAPES = re.compile(r"\x1b\].*?(?:\x07|\x1b\\)|\x1b[()][0-9A-B]|\x1b[=>78cM]", re.DOTALL)
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")


def pieces(outputs: Iterable[Any], headings: markdown.Headings) -> list[Markup]:
    """The HTML of a cell's outputs, one piece each; what a page cannot show is left out."""
    found = []
    for output in _joined(outputs):
        if output["output_type"] == "stream":
            found.append(_stream(output["text"], output["name"]))
        elif output["output_type"] == "error":
            found.append(_error(output))
        else:
            found.append(_data(output["data"], headings))
    return [piece for piece in found if piece]


def terminal(text: str) -> Markup:
    """What a terminal would show of `text`: colours as spans, lines as last overwritten."""
    text = OTHER_ESCAPES.sub("", _text(text)).replace("\r\n", "\n")
    text = "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))
    return Markup(ansi2html(CONTROLS.sub("", text)))


def plain(text: str) -> str:
    """`text` without its terminal colours."""
    return str(terminal(text).striptags()) if "\x1b" in text else text


def _joined(outputs: Iterable[Any]) -> list[dict[str, Any]]:
    """The outputs, with the texts of one stream that follow each other joined."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        output = dict(output)
        if output["output_type"] == "stream":
            output["text"] = _text(output["text"])
            last = joined[-1] if joined else {}
            if last.get("output_type") == "stream" and last["name"] == output["name"]:
                last["text"] += output["text"]
                continue
        joined.append(output)
    return joined


def _stream(text: str, name: str) -> Markup:
    if not text.strip():
        return Markup()
    kind, label = ("warnings", "Warnings") if name == "stderr" else ("printed", "Printed text")
    return Markup('<pre class="{}" tabindex="0" aria-label="{}" role="group">{}</pre>').format(
        kind, label, terminal(text.strip("\n"))
    )


def _error(output: dict[str, Any]) -> Markup:
    lines = output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]
    text = terminal("\n".join(lines))
    box = '<pre class="traceback" tabindex="0" role="group" aria-label="Traceback">{}</pre>'
    return Markup(box).format(text)


def _data(data: dict[str, Any], headings: markdown.Headings) -> Markup:
    alt = f"Figure in the section {headings.last}" if headings.last else "Figure"
    if "text/html" in data:
        html = _text(data["text/html"]).strip()
        if html.startswith(OURS):
            return Markup(html)
        box = '<div class="box" tabindex="0" role="group" aria-label="Output">{}</div>'
        return Markup(box).format(Markup(foreign.clean(html)))
    if "image/svg+xml" in data:
        return _image(_text(data["image/svg+xml"]).encode(), alt)
    if "image/png" in data:
        return _image(base64.b64decode(_text(data["image/png"])), alt)
    if any(kind.startswith("application/vnd.jupyter.widget") for kind in data):
        return Markup()
    if "text/markdown" in data:
        return markdown.to_html(_text(data["text/markdown"]), headings)
    # Scripts and the like come with a text that says nothing.
    if "text/plain" in data and not any(kind.startswith("application/") for kind in data):
        return _stream(_text(data["text/plain"]), "stdout")
    return Markup()


def _image(data: bytes, alt: str) -> Markup:
    width, height = figures.size(data)
    kind = "png" if data.startswith(b"\x89PNG") else "svg+xml"
    image = Markup(
        '<figure class="hcr-figure"><div class="hcr-scroll"><img src="data:image/{};base64,{}" '
        'alt="{}" width="{}" height="{}" style="--w:{}px"></div></figure>'
    )
    return image.format(kind, base64.b64encode(data).decode(), escape(alt), width, height, width)


def _text(value: str | list[str]) -> str:
    return "".join(value) if isinstance(value, list) else str(value)
