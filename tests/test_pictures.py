"""Pictures from outside: whatever the size, mode, paper, pen and file, one form comes out."""

import io
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from sklearn.datasets import load_digits

from hcr import datasets
from hcr.errors import DataError
from hcr.preprocessing import (
    FRAMINGS,
    check_images,
    from_picture,
    from_strokes,
    ink,
    read_ink,
    synthesis,
    to_gray_levels,
)
from hcr.preprocessing.images import gray_range


def likeness(one, other):
    """The correlation of two pictures."""
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


def scan(strokes, size=100, pen=12, canvas=(160, 200), at=(30, 40)):
    """Dark ink 0 on paper 1, as a float array: the strokes in a box of `size` pixels."""
    times = 4
    big = Image.new("L", (canvas[0] * times, canvas[1] * times), 255)
    draw, radius = ImageDraw.Draw(big), pen * times / 2
    points = np.concatenate(strokes)
    low, extent = points.min(axis=0), np.ptp(points, axis=0).max()
    for stroke in strokes:
        line = [tuple(p) for p in ((stroke - low) / extent * size + at) * times]
        draw.line(line, fill=0, width=round(pen * times))
        for x, y in line:
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=0)
    return np.asarray(big.resize(canvas, Image.Resampling.BOX), dtype=float) / 255


def bytes_of(gray):
    return np.rint(np.clip(gray, 0, 1) * 255).astype(np.uint8)


CHARS = "A5gRit"
DRAWINGS = {char: synthesis.character(char, 5) for char in CHARS}
SCANS = {char: scan(strokes) for char, strokes in DRAWINGS.items()}
AS_DRAWN = {char: from_strokes(strokes) for char, strokes in DRAWINGS.items()}


def worst(change):
    """The least likeness to the pen's picture over `CHARS`, after `change` of the scan."""
    return min(likeness(from_picture(change(gray)), AS_DRAWN[char]) for char, gray in SCANS.items())


def test_a_scan_is_what_the_pen_gives():
    for char, gray in SCANS.items():
        picture = from_picture(bytes_of(gray))
        assert check_images(picture[None]).max() == 255
        assert likeness(picture, AS_DRAWN[char]) > 0.985, char


@pytest.mark.parametrize(("name", "side", "finer"), [("emnist", 22.7, 1), ("mnist", 20, 0.88)])
def test_a_framing_says_how_large_the_ink_is_and_where(name, side, finer):
    framing, widths = FRAMINGS[name], []
    for char, strokes in DRAWINGS.items():
        scanned = from_picture(bytes_of(SCANS[char]), framing=framing)
        drawn = from_strokes(strokes, framing)
        assert likeness(scanned, drawn) > 0.98
        facts = ink.measure(np.stack([scanned, drawn]))
        assert np.allclose(facts[["width", "height"]].max(axis=1), side, atol=1.1)
        middle = facts[["left", "top"]] + facts[["width", "height"]].to_numpy() / 2 - 14
        mass = facts[["x", "y"]] - 14
        assert np.abs(middle if name == "emnist" else mass).to_numpy().max() <= 0.5
        widths.append(facts.stroke / ink.measure(from_strokes(strokes)[None]).stroke[0])
    assert np.mean(widths) == pytest.approx(finer, abs=0.05)


def test_a_box_that_is_centered_by_mass_stays_on_the_image():
    for strokes in (
        [[(0, 0), (0, 100)], [(0, 0), (5, 0)]],
        [[(0, 0), (100, 0)], [(0, 2), (60, 5)]],
    ):
        image = from_strokes([np.array(each, float) for each in strokes], FRAMINGS["mnist"])
        assert ink.measure(image[None])[["width", "height"]].max(axis=1)[0] in (19, 20, 21)


def noisy(sigma, seed=0):
    rng = np.random.default_rng(seed)
    return lambda gray: gray + rng.normal(0, sigma, gray.shape)


def shaded(gray):
    rows, columns = np.indices(gray.shape) / np.max(gray.shape)
    return gray * (0.5 + 0.3 * columns + 0.2 * rows)


