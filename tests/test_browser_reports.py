"""The reports in Chromium, with the network cut off."""

import browser
import pytest
import report_sample as sample

from hcr import reports, runs

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(browser.skip_reason()), reason=browser.skip_reason() or "-"),
]
WIDTHS = (390, 1280)
FORMATS = {"share": ".1%", "change": "+.2f"}
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
        write(run, "01_eda", reports.notebook_html(notebook, record, "01_eda"))
        write(run, "index", reports.index_html(record, run.folder))
        for name, rows in (("sorted", slice(None)), ("short", slice(7))):
            made = reports.table(run, sample.unsorted().iloc[rows], name, "Sorted", FORMATS)
            table = sample.notebook(
                sample.markdown("# Sort"), sample.code("t", sample.exhibit(made))
            )
            write(run, name, reports.notebook_html(table, record, "01_eda"))
        failing = sample.code("fit()", sample.error("ValueError", "x " * 200, "long line " * 90))
        broken = sample.notebook(sample.markdown("# Train\n\n## Fit"), failing)
        write(run, "03_train", reports.notebook_html(broken, record, "03_train"))
        evil = sample.executed(run, sample.EVIL)
        evil_record = sample.record(run, sample.EVIL)
        write(run, "evil", reports.notebook_html(evil, evil_record, "01_eda"))
        write(run, "evil_index", reports.index_html(evil_record, run.folder))
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


ORDERS = {
    "count": [6, 1, 4, 8, 3, 7, 5, 0, 2],
    "share": [2, 6, 5, 0, 7, 8, 1, 4, 3],
    "figure": [5, 1, 6, 7, 8, 3, 4, 0, 2],
    "change": [2, 8, 1, 5, 4, 0, 6, 3, 7],
    "p": [0, 2, 1, 5, 7, 3, 8, 6, 4],
    "name": [4, 1, 0, 2, 3, 5, 6, 7, 8],
}


def test_each_kind_of_column_sorts_in_its_own_way_both_ways(chromium, folder):
    with browser.visit(chromium, folder / "sorted.html") as it:
        table = it.page.locator(".hcr-table table").first
        for name, expected in ORDERS.items():
            head = table.get_by_role("button", name=name, exact=True)
            head.click()
            assert order(table) == expected, name
            head.click()
            # What is unknown comes last, whichever way.
            gone = expected[-1:] if name in ("share", "p") else []
            known = expected[: len(expected) - len(gone)]
            assert order(table) == known[::-1] + gone, name
            heads = table.locator("th[aria-sort]")
            assert [heads.count(), heads.inner_text()] == [1, name]
        # Other units are no numbers of one kind: words, with their numbers in order.
        table.get_by_role("button", name="took", exact=True).click()
        assert order(table)[:3] == [2, 4, 1]


def order(table) -> list[int]:
    return [int(each) for each in table.locator("tbody tr td:first-child").all_inner_texts()]


def test_a_table_is_sorted_by_keyboard(chromium, folder):
    with browser.visit(chromium, folder / "sorted.html") as it:
        table = it.page.locator(".hcr-table table").first
        it.page.locator(".hcr-table").first.focus()
        for _ in range(2):  # past `order` to `count`
            it.page.keyboard.press("Tab")
        assert it.page.evaluate("document.activeElement.textContent") == "count"
        it.page.keyboard.press("Enter")
        assert order(table) == ORDERS["count"]
        it.page.keyboard.press("Space")
        assert order(table) == ORDERS["count"][::-1]
        assert table.locator("th[aria-sort=descending]").inner_text() == "count"


def test_what_is_not_long_has_nothing_to_sort_by(chromium, folder):
    with browser.visit(chromium, folder / "short.html") as it:
        assert it.page.locator(".hcr-table th button").count() == 0
    with browser.visit(chromium, folder / "sorted.html", scripts=False) as it:
        assert it.page.locator(".hcr-table th button").count() == 0
        assert order(it.page.locator(".hcr-table table").first) == list(range(9))


def test_rows_whose_order_says_something_stay(chromium, folder):
    with browser.visit(chromium, folder / "01_eda.html") as it:
        kept = it.page.locator(".hcr-table[aria-label=Environment]")
        assert kept.locator("tbody tr").count() > 8
        assert kept.locator("th button").count() == 0


def test_a_printed_table_has_no_arrows(chromium, folder):
    mark = "getComputedStyle(document.querySelector('.hcr-table th button'), '::after').content"
    with browser.visit(chromium, folder / "sorted.html") as it:
        assert it.page.evaluate(mark) != "none"
        it.page.emulate_media(media="print")
        assert it.page.evaluate(mark) == "none"


def test_a_figure_that_is_too_wide_is_shown_whole_and_opens_in_full_size(chromium, folder):
    image = ".hcr-scroll img"
    inside = f"document.querySelector('{image}').getBoundingClientRect().right <= innerWidth"
    with browser.visit(chromium, folder / "01_eda.html", 1280) as it:
        assert it.page.get_by_role("button", name="Full size").count() == 0
    with browser.visit(chromium, folder / "01_eda.html", 390) as it:
        assert it.page.evaluate(inside)
        small = it.page.locator(image).first.bounding_box()["width"]
        button = it.page.get_by_role("button", name="Full size").first
        button.focus()
        it.page.keyboard.press("Enter")
        full = it.page.locator("dialog.full")
        assert full.locator("img").bounding_box()["width"] > 1.4 * small
        assert browser.overflow(it.page) <= 0
        it.page.keyboard.press("Escape")
        assert full.is_hidden()
        assert it.page.evaluate("document.activeElement.textContent") == "Full size"
        it.page.locator(image).first.click()
        assert full.is_visible()
        full.get_by_role("button", name="Close").click()
        assert full.is_hidden()
        assert it.problems == []
        it.page.emulate_media(media="print")
        assert not button.is_visible()


@pytest.mark.parametrize("width", [1280, 820, 390])
def test_no_card_stands_alone_in_the_last_row(chromium, tmp_path, width):
    """A card that is alone in its row, at an even number of cards, has a neighbour's place free."""
    rows = [{"label": f"Figure {i}", "text": "98.4 %", "note": ""} for i in range(6)]
    record = {"run": "six", "status": "done", "stages": {"04_evaluate": {"headline": rows}}}
    page = tmp_path / "six.html"
    page.write_text(reports.index_html(record, tmp_path), encoding="utf-8")
    tops = "[...document.querySelectorAll('.cards li')].map(e => e.getBoundingClientRect().top)"
    with browser.visit(chromium, page, width) as it:
        found = it.page.evaluate(tops)
    assert found.count(found[-1]) > 1


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
