"""The choice of data: one object, resolved once for all stages of a run, kept in `data.json`.

`01_eda` declares it. The runner resolves it before the first stage; a stage that is opened alone
does the same, with the defaults below.

Label corrections are a CSV, `digest,index,hash,old,new`, with a row a training image: the first 16
digits of the digest of `whole_data` and of the image's SHA-256, the index there, the old
character, and the new one: the old where the label stays, none where the image is left out.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hcr import datasets, runs
from hcr.datasets import cache, profiles
from hcr.datasets.files import from_here, reading
from hcr.datasets.split import Dataset
from hcr.errors import DataError, ParameterError, RunError
from hcr.runs import files

FILE = "data.json"
CORRECTIONS, COLUMNS = "labels.csv", ["digest", "index", "hash", "old", "new"]


@dataclass(frozen=True)
class DataChoice:
    """Which data a run uses; see `hcr.datasets.load`."""

    dataset: str = "mnist-sample"  # a key of `hcr.datasets.DATASETS`
    path: str | None = None  # where a dataset of the user's own lies
    orientation: str = "upright"  # a key of `hcr.datasets.own.ORIENTATIONS`
    limit: int | None = None  # at most so many training images; None for all
    imbalance_factor: float = 1.0  # largest class over smallest of a long tail
    class_profile: str = "none"  # a key of `hcr.datasets.profiles.CLASS_PROFILES`
    seed: int = 0  # of the random choice of training images
    framing: str = "original"  # or "emnist": every image is framed as EMNIST's
    relabel: str | None = None  # label corrections, a `labels.csv`

    @property
    def source(self) -> dict[str, Any]:
        """The options that say where the files lie and how they are read."""
        return {"path": self.path, "orientation": self.orientation}

    def check(self) -> None:
        """Raise `ParameterError` where the options do not go with the dataset, or `relabel`."""
        try:
            characters = datasets.info(self.dataset, **self.source).characters
            for path in self.corrections():
                read_corrections(path, whole_data(self))
        except DataError as error:
            raise ParameterError(str(error)) from error
        profiles.check(characters, self.class_profile)

    def load(self) -> Dataset:
        """The dataset."""
        options = asdict(self)
        del options["relabel"]
        data = datasets.load(options.pop("dataset"), **options)
        for path in self.corrections():
            _correct(data, read_corrections(path, whole_data(self)))
        return data

    def state(self) -> dict[str, Any]:
        """What the images follow from: this choice, the content of its files, and the code."""
        paths = [*datasets.sources(self.dataset, **self.source), *self.corrections()]
        content = files.digest([files.sha256(path) for path in paths])
        # What earlier releases did not know is left out where it is not used.
        choice = {key: value for key, value in asdict(self).items() if key != "relabel" or value}
        return {"choice": choice, "sources": content, "code": cache.code()}

    def corrections(self) -> list[Path]:
        """The file that `relabel` names, from the working folder or the project's top, if any."""
        found = [path for path in from_here(self.relabel or "") if path.is_file()]
        if self.relabel and not found:
            rule = f"relabel must name label corrections, such as outputs/lab/{CORRECTIONS}"
            raise DataError(f"{rule}. Received: no file {self.relabel}. 01_eda makes one by hand.")
        return found[:1]


@lru_cache(maxsize=1)
def whole_data(choice: DataChoice) -> Dataset:
    """The dataset before an option cuts or changes its training split."""
    options = {"limit": None, "imbalance_factor": 1.0, "class_profile": "none"}
    return replace(choice, **options, relabel=None).load()


def is_resolved(choice: DataChoice, folder: Path) -> bool:
    """Whether `data.json` in `folder` is of this choice and of its files as they are now."""
    try:
        record = files.read_sealed(folder / FILE)
    except RunError:
        return False
    return record.items() >= choice.state().items()


