"""A data frame as an HTML or a LaTeX table; every name and value is text, never markup."""

import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from hcr.reports import figures

LONG = 20  # rows; a longer table scrolls in a box
MISSING = "\N{EN DASH}"

# What LaTeX takes for markup, or, in its usual fonts and encoding, does not have.
TEX = str.maketrans(
    {
        **{each: f"\\{each}" for each in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        # In the oldest encoding these are inverted question marks and the like.
        **{each: f"${each}$" for each in "<>|"},
        '"': "''",  # a straight one is not in every encoding
        **{each: f"{{{each}}}" for each in "[*"},  # after a line's end they would be a part of it
        "\N{NO-BREAK SPACE}": "~",
        "\N{NON-BREAKING HYPHEN}": r"\mbox{-}",
        "\N{EN DASH}": "--",
        "\N{EM DASH}": "---",
        "\N{MINUS SIGN}": "$-$",
        "\N{MULTIPLICATION SIGN}": r"$\times$",
        "\N{GREEK CAPITAL LETTER DELTA}": r"$\Delta$",
        "\N{GREEK SMALL LETTER MU}": r"$\mu$",
        "\N{MICRO SIGN}": r"$\mu$",
        "\N{DEGREE SIGN}": r"$^\circ$",
        "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
        "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
        "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
        "\N{ALMOST EQUAL TO}": r"$\approx$",
        "\N{SUPERSCRIPT TWO}": r"$^2$",
        "\N{HORIZONTAL ELLIPSIS}": r"\dots{}",
    }
)

Format = str | Callable[[Any], str]


def html(
    frame: pd.DataFrame,
    caption: str,
    formats: Mapping[str, Format],
    heads: int,
    long: int = LONG,
    sortable: bool = True,
) -> str:
    """The table's HTML; its first `heads` columns name the rows, more rows than `long` scroll.

    `formats` gives, for a column, a format specification, or a function of a value to its text.
    Where it is not `sortable`, a report leaves its rows as they are.
    """
    names, sides, rows = _cells(frame, formats)
    top = "".join(
        # A long name may be broken where it has an underscore, so that its column is no wider.
        f'<th scope="col" style="text-align:{side}">{escape(name).replace("_", "_<wbr>")}</th>'
        for name, side in zip(names, sides, strict=True)
    )
    body = []
    for row in rows:
        cells = []
        for at, text in enumerate(row):
            tag, scope = ("th", ' scope="row"') if at < heads else ("td", "")
            cells.append(f'<{tag}{scope} style="text-align:{sides[at]}">{escape(text)}</{tag}>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    if not body:
        body = [f'<tr><td colspan="{len(names)}" style="text-align:left">none</td></tr>']
    box = "overflow:auto" + (";max-height:30em" if len(frame) > long else "")
    kind = "hcr-table" if sortable else "hcr-table kept"
    return (
        f'<div class="{kind}" style="{box}" tabindex="0" role="group" '
        f'aria-label="{escape(caption)}"><table style="margin:0">'
        f'<caption style="{figures.QUIET}"><span>{escape(caption)}</span></caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def latex(frame: pd.DataFrame, caption: str, formats: Mapping[str, Format], label: str) -> str:
    r"""The same table in LaTeX, ready for `\input` into a paper.

    It needs the package `booktabs`, and `longtable` where it has more than 20 rows, which it says
    in its first line. Letters that pdfLaTeX does not know are written as what it does.

    pandas' `Styler.to_latex` escapes neither a caption nor such letters; hence this.

    Args:
        frame: The table, without an index.
        caption: Plain text.
        formats: As in `html`.
        label: What `\ref` calls it: ASCII letters, digits, `_`, `-` and `:`.
    """
    names, sides, rows = _cells(frame, formats)
    columns = "".join(side[0] for side in sides)
    head = f"{' & '.join(map(_tex, names))} \\\\"
    body = [f"{' & '.join(map(_tex, row))} \\\\" for row in rows]
    named = f"\\caption{{{_tex(caption)}}}\\label{{{label}}}"
    if len(rows) <= LONG:
        lines = ["% \\usepackage{booktabs}", "\\begin{table}", "\\centering", named]
        lines += [f"\\begin{{tabular}}{{{columns}}}", "\\toprule", head, "\\midrule", *body]
        lines += ["\\bottomrule", "\\end{tabular}", "\\end{table}"]
    else:
        lines = ["% \\usepackage{booktabs,longtable}", f"\\begin{{longtable}}{{{columns}}}"]
        lines += [f"{named} \\\\", "\\toprule", head, "\\midrule", "\\endfirsthead"]
        lines += ["\\toprule", head, "\\midrule", "\\endhead", "\\bottomrule", "\\endfoot"]
        lines += [*body, "\\end{longtable}"]
    return "\n".join(lines) + "\n"


def _cells(
    frame: pd.DataFrame, formats: Mapping[str, Format]
) -> tuple[list[str], list[str], list[list[str]]]:
    """The columns' names and sides (left or right), and the texts of each row."""
    names = [
        " / ".join(str(part) for part in name if str(part))
        if isinstance(name, tuple)
        else str(name)
        for name in frame.columns
    ]
    number = [pd.api.types.is_numeric_dtype(frame.iloc[:, at]) for at in range(len(names))]
    sides = ["right" if each else "left" for each in number]
    forms = [formats.get(name) or _usual(frame.iloc[:, at]) for at, name in enumerate(frame)]
    rows = [
        [_text(value, form) for value, form in zip(row, forms, strict=True)]
        for row in frame.itertuples(index=False, name=None)
    ]
    return names, sides, rows


def _tex(text: str) -> str:
    """`text` for LaTeX, on one line; what it would read as markup is escaped."""
    return re.sub(r"[ \t\r\n]+", " ", text).translate(TEX)


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
