"""Reports: one self-contained page a notebook and a run, in which text stays text."""

import base64
import itertools
import re

import pytest
import report_sample as sample
from html_page import Page
from report_sample import EVIL, code, error, markdown, notebook, shown, stream

from hcr import reports, runs
from hcr.reports import figures

FETCHING = {"src", "srcset", "poster", "data", "action", "formaction", "background"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    return sample.open_run(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The HTML of a notebook and of an index, of a usual run and of one with hostile text."""
    found = {}
    for name, text in {"usual": "quick", "evil": EVIL}.items():
        with pytest.MonkeyPatch.context() as patch:
            run = sample.open_run(tmp_path_factory.mktemp(name), patch)
            executed = sample.executed(run, text)
            record = sample.record(run, text)
            found[name, "notebook"] = reports.notebook_html(executed, record, "01_eda")
            found[name, "index"] = reports.index_html(record, run.folder)
    return found


def render(*cells, record=None, stage="01_eda") -> str:
    return reports.notebook_html(notebook(*cells), record or {"run": "quick"}, stage)


KINDS = pytest.mark.parametrize("kind", ["notebook", "index"])
TEXTS = pytest.mark.parametrize("text", ["usual", "evil"])


@KINDS
@TEXTS
def test_page_fetches_nothing(pages, text, kind):
    html = pages[text, kind]
    page = Page(html)
    assert page.wrong == page.open == []
    for tag, attrs in page.elements:
        assert tag not in {"iframe", "object", "embed", "base", "form", "video", "audio"}
        for name in FETCHING & attrs.keys():
            assert attrs[name].startswith("data:image/") or tag == "path"
        if tag == "link":
            assert attrs["href"] == "data:,"
    assert len(page.all("script")) == 1
    assert page.all("script")[0] == {}
    styles = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles
    assert len(html.encode()) < 300_000


@KINDS
def test_hostile_text_is_shown_as_text(pages, kind):
    html = pages["evil", kind]
    page = Page(html)
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert len(page.all("title")) == 1
    # As often as it was put in: title, facts, parameters, captions, printed text and so on.
    assert page.text.count("<script>alert(1)</script>") >= (18 if kind == "notebook" else 15)


@KINDS
@TEXTS
def test_page_can_be_read_by_everyone(pages, text, kind):
    html = pages[text, kind]
    page = Page(html)
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("main")) == len(page.all("h1")) == 1
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert all(below - level <= 1 for level, below in itertools.pairwise(levels))
    assert all(attrs.get("alt") for attrs in page.all("img"))
    assert len(page.ids) == len(set(page.ids))
    for attrs in page.all("a"):
        assert attrs["href"].startswith(("#", "https://")) or ":" not in attrs["href"]
        if attrs["href"].startswith("#"):
            assert attrs["href"][1:] in page.ids


@KINDS
def test_a_page_credits_its_data(pages, kind):
    page = Page(pages["usual", kind])
    credited = " ".join(page.text[page.text.index("Data: ") :].split())
    assert "Licence: quick." in credited
    assert "https://example.org/" in {each["href"] for each in page.all("a")}


def test_what_a_stage_shows_besides_is_credited_on_its_page_and_on_the_front(run):
    run.record_data({"name": "digits", "citation": "LeCun 1998", "licence": "BSD"})
    run.also({"name": "pens", "title": "Pens <b>", "licence": "CC BY", "citation": "Guyon 1994"})
    run.also({"name": "digits too", "licence": "other", "citation": "LeCun 1998"})
    record = runs.read(run.folder)
    executed = notebook(markdown("# T"))
    with_it, without = (reports.notebook_html(executed, record, each) for each in ("01_eda", "x"))
    for html in (with_it, reports.index_html(record, run.folder)):
        text = " ".join(Page(html).text.split())
        assert "Data: Pens <b>. Guyon 1994 Licence: CC BY." in text
        assert len(Page(html).classed("credit")) == 2
        # Its citation is that of the run's own data.
        assert "Licence: other" not in text
    assert "Guyon" not in without
    assert "LeCun 1998" in without


@KINDS
def test_the_title_block_says_what_a_figure_needs(pages, kind):
    page = Page(pages["usual", kind])
    for fact in ("Data", "Seed", "Date", "Took", "Commit", "Hardware"):
        assert fact in page.texts, fact


@KINDS
def test_same_input_gives_the_same_page(run, kind):
    executed, record = sample.executed(run), sample.record(run)
    made = {
        reports.notebook_html(executed, record, "01_eda")
        if kind == "notebook"
        else reports.index_html(record, run.folder)
        for _ in range(2)
    }
    assert len(made) == 1


def test_page_itself_is_small():
    assert len(render(markdown("# Title\n\nQuestion?"))) < 40_000


def test_title_block_and_contents(pages):
    page = Page(pages["usual", "notebook"])
    for part in ("Look at the data", "What is in it?", "stage 1 of 5", "0123456789, with changes"):
        assert part in page.text
    assert "21 November 2026, 10:00 UTC" in page.text
    links = [each["href"] for each in page.all("a")]
    contents = [link for link in links if link.startswith("#s-")]
    assert contents == ["#s-classes", "#s-pictures", "#s-results", "#s-environment"]
    assert links.count("index.html") == 2
    assert "02_balance.html" in links
    page = Page(pages["usual", "index"])
    headings = [each["id"] for each in page.all("h2")]
    assert headings == [
        "stages", "pictures", "parameters", "environment", "openings", "again", "files",
    ]  # fmt: skip
    assert len(page.classed("contents")) == 1
    links = [each["href"] for each in page.all("a")]
    assert [each for each in links if each.startswith("#")] == [
        "#content", *(f"#{each}" for each in headings),
    ]  # fmt: skip
    assert page.texts.count("Make it again") == 2


def test_contents_name_only_the_sections_that_are_shown(tmp_path):
    record = {"run": "x", "command": "uv run run_all.py", "versions": {"python": "3"}}
    for given, there in ((record, ["environment", "openings", "again"]), ({}, ["openings"])):
        page = Page(reports.index_html(given, tmp_path))
        assert [each["id"] for each in page.all("h2")] == there
        links = [each["href"] for each in page.all("a") if each["href"] != "#content"]
        # One section alone needs no table of contents.
        assert links == ([f"#{each}" for each in there] if len(there) > 1 else [])


def test_model_is_named_from_its_stage_on():
    stages = {"02_balance": {}, "03_train": {"parameters": {"model": "hcr_net"}}, "04_evaluate": {}}
    record = {"run": "quick", "stages": stages}
    assert "hcr_net" not in Page(render(markdown("# A"), record=record, stage="02_balance")).text
    assert "hcr_net" in Page(render(markdown("# A"), record=record, stage="04_evaluate")).text


def test_a_link_to_a_page_that_will_not_be_made_is_left_out():
    stages = {"01_eda": {"status": "failed"}, "02_balance": {"status": "waiting"}}
    for status, count in {"failed": 0, "running": 1}.items():
        html = render(markdown("# A"), record={"status": status, "stages": stages})
        assert html.count('href="02_balance.html"') == count


def test_headings_of_one_name_have_anchors_of_their_own():
    page = Page(render(markdown("# T\n\nQ?"), markdown("## A"), markdown("## A"), markdown("# B")))
    assert [each for each in page.ids if each.startswith("s-")] == ["s-a", "s-a-2", "s-b"]
    assert len(page.all("h1")) == 1


def test_parameters_are_a_table_with_default_and_help(pages):
    page = Page(pages["usual", "notebook"])
    assert len(page.classed("parameters")) == 1
    assert "passes over the data" in page.text
    assert "(default: 4)" in page.text
    assert "[1..]" not in re.sub(r"#.*", "", page.text)
    assert "injected" not in pages["usual", "notebook"]
    assert not re.search(r"epochs\s*=\s*9", page.text)  # papermill's copy of the cell


def test_code_is_folded_and_coloured(pages):
    page = Page(pages["usual", "notebook"])
    folded = page.classed("code")
    assert len(folded) > 5
    assert all("open" not in each for each in folded)
    assert page.classed("kn")


def test_failure_is_in_view_and_papermills_marks_are_not():
    cells = [
        markdown("An Exception was encountered at In [3]", "papermill-error-cell-tag"),
        markdown("# Train\n\nHow well?"),
        markdown("## Fit"),
        code("fine"),
        markdown("Execution stopped here", "papermill-error-cell-tag"),
        code("fit()", error("ValueError", "epochs must be", "\x1b[31mValueError\x1b[0m: bad")),
        markdown("## Results"),
    ]
    page = Page(render(*cells))
    assert "Exception was encountered" not in page.text
    assert "Execution stopped" not in page.text
    assert len(page.classed("banner")) == 1
    assert "In the section Fit:" in page.text
    assert "ValueError: epochs must be" in page.text
    assert "#failed-cell" in [each["href"] for each in page.all("a")]
    assert page.ids.count("failed-cell") == 1
    assert [each for each in page.classed("code") if "open" in each]
    assert "\x1b" not in page.text
    assert page.classed("ansi-red-fg")


def test_failure_is_told_where_no_cell_tells_it():
    entry = {"status": "failed", "error": {"heading": "Fit", "exception": "DeadKernelError: died"}}
    page = Page(render(markdown("# Train"), record={"stages": {"01_eda": entry}}))
    assert "DeadKernelError: died" in page.text
    assert "#failed-cell" not in [each["href"] for each in page.all("a")]


def test_expected_error_is_no_failure():
    page = Page(render(code("1 / 0", error("E", "e"), tags=("raises-exception",))))
    assert not page.classed("banner")
    assert page.classed("traceback")


def test_interrupted_stage_says_so():
    page = Page(render(record={"stages": {"01_eda": {"status": "interrupted"}}}))
    assert "interrupted" in page.text
    assert len(page.classed("banner")) == 1


def test_what_a_page_cannot_show_is_left_out():
    widget = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "HBox()"}
    script = {"application/javascript": "alert(1)", "text/plain": "<Javascript object>"}
    html = render(code("w", shown(**widget), shown(**script), shown(text_plain="kept")))
    assert "HBox" not in html
    assert "alert(1)" not in html
    assert "Javascript object" not in html
    assert "kept" in html


def test_html_that_is_not_ours_cannot_run_load_or_break_a_thing():
    hostile = (
        "</main></div><style>p{}</style><script>alert(1)</script><b onclick=x()>bold</b>"
        '<img src="https://example.org/x.png"><a href="javascript:x()">a</a><table><tr><td '
        'style="background:url(https://example.org)">cell <p>open'
    )
    html = render(code("frame", shown(text_html=hostile), stream("after")))
    page = Page(html)
    assert page.wrong == page.open == []
    assert "alert(1)" not in html
    assert "example.org" not in html
    assert "javascript:" not in html
    assert "onclick" not in html
    assert "p{}" not in html
    for part in ("bold", "cell", "open", "after"):
        assert part in page.text


def test_markdown_shows_html_as_text_and_loads_no_picture():
    picture = "![alt](https://example.org/a.png)"
    source = f"# T\n\nQ?\n\n<b>raw</b> <script>x</script> {picture} [l](javascript:x)"
    page = Page(render(markdown(source)))
    assert "<b>raw</b>" in page.text
    assert not page.all("img")
    assert all(not each["href"].startswith("javascript") for each in page.all("a"))


def test_formula_stays_as_written_and_a_price_is_none():
    page = Page(render(markdown("# T"), markdown("It is $a_1 * b_1 * c < d$ and costs $5 or $6.")))
    assert "a_1 * b_1 * c < d" in page.text
    assert "costs $5 or $6." in page.text
    assert not page.all("em")


def test_terminal_text_is_shown_as_a_terminal_shows_it():
    text = (
        "\x1b[1;34mbold\x1b[0m 10%\r 20%\r100%\n\x1b]8;;https://example.org\x07link\x1b]8;;\x07\x07"
    )
    html = render(code("x", stream(text[:9]), stream(text[9:])))
    page = Page(html)
    assert "100%" in page.text
    assert "20%" not in page.text
    assert "example.org" not in html
    assert not re.search(r"[\x00-\x08\x1b]", html)
    assert html.count('<pre class="printed"') == 1


def test_pictures_of_matplotlib_itself_have_an_alternative_text():
    png = base64.b64encode(figures._png(sample.bars())).decode()
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="10pt" height="5pt"><script>x</script></svg>'
    )
    page = Page(
        render(
            markdown("## Counts"),
            code("plot()", shown(image_png=png, text_plain="<Figure size 640x480 with 1 Axes>")),
            code("svg", shown(**{"image_svg+xml": svg})),
        )
    )
    assert [each["alt"] for each in page.all("img")] == ["Figure in the section Counts"] * 2
    assert "<Figure size" not in page.text
    assert len(page.all("script")) == 1  # the page's own


def test_templates_of_the_working_folder_are_not_taken(tmp_path, monkeypatch):
    for name in ("notebook.html.j2", "page.html.j2"):
        (tmp_path / name).write_text("taken")
    monkeypatch.chdir(tmp_path)
    assert "taken" not in render(markdown("# T"))


@pytest.mark.parametrize(
    "record",
    [{}, {"run": "x", "stages": {}}, {"stages": {"01_eda": {}}, "data": {}, "test_openings": [{}]}],
)
def test_record_that_lacks_much_still_gives_pages(record, tmp_path):
    assert "</html>" in reports.index_html(record, tmp_path)
    assert "</html>" in reports.notebook_html(notebook(), record, "01_eda")


def test_notebook_in_a_kernel_shows_each_figure_once(run, tmp_path):
    from nbclient import NotebookClient

    executed = notebook(
        markdown("# T\n\nQ?"),
        code(
            "import report_sample as sample\nfrom matplotlib import pyplot\n"
            "from hcr import reports, runs\n"
            "run = runs.open('quick', stage='01_eda')\n"
            "_, axes = pyplot.subplots()\naxes.plot([1, 2])\n"
            "reports.figure(run, axes, 'line', 'A line')"
        ),
        code("reports.table(run, sample.frame(3), 'few', 'Few rows')"),
    )
    resources = {"metadata": {"path": sample.__file__.rpartition("/")[0]}}
    NotebookClient(executed, kernel_name="python3", resources=resources).execute()
    page = Page(reports.notebook_html(executed, runs.read(run.folder), "01_eda"))
    assert len(page.all("img")) == 1
    assert page.all("img")[0]["alt"] == "A line"
    assert "Few rows" in page.text
    assert len(page.classed("printed")) == 0
