"""The forms of a person's own data: pictures in folders or with a table, and files of arrays.

docs/own_data.md lists them. What is wrong is a `ValueError` here, and a `DataError` in `own`.
"""

import csv
import os
import re
import sys
import tomllib
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from itertools import chain
from math import isqrt
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from hcr.datasets.files import MOST, MOST_IMAGES, read_idx
from hcr.datasets.tables import LABELS, pixel_table, read_mat
from hcr.preprocessing import labels as classes
from hcr.preprocessing import read_picture
from hcr.preprocessing.pictures import MOST_PIXELS
from hcr.preprocessing.pictures import SUFFIXES as PICTURES

HEIC = set() if find_spec("pillow_heif") else {".heic", ".heif"}  # that cannot be decoded
SUFFIXES = PICTURES - HEIC
CLASSES = "classes.csv"
# A split's name by its name in the files.
PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test", "t10k": "test"}
PARTS |= dict.fromkeys(("validation", "valid", "val"), "validation")
# How images and labels are had from other files, x, and then saved.
ARRAYS = tomllib.loads(Path(__file__).with_name("own_forms.toml").read_text("utf-8"))
SAVE = "np.savez('my.npz', images=images, labels=labels)"

Rows = dict[str, list[tuple[str, Path]]]  # characters and their pictures, by part


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


def scan(path: Path, least: int = 2) -> Source:
    """What lies at `path`, a folder or file that exists, of `least` characters."""
    source = _folder(path) if path.is_dir() else _file(path)
    if len(source.characters) < least:
        raise ValueError(f"less than {least} characters: {''.join(source.characters) or 'none'}")
    labels = {part: values for part, values in source.labels.items() if len(values)}
    missing = [part for part in ("train", "test") if part not in labels]
    if missing and set(labels) not in ({"all"}, {"train"}):
        raise ValueError(f"some of train, test and validation, and no {' and no '.join(missing)}")
    if set(labels) == {"train"}:
        note = "No labeled test images: all three splits are drawn from train."
        source = replace(source, labels=labels, notes=[*source.notes, note])
    return source


def _file(path: Path) -> Source:
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    if reader := {".npz": _archive, ".mat": _matlab}.get(kind):
        return reader(path)
    if kind in (".csv", ".tsv", ".zip"):
        if source := _pixel_tables([path]) or _listed(path.parent, [path]):
            return source
        raise ValueError("a CSV of neither labels and pixels nor names of pictures and labels")
    raise ValueError(_other(path.name) or "none of these; unpack an archive first")


def _other(name: str) -> str:
    """How an .npz is made of a file that is not read here; empty for any other."""
    line = next((line for key, line in ARRAYS.items() if key in name.lower()), "")
    return line and f"{name}; make an .npz of it: {line.replace('(x', f'({name!r}')}; {SAVE}"


def _folder(path: Path) -> Source:
    if _named_files(path, "images", "idx3"):
        return _idx_files(path)
    files = sorted(each for each in path.iterdir() if each.is_file() and each.name[0] != ".")
    csvs = [f for f in files if re.search(r"\.[ct]sv(\.gz|\.zip)?$", f.name.lower())]
    csvs = [file for file in csvs if file.name.lower() != CLASSES]
    if source := _pixel_tables(csvs):
        return source
    folders = _folders(path)
    tops = {part: top for top in folders if (part := _part(top.name))} or {"all": path}
    inside = {part: _folders(top) for part, top in tops.items()}
    names = {_normal(folder.name) for part in inside.values() for folder in part}
    tables = [top / CLASSES for top in {path, *tops.values()} if (top / CLASSES).is_file()]
    known = {name: char for table in tables for name, char in _class_table(table).items()}
    meanings, how = classes.characters_of(names - known.keys())
    meanings |= known
    if not names or not names <= meanings.keys():
        return _listed(path, csvs) or _unnamed(path, files, names, meanings)
    passed, pictures = Counter(), {}
    for part, top in tops.items():
        loose = sum(file.suffix.lower() in SUFFIXES for file in top.iterdir())
        passed["pictures in no character's folder"] += loose
        pictures[part] = [
            (meanings[_normal(each.name)], file)
            for each in inside[part]
            for file in _pictures(each, passed)
        ]
    return _of_pictures(pictures, tables, [how] if how else [], passed)


