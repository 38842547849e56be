"""Exhibits: what they write, what they record, and that they show text as text."""

import io
import re
import unicodedata

import numpy as np
import pandas as pd
import pytest
import report_sample as sample
from conftest import PROJECT
from PIL import Image

from hcr import reports, runs
from hcr.reports import Result, figures, tables
from hcr.runs import files


@pytest.fixture
def run(tmp_path, monkeypatch):
    return sample.open_run(tmp_path, monkeypatch)


def entries(run: runs.Run, key: str) -> list[dict]:
    return runs.read(run.folder)["stages"]["01_eda"][key]


def test_figure_is_a_small_svg_without_date_or_address(run):
    reports.figure(run, sample.bars(), "counts", "Pictures a class")
    svg = run.path("figures/01_counts.svg").read_text(encoding="utf-8")
    assert len(svg) < 25_000
    assert "<metadata" not in svg
    assert re.sub(r'xmlns(:xlink)?="http://www.w3.org/[^"]*"', "", svg).count("http") == 0
    assert entries(run, "figures") == [
        {
            "name": "01_counts",
            "file": "figures/01_counts.svg",
            "caption": "Pictures a class",
            "alt": "Figure: pictures against class.",
            "headline": False,
        }
    ]


def test_alternative_text_says_what_the_labels_say(run):
    figure = sample.bars("class")
    other = figure.add_subplot()
    other.set_title("Left", loc="left")
    other.set_ylabel("Loss")
    other.plot([1, 2], label="train")
    other.plot([2, 1], label="a\n<b>")
    figure.legend()
    html = reports.figure(run, figure, "two", "The caption.").html
    told = "Figure: pictures against class; Left: Loss; series: train, a &lt;b&gt;."
    assert f'alt="{told}"' in html
    assert entries(run, "figures")[0]["alt"] == told.replace("&lt;", "<").replace("&gt;", ">")
    assert figures.described(sample.pictures()) == "Figure: 16 pictures."
    bare = sample.bars("")
    bare.axes[0].set_ylabel("")
    assert 'alt="The caption."' in reports.figure(run, bare, "bare", "The caption.").html


def test_same_figure_gives_the_same_bytes(tmp_path):
    for drawn, picture in ((sample.bars, False), (sample.pictures, True)):
        one = figures.save(drawn(), tmp_path / "one.svg", picture).read_bytes()
        two = figures.save(drawn(), tmp_path / "two.svg", picture).read_bytes()
        assert one == two


def test_rounding_leaves_the_drawing_as_it_was():
    path = "M 1.234567 -2.5L 100.000001 3"
    assert figures._rounded(path) == "M 1.23 -2.5L 100.00 3"


@pytest.mark.parametrize("picture", [True, False])
def test_pictures_become_a_png_of_twice_the_size(run, picture):
    drawn = sample.bars() if picture else sample.pictures()
    shown = reports.figure(run, drawn, "first", "First", raster=picture)
    with Image.open(run.path("figures/01_first.png")) as image:
        assert image.mode == "P"
        width = int(re.search(r'width="(\d+)"', shown.html)[1])
        assert abs(image.width - 2 * width) <= 1
        assert 400 < width < 700


def test_large_svg_becomes_a_png(run):
    from matplotlib.figure import Figure

    drawn = Figure()
    drawn.subplots().pcolormesh(np.random.default_rng(0).random((60, 60)))
    reports.figure(run, drawn, "heat", "Heat")
    assert entries(run, "figures")[0]["file"] == "figures/01_heat.png"


def test_png_keeps_its_colours():
    drawn = sample.bars()
    data = figures._png(drawn)
    drawn.savefig(exact := io.BytesIO(), dpi=192, bbox_inches="tight", pad_inches=0.08)
    small = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float)
    full = np.asarray(Image.open(exact).convert("RGB"), float)
    assert small.shape == full.shape
    assert np.sqrt(np.mean((small - full) ** 2)) < figures.PNG_ERROR


def test_size_of_a_figure_is_its_size_in_inches():
    drawn = sample.bars()
    for data in (figures.svg(drawn), figures._png(drawn)):
        width, height = figures.size(data)
        assert abs(width - 6 * 96) < 80
        assert abs(height - 3 * 96) < 40


def test_figure_drawn_again_replaces_its_entry_and_its_other_form(run):
    reports.figure(run, sample.bars(), "same", "One")
    reports.figure(run, sample.bars(), "same", "Two", raster=True)
    assert [path.name for path in run.path("figures").iterdir()] == ["01_same.png"]
    reports.figure(run, sample.bars(), "same", "Three")
    assert [path.name for path in run.path("figures").iterdir()] == ["01_same.svg"]
    assert [each["caption"] for each in entries(run, "figures")] == ["Three"]


