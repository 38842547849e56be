"""The pad in a real JupyterLab and a real Voilà, drawn on with mouse, finger and pen."""

import json
import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import browser
import live
import numpy as np
import pytest
from PIL import Image, ImageDraw

from hcr.preprocessing import synthesis
from hcr.recognizer import PRETRAINED, Recognizer

pytestmark = pytest.mark.browser
CELL = """
from hcr.datasets import drawings_file as drawings
from hcr.pad import Pad
from hcr.recognizer import Recognizer

pad = Pad({"trained": Recognizer.load("mnist"), "letters": Recognizer.load()}, drawings)
"""
SEEN = "pad.replay([[(40, 40), (240, 40), (140, 240)]])\npad"
MANY = 25
# What so many drawings may leave behind, on the page and in the kernel, in bytes.
MEMORY, NODES, KERNEL = 8e6, 150, 15e6
SECOND = "mnist_nist_1000 (pretrained)"
STEPS = 16
NAMES = ("Ada", "Bo", "Cy", "Di")


@dataclass(frozen=True)
class Place:
    """A folder of notebooks, and the runs and drawings of those who open them."""

    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        return {"HCR_OUTPUTS": f"{self.folder}/outputs", "HCR_DRAWINGS": f"{self.folder}/drawings"}

    def kept(self) -> list[tuple[str, list[int]]]:
        """What is on the disk: each drawing's character, and the points of its strokes."""
        found = self.lines()
        return [(each["character"], [len(stroke) for stroke in each["strokes"]]) for each in found]

    def lines(self) -> list[dict]:
        """Each drawing that was kept."""
        file = self.folder / "drawings" / "drawings.jsonl"
        return [*map(json.loads, file.read_text().splitlines())] if file.is_file() else []


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    """`pad.ipynb`, whose pad is drawn on before anybody looks, `05_draw`, and a model for it."""
    folder = tmp_path_factory.mktemp("place")
    files, run = folder / "files", folder / "outputs" / "lab"
    files.mkdir()
    run.mkdir(parents=True)
    live.write(files / "pad.ipynb", CELL, SEEN)
    shutil.copy(live.PROJECT / "notebooks" / "05_draw.ipynb", files)
    for name in ("model.tflite", "labels.json"):
        shutil.copy(PRETRAINED["mnist"] / name, run)
    return Place(folder)


@pytest.fixture(scope="module")
def lab(place):
    with live.lab(place.folder / "files", **place.variables) as server:
        yield server


@pytest.fixture(scope="module")
def voila(place):
    pytest.importorskip("voila", reason="it is an extra: uv run --extra voila pytest")
    with live.voila(place.folder / "files", **place.variables) as server:
        yield server


@pytest.fixture(scope="module")
def page(chromium, lab):
    """A page of JupyterLab on which the pad is."""
    with browser.live(chromium, has_touch=True) as page:
        live.run_all(page, lab, "pad.ipynb")
        live.PadPage(page)
        yield page


@pytest.fixture
def pad(page):
    """The pad of that page, as it was at the beginning."""
    page.set_viewport_size({"width": 1280, "height": 900})
    found = live.PadPage(page)
    found.control("Model").select_option("trained")
    found.control("Compare with").select_option("none")
    found.control("Show saliency").uncheck()
    found.control("Show first layers").uncheck()
    found.empty()
    return found


@pytest.fixture(scope="module")
def drawings() -> list[tuple[str, list[np.ndarray]]]:
    """Characters that the model is sure of, and their strokes in pixels of the pad."""
    model, found = Recognizer.load("mnist"), []
    for label in model.labels * 2:
        strokes = thinned(synthesis.character(label, [len(found), ord(label)]))
        best = model.read_strokes(strokes)
        if best[0][0] == label and best[0][1] > 0.95:
            found.append((label, strokes))
    assert len(found) >= 10
    return found


