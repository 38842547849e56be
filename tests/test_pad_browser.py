"""The pad in a real JupyterLab and a real Voilà, drawn on with mouse, finger and pen."""

import json
import re
import shutil
from pathlib import Path

import browser
import live
import numpy as np
import pytest

from hcr.preprocessing import synthesis
from hcr.recognizer import PRETRAINED, Recognizer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(browser.skip_reason()), reason=browser.skip_reason() or "-"),
]
# Beside a trained model: one that cannot decide, one that is slow, and one that is broken.
STAND_INS = """
import time

from hcr.preprocessing import from_strokes
from hcr.recognizer import Recognition

class Torn:
    labels = ("0", "O", "D")

    def recognize(self, strokes):
        image = from_strokes(strokes)
        if not image.any():
            return Recognition()
        ranked = [("0", 0.6), ("O", 0.38), ("D", 0.02)]
        return Recognition(ranked, ["0", "O"], image)

    def saliency(self, image, label):
        return image / 255

class Slow(Torn):
    def recognize(self, strokes):
        time.sleep(0.15)
        return super().recognize(strokes)

class Broken(Torn):
    def recognize(self, strokes):
        raise ValueError("no such <weights>")
"""
CELL = """
from hcr.datasets import drawings_file as drawings
from hcr.pad import Pad
from hcr.recognizer import Recognizer
from stand_ins import Broken, Slow, Torn

readers = {"torn": Torn(), "slow": Slow(), "broken": Broken()}
pad = Pad({"trained": Recognizer.load("mnist"), **readers}, drawings)
"""
SEEN = "pad.replay([[(40, 40), (240, 40), (140, 240)]])\npad"
HUNDRED = 100
# What a hundred drawings may leave behind, on the page and in the kernel, in bytes.
MEMORY, NODES, KERNEL = 12e6, 300, 30e6
SECOND = "mnist_nist_1000 (pretrained)"


@pytest.fixture(scope="module")
def reader():
    return Recognizer.load("mnist")


@pytest.fixture(scope="module")
def chromium():
    with browser.launched() as running:
        yield running


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab with a notebook that shows a pad."""
    folder = tmp_path_factory.mktemp("lab") / "files"
    written(folder, "pad")
    with live.lab(folder, HCR_DRAWINGS=str(folder.parent / "drawings")) as server:
        yield server


@pytest.fixture(scope="module")
def voila(tmp_path_factory):
    """A Voilà whose notebook drew something before anybody looked."""
    reason = live.missing("voila")
    if reason:
        pytest.skip(f"{reason}; it is an extra: uv run --extra voila pytest")
    folder = tmp_path_factory.mktemp("voila") / "files"
    own = str(folder.parent / "drawings")
    with live.voila(written(folder, SEEN), HCR_DRAWINGS=own) as server:
        yield server


def written(folder: Path, last: str) -> Path:
    """A notebook with a pad in a new folder, and what it imports."""
    folder.mkdir()
    (folder / "stand_ins.py").write_text(STAND_INS)
    return live.write(folder / "pad.ipynb", CELL, last)


@pytest.fixture(scope="module")
def shots(request) -> Path:
    """Where screenshots are kept: they outlive the run, and git does not hold them."""
    return request.config.cache.mkdir("pad")


@pytest.fixture(scope="module")
def page(chromium, lab):
    """A page of JupyterLab on which the pad is."""
    with browser.live(chromium) as page:
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
    found.empty()
    return found


@pytest.fixture(scope="module")
def drawings(reader) -> list[tuple[str, list[np.ndarray]]]:
    """Characters that the model is sure of, and their strokes in pixels of the pad."""
    found = []
    for seed in range(20):
        for label in reader.labels:
            strokes = thinned(synthesis.character(label, [seed, ord(label)]))
            best = reader.read_strokes(strokes)
            if best[0][0] == label and best[0][1] > 0.95:
                found.append((label, strokes))
    assert len({label for label, _ in found}) > 5
    return found


def thinned(strokes) -> list[np.ndarray]:
    """In the middle of the pad, with fewer points."""
    return few([np.rint(stroke * 180 + 50) for stroke in strokes])


def few(strokes) -> list[np.ndarray]:
    """At most about a dozen points a stroke, on whole pixels, as a mouse sends them."""
    kept = [each[:: max(1, len(each) // 12)] for each in strokes]
    # A point that is there twice is sent once.
    return [each[np.append(True, np.diff(each, axis=0).any(axis=1))] for each in kept]


def points(strokes) -> int:
    return sum(map(len, strokes))


def many(pad: live.PadPage, drawings, n: int) -> list[float]:
    """Draw `n` characters, which are all read right; the milliseconds to each answer."""
    times = []
    for number in range(n):
        label, strokes = drawings[number % len(drawings)]
        pad.empty()
        times.append(pad.dash(strokes))
        pad.wait_for_points(points(strokes))
        assert pad.best() == label, number
    return times


def stays_quick(times: list[float], part: int) -> None:
    """The last `part` answers came about as soon as the first; medians, for machines are busy."""
    first, last = np.median(times[:part]), np.median(times[-part:])
    assert last <= 1.5 * first + 100, f"{first:.0f} ms at first, {last:.0f} ms at last"


def kept(server: live.Server) -> list[tuple[str, list[int]]]:
    """What is on the disk: each drawing's character, and the points of its strokes."""
    file = server.log.parents[1] / "drawings" / "drawings.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [(each["character"], [len(stroke) for stroke in each["strokes"]]) for each in lines]