def half_in_shadow(gray):
    columns = np.indices(gray.shape)[1] / gray.shape[1]
    return gray * (1 - 0.4 / (1 + np.exp((0.4 - columns) / 0.02)))


def wide(gray):
    return np.pad(gray, 60, mode="edge")


def fallen_off(gray):
    """Light that falls off by 70 % to the right, and by half to the corners."""
    rows, columns = (np.linspace(-1, 1, n) for n in gray.shape)
    return gray * (0.65 - 0.35 * columns) * (1 - 0.25 * (rows[:, None] ** 2 + columns**2))


def specked(gray):
    return np.where(np.random.default_rng(0).random(gray.shape) < 0.002, 0, gray)


def blurred(gray):
    soft = Image.fromarray(bytes_of(gray)).filter(ImageFilter.GaussianBlur(2))
    return np.asarray(soft) / 255


CHANGES = {
    "light on dark": lambda gray: 1 - gray,
    "pale": lambda gray: 0.75 + 0.2 * gray,
    "noise": lambda gray: noisy(0.1)(0.2 + 0.6 * gray),
    "pale and noisy": lambda gray: noisy(0.05)(0.6 + 0.2 * gray),
    "light on dark, noisy": lambda gray: noisy(0.05)(0.8 - 0.6 * gray),
    "shaded paper": lambda gray: noisy(0.02)(shaded(0.2 + 0.7 * gray)),
    "shaded, light on dark": lambda gray: noisy(0.02)(1 - shaded(0.2 + 0.7 * gray)),
    "a shadow's edge": lambda gray: noisy(0.02)(half_in_shadow(0.2 + 0.7 * gray)),
    "much shade": lambda gray: noisy(0.01)(fallen_off(wide(0.3 + 0.6 * gray))),
    "specks": specked,
    "out of focus": blurred,
}


@pytest.mark.parametrize("change", CHANGES)
def test_paper_and_light_do_not_matter(change):
    assert worst(lambda gray: bytes_of(CHANGES[change](gray))) > 0.975


@pytest.mark.parametrize("pen", [1, 2, 4])
def test_a_fine_pen_is_widened(pen):
    for char, strokes in DRAWINGS.items():
        gray = scan(strokes, size=120, pen=pen)
        assert likeness(from_picture(bytes_of(gray)), AS_DRAWN[char]) > 0.97, char


def test_a_broad_pen_stays_broad():
    broad = from_picture(bytes_of(scan(DRAWINGS["A"], pen=24)))
    assert broad.sum() > 1.3 * AS_DRAWN["A"].sum()


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(CHARS),
    st.floats(30, 300),
    st.integers(0, 150),
    st.integers(0, 150),
    st.booleans(),
)
def test_size_and_place_do_not_matter(char, size, right, down, light):
    pen = size * 0.12
    side = int(size + 2 * pen) + 4
    gray = scan(DRAWINGS[char], size, pen, (side + right, side + down), (pen, pen))
    picture = from_picture(bytes_of(1 - gray if light else gray))
    assert likeness(picture, AS_DRAWN[char]) > 0.96


