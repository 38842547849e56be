"""EMNIST's official archive: the files of its members, found or fetched, unpacked and checked."""

import hashlib
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from hcr.datasets import download, places
from hcr.errors import DataError, RunError
from hcr.runs import files

FAMILY = "emnist"
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
MEMBERS = {
    f"emnist-{part}-{'idx3' if part.endswith('images') else 'idx1'}-ubyte": digest
    for part, digest in _SHA256.items()
}
"""Name of a member, without `gzip/` and `.gz`, -> the SHA-256 of its gzipped bytes."""

_CHECKED = "checked.json"
_CHUNK = 1 << 20
_QUIET = 2.0  # s to wait for another process before saying so


def folder() -> Path:
    """Where the archive and its unpacked members are kept; it may not exist yet."""
    return places.cache() / FAMILY


def member(name: str) -> Path:
    """The file of one of `MEMBERS`, as `"emnist-letters-train-images-idx3-ubyte"`.

    It is taken from where `places.find` finds it, else from the archive, which is downloaded once
    and kept. An official `.gz` is checked against its SHA-256 when it is first met; of an unpacked
    IDX file only the form can be checked, where it is read. One process at a time downloads and
    unpacks.

    Raises:
        DataError: The file that lies there is another, or it can neither be fetched nor written.
    """
    found = places.find(FAMILY, name)
    if found is not None and (found.suffix != ".gz" or _is(found, "sha256", MEMBERS[name])):
        return found
    target = folder() / f"{name}.gz"
    if found is not None and found != target.resolve():
        raise DataError(
            f"{found} must be the official file. Received: {found.stat().st_size:,} bytes with "
            "another SHA-256. It was cut short or is of another set: delete it or fetch it again."
        )
    with _alone():
        # Another process may have been faster.
        if not _is(target, "sha256", MEMBERS[name]):
            _unpack(name, _archive(), target)
            _remember(target, MEMBERS[name])
    return target.resolve()


def _archive() -> Path:
    """The whole archive: from where the user put it, or downloaded."""
    found = places.find(FAMILY, ARCHIVE)
    target = folder() / ARCHIVE
    if found is None or not _is(found, "md5", MD5):
        if found is not None and found != target.resolve():
            raise DataError(
                f"{found} must be EMNIST's archive. Received: {found.stat().st_size:,} bytes whose "
                f"MD5 is not {MD5}. Delete it, and it is downloaded, or fetch it again: {URLS[0]}."
            )
        found = download.fetch(URLS, MD5, target, "EMNIST's archive (562 MB)")
        _remember(found, MD5)
    return found


def _unpack(name: str, archive: Path, target: Path) -> None:
    """Copy one member of `archive` to `target`, whole and right, or not at all."""
    total = hashlib.sha256()
    try:
        with (
            zipfile.ZipFile(archive) as box,
            box.open(f"gzip/{name}.gz") as source,
            files.writing(target) as aside,
            open(aside, "wb") as file,
        ):
            while chunk := source.read(_CHUNK):
                total.update(chunk)
                file.write(chunk)
            if total.hexdigest() != MEMBERS[name]:
                raise zipfile.BadZipFile(f"its {name}.gz has another SHA-256")
    except KeyError:
        raise _damaged(archive, f"no gzip/{name}.gz in it") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _damaged(archive, str(error)) from error
    except RunError as error:
        raise download.unwritable(target, error.__cause__) from error
    except OSError as error:
        raise _damaged(archive, error.strerror or str(error)) from error


def _damaged(archive: Path, reason: str) -> DataError:
    return DataError(
        f"{archive} must be EMNIST's archive. Received: {reason}. Delete it, and it is downloaded "
        "again."
    )


# What was checked once


def _is(path: Path, algorithm: str, expected: str) -> bool:
    """Whether the file `path` is there and has the digest; read only if that is not known yet."""
    if not path.is_file():
        return False
    if _records().get(str(path.resolve())) == [*_state(path), expected]:
        return True
    try:
        with open(path, "rb") as file:
            right = hashlib.file_digest(file, algorithm).hexdigest() == expected
    except OSError as error:
        raise DataError(
            f"{path} must be a file that can be read. Received: {error.strerror or error}. "
            "Change its rights, or delete it."
        ) from error
    if right:
        _remember(path, expected)
    return right


def _remember(path: Path, digest: str) -> None:
    """Note that the file `path`, as it is, has the `digest`. A cache that is read-only forgets."""
    records = _records()
    records[str(path.resolve())] = [*_state(path), digest]
    try:
        files.write_json(folder() / _CHECKED, records)
    except RunError:
        return


def _records() -> dict[str, list]:
    """Path -> size, time and digest of the files that were found right."""
    try:
        records = files.read_json(folder() / _CHECKED)
    except RunError:
        return {}
    return records if isinstance(records, dict) else {}


def _state(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the folder's lock; say so where another process has it."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder() / ".lock")
        try:
            lock.acquire(timeout=_QUIET)
        except Timeout:
            print("Another process is fetching EMNIST: waiting for it.", file=sys.stderr)
            lock.acquire()
    except OSError as error:
        raise download.unwritable(folder(), error) from error
    try:
        yield
    finally:
        lock.release()