def line(*places) -> list[np.ndarray]:
    """One stroke through these places."""
    return [np.array(places, float)]


# In JupyterLab


def test_characters_are_read(pad, drawings, reader):
    for label, strokes in drawings[:6]:
        pad.empty()
        pad.draw(strokes)
        pad.wait_for(label)
        pad.wait_for_points(points(strokes))
        assert pad.ink() > 0.005
    shown = pad.answers.locator(".hcr-bars li").first.inner_text()
    share = reader.read_strokes(strokes)[0][1]
    assert abs(float(re.findall(r"[\d.]+", shown)[-1]) - 100 * share) < 5
    assert pad.answers.locator(".hcr-bars li").count() == min(5, len(reader.labels))


def test_the_answer_comes_while_one_draws(pad, page):
    page.mouse.move(*pad.place(60, 60))
    page.mouse.down()
    for step in range(1, 10):
        page.mouse.move(*pad.place(60 + 10 * step, 60 + 15 * step))
    # The pen rests, and is not lifted.
    pad.wait_for_points(10)
    assert pad.dark(150, 195)
    page.mouse.up()
    pad.wait_for_points(10)


def test_a_finger_draws(chromium, lab, drawings, shots):
    with browser.live(chromium, has_touch=True) as page:
        live.run_all(page, lab, "pad.ipynb")
        pad = live.PadPage(page)
        for label, strokes in drawings[6:9]:
            pad.empty()
            pad.touch(strokes)
            pad.wait_for(label)
        # A second finger ends the stroke.
        pad.empty()
        session = page.context.new_cdp_session(page)
        first, second = pad.place(60, 60), pad.place(200, 60)
        pad.fingers(session, "touchStart", first)
        pad.fingers(session, "touchMove", pad.place(60, 120))
        pad.fingers(session, "touchStart", pad.place(60, 120), second)
        pad.fingers(session, "touchMove", pad.place(60, 220), pad.place(200, 220))
        pad.fingers(session, "touchEnd")
        pad.wait_for_points(2)
        assert pad.dark(60, 100)
        assert not pad.dark(60, 200)
        # Nor does a finger that draws scroll the notebook, which could be.
        page.set_viewport_size({"width": 1280, "height": 560})
        pad.empty()
        pad.canvas.scroll_into_view_if_needed()
        assert page.evaluate(TO_SCROLL) > 20
        before = scrolled(page)
        swipe(pad, *pad.place(140, 230))
        assert scrolled(page) == before
        pad.wait_for_points(STEPS)


def test_a_pen_draws(pad, page, drawings):
    label, strokes = drawings[9]
    session = page.context.new_cdp_session(page)
    for stroke in strokes:
        for index, point in enumerate([*stroke, stroke[-1]]):
            x, y = pad.place(*point)
            kinds = {0: "mousePressed", len(stroke): "mouseReleased"}
            event = {"type": kinds.get(index, "mouseMoved"), "x": x, "y": y, "button": "left"}
            session.send("Input.dispatchMouseEvent", {**event, "pointerType": "pen", "buttons": 1})
    session.detach()
    pad.wait_for(label)
    pad.wait_for_points(points(strokes))


def test_keys(pad, page):
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    pad.draw(line((60, 60), (60, 200)))
    pad.wait_for_points(2)
    page.keyboard.press("Control+z")
    pad.wait_for_points(0)
    page.keyboard.press("Control+Shift+Z")
    pad.wait_for_points(2)
    page.keyboard.press("Delete")
    pad.wait_for_points(0)
    page.keyboard.press("Control+z")
    pad.wait_for_points(2)
    # None of it was meant for the notebook.
    for key in ("a", "d", "d", "x"):
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells


