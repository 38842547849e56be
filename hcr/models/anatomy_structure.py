"""Which layer is given what, and which of them belong together."""

from typing import Any

import pandas as pd

from hcr import models
from hcr.models.anatomy_words import ATTACHED, BEGINNING, own_activation


def blocks(net: Any) -> pd.DataFrame:
    """The network's blocks: layers with weights, or that change the shape, and what follows them.

    Returns:
        One row a block, in order: block, its name; then, what else is in it; output, its shape;
        parameters; multiply-adds; sources, a tuple of the rows that it is given.
    """
    home: dict[int, int] = {}  # from the id of a layer's output to its block
    rows: list[dict[str, Any]] = []
    for layer in net.layers:
        sources = tuple(sorted({home[id(each)] for each in inputs(layer) if id(each) in home}))
        kind = type(layer).__name__
        if kind in ATTACHED and len(sources) == 1:
            row = rows[sources[0]]
        else:
            name = BEGINNING.get(kind, lambda _, kind=kind: kind)(layer)
            row = {"block": name, "then": [], "parameters": 0, "multiply-adds": 0}
            rows.append(row | {"sources": sources})
            row = rows[-1]
            sources = (len(rows) - 1,)
        said = ATTACHED[kind](layer) if kind in ATTACHED else own_activation(layer)
        row["then"] += [said] if said else []
        row["output"] = tuple(layer.output.shape[1:])
        row["parameters"] += layer.count_params()
        row["multiply-adds"] += models.multiply_adds_of(layer)
        home[id(layer.output)] = sources[0]
    for row in rows:
        row["then"] = ", ".join(row["then"])
    columns = ["block", "then", "output", "parameters", "multiply-adds", "sources"]
    return pd.DataFrame(rows)[columns]


def inputs(layer: Any) -> list[Any]:
    """The tensors that a layer is given; an input layer has none."""
    if type(layer).__name__ == "InputLayer":
        return []
    return list(layer.input) if isinstance(layer.input, list | tuple) else [layer.input]
