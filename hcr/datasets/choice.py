"""The choice of data: one object, resolved once for all stages of a run, kept in `data.json`.

`01_eda` declares it. The runner resolves it before the first stage; a stage that is opened alone
does the same, with the defaults below.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hcr import datasets, runs
from hcr.datasets import cache
from hcr.datasets.split import Dataset
from hcr.errors import DataError, RunError
from hcr.runs import files

FILE = "data.json"


@dataclass(frozen=True)
class DataChoice:
    """Which data a run uses.

    Attributes:
        dataset: A key of `hcr.datasets.DATASETS`.
        path: Where a dataset of the user's own lies.
        orientation: A key of `hcr.datasets.own.ORIENTATIONS`.
        limit: At most this many training images; None for all.
        imbalance_factor: Largest class over smallest of a long tail; 1 keeps the classes.
        class_profile: A key of `hcr.datasets.profiles.CLASS_PROFILES`.
        seed: Of the random choice of training images.
    """

    dataset: str = "mnist-sample"
    path: str | None = None
    orientation: str = "upright"
    limit: int | None = None
    imbalance_factor: float = 1.0
    class_profile: str = "none"
    seed: int = 0

    @property
    def source(self) -> dict[str, Any]:
        """The options that say where the files lie and how they are read."""
        return {"path": self.path, "orientation": self.orientation}

    def check(self) -> None:
        """Raise `ParameterError` where the options do not go with the dataset; reads no image."""
        datasets.check(self.dataset, class_profile=self.class_profile, **self.source)

    def load(self) -> Dataset:
        """The dataset; see `hcr.datasets.load`."""
        return datasets.load(
            self.dataset,
            seed=self.seed,
            limit=self.limit,
            imbalance_factor=self.imbalance_factor,
            class_profile=self.class_profile,
            **self.source,
        )

    def state(self) -> dict[str, Any]:
        """What the images follow from: this choice, the content of its files, and the code."""
        sources = datasets.sources(self.dataset, **self.source)
        return {"choice": asdict(self), "sources": content(sources), "code": cache.code()}


def content(paths: Sequence[Path]) -> str:
    """A digest of the content of files."""
    return files.digest([files.sha256(path) for path in paths])


def is_resolved(choice: DataChoice, folder: Path) -> bool:
    """Whether `data.json` in `folder` is of this choice and of its files as they are now."""
    record, state = _read(folder), choice.state()
    return record is not None and {key: record[key] for key in state} == state


def resolve(choice: DataChoice, folder: Path) -> Dataset:
    """Load the data of `choice`, and describe them in `data.json` in `folder`.

    The file holds the choice, the dataset's digest, title, source and license, and of each split
    its size and digest; where training images were chosen, their indices in the whole training
    split, too. It is written only where it changes.

    Raises `DataError` where files are missing or damaged, `ParameterError` for a wrong choice.
    """
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
    if _read(folder) != record:
        folder.mkdir(parents=True, exist_ok=True)
        files.write_sealed(folder / FILE, record)
    return data


def choose(run: runs.Run, **options: Any) -> Dataset:
    """Resolve the choice with these `options`, for `run`: what `01_eda` does."""
    return _opened(resolve(DataChoice(**options), run.folder), run)


def open_data(run: runs.Run) -> Dataset:
    """The data of `run`, as they were chosen: what the stages after `01_eda` do.

    Opened alone where no run has chosen any, they are those of the default choice.

    Raises `DataError` where the files are no longer those that were chosen.
    """
    if run.source is None:
        return choose(run)
    data, record = choice_of(run.source).load(), _read(run.source)
    if record is not None and record["data"]["digest"] != data.digest:
        raise DataError(
            f"The dataset must be the one that {FILE} describes ({record['data']['digest'][:12]}). "
            f"Received: {data.digest[:12]}. Run 01_eda again."
        )
    return _opened(data, run)


def choice_of(folder: Path) -> DataChoice:
    """The choice of the run in `folder`; of one older than `data.json`, from its parameters.

    Raises `RunError` where it names no dataset.
    """
    record = _read(folder)
    if record is not None:
        return DataChoice(**record["choice"])
    stages = runs.read(folder).get("stages", {})
    parameters = dict(stages.get("03_train", {}).get("parameters", {}))
    if "dataset" not in parameters:
        raise RunError(f"{runs.shown(folder)} must name a dataset. Received: none. Run it again.")
    parameters["class_profile"] = parameters.pop("thin", "none")
    known = {field.name for field in fields(DataChoice)}
    return DataChoice(**{key: value for key, value in parameters.items() if key in known})


def _read(folder: Path) -> dict[str, Any] | None:
    """The content of `data.json`; None where there is none, or it was changed."""
    try:
        return files.read_sealed(folder / FILE)
    except RunError:
        return None


def _opened(data: Dataset, run: runs.Run) -> Dataset:
    run.record_data(data.facts())
    data.on_test_opened = run.test_opened
    return data
