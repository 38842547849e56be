"""HTML that is not ours, as a library's table, reduced to tags that cannot load or run a thing."""

from html import escape
from html.parser import HTMLParser

TABLE = {"table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"}
BLOCKS = {"p", "div", "pre", "blockquote", "ul", "ol", "li", "dl", "dt", "dd", "details", "summary"}
INLINE = {"a", "b", "strong", "i", "em", "u", "s", "code", "kbd", "samp", "var", "sub", "sup"}
VOID = {"br", "hr", "img"}
TAGS = TABLE | BLOCKS | INLINE | VOID | {"span", "small", "h3", "h4", "h5", "h6"}
SILENT = {"script", "style", "title", "template", "iframe", "object", "svg", "math", "textarea"}
ATTRIBUTES = {"alt", "colspan", "rowspan", "scope", "title", "width", "height"}


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.open: list[str] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self.silent.append(tag)
        if self.silent or tag not in TAGS:
            return
        values = {name: value or "" for name, value in attrs}
        kept = {name: values[name] for name in values if name in ATTRIBUTES}
        if tag == "a" and values.get("href", "").startswith(("https://", "http://", "#")):
            kept["href"] = values["href"]
        if tag == "img":
            if not values.get("src", "").startswith("data:image/"):
                return
            kept = {"src": values["src"], "alt": "", **kept}
        text = "".join(f' {name}="{escape(value)}"' for name, value in kept.items())
        self.out.append(f"<{tag}{text}>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            if tag in self.silent:
                del self.silent[self.silent.index(tag) :]
            return
        # An end without its start would close a part of the page.
        if tag in self.open:
            while True:
                last = self.open.pop()
                self.out.append(f"</{last}>")
                if last == tag:
                    break

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.out.append(escape(data))


def clean(html: str) -> str:
    """`html` with allowed tags only, each closed; scripts and styles are left out."""
    cleaner = _Cleaner()
    cleaner.feed(html)
    cleaner.close()
    return "".join(cleaner.out) + "".join(f"</{tag}>" for tag in reversed(cleaner.open))