def test_figure_is_closed_whatever_it_was_given_as(run):
    import seaborn as sns
    from matplotlib import pyplot

    data = pd.DataFrame({"x": [1, 2], "y": [1, 2], "c": ["a", "b"]})
    _, axes = pyplot.subplots(1, 2)
    given = [pyplot.figure(), pyplot.subplots()[1], axes, sns.relplot(data, x="x", y="y", col="c")]
    for number, each in enumerate(given):
        reports.figure(run, each, f"n{number}", "A figure")
    assert pyplot.get_fignums() == []
    assert len(entries(run, "figures")) == len(given)


@pytest.mark.parametrize("name", ["../up", "Upper", "", "a/b", "a b", "a.b"])
def test_name_that_is_no_name_is_refused(run, name):
    with pytest.raises(ValueError, match="must be lower-case"):
        reports.figure(run, sample.bars(), name, "A figure")
    with pytest.raises(ValueError, match="must be lower-case"):
        reports.table(run, sample.frame(3), name, "A table")


def test_what_a_name_holds_is_text(run):
    evil = sample.EVIL
    frame = pd.DataFrame({evil: [evil], "n": [1]}, index=pd.Index([evil], name=evil))
    made = [
        reports.figure(run, sample.bars(evil), "a", evil),
        reports.table(run, frame, "b", evil),
        reports.results(run, [Result("k", evil, evil, evil, evil, headline=True)]),
    ]
    for each in made:
        assert "<script" not in each.html
        assert "<img src=x" not in each.html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;" in each.html


def test_table_is_written_whole_and_shown_in_house_style(run):
    frame = pd.DataFrame(
        {
            "n": [1234, 5],
            "share": [0.98412, np.nan],
            "loss": [12.3456, 0.5],
            "ok": [True, False],
            "mixed": [None, 1.23456],
        }
    )
    shown = reports.table(run, frame, "t", "A table", formats={"share": ".1%"})
    pd.testing.assert_frame_equal(pd.read_csv(run.path("tables/01_t.csv")), frame)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", shown.html)
    rows = [
        ["1,234", "98.4\xa0%", "12.35", "yes", tables.MISSING],
        ["5", tables.MISSING, "0.50", "no", "1.235"],
    ]
    assert [cells[:5], cells[5:]] == rows
    assert "scope" not in cells
    files_of = {"file": "tables/01_t.csv", "latex": "tables/01_t.tex"}
    assert entries(run, "tables") == [files_of | {"caption": "A table"}]


def latex(run: runs.Run, name: str) -> str:
    return run.path(f"tables/01_{name}.tex").read_text(encoding="utf-8")


def rows_of(tex: str) -> list[list[str]]:
    """The cells of a LaTeX table's lines, its head the first of them."""
    ended = [line[: -len(r" \\")] for line in tex.splitlines() if line.endswith(r" \\")]
    lines = [line for line in ended if not line.startswith(r"\caption")]
    return [re.split(r"(?<!\\) & ", line) for line in lines]


