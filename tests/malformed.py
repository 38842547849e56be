"""Malformed requests of 21 kinds for the service, as the bytes that go through a socket."""

import io
import random
import re
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from PIL import Image, features

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM", "AVIF")
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n{} loop\n"
NUMBERS = ["-1", "1e400", "NaN", "-Infinity", "9" * 400, "9" * 5000, "1e-9999"]
VALUES = ["null", "true", '"7"', "{}", "[[[]]]", "[1, 2, 3]", '{"x": 1}', '"é\\ud800"']
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
UNFINISHED = ("head", "length", "chunk")  # some of these


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


def damaged(rng: random.Random, content: bytes) -> bytes:
    found = bytearray(content)
    for _ in range(rng.randint(1, 20)):
        found[rng.randrange(len(found))] = rng.randrange(256)
    return bytes(found)


def cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content))]


def kinds(rng: random.Random) -> dict[str, Callable[[], bytes]]:
    """A request of each kind, by its name, made when called."""
    point, number, value = "[1, 2]", rng.choice(NUMBERS), rng.choice(VALUES)
    picture, pick = rng.choice(FILES), rng.choice
    chunked = "POST /image HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    return {
        "best": lambda: post(f"/image?best={number}", picture),
        "query": lambda: post(
            pick(["/image?best=%ff", "/strokes?" + "best=1&" * 2000, "/%zz?%"]), "{}"
        ),
        "number": lambda: strokes(point, f"[{number}, {number}]", "[1e300, -1e300]"),
        "value": lambda: strokes(point, value),
        "stroke": lambda: post("/strokes", f'{{"strokes": {pick([value, f"[{value}]"])}}}'),
        "key": lambda: post("/strokes", pick([value, '{"strokes": 1, "strokes": {}}', "{}", "[]"])),
        "deep": lambda: post(
            "/strokes", pick(["[", '{"strokes":', "[[1,"]) * rng.randint(1, 20_000)
        ),
        "json": lambda: post("/strokes", damaged(rng, b'{"strokes": [[[1, 2], [3, 4]]]}')),
        "bytes": lambda: post(pick(["/strokes", "/image"]), rng.randbytes(rng.randrange(3000))),
        "points": lambda: strokes(*[point] * rng.randint(30_000, 60_000)),
        "picture": lambda: post("/image", damaged(rng, picture)),
        "cut": lambda: post("/image", cut(rng, picture)),
        "format": lambda: post("/image", pick(OTHERS) + rng.randbytes(rng.randrange(300))),
        "size": lambda: post(
            "/image", png(rng.randrange(2**31), pick([0, 1, 9, 2**31 - 1]), bytes(9))
        ),
        "path": lambda: post(f"/{'a/.' * rng.randrange(500)}", b"{}"),
        "method": lambda: post("/image", b"").replace(
            b"POST", pick([b"GET", b"PUT", b"X", b"HEAD"])
        ),
        "head": lambda: pick(HEADS),
        "host": lambda: strokes(
            point, host=pick(["evil.example", "", "[::1", "localhost:x", "a,b", "é"])
        ),
        "origin": lambda: post(
            "/strokes", "{}", f"Origin: {pick(['null', 'http://a', 'http://[', ''])}"
        ),
        "length": lambda: post("/image", picture).replace(
            b"gth: ", pick([b"gth: -", b"gth: 9", b"gth: x"])
        ),
        "chunk": lambda: (
            chunked.encode() + pick([b"ZZ\r\n", b"-1\r\n", b"9\r\nab", b"5\r\nabcde!!", b"F" * 99])
        ),
    }


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


def statuses(port: int, n: int, seed: int = 0) -> Counter:
    """What `n` malformed requests were answered with, counted by kind and status."""
    rng, found = random.Random(seed), Counter()
    for i in range(n):
        requests = kinds(rng)
        kind = list(requests)[i % len(requests)]
        found[kind, answered(port, requests[kind](), kind not in UNFINISHED)] += 1
    return found
