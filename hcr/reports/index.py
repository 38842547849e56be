"""The front page of a run."""

from pathlib import Path
from typing import Any

from hcr.reports import figures, graph, words
from hcr.reports.exporter import templates

MOST_PICTURE_BYTES = 2_000_000  # of all pictures together: a page stays below 3 MB


def index_html(record: dict[str, Any], folder: Path) -> str:
    """The page that leads to a run's reports.

    Args:
        record: The run's `run.json`; sections that it lacks are left out.
        folder: The run's folder, which the headline pictures are read from. One that is missing,
            or that lies elsewhere, is left out.
    """
    stages = record.get("stages") or {}
    latest_first = list(stages.values())[::-1]
    view = {
        "run": record.get("run", ""),
        "status": record.get("status"),
        "facts": _facts(record),
        "failed": [_failed(*each) for each in stages.items() if each[1].get("status") == "failed"],
        # What the run is for comes first: the accuracy, then what it was reached with.
        "headline": [row for entry in latest_first for row in entry.get("headline") or []],
        "broad": graph.broad(stages),
        "tall": graph.tall(stages),
        "pictures": _pictures(stages, Path(folder)),
        "parameters": _parameters(stages),
        "environment": _environment(record),
        "versions": record.get("versions") or {},
        "openings": record.get("test_openings") or [],
        "command": record.get("command") or "",
        "commit": record.get("commit"),
        "dirty": record.get("dirty"),
        "credits": words.credits(record),
        "files": _files(stages),
    }
    view["sections"] = _sections(view)
    return templates().get_template("index.html.j2").render(page=view)


def _sections(view: dict[str, Any]) -> dict[str, str]:
    """Anchor and heading of each section that has something to show, in the page's order."""
    found = {
        "stages": ("Stages", view["broad"].nodes),
        "pictures": ("Figures", view["pictures"]),
        "parameters": ("Parameters", view["parameters"]),
        "environment": ("Environment", view["environment"] or view["versions"]),
        "openings": ("Openings of the test split", True),
        "again": ("Make it again", view["command"]),
        "files": ("Figures and tables", view["files"]),
    }
    return {anchor: heading for anchor, (heading, there) in found.items() if there}


def _facts(record: dict[str, Any]) -> list[tuple[str, str]]:
    facts = [
        ("Data", words.data(record)),
        ("Model", words.model(record)),
        ("Seed", words.value(record["seed"]) if "seed" in record else ""),
        ("Date", words.moment(record.get("finished") or record.get("started"))),
        ("Took", words.duration(record.get("seconds"))),
        ("Commit", words.commit(record)),
        ("Hardware", words.hardware(record)),
    ]
    return [(name, text) for name, text in facts if text]


def _failed(stage: str, entry: dict[str, Any]) -> dict[str, str]:
    error = entry.get("error") or {}
    return {
        "stage": stage,
        "href": entry.get("html") or f"{stage}.html",
        "heading": str(error.get("heading") or ""),
        "exception": str(error.get("exception") or ""),
    }


def _pictures(stages: dict[str, dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """The headline figures' HTML and their stages, as many as a page can carry."""
    shown, room = [], MOST_PICTURE_BYTES
    for stage, entry in stages.items():
        for figure in entry.get("figures") or []:
            path = folder / str(figure.get("file", ""))
            inside = path.resolve().is_relative_to(folder.resolve())
            if not figure.get("headline") or not inside or path.suffix not in (".svg", ".png"):
                continue
            if not path.is_file() or path.stat().st_size > room:
                continue
            room -= path.stat().st_size
            caption = str(figure.get("caption") or "")
            html = figures.html(path.read_bytes(), caption, str(figure.get("alt") or caption))
            shown.append({"html": html, "stage": stage})
    return shown


def _parameters(stages: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each parameter and value, with the stages that had it."""
    rows: dict[tuple[str, str], list[str]] = {}
    for stage, entry in stages.items():
        for name, value in (entry.get("parameters") or {}).items():
            if name == "run":  # the page's title
                continue
            rows.setdefault((str(name), words.value(value)), []).append(stage)
    return [
        {
            "name": name,
            "value": value,
            "stages": "all" if len(names) == len(stages) else ", ".join(names),
        }
        for (name, value), names in rows.items()
    ]


def _environment(record: dict[str, Any]) -> list[tuple[str, str]]:
    data, hardware = record.get("data") or {}, record.get("hardware") or {}
    counts = ", ".join(f"{name} {n:,}" for name, n in (data.get("counts") or {}).items())
    rows = [
        (
            "Commit",
            (record.get("commit") or "") + (", with changes" if record.get("dirty") else ""),
        ),
        ("Data set", words.data(record)),
        ("Data digest", str(data.get("digest") or "")),
        ("Classes", str(data.get("classes") or "")),
        ("Pictures", counts),
        ("Seed", words.value(record.get("seed"))),
        ("Started", words.moment(record.get("started"))),
        ("Finished", words.moment(record.get("finished"))),
        ("Hardware", words.hardware(record)),
        ("System", str(hardware.get("system") or "")),
        ("Params file", str(record.get("params_file") or "")),
    ]
    return [(name, text) for name, text in rows if text and text != "null"]


def _files(stages: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Figures and tables by stage, the stages without any left out."""
    found = []
    for stage, entry in stages.items():
        files = [*(entry.get("figures") or []), *(entry.get("tables") or [])]
        if files:
            found.append({"stage": stage, "title": entry.get("title") or stage, "files": files})
    return found