@pytest.mark.parametrize("char", ["T", "E", "D", "I", "L", "i"])
@pytest.mark.parametrize("pen", [15, 40])
def test_a_tight_crop_is_the_same(char, pen):
    gray = scan(synthesis.character(char, 3), pen=pen, at=(30, 45))
    rows, columns = np.nonzero(gray < 0.5)
    tight = gray[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    whole = from_picture(bytes_of(gray))
    for change in (lambda g: g, lambda g: 1 - g):
        assert likeness(from_picture(bytes_of(change(tight))), whole) > 0.97


def test_a_letters_dot_stays_and_dust_goes():
    i_with_dust = bytes_of(SCANS["i"])
    i_with_dust[5:7, 5:7] = 0
    i_with_dust[190:193, 100:102] = 0
    picture = from_picture(i_with_dust)
    assert likeness(picture, AS_DRAWN["i"]) > 0.98
    rows = (picture >= 128).any(axis=1)
    assert np.abs(np.diff(rows.astype(int))).sum() == 4  # a dot, a gap, a stem


def test_a_lone_dot_is_as_small_as_a_tap():
    big = np.full((300, 200), 255, np.uint8)
    y, x = np.indices(big.shape)
    big[(y - 80) ** 2 + (x - 100) ** 2 < 40**2] = 0
    assert likeness(from_picture(big), from_strokes([[(0, 0)]])) > 0.97


def on_wide_paper(gray):
    """What a dark character gives that has all the paper it needs."""
    paper = np.pad(gray, max(gray.shape), constant_values=255)
    return from_picture(paper, inverted=True)


@pytest.mark.parametrize("side", [8, 32, 100])
def test_a_soft_character_that_fills_the_picture_is_no_blank_paper(side):
    # 8 x 8 pixels, enlarged: nothing is finer than the coarse grid on which shade is looked for.
    for digit in load_digits().images[:20]:
        small = Image.fromarray(bytes_of(1 - digit / 16))
        gray = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))
        expected = on_wide_paper(gray)
        for picture in (gray, 255 - gray, 127 + gray // 2):
            assert likeness(from_picture(picture), expected) > 0.85


FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
PRINTED = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def printed(char, name, margin, blur):
    """A printed character cut out with so many pixels around it, out of focus."""
    page = Image.new("L", (160, 160), 255)
    font = ImageFont.truetype(str(FONTS / f"{name}.ttf"), 80)
    ImageDraw.Draw(page).text((30, 20), char, font=font, fill=0)
    left, top, right, bottom = Image.fromarray(255 - np.asarray(page)).getbbox()
    page = page.filter(ImageFilter.GaussianBlur(blur)) if blur else page
    return np.asarray(page.crop((left - margin, top - margin, right + margin, bottom + margin)))


@pytest.mark.parametrize(("margin", "blur"), [(0, 0), (0, 4), (2, 4), (6, 4), (6, 2)])
@pytest.mark.parametrize("name", ["DejaVuSans", "DejaVuSans-Bold", "STIXGeneral"])
def test_print_out_of_focus_comes_out_as_itself(name, margin, blur):
    for char in PRINTED[::3] + "I":
        gray = printed(char, name, margin, blur)
        # A blurred pen is broader, and where it is fine the crop takes some of it.
        sharp = from_picture(printed(char, name, margin, 0), inverted=True)
        assert likeness(from_picture(gray, inverted=True), sharp) > 0.75, char


def test_bold_print_without_a_margin_mostly_tells_its_ink():
    right = {True: 0, False: 0}
    for char in PRINTED:
        gray = printed(char, "DejaVuSans-Bold", 0, 0)
        expected = from_picture(gray, inverted=True)
        for dark in right:
            found = from_picture(gray if dark else 255 - gray)
            right[dark] += likeness(found, expected) > 0.85
    # The border alone gives 26 of 36 for both.
    assert right[True] >= 32
    assert right[False] >= 30


def test_where_it_is_close_the_ink_is_dark():
    # Half the picture, either way: nothing tells the two apart.
    halves = np.repeat(np.repeat([[0, 255], [255, 0]], 20, axis=0), 20, axis=1).astype(np.uint8)
    expected = from_picture(halves, inverted=True)
    assert likeness(from_picture(halves), expected) > 0.99
    assert likeness(from_picture(halves), from_picture(255 - halves)) < 0


def lamp(shape):
    """Paper under a lamp that stands near."""
    rows, columns = (index / size for index, size in zip(np.indices(shape), shape, strict=True))
    return 0.19 / (0.2 + (rows - 0.1) ** 2 + (columns - 0.2) ** 2)


def vignette(shape):
    rows, columns = (index / size for index, size in zip(np.indices(shape), shape, strict=True))
    return 1 - 1.2 * ((rows - 0.5) ** 2 + (columns - 0.5) ** 2)


PAPERS = {
    "flat": lambda shape: np.full(shape, 0.8),
    "white": np.ones,
    "black": np.zeros,
    "a slope": lambda shape: np.tile(np.linspace(0.4, 1, shape[1]), (shape[0], 1)),
    "shaded": lambda shape: shaded(np.ones(shape)),
    "a shadow's edge": lambda shape: half_in_shadow(np.full(shape, 0.9)),
    "a lamp": lamp,
    "dark corners": vignette,
}


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (32, 32), (100, 80), (200, 260)])
@pytest.mark.parametrize("sigma", [0, 0.05, 0.1])
@pytest.mark.parametrize("paper", PAPERS)
def test_paper_alone_is_empty_whatever_the_light(paper, sigma, shape):
    image = from_picture(bytes_of(noisy(sigma)(PAPERS[paper](shape))))
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert not image.any()


