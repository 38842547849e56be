"""Numbers as a sentence holds them."""

import re

from hcr import metrics


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
