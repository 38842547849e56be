"""A page names the source of the drawings that it shows, beside that of the run's own data."""

from types import SimpleNamespace

import nbformat
import pytest
from conftest import PROJECT
from dataset_files import drawings, unipen_arrays, write_unipen
from html_page import Page

from hcr import datasets, reports, runs
from hcr.datasets import Options, unipen
from hcr.reports import insights_people as people

EMPTY = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# T")])


def credited(run: runs.Run) -> dict[str, bool]:
    """Whether a stage's page holds UNIPEN's licence; and the run's front page."""
    record = runs.read(run.folder) or {"run": "quick"}
    pages = {
        each: reports.notebook_html(EMPTY, record, each) for each in ("04_evaluate", "05_draw")
    }
    pages["index"] = reports.index_html(record, run.folder)
    return {name: "CC BY 4.0 on Zenodo" in Page(html).text for name, html in pages.items()}


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("by_hand", [True, False])
def test_05_draw_credits_peoples_drawings_where_it_shows_them(
    there, by_hand, monkeypatch, tmp_path
):
    """Its own cell; by hand not before the button is pressed."""
    if there:
        write_unipen(monkeypatch, tmp_path, **unipen_arrays(drawings()))
    else:
        monkeypatch.setattr(unipen.files, "find", lambda *_: None)
    run = runs.Run("quick", "05_draw", tmp_path / "outputs" / "quick", by_hand)
    cells = nbformat.read(PROJECT / "notebooks" / "05_draw.ipynb", as_version=4).cells
    (cell,) = (each.source for each in cells if "unipen.example_drawings" in each.source)

    def read(strokes):
        return [("A", 0.75)]

    reader = SimpleNamespace(read_strokes=read, replay=read)
    names = {"reports": reports, "unipen": unipen, "model": reader, "gallery": reader}
    shown = eval(cell, names | {"labels": "A7", "seed": 0, "out": run})
    if by_hand:
        assert not run.folder.exists()
        shown.children[0].click()
    assert credited(run) == {"04_evaluate": False, "05_draw": there, "index": there}


def test_an_evaluation_that_reads_its_drawings_credits_it(monkeypatch, tmp_path):
    write_unipen(monkeypatch, tmp_path, **unipen_arrays(drawings()))
    run = runs.Run("quick", "04_evaluate", tmp_path / "outputs" / "quick", by_hand=False)
    people.asked("unipen", run)
    assert credited(run) == {"04_evaluate": True, "05_draw": False, "index": True}


def test_a_data_set_that_holds_it_credits_it_once(tmp_path):
    run = runs.Run("quick", "05_draw", tmp_path / "outputs" / "quick", by_hand=False)
    info = datasets.info("emnist-subset+unipen")
    known = {
        "title": info.title,
        "licence": info.license,
        "citation": info.citation,
        "url": info.url,
    }
    run.record_data({"name": "emnist-subset+unipen"} | known)
    run.also(unipen.CREDIT)
    html = reports.notebook_html(EMPTY, runs.read(run.folder), "05_draw")
    assert len(Page(html).classed("credit")) == 1
    assert unipen.info("unipen", Options()).citation in " ".join(Page(html).text.split())