@pytest.mark.parametrize(
    "change",
    [
        lambda gray: noisy(0.1)(gray),
        lambda gray: noisy(0.03)(0.7 + 0.2 * gray),
        lambda gray: noisy(0.02)(shaded(0.2 + 0.7 * gray)),
    ],
)
def test_little_ink_on_much_paper_is_found(change):
    for char, strokes in DRAWINGS.items():
        gray = scan(strokes, size=40, pen=3, canvas=(300, 300), at=(200, 90))
        found = from_picture(bytes_of(change(gray)), inverted=True)
        assert likeness(found, AS_DRAWN[char]) > 0.9, char


def test_little_ink_on_a_large_picture_is_as_sharp():
    for char, strokes in DRAWINGS.items():
        gray = scan(strokes, size=30, pen=3, canvas=(512, 512), at=(100, 300))
        assert likeness(from_picture(bytes_of(gray)), AS_DRAWN[char]) > 0.975, char


def test_inverted_can_be_told():
    # A ring that touches all sides: the border alone would say that the ring is paper.
    y, x = np.indices((60, 60)) - 29.5
    ring = np.where(np.maximum(np.abs(x), np.abs(y)) > 20, 0, 255).astype(np.uint8)
    found, told = from_picture(ring), from_picture(ring, inverted=True)
    assert found[14, 14] > 200
    assert not found[:6].any()
    assert told[14, 14] == 0
    assert told[3, 14] > 200
    assert (from_picture(255 - ring, inverted=False) == told).all()


def test_every_mode_of_pillow_and_numpy_gives_the_same():
    gray = bytes_of(SCANS["R"])
    image = Image.fromarray(gray)
    expected = from_picture(gray)
    deep = Image.fromarray(gray.astype(np.uint16) * 257)
    assert deep.mode == "I;16"
    see_through = np.zeros((*gray.shape, 4), np.uint8)
    see_through[..., 3] = 255 - gray
    file = io.BytesIO()
    image.save(file, "PNG")
    alike = {
        **{mode: image.convert(mode) for mode in ("RGB", "RGBA", "LA", "CMYK", "P", "I", "F")},
        "I;16": deep,
        "black ink on nothing": Image.fromarray(see_through),
        "array (h, w, 1)": gray[..., None],
        "array with alpha": see_through,
        "uint16": gray.astype(np.uint16) * 257,
        "int64": gray.astype(np.int64),
        "float": gray / 255,
        "not contiguous": np.repeat(gray, 2, axis=1)[:, ::2],
        "list": gray.tolist(),
        "channel first": gray[None],
        "RGB first": np.repeat(gray[None], 3, axis=0),
        "one of a batch": gray[None, ..., None],
        "content": file.getvalue(),
        "file": file,
        "sketch": {"background": None, "layers": [see_through], "composite": see_through},
        "layers": {"background": np.full_like(see_through, 255), "layers": [see_through]},
        "mask": {"image": np.full_like(gray, 255), "mask": 255 - gray},
    }
    for name, picture in alike.items():
        assert likeness(from_picture(picture), expected) > 0.995, name
    for name, picture in {"1": image.convert("1", dither=0), "bool": gray > 127}.items():
        assert likeness(from_picture(picture), expected) > 0.97, name


