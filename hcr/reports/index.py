"""The pages that lead to others: to a run's reports, and to all runs."""

from pathlib import Path
from typing import Any

from markupsafe import Markup

from hcr import evaluation, runs
from hcr.errors import RunError
from hcr.reports.pages import FRONT, Exporter, credits, facts, value
from hcr.reports.show import TEMPLATES, Output, figure_html, macros
from hcr.runs import files

Record = dict[str, Any]


def index_html(record: Record, folder: Path) -> str:
    """The page that leads to a run's reports; sections that its `run.json` lacks are left out.

    So are headline figures that are missing, or do not lie in the run's `folder`.
    """
    stages, fresh = record.get("stages") or {}, _fresh(record)
    parameters: dict[tuple[str, str], list[str]] = {}  # the stages of each name and value
    for stage, entry in stages.items():
        for name, used in (entry.get("parameters") or {}).items():
            if name != "run":  # the page's title
                parameters.setdefault((name, value(used)), []).append(stage)
    shown = [
        (stage, Markup(figure_html(path.read_bytes(), caption)))
        for stage, path, caption in _headline_figures(fresh, folder)
    ]
    view = {"record": record, "stages": stages, "fresh": fresh, "parameters": parameters}
    view |= {"shown": shown, "headline": _headline(fresh), "verdict": _verdict(fresh)}
    view |= {"facts": facts(record, record, None), "credits": credits(record)}
    view["up"] = "../" * (1 + str(record.get("run")).count("/"))  # to the page of all runs
    return _render("index", view)


def write_overview(outputs: Path) -> Path:
    """Write the page that lists all runs in the folder `outputs`, the newest first; its path.

    Runs of suites, runs by hand and pages across runs are listed, too. A record that cannot be read
    is named. Raises `RunError` where the disk refuses.
    """
    rows, damaged = [], []
    for path in [*outputs.glob("*/run.json"), *outputs.glob("*/*/run.json")]:
        name = path.parent.relative_to(outputs).as_posix()
        try:
            rows.append(_row(path.parent, name))
        except Exception as error:  # whatever one holds, the others are listed
            damaged.append(f"{name}: {str(error).replace(str(path), path.name)}")
    rows.sort(key=lambda row: row["when"], reverse=True)
    html = _render("overview", {"rows": rows, "damaged": sorted(damaged)})
    files.write_text(outputs / FRONT, html)
    return outputs / FRONT


def _row(folder: Path, name: str) -> Record:
    """What the list of all runs says of the one in `folder`."""
    record = runs.read(folder)
    stages, fresh = record.get("stages") or {}, _fresh(record)
    scores = [each for each in _headline(fresh) if each.get("key") == "accuracy"]
    trained = runs.read_metrics(folder).get("03_train", {}) if not scores else {}
    n = (record.get("data") or {}).get("counts", {}).get("validation", 0)
    if "03_train" in fresh and "val_accuracy" in trained and n:
        accuracy = trained["val_accuracy"]
        interval = evaluation.interval_text(*evaluation.wilson(round(accuracy * n), n), n)
        text = {"text": evaluation.percent(accuracy), "note": f"on validation; {interval}"}
        scores = [text | {"label": "Accuracy"}]
    pages = [FRONT, *(f"{stage}.html" for stage in reversed(stages))]
    figures = [path for _, path, _ in _headline_figures(fresh, folder)]
    return {
        "name": name,
        "page": next((page for page in pages if (folder / page).is_file()), None),
        "figure": figures[-1].relative_to(folder).as_posix() if figures else None,
        "score": scores[0] if scores else None,
        "status": record.get("status"),
        "kind": record.get("kind", ""),
        "data": record.get("data") or {},
        "model": dict(facts(record, record, None)).get("Model", ""),
        "when": str(record.get("finished") or record.get("started") or ""),
    }


def _fresh(record: Record) -> Record:
    """The stages but those whose results are of other parameters or inputs than the run's."""
    stages, stale = record.get("stages") or {}, record.get("stale") or {}
    return {name: stages[name] for name in stages if stale.get(name, {"same": True})["same"]}


def _headline_figures(stages: Record, folder: Path) -> list[tuple[str, Path, str]]:
    """Stage, path and caption of the headline figures that lie in the run's `folder`."""
    found = []
    for stage, entry in stages.items():
        for figure in [each for each in entry.get("figures") or [] if each.get("headline")]:
            path = folder / str(figure.get("file", ""))
            if path.resolve().is_relative_to(folder.resolve()) and path.is_file():
                found.append((stage, path, str(figure.get("caption") or "")))
    return found


def _headline(stages: Record) -> list[Record]:
    """The headline results, the last stage's first; another model's than the run's names it."""
    rows = []
    for entry in reversed(stages.values()):
        model = (entry.get("parameters") or {}).get("pretrained") or "run"
        of = f" of {model}" if model != "run" else ""
        rows += [row | {"label": f"{row['label']}{of}"} for row in entry.get("headline") or []]
    return rows


def _verdict(stages: Record) -> list[str]:
    """The run's answer: of its evaluation, or else of its training."""
    found = (stages.get(name, {}).get("verdict") for name in ("04_evaluate", "03_train"))
    return next(filter(None, found), [])


def _render(template: str, view: Record) -> str:
    return Exporter().environment.get_template(f"{template}.html.j2").render(page=view)


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
