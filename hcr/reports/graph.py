"""The stages of a run as a graph: which files pass from one to another, and where each box lies."""

import textwrap
from dataclasses import dataclass, field
from typing import Any

from hcr.reports import words

# Lengths are units of the drawing; at full width one is a CSS pixel.
WIDTH, HEIGHT = 204, 94
ROW_GAP, CURVE, PAD = 26, 44, 4
LETTER, LINE = 6.7, 14  # of a file's name, in 11 px of a monospaced font
TITLE_LETTERS = 21
TALL_WIDTH, LANE, LOW = 360, 14, 78


@dataclass(frozen=True)
class Edge:
    """Files that the stage `source` writes and `target` reads."""

    source: str
    target: str
    files: tuple[str, ...]


@dataclass
class Drawing:
    """Boxes, arrows and their labels, with the size of the whole."""

    width: float
    height: float
    nodes: list[dict[str, Any]] = field(default_factory=list)
    arrows: list[dict[str, str]] = field(default_factory=list)
    labels: list[dict[str, Any]] = field(default_factory=list)


def edges(stages: dict[str, dict[str, Any]]) -> list[Edge]:
    """An edge for each pair of stages where the later reads what the earlier was last to write."""
    found: dict[tuple[str, str], list[str]] = {}
    writer: dict[str, str] = {}
    for stage, entry in stages.items():
        for file in entry.get("reads") or []:
            if file in writer:
                found.setdefault((writer[file], stage), []).append(str(file))
        writer.update(dict.fromkeys(entry.get("writes") or [], stage))
    return [Edge(source, target, tuple(files)) for (source, target), files in found.items()]


def broad(stages: dict[str, dict[str, Any]]) -> Drawing:
    """The graph from left to right, for a wide screen."""
    links = edges(stages)
    layer: dict[str, int] = {}
    for stage in stages:
        layer[stage] = max((layer[e.source] + 1 for e in links if e.target == stage), default=0)
    columns = _columns(list(stages), links, layer)
    heights = {stage: max(HEIGHT, _ports_height(stage, links)) for stage in stages}
    spans = [sum(_tall(item, heights) for item in column) for column in columns]
    spans = [
        span + ROW_GAP * (len(column) - 1) for span, column in zip(spans, columns, strict=True)
    ]
    total = max(spans, default=0) + 2 * PAD
    drawing, place, left = Drawing(0, total), {}, float(PAD)
    for number, column in enumerate(columns):
        top = (total - spans[number]) / 2
        for item in column:
            place[item, number] = (left, top + _tall(item, heights) / 2)
            if isinstance(item, str):
                drawing.nodes.append(_node(item, stages[item], left, top, WIDTH, heights[item]))
            top += _tall(item, heights) + ROW_GAP
        left += WIDTH + _gap(number + 1, links, layer)
    drawing.width = max((node["x"] for node in drawing.nodes), default=0) + WIDTH + PAD
    for stage in stages:
        _arrive(drawing, [e for e in links if e.target == stage], layer, place)
    return drawing


def tall(stages: dict[str, dict[str, Any]]) -> Drawing:
    """The graph from top to bottom, for a phone: one box a row, far arrows along the right."""
    links, names = edges(stages), list(stages)
    far = [e for e in links if names.index(e.target) - names.index(e.source) > 1]
    lanes = {source: number for number, source in enumerate(dict.fromkeys(e.source for e in far))}
    width = TALL_WIDTH - 2 * PAD - LANE * len(lanes)
    drawing, top, middle = Drawing(TALL_WIDTH, 0), float(PAD), {}
    for number, (stage, entry) in enumerate(stages.items()):
        lines: list[str] = []
        near = False
        for edge in [e for e in links if e.target == stage]:
            near = near or edge not in far
            text = ", ".join(edge.files)
            text = f"from {edge.source}: {text}" if edge in far else text
            lines += textwrap.wrap(text, 44, subsequent_indent="  ")
        above, top = top, top + (18 + LINE * len(lines) if number else 0)
        if near:
            drawing.arrows.append(_arrow(f"M{22} {above}V{top - 6}", 22, top, "down"))
        for at, text in enumerate(lines):
            drawing.labels.append({"x": 34, "y": above + 20 + LINE * at, "text": text})
        node = _node(stage, entry, PAD, top, width, HEIGHT)
        node["height"] = HEIGHT if len(node["lines"]) > 1 else LOW
        drawing.nodes.append(node)
        middle[stage] = top + node["height"] / 2
        top += node["height"]
    drawing.height = top + PAD
    for edge in far:
        right = PAD + width
        lane = right + LANE * (lanes[edge.source] + 0.8)
        start, end = middle[edge.source] + 8, middle[edge.target] - 8
        path = f"M{right} {start}H{lane:g}V{end}H{right + 6}"
        drawing.arrows.append(_arrow(path, right, end, "left"))
    return drawing


