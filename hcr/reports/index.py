"""The front page of a run, and a run's pages within a notebook's output."""

from html import escape
from pathlib import Path
from typing import Any

from hcr.errors import RunError
from hcr.reports.pages import TEMPLATES, Exporter, clean, credits, data_title, facts, moment, value
from hcr.reports.show import figure_html

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
    stages = record.get("stages") or {}
    view = {
        "run": record.get("run", ""),
        "status": record.get("status"),
        "facts": facts(record, record, None),
        "failed": [
            entry.get("error", {}) | {"stage": stage, "href": entry.get("html") or f"{stage}.html"}
            for stage, entry in stages.items()
            if entry.get("status") == "failed"
        ],
        "warnings": [
            (stage, warning.get("text", ""))
            for stage, entry in stages.items()
            for warning in entry.get("warnings") or []
        ],
        # What the run is for comes first: the accuracy, then what it was reached with.
        "headline": [
            row for entry in reversed(stages.values()) for row in entry.get("headline") or []
        ],
        "stages": stages,
        "pictures": _headline_figures(stages, Path(folder)),
        "parameters": _parameters(stages),
        "environment": _environment(record),
        "versions": record.get("versions") or {},
        "openings": record.get("test_openings") or [],
        "command": record.get("command") or "",
        "commit": record.get("commit"),
        "dirty": record.get("dirty"),
        "credits": credits(record),
        "files": {
            stage: [*(entry.get("figures") or []), *(entry.get("tables") or [])]
            for stage, entry in stages.items()
            if entry.get("figures") or entry.get("tables")
        },
    }
    sections = {
        "stages": ("Stages", stages),
        "pictures": ("Figures", view["pictures"]),
        "parameters": ("Parameters", view["parameters"]),
        "environment": ("Environment", view["environment"] or view["versions"]),
        "openings": ("Openings of the test split", True),
        "again": ("Run it again", view["command"]),
        "files": ("Files", view["files"]),
    }
    view["sections"] = {anchor: heading for anchor, (heading, there) in sections.items() if there}
    return Exporter().environment.get_template("index.html.j2").render(page=view)


def _headline_figures(stages: dict[str, dict[str, Any]], folder: Path) -> list[str]:
    """The HTML of the headline figures, as many as a page can carry, and tables."""
    shown, room = [], MOST_IMAGE_BYTES
    for entry in stages.values():
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
        shown += [clean(each["html"]) for each in entry.get("tables") or [] if each.get("html")]
    return shown


def _parameters(stages: dict[str, dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Name, value and stages of each parameter: one row for each value that it has."""
    rows: dict[tuple[str, str], list[str]] = {}
    for stage, entry in stages.items():
        for name, used in (entry.get("parameters") or {}).items():
            if name != "run":  # the page's title
                rows.setdefault((str(name), value(used)), []).append(stage)
    return [
        (name, used, "all" if len(names) == len(stages) else ", ".join(names))
        for (name, used), names in rows.items()
    ]


def _environment(record: dict[str, Any]) -> list[tuple[str, str]]:
    data, about = record.get("data") or {}, dict(facts(record, record, None))
    counts = (f"{split} {n:,}" for split, n in (data.get("counts") or {}).items())
    changes = ", with changes" if record.get("dirty") else ""
    rows = {
        "Commit": f"{record['commit']}{changes}" if record.get("commit") else "",
        "Dataset": data_title(record),
        "Data digest": data.get("digest"),
        "Classes": data.get("classes"),
        "Images": ", ".join(counts),
        "Seed": about.get("Seed"),
        "Started": moment(record.get("started")),
        "Finished": moment(record.get("finished")),
        "Hardware": about.get("Hardware"),
        "System": (record.get("hardware") or {}).get("system"),
        "Params file": record.get("params_file"),
    }
    return [(name, str(text)) for name, text in rows.items() if text]


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
        return f"<div>{''.join(map(self._folded, self.names))}</div>"

    def _folded(self, name: str) -> str:
        script = (TEMPLATES / "inline.js").read_text(encoding="utf-8")
        page = (self.folder / name).read_text(encoding="utf-8").replace("</head>", HEAD, 1)
        before, end, after = page.rpartition("</body>")
        page = f"{before}<script>{script}</script>{end}{after}"
        title = escape(self.folder.name if name == FRONT else Path(name).stem)
        return (
            f'<details data-page="{escape(name)}"{" open" if name == FRONT else ""}>'
            f'<summary style="cursor:pointer;padding:6px 0">{title}</summary>'
            f'<iframe title="{title}" style="{STYLE}" srcdoc="{escape(page)}"></iframe></details>'
        )


def inline(folder: Path) -> Pages:
    """The pages in a run's `folder`, to be the last line of a cell.

    Raises `RunError` where the run has not left any.
    """
    folder = Path(folder)
    names = sorted(path.name for path in folder.glob("*.html") if path.name != FRONT)
    if not (folder / FRONT).is_file():
        raise RunError(f"{folder} must hold a run's {FRONT}. Received: none. Run it first.")
    return Pages(folder, [FRONT, *names])
