"""The front page of a run, and a run's pages within a notebook's output."""

from html import escape
from pathlib import Path
from typing import Any

from hcr.errors import RunError
from hcr.reports.pages import TEMPLATES, Exporter, credits, facts, value
from hcr.reports.show import Output, figure_html

FRONT = "index.html"
MOST_IMAGE_BYTES = 2_000_000  # of all figures together: a page stays below 3 MB
STYLE = "width:100%;height:720px;border:1px solid #8886"
# A link to another site opens a tab; one to a figure's or table's file leads nowhere from here.
HEAD = """<base target="_blank">
<style>a[href^="figures/"], a[href^="tables/"] { color: inherit; text-decoration: none; }
a[href^="figures/"], a[href^="tables/"] { pointer-events: none; }</style>
</head>"""


def index_html(record: dict[str, Any], folder: Path) -> str:
    """The page that leads to a run's reports.

    Args:
        record: The run's `run.json`; sections that it lacks are left out.
        folder: The run's folder, which the headline figures are read from. One that is missing,
            or that lies elsewhere, is left out.
    """
    stages, folder = record.get("stages") or {}, Path(folder)
    shown, room = [], MOST_IMAGE_BYTES
    parameters: dict[tuple[str, str], list[str]] = {}  # the stages of each name and value
    for stage, entry in stages.items():
        for figure in entry.get("figures") or []:
            path = folder / str(figure.get("file", ""))
            inside = path.resolve().is_relative_to(folder.resolve()) and path.is_file()
            if not figure.get("headline") or not inside or path.suffix not in (".svg", ".png"):
                continue
            if path.stat().st_size <= room:
                room -= path.stat().st_size
                caption = str(figure.get("caption") or "")
                alt = str(figure.get("alt") or caption)
                shown.append(figure_html(path.read_bytes(), caption, alt))
        for name, used in (entry.get("parameters") or {}).items():
            if name != "run":  # the page's title
                parameters.setdefault((str(name), value(used)), []).append(stage)
    sections = {
        "stages": ("Stages", stages),
        "pictures": ("Figures", shown),
        "parameters": ("Parameters", parameters),
        "environment": ("Environment", record.get("versions") or record.get("data")),
        "openings": ("Openings of the test split", True),
        "again": ("Run it again", record.get("command")),
        "files": ("Files", any(e.get("figures") or e.get("tables") for e in stages.values())),
    }
    view = {
        "record": record,
        "stages": stages,
        "facts": facts(record, record, None),
        "shown": shown,
        "parameters": parameters,
        "credits": credits(record),
        "sections": {anchor: heading for anchor, (heading, there) in sections.items() if there},
    }
    return Exporter().environment.get_template("index.html.j2").render(page=view)


def inline(folder: Path) -> Output:
    """The pages in a run's `folder`, folded, to be the last line of a cell; the front one is open.

    Each is a window of its own, because its style is made for a whole page. A link from one to
    another unfolds that. Raises `RunError` where the run has not left any.
    """
    folder = Path(folder)
    if not (folder / FRONT).is_file():
        raise RunError(f"{folder} must hold a run's {FRONT}. Received: none. Run it first.")
    script = (TEMPLATES / "inline.js").read_text(encoding="utf-8")
    names = [FRONT, *sorted(path.name for path in folder.glob("*.html") if path.name != FRONT)]
    html = ""
    for name in names:
        page = (folder / name).read_text(encoding="utf-8").replace("</head>", HEAD, 1)
        before, end, after = page.rpartition("</body>")
        page = escape(f"{before}<script>{script}</script>{end}{after}")
        title = escape(folder.name if name == FRONT else Path(name).stem)
        html += (
            f'<details data-page="{escape(name)}"{" open" if name == FRONT else ""}>'
            f'<summary style="cursor:pointer;padding:6px 0">{title}</summary>'
            f'<iframe title="{title}" style="{STYLE}" srcdoc="{page}"></iframe></details>'
        )
    return Output(f"<div>{html}</div>", f"{folder}: {', '.join(names)}")
