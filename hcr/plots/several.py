"""Several models in one figure: each has a colour and a dash of its own."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hcr.errors import DataError
from hcr.plots.look import SERIES, colour_of

if TYPE_CHECKING:
    import pandas as pd

DASHES = ("-", "--", "-.", ":")


def by_name(
    tables: "pd.DataFrame | Mapping[str, pd.DataFrame]", columns: Sequence[str]
) -> "dict[str, pd.DataFrame]":
    """Tables by the name of their model; one that is alone has the name "".

    Raises `DataError` where there is none, or one lacks rows or one of `columns`.
    """
    named = dict(tables) if isinstance(tables, Mapping) else {"": tables}
    if not named or any(set(columns) - set(each) or not len(each) for each in named.values()):
        raise DataError(
            f"There must be a table with rows and the columns {', '.join(columns)}. Received: "
            f"{', '.join(map(str, next(iter(named.values()), ()))) or 'none'}."
        )
    return named


def lines(n: int, split: str) -> list[dict[str, str]]:
    """Colour and dash of each of `n` models; one that is alone has the colour of its split."""
    if n == 1:
        return [{"color": colour_of(split, 0), "linestyle": "-"}]
    places = range(n)
    return [
        {"color": SERIES[i % len(SERIES)], "linestyle": DASHES[i % len(DASHES)]} for i in places
    ]
