"""Files of pictures, whoever made them: none starts a program, fills the memory or is a puzzle."""

import io
import os
import struct
from contextlib import suppress

import malformed
import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from hcr import datasets
from hcr.errors import DataError
from hcr.preprocessing.pictures import TooLargeError, read_picture
from hcr.recognizer import Recognizer

posix = pytest.mark.skipif(os.name == "nt", reason="a stand-in for a program of POSIX")


@posix
def test_no_picture_starts_a_program(tmp_path, monkeypatch):
    mark = malformed.stand_in_ghostscript(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    for name in ("A/x.png", "A/y.jpg", "B/x.png", "B/y.png"):
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(malformed.EPS)
    with suppress(OSError):
        Image.open(path).load()
    assert mark.exists()  # so it would be
    mark.unlink()
    for read in (
        lambda: read_picture(path),
        lambda: read_picture(malformed.EPS),
        lambda: Recognizer.load().read_image(path),
        lambda: datasets.load("own", path=str(tmp_path / "own")),
    ):
        with pytest.raises(DataError, match="whole picture"):
            read()
    assert not mark.exists()


def tiff(tile: int) -> bytes:
    """A TIFF of 9 x 9 pixels in a deflated tile of `tile` a side, which is decoded whole."""
    tags = {256: 9, 257: 9, 258: 8, 259: 8, 262: 1, 322: tile, 323: tile, 324: 8, 325: 9}
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()]
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(entries) + bytes(4)


@pytest.mark.parametrize(
    "content",
    [malformed.png(20_001, 1), malformed.png(8_001, 8_000), tiff(9_000)],
    ids=["wide", "large", "tile"],
)
def test_what_is_too_large_is_not_decoded(content, monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    with pytest.raises(TooLargeError, match="Received"):
        read_picture(content)


def test_a_file_of_too_many_bytes_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("PIL.Image.open", lambda *given, **more: pytest.fail("opened"))
    (tmp_path / "x.png").write_bytes(malformed.FILES[0])
    monkeypatch.setattr("hcr.preprocessing.pictures.MOST_BYTES", len(malformed.FILES[0]) - 1)
    for file in (tmp_path / "x.png", malformed.FILES[0]):
        with pytest.raises(TooLargeError, match="bytes"):
            read_picture(file)


@pytest.mark.parametrize("form", ["MPO", "GIF", "TIFF"])
def test_of_several_frames_the_first_is_taken(form):
    dark, light = Image.new("RGB", (30, 20), "black"), Image.new("RGB", (30, 20), "white")
    file = io.BytesIO()
    dark.save(file, form, save_all=True, append_images=[light, light])
    with Image.open(io.BytesIO(file.getvalue())) as several:
        assert several.n_frames > 1
    assert read_picture(file.getvalue()).max() <= 5


@pytest.mark.parametrize(
    "error", [struct.error("x"), MemoryError(), NotImplementedError()], ids=repr
)
def test_whatever_a_decoder_raises_is_one_error(error, monkeypatch):
    def load(self):
        raise error

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(DataError, match="whole picture"):
        read_picture(malformed.FILES[0])


@pytest.mark.parametrize("start", malformed.OTHERS, ids=repr)
def test_files_of_other_kinds_are_no_pictures(start):
    for rest in (b"", bytes(300), np.random.default_rng(0).bytes(300)):
        with pytest.raises(DataError, match="whole picture"):
            read_picture(start + rest)


@posix
def test_a_pipe_in_the_place_of_a_picture_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(DataError, match="whole picture"):
        read_picture(tmp_path / "x.png")


@pytest.mark.parametrize("options", [{}, {"progressive": True}], ids=["baseline", "progressive"])
def test_a_jpeg_without_its_last_bytes_is_read_and_no_other_file(options):
    gray = np.full((300, 200), 230, np.uint8)
    gray[50:200, 90:110] = 20
    gray = gray + np.random.default_rng(0).integers(0, 9, gray.shape).astype(np.uint8)

    def saved(form, **more):
        file = io.BytesIO()
        Image.fromarray(gray).save(file, form, **more)
        return file.getvalue()

    content = saved("JPEG", **options)
    for lost in (2, 40, len(content) // 20):
        pixels = read_picture(content[:-lost]).astype(int)
        assert np.abs(pixels[:270] - gray[:270]).max() < 60
        assert (pixels[210:] > 200).mean() > 0.99  # paper, not the gray of what is not there
    for broken in (saved("JPEG")[: len(content) // 3], saved("PNG")[:-40]):
        with pytest.raises(DataError, match="truncated"):
            read_picture(broken)


def test_a_large_jpeg_is_decoded_smaller():
    file = io.BytesIO()
    Image.new("L", (1600, 1200), 200).save(file, "JPEG")
    assert read_picture(file.getvalue()).shape == (1200, 1600)
    assert read_picture(file.getvalue(), longest=512).shape == (600, 800)


def test_pixels_are_counted_by_who_asks():
    assert read_picture(malformed.FILES[0], most_pixels=3000).shape == (50, 60, 3)
    with pytest.raises(TooLargeError, match="60 x 50"):
        read_picture(malformed.FILES[0], most_pixels=2999)
