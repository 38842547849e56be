"""A person's own data as arrays: CSV of pixels, EMNIST's `.mat`, a pair of IDX files, an `.npz`.

Without a mapping, labels are those of the label set with as many classes: 0 to 9 are the digits. A
character that has no image at all is left out. What is wrong is a `ValueError`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np

from hcr.datasets.files import MOST, MOST_IMAGES, read_idx
from hcr.datasets.tables import pixel_table, read_mat
from hcr.preprocessing.labels import (
    DIGITS,
    LABEL_SETS,
    LETTERS,
    characters_of,
    is_class,
    parse_mapping,
)
from hcr.preprocessing.pictures import MOST_PIXELS

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
    transposed: bool = False  # as EMNIST's files are
    writers: dict[str, np.ndarray] = field(default_factory=dict)  # str (n,) by part
    notes: Sequence[str] = ()  # how it was taken, where more was meant or something else


def _of_arrays(
    files: list[Path],
    where: dict[str, str],
    values: dict[str, np.ndarray],
    images: Callable[[str], np.ndarray],
    known: Sequence[str] | None = None,
    first: int | None = None,
    **more: Any,
) -> Source:
    """The source of arrays: `where` says for people where the images of a part are.

    `known` are the characters of the labels from `first` up, from 0 or 1 where that is None.
    """
    if all(each.dtype.kind == "U" for each in values.values()):
        words, notes = named_characters({part: _strings(each) for part, each in values.items()}, {})
        characters = tuple(sorted(set().union(*words.values())))
        labels = {part: np.searchsorted(characters, each) for part, each in words.items()}
    else:
        whole = {part: _whole(each) for part, each in values.items()}
        present, notes = np.unique(np.concatenate(list(whole.values()))), []
        if first is None:
            first = int(known is not None and (present[0], present[-1]) == (1, len(known)))
            notes = [f"Labels count from 1, which is {known[0]}."] if first else []
        characters, labels = _meaning(whole, known and tuple(known), first)
    return Source(
        files=files,
        characters=characters,
        labels=labels,
        images=lambda part: _checked(images(part)),
        name=lambda part, i: f"image {i} of {where[part]}",
        notes=[*more.pop("notes", ()), *notes],
        **more,
    )


def pixel_tables(files: list[Path]) -> Source | None:
    """CSVs of pixels, one for each part; None where there is none."""
    tables = {file: table for file in files if (table := pixel_table(file))}
    labeled = [file for file, table in tables.items() if table.labels is not None]
    if not labeled:
        return None
    parts = by_part(labeled)
    emnist = re.match("emnist-(balanced|by[a-z]+|letters|digits|mnist)", labeled[0].name.lower())
    return _of_arrays(
        labeled,
        {part: file.name for part, file in parts.items()},
        {part: tables[file].labels for part, file in parts.items()},
        lambda part: tables[parts[part]].images(),
        emnist and LABEL_SETS.get(emnist[1], DIGITS),
        int(emnist[1] == "letters") if emnist else None,
        transposed=bool(emnist),
        notes=[f"Passed over: {f.name}, which has no labels." for f in tables if f not in labeled],
    )


def matlab(path: Path) -> Source:
    """EMNIST's `.mat`, and how many writers train and test share."""
    parts, mapping = read_mat(path)
    writers = {part: each[2] for part, each in parts.items() if each[2] is not None}
    notes = []
    if len(writers) == 2:
        train, test = (set(writers[part].tolist()) for part in ("train", "test"))
        both = f"{len(train & test):,} in both"
        notes = [f"Writers: {len(train):,} in train, {len(test):,} in test, {both}."]
    return _of_arrays(
        [path],
        {part: f"{path.name}, {part}" for part in parts},
        {part: labels for part, (_, labels, _) in parts.items()},
        lambda part: parts[part][0],
        [mapping[label] for label in sorted(mapping)] or None,
        min(mapping, default=None),
        transposed=True,
        writers=writers,
        notes=notes,
    )


def idx_files(path: Path) -> Source:
    """A pair of IDX files, or one for each part."""
    files: dict[str, list[Path]] = {}
    for file in [*named_files(path, "images", "idx3"), *named_files(path, "labels", "idx1")]:
        files.setdefault(part_of(file.name), []).append(file)
    kinds = [["labels" in file.name.lower() for file in pair] for pair in files.values()]
    mappings = named_files(path, "mapping", ".txt")
    if any(kind != [False, True] for kind in kinds) or len(mappings) > 1 or {"all"} < set(files):
        names = [file.name for pair in [*files.values(), mappings] for file in pair]
        names = sorted({re.split("-?(?:train|test|t10k)", name)[0] or name for name in names})
        rule = "not one pair, or one for each of train and test; move those of one into a folder"
        raise ValueError(f"files of {', '.join(names)}: {rule}")
    known, first = None, 0
    if mappings:
        text = mappings[0].read_text(encoding="utf-8", errors="replace")
        known, first = parse_mapping(text), int(text.split()[0])
    return _of_arrays(
        [*(file for pair in files.values() for file in pair), *mappings],
        {part: images.name for part, (images, _) in files.items()},
        {part: read_idx(labels) for part, (_, labels) in files.items()},
        lambda part: read_idx(files[part][0]),
        known,
        first,
    )


