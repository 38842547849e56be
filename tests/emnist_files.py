"""Small files of EMNIST's official form, their archive, and a server of it on this machine."""

import gzip
import hashlib
import io
import re
import struct
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from hcr.datasets import archive, download, emnist

KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")


def idx_bytes(values: np.ndarray) -> bytes:
    """`values` as an IDX file of unsigned bytes."""
    header = struct.pack(f">2xBB{values.ndim}I", 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def drawn(name: str, split: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """`n` random upright pictures of the set `name` and labels from 0 that name every class."""
    n_classes = len(emnist.SETS[name][0])
    rng = np.random.default_rng([len(name), len(split), n])
    pictures = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
    return pictures, rng.permutation(np.arange(n) % n_classes)


def contents(name: str, split: str, pictures: np.ndarray, labels: np.ndarray) -> dict[str, bytes]:
    """The two official files of one split, by name, not compressed."""
    first = int(name == "emnist-letters")
    arrays = pictures.swapaxes(1, 2), labels + first
    return {
        f"{name}-{split}-{kind}": idx_bytes(values)
        for kind, values in zip(KINDS, arrays, strict=True)
    }


def write(folder: Path, files: dict[str, bytes], *, compressed: bool = False) -> None:
    """Write `files` into `folder`; what is compressed must be known to `archive.MEMBERS`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / (f"{name}.gz" if compressed else name)
        path.write_bytes(zipped(content) if compressed else content)


def zipped(content: bytes) -> bytes:
    """The same bytes every time."""
    return gzip.compress(content, 1, mtime=0)


def zip_of(files: dict[str, bytes]) -> bytes:
    """An archive of the official form that holds `files`, as `write` takes them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as box:
        for name, content in files.items():
            box.writestr(f"gzip/{name}.gz", zipped(content))
    return buffer.getvalue()


def known(monkeypatch, files: dict[str, bytes]) -> None:
    """Make `files` the official ones, instead of EMNIST's."""
    digests = {name: hashlib.sha256(zipped(each)).hexdigest() for name, each in files.items()}
    monkeypatch.setattr(archive, "MEMBERS", digests)


def served(monkeypatch, content: bytes, *urls: str) -> None:
    """Make `content` the official archive, to be had at `urls`, and no pause between attempts."""
    monkeypatch.setattr(archive, "MD5", hashlib.md5(content).hexdigest())
    monkeypatch.setattr(archive, "URLS", urls)
    monkeypatch.setattr(download, "PAUSE", 0)
    # A proxy would not find this machine.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Server:
    """Serves one file on 127.0.0.1, at any path.

    How a path's next requests are answered stands in `plans`, by the path's first part; the last
    answer is repeated, and without a plan all goes well. An answer is `good`, `no range` (the whole
    file whatever is asked for), `breaks` (half of what was asked for), `breaks whole` (half of the
    file), `wrong` (other bytes), `page` (some HTML) or a status, as `503`.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.plans: dict[str, list[str]] = {}
        self.requests: list[tuple[str, str | None]] = []
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, mirror: str = "first") -> str:
        """An address of the file; `mirror` is the path's first part."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{mirror}/gzip.zip"


class _Handler(BaseHTTPRequestHandler):
    owner: Server

    def do_GET(self) -> None:
        owner, mirror = self.owner, self.path.split("/")[1]
        owner.requests.append((mirror, self.headers["Range"]))
        plan = owner.plans.get(mirror, ["good"])
        answer = plan.pop(0) if len(plan) > 1 else plan[0]
        if answer.isdigit():
            self.send_error(int(answer))
            return
        content, start = owner.content, 0
        if answer == "wrong":
            content = bytes(len(content))
        if answer == "page":
            content = b"<!DOCTYPE html><p>Please log in.</p>"
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if asked and answer in ("good", "breaks"):
            start = int(asked[1])
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer.startswith("breaks") else body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
