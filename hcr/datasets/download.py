"""EMNIST's official archive: downloaded once, resumed where it broke off, checked, unpacked."""

import hashlib
import os
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from hcr.datasets.files import disk_error, find, read
from hcr.errors import DataError, RunError
from hcr.runs import files
from hcr.runs.environment import CACHE_VARIABLE, cache_folder

ARCHIVE = "gzip.zip"
URLS = (
    "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
    "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/gzip.zip",
)
MD5 = "58c8d27c78d21e728a6bc7b3cc06412e"
# SHA-256 of the gzipped members, which lie at gzip/emnist-<part>-idx?-ubyte.gz.
_SHA256 = {
    "balanced-test-images": "117fc12b015e37ea98bfb2cbba3f77c3782c056cdbd219b87abfc8661d7135db",
    "balanced-test-labels": "a67cac948379b67270b9a4d0a01c8ec661598accf2f2b1964340b7c83cb175cd",
    "balanced-train-images": "74295e75e4e9fa2c102147460ee7eb763653d5132d883a84fb88932bfb8d2db4",
    "balanced-train-labels": "b46d41e5156a0a8aaaa4d18979fdd1588850fa8571018acffd5d93b325a7d6ed",
    "byclass-test-images": "5ec835bd5d5b1a66378a132e727fef20fe994b3cc666899befcca5ac766f50cd",
    "byclass-test-labels": "501e305eeeacb093b162592d80e8a2632040872360fa6d85cfcb2200d91ca92a",
    "byclass-train-images": "9e21987f03a6eb8b870187e785883ddad96947299587908f1a7ec2ca0f4be5f0",
    "byclass-train-labels": "f7ef403d48dc18a89dae0d83d11ee69cecb6e1c12c3a961d03712e495c02a8fa",
    "bymerge-test-images": "5e5815ec1b522089134435f7c55e75a00960b58414793593ffff23efc0821683",
    "bymerge-test-labels": "8bda1516255683ba9071e141947ca0c91a911176065cdd6259b0b4d8dc5b5f35",
    "bymerge-train-images": "39bf8c68037dad40db35348895f7e4e056e8c0a005ab78869c9fbc2c96e947be",
    "bymerge-train-labels": "2c47293b9e62d6abf6ad05fbf67e40baa32adfd380b8d7b44dcc35534b64e1f1",
    "digits-test-images": "20ebe43509264f7639d37c835a3f0b009e90b29e00a099a03101abe1644a3f63",
    "digits-test-labels": "bad1834c45d5988e270b99d43b13edc3fd898f658ffbc2caf2846ef27f7b05b0",
    "digits-train-images": "f7c95004d14d81af89522e67d8f0c781dfb3bd544181c81bfe1eb6b41c35b726",
    "digits-train-labels": "6638a6ff5fe2eefd9cca2471995b46c82986b8e4b2a70d2f5ce8e05d7edb319e",
    "letters-test-images": "50f0e93d75b99b463e9760b8345866f22587fa2c2fba472730a5ba09c693412d",
    "letters-test-labels": "924955c31fe7fd809b7303b5c0141282955f4b8390c74cdfd5d80435e0f4b4cb",
    "letters-train-images": "6288f418a917e007bf5fddb823a2dc7a5c6a35031401b93292a539cb12bd881f",
    "letters-train-labels": "9759af91ea6bccdf07a6040fd085861f2ec88e37f7c3f5760f6feb57106fbe5c",
    "mnist-test-images": "b25640fa9e356c618132f5df347c95ef5bae6d9c2596be1de40f7e0ae1c3eac6",
    "mnist-test-labels": "bcc5385d38f083dba046f5f756e99b32f5ea7fad122c6243c71c2239873065ca",
    "mnist-train-images": "5f9942f441031c0f1f2e4d162059fd6e19ea808b34c328b6d16cab0ed24c78f2",
    "mnist-train-labels": "00c6d3c2342fdffb1711e0b5656cac4ce5862d2826399d383a9bac07d612e9f8",
}
# Name of a member, without `gzip/` and `.gz`, to the SHA-256 of its gzipped bytes.
MEMBERS = {
    f"emnist-{part}-{'idx3' if part.endswith('images') else 'idx1'}-ubyte": digest
    for part, digest in _SHA256.items()
}

ATTEMPTS = 5  # at one address, as long as each brings something
PAUSE = 2.0  # s before another attempt at the same address
TIMEOUT = (10, 60)  # s to connect, s between two pieces