def test_a_keyboard_gets_in_and_out(pad, page):
    pad.draw(line((60, 60), (60, 200)))
    pad.wait_for_points(2)
    focus = "document.activeElement.textContent || document.activeElement.tagName"
    page.keyboard.press("Tab")
    page.wait_for_function(f"({focus}).includes('Undo')")
    page.keyboard.press("Shift+Tab")
    page.wait_for_function(f"({focus}) == 'CANVAS'")
    page.keyboard.press("Escape")
    page.wait_for_function(f"({focus}).includes('Undo')")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.wait_for_function("document.activeElement.tagName == 'SELECT'")


def test_a_line_that_is_drawn_while_a_cell_runs_is_whole(pad, page):
    places = [(60 + 8 * step, 60 + 7 * step) for step in range(20)]
    page.evaluate(ASLEEP)
    page.wait_for_function(f"{KERNEL_OF_PAGE}.status == 'busy'")
    pad.draw(line(*places))
    assert page.evaluate("window.awake") == "ok"
    pad.wait_for_points(len(places))
    for x, y in places:
        assert eventually(lambda x=x, y=y: pad.dark(x, y)), (x, y)
    assert not pad.dark(200, 60)  # and nowhere else


KERNEL_OF_PAGE = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
ASLEEP = f"""
() => {{
    const code = "import time; time.sleep(2)";
    window.awake = {KERNEL_OF_PAGE}.requestExecute({{code}}).done.then(it => it.content.status);
}}
"""


def test_teach(pad, lab):
    def note():
        return pad.root.locator(".hcr-note")

    assert not pad.button("Keep").is_enabled()
    pad.draw(line((60, 60), (60, 200)))
    pad.control("You meant").fill("1")
    pad.button("Keep").click()
    note().filter(has_text="1 drawing kept (as 1)").wait_for()
    pad.wait_for_points(0)
    pad.draw(line((60, 60), (60, 200)))
    pad.wait_for_points(2)
    pad.control("You meant").fill("I")
    pad.button("Keep").and_(pad.page.locator(":enabled")).wait_for()
    pad.control("You meant").press("Enter")
    note().filter(has_text="2 drawings kept (as I)").wait_for()
    assert kept(lab) == [("1", [2]), ("I", [2])]
    pad.button("Take back").click()
    note().filter(has_text="1 drawing kept (taken back)").wait_for()
    assert kept(lab) == [("1", [2])]


def test_two_models_alternatives_saliency_and_an_error(pad, drawings):
    label, strokes = drawings[0]
    pad.draw(strokes)
    pad.wait_for(label)
    pad.control("Compare with").select_option("torn")
    pad.wait_for("0", 1)
    assert pad.best() == label
    assert pad.answers.locator("h4").all_inner_texts() == ["trained", "torn"]
    told = pad.answers.locator(".hcr-said").last.inner_text()
    assert told.startswith("Not sure: 0 or O.")
    pad.control("Show saliency").check()
    pad.answers.locator("figcaption", has_text="saliency").last.wait_for()
    assert pad.answers.locator("figure img").count() == 4
    pad.control("Show saliency").uncheck()
    pad.control("Compare with").select_option("broken")
    pad.root.locator(".hcr-error", has_text="ValueError: no such <weights>").wait_for()
    pad.control("Compare with").select_option("none")
    pad.wait_for(label)
    assert pad.root.locator(".hcr-error").count() == 0


def test_the_page_may_be_loaded_again(chromium, lab):
    with browser.live(chromium) as page:
        live.run_all(page, lab, "pad.ipynb")
        pad = live.PadPage(page)
        pad.empty()
        pad.draw(line((60, 60), (60, 200)))
        pad.wait_for_points(2)
        page.keyboard.press("Escape")
        page.wait_for_timeout(300)
        page.evaluate("jupyterapp.commands.execute('docmanager:save')")
        page.reload()
        again = live.PadPage(page)
        again.wait_for_points(2)
        page.wait_for_function("true")
        assert eventually(lambda: again.dark(60, 130))
        again.draw(line((200, 60), (200, 200)))
        again.wait_for_points(4)
        # The answer comes first, the line a moment later.
        assert eventually(lambda: again.dark(200, 130))


