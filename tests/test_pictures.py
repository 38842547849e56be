"""Pictures from outside: whatever the size, mode, paper and pen, what comes out is one form."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from hcr import datasets, images, synthesis
from hcr.errors import DataError


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


def bytes_of(grey):
    return np.rint(np.clip(grey, 0, 1) * 255).astype(np.uint8)


CHARS = "A5gRit"
DRAWINGS = {char: synthesis.character(char, 5) for char in CHARS}
SCANS = {char: scan(strokes) for char, strokes in DRAWINGS.items()}
AS_DRAWN = {char: images.from_strokes(strokes) for char, strokes in DRAWINGS.items()}


def worst(change):
    """The least likeness to the pen's picture over `CHARS`, after `change` of the scan."""
    return min(
        likeness(images.from_picture(change(grey)), AS_DRAWN[char]) for char, grey in SCANS.items()
    )


def test_a_scan_is_what_the_pen_gives():
    for char, grey in SCANS.items():
        picture = images.from_picture(bytes_of(grey))
        assert images.check(picture[None]).max() == 255
        assert likeness(picture, AS_DRAWN[char]) > 0.985, char


def test_it_follows_what_nists_pictures_went_through():
    # NIST: black and white, 128 x 128, characters of about 44 pixels, lines of about 5.
    for char, strokes in DRAWINGS.items():
        grey = scan(strokes, size=44, pen=5, canvas=(128, 128)) > 0.5
        assert likeness(images.from_picture(grey), AS_DRAWN[char]) > 0.97, char


def test_the_longer_side_is_as_long_as_emnists_and_in_the_middle():
    for grey in SCANS.values():
        picture = images.from_picture(bytes_of(grey))
        for axis in (0, 1):
            ink = np.flatnonzero(picture.max(axis=axis) >= 128)
            assert abs(ink[0] - (27 - ink[-1])) <= 1
        spans = [np.ptp(np.flatnonzero(picture.max(axis=axis) >= 128)) + 1 for axis in (0, 1)]
        assert max(spans) in (22, 23, 24)


def noisy(sigma, seed=0):
    rng = np.random.default_rng(seed)
    return lambda grey: grey + rng.normal(0, sigma, grey.shape)


def shaded(grey):
    rows, columns = np.indices(grey.shape) / np.max(grey.shape)
    return grey * (0.5 + 0.3 * columns + 0.2 * rows)


def half_in_shadow(grey):
    columns = np.indices(grey.shape)[1] / grey.shape[1]
    return grey * (1 - 0.4 / (1 + np.exp((0.4 - columns) / 0.02)))


def specked(grey):
    return np.where(np.random.default_rng(0).random(grey.shape) < 0.002, 0, grey)


def blurred(grey):
    soft = Image.fromarray(bytes_of(grey)).filter(ImageFilter.GaussianBlur(2))
    return np.asarray(soft) / 255


@pytest.mark.parametrize(
    "change",
    [
        lambda grey: 1 - grey,
        lambda grey: 0.75 + 0.2 * grey,
        lambda grey: noisy(0.1)(0.2 + 0.6 * grey),
        lambda grey: noisy(0.05)(0.6 + 0.2 * grey),
        lambda grey: noisy(0.05)(0.8 - 0.6 * grey),
        lambda grey: noisy(0.02)(shaded(0.2 + 0.7 * grey)),
        lambda grey: noisy(0.02)(1 - shaded(0.2 + 0.7 * grey)),
        lambda grey: noisy(0.02)(half_in_shadow(0.2 + 0.7 * grey)),
        specked,
        blurred,
    ],
    ids=[
        "light on dark",
        "pale",
        "noise",
        "pale and noisy",
        "light on dark, noisy",
        "shaded paper",
        "shaded, light on dark",
        "a shadow's edge",
        "specks",
        "out of focus",
    ],
)
def test_paper_and_light_do_not_matter(change):
    assert worst(lambda grey: bytes_of(change(grey))) > 0.975


