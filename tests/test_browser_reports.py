"""The reports in Chromium, with the network cut off."""

import browser
import pytest
import report_sample as sample

from hcr import report, runs

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(browser.skip_reason()), reason=browser.skip_reason() or "-"),
]
WIDTHS = (390, 1280)
PAGES = ("01_eda", "index", "03_train", "evil", "evil_index")


@pytest.fixture(scope="module")
def chromium():
    with browser.launched() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run's folder with the pages `PAGES`."""
    with pytest.MonkeyPatch.context() as patch:
        run = sample.open_run(tmp_path_factory.mktemp("outputs"), patch)
        notebook = sample.executed(run)
        record = sample.record(run)
        write(run, "01_eda", report.notebook_html(notebook, record, "01_eda"))
        write(run, "index", report.index_html(record, run.folder))
        failing = sample.code("fit()", sample.error("ValueError", "x " * 200, "long line " * 90))
        broken = sample.notebook(sample.markdown("# Train\n\n## Fit"), failing)
        write(run, "03_train", report.notebook_html(broken, record, "03_train"))
        evil = sample.executed(run, sample.EVIL)
        evil_record = sample.record(run, sample.EVIL)
        write(run, "evil", report.notebook_html(evil, evil_record, "01_eda"))
        write(run, "evil_index", report.index_html(evil_record, run.folder))
    return run.folder


def write(run: runs.Run, name: str, html: str) -> None:
    run.path(f"{name}.html").write_text(html, encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_page_loads_nothing_and_fits(chromium, folder, name):
    for width in WIDTHS:
        for scheme in ("light", "dark"):
            with browser.visit(chromium, folder / f"{name}.html", width, color_scheme=scheme) as it:
                broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
                assert it.page.evaluate(broken) == 0
                assert browser.overflow(it.page) <= 0
                assert it.problems == []


def test_a_foreign_request_is_noticed(chromium, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text('<link rel="icon" href="data:,"><img src="https://example.org/x.png">')
    with browser.visit(chromium, page) as it:
        assert any(problem.startswith("request: https://example.org") for problem in it.problems)
    page.write_text('<link rel="icon" href="data:,"><p style="width:2000px">wide')
    with browser.visit(chromium, page, 390) as it:
        assert browser.overflow(it.page) > 0


def test_code_unfolds_with_one_click(chromium, folder):
    with browser.visit(chromium, folder / "01_eda.html") as it:
        closed = it.page.locator("details.code:not([open])")
        assert closed.count() > 3
        it.page.get_by_role("button", name="Show all code").click()
        assert closed.count() == 0
        it.page.get_by_role("button", name="Hide all code").click()
        assert closed.count() > 3


def test_page_works_without_scripts(chromium, folder):
    with browser.visit(chromium, folder / "01_eda.html", scripts=False) as it:
        assert it.page.locator("#show-code").is_hidden()
        first = it.page.locator("details.code").first
        first.locator("summary").click()
        assert first.locator("pre").is_visible()


def test_long_table_sorts_by_number(chromium, folder):
    with browser.visit(chromium, folder / "01_eda.html") as it:
        table = it.page.locator(".hcr-table table").first
        cells = table.locator("tbody tr td:nth-child(2)")
        head = table.get_by_role("button", name="pictures")
        head.click()
        assert cells.first.inner_text() == "995"
        head.click()
        assert cells.first.inner_text() == "1,024"
        assert table.locator("th[aria-sort=descending]").count() == 1


def test_every_link_within_the_run_leads_somewhere(chromium, folder):
    pages = {"01_eda.html", "index.html", "03_train.html"}
    with browser.visit(chromium, folder / "01_eda.html") as it:
        anchors = "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
        found = [each for each in it.page.evaluate(anchors) if not each.startswith("http")]
        for each in found:
            if each.startswith("#"):
                assert it.page.locator(f"[id='{each[1:]}']").count() == 1
            elif each != "02_balance.html":
                assert (folder / each).is_file(), each
        assert pages & set(found) == {"index.html"}


@pytest.mark.parametrize(("width", "kind"), [(1280, "broad"), (390, "tall")])
def test_graph_leads_to_each_report(chromium, folder, width, kind):
    with browser.visit(chromium, folder / "index.html", width) as it:
        links = it.page.locator(".graph a:visible")
        assert links.count() == 5
        assert it.page.locator(f".graph svg.{kind}").is_visible()
        links.first.click()
        it.page.wait_for_url("**/01_eda.html")


def test_failed_cell_is_in_view(chromium, folder):
    with browser.visit(chromium, folder / "03_train.html") as it:
        it.page.get_by_role("link", name="Go to the cell that failed").click()
        assert it.page.locator(".traceback").is_visible()
        assert it.page.locator(".cell.failed details[open]").count() == 1


def test_print_hides_code_and_shows_whole_tables(chromium, folder):
    with browser.visit(chromium, folder / "01_eda.html") as it:
        it.page.emulate_media(media="print")
        assert it.page.locator("details.code:visible").count() == 0
        assert it.page.locator(".contents").is_hidden()
        hidden = (
            "[...document.querySelectorAll('.hcr-table')]"
            ".filter(e => getComputedStyle(e).maxHeight !== 'none').length"
        )
        assert it.page.evaluate(hidden) == 0
