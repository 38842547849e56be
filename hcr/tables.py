"""A data frame as an HTML table, in which every name and value is text, never markup."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from hcr import figures

LONG = 20  # rows; a longer table scrolls in a box
MISSING = "\N{EN DASH}"

Format = str | Callable[[Any], str]


def html(
    frame: pd.DataFrame,
    caption: str,
    formats: Mapping[str, Format],
    heads: int,
    long: int = LONG,
) -> str:
    """The table's HTML; its first `heads` columns name the rows, more rows than `long` scroll.

    `formats` gives, for a column, a format specification, or a function of a value to its text.
    """
    names = [
        " / ".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else name
        for name in frame.columns
    ]
    number = [pd.api.types.is_numeric_dtype(frame.iloc[:, at]) for at in range(len(names))]
    sides = ["right" if each else "left" for each in number]
    forms = [formats.get(name) or _usual(frame.iloc[:, at]) for at, name in enumerate(frame)]
    top = "".join(
        f'<th scope="col" style="text-align:{side}">{escape(str(name))}</th>'
        for name, side in zip(names, sides, strict=True)
    )
    body = []
    for row in frame.itertuples(index=False, name=None):
        cells = []
        for at, value in enumerate(row):
            text = escape(_text(value, forms[at]))
            tag, scope = ("th", ' scope="row"') if at < heads else ("td", "")
            cells.append(f'<{tag}{scope} style="text-align:{sides[at]}">{text}</{tag}>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    box = "overflow:auto" + (";max-height:30em" if len(frame) > long else "")
    return (
        f'<div class="hcr-table" style="{box}" tabindex="0" role="group" '
        f'aria-label="{escape(caption)}"><table style="margin:0">'
        f'<caption style="{figures.QUIET}"><span>{escape(caption)}</span></caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _usual(column: pd.Series) -> str | None:
    """The format of a column of floats: four digits for its largest, the same places for all."""
    if not pd.api.types.is_float_dtype(column):
        return None
    values = np.abs(column.to_numpy(float, na_value=np.nan))
    largest = values[np.isfinite(values)].max(initial=0)
    places = 3 - int(np.floor(np.log10(largest))) if largest > 0 else 0
    return f",.{min(max(places, 0), 6)}f"


def _text(value: Any, form: Format | None) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return MISSING
    if callable(form):
        return str(form(value))
    if form is not None:
        # The unit stands apart from its number, as in the rest of a page.
        return typeset(format(value, form).replace("%", "\N{NO-BREAK SPACE}%"))
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return typeset(f"{value:,}")
    return typeset(f"{value:,.4g}") if isinstance(value, float) else str(value)


def typeset(number: str) -> str:
    """A number's text with a minus sign in place of a hyphen."""
    return number.replace("-", "\N{MINUS SIGN}")
