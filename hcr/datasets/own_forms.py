"""The forms of a person's own data: a folder of pictures, a pair of IDX files, or an `.npz`.

docs/own_data.md describes them. A folder inside a folder of pictures is named by its character, by
the character's code, `U+0041`, or all of them by two hexadecimal digits, `41`, as NIST's by_class
is. Without a mapping, labels are those of the label set with as many classes: 0 to 9 are the
digits. A character that has no image at all is left out.

What is wrong is a `ValueError` here; `hcr.datasets.own` makes an error for the user of it.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import isqrt
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from hcr.datasets.files import MOST, MOST_IMAGES, read_idx
from hcr.datasets.tables import PixelTable, pixel_table
from hcr.preprocessing import read_picture
from hcr.preprocessing.labels import DIGITS, LABEL_SETS, LETTERS, parse_mapping
from hcr.preprocessing.pictures import MOST_PIXELS

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".pgm", ".ppm"}
SUFFIXES |= {".avif", ".pbm"}
# A split's name by its name in the files.
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test", "t10k": "test"}
PARTS |= dict.fromkeys(("validation", "valid", "val"), "validation")


@dataclass(frozen=True)
class Source:
    """What lies at a path; a part is "all", or "train", "test" and perhaps "validation"."""

    files: list[Path]  # all that is read
    characters: tuple[str, ...]  # of the labels
    labels: dict[str, np.ndarray]  # int64 (n,) by part
    # Reads the images of a part: (n, h, w) or (n, h, w, channels), or one by one.
    images: Callable[[str], np.ndarray | Iterable[np.ndarray]]
    name: Callable[[str, int], str]  # of an image, for people, by its part and its place there
    of_files: bool = False  # whether each image is a file, so that they may come from all over
    transposed: bool = False  # by the name of a file of EMNIST's


def scan(path: Path) -> Source:
    """What lies at `path`, a folder or file that exists."""
    if path.is_file() and path.suffix.lower() == ".npz":
        source = _archive(path)
    elif path.is_dir() and _named(path, "images", "idx3"):
        source = _idx_files(path)
    elif tables := _tables(path):
        source = _pixels(tables)
    elif path.is_dir() and _folders(path):
        source = _folder(path)
    else:
        raise ValueError("none of these; unpack an archive first")
    if len(source.characters) < 2:
        raise ValueError(f"less than two characters: {''.join(source.characters) or 'none'}")
    missing = [part for part in ("train", "test") if not len(source.labels.get(part, ()))]
    if missing and set(source.labels) not in ({"all"}, {"train"}):
        raise ValueError(f"some of train, test and validation, and no {' and no '.join(missing)}")
    return source


# A folder of pictures


def _folder(path: Path) -> Source:
    tops = {part: top for top in _folders(path) if (part := PARTS.get(top.name.lower()))}
    tops = tops or {"all": path}
    pictures = {part: sorted(_pictures(top), key=itemgetter(0)) for part, top in tops.items()}
    characters = tuple(sorted({char for part in pictures.values() for char, _ in part}))
    return Source(
        files=[file for part in pictures.values() for _, file in part],
        characters=characters,
        labels={
            part: np.array([characters.index(char) for char, _ in files], np.int64)
            for part, files in pictures.items()
        },
        images=lambda part: (read_picture(file) for _, file in pictures[part]),
        name=lambda part, i: str(pictures[part][i][1]),
        of_files=True,
    )


def _pictures(top: Path) -> Iterator[tuple[str, Path]]:
    """Characters and picture files, in the order of the names."""
    inside = _folders(top)
    names = [unicodedata.normalize("NFC", folder.name) for folder in inside]
    hexadecimal = all(re.fullmatch("[2-7][0-9a-fA-F]", name) for name in names)
    for folder, name in zip(inside, names, strict=True):
        code = re.fullmatch(r"[Uu]\+(0?[0-9a-fA-F]{4,5}|10[0-9a-fA-F]{4})", name)
        code = name if hexadecimal else code and code[1]
        character = chr(int(code, 16)) if code else name
        if len(character) != 1 or not character.isprintable() or character.isspace():
            raise ValueError(f"a folder {name!r}, which is no character, nor a code such as U+0041")
        files = [
            Path(place, file)
            for place, _, files in sorted(os.walk(folder))
            for file in sorted(files)
            if Path(file).suffix.lower() in SUFFIXES and not file.startswith(".")
        ]
        if not files:
            raise ValueError(f"no pictures of {character}, {', '.join(sorted(SUFFIXES))}")
        yield from ((character, file) for file in files)


def _folders(path: Path) -> list[Path]:
    """The folders in `path`, sorted, without those that systems leave."""
    folders = (each for each in path.iterdir() if each.is_dir())
    return sorted(each for each in folders if not each.name.startswith((".", "__")))


# A pair of IDX files


def _idx_files(path: Path) -> Source:
    files: dict[str, list[Path]] = {}
    for file in [*_named(path, "images", "idx3"), *_named(path, "labels", "idx1")]:
        files.setdefault(_part_of(file), []).append(file)
    kinds = [["labels" in file.name.lower() for file in pair] for pair in files.values()]
    mappings = _named(path, "mapping", ".txt")
    if any(kind != [False, True] for kind in kinds) or len(mappings) > 1 or {"all"} < set(files):
        names = ", ".join(file.name for pair in [*files.values(), mappings] for file in pair)
        raise ValueError(f"{names}: not one pair, or one for each of train and test")
    values = {part: _whole(read_idx(labels)) for part, (_, labels) in files.items()}
    known, first = None, 0
    if mappings:
        text = mappings[0].read_text(encoding="utf-8", errors="replace")
        known, first = parse_mapping(text), int(text.split()[0])
    characters, labels = _meaning(values, known, first)
    return Source(
        files=[*(file for pair in files.values() for file in pair), *mappings],
        characters=characters,
        labels=labels,
        images=lambda part: _checked(read_idx(files[part][0])),
        name=lambda part, i: f"image {i} of {files[part][0].name}",
    )


def _named(path: Path, word: str, form: str) -> list[Path]:
    """The files in `path` whose name holds `word` and, later, `form`; plain before `.gz`."""
    named: dict[str, Path] = {}
    for file in sorted(path.iterdir()):
        if re.search(f"{word}.*{re.escape(form)}", file.name.lower()) and file.is_file():
            named.setdefault(file.name.removesuffix(".gz"), file)
    return list(named.values())


def _part_of(file: Path) -> str:
    """The split whose name is a word of a file's name, else "all"."""
    words = re.split(r"[^a-z0-9]+", file.name.lower())
    return next((PARTS[word] for word in words if word in PARTS), "all")


