"""The user's own data as arrays: a pair of IDX files, or an `.npz`.

A folder with IDX files has one pair `*images*idx3*`, `*labels*idx1*`, or one with `train` and one
with `test` (or `t10k`) in their names, perhaps one with `validation`, plain or `.gz`, and EMNIST's
`*mapping*.txt`, which tells the characters.

An `.npz` has `images` and `labels`, or `train_images`, `train_labels`, `test_images`, `test_labels`
and perhaps `validation_images`, `validation_labels` (`x_train`, `y_train` and so on will do):
pictures uint8 (n, 28, 28), (n, 784) or of another size, labels single characters, or numbers and
`characters`, one string or one character a label.

Without a mapping, labels are those of the label set with as many classes: 0 to 9 are the digits. A
character that has no picture at all is left out.
"""

import re
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hcr.datasets import idx
from hcr.datasets.own_folder import PARTS, Found, Parts, check_parts
from hcr.errors import DataError
from hcr.preprocessing.labels import LABEL_SETS, LETTERS, parse_mapping
from hcr.preprocessing.pictures import MOST_PIXELS

# A pair of IDX files


def find_idx(path: Path) -> Found:
    """The IDX files in the folder `path`. Raises `DataError` where they don't fit together."""
    pairs = _pairs(path)
    mappings = named(path, "mapping", ".txt")
    if len(mappings) > 1:
        raise DataError(
            f"{path} must hold one mapping file. Received: "
            f"{', '.join(file.name for file in mappings)}. Move the others away."
        )
    values = {part: _whole_labels(idx.read(labels), labels) for part, (_, labels) in pairs.items()}
    known, first = None, 0
    if mappings:
        text = mappings[0].read_text(encoding="utf-8", errors="replace")
        known = parse_mapping(text)
        first = int(text.split()[0])
    characters, indices = _meaning(values, known, first, str(path))

    def read() -> Parts:
        parts: Parts = {}
        for part, (file, _) in pairs.items():
            parts[part] = _checked(idx.read(file), file.name), indices[part]
            _check_count(*parts[part], str(file))
        return parts

    def name(part: str, place: int) -> str:
        return f"picture {place} of {pairs[part][0].name}"

    files = [*(file for pair in pairs.values() for file in pair), *mappings]
    return Found(files, characters, read, name)


def _pairs(path: Path) -> dict[str, tuple[Path, Path]]:
    """Pictures' and labels' files by part."""
    found: dict[str, dict[str, list[Path]]] = {}
    for kind, form in (("images", "idx3"), ("labels", "idx1")):
        for file in named(path, kind, form):
            words = re.split(r"[^a-z0-9]+", file.name.lower())
            part = next((PARTS[word] for word in words if word in PARTS), "all")
            found.setdefault(part, {}).setdefault(kind, []).append(file)
    pairs = {
        part: (kinds["images"][0], kinds["labels"][0])
        for part, kinds in found.items()
        if [len(kinds.get(kind, [])) for kind in ("images", "labels")] == [1, 1]
    }
    if set(pairs) != set(found) or ("all" in pairs and len(pairs) > 1):
        names = ", ".join(
            sorted(f.name for kinds in found.values() for k in kinds.values() for f in k)
        )
        raise DataError(
            "A folder with IDX files must hold one pair *images*idx3* and *labels*idx1*, or one "
            f"with train and one with test in the names. Received: {names} in {path}. Put one "
            "data set into a folder of its own."
        )
    if "all" not in pairs:
        check_parts(pairs, path)
    return pairs


def named(path: Path, word: str, form: str) -> list[Path]:
    """The files in `path` whose name holds `word` and, later, `form`; plain before `.gz`."""
    found: dict[str, Path] = {}
    for file in sorted(path.iterdir()):
        if re.search(f"{word}.*{re.escape(form)}", file.name.lower()) and file.is_file():
            found.setdefault(file.name.removesuffix(".gz"), file)
    return list(found.values())


# An archive of arrays


def find_archive(path: Path) -> Found:
    """The arrays in the `.npz` file `path`. Raises `DataError` where they don't fit together."""
    keys = _keys(path)
    values = {}
    for part, (_, key) in keys.items():
        labels = _array(path, key)
        values[part] = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    kinds = {each.dtype.kind in "US" for each in values.values()}
    if kinds == {True}:
        strings = {part: _strings(each, path) for part, each in values.items()}
        characters = tuple(sorted(set(np.concatenate(list(strings.values())).tolist())))
        indices = {part: np.searchsorted(characters, each) for part, each in strings.items()}
    else:
        given = _array(path, "characters") if "characters" in _names(path) else None
        known = None if given is None else tuple("".join(_strings(given, path, any_length=True)))
        checked = {part: _whole_labels(each, path) for part, each in values.items()}
        characters, indices = _meaning(checked, known, 0, str(path))

    def read() -> Parts:
        parts: Parts = {}
        for part, (key, _) in keys.items():
            parts[part] = _checked(_array(path, key), f"{key} in {path}"), indices[part]
            _check_count(*parts[part], str(path))
        return parts

    def name(part: str, place: int) -> str:
        return f"picture {place} of {keys[part][0]}"

    return Found([path], characters, read, name)


def _keys(path: Path) -> dict[str, tuple[str, str]]:
    """The names of pictures and labels by part."""
    names = {name.lower(): name for name in _names(path)}
    found = {}
    for word, part in ({"": "all"} | PARTS).items():
        for pair in ((f"{word}_images", f"{word}_labels"), (f"x_{word}", f"y_{word}")):
            pair = tuple(name.strip("_") for name in pair)
            if names.keys() >= set(pair):
                found.setdefault(part, (names[pair[0]], names[pair[1]]))
    if not found:
        raise DataError(
            f"{path} must hold images and labels, or train_images, train_labels, test_images and "
            f"test_labels. Received: {', '.join(names.values()) or 'nothing'}."
        )
    if "all" in found:
        return {"all": found["all"]}
    check_parts(found, path)
    return found


