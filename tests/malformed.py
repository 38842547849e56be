"""Malformed requests for the service, as the bytes that go through a socket."""

import io
import random
import re
import socket
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, features

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF")
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n{} loop\n"
NUMBERS = ["-1", "1e400", "NaN", "-Infinity", "9" * 400, "9" * 5000, "1e-9999"]
VALUES = ["null", "true", '"7"', "{}", "[[[]]]", "[1, 2, 3]", '{"x": 1}', '"é\\ud800"']
NESTS = ["[", '{"strokes":', "[[1,"]
# The first bytes of formats that Pillow reads, and the service must not.
OTHERS = [EPS, b"BLP2", bytes([1, 0, 0, 0]) + bytes(36) + b" EMF", b"8BPS\0\1", b"\0\0\1\0\1\0"]
OTHERS += [b"DDS |\0\0\0", b"icns\0\0\1\0", b"SIMPLE  =", b"qoif", b"%PDF-1.4"]
OTHERS += [b"\0\0\0\x0cjP  \r\n\x87\n", b"/* XPM */", b"\1\xda\1\1"]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
HEADS = [b"", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET \xff HTTP/1.0\r\n\r\n"]
HEADS += [b"\x16\x03\x01\0\xa5\x01\0\0\r\n\r\n", GET + b"A: " + b"a" * 70_000 + b"\r\n\r\n"]
HEADS += [GET + b"broken\r\n\r\n", GET + b"A: \0\xff\r\n\r\n", GET + GET[16:] + b"\r\n"]


def file_of(form: str) -> bytes:
    """A small picture's file."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((60, 50)).convert("RGB").save(file, form)
    return file.getvalue()


FILES = [file_of(form) for form in FORMATS if form != "AVIF" or features.check("avif")]


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG of greys whose header claims a size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def stand_in_ghostscript(folder: Path) -> Path:
    """Put a program `gs` into `folder` that makes a file; the path of that file."""
    folder.mkdir()
    mark = folder / "mark"
    (folder / "gs").write_text(f"#!/bin/sh\n: > '{mark}'\n")
    (folder / "gs").chmod(0o755)
    return mark


def post(path: str, body: bytes | str, *headers: str, host: str = "localhost") -> bytes:
    """A POST request."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def strokes(*points: str, **given) -> bytes:
    return post("/strokes", '{"strokes": [[' + ", ".join(points) + "]]}", **given)


def requests(rng: random.Random) -> Iterator[bytes]:
    """Requests that are wrong each in its own way."""

    def damaged(content: bytes) -> bytes:
        found = bytearray(content)
        for _ in range(rng.randint(1, 20)):
            found[rng.randrange(len(found))] = rng.randrange(256)
        return bytes(found)

    point, huge = "[1, 2]", "[1e300, -1e300]"
    for number in NUMBERS:
        yield post(f"/image?best={number}", FILES[0])
        yield strokes(point, f"[{number}, {number}]", huge)
    for value in VALUES:
        yield strokes(point, value)
        yield from (post("/strokes", f'{{"strokes": {each}}}') for each in (value, f"[{value}]"))
    for body in (*VALUES, '{"strokes": 1, "strokes": {}}', "{}", *(n * 9999 for n in NESTS)):
        yield post("/strokes", body)
    yield strokes(*[point] * 60_000)
    for path in ("/image?best=%ff", "/strokes?" + "best=1&" * 2000, "/%zz?%", "/a/." * 500):
        yield post(path, "{}")
    for _ in range(20):
        yield post("/strokes", damaged(b'{"strokes": [[[1, 2], [3, 4]]]}'))
        yield post(rng.choice(["/strokes", "/image"]), rng.randbytes(rng.randrange(3000)))
    for picture in FILES * 3:
        yield post("/image", damaged(picture))
        yield post("/image", picture[: rng.randrange(len(picture))])
    yield from (post("/image", start + rng.randbytes(rng.randrange(300))) for start in OTHERS)
    yield from (post("/image", png(10**9, height, bytes(9))) for height in (0, 1, 9, 2**31 - 1))
    yield from (post("/image", b"").replace(b"POST", each) for each in (b"GET", b"X", b"HEAD"))
    for host in ("evil.example", "", "[::1", "localhost:x", "a,b", "é"):
        yield strokes(point, host=host)
    for origin in ("null", "http://a", "http://[", ""):
        yield post("/strokes", "{}", f"Origin: {origin}")


def unfinished() -> Iterator[bytes]:
    """Requests of which some have no end."""
    yield from HEADS
    for length in (b"gth: -", b"gth: 9", b"gth: x"):
        yield post("/image", FILES[0]).replace(b"gth: ", length)
    for chunk in (b"ZZ\r\n", b"-1\r\n", b"9\r\nab", b"5\r\nabcde!!", b"F" * 99):
        yield (
            b"POST /image HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk
        )


def answered(port: int, request: bytes, whole: bool = True) -> int | None:
    """The status of the answer; None where the connection was closed instead.

    A `request` that may not be `whole` is ended by closing our side, so that nobody waits.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        try:
            line.sendall(request)
            if not whole:
                line.shutdown(socket.SHUT_WR)
            answer = line.recv(4000)
        except ConnectionError:
            return None
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(found[1]) if found else None
