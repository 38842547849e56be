"""A run's pages within a notebook's output."""

import browser
import pytest
import report_sample as sample
from html_page import Page

from hcr import reports
from hcr.errors import RunError

NAMES = ["index.html", "01_eda.html", "03_train.html"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run's folder with its front page and two reports."""
    with pytest.MonkeyPatch.context() as patch:
        run = sample.open_run(tmp_path_factory.mktemp("outputs"), patch)
        record = sample.record(run)
        executed = sample.executed(run)
        for stage in ("01_eda", "03_train"):
            html = reports.notebook_html(executed, record, stage)
            run.path(f"{stage}.html").write_text(html, encoding="utf-8")
        html = reports.index_html(record, run.folder)
        run.path("index.html").write_text(html, encoding="utf-8")
    return run.folder


def test_every_page_is_in_it_whole_and_the_front_one_first(folder):
    page = Page(reports.inline(folder)._repr_html_())
    assert page.wrong == page.open == []
    assert [each["data-page"] for each in page.all("details")] == NAMES
    for name, attrs in zip(NAMES, page.all("iframe"), strict=True):
        whole = (folder / name).read_text(encoding="utf-8")
        body = whole[whole.index("<body>") : whole.rindex("</body>")]
        assert body in attrs["srcdoc"]
        assert Page(attrs["srcdoc"]).wrong == []


def test_text_stands_for_it_where_no_html_can_be_shown(folder):
    assert repr(reports.inline(folder)) == f"{folder}: {', '.join(NAMES)}"


def test_a_run_without_pages_is_told(tmp_path):
    with pytest.raises(RunError, match=r"index\.html\. Received: none there\. Run it first\."):
        reports.inline(tmp_path)


@pytest.mark.browser
def test_links_lead_from_page_to_page_and_within_one(folder, tmp_path):
    # Two runs in one notebook: a link opens its own run's page.
    html = reports.inline(folder)._repr_html_()
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><body>{html}{html}</body>")
    unfolded = "[...document.querySelectorAll('details')].map(e => e.open)"
    with browser.launched() as chromium, browser.visit(chromium, path) as it:
        assert it.page.evaluate(unfolded) == [True, False, False] * 2
        front = it.page.frame_locator("details[data-page='index.html'] >> nth=1 >> iframe")
        front.locator(".graph a:visible").first.click()
        assert it.page.evaluate(unfolded) == [True, False, False, True, True, False]
        eda = it.page.frame_locator("details[data-page='01_eda.html'] >> nth=1 >> iframe")
        link = eda.locator("a[href^='#s-']").last
        if not link.is_visible():
            eda.locator(".contents summary").click()
        target = eda.locator(f"[id='{link.get_attribute('href')[1:]}']")
        before = target.bounding_box()["y"]
        link.click()
        assert target.bounding_box()["y"] < before
        assert it.page.url == path.as_uri()
        assert len(it.page.context.pages) == 1
        assert it.problems == []