def turned(ink, paper, angle, expand=False):
    """The scan of an R in these grays, turned, with transparent corners."""
    gray = bytes_of(paper + (ink - paper) * (1 - SCANS["R"]))
    picture = Image.fromarray(gray).convert("RGBA")
    return picture.rotate(angle, Image.Resampling.BICUBIC, expand)


def cut_out(ink, hidden):
    """The ink of an R alone, in this gray, on what is transparent and has another gray."""
    gray = bytes_of(SCANS["R"])
    pixels = np.full((*gray.shape, 4), ink, np.uint8)
    pixels[..., 3] = 255 - gray
    pixels[gray == 255, :3] = hidden
    return pixels


TRANSPARENT = {
    "white ink alone": cut_out(255, 255),
    "white ink alone, black hidden": cut_out(255, 0),
    "black ink alone, white hidden": cut_out(0, 255),
    "light paper turned": turned(0.1, 0.9, 8),
    "dark paper turned": turned(1, 0, 8),
    "dark paper turned, larger": turned(1, 0, 8, True),
}


@pytest.mark.parametrize("name", TRANSPARENT)
def test_what_is_transparent_is_neither_paper_nor_ink(name):
    level = bytes_of(SCANS["R"])
    if "turned" in name:
        level = np.asarray(
            Image.fromarray(level).rotate(8, Image.Resampling.BICUBIC, fillcolor=255)
        )
    assert likeness(from_picture(TRANSPARENT[name]), from_picture(level)) > 0.98


def test_blank_paper_with_transparent_corners_is_blank():
    assert not from_picture(turned(0.9, 0.9, 8)).any()
    assert not from_picture(np.zeros((50, 50, 4), np.uint8)).any()


@pytest.mark.parametrize("fill", [0, 255])
def test_the_corners_of_a_turned_picture_are_no_ink(fill):
    paper = bytes_of(0.2 + 0.6 * SCANS["A"])
    for angle in (8, -30):
        picture = Image.fromarray(paper)
        turned = picture.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=fill)
        even = picture.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=204)
        assert likeness(from_picture(turned), from_picture(even)) > 0.99


def test_a_phones_photo_is_turned_as_it_says():
    photo = Image.fromarray(bytes_of(SCANS["R"])).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    file = io.BytesIO()
    photo.save(file, "jpeg", exif=exif, quality=95)
    assert likeness(from_picture(Image.open(file)), AS_DRAWN["R"]) > 0.97


@pytest.mark.parametrize(
    ("wrong", "received"),
    [
        ([[0, 255], [0]], "list"),
        (np.zeros(784, np.uint8), r"\(784,\)"),
        ({"composite": None, "layers": []}, "composite"),
        (np.zeros((2, 28, 28, 3), np.uint8), r"\(2, 28, 28, 3\)"),
        (np.zeros((5, 5, 7), np.uint8), r"\(5, 5, 7\)"),
        (np.zeros((0, 28), np.uint8), r"\(0, 28\)"),
        (np.full((5, 5), np.nan), "nan"),
        (np.full((5, 5), 70000), "from 70000"),
        (np.full((5, 5), 1j), "complex"),
    ],
)
def test_no_picture(wrong, received):
    with pytest.raises(DataError, match=received) as error:
        from_picture(wrong)
    assert "\n" not in str(error.value)


def ruled(gray, lines, width=4):
    """Dark lines over a picture: each the side that it is parallel to, and its distance from it."""
    gray = gray.copy()
    for side, at in lines:
        turned = np.rot90(gray, "tlbr".index(side))  # a view
        turned[at : at + width] = 0.1
    return gray


LINES = {
    "a box at the edge": [(side, 0) for side in "tlbr"],
    "two sides of a cell": [("t", 0), ("l", 0)],
    "a line below": [("b", 20)],
    "ruled paper": [("t", 12), ("b", 20), ("b", 5)],
}