def emnist_file(name: str) -> Path:
    """The file of one of `MEMBERS`: where `find` has it, else unpacked from the archive.

    The archive is downloaded once, by one process at a time, and kept. Raises `DataError` where it
    can neither be had nor written.
    """
    path = find("emnist", name)
    if path is not None:
        return path
    target = cache_folder() / "emnist" / f"{name}.gz"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(".lock")):
            if not target.is_file():  # another process may have been faster
                archive = find("emnist", ARCHIVE)
                archive = archive or fetch(
                    URLS, MD5, target.with_name(ARCHIVE), "EMNIST's archive (562 MB)"
                )
                form, remedy = "EMNIST's archive", "Delete it, and it is downloaded again."
                content = read(archive, lambda: _member(archive, name), form, remedy)
                with files.writing(target) as aside:
                    aside.write_bytes(content)
    except RunError as error:
        raise disk_error(error.__cause__, target) from error
    except OSError as error:
        raise disk_error(error, target) from error
    return target.resolve()


def check_official(path: Path) -> None:
    """Raise `DataError` where a gzipped file of EMNIST is not the official one."""
    expected = MEMBERS.get(path.stem) if path.suffix == ".gz" else None
    if expected and files.sha256(path) != expected:
        raise DataError(
            f"{path} must be the official file. Received: {path.stat().st_size:,} bytes with "
            "another SHA-256. It was cut short or is of another set: delete it or get it again."
        )


def _member(archive: Path, name: str) -> bytes:
    with zipfile.ZipFile(archive) as box:
        content = box.read(f"gzip/{name}.gz")
    if hashlib.sha256(content).hexdigest() != MEMBERS[name]:
        raise zipfile.BadZipFile(f"its {name}.gz has another SHA-256")
    return content


def fetch(urls: tuple[str, ...], md5: str, target: Path, what: str) -> Path:
    """Download the file `target` from the first of `urls` that gives the right bytes.

    What has arrived is kept in `<target>.part` when it breaks off, and the next attempt, or the
    next call, asks for the rest only; what has another MD5 than `md5` is deleted. `what` is its
    name for people. Raises `DataError` where no address gave the file.
    """
    import pooch
    import requests

    # It would print the addresses and this machine's folders, into reports too.
    pooch.get_logger().setLevel("WARNING")
    part = target.with_name(f"{target.name}.part")
    reasons = []
    for url in urls:
        for _ in range(ATTEMPTS):
            before = _size(part)
            try:
                downloader = _resuming(part, what)
                pooch.retrieve(url, f"md5:{md5}", target.name, target.parent, None, downloader)
                return target
            except requests.RequestException as error:
                status = getattr(error.response, "status_code", None)
                reason = f"status {status}" if status else type(error).__name__
                again = _size(part) > before
            except ValueError:
                # What was there before may have been wrong, or the server cannot resume.
                reason, again = f"a file whose MD5 is not {md5}", before > 0
            if not again:
                break
            time.sleep(PAUSE)
        reasons.append(f"{urlsplit(url).netloc}: {reason}")
    raise DataError(
        f"{what} must be downloaded once. Received: {'; '.join(reasons)}. Try again later; "
        f"{_size(part) / 1e6:,.0f} MB are kept. Or put {urls[0]} into {target.parent} by hand; for "
        f"another folder set {CACHE_VARIABLE}."
    )


def _resuming(part: Path, what: str) -> Callable:
    """What pooch calls to fetch a file: goes on where `part` ends."""
    from pooch import HTTPDownloader
    from requests import HTTPError

    def download(url: str, output_file: str, pooch: object) -> None:
        # Compressed on the way, the bytes could not be counted.
        headers = {"Accept-Encoding": "identity"}
        if _size(part):
            headers["Range"] = f"bytes={_size(part)}-"
        http = HTTPDownloader(_Progress(what), 1 << 16, headers=headers, timeout=TIMEOUT)
        try:
            with open(part, "ab") as file:
                http(url, file, pooch)
        except HTTPError as error:
            # 416: there is nothing behind what is here. Whether that is right, the MD5 tells.
            if error.response.status_code != 416:
                raise
        os.replace(part, output_file)

    return download


class _Progress:
    """What pooch reports a download's progress to: a line on standard error every tenth."""

    def __init__(self, what: str) -> None:
        self.what, self.total, self.arrived, self.printed = what, 0, 0, -1

    def update(self, n: int) -> None:
        self.arrived += n
        tenth = min(10, 10 * self.arrived // max(1, self.total))
        if tenth > self.printed:
            self.printed = tenth
            print(f"{self.what}: {10 * tenth} %", file=sys.stderr, flush=True)

    def reset(self) -> None:
        self.arrived = 0

    def close(self) -> None:
        """Nothing is left open."""


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
