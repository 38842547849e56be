"""The text of `--list`: what every stage can be told."""

import textwrap
from collections.abc import Mapping, Sequence

from hcr.params.rules import RUN, Parameter, shown

WIDTH = 100
COLUMNS = ("name", "type", "default", "allowed", "help")
# The widest that the columns but the last get; longer texts are wrapped.
CAPS = (24, 18, 18, 26)
GAP = "  "


def listing(
    stages: Mapping[str, Sequence[Parameter]], titles: Mapping[str, str] | None = None
) -> str:
    """A table a stage of its parameters but `run`, at most 100 columns wide, as plain text.

    Args:
        stages: Every stage's declarations, from `read_cell`.
        titles: What each stage is about, printed behind its name.
    """
    titles = titles or {}
    blocks = []
    cells = {
        stage: [_row(each) for each in cell if each.name != RUN] for stage, cell in stages.items()
    }
    # One width for all stages, so that the tables line up.
    widths = _widths([row for rows in cells.values() for row in rows])
    for stage, rows in cells.items():
        lines = [f"{stage}{GAP}{titles[stage]}" if titles.get(stage) else stage]
        if rows:
            lines += [*_lines(COLUMNS, widths), GAP + "-" * (WIDTH - len(GAP))]
            for row in rows:
                lines += _lines(row, widths)
        else:
            lines.append(f"{GAP}(no parameters)")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _row(each: Parameter) -> tuple[str, ...]:
    kind = f"{each.type} | None" if each.optional else each.type
    default = each.default if isinstance(each.default, str) else shown(each.default)
    return each.name, kind, default or '""', each.known or each.bounds, each.help


def _widths(rows: list[tuple[str, ...]]) -> list[int]:
    longest = [max(len(row[i]) for row in [COLUMNS, *rows]) for i in range(len(CAPS))]
    widths = [min(pair) for pair in zip(longest, CAPS, strict=True)]
    return [*widths, WIDTH - sum(widths) - len(GAP) * len(COLUMNS)]


def _lines(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """One row of the table: as many lines as its longest cell takes."""
    cells = [
        textwrap.wrap(text, width, break_on_hyphens=False) or [""]
        for text, width in zip(row, widths, strict=True)
    ]
    lines = []
    for i in range(max(map(len, cells))):
        parts = [
            (cell[i] if i < len(cell) else "").ljust(width)
            for cell, width in zip(cells, widths, strict=True)
        ]
        lines.append((GAP + GAP.join(parts)).rstrip())
    return lines