def _names(path: Path) -> list[str]:
    return _from_archive(path, lambda archive: list(archive.files))


def _array(path: Path, key: str) -> np.ndarray:
    return _from_archive(path, lambda archive: archive[key])


def _from_archive(path: Path, act: Callable) -> Any:
    try:
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.ndarray):
                # What comes out of a member is no more than it declares.
                size = sum(each.file_size for each in archive.zip.infolist())
                if size > idx.MOST:
                    raise _too_large(path, f"{size:,} bytes, unpacked")
                return act(archive)
            reason = "a single array"
    except MemoryError as error:  # a header may ask for any, whatever its member holds
        raise _too_large(path, str(error)) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error).splitlines() or ["nothing"])[0].rstrip(".")
    raise DataError(
        f"{path} must be a whole .npz file of numbers and strings. Received: {reason}. Write it "
        "anew with numpy.savez_compressed."
    )


def _strings(values: np.ndarray, path: Path, any_length: bool = False) -> np.ndarray:
    """Strings as str, those of one character normalised."""
    if values.size > idx.MOST_IMAGES or values.nbytes > idx.MOST // 8:
        raise _too_large(path, f"{values.size:,} strings, {values.nbytes:,} bytes")
    if values.dtype.kind == "S":
        values = np.char.decode(values, "latin-1")
    normal = [unicodedata.normalize("NFC", str(each)) for each in values.reshape(-1)]
    wrong = [each for each in normal if len(each) != 1 and not any_length]
    if wrong or values.dtype.kind != "U":
        received = repr(wrong[0]) if wrong else str(values.dtype)
        raise DataError(f"Characters in {path} must be strings of one each. Received: {received}.")
    return np.array(normal)


# Labels and pictures of either


def _too_large(where: Path | str, received: str) -> DataError:
    return DataError(
        f"{where} must hold at most {idx.MOST_IMAGES:,} pictures, {MOST_PIXELS:,} pixels in each, "
        f"{idx.MOST:,} bytes in all. Received: {received}. Make a folder of picture files of it."
    )


def _whole_labels(values: np.ndarray, where: Path) -> np.ndarray:
    if values.size > idx.MOST_IMAGES:
        raise _too_large(where, f"{values.size:,} labels")
    if values.ndim == 1 and len(values) and values.dtype.kind in "ui":
        return values.astype(np.int64)
    raise DataError(
        f"{where} must hold labels that are whole numbers, one a picture. Received: "
        f"{values.dtype} of shape {values.shape}."
    )


def _meaning(
    values: dict[str, np.ndarray], known: tuple[str, ...] | None, first: int, where: str
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """The characters that occur, and labels as indices into them.

    `known` are the characters of the labels from `first` up; None: those of the label set that has
    as many as there are labels.
    """
    present = np.unique(np.concatenate(list(values.values())))
    low, high = int(present[0]), int(present[-1])
    if known is None:
        sets = {len(each): each for each in LABEL_SETS.values()}
        first = 1 if low == 1 and len(present) == len(LETTERS) else 0
        known = tuple(sets.get(len(present), ""))
        if not known or low != first or high != first + len(known) - 1:
            raise DataError(
                f"What the labels in {where} mean must be told, unless they are 0 to 9 or those of "
                f"another label set in full. Received: {len(present)} labels from {low} to {high}. "
                "Add EMNIST's mapping.txt (a label and its character's code a line), or characters "
                "to the .npz."
            )
    if low < first or high >= first + len(known):
        raise DataError(
            f"Labels in {where} must be from {first} to {first + len(known) - 1}, as there are "
            f"{len(known)} characters. Received: labels from {low} to {high}. Is it the mapping of "
            "another data set?"
        )
    characters = tuple(known[label - first] for label in present)
    if len(set(characters)) < len(characters):
        raise DataError(
            f"Each character must have one label. Received: {''.join(known)} in {where}. Name each "
            "character once."
        )
    return characters, {part: np.searchsorted(present, each) for part, each in values.items()}


def _checked(pictures: np.ndarray, where: str) -> np.ndarray:
    """Pictures (n, h, w) or (n, h, w, channels), uint8."""
    if pictures.ndim > 1 and pictures[:1].size > MOST_PIXELS:
        raise _too_large(where, f"pictures of {pictures[:1].size:,}")
    if pictures.dtype == np.uint8 and 0 not in pictures.shape:
        if pictures.ndim == 2 and pictures.shape[1] == 784:
            return pictures.reshape(-1, 28, 28)
        if pictures.ndim == 4 and pictures.shape[3] == 1:
            return pictures[..., 0]
        if pictures.ndim == 3 or (pictures.ndim == 4 and pictures.shape[3] in (3, 4)):
            return pictures
    raise DataError(
        f"{where} must be pictures, uint8 (n, 28, 28), (n, 784) or of another height and width. "
        f"Received: {pictures.dtype} of shape {pictures.shape}. Store them so, black 0, white 255."
    )


def _check_count(pictures: np.ndarray, labels: np.ndarray, where: str) -> None:
    if len(pictures) != len(labels):
        raise DataError(
            f"There must be one label a picture. Received: {len(pictures):,} pictures and "
            f"{len(labels):,} labels ({where})."
        )
