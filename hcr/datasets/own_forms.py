"""The forms of a person's own data: pictures in folders or with a table, and files of arrays.

docs/own_data.md lists them. A folder of pictures is named as `characters_of` knows it, or by a line
of `classes.csv`.

What is wrong is a `ValueError` here; `hcr.datasets.own` makes an error for the user of it.
"""

import csv
import os
import re
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from operator import itemgetter
from pathlib import Path

import numpy as np

from hcr.datasets.files import MOST, MOST_IMAGES
from hcr.datasets.own_arrays import (
    PARTS,
    Source,
    archive,
    by_part,
    idx_files,
    limit,
    matlab,
    named_characters,
    named_files,
    normal,
    pixel_tables,
)
from hcr.datasets.tables import LABELS
from hcr.preprocessing import pictures as picture_files
from hcr.preprocessing import read_picture
from hcr.preprocessing.labels import characters_of, is_class
from hcr.runs.environment import cache_folder
from hcr.runs.files import digest

HEIC = set() if find_spec("pillow_heif") else {".heic", ".heif"}  # that cannot be decoded
SUFFIXES = picture_files.SUFFIXES - HEIC
CLASSES = "classes.csv"
# How images and labels are had from other files, x.
ARRAYS = {
    ".npy": "images, labels = np.load(x), np.load('labels.npy')",
    ".parquet": "t = pd.read_parquet(x); labels = t.label; "
    'images = [np.asarray(Image.open(io.BytesIO(i["bytes"]))) for i in t.image]',
    ".tfrecord": 'd = tfds.as_numpy(tfds.load("emnist/balanced", split="train", batch_size=-1)); '
    'images, labels = d["image"], d["label"]',
    ".pt": "images, labels = map(np.asarray, torch.load(x, weights_only=True)[:2])",
    ".pickle": "images, labels = pickle.load(open(x, 'rb'))",
    ".pkl": "images, labels = pickle.load(open(x, 'rb'))",
}


def scan(path: Path) -> Source:
    """What lies at `path`, a folder or file that exists."""
    source = _folder(path) if path.is_dir() else _file(path)
    if len(source.characters) < 2:
        raise ValueError(f"less than two characters: {''.join(source.characters) or 'none'}")
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
    if kind == ".npz":
        return archive(path)
    if kind == ".mat":
        return matlab(path)
    if kind == ".zip":
        return replace(_folder(_unpacked(path)), files=[path])
    if kind in (".csv", ".tsv"):
        if source := pixel_tables([path]) or _listed(path.parent, [path]):
            return source
        raise ValueError("a CSV of neither labels and pixels nor names of pictures and labels")
    raise ValueError(_other(path.name) or "none of these; unpack an archive first")


def _other(name: str) -> str:
    """How an .npz is made of a file that is not read here; empty for any other."""
    line = next((line for key, line in ARRAYS.items() if key in name.lower()), "")
    line = line.replace("(x", f"({name!r}")
    return (
        line
        and f"{name}; make an .npz of it: {line}; np.savez('my.npz', images=images, labels=labels)"
    )


def _unpacked(path: Path) -> Path:
    """A folder in the cache with the content of a `.zip`."""
    state, top = path.stat(), cache_folder() / "unpacked"
    folder = top / digest(str(path), state.st_size, state.st_mtime_ns)[:16]
    if not folder.is_dir():
        top.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path) as packed, tempfile.TemporaryDirectory(dir=top) as aside:
            limit("files", len(packed.infolist()), MOST_IMAGES)
            limit("bytes, unpacked", sum(x.file_size for x in packed.infolist()), MOST)
            packed.extractall(Path(aside, "content"))
            os.replace(Path(aside, "content"), folder)
    return folder


# Folders


def _folder(path: Path) -> Source:
    if named_files(path, "images", "idx3"):
        return idx_files(path)
    files = sorted(each for each in path.iterdir() if each.is_file() and each.name[0] != ".")
    csvs = [file for file in files if re.search(r"\.[ct]sv(\.gz)?$", file.name.lower())]
    csvs = [file for file in csvs if file.name.lower() != CLASSES]
    if source := pixel_tables(csvs):
        return source
    folders = _folders(path)
    tops = {part: top for top in folders if (part := _part(top.name))} or {"all": path}
    inside = {part: _folders(top) for part, top in tops.items()}
    names = {normal(folder.name) for part in inside.values() for folder in part}
    tables = [top / CLASSES for top in {path, *tops.values()} if (top / CLASSES).is_file()]
    known = {name: char for table in tables for name, char in _class_table(table).items()}
    meanings, how = characters_of(names - known.keys())
    meanings |= known
    if not names or not names <= meanings.keys():
        return _unnamed(path, files, csvs, folders, names, meanings)
    passed: Counter[str] = Counter()
    pictures = {}
    for part, top in tops.items():
        loose = sum(file.suffix.lower() in SUFFIXES for file in top.iterdir())
        passed["pictures in no character's folder"] += loose
        rows = [(meanings[normal(each.name)], each) for each in inside[part]]
        rows = [(char, file) for char, each in rows for file in _pictures(each, char, passed)]
        pictures[part] = sorted(rows, key=itemgetter(0))
    return _of_pictures(pictures, tables, [how] if how else [], passed)


