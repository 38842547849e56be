"""Where a data set comes from, what was done to it, and which of its pictures hold nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hcr import reports
from hcr.datasets import Dataset
from hcr.reports.insights_wording import counted
from hcr.runs import Run


def origin(data: Dataset) -> pd.DataFrame:
    """What is known of a data set before one looks at its pictures: columns What and Value.

    The licence, the citation and the digest, the pictures of each split, what the leak guard
    removed, and what the options of `datasets.load` changed.
    """
    counts = {split: f"{values.sum():,}" for split, values in data.counts.items()}
    rows = {
        "Data set": data.title,
        "As a parameter": f"dataset={data.name}",
        "Caveat": data.caveat,
        "Classes": f"{len(data.characters)}: {' '.join(data.characters)}",
        "Pictures": ", ".join(f"{split} {number}" for split, number in counts.items()),
        "Changed": changed(data.changed, data.counts["train"]),
        "Leak guard": leaks(data.leaks),
        "Licence": data.info.license,
        "Cite": data.info.citation,
        "From": data.info.url,
        "Digest": data.digest,
    }
    kept = {key: value for key, value in rows.items() if value}
    return pd.DataFrame({"What": list(kept), "Value": list(kept.values())})


def changed(options: Mapping[str, Any], counts: np.ndarray) -> str:
    """What the options made of the training split, and what a long tail came to.

    Args:
        options: As `data.changed` holds them.
        counts: Training pictures a class, int (classes,), as they are now.
    """
    text = ", ".join(f"{key} = {value}" for key, value in options.items())
    factor, found = options.get("imbalance_factor"), counts[counts > 0]
    if factor and len(found) and f"{found.max() / found.min():.1f}" != f"{factor:.1f}":
        text += (
            f"; the largest class is {found.max() / found.min():.1f} times the smallest, "
            f"{found.max():,} over {found.min():,}: whole pictures, rounded down"
        )
    return text


def leaks(report: dict[str, int]) -> str:
    """The leak guard's report as a sentence; empty where there is none."""
    if not report:
        return ""
    removed = {split: report[f"removed_from_{split}"] for split in ("train", "validation")}
    if not any(removed.values()):
        return "no picture is in two splits"
    return (
        f"removed from train {removed['train']:,} pictures that are in validation "
        f"({report['train_in_validation']:,}) or test ({report['train_in_test']:,}), and from "
        f"validation {removed['validation']:,} that are in test"
    )


def blanks(run: Run, frame: pd.DataFrame, labels: np.ndarray, characters: Sequence[str]) -> str:
    """A warning, as Markdown, that training pictures hold no ink; empty where each holds some.

    They are listed in the run's table `blank`: index in the training split, and character.

    Args:
        run: The run that the notebook writes to.
        frame: As `measures.of` gives it.
        labels: Class indices, int (n,).
        characters: The classes' names.
    """
    found = np.flatnonzero(frame["ink"] == 0)
    if not len(found):
        return ""
    own = labels[found]
    listed = pd.DataFrame({"index": found, "character": [characters[each] for each in own]})
    reports.table(run, listed, "blank", "Training pictures without ink.")
    one = len(found) == 1
    return (
        f"> **Warning.** {len(found):,} of {counted(len(frame), 'training picture')} "
        f"{'holds' if one else 'hold'} no ink, in {len(np.unique(own))} of "
        f"{counted(len(characters), 'class', 'classes')}; `tables/{run.number}_blank.csv` lists "
        f"{'it' if one else 'them'}. {'It counts' if one else 'They count'} among the pictures of "
        f"{'its class' if one else 'their classes'}, and {'is' if one else 'are'} left out of the "
        "means, the typical pictures, the map, the pairs, the copies and the suspects. A network "
        "can only learn to guess from such a picture: take it out of the data, or look why it "
        "came without ink."
    )
