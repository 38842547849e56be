"""The front page of a run."""

import pytest
import report_sample as sample
from html_page import Page

from hcr import reports
from hcr.reports import words


@pytest.fixture
def run(tmp_path, monkeypatch):
    return sample.open_run(tmp_path, monkeypatch)


def test_index_shows_the_run(run):
    sample.executed(run)
    page = Page(reports.index_html(sample.record(run), run.folder))
    links = [each["href"] for each in page.all("a")]
    for stage in ("01_eda", "02_balance", "03_train", "04_evaluate", "05_draw"):
        assert f"{stage}.html" in links
    files = {"figures/01_counts.svg", "tables/01_counts.csv", "tables/01_counts.tex"}
    assert files <= set(links)
    assert len(page.all("img")) == 1  # the one headline figure
    for part in ("98.4 %", "balance.npz", "opened 1 time", "git checkout", "ab" * 32, "epochs"):
        assert part in page.text
    assert page.classed("done")


def test_index_leads_to_the_failed_stage(run):
    record = sample.record(run)
    record["status"] = record["stages"]["03_train"]["status"] = "failed"
    record["stages"]["03_train"]["error"] = {"heading": "Fit", "exception": "ValueError: bad"}
    record["stages"]["04_evaluate"].update(status="waiting", seconds=None)
    page = Page(reports.index_html(record, run.folder))
    assert len(page.classed("banner")) == 1
    assert "ValueError: bad" in page.text
    links = [each["href"] for each in page.all("a")]
    assert links.count("03_train.html") == 3  # the banner, and both drawings of the graph
    assert "04_evaluate.html" not in links


def test_index_leaves_out_pictures_that_are_missing_or_elsewhere(run, tmp_path):
    sample.executed(run)
    (tmp_path / "secret.svg").write_text("<svg/>")
    record = sample.record(run)
    figures = record["stages"]["01_eda"]["figures"]
    for file in ("../secret.svg", "figures/none.svg", "run.json", ""):
        figures.append({"file": file, "caption": "c", "alt": "a", "headline": True})
    assert len(Page(reports.index_html(record, run.folder)).all("img")) == 1


def test_the_data_line_says_how_the_training_split_was_cut():
    facts = {"title": "5,000 MNIST digits", "name": "mnist-sample"}
    assert words.data({"data": facts}) == "5,000 MNIST digits, mnist-sample"
    facts["changed"] = {"class_profile": "az", "profile_scale": 0.0405, "imbalance_factor": 20.0}
    assert words.data({"data": facts}).endswith(
        "mnist-sample; training split cut: thin az, imbalance_factor 20.0"
    )