@pytest.mark.parametrize("pen", [1, 2, 4])
def test_a_fine_pen_is_widened(pen):
    for char, strokes in DRAWINGS.items():
        grey = scan(strokes, size=120, pen=pen)
        assert likeness(images.from_picture(bytes_of(grey)), AS_DRAWN[char]) > 0.97, char


def test_a_broad_pen_stays_broad():
    broad = images.from_picture(bytes_of(scan(DRAWINGS["A"], pen=24)))
    assert broad.sum() > 1.3 * AS_DRAWN["A"].sum()


@settings(max_examples=20, deadline=None)
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
    grey = scan(DRAWINGS[char], size, pen, (side + right, side + down), (pen, pen))
    picture = images.from_picture(bytes_of(1 - grey if light else grey))
    assert likeness(picture, AS_DRAWN[char]) > 0.96


@pytest.mark.parametrize("char", ["T", "E", "D", "I", "L", "i"])
@pytest.mark.parametrize("pen", [15, 40])
def test_a_tight_crop_is_the_same(char, pen):
    grey = scan(synthesis.character(char, 3), pen=pen, at=(30, 45))
    rows, columns = np.nonzero(grey < 0.5)
    tight = grey[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    whole = images.from_picture(bytes_of(grey))
    for change in (lambda g: g, lambda g: 1 - g):
        assert likeness(images.from_picture(bytes_of(change(tight))), whole) > 0.97


def test_a_letters_dot_stays_and_dust_goes():
    i_with_dust = bytes_of(SCANS["i"])
    i_with_dust[5:7, 5:7] = 0
    i_with_dust[190:193, 100:102] = 0
    picture = images.from_picture(i_with_dust)
    assert likeness(picture, AS_DRAWN["i"]) > 0.98
    rows = (picture >= 128).any(axis=1)
    assert np.abs(np.diff(rows.astype(int))).sum() == 4  # a dot, a gap, a stem


def test_a_lone_dot_is_as_small_as_a_tap():
    big = np.full((300, 200), 255, np.uint8)
    y, x = np.indices(big.shape)
    big[(y - 80) ** 2 + (x - 100) ** 2 < 40**2] = 0
    assert likeness(images.from_picture(big), images.from_strokes([[(0, 0)]])) > 0.97


@pytest.mark.parametrize(
    "blank",
    [
        np.full((50, 40), 255),
        np.zeros((50, 40)),
        np.full((1, 1), 7),
        np.full((1, 30), 90),
        255 * noisy(0.05)(np.full((100, 100), 0.8)).clip(0, 1),
        255 * noisy(0.2)(np.full((100, 100), 0.5)).clip(0, 1),
        255 * shaded(np.ones((80, 100))),
        255 * noisy(0.02)(shaded(np.ones((80, 100)))).clip(0, 1),
        255 * np.tile(np.linspace(0.4, 1, 100), (80, 1)),
    ],
    ids=[
        "white",
        "black",
        "1 x 1",
        "a row",
        "noise",
        "much noise",
        "shaded",
        "shaded and noisy",
        "a slope",
    ],
)
def test_a_blank_picture_is_an_empty_picture(blank):
    picture = images.from_picture(blank.astype(np.uint8))
    assert picture.shape == (28, 28)
    assert picture.dtype == np.uint8
    assert not picture.any()


def test_inverted_can_be_told():
    # A ring that touches all sides: the border alone would say that the ring is paper.
    y, x = np.indices((60, 60)) - 29.5
    ring = np.where(np.maximum(np.abs(x), np.abs(y)) > 20, 0, 255).astype(np.uint8)
    found, told = images.from_picture(ring), images.from_picture(ring, inverted=True)
    assert found[14, 14] > 200
    assert not found[:6].any()
    assert told[14, 14] == 0
    assert told[3, 14] > 200
    assert (images.from_picture(255 - ring, inverted=False) == told).all()


def test_every_mode_of_pillow_and_numpy_gives_the_same():
    grey = bytes_of(SCANS["R"])
    image = Image.fromarray(grey)
    expected = images.from_picture(grey)
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    assert deep.mode == "I;16"
    see_through = np.zeros((*grey.shape, 4), np.uint8)
    see_through[..., 3] = 255 - grey
    alike = {
        "L": image,
        "RGB": image.convert("RGB"),
        "RGBA": image.convert("RGBA"),
        "LA": image.convert("LA"),
        "CMYK": image.convert("CMYK"),
        "YCbCr": image.convert("YCbCr"),
        "P": image.convert("P"),
        "I": image.convert("I"),
        "I;16": deep,
        "F": image.convert("F"),
        "black ink on nothing": Image.fromarray(see_through),
        "array (h, w, 1)": grey[..., None],
        "array with alpha": see_through,
        "uint16": grey.astype(np.uint16) * 257,
        "int64": grey.astype(np.int64),
        "float": grey / 255,
        "not contiguous": np.repeat(grey, 2, axis=1)[:, ::2],
    }
    for name, picture in alike.items():
        assert likeness(images.from_picture(picture), expected) > 0.995, name
    for name, picture in {"1": image.convert("1", dither=0), "bool": grey > 127}.items():
        assert likeness(images.from_picture(picture), expected) > 0.97, name


def test_a_phones_photo_is_turned_as_it_says():
    photo = Image.fromarray(bytes_of(SCANS["R"])).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    file = io.BytesIO()
    photo.save(file, "jpeg", exif=exif, quality=95)
    assert likeness(images.from_picture(Image.open(file)), AS_DRAWN["R"]) > 0.97


def test_the_picture_given_stays_as_it_is():
    grey = bytes_of(SCANS["A"])
    before = grey.copy()
    images.from_picture(grey)
    assert (grey == before).all()
    grey.flags.writeable = False
    images.from_picture(grey)


@pytest.mark.parametrize(
    ("wrong", "received"),
    [
        ("a.png", "Received: str"),
        (None, "Received: NoneType"),
        ([[0, 255]], "Received: list"),
        (np.zeros((2, 28, 28, 3), np.uint8), r"shape \(2, 28, 28, 3\). Give one picture"),
        (np.zeros((5, 5, 7), np.uint8), r"shape \(5, 5, 7\)"),
        (np.zeros(784, np.uint8), r"shape \(784,\)"),
        (np.zeros((0, 28), np.uint8), r"shape \(0, 28\)"),
        (np.full((5, 5), 255.0), "floats in 0..1. Received: float64 from 255 to 255"),
        (np.full((5, 5), np.nan), "nan"),
        (np.full((5, 5), -1), "from -1 to -1"),
        (np.full((5, 5), 70000), "from 70000"),
        (np.full((5, 5), 1j), "complex"),
    ],
)
def test_no_picture(wrong, received):
    with pytest.raises(DataError, match=received) as error:
        images.from_picture(wrong)
    assert "\n" not in str(error.value)


def test_a_file_that_is_cut_short_is_told():
    file = io.BytesIO()
    Image.fromarray(bytes_of(noisy(0.1)(SCANS["A"]))).save(file, "png")
    with (
        Image.open(io.BytesIO(file.getvalue()[:3000])) as picture,
        pytest.raises(DataError, match="Pillow can read. Received: .*truncated.* Save it anew"),
    ):
        images.from_picture(picture)


@pytest.mark.data
def test_emnists_own_pictures_come_out_as_they_went_in():
    pictures = datasets.load("emnist-subset").train.images[:150]
    alike = []
    for picture in pictures:
        big = Image.fromarray(picture).resize((140, 140), Image.Resampling.BICUBIC)
        paper = np.pad(255 - np.asarray(big), ((30, 80), (10, 90)), constant_values=255)
        alike.append(likeness(images.from_picture(paper), picture))
    # Some of EMNIST's are off the middle or framed with a speck, and are framed anew.
    assert np.median(alike) > 0.96
    assert np.quantile(alike, 0.1) > 0.85