def _unnamed(path: Path, files: list[Path], names: set[str], meanings: dict[str, str]) -> Source:
    """A folder whose folders aren't those of characters. Raises `ValueError` with what to do."""
    folders = _folders(path)
    single = [file for file in files if file.suffix.lower() in (".mat", ".npz", ".zip")]
    if not folders and len(single) == 1:
        return _file(single[0])
    if other := next(filter(None, (_other(file.name) for file in files)), None):
        raise ValueError(other)
    if len(folders) == 1 and not _part(folders[0].name):
        return _folder(folders[0])
    if any(file.suffix.lower() in SUFFIXES for file in files):
        raise ValueError("pictures without labels; add a CSV image,label, or a folder a character")
    if not names:
        raise ValueError("none of these; unpack an archive first")
    if not any(file.suffix.lower() in SUFFIXES for file in _walk(path)):
        places = sorted({str(file.parent) for file in _walk(path)})
        raise ValueError(f"no pictures; give the folder of one dataset: {', '.join(places[:5])}")
    rows = [f"{name},{meanings.get(name, '')}" for name in sorted(names)]
    print("folder,character", *rows, sep="\n", file=sys.stderr)
    raise ValueError(
        f"a folder {min(names - meanings.keys())!r}, which is no character, nor a code such as "
        f"U+0041; fill in the lines above, such as {rows[0]!r}, and save them there as {CLASSES}"
    )


def _of_pictures(pictures: Rows, more: list[Path], notes: list[str], passed: Counter) -> Source:
    """The source of picture files and their characters, by part, and of the tables `more`."""
    pictures = {part: sorted(rows, key=itemgetter(0)) for part, rows in pictures.items()}
    characters = tuple(sorted({char for part in pictures.values() for char, _ in part}))
    index = {character: i for i, character in enumerate(characters)}
    needed = {kind: f'{kind} (pip install "hcr[heic]")' for kind in HEIC}
    if kinds := ", ".join(f"{n:,} {needed.get(kind, kind)}" for kind, n in passed.items() if n):
        notes = [*notes, f"Passed over: {kinds}."]
    return Source(
        files=[*(file for part in pictures.values() for _, file in part), *more],
        characters=characters,
        labels={k: np.array([index[c] for c, _ in v], np.int64) for k, v in pictures.items()},
        images=lambda part: (read_picture(file) for _, file in pictures[part]),
        name=lambda part, i: str(pictures[part][i][1]),
        of_files=True,
        notes=notes,
    )


def _pictures(folder: Path, passed: Counter[str]) -> list[Path]:
    """The picture files in a character's folder; the suffixes of others are counted."""
    files = list(_walk(folder))
    pictures = [file for file in files if file.suffix.lower() in SUFFIXES]
    passed.update(f.suffix.lower() or f.name for f in files if f.suffix.lower() not in SUFFIXES)
    if not pictures:
        raise ValueError(f"no pictures in {folder.name}, {', '.join(sorted(SUFFIXES))}")
    return pictures


def _walk(top: Path) -> Iterator[Path]:
    """All files in `top`, in the order of the names, but those that systems leave."""
    for place, _, files in sorted(os.walk(top)):
        for file in sorted(files):
            if not file.startswith(".") and file.lower() not in ("thumbs.db", "desktop.ini"):
                yield Path(place, file)


def _folders(path: Path) -> list[Path]:
    """The folders in `path`, sorted, without those that systems leave."""
    folders = (each for each in path.iterdir() if each.is_dir())
    return sorted(each for each in folders if not each.name.startswith((".", "__")))


def _part(name: str) -> str | None:
    """The split that a folder is named by, as `Train` or `test_set`."""
    return PARTS.get(re.sub(r"[ _-]?(set|data|images)$", "", name.lower()))


def _class_table(file: Path) -> dict[str, str]:
    """The characters of names, as `classes.csv` has them; its heading does no harm."""
    lines = list(filter(str.strip, file.read_text("utf-8-sig").splitlines()))
    rows = list(csv.reader(lines, delimiter=max(",;\t", key="".join(lines[:1]).count)))
    for i, row in enumerate(rows, 1):
        if len(row) != 2 or not classes.is_class(row[1]):
            raise ValueError(f"{','.join(row)!r} in line {i} of {file.name}, not folder,character")
    codes = {char: classes.characters_of([char])[0] for _, char in rows if "+" in char}
    return {_normal(name): codes.get(char, {}).get(char, _normal(char)) for name, char in rows}


def _part_of(name: str) -> str:
    """The split whose name is a word of a file's name, else "all"."""
    words = re.findall("[a-z0-9]+", name.lower())
    return next((PARTS[word] for word in words if word in PARTS), "all")


def _by_part(files: list[Path]) -> dict[str, Path]:
    """The files by the part that their names say, one for each."""
    parts = {_part_of(file.name): file for file in files}
    if len(parts) < len(files) or {"all"} < parts.keys():
        raise ValueError(f"{', '.join(f.name for f in files)}; give one, or one train and one test")
    return parts


