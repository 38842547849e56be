"""How soon the pad's answer stands on the page, beside an empty round trip of ipywidgets.

    uv run benchmarks/pad.py [FOLDER]
    uv run --extra voila benchmarks/pad.py people [N]

FOLDER holds model.tflite and labels.json; by default it is the model that `Recognizer.load()`
gives. A real JupyterLab is started on loopback and a real Chromium opens it. On one page there are
the pad and an echo, a button whose handler sets the text of an HTML widget. Both are measured by
the page's own clock, in turn:

- echo: from the button's click to the changed text in the page; once while all is at rest, and once
  in place of a stroke's last point, when page and kernel have as much to do as for an answer;
- answer: from a stroke's last point, sent while its moves still come in at 60 a second, to the
  changed answer in the page. The answer carries the number of points that it is for, so one that
  was given while the stroke was drawn does not count.

The same over a link that holds everything back for a while in each direction: a proxy between
browser and JupyterLab, because Chromium's own throttle leaves web sockets alone. Each time it is
also looked whether the answer is that of `read_strokes` and whether the ink is where it was drawn.
The intervals are 95 % bootstrap intervals over the pairs of an echo and an answer. Then, with the
real notebook `05_draw`, each time in a new kernel: in JupyterLab the seconds from "Run All Cells",
the kernel being there, to a pad on the page and to its first answer; in Voilà those from the
page's address to the same, with the kernel's start in them.

Measured with the shipped 47 classes, two cores (AMD EPYC), no graphics card, JupyterLab 4.6.6,
ipywidgets 8.1.9, 95th percentiles in ms with their intervals, n = 200: echo at rest 13 (12.5 to
14.9), in place of the last point 19 (17 to 24), answer 27 (24 to 32), so 2.1 times (1.7 to 2.4) and
1.4 times (1.1 to 1.7) an echo; medians 8, 9 and 14. With 50 ms held back each way (n = 100) 119,
128 and 139 (132 to 151), 1.2 and 1.1 times; with 100 ms 216, 222 and 234 (226 to 253).
"Run All Cells" to the pad 1.4 s, to its answer 2.6 s (medians, n = 10; largest 1.8 and 3.1); in
Voilà 4.4 and 4.9 s (largest 5.2 and 5.8).

With `people`, N (30) of them open `05_draw` on one Voilà, each with a name and so a kernel of their
own, and draw and keep three characters in turn. Printed are a kernel's memory, the seconds from
a drawing's last point to its answer, and whether the file has every drawing under its writer.

What it took: Jupyter servers hold an answer back until the page has acknowledged what came before;
`docs/nodelay.py`, with which JupyterLab is started here, tells it not to (at commit bc568e5, before
that and before the page's moves of `hcr/pad/pad.js`, the answer had 55 ms and, with 50 ms each way,
200). JupyterLab has a kernel handle what a widget is told after the cells that were asked for
before it: `05_draw`'s figures take 4 s of a core and are drawn on demand; what still follows the
pad takes 0.8 s.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from hcr.preprocessing import synthesis
from hcr.recognizer import Recognizer
from hcr.runs import environment

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))  # it starts and drives the servers as the tests do

import browser  # noqa: E402
import live  # noqa: E402

live.LAB = (*live.LAB, f"--config={PROJECT / 'docs' / 'nodelay.py'}")
OPENINGS = 10
RESAMPLES = 10_000
DELAYS = {0.0: 200, 0.05: 100, 0.1: 100}  # s in each direction, and how often it is measured
AIM = 50  # ms, on loopback
MOST = 2  # times an echo

CELL = """
import ipywidgets as widgets
from pathlib import Path
from hcr import recognizer
from hcr.pad import Pad

