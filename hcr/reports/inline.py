"""A run's pages within a notebook's output, one below the other, folded."""

from html import escape
from pathlib import Path

from hcr.errors import RunError
from hcr.reports.exporter import TEMPLATES

FRONT = "index.html"
STYLE = "width:100%;height:720px;border:1px solid #8886"

# A link to another site opens a tab; one to a figure's or table's file leads nowhere from here.
HEAD = """<base target="_blank">
<style>a[href^="figures/"], a[href^="tables/"] { color: inherit; text-decoration: none; }
a[href^="figures/"], a[href^="tables/"] { pointer-events: none; }</style>
</head>"""


class Pages:
    """The pages of a run, which show themselves in a notebook.

    Each is a window of its own, because its style is made for a whole page; the front page is open.
    A link from one to another unfolds that.
    """

    def __init__(self, folder: Path, names: list[str]):
        self.folder, self.names = folder, names

    def __repr__(self) -> str:
        return f"{self.folder}: {', '.join(self.names)}"

    def _repr_html_(self) -> str:
        return f"<div>{''.join(self._folded(name) for name in self.names)}</div>"

    def _folded(self, name: str) -> str:
        script = (TEMPLATES / "inline.js").read_text(encoding="utf-8")
        page = (self.folder / name).read_text(encoding="utf-8").replace("</head>", HEAD, 1)
        before, end, after = page.rpartition("</body>")
        page = f"{before}<script>{script}</script>{end}{after}"
        front = name == FRONT
        title = escape(self.folder.name if front else Path(name).stem)
        return (
            f'<details data-page="{escape(name)}"{" open" if front else ""}>'
            f'<summary style="cursor:pointer;padding:6px 0">{title}</summary>'
            f'<iframe title="{title}" style="{STYLE}" srcdoc="{escape(page)}"></iframe>'
            "</details>"
        )


def inline(folder: Path) -> Pages:
    """The pages in a run's `folder`, to be the last line of a cell.

    Raises `RunError` where the run has not left any.
    """
    folder = Path(folder)
    names = sorted(path.name for path in folder.glob("*.html") if path.name != FRONT)
    if not (folder / FRONT).is_file():
        raise RunError(
            f"{folder} must be a run's folder with its index.html. Received: none there. "
            "Run it first."
        )
    return Pages(folder, [FRONT, *names])
