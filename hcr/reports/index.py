"""The page that leads to a run's reports."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from hcr.errors import RunError
from hcr.reports.pages import FRONT, Exporter, credits, facts, value
from hcr.reports.show import TEMPLATES, Output, figure_html, macros


def index_html(record: dict[str, Any], folder: Path) -> str:
    """The page that leads to a run's reports; sections that its `run.json` lacks are left out.

    So are headline figures that are missing, or do not lie in the run's `folder`.
    """
    stages = record.get("stages") or {}
    shown: list[Markup] = []
    parameters: dict[tuple[str, str], list[str]] = {}  # the stages of each name and value
    for stage, entry in stages.items():
        for figure in entry.get("figures") or []:
            path = folder / str(figure.get("file", ""))
            inside = path.resolve().is_relative_to(folder.resolve()) and path.is_file()
            if figure.get("headline") and inside:
                caption = str(figure.get("caption") or "")
                shown.append(Markup(figure_html(path.read_bytes(), caption)))
        for name, used in (entry.get("parameters") or {}).items():
            if name != "run":  # the page's title
                parameters.setdefault((name, value(used)), []).append(stage)
    view = {"record": record, "stages": stages, "shown": shown, "parameters": parameters}
    view |= {"facts": facts(record, record, None), "credits": credits(record)}
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
    pages = [(folder / name).read_text(encoding="utf-8") for name in names]
    pages = [page.replace("</body>", f"<script>{script}</script></body>") for page in pages]
    titles = [folder.name, *(Path(name).stem for name in names[1:])]
    html = str(macros().inline(list(zip(names, titles, pages, strict=True))))
    return Output(html, f"{folder}: {', '.join(names)}")
