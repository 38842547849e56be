"""The page of one executed notebook."""

from typing import Any

from hcr.reports import cells, words
from hcr.reports import shown_parameters as parameters
from hcr.reports.exporter import Exporter

# A stage that has not come to its end tells so.
BROKEN = ("failed", "interrupted")


def notebook_html(notebook: Any, record: dict[str, Any], stage: str) -> str:
    """One self-contained page of an executed notebook.

    Args:
        notebook: The notebook, as nbformat reads it, with its outputs.
        record: The run's `run.json`; keys that it lacks are left out of the page.
        stage: The notebook's stage, as `"01_eda"`.

    What the notebook and the record hold is shown as text; HTML of our own exhibits is taken as it
    is, other HTML loses what could run or load a thing.
    """
    entry = record.get("stages", {}).get(stage, {})
    page = cells.body(notebook)
    status = "failed" if page.failure or entry.get("error") else entry.get("status")
    view = {
        "run": record.get("run", ""),
        "stage": stage,
        # A page across runs has none.
        "front": "" if record.get("kind") else "index.html",
        "title": page.title or entry.get("title") or stage,
        "status": status,
        "broken": status in BROKEN,
        "facts": _facts(record, entry, stage),
        "body": page,
        "failure": _failure(page, entry) if status == "failed" else None,
        "anchor": cells.FAILED if any(block.failed for block in page.blocks) else "",
        "headline": entry.get("headline") or [],
        "parameters": parameters.rows(
            notebook, {"run": record.get("run", "")} | (entry.get("parameters") or {})
        ),
        "files": [*(entry.get("figures") or []), *(entry.get("tables") or [])],
        "credits": words.credits(record, stage),
        **_neighbours(record, stage),
    }
    html, _ = Exporter().from_notebook_node(notebook, resources={"page": view})
    return html


def _facts(record: dict[str, Any], entry: dict[str, Any], stage: str) -> list[tuple[str, str]]:
    """What stands below the title; a fact that is not known is left out."""
    given = entry.get("parameters") or {}
    facts = [
        ("Run", str(record.get("run", ""))),
        ("Data", words.data(record)),
        ("Model", words.model(record, stage)),
        ("Seed", words.value(given.get("seed", record.get("seed", "")))),
        ("Date", words.moment(entry.get("finished") or entry.get("started"))),
        ("Took", words.duration(entry.get("seconds"))),
        ("Commit", words.commit(record)),
        ("Hardware", words.hardware(record)),
    ]
    return [(name, text) for name, text in facts if text and text != '""']


def _failure(page: cells.Body, entry: dict[str, Any]) -> dict[str, str]:
    """Heading and exception's line: the notebook's own, or the record's for a kernel that died."""
    told = page.failure or entry.get("error") or {}
    return {key: str(told.get(key) or "") for key in ("heading", "exception")}


def _neighbours(record: dict[str, Any], stage: str) -> dict[str, Any]:
    """The stages before and after, where a page of them is there or is about to be."""
    stages = record.get("stages", {})
    names = list(stages)
    at = names.index(stage) if stage in names else len(names)
    coming = record.get("status") in ("done", "running")

    def link(position: int) -> dict[str, str] | None:
        if not 0 <= position < len(names) or stage not in names:
            return None
        name, entry = names[position], stages[names[position]]
        if not coming and entry.get("status") == "waiting":
            return None
        return {"href": entry.get("html") or f"{name}.html", "title": entry.get("title") or name}

    number = at + 1 if stage in names else 0
    return {"previous": link(at - 1), "next": link(at + 1), "number": number, "of": len(names)}
