"""EMNIST's archive from a server on this machine: fetched once, whole, or told in one line."""

import errno
import hashlib
import io
import json
import os
import socket
import threading
import time
import zipfile
from pathlib import Path

import emnist_files
import pytest
import tqdm
from filelock import FileLock

from hcr.datasets import archive, download, idx
from hcr.errors import DataError

PICTURES = "emnist-letters-test-images-idx3-ubyte"
LABELS = "emnist-letters-test-labels-idx1-ubyte"
OTHER = "emnist-digits-test-images-idx3-ubyte"


def small_files() -> dict[str, bytes]:
    """Two sets' test files; random pictures, so that the archive fills several pieces."""
    found = {}
    for name in ("emnist-letters", "emnist-digits"):
        drawn = emnist_files.drawn(name, "test", 260)
        found |= emnist_files.contents(name, "test", *drawn)
    return found


OFFICIAL, DATA = archive.MEMBERS, os.environ.get("HCR_DATA")
FILES = small_files()
CONTENT = emnist_files.zip_of(FILES)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """The folder of the archive and its members, still missing; HCR_DATA is not set."""
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HCR_DATA", raising=False)
    emnist_files.known(monkeypatch, FILES)
    return tmp_path / "cache" / "emnist"


@pytest.fixture
def server(monkeypatch):
    with emnist_files.Server(CONTENT) as running:
        emnist_files.served(monkeypatch, CONTENT, running.url("first"), running.url("second"))
        yield running


def failure(name: str = PICTURES) -> str:
    """The error that `member` gives: one line that names the remedy."""
    with pytest.raises(DataError) as error:
        archive.member(name)
    text = str(error.value)
    assert "\n" not in text
    assert "Received: " in text
    return text


def check_nothing_is_trusted(cache: Path) -> None:
    """No member, no archive and nothing that is taken for checked; temporary files are gone."""
    left = {path.name for path in cache.iterdir()} if cache.is_dir() else set()
    assert left <= {".lock", "gzip.zip.part"}


def check_good(path: Path, name: str = PICTURES) -> None:
    assert path.read_bytes() == emnist_files.zipped(FILES[name])


def check_a_later_try_succeeds(server: emnist_files.Server, cache: Path) -> None:
    server.plans.clear()
    path = archive.member(PICTURES)
    assert path == cache / f"{PICTURES}.gz"
    check_good(path)
    assert not (cache / "gzip.zip.part").exists()


# All goes well


def test_a_member_is_fetched_unpacked_and_kept(server, cache, capfd):
    path = archive.member(PICTURES)
    assert path == cache / f"{PICTURES}.gz"
    check_good(path)
    assert idx.read(path).shape == (260, 28, 28)
    # Only what was asked for is unpacked.
    assert {each.name for each in cache.glob("*.gz")} == {path.name}
    assert "EMNIST's archive" in capfd.readouterr().err
    # Neither this member nor another needs a second request.
    assert archive.member(PICTURES) == path
    check_good(archive.member(OTHER), OTHER)
    assert server.requests == [("first", None)]
    assert {each.name for each in cache.iterdir()} == {
        ".lock",
        "checked.json",
        "gzip.zip",
        f"{PICTURES}.gz",
        f"{OTHER}.gz",
    }