def named_files(path: Path, word: str, form: str) -> list[Path]:
    """The files in `path` whose name holds `word` and, later, `form`; plain before `.gz`."""
    named: dict[str, Path] = {}
    # Kaggle's lie in folders of their own names.
    for file in [*sorted(path.iterdir()), *sorted(path.glob("*idx*/*idx*"))]:
        if re.search(f"{word}.*{re.escape(form)}", file.name.lower()) and file.is_file():
            key = file.name.lower().removesuffix(".gz").replace(".idx", "-idx")
            named.setdefault(key, file)
    return list(named.values())


def archive(path: Path) -> Source:
    """An `.npz`."""
    names = {name.lower(): name for name in _from_archive(path, lambda arrays: list(arrays.files))}
    keys: dict[str, tuple[str, str]] = {}
    for word, part in ({"": "all"} | PARTS).items():
        pairs = [(f"{word}_images", f"{word}_labels"), (f"x_{word}", f"y_{word}")]
        pairs += [("images", "target"), ("data", "target")] if part == "all" else []
        for pair in pairs:
            pair = tuple(name.strip("_") for name in pair)
            if names.keys() >= set(pair):
                keys.setdefault(part, (names[pair[0]], names[pair[1]]))
    if not keys:
        there = ", ".join(names.values()) or "nothing"
        make = "np.savez('my.npz', images=images, labels=labels)"
        raise ValueError(f"no images and labels among {there}; put both into one: {make}")
    if "all" in keys:
        keys = {"all": keys["all"]}

    def array(key: str) -> np.ndarray:
        return _from_archive(path, lambda arrays: arrays[key])

    known = None
    if "characters" in names:
        strings = _strings(array(names["characters"]))
        known = strings if len(strings) > 1 else "".join(strings)
    return _of_arrays(
        [path],
        {part: images for part, (images, _) in keys.items()},
        {part: array(labels) for part, (_, labels) in keys.items()},
        lambda part: array(keys[part][0]),
        known,
    )


def _from_archive(path: Path, act: Callable) -> Any:
    with open(path, "rb") as file:
        arrays = np.load(file, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            raise ValueError("a single array")
        # What comes out of a member is no more than it declares.
        limit("bytes, unpacked", sum(x.file_size for x in arrays.zip.infolist()), MOST)
        return act(arrays)


def _strings(values: np.ndarray) -> list[str]:
    """Strings, normalized."""
    limit("strings", values.size, MOST_IMAGES)
    limit("bytes of strings", values.nbytes, MOST // 8)
    return [normal(each) for each in values.reshape(-1).tolist()]


def limit(what: str, n: int, most: int) -> None:
    """Raise `ValueError` where there are more of something than `most`."""
    if n > most:
        raise ValueError(f"{n:,} {what}, more than {most:,}: make picture files of it")


def _whole(values: np.ndarray) -> np.ndarray:
    """Labels that are whole numbers, or one-hot: int64 (n,)."""
    limit("labels", values.size if values.ndim < 2 else len(values), MOST_IMAGES)
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
    limit("pixels per image", pixels[:1].size if pixels.ndim > 1 else 0, MOST_PIXELS)
    if pixels.dtype.kind in "buif" and 0 not in pixels.shape:
        if pixels.ndim == 2 and (side := isqrt(pixels.shape[1])) ** 2 == pixels.shape[1]:
            return pixels.reshape(-1, side, side)
        if pixels.ndim == 4 and pixels.shape[3] == 1:
            return pixels[..., 0]
        if pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[3] in (3, 4)):
            return pixels
    raise ValueError(f"images {pixels.dtype} of shape {pixels.shape}, not (n, height, width)")


# Names and labels


def part_of(name: str) -> str:
    """The split whose name is a word of a file's name, else "all"."""
    words = re.split(r"[^a-z0-9]+", name.lower())
    return next((PARTS[word] for word in words if word in PARTS), "all")


def by_part(files: list[Path]) -> dict[str, Path]:
    """The files by the part that their names say, one for each."""
    parts = {part_of(file.name): file for file in files}
    if len(parts) < len(files) or {"all"} < parts.keys():
        names = ", ".join(file.name for file in files)
        raise ValueError(
            f"{names}; give one of these, or a folder with one of train and one of test"
        )
    return parts


def named_characters(
    labels: dict[str, list[str]], known: dict[str, str]
) -> tuple[dict[str, list[str]], list[str]]:
    """The characters of labels, by part; a name that says none is a class itself. Then notes."""
    names = sorted(set().union(*labels.values()))
    if wrong := [name for name in names if not is_class(name)]:
        raise ValueError(f"labels {', '.join(map(repr, wrong[:5]))}, not a character or name each")
    found, how = characters_of(set(names) - known.keys())
    found |= known
    return {part: [found.get(x, x) for x in each] for part, each in labels.items()}, [how] * bool(
        how
    )


def normal(name: str) -> str:
    """A string with its marks composed, as NFC has it."""
    return unicodedata.normalize("NFC", name)