@pytest.mark.parametrize("name", LINES)
def test_lines_are_no_ink_and_an_empty_cell_is_blank(name):
    # Wide enough that no line touches the character; turned a little, as in a photo.
    paper = {char: np.pad(gray, 10, constant_values=1) for char, gray in SCANS.items()}
    for char, gray in paper.items():
        found = from_picture(bytes_of(ruled(gray, LINES[name])))
        assert likeness(found, AS_DRAWN[char]) > 0.97, char
    empty = bytes_of(ruled(np.ones((220, 180)), LINES[name]))
    assert set(read_ink(empty)[1]) == {"blank"}


def test_a_box_inside_the_picture_is_no_ink():
    for char, gray in SCANS.items():
        boxed = ruled(np.pad(gray, 10, constant_values=1), LINES["a box at the edge"])
        boxed = np.pad(boxed, 15, constant_values=1)
        assert likeness(from_picture(bytes_of(boxed)), AS_DRAWN[char]) > 0.97, char
        tilted = Image.fromarray(bytes_of(boxed)).rotate(2, Image.Resampling.BICUBIC, fillcolor=255)
        assert likeness(from_picture(tilted), AS_DRAWN[char]) > 0.9, char


@pytest.mark.parametrize("char", "TEHIFZ17")
def test_bars_of_a_character_in_a_fine_pen_are_no_lines(char):
    strokes = synthesis.character(char)
    gray = scan(strokes, size=190, pen=5, canvas=(220, 220), at=(12, 12))
    rows, columns = np.nonzero(gray < 0.5)
    tight = gray[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert likeness(from_picture(bytes_of(tight)), from_strokes(strokes)) > 0.9


GRAYS = bytes_of(SCANS["R"]).astype(int)
RANGES = {
    "0..1": (GRAYS > 127).astype(np.uint8),
    "0..15": (GRAYS // 16).astype(np.uint8),
    "0..16": GRAYS / 255 * 16,
    "0..255": GRAYS.astype(float),
    "0..4095": (GRAYS * 16).astype(np.uint16),
    "0..65535": (GRAYS * 257).astype(np.uint16),
    "-1..1": GRAYS / 127.5 - 1,
    "-0.424213..2.82149": (GRAYS / 255 - 0.1307) / 0.3081,
}


@pytest.mark.parametrize("name", RANGES)
def test_an_arrays_range_is_told_from_its_numbers(name):
    levels = to_gray_levels(RANGES[name])
    assert "{:g}..{:g}".format(*gray_range(RANGES[name])) == name
    assert levels.dtype == np.uint8
    assert np.abs(levels.astype(int) - GRAYS).max() <= (127 if name == "0..1" else 16)


WARNED = {
    "blank": lambda gray: np.full_like(gray, 0.9),
    "touches_border": lambda gray: gray[:, 80:],
    "low_contrast": lambda gray: 0.7 + 0.08 * gray,
}


def test_what_cannot_be_trusted_says_so_and_the_rest_does_not():
    for code, change in WARNED.items():
        assert set(read_ink(bytes_of(change(SCANS["R"])))[1]) == {code}
    for gray in SCANS.values():
        rows, columns = np.nonzero(gray < 0.5)
        tight = gray[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert not read_ink(bytes_of(gray))[1]
        assert not read_ink(bytes_of(tight))[1]


@pytest.mark.data
def test_emnists_own_pictures_come_out_as_they_went_in():
    pictures = datasets.load("emnist-subset").train.images[:150]
    alike = []
    for picture in pictures:
        big = Image.fromarray(picture).resize((140, 140), Image.Resampling.BICUBIC)
        paper = np.pad(255 - np.asarray(big), ((30, 80), (10, 90)), constant_values=255)
        alike.append(likeness(from_picture(paper), picture))
    # Some of EMNIST's are off the middle or framed with a speck, and are framed anew.
    assert np.median(alike) > 0.96
    assert np.quantile(alike, 0.1) > 0.85