def _unnamed(
    path: Path,
    files: list[Path],
    csvs: list[Path],
    folders: list[Path],
    names: set[str],
    meanings: dict[str, str],
) -> Source:
    """A folder whose folders aren't those of characters. Raises `ValueError` with what to do."""
    if source := _listed(path, csvs):
        return source
    single = [file for file in files if file.suffix.lower() in (".mat", ".npz", ".zip")]
    if not folders and len(single) == 1:
        return _file(single[0])
    if other := next(filter(None, (_other(file.name) for file in files)), None):
        raise ValueError(other)
    if len(folders) == 1 and not _part(folders[0].name):
        return _folder(folders[0])
    if any(file.suffix.lower() in SUFFIXES for file in files):
        raise ValueError(
            "pictures without labels: give each character a folder, or add a CSV image,label"
        )
    if not names:
        raise ValueError("none of these; unpack an archive first")
    if not any(file.suffix.lower() in SUFFIXES for file in _walk(path)):
        places = sorted({str(file.parent) for file in _walk(path)})
        raise ValueError(f"no pictures; give the folder of one dataset: {', '.join(places[:5])}")
    rows = [f"{name},{meanings.get(name, '')}" for name in sorted(names)]
    print(
        f"To fill in, and save as {path / CLASSES}:",
        "folder,character",
        *rows,
        sep="\n",
        file=sys.stderr,
    )
    raise ValueError(
        f"a folder {min(names - meanings.keys())!r}, which is no character, nor a code such as "
        f"U+0041; fill in the lines above, such as {rows[0]!r}, and save them there as {CLASSES}"
    )


def _of_pictures(
    pictures: dict[str, list[tuple[str, Path]]],
    more: list[Path],
    notes: list[str],
    passed: Counter[str],
) -> Source:
    """The source of picture files and their characters, by part."""
    characters = tuple(sorted({char for part in pictures.values() for char, _ in part}))
    index = {character: i for i, character in enumerate(characters)}
    needed = {kind: f'{kind} (pip install "hcr[heic]")' for kind in HEIC}
    if kinds := ", ".join(f"{n:,} {needed.get(kind, kind)}" for kind, n in passed.items() if n):
        notes = [*notes, f"Passed over: {kinds}."]
    return Source(
        files=[*(file for part in pictures.values() for _, file in part), *more],
        characters=characters,
        labels={
            part: np.array([index[char] for char, _ in files], np.int64)
            for part, files in pictures.items()
        },
        images=lambda part: (read_picture(file) for _, file in pictures[part]),
        name=lambda part, i: str(pictures[part][i][1]),
        of_files=True,
        notes=notes,
    )


def _pictures(folder: Path, character: str, passed: Counter[str]) -> list[Path]:
    """The picture files in a character's folder; the suffixes of others are counted."""
    files = list(_walk(folder))
    pictures = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not pictures:
        raise ValueError(f"no pictures of {character}, {', '.join(sorted(SUFFIXES))}")
    passed.update(f.suffix.lower() or f.name for f in files if f.suffix.lower() not in SUFFIXES)
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
    lines = file.read_text("utf-8-sig").splitlines()
    rows = list(csv.reader(lines, delimiter=max(",;\t", key="".join(lines[:1]).count)))
    for i, row in enumerate(rows, 1):
        if len(row) != 2 or not is_class(row[1]):
            raise ValueError(f"{','.join(row)!r} in line {i} of {file.name}, not folder,character")
    codes = {char: characters_of([char])[0].get(char, char) for _, char in rows if "+" in char}
    return {normal(name): codes.get(char, normal(char)) for name, char in rows}


# Pictures with a table


def _listed(path: Path, files: list[Path]) -> Source | None:
    """Pictures below `path` with labels in CSVs; None where no CSV has names of pictures."""
    import pandas as pd

    index: dict[str, Path] = {}
    pictures = [f for f in _walk(path) if f.suffix.lower() in SUFFIXES] if files else []
    for picture in pictures:
        name = normal(picture.relative_to(path).as_posix())
        for key in (name, picture.name, picture.stem):
            index.setdefault(key, picture)

    def find(name: str) -> Path | None:
        name = normal(name.strip().replace("\\", "/")).removeprefix("./")
        return index.get(name) or index.get(name.rpartition("/")[2])

    listed, notes = {}, []
    for file in files if pictures else ():
        limit("bytes", file.stat().st_size, MOST)
        rows = pd.read_csv(
            file, sep=None, engine="python", header=None, dtype=str, keep_default_na=False
        )
        column = next((i for i in rows if find(rows[i].iloc[-1])), None)
        if column is None:
            continue
        head = 0 if find(rows[column][0]) else 1
        others = [i for i in rows if i != column]
        named = [i for i in others if head and rows[i][0].strip().lower() in LABELS] or others
        if not others:
            notes.append(f"Passed over: {file.name}, which has no labels.")
            continue
        if len(named) > 1:
            heads = ", ".join(rows.iloc[0])
            raise ValueError(f"columns {heads} in {file.name}: call the one of characters 'label'")
        found = [
            (label.strip(), find(name))
            for name, label in zip(rows[column], rows[named[0]], strict=True)
        ][head:]
        if (wrong := next((i for i, row in enumerate(found) if not all(row)), None)) is not None:
            raise ValueError(
                f"line {wrong + head + 1:,} of {file.name}: no picture of that name, or no label"
            )
        listed[file] = found
    if not listed:
        return None
    parts = by_part(list(listed))
    table = [path / CLASSES] if (path / CLASSES).is_file() else []
    known = _class_table(table[0]) if table else {}
    words, more = named_characters(
        {part: [normal(label) for label, _ in listed[file]] for part, file in parts.items()}, known
    )
    rows = {
        part: sorted(zip(words[part], [f for _, f in listed[file]], strict=True), key=itemgetter(0))
        for part, file in parts.items()
    }
    passed = Counter({"pictures that no CSV names": len(pictures) - sum(map(len, rows.values()))})
    return _of_pictures(rows, [*listed, *table], notes + more, passed)