button, out = widgets.Button(description="Echo"), widgets.HTML("0")
out.add_class("echo")
button.on_click(lambda _: setattr(out, "value", str(int(out.value) + 1)))
pad = Pad(recognizer.choices(recognizer.Recognizer.load(Path({folder!r}))))
widgets.VBox([widgets.HBox([button, out]), pad])
"""

# Milliseconds of one echo and of one drawn character, by the page's clock.
MEASURE = """
async strokes => {
    const changed = (place, right) => new Promise((done, failed) => {
        const watch = new MutationObserver(() => {
            if (right()) { watch.disconnect(); done(performance.now()); }
        });
        watch.observe(place, {subtree: true, childList: true, characterData: true});
        setTimeout(() => failed(new Error("nothing changed in 20 s")), 20000);
    });
    const rest = ms => new Promise(done => setTimeout(done, ms));
    const [echo] = [...document.querySelectorAll("button")].filter(b => b.textContent == "Echo");
    const out = document.querySelector(".echo .widget-html-content");
    const before = out.textContent;
    let begin = performance.now();
    let end = changed(out, () => out.textContent != before);
    echo.click();
    const round = await end - begin;
    await rest(100);

    const pad = document.querySelector(".hcr-pad"), canvas = pad.querySelector("canvas");
    const answer = pad.querySelector(".hcr-answers").parentNode;
    const points = () => +answer.firstChild.dataset.points;
    const clear = [...pad.querySelectorAll("button")].filter(b => b.textContent == "Clear")[0];
    const emptied = async () => {
        if (!points()) return;
        const end = changed(answer, () => points() == 0);
        clear.click();
        await end;
        await rest(150);
    };
    const box = canvas.getBoundingClientRect();
    const send = (kind, [x, y]) => canvas.dispatchEvent(new MouseEvent(kind, {
        clientX: box.left + x * box.width, clientY: box.top + y * box.height, bubbles: true,
    }));
    // All of a stroke but its last point.
    const drawn = async stroke => {
        for (let i = 0; i < stroke.length - 1; i++) {
            send(i ? "mousemove" : "mousedown", stroke[i]);
            await rest(16);
        }
    };
    const lifted = async (stroke, n) => {
        const end = changed(answer, () => points() == n);
        const begin = performance.now();
        send("mouseup", stroke[stroke.length - 1]);
        return await end - begin;
    };
    await emptied();
    await drawn(strokes[0]);
    const then = out.textContent;
    end = changed(out, () => out.textContent != then);
    begin = performance.now();
    echo.click();
    const amid = await end - begin;
    await lifted(strokes[0], strokes[0].length);
    await rest(150);
    await emptied();
    let n = 0, took = 0;
    for (const stroke of strokes) {
        n += stroke.length;
        await drawn(stroke);
        took = await lifted(stroke, n);
    }
    return [round, amid, took];
}
"""


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["people"]:
        people(int(sys.argv[2]) if sys.argv[2:] else 30)
        return
    folder = Path(sys.argv[1]).resolve() if sys.argv[1:] else Recognizer.load().path.parent
    print(f"machine: {environment.hardware()}")
    with tempfile.TemporaryDirectory() as aside, browser.launched() as chromium:
        files = Path(aside) / "files"
        files.mkdir()
        live.write(files / "echo.ipynb", CELL.format(folder=str(folder)))
        # Copies, because a notebook that is opened again goes on with the kernel that it had.
        copies = [f"05_draw_{i}.ipynb" for i in range(OPENINGS)]
        for name in copies:
            shutil.copy(PROJECT / "notebooks" / "05_draw.ipynb", files / name)
        lab = Path(aside) / "outputs" / "lab"
        lab.mkdir(parents=True)
        for name in ("model.tflite", "labels.json"):
            shutil.copy(folder / name, lab)
        variables = {"HCR_OUTPUTS": str(lab.parent), "HCR_DRAWINGS": str(Path(aside) / "drawings")}
        with live.lab(files, **variables) as server:
            for delay, times in DELAYS.items():
                with slow(server, delay) as there:
                    latency(chromium, there, delay, times, Recognizer.load(folder))
            load = os.getloadavg()
            found = [opening(chromium, server, name) for name in copies]
            print(f"05_draw in JupyterLab, from Run All Cells: {openings(found, load)}", flush=True)
        if find_spec("voila") is None:
            print("Voilà is not installed: uv run --extra voila benchmarks/pad.py")
            return
        with live.voila(files, **variables) as server:
            load = os.getloadavg()
            found = [opening(chromium, server) for _ in range(OPENINGS)]
            told = "05_draw in Voilà, from the page's address, the kernel's start included"
            print(f"{told}: {openings(found, load)}", flush=True)


def people(n: int) -> None:
    """What so many people at one Voilà take, and whether they are told apart."""
    names, took = [f"person {i}" for i in range(n)], []
    with tempfile.TemporaryDirectory() as aside, browser.launched() as chromium:
        folder, load = Path(aside) / "files", os.getloadavg()
        folder.mkdir()
        shutil.copy(PROJECT / "notebooks" / "05_draw.ipynb", folder)
        kept = Path(aside) / "drawings"
        variables = {"HCR_OUTPUTS": f"{aside}/outputs", "HCR_DRAWINGS": str(kept)}
        with live.voila(folder, **variables) as server, ExitStack() as stack:
            pads = []
            for name in names:
                page = stack.enter_context(browser.live(chromium))
                page.goto(server.url("voila/render/05_draw.ipynb"))
                pads.append(live.PadPage(page))
                pads[-1].control("Your name").fill(name)
            before = server.kernels() / n / 2**20
            for i in range(3):
                for pad in pads:
                    drawing = [np.array(stroke) * live.SIZE for stroke in strokes(i)]
                    pad.draw(drawing)
                    begin = time.perf_counter()
                    pad.wait_for_points(sum(map(len, drawing)))
                    took.append(time.perf_counter() - begin)
                    pad.keep("012"[i])
                    pad.wait_for_points(0)
            after = server.kernels() / n / 2**20
        lines = [json.loads(line) for line in (kept / "drawings.jsonl").open()]
    right = Counter(line["writer"] for line in lines) == dict.fromkeys(names, 3)
    high = np.quantile(took, 0.95)
    print(
        f"{n} people: a kernel has {before:.0f} MiB at first and {after:.0f} MiB after 3 drawings;"
    )
    print(f"  answers after {np.median(took):.2f} s (median; 95th percentile {high:.2f});")
    print(f"  all drawings are there: {right}; load average {loads(load)}")


def latency(chromium, server: live.Server, delay: float, n: int, recognizer: Recognizer) -> None:
    """Echoes and answers, in turn, over a link of that delay."""
    times, read, inked = [], 0, 0
    load = os.getloadavg()
    with page_of(chromium) as page:
        live.run_all(page, server, "echo.ipynb")
        pad = live.PadPage(page)
        page.wait_for_timeout(2000)
        for i in range(n):
            drawing = strokes(i)
            times.append(page.evaluate(MEASURE, drawing))
            places = [np.array(stroke) * live.SIZE for stroke in drawing]
            read += pad.best() == recognizer.read_strokes(places)[0][0]
            inked += drawn(pad, places)
    echo, amid, answer = np.array(times).T
    print(f"{1000 * delay:.0f} ms each way, n = {len(times)}, load average {loads(load)}")
    print(f"  echo at rest, ms: {spread(echo)}")
    print(f"  echo in place of a stroke's last point, ms: {spread(amid)}")
    print(f"  answer, ms: {spread(answer)}" + (f"; the aim is {AIM}" if not delay else ""))
    for name, each in (("at rest", echo), ("in place of the last point", amid)):
        ratio = np.quantile(answer, 0.95) / np.quantile(each, 0.95)
        *limits, ratios = intervals(each, answer)
        print(f"  95th percentiles beside an echo {name}, 95 % intervals in ms: echo {limits[0]},")
        print(f"  answer {limits[1]}; ratio {ratio:.2f} ({ratios}), at most {MOST}")
    print(
        f"  answers as read_strokes gives them: {read}; ink where it was drawn: {inked}", flush=True
    )


def drawn(pad: live.PadPage, strokes: list[np.ndarray], patience: float = 5) -> bool:
    """Whether all points of the strokes, in pixels of the pad, are dark; the line comes last."""
    until = time.monotonic() + patience
    for x, y in np.concatenate(strokes):
        while not pad.dark(x, y):
            if time.monotonic() > until:
                return False
            pad.page.wait_for_timeout(20)
    return True


def opening(chromium, server: live.Server, name: str | None = None) -> tuple[float, float]:
    """Seconds to the pad of `05_draw` and to its first answer.

    From "Run All Cells" of the copy `name` in JupyterLab; or from the page's address, in Voilà.
    """
    with page_of(chromium) as page:
        if name:
            live.run_all(page, server, name)
        begin = time.perf_counter()
        if not name:
            page.goto(server.url("voila/render/05_draw_0.ipynb"))
        pad = live.PadPage(page)
        there = time.perf_counter() - begin
        pad.draw([np.array(stroke) * live.SIZE for stroke in strokes(0)])
        pad.answers.locator(".hcr-bars").first.wait_for()
        return there, time.perf_counter() - begin


def strokes(i: int) -> list[list[list[float]]]:
    """A character of about 15 points a stroke, as shares of the pad's side."""
    drawing = synthesis.character("0123456789ABDEFGHNQRT"[i % 21], i)
    every = [stroke[:: max(1, len(stroke) // 15)] * 0.7 + 0.15 for stroke in drawing]
    return [[[float(x), float(y)] for x, y in stroke] for stroke in every if len(stroke) > 1]


@contextmanager
def page_of(chromium) -> Iterator:
    """A page of its own."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    try:
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def slow(server: live.Server, delay: float) -> Iterator[live.Server]:
    """The same server over a link that holds each piece back for `delay` seconds."""
    if not delay:
        yield server
        return
    target = int(server.address.rsplit(":", 1)[1])
    loop = asyncio.new_event_loop()

    async def pump(reader, writer) -> None:
        while data := await reader.read(65536):
            loop.call_later(delay, lambda data=data: writer.is_closing() or writer.write(data))
        loop.call_later(delay, writer.close)

    async def meet(reader, writer) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target)
        # What is still open at the end is cut off.
        with suppress(asyncio.CancelledError):
            await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    async def end() -> None:
        every = asyncio.all_tasks() - {asyncio.current_task()}
        for task in every:
            task.cancel()
        await asyncio.gather(*every, return_exceptions=True)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = asyncio.start_server(meet, "127.0.0.1", 0)
    proxy = asyncio.run_coroutine_threadsafe(starting, loop).result()
    port = proxy.sockets[0].getsockname()[1]
    try:
        yield replace(server, address=f"http://127.0.0.1:{port}")
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        proxy.close()
        loop.close()


def openings(found: list[tuple[float, float]], load: tuple[float, ...]) -> str:
    """The seconds to the pad and to its first answer, and how busy the machine was."""
    pads, answers = np.array(found).T
    told = [
        f"{what} after {np.median(each):.1f} s (median; largest {each.max():.1f})"
        for what, each in (("pad", pads), ("answer", answers))
    ]
    return f"{', '.join(told)}, n = {len(found)}, load average {loads(load)}"


def loads(before: tuple[float, ...]) -> str:
    """The load average of the last minute, before and now."""
    return f"{before[0]:.1f} to {os.getloadavg()[0]:.1f}"


def intervals(echo: np.ndarray, answer: np.ndarray) -> list[str]:
    """95 % bootstrap intervals over the pairs: of both 95th percentiles, and of their ratio."""
    chosen = np.random.default_rng(0).integers(0, len(echo), (RESAMPLES, len(echo)))
    high = [np.quantile(each[chosen], 0.95, axis=1) for each in (echo, answer)]
    found = [np.quantile(each, (0.025, 0.975)) for each in (*high, high[1] / high[0])]
    digits = (1, 1, 2)
    return [f"{low:.{n}f} to {top:.{n}f}" for (low, top), n in zip(found, digits, strict=True)]


def spread(values: np.ndarray) -> str:
    """Median, 95th percentile and the largest."""
    middle, high = np.quantile(values, (0.5, 0.95))
    return f"median {middle:.1f}, 95th percentile {high:.1f}, largest {values.max():.1f}"


if __name__ == "__main__":
    main()
