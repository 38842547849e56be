"""The pages of a notebook and of a run: self-contained, readable, and nothing hostile runs."""

import itertools
import re
from types import SimpleNamespace

import made_runs
import pytest
import report_sample as sample
from bs4 import BeautifulSoup
from report_sample import EVIL, code, error, markdown, notebook, shown, stream

from hcr import reports, runs

DECLARED = [
    SimpleNamespace(name="run", default="lab", help="the run"),
    SimpleNamespace(name="epochs", default=4, help="passes over the data"),
    SimpleNamespace(name="seed", default=0, help="the seed"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The HTML of a notebook and of an index, of a usual run and of one with hostile text."""
    html = {}
    for name, text in {"usual": "quick", "evil": EVIL}.items():
        with pytest.MonkeyPatch.context() as patch:
            run = sample.open_run(tmp_path_factory.mktemp(name), patch)
            executed, record = sample.executed(run, text), sample.record(run, text)
            html[name, "notebook"] = reports.notebook_html(executed, record, "01_eda", DECLARED)
            html[name, "index"] = reports.index_html(record, run.folder)
            again = reports.notebook_html(executed, record, "01_eda", DECLARED)
            assert again == html[name, "notebook"], "the same notebook gives the same page"
    return html


def render(*cells, record=None, stage="01_eda") -> str:
    return reports.notebook_html(notebook(*cells), record or {"run": "quick"}, stage)


def taken_apart(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def links(page: BeautifulSoup) -> list[str]:
    return [each["href"] for each in page.find_all("a")]


KINDS = pytest.mark.parametrize("kind", ["notebook", "index"])
TEXTS = pytest.mark.parametrize("text", ["usual", "evil"])


@KINDS
def test_hostile_text_is_shown_as_text(pages, kind):
    page = taken_apart(pages["evil", kind])
    assert "<script>alert" not in pages["evil", kind]
    assert not any(name.startswith("on") for each in page.find_all() for name in each.attrs)
    assert len(page.find_all("title")) == len(page.find_all("script")) == 1
    assert page.text.count("<script>alert(1)</script>") >= 15  # title, facts, captions and so on


@KINDS
@TEXTS
def test_a_page_can_be_read_by_everyone(pages, text, kind):
    page = taken_apart(pages[text, kind])
    assert page.html["lang"] == "en"
    assert len(page.find_all("main")) == len(page.find_all("h1")) == 1
    levels = [int(each.name[1]) for each in page.find_all(re.compile("^h[1-6]$"))]
    assert all(below - level <= 1 for level, below in itertools.pairwise(levels))
    assert all(each.get("alt") for each in page.find_all("img"))
    ids = [each["id"] for each in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in links(page) if link.startswith("#")} <= set(ids)


def test_the_top_of_a_page_and_its_contents(pages):
    page = taken_apart(pages["usual", "notebook"])
    for part in ("Look at the data", "What is in it?", "stage 1 of 5", "0123456789, with changes"):
        assert part in page.text
    assert "21 November 2026, 10:00 UTC" in page.text
    contents = ["#s-classes", "#s-images", "#s-results", "#parameters"]
    assert links(page.select_one(".contents")) == contents
    assert links(page).count("index.html") == 2
    assert "02_balance.html" in links(page)
    page = taken_apart(pages["usual", "index"])
    headings = [each["id"] for each in page.select("h2, summary[id]")]
    assert headings == [
        "stages", "pictures", "openings", "again", "parameters", "environment", "files",
    ]  # fmt: skip
    assert {f"#{heading}" for heading in headings} <= set(links(page))
    assert "train 3,500, test 1,000" in page.text
    assert "opened 1 time." in page.text


def test_the_verdict_comes_first_and_inputs_parameters_and_environment_last(pages):
    page = taken_apart(pages["usual", "notebook"])
    assert page.h1.find_next_sibling().text.split() == ["quick", "answers."]
    assert page.text.count("quick answers.") == 1  # its cell stands below the results
    folded = page.select_one("details.fold")
    assert [each.text for each in folded.find_all("h3")] == ["Environment"]
    assert "the data set" in folded.text
    assert page.select_one("#parameters").find_previous("h2").text == "Results"
    assert "epochs: 9" in page.header.text


def test_a_part_that_nothing_asked_for_is_a_line_at_the_end():
    cells = [
        markdown("# T"),
        markdown("## Noise\n\nLong."),
        code("x", stream("Skipped: noise=0.\n")),
    ]
    cells += [markdown("More."), code("y"), markdown("## Kept"), code("z", stream("here"))]
    page = taken_apart(render(*cells))
    assert page.main.text.split("here")[1].split("Left out: ")[1].startswith("Noise (noise=0).")
    assert "Long" not in page.text
    assert "More" not in page.text


def test_parameters_that_differ_are_in_view_and_all_are_folded(pages):
    html = pages["usual", "notebook"].split('id="parameters"')[1]
    changed, every = html.split("All parameters", 1)
    assert "passes over the data" in changed
    assert "(default: 4)" in changed
    assert "the seed" in every
    assert "the seed" not in changed
    html = pages["usual", "notebook"]
    assert "injected" not in html
    assert not re.search(r"epochs\s*=\s*9", taken_apart(html).text)  # papermill's copy of the cell


def test_a_failure_is_in_view_and_papermills_marks_are_not():
    cells = [
        markdown("An Exception was encountered at In [3]", "papermill-error-cell-tag"),
        markdown("# Train\n\nHow well?"),
        markdown("## Fit"),
        code("fit()", error("ValueError", "epochs must be", "\x1b[31mValueError\x1b[0m: bad")),
        markdown("## Results"),
    ]
    failure = {"heading": "Fit", "exception": "ValueError: epochs must be"}
    record = {"stages": {"01_eda": {"status": "failed", "error": failure}}}
    page = taken_apart(render(*cells, record=record))
    assert "Exception was encountered" not in page.text
    assert len(page.select(".banner")) == 1
    assert "In the section Fit:" in page.text
    assert len(page.select("#failed-cell .ansi-red-fg")) == 1
    # A kernel that died leaves no cell to go to; an expected error is no failure.
    page = taken_apart(render(markdown("# Train"), record=record))
    assert "ValueError" in page.text
    assert "#failed-cell" not in links(page)
    page = taken_apart(render(code("1 / 0", error("E", "e"), tags=("raises-exception",))))
    assert not page.select(".banner")
    assert page.select(".traceback")
    interrupted = {"stages": {"01_eda": {"status": "interrupted"}}}
    assert taken_apart(render(record=interrupted)).select(".banner")


def test_widgets_and_scripts_are_left_out():
    widget = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "HBox()"}
    script = {"application/javascript": "alert(1)", "text/plain": "<Javascript object>"}
    html = render(code("w", shown(**widget), shown(**script), shown(text_plain="kept")))
    assert not [each for each in ("HBox", "alert(1)", "Javascript object") if each in html]
    assert "kept" in html


HOSTILE = (
    "</main></div><style>p{}</style><script>alert(1)</script><b onclick=x()>bold</b>"
    '<img src="https://example.org/x.png"><a href="javascript:x()">a</a><svg onload=x()></svg>'
    '<table><tr><td style="background:url(https://example.org)">cell <p id="show-code">open'
)


MARKED = f"*text* {HOSTILE} ![alt](https://example.org/a.png) [l](javascript:x)"
CELLS = {
    "markdown": markdown(MARKED),
    "markdown output": code("m", shown(text_markdown=MARKED)),
    "html": code("frame", shown(text_html=HOSTILE), stream("after")),
    "our table": code("frame", shown(text_html='<div class="hcr-table">' + HOSTILE)),
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_html_of_a_notebook_cannot_run_load_or_break_a_thing(cell):
    html = render(markdown("# T\n\nQ?"), cell)
    page = taken_apart(html)
    hostile = r'alert\(1\)|src="https:|href="javascript|onclick|onload|url\(http|<style>p'
    assert not re.search(hostile, html)
    assert not page.find_all("img")
    assert len(page.find_all("script")) == len(page.select("#show-code")) == 1  # the page's own
    assert all(part in page.main.text for part in ("bold", "cell", "open"))
    assert page.footer.parent is page.body


def test_an_svg_is_an_image_and_what_is_no_image_is_left_out():
    svg = '<svg width="10pt" height="5pt"><script>x</script></svg>'
    outputs = [shown(**{"image_svg+xml": svg}), shown(image_png="bm90IGFuIGltYWdl")]
    page = taken_apart(render(code("svg", *outputs)))
    assert [each["width"] for each in page.find_all("img")] == ["13"]
    assert len(page.find_all("script")) == 1


def test_a_formula_stays_as_written():
    page = taken_apart(render(markdown("It is $a_1 * b_1 * c < d$ and\n\n$$x_1 < y_1$$")))
    assert "a_1 * b_1 * c < d" in page.text
    assert "x_1 < y_1" in page.text
    assert not page.find_all("em")


def test_terminal_text_is_shown_as_a_terminal_shows_it():
    text = "\x1b[1;34mbold\x1b[0m 10%\r 20%\r100%\n\x1b]8;;https://example.org\x07link\x1b]8;;\x07"
    html = render(code("x", stream(text[:9]), stream(text[9:])))
    assert "100%" in html
    assert "20%" not in html
    assert "example.org" not in html
    assert not re.search(r"[\x00-\x08\x1b]", html)
    assert len(taken_apart(html).select(".printed")) == 1


def test_templates_of_the_working_folder_are_not_taken(tmp_path, monkeypatch):
    for name in ("notebook.html.j2", "parts.html.j2", "basic/index.html.j2"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("taken")
    monkeypatch.chdir(tmp_path)
    assert "taken" not in render(markdown("# T"))


def test_a_page_names_the_model_from_its_stage_on_and_only_pages_that_come():
    stages = {"02_balance": {}, "03_train": {"parameters": {"model": "hcr_net"}}, "04_evaluate": {}}
    record = {"run": "quick", "stages": stages}
    assert "hcr_net" not in render(markdown("# A"), record=record, stage="02_balance")
    assert "hcr_net" in render(markdown("# A"), record=record, stage="04_evaluate")
    stages = {"01_eda": {"status": "failed"}, "02_balance": {"status": "waiting"}}
    for status, count in {"failed": 0, "running": 1}.items():
        html = render(markdown("# A"), record={"status": status, "stages": stages})
        assert html.count('href="02_balance.html"') == count


def test_data_that_a_stage_shows_besides_are_credited_there_and_on_the_front(tmp_path, monkeypatch):
    run = sample.open_run(tmp_path, monkeypatch)
    run.record_data({"name": "digits", "citation": "LeCun 1998", "licence": "BSD"})
    pens = {"name": "pens", "title": "Pens <b>", "licence": "CC BY", "citation": "Guyon 1994"}
    for each in (pens, {"name": "digits too", "licence": "other", "citation": "LeCun 1998"}):
        run.append("data_also", each, same="name")
    record = runs.read(run.folder)
    here, elsewhere = (render(markdown("# T"), record=record, stage=s) for s in ("01_eda", "x"))
    for html in (here, reports.index_html(record, run.folder)):
        text = " ".join(taken_apart(html).text.split())
        assert "Data: Pens <b>. Guyon 1994 Licence: CC BY." in text
        assert "Licence: other" not in text  # the citation is that of the run's own data
    assert "Guyon" not in elsewhere
    assert "LeCun 1998" in elsewhere


def test_the_front_page_shows_headlines_warnings_failures_and_no_foreign_file(tmp_path):
    (tmp_path / "run" / "figures").mkdir(parents=True)
    for name in ("../outside.svg", "figures/good.svg", "figures/other.svg"):
        (tmp_path / "run" / name).write_text(f'<svg width="9pt" height="9pt">{name}</svg>')
    files = ("figures/good.svg", "../outside.svg", "figures/missing.svg")
    figures = [{"file": file, "caption": file, "headline": True} for file in files]
    figures.append({"file": "figures/other.svg", "caption": "other"})
    table = {"file": "tables/a.csv", "caption": HOSTILE}
    entry = {
        **{"status": "failed", "error": {"heading": "Fit", "exception": "KeyError: 1"}},
        **{"figures": figures, "tables": [table], "warnings": [{"text": "<b>3 blank images"}]},
        **{"seconds": 3725.0, "parameters": {"seed": None}},
    }
    html = reports.index_html({"run": "x", "stages": {"01_eda": entry}}, tmp_path / "run")
    page = taken_apart(html)
    assert [each["alt"] for each in page.find_all("img")] == ["figures/good.svg"]
    for part in ("<b>3 blank images", "KeyError: 1", "1:02:05 h", "null"):
        assert part in page.text
    assert len(page.find_all("script")) == 1


def test_a_run_shows_only_what_is_its_own_and_says_first_what_is_not(tmp_path):
    rows = [{"key": "accuracy", "label": "Accuracy", "text": "91 %", "note": ""}]
    stages = {"03_train": {"headline": [{"label": "Parameters", "text": "80,000"}]}}
    stages["04_evaluate"] = {"headline": rows, "parameters": {"pretrained": "emnist"}}
    record = {"run": "suite/x", "status": "partial", "stages": stages}
    record["stale"] = {"03_train": {"why": "its parameters changed", "same": False}}
    page = taken_apart(reports.index_html(record, tmp_path))
    assert [each.text for each in page.select(".cards .label")] == ["Accuracy of emnist"]
    assert "03_train (its parameters changed)" in page.h1.find_next_sibling("section").text
    assert links(page)[1] == "../../index.html"


def test_all_runs_are_listed_newest_first_and_a_damaged_record_is_named(tmp_path):
    made_runs.make(tmp_path / "suite" / "old", finished="2025-01-02T03:00:00+00:00")
    for name, kind in {"run": {}, "compare": {"kind": runs.COMPARISON}}.items():
        made_runs.make(tmp_path / name, data={"title": HOSTILE}, **kind)
        runs.update(tmp_path / name, lambda record: record["stages"].update({"05_draw": {}}))
    runs.update(tmp_path / "run", lambda record: record.update(status="running"))  # and killed
    (tmp_path / "run" / "index.html").write_text("")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text('{"stages": ')
    page = taken_apart(reports.write_overview(tmp_path).read_text(encoding="utf-8"))
    names = [each.text for each in page.select("tbody th")]
    assert names == ["run", "suite/old"]  # what compares runs is none
    assert page.select_one("td .badge").text == "interrupted"
    assert "compare" in page.select_one("main ul").text
    assert links(page) == ["#content", "run/index.html"]
    assert "bad: run.json" in page.select_one(".hcr-warnings").text
    assert page.select_one("tbody td strong").text.split() == ["90.0", "%"]  # on validation
    assert len(page.find_all("script")) == 1


@pytest.mark.parametrize(
    "record",
    [{}, {"run": "x", "stages": {}}, {"stages": {"01_eda": {}}, "data": {}, "test_openings": [{}]}],
)
def test_a_record_that_lacks_much_still_gives_pages(record, tmp_path):
    assert "</html>" in reports.index_html(record, tmp_path)
    assert "</html>" in reports.notebook_html(notebook(), record, "01_eda")
