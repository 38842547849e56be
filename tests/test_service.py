"""The service, as a process of its own that is asked over HTTP."""

import io
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import malformed
import numpy as np
import pytest
from conftest import PROJECT
from PIL import Image

from hcr.preprocessing import synthesis
from hcr.recognizer import Recognizer, service

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def started(*words: str, path: Path | None = None) -> subprocess.Popen:
    """The service, which finds programs in `path` first."""
    paths = [*([str(path)] if path else []), os.environ["PATH"]]
    return subprocess.Popen(
        [sys.executable, "-m", "hcr", "serve", *words],
        cwd=PROJECT,
        env={**os.environ, "PATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def serving(*words: str, path: Path | None = None) -> Iterator[tuple[str, list[str]]]:
    """The address of a service, and what it has logged when it has ended."""
    process, logged = started("--port", "0", *words, path=path), []
    try:
        told = process.stdout.readline()
        found = re.fullmatch(r"emnist answers at (http://[\d.]+:\d+)/ \(.*\)\n", told)
        assert found, told + process.stderr.read()
        yield found[1], logged
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) in (0, 1)  # 1: Windows knows no SIGTERM
        process.stdout.close()
        logged.append(process.stderr.read())
        process.stderr.close()


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A folder with a program `gs`, which leaves a mark."""
    folder = tmp_path_factory.mktemp("programs") / "bin"
    malformed.stand_in_ghostscript(folder)
    return folder


@pytest.fixture(scope="module")
def address(programs):
    with serving(path=programs) as (found, logged):
        yield found
    # Nothing that somebody sends is a fault here, or fills the disk.
    assert logged == [""]


@pytest.fixture(scope="module")
def reader():
    return Recognizer.load()


def asked(url: str, body: bytes | None = None, **headers: str) -> tuple[int, dict]:
    """The status, and what was answered."""
    try:
        request = urllib.request.Request(url, body, headers)
        with OPENER.open(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def body_of(strokes: list[np.ndarray]) -> bytes:
    return json.dumps({"strokes": [each.tolist() for each in strokes]}).encode()


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


def port_of(address: str) -> int:
    return int(address.rsplit(":", 1)[1])


def pairs(found: dict) -> list[tuple[str, float]]:
    return [(each["character"], each["probability"]) for each in found["answers"]]


def test_strokes_and_pictures_are_recognized_as_by_the_recognizer(address, reader):
    status, found = asked(f"{address}/")
    assert (status, found["model"], found["characters"]) == (200, "emnist", list(reader.labels))
    for label in "3A7q":
        drawn = [200 * each for each in synthesis.character(label, 1)]
        status, found = asked(f"{address}/strokes", body_of(drawn))
        expected = reader.recognize(strokes=drawn)
        assert status == 200
        assert found["alternatives"] == expected.alternatives
        assert pairs(found) == [(c, pytest.approx(p, abs=1e-6)) for c, p in expected.ranked[:5]]
    for form in ("PNG", "JPEG"):
        body = file_of(scan(), form)
        status, found = asked(f"{address}/image?best=2", body)
        expected = reader.read_image(Image.open(io.BytesIO(body)))[:2]
        assert status == 200
        assert pairs(found) == [(c, pytest.approx(p, abs=1e-6)) for c, p in expected]


def test_a_request_may_say_which_characters_are_possible(address, reader):
    body = body_of(synthesis.character("0", 1))
    for only, n in (("digits", 10), ("O0", 2), ("all", 47)):
        status, found = asked(f"{address}/strokes?best=99&only={only}", body)
        expected = reader.among(only).recognize(strokes=synthesis.character("0", 1))
        assert (status, len(found["answers"])) == (200, n)
        assert found["alternatives"] == expected.alternatives
    with serving("--only", "capitals") as (other, _):
        assert asked(f"{other}/")[1]["characters"] == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        assert asked(f"{other}/strokes?only=digits", body)[0] == 400


def test_nothing_drawn_nothing_answered(address):
    empty = {"answers": [], "alternatives": [], "warnings": {}}
    assert asked(f"{address}/strokes", b'{"strokes": []}') == (200, empty)
    status, found = asked(f"{address}/image", file_of(np.full((50, 50), 255, np.uint8)))
    assert (status, found["answers"], set(found["warnings"])) == (200, [], {"blank"})


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("image", b"not a picture", 400, "13 bytes"),
        ("image", malformed.EPS, 400, "whole picture"),
        ("image", file_of(np.eye(300, dtype=np.uint8) * 255)[:150], 400, "truncated"),
        ("image", malformed.png(5000, 5001), 413, "5,000 x 5,001"),
        ("image", bytes(service.MOST_BYTES + 1), 413, "10,000,001"),
        ("image?best=" + "9" * 5000, file_of(np.eye(9, dtype=np.uint8)), 400, "best"),
        ("strokes", b"", 400, "JSON"),
        ("strokes", b'{"stroke": []}', 400, "KeyError"),
        ("strokes", b'{"strokes": [[[1, 2], [3]]]}', 400, "array"),
        ("strokes", b'{"strokes": [[[1, NaN]]]}', 400, "NaN"),
        ("strokes", b"[" * 100_000, 400, "RecursionError"),
        ("strokes", b'{"strokes": [[[1, %s]]]}' % (b"9" * 400), 400, "array"),
        ("strokes", b" " * (service.MOST_JSON + 1), 413, "1,000,001"),
        ("stroke", b"{}", 404, "POST /image"),
        ("image", None, 405, "not allowed"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(address, path, body, status, told):
    found, answer = asked(f"{address}/{path}", body)
    assert set(answer) == {"error"}
    assert told.lower() in answer["error"].lower()
    assert "\n" not in answer["error"]
    assert found == status


def test_many_at_once_are_all_answered(address, reader):
    drawings = [synthesis.character(label, 2) for label in "0123456789" * 4]
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda each: asked(f"{address}/strokes", body_of(each)), drawings)
    expected = [reader.recognize(strokes=each).best for each in drawings]
    assert [pairs(answer)[0][0] for _, answer in found] == expected


def test_malformed_requests_are_no_faults_of_the_service(address, programs):
    port, requests = port_of(address), malformed.requests(random.Random(0))
    found = [malformed.answered(port, each) for each in requests]
    found += [malformed.answered(port, each, whole=False) for each in malformed.unfinished()]
    assert [each for each in found if each and each >= 500] == []
    assert not (programs / "mark").exists()  # no picture has started a program
    status, answer = asked(f"{address}/image", file_of(scan()))
    assert (status, answer["answers"][0]["character"]) == (200, "L")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "LocalHost:1234"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Host": "localhost.rebound.example:8000"}, 403),
        ({"Host": "192.0.2.1"}, 403),
        ({"Host": "localhost:8000", "Origin": "http://localhost:8000"}, 200),
        ({"Host": "localhost:8000", "Origin": "http://localhost:3000"}, 403),
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_pages_of_other_sites_may_not_ask(address, headers, status):
    found = asked(f"{address}/strokes", b'{"strokes": []}', **headers)
    assert found[0] == status
    assert set(found[1]) == (
        {"error"} if status == 403 else {"answers", "alternatives", "warnings"}
    )
    assert asked(f"{address}/", **headers)[0] == status


def test_names_and_sites_that_are_allowed_may_ask_and_beyond_this_machine_is_told():
    words = ("--host", "0.0.0.0", "--allow-host", "Pad.example", "--origin", "https://a.example")
    with serving(*words) as (address, logged):
        address = address.replace("0.0.0.0", "127.0.0.1")
        for headers, status in (
            ({"Host": "pad.example:80"}, 200),
            ({"Host": "0.0.0.0:80"}, 200),
            ({"Host": "other.example"}, 403),
            ({"Origin": "https://a.example"}, 200),
            ({"Origin": "http://a.example"}, 403),
        ):
            assert asked(f"{address}/", **headers)[0] == status
        request = urllib.request.Request(f"{address}/", headers={"Origin": "https://a.example"})
        with OPENER.open(request, timeout=60) as response:
            assert response.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert "--allow-host" in logged[0]


def connected(address: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(address)), timeout=60)


def patient(address: str, body: bytes, wanted: int) -> int:
    """The status of a picture, as soon as it is the one `wanted`, else after 20 s."""
    until = time.monotonic() + 20
    while True:
        try:
            status = asked(f"{address}/image", body)[0]
        except OSError:  # until it has noticed that others are closed
            status = 0
        if status == wanted or time.monotonic() > until:
            return status
        time.sleep(0.1)


def test_idle_connections_have_an_end(address):
    lines = [connected(address) for _ in range(service.MOST_CONNECTIONS + 20)]
    closed, until = set(), time.monotonic() + 20
    while len(closed) < 20 and time.monotonic() < until:
        closed.update(select.select(set(lines) - closed, [], [], 1)[0])
    for line in lines:
        line.close()
    assert len(closed) >= 20
    assert patient(address, file_of(scan()), 200) == 200


def test_unfinished_bodies_have_an_end_together(address):
    part = bytes(service.MOST_BYTES - 1)
    head = b"POST /image HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n"
    lines = [connected(address) for _ in range(service.MOST_HELD // len(part) + 1)]
    for line in lines:
        line.sendall(head + part)
    picture = file_of(scan()) + bytes(1_000_000)
    assert patient(address, picture, 503) == 503
    assert asked(f"{address}/")[0] == 200
    for line in lines:
        line.close()
    assert patient(address, picture, 200) == 200


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere",), "nowhere"),
        (("mnist", "--only", "letters"), "only"),
        (("--port", "99999"), "127.0.0.1:99999"),
        (("--port", "many"), "many"),
        (("--port", "taken"), "--port"),
        (("--host", "", "--port", "0"), "host"),
    ],
)
def test_what_cannot_be_served_is_told(words, told, address):
    process = started(*(str(port_of(address)) if word == "taken" else word for word in words))
    out, error = process.communicate(timeout=60)
    assert told in error.splitlines()[-1]
    assert process.returncode == (1 if "nowhere" in words else 2)
    assert out == ""
