"""EMNIST with pen drawings among its training pictures, for networks that read both.

The drawings are UNIPEN's, or those of a person's own (`hcr.datasets.drawings`). Validation and test
are EMNIST's alone, so figures are those of the standing protocol; that drawings were learned from
stands beside each of them. How drawings are read is told by `unipen` and `drawings`, whose
validation and test splits are in no training split.

The two sets differ in their class shares, and `Split.sources` keeps them apart: 0 for EMNIST's
pictures, whose writers are empty, 1 for the drawings.
"""

from pathlib import Path
from types import ModuleType

import numpy as np

from hcr.datasets import drawings, emnist, unipen
from hcr.datasets.split import Info, Options, Split

CACHED = True

# The second set: its module, its name, and what is said to have been learned from.
SECOND: dict[str, tuple[ModuleType, str, str]] = {
    "unipen": (unipen, "UNIPEN", "drawings of UNIPEN"),
    "drawings": (drawings, "Drawings", "drawings of your own"),
}


def info(name: str, options: Options) -> Info:
    """What is known of the two sets together."""
    first, second = name.split("+")
    module, title, learned = SECOND[second]
    one, other = emnist.info(first, options), module.info(second, options)
    return Info(
        title=f"{one.title}; training also on {learned}",
        characters=one.characters,
        licence=f"EMNIST: {one.licence}. {title}: {other.licence}",
        citation=f"{one.citation}. {other.citation}",
        url=one.url,
        caveat=f"{learned} among the training pictures",
    )


def sources(name: str, options: Options) -> list[Path]:
    """The files of both sets. Raises `DataError` where one is missing."""
    first, second = name.split("+")
    return [*emnist.sources(first, options), *SECOND[second][0].sources(second, options)]


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """EMNIST's splits, with the second set's training split behind the pictures of the first."""
    first, second = name.split("+")
    train, validation, test = emnist.read(first, options)
    drawn = SECOND[second][0].read(second, options)[0]
    both = Split(
        np.concatenate([train.images, drawn.images]),
        np.concatenate([train.labels, drawn.labels]),
        writers=np.concatenate([np.full(len(train), ""), drawn.writers]),
        sources=np.repeat([0, 1], [len(train), len(drawn)]).astype(np.int64),
    )
    return both, validation, test
