"""One finished run, as its files tell of it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hcr import runs
from hcr.errors import RunError
from hcr.runs import files

# The stages that make the network. The others look at it, and change no figure of it.
MADE = ("02_balance", "03_train")
TRAINED, EVALUATED, DRAWN = "03_train", "04_evaluate", "05_draw"
# What 02_balance trains for its study goes nowhere else.
ASIDE = "study"
OWN = "run"  # the parameter `reader` where a run's own model read
FIGURES = {TRAINED: ("val_accuracy", "val_balanced_accuracy"), EVALUATED: ("accuracy", "n")}


@dataclass(frozen=True)
class Member:
    """A finished run.

    Attributes:
        name: The run's name; a suite's runs have their suite's name and a slash before it.
        folder: Where its files lie: run.json and metrics.json, and history.csv and predictions.npz
            where there are.
        record: Its `run.json`.
        metrics: Its `metrics.json`.
    """

    name: str
    folder: Path
    record: dict[str, Any]
    metrics: dict[str, Any]

    @property
    def seed(self) -> Any:
        """The seed of its training."""
        return self._given(TRAINED).get("seed", self.record.get("seed"))

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """What made the network, by name; the seed is left out.

        A name that two stages have with different values has its stage before it.
        """
        found: dict[str, Any] = {}
        for stage in MADE:
            for key, value in self._given(stage).items():
                if key in ("run", "seed") or key.startswith(ASIDE):
                    continue
                same = key not in found or found[key] == value
                found[key if same else f"{stage}.{key}"] = value
        return found

    @property
    def built_on(self) -> list[str]:
        """The trained networks that its training began from or was taught by, by their names."""
        given = [str(self._given(TRAINED).get(key) or "") for key in ("start", "teacher")]
        found = [name.strip() for each in given for name in each.split(",")]
        return [name.removeprefix("outputs/") for name in dict.fromkeys(found) if name]

    @property
    def recipe(self) -> str:
        """A digest of all that made the network but the seed."""
        return files.digest(self.parameters)

    @property
    def data(self) -> dict[str, Any]:
        """What is known of the data set."""
        return self.record.get("data") or {}

    @property
    def openings(self) -> list[dict[str, Any]]:
        """Each time that it opened the test split of its data set."""
        name = self.data.get("name")
        every = self.record.get("test_openings") or []
        return [each for each in every if each.get("dataset", name) == name]

    @property
    def test_recorded(self) -> bool:
        """Whether its record says which pictures it was tested on."""
        return bool(self.openings and self.openings[-1].get("digest"))

    @cached_property
    def test(self) -> str:
        """What tells its test pictures from others: their digest.

        Of a run that did not record it, the data set's name and a digest of the labels, which is
        never that of a run that did.
        """
        if self.test_recorded:
            return str(self.openings[-1]["digest"])
        labels = b"" if self.answers is None else self.answers[0].astype("<i8").tobytes()
        return files.digest(self.data.get("name"), self.data.get("characters"), labels)

    @property
    def validation(self) -> str:
        """As `test`, of the validation pictures."""
        n = (self.data.get("counts") or {}).get("validation")
        return str(self.data.get("validation_digest") or f"{self.data.get('name')}, {n}")

    @property
    def n(self) -> int:
        """Test pictures."""
        return int(self.metrics[EVALUATED]["n"])

    @property
    def n_validation(self) -> int | None:
        """Validation pictures; None where the record does not say."""
        return (self.data.get("counts") or {}).get("validation")

    @property
    def machine(self) -> str:
        """Processor, cores, AMX, bfloat16, memory, GPU; times are compared where it is equal."""
        facts = self.record.get("hardware") or {}
        parts = [str(facts.get("processor") or "unknown")]
        if facts.get("cores"):
            parts.append(f"{facts['cores']} core{'s' if facts['cores'] != 1 else ''}")
        parts += ["AMX"] if facts.get("amx") else []
        parts += ["bfloat16"] if facts.get("bfloat16") and not facts.get("amx") else []
        if facts.get("memory_gib"):
            parts.append(f"{facts['memory_gib']} GiB")
        return ", ".join([*parts, *([str(facts["gpu"])] if facts.get("gpu") else [])])

    @property
    def date(self) -> str:
        """The day on which it was finished, ISO 8601."""
        return str(self.record.get("finished") or "")[:10]

    @property
    def commit(self) -> str:
        """The first ten digits of its commit, with a plus where the tree was changed."""
        found = str(self.record.get("commit") or "")[:10]
        return f"{found}+" if found and self.record.get("dirty") else found

    @property
    def latency(self) -> float | None:
        """Milliseconds from strokes to answer, the median; None where it did not time its own."""
        own = self._given(DRAWN).get("reader", OWN) == OWN
        return self.metrics.get(DRAWN, {}).get("read_strokes_ms") if own else None

    def figure(self, stage: str, key: str) -> float:
        """A figure of `metrics.json`; NaN where it is missing or null."""
        value = self.metrics.get(stage, {}).get(key)
        return float("nan") if value is None else float(value)

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """The training, a row an epoch; None where there is no such file."""
        path = self.folder / "history.csv"
        return pd.read_csv(path) if path.is_file() else None

    @cached_property
    def answers(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The test pictures' labels and what they were read as, int64 (n,) each; None without.

        Raises `RunError` where they are not those of `metrics.json`.
        """
        path = self.folder / "predictions.npz"
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as saved:
                labels, read = (saved[key].astype(np.int64) for key in ("labels", "predicted"))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise RunError(f"{runs.shown(path)} cannot be read: {error}. Delete it.") from error
        accuracy = self.figure(EVALUATED, "accuracy")
        if len(labels) != self.n or abs(float(np.mean(labels == read)) - accuracy) > 1e-9:
            raise RunError(
                f"{runs.shown(path)} must hold the answers that metrics.json counts: {self.n:,}, "
                f"of which {accuracy:.4%} are right. Received: {len(labels):,}, of which "
                f"{np.mean(labels == read):.4%}. Run its 04_evaluate again."
            )
        return labels, read

    def _given(self, stage: str) -> dict[str, Any]:
        return (self.record.get("stages") or {}).get(stage, {}).get("parameters") or {}


def read(name: str, folder: Path) -> Member:
    """The finished run in `folder`.

    Raises `RunError` where it lacks the figures of training and evaluation, or where those of its
    evaluation are another model's.
    """
    found = runs.read_metrics(folder)
    missing = [
        f"{stage}.{key}"
        for stage, keys in FIGURES.items()
        for key in keys
        if not isinstance(found.get(stage, {}).get(key), int | float)
    ]
    if missing:
        raise RunError(
            f"{runs.shown(folder)}/metrics.json must hold the figures of training and evaluation. "
            f"Missing: {', '.join(missing)}. Run it again, or leave it out."
        )
    each = Member(name, folder, runs.read(folder), found)
    reader = each._given(EVALUATED).get("reader", OWN)
    if reader != OWN:
        raise RunError(
            "A run's figures must be those of its own model. Received: 04_evaluate read by "
            f"{reader!r}, so its test figures say nothing of what was trained here. To compare it: "
            f"run its 04_evaluate again with reader={OWN}."
        )
    return each
