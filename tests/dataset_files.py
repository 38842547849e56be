"""Small files of the datasets' forms, splits of noise, and a local server of files."""

import gzip
import io
import re
import struct
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import numpy as np

from hcr import datasets
from hcr.datasets import Info, Split, Strokes, unipen
from hcr.preprocessing import synthesis

NAME = "made-up"
KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")
NAMES = ("apa", "app", "tos", "aga", "val", "lou")


# A dataset that needs no file


def made(n: int, seed: int = 0, classes: int = 10) -> Split:
    """A split of n different images of noise, its labels in turn."""
    images = np.random.default_rng(seed).integers(0, 256, (n, 28, 28), dtype=np.uint8)
    return Split(images, np.arange(n, dtype=np.int64) % classes)


def splits() -> tuple[Split, Split, Split]:
    """Three splits that share no image."""
    return made(200, 1), made(60, 2), made(50, 3)


def joined(*parts: Split) -> Split:
    return Split(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def family(monkeypatch, source: Path, read=splits, cached: bool = True) -> list:
    """Make `datasets.load("made-up")` give what `read` gives; returns the list of its calls."""
    calls: list[str] = []
    module = ModuleType("made_up_family")

    def counted(name, options):
        calls.append(name)
        return read()

    module.read = counted
    if not cached:
        monkeypatch.setattr(datasets, "UNCACHED", (NAME,))
    module.sources = lambda name, options: [source]
    module.info = lambda name, options: Info(
        "Made up", tuple("0123456789"), "none", "nobody", "https://example.org"
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(datasets.DATASETS, NAME, module.__name__)
    return calls


# IDX files and EMNIST's archive


def idx_bytes(values: np.ndarray) -> bytes:
    """`values` as an IDX file of unsigned bytes."""
    header = struct.pack(f">2xBB{values.ndim}I", 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def write_pair(folder: Path, name: str, split: Split, first: int = 0) -> None:
    """Write `<name>-images…` and `<name>-labels…`, transposed where it is EMNIST's."""
    folder.mkdir(parents=True, exist_ok=True)
    images = split.images.swapaxes(1, 2) if "emnist" in name else split.images
    for kind, values in zip(KINDS, (images, split.labels + first), strict=True):
        (folder / f"{name}-{kind}").write_bytes(idx_bytes(values))


def zipped(content: bytes) -> bytes:
    """The same bytes every time."""
    return gzip.compress(content, 1, mtime=0)


def zip_of(files: dict[str, bytes]) -> bytes:
    """An archive of the official form that holds `files`, by name, which become official ones."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as box:
        for name, content in files.items():
            box.writestr(f"gzip/{name}.gz", zipped(content))
    return buffer.getvalue()


class Server:
    """Serves one file on 127.0.0.1, at any path, or several by the path's last part.

    How a path's next requests are answered stands in `plans`, by the path's first part; the last
    answer is repeated, and without a plan all goes well. An answer is `good`, `breaks` (half of
    what was asked for), `no range` (the whole file), `wrong` (other bytes) or a status, as `503`.
    """

    def __init__(self, content: bytes | dict[str, bytes]) -> None:
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

    def url(self, mirror: str, file: str = "/gzip.zip") -> str:
        """An address of the file; `mirror` is the path's first part."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{mirror}{file}"


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
        if isinstance(content, dict):
            content = content[self.path.split("/")[-1]]
        if answer == "wrong":
            content = bytes(len(content))
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if asked and answer in ("good", "breaks"):
            start = int(asked[1])
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
        else:
            self.send_response(200)
        body = content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if answer == "breaks" else body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


# UNIPEN


def drawings() -> list[tuple[str, str, list[np.ndarray]]]:
    """Contributor, character and strokes: of each of four characters by each contributor."""
    return [
        (name, char, [np.rint(1000 * s) for s in synthesis.character(char, [i, j])])
        for j, name in enumerate(NAMES)
        for i, char in enumerate("Aac7")
    ]


def unipen_arrays(samples: list) -> dict[str, np.ndarray]:
    """The arrays of UNIPEN's file for `samples` as `drawings` gives them."""
    strokes = Strokes.of(each for _, _, each in samples)
    return {
        "xy": np.rint(strokes.points).astype(np.int16),
        "stroke_ptr": strokes.stroke_ptr.astype(np.int32),
        "sample_ptr": strokes.sample_ptr.astype(np.int32),
        "label": np.array([char for _, char, _ in samples]),
        "contributor": np.array([NAMES.index(name) for name, _, _ in samples], np.int8),
        "contributor_names": np.array(NAMES),
    }


def write_unipen(monkeypatch, tmp_path: Path, **arrays: np.ndarray) -> Path:
    """Write UNIPEN's file of `arrays` below `HCR_DATA`."""
    path = tmp_path / "data" / "unipen" / unipen.FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    monkeypatch.setenv("HCR_DATA", str(tmp_path / "data"))
    return path
