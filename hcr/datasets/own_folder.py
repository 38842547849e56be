"""A folder of the user's own pictures: `character/picture.png`.

A folder inside is named by its character; or, because many systems don't tell `a` from `A` in a
name or allow `/`, by the character's code, `U+0041`; or all of them by two hexadecimal digits,
`41`, as NIST's by_class is. Pictures (`SUFFIXES`) may lie deeper; other files and hidden ones are
passed over. Above there may be `train`, `test` and `validation`.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hcr.errors import DataError
from hcr.preprocessing import read_picture

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".pgm", ".ppm"}
SUFFIXES |= {".avif", ".pbm"}

# A split's name by its name in the files.
PARTS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "t10k": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}

Pictures = np.ndarray | Iterable[np.ndarray]  # (n, h, w) or (n, h, w, channels); or one by one
Parts = dict[str, tuple[Pictures, np.ndarray]]


@dataclass(frozen=True)
class Found:
    """What lies at a path.

    Attributes:
        files: All that is read.
        characters: The character of each label.
        read: Gives pictures and labels, int64 (n,), by part: `"all"`, or `"train"`, `"test"` and
            perhaps `"validation"`.
        name: Names a picture for people, by its part and its place there.
        of_files: Whether each picture is a file of its own, so that they may come from all over.
    """

    files: list[Path]
    characters: tuple[str, ...]
    read: Callable[[], Parts]
    name: Callable[[str, int], str]
    of_files: bool = False


def find(path: Path) -> Found:
    """The pictures in the folder `path`. Raises `DataError` where a name or a folder is wrong."""
    tops = {part: top for top in folders(path) if (part := PARTS.get(top.name.lower()))}
    if tops:
        check_parts(tops, path)
    else:
        tops = {"all": path}
    listed = {part: _listed(top) for part, top in tops.items()}
    characters = tuple(sorted({char for part in listed.values() for char in part}))

    ordered = {
        part: [file for char in characters for file in by_char.get(char, [])]
        for part, by_char in listed.items()
    }

    def read() -> Parts:
        parts: Parts = {}
        for part, by_char in listed.items():
            counts = [len(by_char.get(char, [])) for char in characters]
            labels = np.repeat(np.arange(len(counts)), counts)
            parts[part] = map(read_picture, ordered[part]), labels
        return parts

    def name(part: str, place: int) -> str:
        return str(ordered[part][place])

    files = [file for part in ordered.values() for file in part]
    return Found(files, characters, read, name, of_files=True)


def _listed(top: Path) -> dict[str, list[Path]]:
    """The picture files of each character, sorted."""
    found: dict[str, list[Path]] = {}
    inside = folders(top)
    if not inside:
        raise DataError(f"{top} must hold a folder for each character. Received: none.")
    for folder, character in zip(inside, _characters(inside), strict=True):
        files = [
            Path(place, name)
            for place, _, names in sorted(os.walk(folder))
            for name in sorted(names)
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
        ]
        if not files:
            raise DataError(
                f"{folder} must hold pictures of {character}. Received: none "
                f"({', '.join(sorted(SUFFIXES))}). Add some, or delete the folder."
            )
        found.setdefault(character, []).extend(files)
    return found


def _characters(inside: list[Path]) -> list[str]:
    """The character that each folder's name means."""
    names = [unicodedata.normalize("NFC", folder.name) for folder in inside]
    if all(re.fullmatch("[2-7][0-9a-fA-F]", name) for name in names):
        return [_character(chr(int(name, 16)), name) for name in names]
    found = []
    for name in names:
        code = re.fullmatch(r"[Uu]\+([0-9a-fA-F]{4,6})", name)
        in_range = code and int(code[1], 16) < 0x110000
        found.append(_character(chr(int(code[1], 16)) if in_range else name, name))
    return found


def _character(character: str, name: str) -> str:
    if len(character) == 1 and character.isprintable() and not character.isspace():
        return character
    raise DataError(
        "A folder of pictures must be named by one character, by its code such as U+0041, or all "
        f"of them by two hexadecimal digits such as 41. Received: {name!r}. Rename it, or put it "
        "elsewhere."
    )


def folders(path: Path) -> list[Path]:
    """The folders in `path`, sorted, without those that systems leave."""
    return sorted(
        each for each in path.iterdir() if each.is_dir() and not each.name.startswith((".", "__"))
    )


def check_parts(parts: Iterable[str], path: Path) -> None:
    """Raise `DataError` where train or test is not among the `parts` of the data at `path`."""
    lacking = sorted({"train", "test"} - set(parts))
    if lacking:
        raise DataError(
            f"Own data that have some of train, test and validation must have train and test. "
            f"Received: no {' and no '.join(lacking)} in {path}. Add it, or leave out the others."
        )
