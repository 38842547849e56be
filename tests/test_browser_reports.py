"""The reports in Chromium, with the network cut off."""

import browser
import pytest
import report_sample as sample

from hcr import reports, runs

pytestmark = pytest.mark.browser
FORMATS = {"share": ".1%", "change": "+.2f"}
PAGES = ("01_eda", "index", "03_train", "evil", "evil_index", "../index")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run's folder with the pages `PAGES`, and one of a table."""
    with pytest.MonkeyPatch.context() as patch:
        run = sample.open_run(tmp_path_factory.mktemp("outputs"), patch)
        notebook, record = sample.executed(run), sample.record(run)
        write(run, "01_eda", reports.notebook_html(notebook, record, "01_eda"))
        write(run, "index", reports.index_html(record, run.folder))
        output = reports.table(run, sample.unsorted(), "sorted", "Sorted", FORMATS)
        cells = sample.markdown("# Sort"), sample.code("t", sample.display(output))
        write(run, "sorted", reports.notebook_html(sample.notebook(*cells), record, "01_eda"))
        cells = sample.markdown("# React"), sample.code("r", sample.display(sample.reacting(run)))
        write(run, "reacts", reports.notebook_html(sample.notebook(*cells), record, "01_eda"))
        failing = sample.code("fit()", sample.error("ValueError", "x " * 200, "long line " * 90))
        broken = sample.notebook(sample.markdown("# Train\n\n## Fit"), failing)
        write(run, "03_train", reports.notebook_html(broken, record, "03_train"))
        evil, evil_record = sample.executed(run, sample.EVIL), sample.record(run, sample.EVIL)
        for cell in (sample.markdown(sample.EVIL), sample.code("x", sample.shown(text_html=EVIL))):
            evil.cells.append(cell)
        write(run, "evil", reports.notebook_html(evil, evil_record, "01_eda"))
        write(run, "evil_index", reports.index_html(evil_record, run.folder))
        reports.write_overview(run.folder.parent)
        run.by_hand = True  # in JupyterLab a fixed place counts from its cell, not from the window
        cell = f'<div style="transform: translate(90px, 60px)">{sample.reacting(run).html}</div>'
        write(run, "../lab", cell)
    return run.folder


EVIL = sample.EVIL + '<svg onload="alert(3)"><iframe srcdoc="<script>alert(4)</script>"></iframe>'