def eventually(condition, seconds: float = 10) -> bool:
    """Whether `condition` comes true in time."""
    import time

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_hundred_characters_leave_nothing_behind(pad, page, lab, drawings):
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def state() -> dict[str, float]:
        session.send("HeapProfiler.collectGarbage")
        found = session.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in found}

    many(pad, drawings, 10)  # what is made once is made now
    before, held = state(), lab.kernels()
    assert held > 0
    times = many(pad, drawings, HUNDRED)
    after, grown = state(), lab.kernels() - held
    limits = {"JSHeapUsedSize": MEMORY, "Nodes": NODES, "JSEventListeners": NODES}
    for what, most in limits.items():
        more = after[what] - before[what]
        assert more < most, f"{what} grew by {more:,.0f} from {before[what]:,.0f}"
    assert grown < KERNEL, f"the kernel grew by {grown:,} bytes from {held:,}"
    stays_quick(times, 30)
    session.detach()


def test_controls_have_names(pad):
    pad.control("Model").select_option("trained")
    told = pad.root.aria_snapshot()
    for words in (
        'combobox "Model"',
        'combobox "Compare with"',
        'button "Undo"',
        'button "Redo"',
        'button "Clear"',
        'checkbox "Show saliency"',
        'combobox "You meant"',
        'button "Keep"',
        'button "Take back"',
        'application "Drawing area"',
        "status",
    ):
        assert words in told, told
    assert pad.canvas.get_attribute("title") == "Drawing area"
    assert pad.canvas.get_attribute("role") == "application"
    assert pad.canvas.get_attribute("aria-label") == "Drawing area"
    assert pad.root.locator("img:not([alt])").count() == 0


@pytest.mark.parametrize(("theme", "width"), [("JupyterLab Light", 1280), ("JupyterLab Dark", 320)])
def test_it_fits_and_can_be_read(pad, page, drawings, shots, theme, width):
    change = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
    page.evaluate(change, theme)
    dark = "false" if "Light" in theme else "true"
    page.wait_for_function(f"document.body.dataset.jpThemeLight != '{dark}'")
    page.set_viewport_size({"width": width, "height": 900})
    if width < 700:
        page.evaluate("jupyterapp.shell.collapseLeft()")
    pad.control("Show saliency").check()
    pad.control("Compare with").select_option("torn")
    pad.draw(drawings[4][1])
    pad.wait_for_points(points(drawings[4][1]))
    page.wait_for_timeout(600)
    name = f"lab_{theme.split()[1].lower()}_{width}"
    pad.root.screenshot(path=shots / f"{name}.png")
    page.screenshot(path=shots / f"{name}_page.png")
    assert pad.overflow() <= 0
    assert pad.contrasts() == []
    page.evaluate(
        "jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})"
    )


# The notebook itself


