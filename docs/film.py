"""Record the pad in use, for the README: a short film from a real browser.

    uv run docs/film.py [FOLDER ...]

FOLDER holds model.tflite and labels.json; by default it is what `Recognizer.load()` gives,
and any other model that is there is the one beside it. A JupyterLab is started on loopback, the pad
is drawn on with the mouse along strokes that a program made, and every few steps a picture of it is
taken. The arrow is painted into the pictures, because a browser without a screen shows none.
Writes docs/pad.webp.
"""

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from hcr.preprocessing import synthesis
from hcr.recognizer import Recognizer

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))  # it starts and drives the server as the tests do

import browser  # noqa: E402
import live  # noqa: E402

FILM = PROJECT / "docs" / "pad.webp"
MOST = 1_000_000  # bytes
WIDTH, HEIGHT = 840, 474  # px: of the page's part that is shown; two models side by side fill it
SECOND = "mnist_nist_1000 (pretrained)"  # the one beside, where it is there
FRAME, REST = 70, 1600  # ms: a picture while something moves, and one to be read
ARROW = [(0, 0), (0, 15), (4, 12), (7, 18), (9, 17), (6, 11), (11, 11)]

CELL = """
from pathlib import Path
from hcr import recognizer
from hcr.datasets import drawings_file as drawings
from hcr.pad import Pad

folders = [Path(each) for each in {folders!r}]
first = recognizer.Recognizer.load(folders[0])
readers = dict.fromkeys([folders[0].name], first) if folders[1:] else recognizer.choices(first)
for each in folders[1:]:
    readers[each.name] = recognizer.Recognizer.load(each)
Pad(readers, drawings)
"""


class Film:
    """Pictures of a part of a page, each with the milliseconds that it stands."""

    def __init__(self, pad: live.PadPage):
        self.pad, self.frames, self.times = pad, [], []
        self.at = pad.place(140, 140)

    def take(self, milliseconds: int = FRAME) -> None:
        """Take one picture, or let the last one stand longer where nothing has changed."""
        box = self.pad.root.bounding_box()
        clip = {"x": box["x"] - 8, "y": box["y"] - 4, "width": WIDTH, "height": HEIGHT}
        picture = Image.open(io.BytesIO(self.pad.page.screenshot(clip=clip))).convert("RGB")
        x, y = self.at[0] - clip["x"], self.at[1] - clip["y"]
        outline = [(x + dx, y + dy) for dx, dy in ARROW]
        ImageDraw.Draw(picture).polygon(outline, fill="black", outline="white")
        if self.frames and picture.tobytes() == self.frames[-1].tobytes():
            self.times[-1] += milliseconds
        else:
            self.frames.append(picture)
            self.times.append(milliseconds)

    def go(self, x: float, y: float, steps: int = 6) -> None:
        """Move the mouse to a place on the page."""
        start = self.at
        for step in range(1, steps + 1):
            share = step / steps
            self.at = start[0] + (x - start[0]) * share, start[1] + (y - start[1]) * share
            self.pad.page.mouse.move(*self.at)
            self.take()

    def draw(self, character: str, seed: int, size: float, x: float, y: float) -> None:
        """Draw a character as a program made it, `size` pixels high, its corner at (x, y)."""
        mouse = self.pad.page.mouse
        for stroke in synthesis.character(character, seed):
            places = [self.pad.place(*point) for point in stroke * size + (x, y)]
            places = places[:: max(1, len(places) // 14)] + places[-1:]
            self.go(*places[0], steps=3)
            mouse.down()
            for place in places[1:]:
                self.at = place
                mouse.move(*place)
                self.take()
            mouse.up()
        self.pad.page.wait_for_timeout(600)
        self.take(REST)

    def press(self, control) -> None:
        """Go to a control and click it."""
        box = control.bounding_box()
        self.go(box["x"] + min(20, box["width"] / 2), box["y"] + box["height"] / 2)
        control.click()
        self.pad.page.wait_for_timeout(500)
        self.take(400)

    def save(self) -> None:
        """Write it, as finely as `MOST` allows."""
        for quality in (80, 60, 40, 20):
            self.frames[0].save(
                FILM,
                save_all=True,
                append_images=self.frames[1:],
                duration=self.times,
                loop=0,
                quality=quality,
                method=6,
            )
            if FILM.stat().st_size < MOST:
                break
        seconds = sum(self.times) / 1000
        print(f"{FILM.stat().st_size:,} bytes, {len(self.frames)} pictures, {seconds:.1f} s")


def main() -> None:
    """Record and save."""
    folders = [str(Path(each).resolve()) for each in sys.argv[1:]]
    folders = folders or [str(Recognizer.load().path.parent)]
    with tempfile.TemporaryDirectory() as aside, browser.launched() as chromium:
        files = Path(aside) / "files"
        files.mkdir()
        live.write(files / "pad.ipynb", CELL.format(folders=folders))
        with (
            live.lab(files, HCR_DRAWINGS=str(files.parent / "drawings")) as server,
            browser.live(chromium, 1000, 1000) as page,
        ):
            live.run_all(page, server, "pad.ipynb")
            pad = live.PadPage(page)
            page.evaluate("jupyterapp.shell.collapseLeft()")
            page.locator(".jp-InputCollapser, .jp-Collapser").first.click()
            page.wait_for_timeout(1500)
            film = Film(pad)
            scene(film)
            film.save()


def scene(film: Film) -> None:
    """What happens."""
    pad = film.pad
    film.take(600)
    # ipywidgets writes each space so that it is not broken at.
    options = [
        text.replace("\xa0", " ")
        for text in pad.control("Compare with").locator("option").all_inner_texts()
    ]
    # From the beginning, or a part of the picture would stay empty.
    if len(options) > 2:
        film.go(*np.add(list(pad.control("Compare with").bounding_box().values())[:2], 12))
        second = options.index(SECOND) if SECOND in options else 2
        pad.control("Compare with").select_option(index=second)
        pad.page.wait_for_timeout(1000)
        film.take(600)
    film.draw("A", 3, 200, 40, 40)
    film.press(pad.button("Clear"))
    film.draw("R", 5, 60, 20, 200)
    film.press(pad.button("Clear"))
    film.draw("O", 1, 150, 65, 65)
    film.press(pad.control("Show saliency"))
    film.take(REST)
    film.press(pad.control("You meant"))
    pad.control("You meant").fill("O")
    pad.page.wait_for_timeout(500)
    film.take(500)
    film.press(pad.button("Keep"))
    film.take(REST)


if __name__ == "__main__":
    main()