def write(run: runs.Run, name: str, html: str) -> None:
    run.path(f"{name}.html").write_text(html, encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_and_runs_nothing_foreign_and_fits(chromium, folder, name):
    with browser.visit(chromium, folder / f"{name}.html", 390) as it:
        broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
        assert it.page.evaluate(broken) == 0
        for scheme, width in (("light", 390), ("dark", 390), ("dark", 1280)):
            it.page.emulate_media(color_scheme=scheme)
            it.page.set_viewport_size({"width": width, "height": 900})
            assert browser.overflow(it.page) <= 0
            # Dark ink on light ground, or the other way round.
            light = "getComputedStyle(document.body).{}.match(/\\d+/g).slice(0, 3).map(Number)"
            ink, ground = (
                sum(it.page.evaluate(light.format(key))) for key in ("color", "backgroundColor")
            )
            assert (ink < ground) == (scheme == "light")
        assert it.problems == []


def test_code_unfolds_with_one_click_and_without_scripts(chromium, folder):
    with browser.visit(chromium, folder / "01_eda.html") as it:
        closed = it.page.locator("details.code:not([open])")
        assert closed.count() > 3
        it.page.get_by_role("button", name="Show all code").click()
        assert closed.count() == 0
        it.page.get_by_role("button", name="Hide all code").click()
        assert closed.count() > 3
    with browser.visit(chromium, folder / "01_eda.html", scripts=False) as it:
        assert it.page.locator("#show-code").is_hidden()
        first = it.page.locator("details.code").nth(1)
        first.locator("summary").click()
        assert first.locator("pre").is_visible()


ORDERS = {
    "count": "614837502", "share": "265078143", "figure": "516783402", "change": "281540637",
    "p": "021573864", "name": "410235678",
}  # fmt: skip


def order(table) -> str:
    return "".join(table.locator("tbody tr td:first-child").all_inner_texts())


def test_each_kind_of_column_sorts_in_its_own_way_both_ways(chromium, folder):
    with browser.visit(chromium, folder / "sorted.html") as it:
        table = it.page.locator(".hcr-table table").first
        for name, expected in ORDERS.items():
            head = table.get_by_role("button", name=name, exact=True)
            head.click()
            assert order(table) == expected, name
            head.focus()
            it.page.keyboard.press("Enter")
            # What is unknown comes last, whichever way.
            gone = expected[-1:] if name in ("share", "p") else ""
            known = expected[: len(expected) - len(gone)]
            assert order(table) == known[::-1] + gone, name
            assert table.locator("th[aria-sort=descending]").inner_text() == name
        # Other units are no numbers of one kind: words, with their numbers in order.
        table.get_by_role("button", name="took", exact=True).click()
        assert order(table)[:3] == "241"
        mark = "getComputedStyle(document.querySelector('.hcr-table th button'), '::after').content"
        it.page.emulate_media(media="print")
        assert it.page.evaluate(mark) == "none"


def test_any_figure_can_be_enlarged_with_mouse_and_keys(chromium, folder):
    with browser.visit(chromium, folder / "01_eda.html", 390) as it:
        image, full = it.page.locator(".hcr-scroll img").first, it.page.locator("dialog.full")
        it.page.get_by_role("button", name="Enlarge").first.focus()
        it.page.keyboard.press("Enter")
        before = full.locator("img").bounding_box()["width"]
        assert 300 < before < 390  # first it is whole
        full.get_by_role("button", name="Larger").click()
        assert full.locator("img").bounding_box()["width"] > 1.4 * before
        assert browser.overflow(it.page) <= 0
        it.page.keyboard.press("Escape")
        assert it.page.evaluate("document.activeElement.textContent") == "Enlarge"
        image.click()
        full.locator("img").click()
        assert full.locator("img").bounding_box()["width"] > 1.4 * before
        full.get_by_role("button", name="Close").click()
        assert full.is_hidden()


def at(image, x: float, y: float) -> dict:
    box = image.bounding_box()
    return {"x": box["width"] * x, "y": box["height"] * y}


def test_a_place_of_a_figure_says_what_it_is_and_shows_its_images(chromium, folder):
    for width, kind in ((1280, "light"), (390, "dark")):
        with browser.visit(chromium, folder / "reacts.html", width, color_scheme=kind) as it:
            places, panel = it.page.locator(".hcr-places"), it.page.locator(".hcr-panel")
            image, tip = places.locator("img"), places.locator(".tip")
            image.hover(position=at(image, 0.8, 0.2))  # the upper right
            assert tip.inner_text() == sample.EVIL
            image.click(position=at(image, 0.8, 0.2))
            assert panel.is_hidden()  # it has no images
            image.click(position=at(image, 0.3, 0.8))
            assert panel.locator("p").inner_text() == "Lower left. The first 8 of 11:"
            assert panel.locator("li").all_inner_texts() == [f"image {i}" for i in range(8)]
            ink = "c => c.getContext('2d').getImageData(0, 0, 28, 28).data[0]"
            it.page.wait_for_timeout(300)
            grays = panel.locator("canvas").evaluate_all(f"all => all.map({ink})")
            assert grays == [255 - 17 * i for i in range(8)]
            assert browser.overflow(it.page) <= 0
            it.page.keyboard.press("Escape")
            assert panel.is_hidden()
            for key in ("ArrowRight", "ArrowLeft"):  # from the lower left
                it.page.keyboard.press(key)
            assert tip.inner_text() == "Lower left."
            it.page.keyboard.press("Enter")
            panel.get_by_role("button", name="Close").click()
            assert it.page.evaluate("document.activeElement.className") == "hcr-places"
            # As large as the window it reacts, too; the first Escape closes the images alone.
            it.page.get_by_role("button", name="Enlarge").click()
            full = it.page.locator("dialog.full")
            full.locator("img").click(position=at(full.locator("img"), 0.3, 0.8))
            assert full.locator(".hcr-panel li").count() == 8
            it.page.keyboard.press("Escape")
            assert full.is_visible()
            assert panel.is_hidden()
            assert it.problems == []
    with browser.visit(chromium, folder / "reacts.html", scripts=False) as it:
        assert it.page.locator("figure img").is_visible()


def test_a_figure_by_hand_reacts_where_it_stands(chromium, folder):
    with browser.visit(chromium, folder / "../lab.html") as it:
        image = it.page.locator(".hcr-scroll img")
        image.hover(position=at(image, 0.3, 0.8))
        mark, tip = (it.page.locator(f".{name}").bounding_box() for name in ("mark", "tip"))
        assert abs(tip["y"] + tip["height"] - mark["y"]) < 9
        image.click(position=at(image, 0.3, 0.8))
        assert it.page.locator(".hcr-panel li").count() == 8
        assert it.page.get_by_role("button", name="Enlarge").is_visible()
        assert it.problems == []


def test_a_button_lights_up_the_places_of_its_group(chromium, folder):
    with browser.visit(chromium, folder / "reacts.html") as it:
        button, veil = it.page.get_by_role("button", name="A", exact=True), it.page.locator(".veil")
        button.click()
        pale = "c.getContext('2d').getImageData(x * c.width, y * c.height, 1, 1).data[3] > 99"
        spots = {(0.3, 0.8): False, (0.8, 0.2): True, (0.8, 0.8): True}
        for spot, expected in spots.items():
            assert veil.evaluate(f"(c, [x, y]) => {pale}", spot) == expected
        button.click()
        assert veil.count() == 0


def test_rows_of_a_table_are_found_by_words_or_by_a_character(chromium, folder):
    with browser.visit(chromium, folder / "sorted.html") as it:
        rows, field = it.page.locator("tbody tr:visible"), it.page.get_by_role("searchbox")
        for text, found in {"b": 1, "min 5": 2, "3": 2, "a1 7": 1, "": 9}.items():
            field.fill(text)
            assert rows.count() == found, text
        field.fill("b")
        it.page.emulate_media(media="print")
        assert rows.count() == 9


def test_every_link_within_the_run_leads_somewhere(chromium, folder):
    links = "[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))"
    with browser.visit(chromium, folder / "01_eda.html") as it:
        for link in it.page.evaluate(links):
            if link.startswith("#"):
                assert it.page.locator(f"[id='{link[1:]}']").count() == 1
            elif not link.startswith("http") and link != "02_balance.html":
                assert (folder / link).is_file(), link
        it.page.get_by_role("link", name="quick").first.click()
        it.page.locator(".stages a").first.click()
        it.page.wait_for_url("**/01_eda.html")


def test_the_failed_cell_is_in_view(chromium, folder):
    with browser.visit(chromium, folder / "03_train.html") as it:
        it.page.get_by_role("link", name="Go to the cell that failed").click()
        assert it.page.locator(".traceback").is_visible()
        assert it.page.locator(".cell.failed details[open]").count() == 1


def test_print_hides_code_and_shows_whole_tables(chromium, folder):
    with browser.visit(chromium, folder / "01_eda.html", 390) as it:
        it.page.emulate_media(media="print")
        assert it.page.locator("details.code:visible").count() == 0
        assert it.page.locator(".contents").is_hidden()
        assert not it.page.get_by_role("button", name="Enlarge").first.is_visible()
        cut = "[...document.querySelectorAll('.hcr-table')].map(e => getComputedStyle(e).maxHeight)"
        assert set(it.page.evaluate(cut)) == {"none"}
    shape = (
        "i => i.clientWidth / i.clientHeight * i.getAttribute('height') / i.getAttribute('width')"
    )
    with browser.visit(chromium, folder / "index.html") as it:
        for media in ("screen", "print"):
            it.page.emulate_media(media=media)
            assert it.page.locator("table.parameters").is_visible() == (media == "print")
            shapes = it.page.evaluate(
                f"[...document.querySelectorAll('.gallery img')].map({shape})"
            )
            assert shapes == [pytest.approx(1, abs=0.15)] * len(shapes)  # with its frame


def test_pages_in_a_notebook_lead_to_each_other_and_within_one(chromium, folder, tmp_path):
    # Two runs in one notebook: a link opens its own run's page.
    html = reports.inline(folder).html
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><body>{html}{html}</body>")
    with browser.visit(chromium, path) as it:
        unfolded = it.page.locator("details[data-page][open]")
        assert unfolded.count() == 2
        front = it.page.frame_locator("details[data-page='index.html'] >> nth=1 >> iframe")
        front.locator(".stages a").first.click()
        assert unfolded.nth(2).get_attribute("data-page") == "01_eda.html"
        eda = it.page.frame_locator("details[data-page='01_eda.html'] >> nth=1 >> iframe")
        link = eda.locator("a[href^='#s-']").last
        if not link.is_visible():
            eda.locator(".contents summary").click()
        target = eda.locator(f"[id='{link.get_attribute('href')[1:]}']")
        before = target.bounding_box()["y"]
        link.click()
        assert target.bounding_box()["y"] < before
        assert it.page.url == path.as_uri()
        assert it.problems == []
