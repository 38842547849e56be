"""Numbers as a sentence holds them."""

import re

import pandas as pd

from hcr.evaluation import metrics


def counted(n: int, one: str, many: str = "") -> str:
    """`1 picture`, `2,000 pictures`: a number and the word that goes with it."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def minus(text: str) -> str:
    """`text` whose numbers below 0 have a minus sign for their hyphen."""
    return re.sub(r"(?<![\w-])-(?=\d)", "\N{MINUS SIGN}", text)


def interval(right: int, n: int) -> str:
    """Wilson's interval of `right` out of `n`, and n."""
    low, high = metrics.wilson(right, n)
    return f"95 %: {100 * low:.1f} to {100 * high:.1f}; n = {n:,}"


def spanned(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` as a page has room for it: low and high, and x_low and x_high, in one column each.

    The ends are shares; the columns are named `95 %` and `x, 95 %`, and hold `97.4 to 99.0`, in per
    cent, or nothing where there is no interval.
    """
    columns: dict[str, object] = {}
    for name in frame:
        if name.endswith("low") and f"{name[:-3]}high" in frame:
            ends = zip(frame[name], frame[f"{name[:-3]}high"], strict=True)
            told = [
                f"{100 * low:.1f} to {100 * high:.1f}" if low == low else "" for low, high in ends
            ]
            of = name[:-3].rstrip("_")
            columns[f"{of}, 95 %" if of else "95 %"] = told
        elif not (name.endswith("high") and f"{name[:-4]}low" in frame):
            columns[name] = frame[name]
    return pd.DataFrame(columns, index=frame.index)