def test_what_lies_in_hcr_data_needs_no_archive(server, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_DATA", str(tmp_path / "data"))
    folder = tmp_path / "data" / "emnist"
    emnist_files.write(folder, {PICTURES: FILES[PICTURES]}, compressed=True)
    assert archive.member(PICTURES) == folder / f"{PICTURES}.gz"
    # An unpacked file comes first; its form is checked where it is read.
    emnist_files.write(folder, {PICTURES: b"anything"})
    assert archive.member(PICTURES) == folder / PICTURES
    assert server.requests == []


def test_a_file_is_hashed_once_and_again_when_it_changes(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_DATA", str(tmp_path))
    emnist_files.write(tmp_path, {PICTURES: FILES[PICTURES]}, compressed=True)
    hashed = []
    real = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *a: hashed.append(a) or real(*a))
    path = archive.member(PICTURES)
    assert archive.member(PICTURES) == path
    assert len(hashed) == 1
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "another SHA-256" in failure()
    assert len(hashed) == 2
    # Nobody's word is taken for it after that.
    assert "another SHA-256" in failure()
    assert server.requests == []


def test_an_archive_fetched_by_hand_is_used(server, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("HCR_DATA", str(tmp_path))
    (tmp_path / "gzip.zip").write_bytes(CONTENT)
    check_good(archive.member(PICTURES))
    (tmp_path / "gzip.zip").unlink()
    cache.mkdir(exist_ok=True)
    (cache / "gzip.zip").write_bytes(CONTENT)
    check_good(archive.member(OTHER), OTHER)
    assert server.requests == []


def test_an_archive_by_hand_that_is_cut_short_is_told_or_replaced(
    server, cache, tmp_path, monkeypatch
):
    monkeypatch.setenv("HCR_DATA", str(tmp_path))
    (tmp_path / "gzip.zip").write_bytes(CONTENT[:5000])
    text = failure()
    assert f"{tmp_path / 'gzip.zip'} must be EMNIST's archive. Received: 5,000 bytes" in text
    assert server.requests == []
    check_nothing_is_trusted(cache)
    # In the cache folder it is ours to replace; until that succeeds, it is named.
    (tmp_path / "gzip.zip").rename(cache / "gzip.zip")
    server.plans = {"first": ["503"], "second": ["503"]}
    assert f"{cache / 'gzip.zip'} as it lies there has another MD5; 127.0.0.1" in failure()
    check_a_later_try_succeeds(server, cache)


def test_a_member_in_the_cache_that_was_damaged_is_unpacked_again(server, cache):
    path = archive.member(PICTURES)
    path.write_bytes(b"broken")
    check_good(archive.member(PICTURES))
    assert len(server.requests) == 1


def test_two_at_once_download_and_unpack_once(server, monkeypatch):
    found, unpacked = [], []
    real = archive._unpack
    monkeypatch.setattr(archive, "_unpack", lambda *a: unpacked.append(a[0]) or real(*a))
    threads = [
        threading.Thread(target=lambda name=name: found.append(archive.member(name)))
        for name in (PICTURES, PICTURES, LABELS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    for path in found:
        check_good(path, path.stem)
    assert server.requests == [("first", None)]
    assert sorted(unpacked) == [PICTURES, LABELS]


def test_one_that_waits_for_another_says_so(server, cache, monkeypatch, capfd):
    monkeypatch.setattr(archive, "_QUIET", 0.05)
    cache.mkdir(parents=True)
    held = threading.Event()

    def hold():
        with FileLock(cache / ".lock"):
            held.set()
            time.sleep(0.3)

    other = threading.Thread(target=hold)
    other.start()
    held.wait()
    check_good(archive.member(PICTURES))
    other.join()
    assert "Another process is fetching EMNIST: waiting for it." in capfd.readouterr().err


def test_a_cache_that_cannot_be_written_still_serves_what_lies_in_hcr_data(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "file"))
    monkeypatch.setenv("HCR_DATA", str(tmp_path))
    emnist_files.write(tmp_path, {PICTURES: FILES[PICTURES]}, compressed=True)
    check_good(archive.member(PICTURES))


# The network


def test_it_goes_on_where_it_broke_off(server, cache):
    server.plans["first"] = ["breaks", "breaks", "good"]
    check_good(archive.member(PICTURES))
    (_, first), (_, second), (_, third) = server.requests
    assert first is None
    starts = [int(each.removeprefix("bytes=").removesuffix("-")) for each in (second, third)]
    # Of a piece that did not arrive whole, what is missing is asked for again.
    assert 0 < starts[0] < starts[1] < len(CONTENT)
    assert not (cache / "gzip.zip.part").exists()


def test_it_goes_on_with_the_next_mirror(server):
    server.plans["first"] = ["breaks", "503"]
    check_good(archive.member(PICTURES))
    assert [mirror for mirror, _ in server.requests] == ["first", "first", "second"]
    assert server.requests[-1][1].startswith("bytes=")


def test_a_server_that_cannot_resume_sends_all_again(server):
    server.plans["first"] = ["breaks whole", "no range"]
    check_good(archive.member(PICTURES))
    assert len(server.requests) == 2


@pytest.mark.parametrize("answer", ["breaks", "breaks whole"])
def test_a_server_that_always_breaks_off_is_told_and_the_next_run_goes_on(server, cache, answer):
    server.plans = {"first": [answer], "second": [answer]}
    text = failure()
    assert "EMNIST's archive (562 MB) must be downloaded once. Received: 127.0.0.1" in text
    assert text.count("it broke off") == 2
    assert "MB are kept, and the next try goes on there. Or download http://127.0.0.1" in text
    assert f"by hand and put it into {cache} as gzip.zip; for another folder set HCR_CACHE" in text
    assert len(server.requests) <= 2 * download.ATTEMPTS
    check_nothing_is_trusted(cache)
    assert 0 < (cache / "gzip.zip.part").stat().st_size < len(CONTENT)
    check_a_later_try_succeeds(server, cache)
    assert server.requests[-1][1].startswith("bytes=")


@pytest.mark.parametrize(
    ("answer", "received"),
    [("wrong", f"{len(CONTENT):,} bytes, whose MD5"), ("page", "36 bytes that begin '<!DOCTYPE h")],
)
def test_wrong_bytes_are_told_and_deleted(server, cache, answer, received):
    server.plans = {"first": [answer], "second": [answer]}
    text = failure()
    assert text.count(received) == 2
    assert "are kept" not in text
    assert len(server.requests) == 2
    assert not (cache / "gzip.zip.part").exists()
    check_nothing_is_trusted(cache)
    check_a_later_try_succeeds(server, cache)


def test_wrong_bytes_left_by_an_earlier_run_do_not_spoil_the_next(server, cache, monkeypatch):
    monkeypatch.setattr(archive, "URLS", archive.URLS[:1])
    cache.mkdir(parents=True)
    for left in (b"other bytes", CONTENT[:70_000] + b"x", CONTENT + b"more"):
        (cache / "gzip.zip.part").write_bytes(left)
        check_a_later_try_succeeds(server, cache)
        for path in cache.iterdir():
            path.unlink()
    # All had come, and the process was killed before it was renamed.
    server.requests.clear()
    (cache / "gzip.zip.part").write_bytes(CONTENT)
    check_a_later_try_succeeds(server, cache)
    assert len(server.requests) == 1


def test_when_one_mirror_is_down_the_next_serves(server):
    server.plans["first"] = ["503"]
    check_good(archive.member(PICTURES))
    assert server.requests == [("first", None), ("second", None)]


def test_when_all_mirrors_are_down_it_is_told(server, cache):
    server.plans = {"first": ["503"], "second": ["404"]}
    text = failure()
    assert "status 503 Service Unavailable; 127.0.0.1" in text
    assert "status 404 Not Found. Try again later." in text
    check_nothing_is_trusted(cache)
    check_a_later_try_succeeds(server, cache)


def test_without_a_network_it_is_told(server, cache, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    good = archive.URLS
    monkeypatch.setattr(archive, "URLS", (f"http://127.0.0.1:{port}/gzip.zip",))
    assert f"127.0.0.1:{port}: no connection" in failure()
    check_nothing_is_trusted(cache)
    monkeypatch.setattr(archive, "URLS", good)
    check_a_later_try_succeeds(server, cache)


def test_a_silent_server_is_not_waited_for_for_ever(cache, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", (0.2, 0.2))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/gzip.zip"
        emnist_files.served(monkeypatch, CONTENT, url)
        assert "no answer in time" in failure()
    check_nothing_is_trusted(cache)


# The archive


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (emnist_files.zip_of({LABELS: FILES[LABELS]}), f"no gzip/{PICTURES}.gz in it"),
        (emnist_files.zip_of({PICTURES: FILES[OTHER]}), f"its {PICTURES}.gz has another SHA-256"),
        (CONTENT[: len(CONTENT) // 2], "File is not a zip file"),
        (CONTENT[:90_000] + bytes(20_000) + CONTENT[110_000:], ""),
    ],
    ids=["member missing", "wrong member", "cut short", "zeros in its middle"],
)
def test_an_archive_with_the_wrong_contents_is_told(cache, monkeypatch, content, received):
    """Its MD5 is right: this is another archive, as a mistake in the table of members would be."""
    with emnist_files.Server(content) as server:
        emnist_files.served(monkeypatch, content, server.url())
        text = failure()
    assert f"{cache / 'gzip.zip'} must be EMNIST's archive. Received: {received}" in text
    assert "Delete it, and it is downloaded again" in text
    assert {path.name for path in cache.iterdir()} == {".lock", "checked.json", "gzip.zip"}
    # That it has its MD5 is all that is known.
    assert list(json.loads((cache / "checked.json").read_text())) == [str(cache / "gzip.zip")]
    (cache / "gzip.zip").unlink()
    with emnist_files.Server(CONTENT) as server:
        emnist_files.served(monkeypatch, CONTENT, server.url())
        check_a_later_try_succeeds(server, cache)


# The disk


class Full(io.FileIO):
    """A file on a disk that has room for 100,000 bytes."""

    def write(self, data: bytes) -> int:
        if self.tell() + len(data) > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def full_disk(path, mode="r", **options):
    return Full(path, mode) if mode[0] in "wa" else open(path, mode, **options)


@pytest.mark.parametrize("module", [download, archive], ids=["download", "unpacking"])
def test_a_full_disk_is_told(server, cache, monkeypatch, module):
    monkeypatch.setattr(module, "open", full_disk, raising=False)
    text = failure()
    assert "must be writable and have room for" in text
    assert "Received: No space left on device. Make room and run the same again" in text
    assert not list(cache.glob("*.gz"))
    assert {path.name for path in cache.iterdir()} <= {
        ".lock",
        *(["gzip.zip.part"] if module is download else ["gzip.zip", "checked.json"]),
    }
    monkeypatch.delattr(module, "open")
    check_a_later_try_succeeds(server, cache)


def test_a_cache_folder_that_cannot_be_written_is_told(server, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "file"))
    text = failure()
    assert f"must be writable and have room for {tmp_path / 'file' / 'emnist'}" in text
    assert "set HCR_CACHE to another folder" in text
    assert server.requests == []


def test_a_locked_folder_is_told(server, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(archive, "FileLock", refuse)
    assert "Received: Permission denied. Make room" in failure()


@pytest.mark.parametrize("place", ["download", "unpacking"])
def test_an_interrupt_leaves_nothing_that_is_trusted(server, cache, monkeypatch, place):
    def interrupted(self, *size):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if place == "download":
            patch.setattr(tqdm.tqdm, "update", interrupted)
        else:
            patch.setattr(zipfile.ZipExtFile, "read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            archive.member(PICTURES)
    left = {path.name for path in cache.iterdir()} - {".lock"}
    assert left == ({"gzip.zip.part"} if place == "download" else {"gzip.zip", "checked.json"})
    check_a_later_try_succeeds(server, cache)
    # It went on where it was.
    assert [asked is None for _, asked in server.requests] == (
        [True, False] if place == "download" else [True]
    )


def test_a_note_of_checked_files_that_is_damaged_is_written_anew(server, cache):
    path = archive.member(PICTURES)
    for damaged in ("", "[]", '{"x"', "null"):
        (cache / "checked.json").write_text(damaged)
        assert archive.member(PICTURES) == path
        assert str(path) in json.loads((cache / "checked.json").read_text())
    assert len(server.requests) == 1


# The real files


@pytest.mark.data
def test_the_official_files_have_the_listed_digests():
    assert len(OFFICIAL) == 24
    assert all(len(digest) == 64 for digest in OFFICIAL.values())
    assert len(set(OFFICIAL.values())) == 24
    folder = Path(DATA) / "emnist"
    found = [name for name in OFFICIAL if (folder / f"{name}.gz").is_file()]
    if not found:
        pytest.skip("HCR_DATA holds no official EMNIST files")
    for name in found:
        content = (folder / f"{name}.gz").read_bytes()
        assert hashlib.sha256(content).hexdigest() == OFFICIAL[name], name