def thinned(strokes) -> list[np.ndarray]:
    """In the middle of the pad, at most about a dozen points a stroke, on whole pixels."""
    strokes = [np.rint(stroke * 180 + 50)[:: max(1, len(stroke) // 12)] for stroke in strokes]
    # A point that is there twice is sent once.
    return [each[np.append(True, np.diff(each, axis=0).any(axis=1))] for each in strokes]


def points(strokes) -> int:
    return sum(map(len, strokes))


def line(*places) -> list[np.ndarray]:
    """One stroke through these places."""
    return [np.array(places, float)]


def eventually(condition, seconds: float = 10) -> bool:
    """Whether `condition` comes true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


# In JupyterLab


def test_it_shows_what_was_drawn_before_and_reads_mouse_finger_and_pen(page, drawings):
    pad = live.PadPage(page)
    pad.wait_for_points(3)
    assert eventually(lambda: pad.dark(140, 40))
    means = (pad.draw, pad.draw, pad.touch, pad.touch, pad.pen)
    for (label, strokes), draw in zip(drawings, means, strict=False):
        pad.empty()
        assert eventually(lambda place=strokes[0][0]: not pad.dark(*place))
        draw(strokes)
        pad.wait_for(label)
        pad.wait_for_points(points(strokes))
        assert eventually(lambda place=strokes[0][0]: pad.dark(*place))
    assert pad.answers.locator(".hcr-bars li").count() == 5


def test_a_second_finger_ends_the_stroke_and_none_scrolls_the_notebook(pad, page):
    first, second = pad.place(60, 60), pad.place(200, 60)
    pad.fingers("touchStart", first)
    pad.fingers("touchMove", pad.place(60, 120))
    pad.fingers("touchStart", pad.place(60, 120), second)
    pad.fingers("touchMove", pad.place(60, 220), pad.place(200, 220))
    pad.fingers("touchEnd")
    pad.wait_for_points(2)
    assert pad.dark(60, 100)
    assert not pad.dark(60, 200)
    page.set_viewport_size({"width": 1280, "height": 560})
    pad.empty()
    pad.canvas.scroll_into_view_if_needed()
    assert page.evaluate(TO_SCROLL) > 20
    before = scrolled(page)
    swipe(pad, *pad.place(140, 230))
    assert scrolled(page) == before
    pad.wait_for_points(STEPS)


def test_keys_and_buttons_and_a_keyboard_gets_in_and_out(pad, page):
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    pad.draw(line((60, 60), (60, 200)))
    pad.wait_for_points(2)
    for key, n in (("z", 0), ("Shift+Z", 2), ("z", 0), ("y", 2)):
        page.keyboard.press(f"Control+{key}")
        pad.wait_for_points(n)
    for key, n in (("Delete", 0), ("Control+z", 2)):
        page.keyboard.press(key)
        pad.wait_for_points(n)
    # None of it was meant for the notebook.
    for key in ("a", "d", "d", "x"):
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    # What the pad has no use for is JupyterLab's, and not the browser's.
    for visible in (False, True):
        page.keyboard.press("Control+b")
        page.locator(".jp-DirListing").wait_for(state="visible" if visible else "hidden")
    focus = "document.activeElement.textContent || document.activeElement.tagName"
    for key, place in (("Tab", "Undo"), ("Shift+Tab", "CANVAS"), ("Escape", "Undo")):
        page.keyboard.press(key)
        page.wait_for_function(f"({focus}).includes('{place}')")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.wait_for_function("document.activeElement.tagName == 'SELECT'")
    for name, n in (("Undo", 0), ("Redo", 2), ("Clear", 0)):
        pad.button(name).click()
        pad.wait_for_points(n)
    for name, enabled in (("Undo", True), ("Redo", False), ("Clear", False)):
        assert eventually(lambda n=name, e=enabled: pad.button(n).is_enabled() == e), name


def test_the_eraser_takes_away_the_strokes_that_it_touches(pad):
    pad.draw(line((60, 60), (60, 200)) + line((200, 60), (200, 200)))
    pad.wait_for_points(4)
    pad.button("Eraser").click()
    pad.draw(line((20, 130), (60, 132), (100, 134)))
    pad.wait_for_points(2)
    assert eventually(lambda: not pad.dark(60, 100))
    assert pad.dark(200, 130)
    pad.button("Eraser").click()
    pad.button("Undo").click()
    pad.wait_for_points(4)


def test_a_picture_may_be_chosen_dropped_or_pasted(pad, page):
    picture, file = Image.new("L", (200, 200), 255), BytesIO()
    for stroke in synthesis.character("7", 3):
        ImageDraw.Draw(picture).line([tuple(x) for x in stroke * 140 + 30], 0, 12)
    picture.save(file, "PNG")
    with page.expect_file_chooser() as chooser:
        pad.root.get_by_role("button", name="Picture").click()
    chooser.value.set_files({"name": "7.png", "mimeType": "image/png", "buffer": file.getvalue()})
    pad.wait_for("7")
    for event in ("drop", "paste"):
        pad.empty() if event == "drop" else pad.canvas.focus()
        pad.draw(line((60, 60), (60, 200)))
        pad.wait_for("1")
        pad.canvas.evaluate(GIVE, [event, list(file.getvalue())])
        pad.wait_for("7")


# Give the element a file, as a browser does.
GIVE = """
(canvas, [kind, bytes]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "7.png", {type: "image/png"}));
    const options = {bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data};
    canvas.dispatchEvent(kind == "drop" ? new DragEvent(kind, options)
        : new ClipboardEvent(kind, options));
}
"""


def test_a_line_that_is_drawn_while_a_cell_runs_is_whole(pad, page):
    places = [(60 + 8 * step, 60 + 7 * step) for step in range(20)]
    page.evaluate(ASLEEP)
    page.wait_for_function(f"{KERNEL_OF_PAGE}.status == 'busy'")
    pad.draw(line(*places))
    said = pad.root.get_by_text("The kernel is busy")
    said.wait_for()
    assert page.evaluate("window.awake") == "ok"
    pad.wait_for_points(len(places))
    for x, y in places:
        assert eventually(lambda x=x, y=y: pad.dark(x, y)), (x, y)
    assert not pad.dark(200, 60)  # and nowhere else
    said.wait_for(state="detached")


KERNEL_OF_PAGE = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
ASLEEP = f"""
() => {{
    const code = "import time; time.sleep(3)";
    window.awake = {KERNEL_OF_PAGE}.requestExecute({{code}}).done.then(it => it.content.status);
}}
"""


def test_many_characters_leave_nothing_behind(pad, page, lab, drawings):
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def state() -> dict[str, float]:
        session.send("HeapProfiler.collectGarbage")
        found = session.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in found} | {"kernel": lab.kernels()}

    def recognized(label: str, strokes) -> None:
        pad.empty()
        pad.draw(strokes)
        pad.wait_for_points(points(strokes))
        assert pad.best() == label

    quick = sorted(drawings, key=lambda each: points(each[1]))[:5]
    labels, strokes = zip(*(quick * MANY)[:MANY], strict=True)
    recognized(labels[0], strokes[0])  # what is made once is made now
    before = state()
    assert before["kernel"] > 0
    for label, each in zip(labels, strokes, strict=True):
        recognized(label, each)
    after = state()
    limits = {"JSHeapUsedSize": MEMORY, "Nodes": NODES, "JSEventListeners": NODES, "kernel": KERNEL}
    grown = {name: after[name] - before[name] for name in limits}
    assert all(grown[name] < most for name, most in limits.items()), grown
    session.detach()


def test_controls_have_names(pad):
    told = pad.root.aria_snapshot()
    for words in (
        *('combobox "Model"', 'combobox "Compare with"', 'combobox "You meant"'),
        *('button "Undo"', 'button "Redo"', 'button "Clear"'),
        *('button "Keep"', 'button "Take back"', 'checkbox "Show saliency"'),
        *('application "Drawing area"', "status"),
    ):
        assert words in told, told
    assert pad.root.locator("img:not([alt])").count() == 0


@pytest.mark.parametrize(("theme", "width"), [("JupyterLab Light", 1280), ("JupyterLab Dark", 320)])
def test_it_fits_and_can_be_read(pad, page, drawings, theme, width):
    change = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
    page.evaluate(change, theme)
    dark = "false" if "Light" in theme else "true"
    page.wait_for_function(f"document.body.dataset.jpThemeLight != '{dark}'")
    page.set_viewport_size({"width": width, "height": 900})
    if width < 700:
        page.evaluate("jupyterapp.shell.collapseLeft()")
    pad.control("Show saliency").check()
    pad.control("Show first layers").check()
    pad.control("Compare with").select_option("letters")
    pad.draw(drawings[0][1])
    pad.wait_for_points(points(drawings[0][1]))
    pad.answers.locator("figcaption", has_text="saliency").last.wait_for()
    pad.answers.locator(".hcr-layers img").nth(3).wait_for()
    assert pad.answers.locator("h4").all_inner_texts() == ["trained", "letters"]
    page.wait_for_timeout(600)
    assert pad.overflow() <= 0
    assert pad.contrasts() == []
    page.evaluate(change, "JupyterLab Light")


def test_the_page_may_be_loaded_again(pad, page):
    pad.draw(line((60, 60), (60, 200)))
    pad.wait_for_points(2)
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    page.evaluate("jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    again = live.PadPage(page)
    again.wait_for_points(2)
    assert eventually(lambda: again.dark(60, 130))
    again.draw(line((200, 60), (200, 200)))
    again.wait_for_points(4)
    # The answer comes first, the line a moment later.
    assert eventually(lambda: again.dark(200, 130))


# The notebook itself


def answered_before_anything_is_drawn(page, drawings, place: Place) -> None:
    """The pad of `05_draw` reads, keeps drawings, and what stands below it waits for a button."""
    pad = live.PadPage(page)
    # Whatever was trained by hand is beside the pretrained 47 classes, not in their place.
    pad.root.get_by_text("emnist (pretrained): 0–9, A–Z").wait_for()
    assert "lab" in pad.control("Model").locator("option").all_inner_texts()
    label, strokes = drawings[2]
    pad.draw(strokes)
    pad.wait_for(label)
    figures = place.folder / "outputs" / "lab" / "figures"
    # The kernel has every cell to run before it answers: none of them drew.
    assert list(figures.glob("*")) == []
    pad.control("Compare with").select_option(SECOND)
    pad.answers.locator("h4", has_text=SECOND).wait_for()
    assert pad.answers.locator(".hcr-bars").count() == 2
    assert pad.best() == label
    pad.control("You meant").fill(label)
    pad.button("Keep").and_(page.locator(":enabled")).wait_for()
    pad.control("You meant").press("Enter")
    pad.root.locator(".hcr-note", has_text=f"(as {label})").wait_for()
    assert place.kept()[-1] == (label, [len(stroke) for stroke in strokes])
    assert pad.contrasts() == []
    buttons = page.get_by_role("button", name="Draw it", exact=True)
    buttons.nth(2).wait_for()
    buttons.first.click()
    page.locator("figcaption", has_text="One synthetic drawing").wait_for()
    assert [path.name for path in figures.glob("*")] == ["05_placements.png"]
    assert eventually(lambda: buttons.count() == 2)
    # And the pad still answers.
    pad.canvas.scroll_into_view_if_needed()
    pad.empty()
    pad.draw(drawings[4][1])
    pad.wait_for(drawings[4][0])
    shutil.rmtree(figures)


@pytest.mark.parametrize("server", ["lab", "voila"])
def test_the_pad_answers_before_the_galleries_are_drawn(chromium, server, request, drawings, place):
    served = request.getfixturevalue(server)
    with browser.live(chromium, height=800) as page:
        if server == "lab":
            live.run_all(page, served, "05_draw.ipynb")
        else:
            page.goto(served.url("voila/render/05_draw.ipynb"))
        # The pad is what one sees, whole, whatever comes after it.
        live.PadPage(page).root.wait_for()
        page.get_by_text("Environment", exact=True).last.wait_for(state="attached")
        page.wait_for_timeout(1000)
        box = live.PadPage(page).root.bounding_box()
        assert 0 <= box["y"] < 130
        assert box["y"] + box["height"] <= 800
        answered_before_anything_is_drawn(page, drawings, place)


# In Voilà


def test_four_people_at_one_server_are_told_apart(chromium, voila, drawings, place):
    before = len(place.lines())
    with ExitStack() as stack:
        pads = []
        for name in NAMES:
            page = stack.enter_context(browser.live(chromium))
            page.goto(voila.url("voila/render/pad.ipynb"))
            pads.append(live.PadPage(page))
            pads[-1].control("Your name").fill(name)
        for _ in range(3):
            for pad, (label, strokes) in zip(pads, drawings, strict=False):
                pad.empty()
                pad.draw(strokes)
                pad.keep(label)
                pad.root.locator(".hcr-note", has_text=f"(as {label})").wait_for()
                pad.wait_for_points(0)
        pads[2].button("Learn now").click()
        pads[2].root.get_by_text("trained + my 3 drawings").last.wait_for()
        pads[2].root.locator(".hcr-note", has_text="learned").wait_for()
        assert pads[1].control("Model").locator("option").count() == 2
    kept = [(each["writer"], each["character"]) for each in place.lines()[before:]]
    assert kept == [(name, str(i)) for _ in range(3) for i, name in enumerate(NAMES)]


def test_voila_on_a_telephone_in_the_dark(chromium, voila, drawings):
    with browser.live(chromium, 320, 500, has_touch=True, device_scale_factor=2) as page:
        foreign = []
        page.on("requestfailed", lambda it: foreign.append((it.failure, it.url)))
        page.goto(f"{voila.url('voila/render/pad.ipynb')}&theme=dark")
        pad = live.PadPage(page)
        # What was drawn before anybody looked.
        pad.wait_for_points(3)
        assert eventually(lambda: pad.dark(140, 40))
        assert browser.overflow(page) <= 0
        assert pad.overflow() <= 0
        assert pad.contrasts() == []
        assert {why for why, url in foreign if served_elsewhere(url, voila)} <= {"csp"}
        # A finger that draws does not scroll the page; one beside the canvas does.
        swipe(pad, *pad.place(140, 230))
        assert scrolled(page) == 0
        pad.wait_for_points(3 + STEPS)
        pad.empty()
        label, strokes = drawings[5]
        pad.touch(strokes)
        pad.wait_for(label)
        swipe(pad, 160, 480)
        assert scrolled(page) > 50


def served_elsewhere(url: str, server: live.Server) -> bool:
    return url.startswith("http") and not url.startswith(server.address)


def swipe(pad: live.PadPage, x: float, y: float) -> None:
    """Move a finger upward from a place on the page, as slowly as a person."""
    pad.fingers("touchStart", (x, y))
    for step in range(1, STEPS):
        pad.page.wait_for_timeout(16)
        pad.fingers("touchMove", (x, y - 10 * step))
    pad.fingers("touchEnd")
    pad.page.wait_for_timeout(300)


# By how much what is scrolled on the page could be scrolled further.
TO_SCROLL = """
Math.max(...[...document.querySelectorAll("*")].filter(e =>
    ["auto", "scroll"].includes(getComputedStyle(e).overflowY)
).map(e => e.scrollHeight - e.clientHeight))
"""


def scrolled(page) -> float:
    """How far the page, or a part of it, is scrolled."""
    return page.evaluate("Math.max(...[...document.querySelectorAll('*')].map(e => e.scrollTop))")