def resolve(choice: DataChoice, folder: Path) -> Dataset:
    """Load the data of `choice`, and describe them in `data.json` in `folder`.

    Of a split it has size and digest; where training images were chosen, their indices in the whole
    training split. Raises `DataError` for files, `ParameterError` for a wrong choice.
    """
    whole_data.cache_clear()  # files of one's own may have changed
    choice.check()
    data = choice.load()
    splits: dict[str, dict[str, Any]] = {
        name: {"n": len(split), "digest": split.digest}
        for name, split in (("train", data.train), ("validation", data.validation))
    }
    if data.indices is not None:
        splits["train"]["indices"] = data.indices.tolist()
    splits["test"] = {"n": len(data.test_labels)}
    record = {"schema": 1, **choice.state(), "data": data.facts(), "splits": splits}
    files.write_sealed(folder / FILE, record)
    return data


def choose(run: runs.Run, **options: Any) -> Dataset:
    """Resolve the choice with these `options`, for `run`: what `01_eda` does."""
    return _opened(resolve(DataChoice(**options), run.folder), run)


def open_data(run: runs.Run) -> Dataset:
    """The data of `run`, as chosen, else the default choice's. Raises `DataError` for others."""
    if run.source is None:
        return choose(run)
    data = choice_of(run.source).load()
    digest = files.read_sealed(run.source / FILE)["data"]["digest"]
    if digest != data.digest:
        rule = f"The dataset must be the one that {FILE} describes ({digest[:12]})"
        raise DataError(f"{rule}. Received: {data.digest[:12]}. Run 01_eda again.")
    return _opened(data, run)


def choice_of(folder: Path) -> DataChoice:
    """The choice of the run in `folder`. Raises `RunError` where it has none, or was changed."""
    return DataChoice(**files.read_sealed(folder / FILE)["choice"])


def _opened(data: Dataset, run: runs.Run) -> Dataset:
    run.record_data(data.facts())
    data.on_test_opened = run.test_opened
    return data


def read_corrections(path: Path, whole: Dataset) -> dict[int, str]:
    """The new characters in the file at `path`, by index. Raises `DataError` for a wrong row."""
    form, remedy = f"label corrections, {','.join(COLUMNS)}", "Mend it, or take it away."
    with reading(path, form, remedy), open(path, encoding="utf-8-sig", newline="") as file:
        head, *rows = csv.reader(file, strict=True)
        if head != COLUMNS or any(len(row) != len(head) for row in rows):
            raise ValueError("other columns")
        answers = {int(row[1]): row[-1] for row in rows}
        if len(answers) < len(rows) or not all(0 <= i < len(whole.train) for i in answers):
            raise ValueError("an index that is there twice, or not in the training split")
        for line, (row, due) in enumerate(zip(rows, _rows(whole, answers), strict=True), 2):
            allowed = [*([each] for each in due), ["", *whole.characters]]
            for name, value, those in zip(COLUMNS, row, allowed, strict=True):
                if value not in those:
                    rule = those[0] or "a character or nothing"
                    raise ValueError(f"{name} {value!r:.40} in line {line}, not {rule}")
    return answers


def write_corrections(path: Path, whole: Dataset, answers: Mapping[int, str]) -> None:
    """Write the new characters of training images, by index, whole or not at all."""
    with files.writing(path) as aside, open(aside, "w", encoding="utf-8", newline="") as file:
        rows = [COLUMNS, *([*row, answers[int(row[1])]] for row in _rows(whole, answers))]
        csv.writer(file, lineterminator="\n").writerows(rows)


def _rows(whole: Dataset, indices: Iterable[int]) -> Iterator[list[str]]:
    """What must stand in the rows of training images, but for `new`."""
    for index in indices:
        image, label = whole.train.images[index], whole.train.labels[index]
        digests = whole.digest[:16], hashlib.sha256(image).hexdigest()[:16]
        yield [digests[0], str(index), digests[1], whole.characters[label]]


def _correct(data: Dataset, answers: Mapping[int, str]) -> None:
    """Change labels of those training images that other options left, and leave images out."""
    indices = range(len(data.train)) if data.indices is None else data.indices.tolist()
    label_of, labels = {name: i for i, name in enumerate(data.characters)}, data.train.labels.copy()
    for place, index in enumerate(indices):
        labels[place] = label_of.get(answers.get(index), labels[place])
    stay = np.flatnonzero([answers.get(index) != "" for index in indices])
    changed = {"labels_changed": int((labels != data.train.labels).sum())}
    data.train = replace(data.train, labels=labels)
    data.keep(stay, **changed, images_left_out=len(labels) - len(stay))
