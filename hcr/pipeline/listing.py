"""The text of `--list`: what every stage can be told."""

import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence

from hcr.pipeline.rules import RUN, Parameter, shown

WIDTH = 100
COLUMNS = ("name", "type", "default", "allowed", "help")
# The widest that the columns but the last get; longer texts are wrapped.
CAPS = (24, 18, 18, 26)
GAP = "  "
SHARED = "shared"
SHARED_TITLE = "What several stages take (their numbers stand behind it); -p shared.key=value"


def listing(
    stages: Mapping[str, Sequence[Parameter]], titles: Mapping[str, str] | None = None
) -> str:
    """A table of the parameters that several stages share, and one a stage of its own, as text.

    `run` is left out. The tables are at most 100 columns wide.

    Args:
        stages: Every stage's declarations, from `read_cell`.
        titles: What each stage is about, printed behind its name.
    """
    titles = titles or {}
    blocks, users = [], defaultdict(list)
    for stage, cell in stages.items():
        for each in cell:
            users[each.name].append(stage)
    shared: dict[str, tuple[str, ...]] = {}
    cells: dict[str, list[tuple[str, ...]]] = {SHARED: []}
    for stage, cell in stages.items():
        own = [each for each in cell if each.name != RUN]
        shared |= {each.name: _row(each) for each in own if len(users[each.name]) > 1}
        cells[stage] = [_row(each) for each in own if each.name not in shared]
    cells[SHARED] = [
        (*row[:-1], f"{row[-1]} ({', '.join(each.split('_')[0] for each in users[name])})")
        for name, row in shared.items()
    ]
    titles = {SHARED: SHARED_TITLE, **titles}
    # One width for all stages, so that the tables line up.
    widths = _widths([row for rows in cells.values() for row in rows])
    for stage, rows in cells.items():
        lines = [f"{stage}{GAP}{titles[stage]}" if titles.get(stage) else stage]
        if rows:
            lines += [*_lines(COLUMNS, widths), GAP + "-" * (WIDTH - len(GAP))]
            for row in rows:
                lines += _lines(row, widths)
        elif stage == SHARED:
            continue
        else:
            lines.append(f"{GAP}(no parameters of its own)")
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
