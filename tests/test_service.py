"""The service, as a process of its own that is asked over HTTP."""

import io
import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import PROJECT
from PIL import Image

from hcr import service, synthesis
from hcr.recognizer import Recognizer

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def started(*words: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "hcr.service", *words],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def address():
    process = started("--port", "0")
    try:
        told = process.stdout.readline()
        found = re.fullmatch(r"emnist answers at (http://127\.0\.0\.1:\d+)/ \(.*\)\n", told)
        assert found, told + process.stderr.read()
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) in (0, 1)  # 1: Windows knows no SIGTERM
        process.stdout.close()
        # Nothing that somebody sends is a fault here.
        assert "Traceback" not in process.stderr.read()
        process.stderr.close()


@pytest.fixture(scope="module")
def reader():
    return Recognizer.load()


def asked(url: str, body: bytes | None = None) -> tuple[int, dict]:
    """The status, and what was answered."""
    try:
        with OPENER.open(url, data=body, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def file_of(picture: np.ndarray, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, form)
    return buffer.getvalue()


def scan() -> np.ndarray:
    """A large dark character on light paper, off the middle."""
    picture = np.full((400, 500), 240, np.uint8)
    picture[60:340, 180:220] = 20
    picture[300:340, 180:360] = 20
    return picture


def pairs(found: dict) -> list[tuple[str, float]]:
    return [(each["character"], each["probability"]) for each in found["answers"]]


def test_it_tells_what_reads(address, reader):
    status, found = asked(f"{address}/")
    assert status == 200
    assert found["model"] == "emnist"
    assert found["characters"] == list(reader.labels)
    assert found["confuses"] == ["".join(group) for group in reader.groups]
    assert set(found["ask"]) == {"POST /image", "POST /strokes"}


def test_strokes_are_read_as_the_recogniser_reads_them(address, reader):
    for label in "3A7q":
        drawn = [200 * each for each in synthesis.character(label, 1)]
        body = json.dumps({"strokes": [each.tolist() for each in drawn]}).encode()
        status, found = asked(f"{address}/strokes", body)
        assert status == 200
        assert pairs(found) == [
            (character, pytest.approx(share, abs=1e-6))
            for character, share in reader.read_strokes(drawn)[:5]
        ]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP"])
def test_a_pictures_file_is_read_as_the_recogniser_reads_it(address, reader, form):
    body = file_of(scan(), form)
    status, found = asked(f"{address}/image?best=2", body)
    assert status == 200
    own = reader.read_image(Image.open(io.BytesIO(body)))[:2]
    assert pairs(found) == [(each, pytest.approx(share, abs=1e-6)) for each, share in own]


def test_it_says_between_what_it_hesitates(address, reader):
    ring = [[100 + 40 * np.cos(t), 100 + 55 * np.sin(t)] for t in np.linspace(0, 2 * np.pi, 40)]
    _, found = asked(f"{address}/strokes", json.dumps({"strokes": [ring]}).encode())
    assert {"0", "O"} <= set(found["unsure"])
    assert found["unsure"][0] == found["answers"][0]["character"]


def test_nothing_drawn_nothing_answered(address):
    empty = {"answers": [], "unsure": []}
    assert asked(f"{address}/strokes", b'{"strokes": []}') == (200, empty)
    assert asked(f"{address}/image", file_of(np.full((50, 50), 255, np.uint8))) == (200, empty)


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("image", b"", 400, "Received: an empty body."),
        ("image", b"not a picture", 400, "Received: 13 bytes that are none."),
        ("image", file_of(np.eye(300, dtype=np.uint8) * 255)[:150], 400, "Pillow can read"),
        ("image", file_of(np.zeros((5001, 5000), np.uint8)), 413, "Received: 5,000 x 5,001."),
        ("image", bytes(service.MOST_BYTES + 1), 413, "Received: 10,000,001. Send it smaller."),
        ("image?best=0", file_of(np.eye(9, dtype=np.uint8)), 400, "Received: '0'."),
        ("strokes", b"", 400, "The body must be JSON"),
        ("strokes", b"[1, 2]", 400, "The body must be JSON"),
        ("strokes", b'{"stroke": []}', 400, "KeyError: 'strokes'"),
        ("strokes", b'{"strokes": 5}', 400, "The body must be JSON"),
        ("strokes", b'{"strokes": [[[1, 2], [3]]]}', 400, "The body must be JSON"),
        ("strokes", b'{"strokes": [[[1, NaN]]]}', 400, "NaN"),
        ("strokes", b'{"strokes": [[["a", "b"]]]}', 400, "The body must be JSON"),
        ("strokes", b"[" * 100_000, 400, "RecursionError"),
        ("stroke", b"{}", 404, "There is GET /, POST /image and POST /strokes."),
        ("image", None, 405, "Method Not Allowed"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(address, path, body, status, told):
    found, answer = asked(f"{address}/{path}", body)
    assert set(answer) == {"error"}
    assert told.lower() in answer["error"].lower()
    assert "\n" not in answer["error"]
    assert found == status


def test_many_at_once_are_all_answered(address, reader):
    drawings = [
        [200 * each for each in synthesis.character(label, 2)] for label in "0123456789" * 4
    ]
    bodies = [json.dumps({"strokes": [e.tolist() for e in each]}).encode() for each in drawings]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda body: asked(f"{address}/strokes", body), bodies))
    assert [pairs(answer)[0][0] for _, answer in found] == [
        reader.read_strokes(each)[0][0] for each in drawings
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere",), "nowhere"),
        (("--port", "99999"), "must be an integer from 0 to 65535. Received: '99999'."),
        (("--host", "192.0.2.1", "--port", "0"), "Give another --port."),
    ],
)
def test_what_cannot_be_served_is_told(words, told):
    process = started(*words)
    out, error = process.communicate(timeout=60)
    assert told in error.splitlines()[-1]
    assert process.returncode == (2 if "99999" in words else 1)
    assert out == ""


def test_an_address_is_taken_once(address):
    process = started("--port", address.rsplit(":", 1)[1])
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "nothing else listens on" in error
