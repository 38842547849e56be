"""Markdown as HTML with anchors at its headings; HTML within it is shown as text."""

import re
from dataclasses import dataclass, field

import mistune
from markupsafe import Markup, escape
from mistune.plugins.def_list import def_list
from mistune.plugins.formatting import strikethrough
from mistune.plugins.math import math
from mistune.plugins.table import table
from mistune.plugins.task_lists import task_lists
from mistune.plugins.url import url
from nbconvert.filters import Highlight2HTML

OWN_HEADING = 2  # the level of a section; level 1 is the page's title


@dataclass
class Headings:
    """The headings met so far in one page: their anchors are unique."""

    sections: list[tuple[str, str]] = field(default_factory=list)  # (anchor, text) of each `##`
    last: str = ""
    used: set[str] = field(default_factory=set)

    def anchor(self, text: str) -> str:
        """An unused anchor made from a heading's text."""
        stem = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"
        anchor, count = f"s-{stem}", 1
        while anchor in self.used:
            count += 1
            anchor = f"s-{stem}-{count}"
        self.used.add(anchor)
        return anchor


class _Renderer(mistune.HTMLRenderer):
    """HTML of our own Markdown: anchors, tables in boxes, no picture from elsewhere."""

    def __init__(self, headings: Headings) -> None:
        super().__init__(escape=True)
        self.headings = headings

    def heading(self, text: str, level: int, **attrs: object) -> str:
        plain = str(Markup(text).striptags())
        anchor = self.headings.anchor(plain)
        level = max(level, OWN_HEADING)
        self.headings.last = plain
        if level == OWN_HEADING:
            self.headings.sections.append((anchor, plain))
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'

    def block_code(self, code: str, info: str | None = None) -> str:
        language = (info or "").split(None, 1)[0] if (info or "").strip() else ""
        if language in {"python", "bash", "yaml", "json"}:
            return highlight(code, language)
        return f'<pre tabindex="0"><code>{escape(code)}</code></pre>\n'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        # Nothing is loaded: a picture is in the page, or it is a link.
        if url.startswith("data:image/"):
            return super().image(text, url, title)
        return self.link(text or str(escape(url)), url, title)


def to_html(source: str, headings: Headings) -> Markup:
    """Render `source`; its headings are noted in `headings`."""
    renderer = _Renderer(headings)
    plugins = [table, strikethrough, url, task_lists, def_list, math]
    markdown = mistune.Markdown(renderer=renderer, plugins=plugins)
    # The plugins register their own; formulas stay as they were written, for want of MathJax.
    renderer.register("table", _table)
    renderer.register("inline_math", lambda _, text: f'<code class="math">{escape(text)}</code>')
    renderer.register(
        "block_math", lambda _, text: f'<pre class="math" tabindex="0">{escape(text)}</pre>\n'
    )
    return Markup(markdown(source))


def split_title(source: str) -> tuple[str, str, str]:
    """Split a notebook's first cell into its title, its first paragraph and the rest.

    The title is empty where the cell does not start with `# Title`.
    """
    found = re.match(r"\s*#[ \t]+(.+?)[ \t#]*(?:\n|$)", source)
    if not found:
        return "", "", source
    rest = source[found.end() :].lstrip("\n")
    lead, _, after = rest.partition("\n\n")
    # A table, a list or a heading is no question.
    if not lead or lead.lstrip()[0] in "|#-*>`<":
        return found[1], "", rest
    return found[1], lead, after


def highlight(code: str, language: str = "python") -> Markup:
    """Source code with coloured tokens."""
    html = Highlight2HTML()(code.rstrip("\n"), language=language)
    return Markup(html.replace("<pre>", '<pre tabindex="0">', 1))


def _table(_: object, text: str) -> str:
    box = '<div class="box" tabindex="0" role="group" aria-label="Table"><table>'
    return f"{box}{text}</table></div>\n"
