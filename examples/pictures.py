"""Sample pictures of one character each, as people photograph and scan them, drawn by program.

    uv run examples/pictures.py [FOLDER]

Writes into examples/pictures, or FOLDER, the pictures that `PICTURES` lists, and `labels.csv`. The
same seeds give the same pictures. They show that the way from picture to answer works, in the
notebook 07_pictures and here; what people write is another matter:

    uv run python -m hcr recognize --expect examples/pictures/labels.csv
"""

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from hcr.preprocessing import synthesis

SIZE = 360, 480  # px: height, width
INKS = {"black": (35, 33, 38), "blue": (38, 56, 140), "pencil": (112, 110, 112)}
X = np.linspace(0, 1, SIZE[1])[None]
Y = np.linspace(0, 1, SIZE[0])[:, None]


def strokes(char: str, seed: int, width: float = 11, height: float = 190) -> np.ndarray:
    """How much ink there is, float (height, width) of 0..1: a pen, off the middle, a bit faint."""
    rng = np.random.default_rng(seed)
    mask = Image.new("L", (4 * SIZE[1], 4 * SIZE[0]))
    draw = ImageDraw.Draw(mask)
    start = np.array([SIZE[1] - height, SIZE[0] - height]) * rng.uniform(0.35, 0.65, 2)
    for stroke in synthesis.character(char, rng):
        points = 4 * (start + height * stroke)
        draw.line([tuple(point) for point in points], 255, round(4 * width), "curve")
        for x, y in (points[0], points[-1]):
            draw.circle((x, y), 2 * width, 255)
    ink = np.asarray(mask.resize(SIZE[::-1], Image.Resampling.BOX)) / 255
    grain = ndimage.gaussian_filter(rng.normal(0, 1, SIZE), 1.5)
    return np.clip(ink * (0.93 + 0.25 * grain), 0, 1)


def paper(seed: int, color: tuple = (246, 243, 235)) -> np.ndarray:
    """Paper with its fibers, float (h, w, 3) of 0..255."""
    rng = np.random.default_rng([seed, 1])
    fine, coarse = (ndimage.gaussian_filter(rng.normal(0, 1, SIZE), s) for s in (1, 12))
    return np.array(color) + (3 * fine / fine.std() + 2 * coarse / coarse.std())[..., None]


def inked(sheet: np.ndarray, ink: np.ndarray, color: tuple) -> np.ndarray:
    """Ink of a color on a sheet."""
    return sheet + ink[..., None] * (np.array(color) - sheet)


def written(char: str, seed: int, color: str = "black", **pen: float) -> np.ndarray:
    """A character on plain paper."""
    return inked(paper(seed), strokes(char, seed, **pen), INKS[color])


def lit(picture: np.ndarray, light: np.ndarray) -> np.ndarray:
    """A picture in a light of 0..1, warm where it is bright."""
    return picture * light[..., None] ** np.array([0.97, 1.0, 1.06])


def noisy(picture: np.ndarray, seed: int, spread: float) -> np.ndarray:
    """With the noise of a sensor."""
    return picture + np.random.default_rng([seed, 2]).normal(0, spread, picture.shape)


def shadow(edge: float, soft: float, depth: float) -> np.ndarray:
    """The light beside what casts a shadow from the right below."""
    return 1 - depth / (1 + np.exp(-(X + 0.8 * Y - edge) / soft))


def ruled(seed: int, step: int, squared: bool = False) -> np.ndarray:
    """A sheet with lines every `step` pixels, or with squares."""
    lines = np.zeros(SIZE)
    lines[step // 2 :: step] = 1
    if squared:
        lines[:, step // 2 :: step] = 1
    return inked(paper(seed), 0.55 * ndimage.gaussian_filter(lines, 0.5), (120, 150, 200))


def form_box(seed: int) -> np.ndarray:
    """A sheet with a form's box around the middle."""
    line = Image.new("L", SIZE[::-1])
    ImageDraw.Draw(line).rectangle((85, 22, 395, 338), outline=255, width=3)
    return inked(paper(seed), np.asarray(line) / 255, (60, 60, 60))


def board(char: str, seed: int) -> np.ndarray:
    """Chalk on a board."""
    chalk = strokes(char, seed, 15) * np.random.default_rng([seed, 3]).uniform(0.55, 1, SIZE)
    return inked(paper(seed, (52, 70, 62)), chalk, (232, 232, 222))


def see_through(char: str, seed: int) -> np.ndarray:
    """Ink cut out: its form is in the alpha alone."""
    ink = strokes(char, seed)
    return np.dstack([np.full((*SIZE, 3), 20.0), 255 * ink])


def blurred(picture: np.ndarray) -> np.ndarray:
    """Out of focus, with a hand that moved."""
    return ndimage.uniform_filter1d(ndimage.gaussian_filter(picture, (4, 4, 0)), 9, axis=1)


# File name to the character, and to what draws it.
PICTURES: dict[str, tuple[str, Callable[[str, int], np.ndarray]]] = {
    "ballpoint.jpg": ("7", lambda c, s: written(c, s, "blue", width=7)),
    "blurred.jpg": ("5", lambda c, s: blurred(written(c, s))),
    "board.jpg": ("2", board),
    "box.jpg": ("9", lambda c, s: inked(form_box(s), strokes(c, s, 9), INKS["blue"])),
    "dim.jpg": ("8", lambda c, s: noisy(0.35 * written(c, s), s, 9)),
    "marker.jpg": ("b", lambda c, s: written(c, s, width=26)),
    "pencil.jpg": ("E", lambda c, s: noisy(written(c, s, "pencil", width=5), s, 4)),
    "ruled.jpg": ("K", lambda c, s: inked(ruled(s, 56), strokes(c, s, 9), INKS["blue"])),
    "shadow.jpg": ("3", lambda c, s: lit(written(c, s), shadow(0.95, 0.03, 0.55))),
    "side_light.jpg": ("A", lambda c, s: lit(written(c, s), 1 - 0.7 * X**1.2 + 0 * Y)),
    "small.jpg": ("R", lambda c, s: noisy(written(c, s, width=4, height=60), s, 3)),
    "squared.jpg": ("4", lambda c, s: inked(ruled(s, 40, True), strokes(c, s, 9), INKS["black"])),
    "transparent.png": ("G", see_through),
    "turned.jpg": ("H", written),  # stored on its side, as telephones do
}


def main(folder: Path) -> None:
    """Write all pictures, and their labels."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, (char, make)) in enumerate(PICTURES.items()):
        pixels = np.clip(np.rint(make(char, seed)), 0, 255).astype(np.uint8)
        picture, more = Image.fromarray(pixels), {"quality": 72}
        if name.endswith(".png"):
            more = {"optimize": True}
        if name == "turned.jpg":
            picture, exif = picture.transpose(Image.Transpose.ROTATE_90), Image.Exif()
            exif[0x0112] = 6  # orientation: the camera was held on its left side
            more["exif"] = exif
        picture.save(folder / name, **more)
    with (folder / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("picture", "label"))
        rows.writerows((name, char) for name, (char, _) in PICTURES.items())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).with_suffix(""))