def _meanings_of(names: set[str], known: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The characters of labels; a name that says none is a class itself. Then notes."""
    if wrong := [name for name in names if not classes.is_class(name)]:
        raise ValueError(f"labels {', '.join(map(repr, wrong[:5]))}, not a character or name each")
    found, how = classes.characters_of(names - known.keys())
    return {name: name for name in names} | found | known, [how] * bool(how)


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _listed(path: Path, files: list[Path]) -> Source | None:
    """Pictures below `path` with labels in CSVs; None where no CSV has names of pictures."""
    import pandas as pd

    index: dict[str, Path | None] = {}
    pictures = [f for f in _walk(path) if f.suffix.lower() in SUFFIXES] if files else []
    for picture in pictures:
        name = picture.relative_to(path).as_posix()
        for key in {_normal(key) for key in (name, picture.name, picture.stem)}:
            index[key] = None if key in index else picture  # None: of several

    def find(name: str) -> Path | None:
        name = _normal(name.strip().replace("\\", "/")).removeprefix("./")
        return index.get(name) or index.get(name.rpartition("/")[2])

    listed, notes = {}, []
    for file in files if pictures else ():
        _limit("bytes", file.stat().st_size, MOST)
        form = {"sep": None, "engine": "python", "header": None, "keep_default_na": False}
        rows = pd.read_csv(file, dtype=str, **form)
        column = next((i for i in rows if any(map(find, rows[i].iloc[:9]))), None)
        if column is None:
            continue
        head = 0 if find(rows[column][0]) else 1
        others = [i for i in rows if i != column]
        named = [i for i in others if head and rows[i][0].strip().lower() in LABELS] or others
        if not others:
            notes.append(f"Passed over: {file.name}, which has no labels.")
            continue
        if len(named) > 1:
            raise ValueError(f"{len(others)} columns beside names in {file.name}: call one label")
        listed[file] = []
        for line, row in enumerate(zip(rows[named[0]], rows[column], strict=True), 1):
            label, picture = _normal(row[0].strip()), find(row[1])
            if line > head and not (label and picture):
                raise ValueError(f"line {line:,} of {file.name}: no label, or no picture {row[1]}")
            listed[file] += [(label, picture)] if line > head else []
    if not listed:
        return None
    table = [path / CLASSES] if (path / CLASSES).is_file() else []
    known = _class_table(*table) if table else {}
    parts = {part: listed[file] for part, file in _by_part(list(listed)).items()}
    meanings, how = _meanings_of({label for rows in parts.values() for label, _ in rows}, known)
    rows = {part: [(meanings[label], x) for label, x in rows] for part, rows in parts.items()}
    passed = Counter({"pictures that no CSV names": len(pictures) - sum(map(len, rows.values()))})
    return _of_pictures(rows, [*listed, *table], notes + how, passed)


def _of_arrays(
    files: list[Path],
    parts: Mapping[str, tuple[str, np.ndarray, Callable[[], np.ndarray]]],
    known: Sequence[str] | None = None,
    first: int | None = None,
    **more: Any,
) -> Source:
    """The source of arrays: a part is the name of its images, its labels, and what reads images.

    `known` are the characters of the labels from `first` up, from 0 or 1 where that is None; None:
    those of the label set that has as many as there are labels.
    """
    if all(values.dtype.kind == "U" for _, values, _ in parts.values()):
        words = {part: _strings(values) for part, (_, values, _) in parts.items()}
        found, notes = _meanings_of(set().union(*words.values()), {})
        characters = tuple(sorted(set(found.values())))
        places = {name: characters.index(character) for name, character in found.items()}
        labels = {part: np.array([places[x] for x in each]) for part, each in words.items()}
    else:
        whole = {part: _whole(values) for part, (_, values, _) in parts.items()}
        present, notes = np.unique(np.concatenate(list(whole.values()))), []
        low, high = int(present[0]), int(present[-1])
        if known is None:
            known = {len(each): each for each in classes.LABEL_SETS.values()}.get(len(present), "")
            first = int(low == 1 and len(present) == len(classes.LETTERS))
        elif first is None:
            first = int((low, high) == (1, len(known)))
            notes = [f"Labels count from 1, which is {known[0]}."] if first else []
        if low < first or high >= first + len(known) or len(set(known)) < len(known):
            raise ValueError(
                f"{len(present)} labels from {low} to {high} and {len(known)} characters "
                f"{''.join(known)}: each label needs one, from mapping.txt or the key characters"
            )
        characters = tuple(known[label - first] for label in present)
        labels = {part: np.searchsorted(present, each) for part, each in whole.items()}
    return Source(
        files=files,
        characters=characters,
        labels=labels,
        images=lambda part: _checked(parts[part][2]()),
        name=lambda part, i: f"image {i} of {parts[part][0]}",
        notes=[*more.pop("notes", ()), *notes],
        **more,
    )


def _pixel_tables(files: list[Path]) -> Source | None:
    """CSVs of pixels, one for each part; None where there is none."""
    tables = {file: table for file in files if (table := pixel_table(file))}
    labeled = [file for file, table in tables.items() if table.labels is not None]
    if not labeled:
        return None
    parts = {k: (f.name, tables[f].labels, tables[f].images) for k, f in _by_part(labeled).items()}
    emnist = re.match("emnist-(balanced|by[a-z]+|letters|digits|mnist)", labeled[0].name.lower())
    known = emnist and classes.LABEL_SETS.get(emnist[1], classes.DIGITS)
    first = int(emnist[1] == "letters") if emnist else None
    notes = [f"Passed over: {f.name}, which has no labels." for f in tables if f not in labeled]
    return _of_arrays(labeled, parts, known, first, transposed=bool(emnist), notes=notes)


def _matlab(path: Path) -> Source:
    """EMNIST's `.mat`, and how many writers train and test share."""
    stored, mapping = read_mat(path)
    writers = {part: each[2] for part, each in stored.items() if each[2] is not None}
    notes = []
    if len(writers) == 2:
        train, test = (set(writers[part].tolist()) for part in ("train", "test"))
        counts = len(train), len(test), len(train & test)
        notes = ["Writers: {:,} in train, {:,} in test, {:,} in both.".format(*counts)]
    parts = {k: (f"{path.name}, {k}", x[1], partial(itemgetter(0), x)) for k, x in stored.items()}
    known, first = [mapping[i] for i in sorted(mapping)] or None, min(mapping, default=None)
    more = {"transposed": True, "writers": writers, "notes": notes}
    return _of_arrays([path], parts, known, first, **more)


def _idx_files(path: Path) -> Source:
    files: dict[str, list[Path]] = {}
    for file in [*_named_files(path, "images", "idx3"), *_named_files(path, "labels", "idx1")]:
        files.setdefault(_part_of(file.name), []).append(file)
    kinds = [["labels" in file.name.lower() for file in pair] for pair in files.values()]
    mappings = _named_files(path, "mapping", ".txt")
    if any(kind != [False, True] for kind in kinds) or len(mappings) > 1 or {"all"} < set(files):
        names = [file.name for file in chain(*files.values(), mappings)]
        names = sorted({re.split("-?(?:train|test|t10k)", name)[0] or name for name in names})
        rule = "not one pair, or one for each of train and test; move those of one into a folder"
        raise ValueError(f"files of {', '.join(names)}: {rule}")
    known, first = None, 0
    if mappings:
        text = mappings[0].read_text(encoding="utf-8", errors="replace")
        known, first = classes.parse_mapping(text), int(text.split()[0])
    parts = {k: (x.name, read_idx(y), partial(read_idx, x)) for k, (x, y) in files.items()}
    return _of_arrays([*chain(*files.values()), *mappings], parts, known, first)


def _named_files(path: Path, word: str, form: str) -> list[Path]:
    """The files in `path` whose name holds `word` and, later, `form`; plain before `.gz`."""
    named: dict[str, Path] = {}
    # Kaggle's lie in folders of their own names.
    for file in [*sorted(path.iterdir()), *sorted(path.glob("*idx*/*idx*"))]:
        if re.search(f"{word}.*{re.escape(form)}", file.name.lower()) and file.is_file():
            key = file.name.lower().removesuffix(".gz").replace(".idx", "-idx")
            named.setdefault(key, file)
    return list(named.values())


def _archive(path: Path) -> Source:
    with zipfile.ZipFile(path) as archive:
        # What comes out of a member is no more than it declares.
        _limit("bytes, unpacked", sum(x.file_size for x in archive.infolist()), MOST)
        there = [name.removesuffix(".npy") for name in archive.namelist()]
    names, keys = {name.lower(): name for name in there}, {}
    for word, part in ({"": "all"} | PARTS).items():
        for pair in ((f"{word}_images", f"{word}_labels"), (f"x_{word}", f"y_{word}")):
            found = [names.get(name.strip("_")) for name in pair]
            if all(found):
                keys.setdefault(part, found)
    if not keys:
        there = ", ".join(there) or "nothing"
        raise ValueError(f"no images and labels among {there}; put both into one: {SAVE}")
    keys = {"all": keys["all"]} if "all" in keys else keys

    def array(key: str) -> np.ndarray:
        with open(path, "rb") as file:
            return np.load(file)[key]

    known = _strings(array(names["characters"])) if "characters" in names else None
    known = known[0] if known and len(known) == 1 else known
    parts = {k: (x, array(y), partial(array, x)) for k, (x, y) in keys.items()}
    return _of_arrays([path], parts, known)


def _strings(values: np.ndarray) -> list[str]:
    _limit("strings", values.size, MOST_IMAGES)
    _limit("bytes of strings", values.nbytes, MOST // 8)
    return [_normal(each) for each in values.reshape(-1).tolist()]


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
