"""The templates' HTML: figures, and the pages that lead to others, to a run's and to all runs."""

import base64
import io
import json
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from PIL import Image

from hcr import runs
from hcr.errors import RunError
from hcr.runs import files

TEMPLATES = Path(__file__).parent / "templates"
FRONT = "index.html"
PNG = b"\x89PNG"
Record = dict[str, Any]


def figure_html(data: bytes, caption: str, reaction: int | None = None) -> str:
    """An SVG or a PNG, `data`, as a figure with its caption; a script in it cannot run.

    `reaction` is which entry of the page's data says how it reacts, None where it does not.
    """
    if data.startswith(PNG):
        kind = "png"
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            scale = image.info.get("dpi", (96, 96))[0] / 96
            width, height = round(image.width / scale), round(image.height / scale)
    else:
        kind = "svg+xml"
        form = rb'<svg[^>]*?\b%s="([\d.]+)pt"'
        sides = (re.search(form % side, data) for side in (b"width", b"height"))
        width, height = (round(float(side[1]) * 4 / 3) if side else 480 for side in sides)
    content = base64.b64encode(data).decode()
    return str(macros().figure(kind, content, width, height, caption, reaction))


def index_html(record: Record, folder: Path) -> str:
    """The page that leads to a run's reports; sections that its `run.json` lacks are left out.

    So are headline figures that are missing, or do not lie in the run's `folder`.
    """
    stages, fresh = record.get("stages") or {}, _fresh(record)
    figures = _figures(fresh, folder)
    shown = [(stage, Markup(figure_html(path.read_bytes(), text))) for stage, path, text in figures]
    view = {"record": record, "stages": stages, "fresh": fresh, "shown": shown}
    return templates().get_template("index.html.j2").render(page=view)


def write_overview(outputs: Path) -> Path:
    """Write the page that lists all runs in the folder `outputs`, the newest first; its path.

    Runs in progress, of suites and by hand, and pages across runs, are listed, too. A record that
    cannot be read is named. Raises `RunError` where the disk refuses.
    """
    rows, damaged = [], []
    for path in [*outputs.glob("*/run.json"), *outputs.glob("*/*/run.json")]:
        name = path.parent.relative_to(outputs).as_posix()
        try:
            rows.append(_row(path.parent, name))
        except Exception as error:  # whatever one holds, the others are listed
            damaged.append(f"{name}: {str(error).replace(str(path), path.name)}")
    rows.sort(key=lambda row: row["when"], reverse=True)
    template = templates().get_template("overview.html.j2")
    files.write_text(outputs / FRONT, template.render(rows=rows, damaged=sorted(damaged)))
    return outputs / FRONT


def write_front(folder: Path) -> Path:
    """Write a run's front page, whose path is returned, and the page of all runs."""
    page = folder / FRONT
    files.write_text(page, index_html(runs.read(folder), folder))
    write_overview(runs.outputs())
    return page


def _row(folder: Path, name: str) -> Record:
    """What the list of all runs says of the one in `folder`."""
    record = runs.read(folder)
    if record.get("status") == "running":  # or was, when it was killed
        with suppress(Timeout), FileLock(folder / ".lock", timeout=0):
            record["status"] = "interrupted"
    pages = [FRONT, *(f"{stage}.html" for stage in reversed(record.get("stages") or {}))]
    fresh = _fresh(record)
    figures = [path.relative_to(folder).as_posix() for _, path, _ in _figures(fresh, folder)]
    return {
        "name": name,
        "page": next((page for page in pages if (folder / page).is_file()), None),
        "figure": figures[-1] if figures else None,
        "record": record,
        "fresh": fresh,
        "trained": runs.read_metrics(folder).get("03_train", {}) if "03_train" in fresh else {},
        "when": str(record.get("finished") or record.get("started") or ""),
    }


def _fresh(record: Record) -> Record:
    """The stages but those whose results are of other parameters or inputs than the run's."""
    stages, stale = record.get("stages") or {}, record.get("stale") or {}
    return {name: stages[name] for name in stages if stale.get(name, {"same": True})["same"]}


def _figures(stages: Record, folder: Path) -> list[tuple[str, Path, str]]:
    """Stage, path and caption of the headline figures that lie in the run's `folder`."""
    found = []
    for stage, entry in stages.items():
        for figure in [each for each in entry.get("figures") or [] if each.get("headline")]:
            path = folder / str(figure.get("file", ""))
            if path.resolve().is_relative_to(folder.resolve()) and path.is_file():
                found.append((stage, path, str(figure.get("caption") or "")))
    return found


def inline(folder: Path) -> Any:
    """The pages in a run's `folder`, folded, to be the last line of a cell; the front one is open.

    Each is a window of its own, because its style is made for a whole page. A link from one to
    another unfolds that. Raises `RunError` where the run has not left any.
    """
    from hcr.reports.show import Output  # it imports this module

    folder = Path(folder)
    if not (folder / FRONT).is_file():
        raise RunError(f"{folder} must hold a run's {FRONT}. Received: none. Run it first.")
    script = (TEMPLATES / "inline.js").read_text(encoding="utf-8")
    names = [FRONT, *sorted(path.name for path in folder.glob("*.html") if path.name != FRONT)]
    pages = [(folder / name).read_text(encoding="utf-8") for name in names]
    pages = [page.replace("</body>", f"<script>{script}</script></body>") for page in pages]
    titles = [folder.name, *(Path(name).stem for name in names[1:])]
    html = str(macros().inline(list(zip(names, titles, pages, strict=True))))
    return Output(html, f"{folder}: {', '.join(names)}")


def value(given: Any) -> str:
    """A parameter's value as YAML would have it."""
    return given if given and isinstance(given, str) else json.dumps(given, ensure_ascii=False)


@cache
def templates(folder: Path = TEMPLATES) -> Environment:
    """The templates in a folder; what they are given is text, but for styles and scripts there."""
    options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    environment = Environment(loader=FileSystemLoader(folder), **options)
    environment.filters |= {"value": value, "clock": runs.clock}
    for path in [*folder.glob("*.css"), *folder.glob("*.js")]:
        environment.globals[path.name.replace(".", "_")] = Markup(path.read_text(encoding="utf-8"))
    return environment


def macros() -> Any:
    """The HTML of figures, tables and warnings, by functions that escape what they are given."""
    return templates().get_template("shown.html.j2").module