def check_form(tex: str) -> None:
    """Environments and braces are closed, and each line has as many cells as there are columns."""
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", tex):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    bare = re.sub(r"\\[\\&%$#_{}]", "", tex.split("\n", 1)[1])
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert not set("%#_") & set(re.sub(r"\\label\{.*?\}", "", bare))
    columns = re.search(r"\\begin\{(?:tabular|longtable)\}\{([lr]+)\}", tex)[1]
    assert {len(row) for row in rows_of(tex)} == {len(columns)}
    assert tex.isascii()


def test_a_table_is_latex_too(run):
    frame = pd.DataFrame(
        {
            "name": [
                "R&D_1",
                "50 % {x}",
                "a\\b~c^d",
                '#1 <"[|]>',
                "\N{MINUS SIGN}\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\n\N{NON-BREAKING HYPHEN}",
            ],
            "n": [1234, 5, 6, 7, 8],
            "share": [0.98412, np.nan, 0.5, -0.25, 0.0],
        }
    )
    shown = reports.table(run, frame, "t", "100 % of $5 & more_so.", formats={"share": ".1%"})
    tex = latex(run, "t")
    check_form(tex)
    assert tex.startswith("% \\usepackage{booktabs}\n\\begin{table}\n")
    assert r"\caption{100 \% of \$5 \& more\_so.}\label{tab:quick:01_t}" in tex
    assert rows_of(tex) == [
        ["name", "n", "share"],
        [r"R\&D\_1", "1,234", r"98.4~\%"],
        [r"50 \% \{x\}", "5", "--"],
        [r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d", "6", r"50.0~\%"],
        [r"\#1 $<$''{[}$|$]$>$", "7", r"$-$25.0~\%"],
        [r"$-$~$\times$ \mbox{-}", "8", r"0.0~\%"],
    ]
    assert "{lrr}" in tex
    assert "R&amp;D_1" in shown.html


def test_latex_of_a_long_table_goes_over_pages_and_keeps_the_index(run):
    frame = sample.frame(40, "A").set_index("character")
    reports.table(run, frame, "long", "Long")
    tex = latex(run, "long")
    check_form(tex)
    assert tex.startswith("% \\usepackage{booktabs,longtable}\n\\begin{longtable}{lrr")
    cells = rows_of(tex)
    assert cells[0] == cells[1]  # the first head, and that of the later pages
    assert cells[0][0] == "character"
    assert [row[1] for row in cells[2:]] == [f"{n:,}" for n in frame["pictures"]]


def test_every_letter_that_a_page_has_is_one_that_latex_has():
    """A sign in our own texts that no line of the table of letters knows would stop LaTeX."""
    used = {
        sign
        for path in (PROJECT / "hcr").rglob("*.py")
        for named in re.findall(r"\\N\{([A-Z -]+)\}", path.read_text(encoding="utf-8"))
        if path.parts[-2] in ("hcr", "comparison", "study", "insights", "metrics")
        for sign in [unicodedata.lookup(named)]
    }
    assert len(used) > 4
    unknown = {sign for sign in used if not tables._tex(sign).isascii()}
    assert unknown == set()


def test_what_a_page_has_no_room_for_is_in_the_csv(run):
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    shown = reports.table(run, frame, "t", "Wide.", shown=frame[["b"]])
    assert list(pd.read_csv(run.path("tables/01_t.csv"))) == ["a", "b"]
    assert rows_of(latex(run, "t")) == [["b"], ["3"], ["4"]]
    assert shown.html.count("<td") == 2


def test_named_index_is_kept_and_names_the_rows(run):
    frame = pd.DataFrame({"n": [1, 2]}, index=pd.Index(["a", "b"], name="character"))
    shown = reports.table(run, frame, "t", "A table")
    assert run.path("tables/01_t.csv").read_text(encoding="utf-8") == "character,n\na,1\nb,2\n"
    assert re.findall(r'<th scope="row"[^>]*>(.*?)</th>', shown.html) == ["a", "b"]


def test_long_table_scrolls(run):
    assert "max-height" not in reports.table(run, sample.frame(20), "a", "Short").html
    assert "max-height" in reports.table(run, sample.frame(21), "b", "Long").html


def test_empty_table_is_shown(run):
    empty = pd.DataFrame({"a": pd.Series(dtype=float)})
    html = reports.table(run, empty, "t", "Nothing found").html
    assert re.findall(r"<tbody>.*</tbody>", html) == [
        '<tbody><tr><td colspan="1" style="text-align:left">none</td></tr></tbody>'
    ]
    assert rows_of(latex(run, "t")) == [["a"]]


def test_results_fill_metrics_and_the_headline(run):
    rows = [
        Result("accuracy", np.float32(0.5), "Accuracy", "50.0 %", "n = 2", headline=True),
        Result("broken", float("nan"), "Broken", tables.MISSING),
    ]
    shown = reports.results(run, rows, matrix=np.eye(2, dtype=int), nested={1: np.bool_(True)})
    section = files.read_json(run.path("metrics.json"))["01_eda"]
    assert section == {
        "accuracy": 0.5,
        "broken": None,
        "matrix": [[1, 0], [0, 1]],
        "nested": {"1": True},
    }
    assert entries(run, "headline") == [
        {"key": "accuracy", "label": "Accuracy", "text": "50.0 %", "note": "n = 2"}
    ]
    assert "Accuracy" in shown.html
    assert repr(shown) == "Table: Results."
    saved = run.path("tables/01_results.csv").read_text(encoding="utf-8")
    assert saved.splitlines()[:2] == ["Figure,Value,Note", "Accuracy,50.0 %,n = 2"]
    assert r"50.0 \%" in run.path("tables/01_results.tex").read_text(encoding="utf-8")


def test_what_is_found_out_later_stands_beside_the_results(run):
    first = Result("accuracy", 0.5, "Accuracy", "50.0 %", headline=True)
    later = Result("gain", {"low": np.float32(0.25)}, "Gain", "+1 point", headline=True)
    reports.results(run, [first], accuracy_low=0.25)
    before = run.path("tables/01_results.csv").read_bytes()
    shown = reports.results(run, [later], name="start", caption="Beside its start.")
    assert "+1 point" in shown.html
    whole = {"accuracy": 0.5, "accuracy_low": 0.25, "gain": {"low": 0.25}}
    assert files.read_json(run.path("metrics.json"))["01_eda"] == whole
    assert [each["key"] for each in entries(run, "headline")] == ["accuracy", "gain"]
    assert run.path("tables/01_results.csv").read_bytes() == before
    assert "+1 point" in run.path("tables/01_start.csv").read_text(encoding="utf-8")
    reports.note(run, more=float("nan"), few=np.int64(3))
    noted = whole | {"more": None, "few": 3}
    assert files.read_json(run.path("metrics.json"))["01_eda"] == noted
    # Results written anew take nothing over.
    reports.results(run, [first])
    assert files.read_json(run.path("metrics.json"))["01_eda"] == {"accuracy": 0.5}
    assert [each["key"] for each in entries(run, "headline")] == ["accuracy"]


def test_environment_tells_where_a_result_was_made(run):
    shown = reports.environment(run).html
    for part in ("Commit", "Processor", "Seconds so far", "numpy", np.__version__):
        assert part in shown


def test_results_are_worded_for_people():
    share = reports.share("a", 0.98349, "Accuracy", "n = 5", headline=True)
    assert (share.value, share.text, share.note, share.headline) == (
        0.98349,
        "98.3\xa0%",
        "n = 5",
        True,
    )
    assert reports.share("a", float("nan"), "Accuracy").text == "n/a"
    count = reports.count("n", np.int64(116323), "Pictures")
    assert (count.value, count.text, type(count.value)) == (116323, "116,323", int)
    assert reports.number("t", 12.345, "Time", ".1f s").text == "12.3\xa0s"
    assert reports.number("t", 12.345, "Ratio").text == "12.3"
    assert reports.text("s", "none", "Strategy").text == "none"


def test_a_caveat_stands_beside_every_figure_table_and_result(run, monkeypatch):
    run.record_data({"name": "pen-strokes", "caveat": "synthetic"})
    shown = [
        reports.figure(run, sample.bars(), "counts", "Pictures a class."),
        reports.table(run, pd.DataFrame({"a": [1]}), "few", "A few."),
        reports.results(run, [reports.share("accuracy", 0.9, "Accuracy", headline=True)]),
    ]
    for each in shown:
        assert "synthetic" in each.html
    for key in ("figures", "tables"):
        assert entries(run, key)[0]["caption"].endswith(" Data: synthetic.")
    assert entries(run, "headline")[0]["note"] == "synthetic"
    assert files.read_json(run.path("metrics.json"))["01_eda"]["caveat"] == "synthetic"
    noted = reports.results(run, [reports.share("accuracy", 0.9, "Accuracy", "n = 10")])
    assert "synthetic; n = 10" in noted.html
    # A stage that reads no data of its own, as 05_draw, says it too.
    later = runs.open(run.name, "05_draw")
    reports.figure(later, sample.bars(), "drawn", "Drawn.")
    (entry,) = runs.read(run.folder)["stages"]["05_draw"]["figures"]
    assert entry["caption"] == "Drawn. Data: synthetic."
    # Other data in the same folder end it.
    later.record_data({"name": "mnist-sample", "caveat": ""})
    assert reports.figure(later, sample.bars(), "drawn", "Drawn.").text == "Figure: Drawn."


def test_a_live_figure_is_drawn_anew_in_its_place(run, monkeypatch):
    assert reports.live(run, bars, "So far.") is None
    from IPython import display
    from matplotlib import pyplot

    seen = []

    class Place:
        def update(self, exhibit):
            seen.append(("update", exhibit))

    def show(exhibit, display_id):
        seen.append(("display", exhibit))
        return Place()

    monkeypatch.setattr(display, "display", show)
    monkeypatch.setattr(run, "by_hand", True)
    update = reports.live(run, bars, "So far.")
    for heights in ([1, 2], [3, 1], [2, 2]):
        update(heights)
    assert [how for how, _ in seen] == ["display", "update", "update"]
    assert len({exhibit._repr_html_() for _, exhibit in seen}) == 3
    assert all("So far." in exhibit._repr_html_() for _, exhibit in seen)
    assert not pyplot.get_fignums()
    assert not list(run.folder.rglob("*.svg"))


def bars(heights):
    from matplotlib import pyplot

    figure, ax = pyplot.subplots()
    ax.bar(range(len(heights)), heights)
    return figure


def test_a_negative_number_has_a_minus_sign(run):
    frame = pd.DataFrame({"name": ["a-b"], "whole": [-3], "part": [-0.25], "told": [-1.5]})
    html = reports.table(run, frame, "minus", "Below nothing.", formats={"told": "+.1f"}).html
    for text in ("a-b", "−3<", "−0.2500<", "−1.5<"):
        assert text in html
    assert reports.number("x", -2.5, "X", ".1f s").text == "−2.5\N{NO-BREAK SPACE}s"
    assert (run.folder / "tables").exists()
    (csv,) = (run.folder / "tables").glob("*minus.csv")
    assert "-0.25" in csv.read_text()
