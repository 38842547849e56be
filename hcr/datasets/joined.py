"""EMNIST with UNIPEN's pen drawings among its training pictures, for networks that read both.

Validation and test are EMNIST's alone, so figures are those of the standing protocol; that drawings
were learned from stands beside each of them. How drawings are read is told by `unipen`, whose
contributors in validation and test are in no training split.

The two sets differ in their class shares, and `Split.sources` keeps them apart: 0 for EMNIST's
pictures, 1 for the drawings.
"""

from pathlib import Path

import numpy as np

from hcr.datasets import emnist, unipen
from hcr.datasets.split import Info, Options, Split

CACHED = True
CAVEAT = "drawings of UNIPEN among the training pictures"
SECOND = "unipen"


def info(name: str, options: Options) -> Info:
    """What is known of the two sets together."""
    first, second = emnist.info(_first(name), options), unipen.info(SECOND, options)
    return Info(
        title=f"{first.title}; training also on UNIPEN's drawings",
        characters=first.characters,
        licence=f"EMNIST: {first.licence}. UNIPEN: {second.licence}",
        citation=f"{first.citation}. {second.citation}",
        url=first.url,
        caveat=CAVEAT,
    )


def sources(name: str, options: Options) -> list[Path]:
    """The files of both sets. Raises `DataError` where one is missing."""
    return [*emnist.sources(_first(name), options), *unipen.sources(SECOND, options)]


def read(name: str, options: Options) -> tuple[Split, Split, Split]:
    """EMNIST's splits, with UNIPEN's training split behind the pictures of the first."""
    train, validation, test = emnist.read(_first(name), options)
    drawings = unipen.read(SECOND, options)[0]
    both = Split(
        np.concatenate([train.images, drawings.images]),
        np.concatenate([train.labels, drawings.labels]),
        sources=np.repeat([0, 1], [len(train), len(drawings)]).astype(np.int64),
    )
    return both, validation, test


def _first(name: str) -> str:
    return name.partition("+")[0]