def _columns(names: list[str], links: list[Edge], layer: dict[str, int]) -> list[list[Any]]:
    """The stages by layer; an edge that passes a layer has a place of its own there."""
    columns: list[list[Any]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name in names:
        columns[layer[name]].append(name)
    for edge in links:
        for number in range(layer[edge.source] + 1, layer[edge.target]):
            columns[number].append(edge)
    for number, column in enumerate(columns[1:], start=1):
        before = columns[number - 1]
        # Each beside the middle of what leads to it; the sort keeps the order of equals.
        column.sort(key=lambda item: _middle(item, before, links))
    return columns


def _middle(item: Any, before: list[Any], links: list[Edge]) -> float:
    incoming = [item] if isinstance(item, Edge) else [e for e in links if e.target == item]
    at = [i for i, each in enumerate(before) for e in incoming if each in (e, e.source)]
    return sum(at) / len(at) if at else len(before)


def _tall(item: Any, heights: dict[str, float]) -> float:
    return heights[item] if isinstance(item, str) else LINE


def _ports_height(stage: str, links: list[Edge]) -> float:
    return sum(LINE * len(e.files) + 16 for e in links if e.target == stage) + 8


def _gap(number: int, links: list[Edge], layer: dict[str, int]) -> float:
    """The room before layer `number`: the curve, and the longest name that ends there."""
    names = [file for e in links if layer[e.target] == number for file in e.files]
    return CURVE + LETTER * max((len(name) for name in names), default=0) + 16


def _arrive(
    drawing: Drawing, incoming: list[Edge], layer: dict[str, int], place: dict[Any, Any]
) -> None:
    """Draw the edges that end at one stage, each at a height of its own, names above the line."""
    incoming = sorted(incoming, key=lambda e: place[e.source, layer[e.source]][1])
    if not incoming:
        return
    number = layer[incoming[0].target]
    x, middle = place[incoming[0].target, number]
    shares = [LINE * len(e.files) + 16 for e in incoming]
    top = middle - sum(shares) / 2
    if len(incoming) == 1:
        top = middle - shares[0]  # the line itself meets the middle
    for edge, share in zip(incoming, shares, strict=True):
        end = top + share
        at = [place[edge.source, layer[edge.source]]]
        at += [place[edge, each] for each in range(layer[edge.source] + 1, number)]
        path = f"M{at[0][0] + WIDTH:g} {at[0][1]:g}"
        for here, there in zip(at, [*at[1:], (x, end)], strict=True):
            start = here[0] + WIDTH
            bend = start + CURVE / 2
            path += f"C{bend:g} {here[1]:g} {bend:g} {there[1]:g} {start + CURVE:g} {there[1]:g}"
            path += f"H{there[0] + (WIDTH if there != (x, end) else -6):g}"
        drawing.arrows.append(_arrow(path, x, end, "right"))
        for line, file in enumerate(reversed(edge.files)):
            label = {"x": x - 12, "y": end - 6 - LINE * line, "text": file}
            drawing.labels.append(label | {"anchor": "end"})
        top = end


def _arrow(path: str, x: float, y: float, way: str) -> dict[str, str]:
    heads = {"right": "l-9-4.5v9z", "left": "l9-4.5v9z", "down": "l-4.5-9h9z"}
    return {"path": path, "head": f"M{x:g} {y:g}{heads[way]}"}


def _node(
    stage: str, entry: dict[str, Any], x: float, y: float, width: float, height: float
) -> dict[str, Any]:
    status = entry.get("status")
    title = str(entry.get("title") or "")
    letters = int(TITLE_LETTERS * width / WIDTH)
    parts = [words.state(status)["word"], words.duration(entry.get("seconds"))]
    return {
        "x": x,
        "y": y,
        "width": width,
        "height": height,
        "stage": stage,
        "title": title,
        "lines": textwrap.wrap(title, letters, max_lines=2, placeholder=" …") or [""],
        "status": status,
        "told": ", ".join(each for each in parts if each)
        + (" (kept)" if entry.get("kept") else ""),
        # A stage that was not run has no page.
        "href": "" if status == "waiting" else entry.get("html") or f"{stage}.html",
    }