@pytest.fixture(scope="module")
def notebook(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A copy of `05_draw`, alone in a folder, and the variables of a server that shows it."""
    folder = tmp_path_factory.mktemp("draw")
    path = folder / "files" / "05_draw.ipynb"
    path.parent.mkdir()
    shutil.copy(live.PROJECT / "notebooks" / path.name, path)
    (folder / "outputs" / "lab").mkdir(parents=True)
    for name in ("model.tflite", "labels.json"):
        shutil.copy(PRETRAINED["mnist"] / name, folder / "outputs" / "lab")
    drawings = str(folder / "drawings")
    return path, {"HCR_OUTPUTS": str(folder / "outputs"), "HCR_DRAWINGS": drawings}


def answered_before_anything_is_drawn(page, drawings, outputs: str, shot: Path) -> None:
    """The pad of `05_draw` reads, keeps drawings, and what stands below it waits for a button."""
    pad = live.PadPage(page)
    label, strokes = drawings[0]
    pad.draw(strokes)
    pad.wait_for(label)
    figures = Path(outputs) / "lab" / "figures"
    # The kernel has every cell to run before it answers: none of them drew.
    assert list(figures.glob("*")) == []
    pad.control("Compare with").select_option(SECOND)
    pad.answers.locator("h4", has_text=SECOND).wait_for()
    assert pad.answers.locator(".hcr-bars").count() == 2
    assert pad.best() == label
    pad.control("You meant").fill(label)
    pad.button("Keep").click()
    pad.root.locator(".hcr-note", has_text=f"(as {label})").wait_for()
    page.screenshot(path=shot)
    buttons = page.get_by_role("button", name="Draw it", exact=True)
    buttons.nth(2).wait_for()
    buttons.first.click()
    page.locator("figcaption", has_text="One synthetic drawing").wait_for()
    assert [path.name for path in figures.glob("*")] == ["05_placements.png"]
    assert eventually(lambda: buttons.count() == 2)
    # And the pad still answers.
    pad.canvas.scroll_into_view_if_needed()
    pad.empty()
    pad.draw(drawings[1][1])
    pad.wait_for(drawings[1][0])


def test_after_run_all_the_pad_answers_before_the_galleries_are_drawn(
    chromium, notebook, drawings, shots
):
    path, variables = notebook
    with live.lab(path.parent, **variables) as server, browser.live(chromium) as page:
        live.run_all(page, server, path.name)
        outputs = variables["HCR_OUTPUTS"]
        answered_before_anything_is_drawn(page, drawings, outputs, shots / "lab_05_draw.png")
    (kept,) = (Path(variables["HCR_DRAWINGS"]) / "drawings.jsonl").read_text().splitlines()
    line = json.loads(kept)
    assert (line["character"], len(line["strokes"])) == (drawings[0][0], len(drawings[0][1]))


# In Voilà


def test_in_voila_the_pad_answers_before_the_galleries_are_drawn(
    chromium, notebook, drawings, shots
):
    reason = live.missing("voila")
    if reason:
        pytest.skip(f"{reason}; it is an extra: uv run --extra voila pytest")
    path, variables = notebook
    shutil.rmtree(Path(variables["HCR_OUTPUTS"]) / "lab" / "figures", ignore_errors=True)
    with live.voila(path, **variables) as server, browser.live(chromium) as page:
        page.goto(server.url(""))
        outputs = variables["HCR_OUTPUTS"]
        answered_before_anything_is_drawn(page, drawings, outputs, shots / "voila_05_draw.png")


def test_voila_shows_what_was_drawn_before(chromium, voila, drawings, shots):
    with browser.live(chromium, has_touch=True) as page:
        page.goto(voila.url(""))
        pad = live.PadPage(page)
        pad.wait_for_points(3)
        assert eventually(lambda: pad.dark(140, 40))
        page.screenshot(path=shots / "voila_first.png")
        for label, strokes in drawings[:3]:
            pad.empty()
            pad.draw(strokes)
            pad.wait_for(label)
        for label, strokes in drawings[3:5]:
            pad.empty()
            pad.touch(strokes)
            pad.wait_for(label)
        label, strokes = drawings[5]
        n = points(strokes)
        pad.empty()
        pad.draw(strokes)
        pad.wait_for_points(n)
        pad.button("Undo").click()
        pad.wait_for_points(n - len(strokes[-1]))
        pad.button("Redo").click()
        pad.wait_for_points(n)
        pad.wait_for(label)
        pad.button("Clear").click()
        pad.wait_for_points(0)
        assert eventually(lambda: pad.ink() == 0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_voila_on_a_telephone(chromium, voila, drawings, shots, scheme):
    with browser.live(chromium, 320, 500, has_touch=True, device_scale_factor=2) as page:
        page.goto(f"{voila.url('')}&theme={scheme}")
        pad = live.PadPage(page)
        pad.wait_for_points(3)
        assert browser.overflow(page) <= 0
        assert pad.overflow() <= 0
        assert pad.contrasts() == []
        # A finger that draws does not scroll the page; one beside the canvas does.
        swipe(pad, *pad.place(140, 230))
        assert scrolled(page) == 0
        pad.wait_for_points(3 + STEPS)
        pad.empty()
        label, strokes = drawings[5]
        pad.touch(strokes)
        pad.wait_for(label)
        page.screenshot(path=shots / f"voila_{scheme}_320.png")
        swipe(pad, 160, 480)
        assert scrolled(page) > 50
        page.screenshot(path=shots / f"voila_{scheme}_320_below.png")


STEPS = 16


def swipe(pad: live.PadPage, x: float, y: float) -> None:
    """Move a finger upward from a place on the page, as slowly as a person."""
    session = pad.page.context.new_cdp_session(pad.page)
    pad.fingers(session, "touchStart", (x, y))
    for step in range(1, STEPS):
        pad.page.wait_for_timeout(16)
        pad.fingers(session, "touchMove", (x, y - 10 * step))
    pad.fingers(session, "touchEnd")
    pad.page.wait_for_timeout(300)
    session.detach()


# By how much what is scrolled on the page could be scrolled further.
TO_SCROLL = """
Math.max(...[...document.querySelectorAll("*")].filter(e =>
    ["auto", "scroll"].includes(getComputedStyle(e).overflowY)
).map(e => e.scrollHeight - e.clientHeight))
"""


def scrolled(page) -> float:
    """How far the page, or a part of it, is scrolled."""
    return page.evaluate("Math.max(...[...document.querySelectorAll('*')].map(e => e.scrollTop))")
