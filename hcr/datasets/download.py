"""Fetches one large file over HTTP: resumed where it broke off, mirrors in turn, checked."""

import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hcr.datasets import places
from hcr.errors import DataError

ATTEMPTS = 5  # at one address, as long as each brings something
PAUSE = 2.0  # s before another attempt at the same address
TIMEOUT = (10, 60)  # s to connect, s between two pieces
CHUNK = 1 << 16  # bytes


def fetch(urls: tuple[str, ...], md5: str, target: Path, what: str) -> Path:
    """Download the file `target` from the first of `urls` that gives the right bytes.

    What has arrived is kept in `<target>.part` when it breaks off or is interrupted, and the next
    attempt, or the next call, asks for the rest only. `target` itself appears when the MD5 of the
    whole is right, and what has another is deleted. A bar on standard error shows the progress.

    Args:
        urls: Where it can be had; the first one is the address for people.
        md5: Of the whole file, hexadecimal.
        target: Where it is put; its folder is made.
        what: Its name for people.

    Raises:
        DataError: No address gave the file, or it cannot be written. The remedy is told.
    """
    import pooch
    import requests

    # It would print the addresses and this machine's folders, into reports too.
    pooch.get_logger().setLevel("WARNING")
    part = target.with_name(f"{target.name}.part")
    reasons = [f"{target} as it lies there has another MD5"] if target.exists() else []
    for url in urls:
        for _ in range(ATTEMPTS):
            before = _size(part)
            downloader = _Resuming(part, what)
            try:
                pooch.retrieve(url, f"md5:{md5}", target.name, target.parent, None, downloader)
                return target
            except requests.RequestException as error:
                reason = _reason(error)
                again = _size(part) > before
            except ValueError:  # the MD5 is another
                reason = f"{downloader.arrived}, whose MD5 is not {md5}"
                again = before > 0
            except OSError as error:
                raise unwritable(target, error) from error
            if not again:
                break
            time.sleep(PAUSE)
        reasons.append(f"{urlsplit(url).netloc}: {reason}")
    kept = f" {_size(part) / 1e6:,.0f} MB are kept, and the next try goes on there." * part.exists()
    raise DataError(
        f"{what} must be downloaded once. Received: {'; '.join(reasons)}. Try again later.{kept} "
        f"Or download {urls[0]} by hand and put it into {target.parent} as {target.name}; for "
        f"another folder set {places.CACHE_VARIABLE}."
    )


def unwritable(path: Path, error: OSError) -> DataError:
    """The `error` of the disk at `path` in one line with a remedy."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return DataError(
        f"The cache folder must be writable and have room for {path}. Received: {reason}. Make "
        f"room and run the same again, or set {places.CACHE_VARIABLE} to another folder."
    )


class _Resuming:
    """What pooch calls to fetch a file: goes on where `part` ends, if the server can do so."""

    def __init__(self, part: Path, what: str) -> None:
        self.part, self.what = part, what
        self.arrived = "nothing"

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        import requests

        have = _size(self.part)
        # Compressed on the way, the bytes could not be counted.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            # 416: there is nothing behind what is here. Whether it is right, the MD5 tells.
            if not (have and response.status_code == 416):
                response.raise_for_status()
                resumed = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
                self._save(response, have if response.status_code == 206 and resumed else 0)
        self.arrived = _told(self.part)
        os.replace(self.part, output_file)

    def _save(self, response: Any, have: int) -> None:
        from tqdm import tqdm

        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdigit() else None
        with (
            open(self.part, "ab" if have else "wb") as file,
            tqdm(
                desc=self.what, total=total, initial=have, unit="B", unit_scale=True, mininterval=1
            ) as bar,
        ):
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))


def _reason(error: Any) -> str:
    """Why a request failed, in a few words: requests' own fill three lines."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError):
        return f"status {error.response.status_code} {error.response.reason}"
    if isinstance(error, exceptions.SSLError):
        return "a certificate that is not trusted"
    if isinstance(error, exceptions.Timeout):
        return "no answer in time"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "it broke off"
    if isinstance(error, exceptions.ConnectionError):
        return "no connection, or it was lost"
    return type(error).__name__


def _told(path: Path) -> str:
    """How much there is in `path`, and how it begins where that is text, as of an error's page."""
    with open(path, "rb") as file:
        head = file.read(40)
    begins = f" that begin {head.decode()!r}" if head.isascii() and b"\0" not in head else ""
    return f"{_size(path):,} bytes{begins if head else ''}"


def _size(path: Path) -> int:
    """The size of a file in bytes; 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0
