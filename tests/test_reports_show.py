"""What a notebook shows and saves: files, the run's record, metrics, and text that stays text."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import report_sample as sample
from matplotlib import pyplot
from matplotlib.figure import Figure
from PIL import Image

from hcr import reports, runs
from hcr.reports import show


@pytest.fixture
def run(tmp_path, monkeypatch):
    return sample.open_run(tmp_path, monkeypatch)


def stage(run: runs.Run) -> dict:
    return runs.read(run.folder)["stages"]["01_eda"]


def metrics(run: runs.Run) -> dict:
    return json.loads(run.path("metrics.json").read_text())["01_eda"]


def test_a_figure_is_a_small_svg_and_an_entry_of_the_record(run):
    output = reports.figure(run, sample.bars(), "counts", "Images a class", headline=True)
    svg = run.path("figures/01_counts.svg").read_text(encoding="utf-8")
    assert len(svg) < 25_000
    assert "<metadata" not in svg
    entry = {"name": "01_counts", "file": "figures/01_counts.svg", "caption": "Images a class"}
    assert stage(run)["figures"] == [entry | {"headline": True}]
    data, metadata = output._repr_mimebundle_()
    assert data == {"image/svg+xml": svg, "text/plain": "Figure: Images a class"}
    assert metadata["image/svg+xml"]["caption"] == "Images a class"
    _, axes = pyplot.subplots()
    reports.figure(run, axes, "closed", "Closed")
    assert pyplot.get_fignums() == []  # an open one would be shown a second time
    run.by_hand = True  # Jupyter shows no caption of an image
    shown, _ = reports.figure(run, sample.bars(), "counts", "Images a class")._repr_mimebundle_()
    assert "Images a class</figcaption>" in shown["text/html"]
    assert shown["image/svg+xml"] == svg  # which its page has


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    for raster, suffix in ((False, ".svg"), (True, ".png")):
        one, two = (show.save_figure(sample.bars(), tmp_path / name, raster) for name in "ab")
        assert one.read_bytes() == two.read_bytes()
        assert one.suffix == suffix


@pytest.mark.parametrize("kind", ["raster", "images", "large"])
def test_what_is_made_of_images_or_large_is_a_png_of_twice_the_size(run, kind):
    drawn = {"raster": sample.bars, "images": sample.images, "large": Figure}[kind]()
    if kind == "large":
        drawn.subplots().pcolormesh(np.random.default_rng(0).random((60, 60)))
    output = reports.figure(run, drawn, "first", "First", raster=kind == "raster")
    width = int(re.search(r'width="(\d+)"', output.html)[1])
    with Image.open(run.path("figures/01_first.png")) as image:
        assert abs(image.width - 2 * width) <= 1
    assert 400 < width < 700
    assert list(output.image) == ["image/png"]


def test_a_figure_drawn_again_replaces_its_entry_and_its_other_form(run):
    reports.figure(run, sample.bars(), "same", "One")
    reports.figure(run, sample.bars(), "same", "Two", raster=True)
    assert [path.name for path in run.path("figures").iterdir()] == ["01_same.png"]
    reports.figure(run, sample.bars(), "same", "Three")
    assert [path.name for path in run.path("figures").iterdir()] == ["01_same.svg"]
    assert [each["caption"] for each in stage(run)["figures"]] == ["Three"]


def test_the_places_of_a_figure_lie_where_they_are_drawn(run):
    output = sample.reacting(run)
    places = output.metadata["reaction"]["places"]
    with Image.open(run.path("figures/01_reacts.png")) as image:
        gray, (width, height) = np.asarray(image.convert("L")), image.size
    for (left, top, right, bottom, *_), dark in zip(places, (255, 255, 0), strict=True):
        x, y = (np.array([left, right]) * width, np.array([top, bottom]) * height)
        inside = gray[int(y[0]) + 4 : int(y[1]) - 4, int(x[0]) + 4 : int(x[1]) - 4]
        assert (inside == dark).all()
    assert np.ptp(gray[:, int(places[0][2] * width) + np.array([-4, 4])]) == 255


def test_a_sprite_of_too_many_bytes_shows_fewer_images_of_a_place(run, monkeypatch):
    monkeypatch.setattr(show, "MOST_SPRITE_BYTES", 1)
    lower_left = sample.reacting(run).metadata["reaction"]["places"][0]
    assert lower_left[5:7] == [11, [0]]


def test_text_is_never_markup(run):
    evil = sample.EVIL
    frame = pd.DataFrame({evil: [evil], "n": [1]}, index=pd.Index([evil], name=evil))
    for output in (
        reports.figure(run, sample.bars(evil), "a", evil),
        reports.table(run, frame, "b", evil),
        reports.results(run, [reports.Result(evil, evil, evil, note=evil, headline=True)]),
        reports.warnings(run, [evil]),
    ):
        assert "<script" not in output.html
        assert "<img src=x" not in output.html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in output.html


def cells(html: str) -> list[str]:
    return re.findall(r"<t[dh]\b[^>]*>(.*?)</t[dh]>", html)


def test_a_table_is_saved_whole_and_shown_in_the_house_style(run):
    frame = pd.DataFrame({"n": [1234, -5], "share": [0.98412, np.nan], "loss": [12.3456, 0.5]})
    frame = frame.assign(ok=[True, False], mixed=[None, 1.23456])
    output = reports.table(run, frame, "t", "A table")
    pd.testing.assert_frame_equal(pd.read_csv(run.path("tables/01_t.csv")), frame)
    assert cells(output.html) == [
        *frame.columns,
        *("1,234", "98.4\xa0%", "12.35", "yes", "–"),
        *("−5", "–", "0.50", "no", "1.235"),
    ]
    files = {"file": "tables/01_t.csv", "latex": "tables/01_t.tex", "caption": "A table"}
    assert stage(run)["tables"] == [files]
    latex = run.path("tables/01_t.tex").read_text(encoding="utf-8")
    assert r"\begin{tabular}" in latex
    assert r"98.4" in latex


def test_the_ends_of_an_interval_are_one_column(run):
    frame = pd.DataFrame({"a": [0.5], "low": [0.4], "high": [0.625], "d_low": [-1], "d_high": [2]})
    output = reports.table(run, frame, "t", "A table", {"a": ".0%", "d_low": ".0f"})
    numbers = ["50\xa0%", "40.0\xa0to 62.5", "−1\xa0to 2"]
    assert cells(output.html) == ["a", "95 %", "d, 95 %", *numbers]
    assert list(pd.read_csv(run.path("tables/01_t.csv"))) == list(frame)


def test_a_table_with_an_index_and_a_long_or_empty_one(run):
    frame = pd.DataFrame({"n": range(1000)}, index=pd.Index(range(1000), name="class"))
    html = reports.table(run, frame, "long", "Long").html
    assert html.count("<tr>") == 201
    assert "first 200 of 1,000" in html
    assert '<th scope="row" style="text-align:right">199</th>' in html
    assert len(pd.read_csv(run.path("tables/01_long.csv"))) == 1000
    assert ">none<" in reports.table(run, frame[:0], "none", "Empty").html


def test_results_are_metrics_a_table_and_headlines(run):
    rows = [
        reports.Result("accuracy", 0.984, "Accuracy", ".1%", "n = 1,000", headline=True),
        reports.Result("n", np.int64(1234), "Images"),
        reports.Result("ms", -0.5, "Time", ".2f ms"),
        reports.Result("strategy", "none", "Strategy"),
    ]
    output = reports.results(run, rows, per_class=np.array([0.5, np.nan]), counts={1: (2, 3)})
    reports.note(run, extra=np.float32(0.5))
    assert metrics(run) == {
        **{"accuracy": 0.984, "n": 1234, "ms": -0.5, "strategy": "none"},
        **{"per_class": [0.5, None], "counts": {"1": [2, 3]}, "extra": 0.5},
    }
    texts = ["98.4\xa0%", "n = 1,000", "1,234", "−0.50\xa0ms", "none"]
    assert [cell for cell in cells(output.html) if cell in texts] == texts
    later = reports.results(run, [reports.Result("k", 1, "K")], name="later", caption="Later.")
    assert "Later." in later.html
    assert metrics(run)["k"] == 1
    assert stage(run)["headline"] == [
        {"key": "accuracy", "label": "Accuracy", "text": "98.4\xa0%", "note": "n = 1,000"}
    ]


def test_a_caveat_stands_beside_every_figure(run):
    run.record_data({"name": "pen-strokes", "caveat": "synthetic"})
    assert "Data: synthetic." in reports.table(run, sample.frame(3), "t", "A table.").html
    assert "Data: synthetic." in reports.figure(run, sample.bars(), "f", "A figure.").html
    assert "Data: synthetic." in reports.verdict(run, "All right.", "", "And all well.").html
    assert stage(run)["verdict"] == ["All right.", "And all well. Data: synthetic."]
    reports.results(run, [reports.Result("n", 1, "N", headline=True)])
    assert metrics(run)["caveat"] == "synthetic"
    assert stage(run)["headline"][0]["note"] == "synthetic"


def test_warnings_are_shown_and_kept(run):
    output = reports.warnings(run, ["3 training images hold no ink.", None, ""])
    reports.warnings(run, ["3 training images hold no ink.", "“O” is never predicted."])
    assert output.html.count("Warning.") == 1
    texts = [each["text"] for each in stage(run)["warnings"]]
    assert texts == ["3 training images hold no ink.", "“O” is never predicted."]
    assert reports.warnings(run, [None]).html == ""


def test_the_environment_names_versions_and_hardware(run):
    output = reports.environment(run)
    for name in ("run", "commit", "processor", "python", "numpy"):
        assert f">{name}</th>" in output.html