# CSV of pixels


def _tables(path: Path) -> dict[Path, PixelTable]:
    """The CSVs at a path, or in a folder, that have labels and pixels."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    names = re.compile(r"(?!\.).*\.csv(\.gz|\.zip)?")
    tables = {f: pixel_table(f) for f in files if names.fullmatch(f.name.lower())}
    return {f: table for f, table in tables.items() if table and table.labels is not None}


def _pixels(tables: dict[Path, PixelTable]) -> Source:
    parts = {_part_of(file): file for file in tables}
    if len(parts) < len(tables) or {"all"} < parts.keys():
        names = ", ".join(file.name for file in tables)
        raise ValueError(f"{names}; give one, or a folder with one of train and one of test")
    first = next(iter(tables)).name.lower()
    emnist = re.match("emnist-(balanced|by[a-z]+|letters|digits|mnist)", first)
    known = emnist and LABEL_SETS.get(emnist[1], DIGITS)
    values = {part: _whole(tables[file].labels) for part, file in parts.items()}
    characters, labels = _meaning(values, known, int(known == LETTERS))
    return Source(
        files=list(tables),
        characters=characters,
        labels=labels,
        images=lambda part: tables[parts[part]].images(),
        name=lambda part, i: f"image {i} of {parts[part].name}",
        transposed=bool(emnist),
    )


# An archive of arrays


def _archive(path: Path) -> Source:
    names = {name.lower(): name for name in _from_archive(path, lambda arrays: list(arrays.files))}
    keys: dict[str, tuple[str, str]] = {}
    for word, part in ({"": "all"} | PARTS).items():
        for pair in ((f"{word}_images", f"{word}_labels"), (f"x_{word}", f"y_{word}")):
            pair = tuple(name.strip("_") for name in pair)
            if names.keys() >= set(pair):
                keys.setdefault(part, (names[pair[0]], names[pair[1]]))
    if not keys:
        raise ValueError(f"no images and labels among {', '.join(names.values()) or 'nothing'}")
    if "all" in keys:
        keys = {"all": keys["all"]}

    def array(key: str) -> np.ndarray:
        return _from_archive(path, lambda arrays: arrays[key])

    values = {part: array(key) for part, (_, key) in keys.items()}
    if all(each.dtype.kind == "U" for each in values.values()):
        strings = {part: _strings(each) for part, each in values.items()}
        characters = tuple(sorted(set().union(*strings.values())))
        if any(len(character) != 1 for character in characters):
            raise ValueError(f"labels {', '.join(map(repr, characters[:5]))}, not a character each")
        labels = {part: np.searchsorted(characters, each) for part, each in strings.items()}
    else:
        known = None
        if "characters" in names:
            known = tuple("".join(_strings(array(names["characters"]))))
        whole = {part: _whole(each) for part, each in values.items()}
        present = np.concatenate(list(whole.values()))
        first = int(known is not None and (present.min(), present.max()) == (1, len(known)))
        characters, labels = _meaning(whole, known, first)
    return Source(
        files=[path],
        characters=characters,
        labels=labels,
        images=lambda part: _checked(array(keys[part][0])),
        name=lambda part, i: f"image {i} of {keys[part][0]}",
    )


def _from_archive(path: Path, act: Callable) -> Any:
    with open(path, "rb") as file:
        arrays = np.load(file, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            raise ValueError("a single array")
        # What comes out of a member is no more than it declares.
        _limit("bytes, unpacked", sum(x.file_size for x in arrays.zip.infolist()), MOST)
        return act(arrays)


def _strings(values: np.ndarray) -> list[str]:
    """Strings, normalized."""
    _limit("strings", values.size, MOST_IMAGES)
    _limit("bytes of strings", values.nbytes, MOST // 8)
    return [unicodedata.normalize("NFC", each) for each in values.reshape(-1).tolist()]


# Labels and images of either


def _limit(what: str, n: int, most: int) -> None:
    if n > most:
        raise ValueError(f"{n:,} {what}, more than {most:,}: make picture files of it")


def _whole(values: np.ndarray) -> np.ndarray:
    """Labels that are whole numbers, or one-hot: int64 (n,)."""
    _limit("labels", values.size if values.ndim < 2 else len(values), MOST_IMAGES)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values.reshape(-1)
    if values.ndim == 2 and ((values == 0) | (values == 1)).all() and (values.sum(1) == 1).all():
        values = values.argmax(axis=1)
    whole = values.dtype.kind in "ui" or (values.dtype.kind == "f" and not (values % 1).any())
    if values.ndim != 1 or not len(values) or not whole:
        raise ValueError(f"labels {values.dtype} of shape {values.shape}, not whole numbers (n,)")
    return values.astype(np.int64)


def _meaning(
    values: dict[str, np.ndarray], known: tuple[str, ...] | None, first: int
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """The characters that occur, and labels as indices into them.

    `known` are the characters of the labels from `first` up; None: those of the label set that has
    as many as there are labels.
    """
    present = np.unique(np.concatenate(list(values.values())))
    low, high = int(present[0]), int(present[-1])
    if known is None:
        known = tuple({len(each): each for each in LABEL_SETS.values()}.get(len(present), ""))
        first = int(low == 1 and len(present) == len(LETTERS))
    if low < first or high >= first + len(known) or len(set(known)) < len(known):
        raise ValueError(
            f"{len(present)} labels from {low} to {high} and {len(known)} characters "
            f"{''.join(known)}: each label needs one, from mapping.txt or the key characters"
        )
    characters = tuple(known[label - first] for label in present)
    return characters, {part: np.searchsorted(present, each) for part, each in values.items()}


def _checked(pixels: np.ndarray) -> np.ndarray:
    """Images (n, h, w) or (n, h, w, channels), of grays in any range."""
    _limit("pixels per image", pixels[:1].size if pixels.ndim > 1 else 0, MOST_PIXELS)
    if pixels.dtype.kind in "buif" and 0 not in pixels.shape:
        if pixels.ndim == 2 and (side := isqrt(pixels.shape[1])) ** 2 == pixels.shape[1]:
            return pixels.reshape(-1, side, side)
        if pixels.ndim == 4 and pixels.shape[3] == 1:
            return pixels[..., 0]
        if pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[3] in (3, 4)):
            return pixels
    raise ValueError(f"images {pixels.dtype} of shape {pixels.shape}, not (n, height, width)")
