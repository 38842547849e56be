"""The choice of data: one object, resolved once for all stages of a run, kept in `data.json`.

`01_eda` declares it. The runner resolves it before the first stage; a stage that is opened alone
does the same, with the defaults below.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hcr import datasets, runs
from hcr.datasets import cache, profiles
from hcr.datasets.split import Dataset
from hcr.errors import DataError, ParameterError, RunError
from hcr.runs import files

FILE = "data.json"


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

    @property
    def source(self) -> dict[str, Any]:
        """The options that say where the files lie and how they are read."""
        return {"path": self.path, "orientation": self.orientation}

    def check(self) -> None:
        """Raise `ParameterError` where the options do not go with the dataset; reads no image."""
        try:
            characters = datasets.info(self.dataset, **self.source).characters
        except DataError as error:
            raise ParameterError(str(error)) from error
        profiles.check(characters, self.class_profile)

    def load(self) -> Dataset:
        """The dataset."""
        options = asdict(self)
        return datasets.load(options.pop("dataset"), **options)

    def state(self) -> dict[str, Any]:
        """What the images follow from: this choice, the content of its files, and the code."""
        paths = datasets.sources(self.dataset, **self.source)
        content = files.digest([files.sha256(path) for path in paths])
        return {"choice": asdict(self), "sources": content, "code": cache.code()}


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
