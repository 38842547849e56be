"""What a network makes of one picture: its first maps, and a step of it in numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hcr.errors import DataError
from hcr.models.anatomy_structure import inputs
from hcr.models.anatomy_words import ATTACHED


@dataclass(frozen=True)
class Step:
    """One place of the first convolution, and some of the first max-pooling, in numbers.

    Attributes:
        given: What the convolution is given for the picture, float (height, width).
        corner: Row and column in it of the patch's first number.
        patch: The numbers there, (k, k).
        kernel: The kernel that answers most strongly to the picture, (k, k).
        bias: What is added to the sum.
        value: The sum of `patch * kernel`, and the bias: one number of one map.
        before: What goes into some windows of the first max-pooling, (2p, 2p) for windows of
            (p, p); None where there is no such layer.
        after: What comes out, (2, 2), or None.
    """

    given: np.ndarray
    corner: tuple[int, int]
    patch: np.ndarray
    kernel: np.ndarray
    bias: float
    value: float
    before: np.ndarray | None
    after: np.ndarray | None


def first_maps(net: Any, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The kernels of the first convolution, and the maps that its block makes of `picture`.

    Args:
        net: A Keras model from uint8 (n, 28, 28).
        picture: uint8 (28, 28).

    Returns:
        Float (k, k, channels, filters) and (height, width, filters).

    Raises:
        DataError: The network has no convolution of one channel.
    """
    layer = _first_convolution(net)
    values = _values(net, picture)
    end = layer
    for each in net.layers:
        # As far as one layer follows another, each number by itself.
        if type(each).__name__ in ATTACHED and inputs(each)[0] is end.output:
            end = each
    return _array(layer.kernel), values[end.name]


def step(net: Any, picture: np.ndarray) -> Step:
    """Where the network answers most strongly to `picture`: one convolution and one max-pooling.

    Takes and raises what `first_maps` does.
    """
    layer = _first_convolution(net)
    values = _values(net, picture)
    source = next(each for each in net.layers if each.output is inputs(layer)[0])
    given, answers = values[source.name][..., 0], values[layer.name]
    starts = [_starts(layer, axis, given.shape[axis]) for axis in (0, 1)]
    size = np.array(layer.kernel_size)
    # The patch lies in the picture as a whole, so that no number of it is padding.
    inside = [(at >= 0) & (at + k <= n) for at, k, n in zip(starts, size, given.shape, strict=True)]
    masked = np.where(np.outer(*inside)[..., None], answers, -np.inf)
    row, column, which = np.unravel_index(int(masked.argmax()), masked.shape)
    y, x = int(starts[0][row]), int(starts[1][column])
    patch, kernel = given[y : y + size[0], x : x + size[1]], _array(layer.kernel)[:, :, 0, which]
    bias = float(_array(layer.bias)[which]) if layer.use_bias else 0.0
    value = float((patch * kernel).sum()) + bias
    return Step(given, (y, x), patch, kernel, bias, value, *_pooled(net, values))


def _pooled(net: Any, values: dict[str, np.ndarray]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Four windows of the first max-pooling, about its largest number, and what is kept."""
    for layer in net.layers:
        if type(layer).__name__ != "MaxPooling2D" or layer.pool_size != layer.strides:
            continue
        source = next(each for each in net.layers if each.output is inputs(layer)[0])
        before, after = values[source.name], values[layer.name]
        row, column, which = np.unravel_index(int(after.argmax()), after.shape)
        if min(after.shape[:2]) < 2:
            continue
        # The four windows lie in the map as a whole.
        row, column = min(row, after.shape[0] - 2), min(column, after.shape[1] - 2)
        (high, wide), kept = layer.pool_size, after[row : row + 2, column : column + 2, which]
        rows = slice(row * high, (row + 2) * high)
        columns = slice(column * wide, (column + 2) * wide)
        seen = before[rows, columns, which]
        if seen.shape == (2 * high, 2 * wide):
            return seen, kept
    return None, None


def _values(net: Any, picture: np.ndarray) -> dict[str, np.ndarray]:
    """What each layer gives for one picture, by its name: its own pass, layer by layer."""
    found = {id(net.inputs[0]): picture[None]}
    named = {}
    for layer in net.layers:
        given = inputs(layer)
        if type(layer).__name__ != "InputLayer":
            arrays = [found[id(each)] for each in given]
            found[id(layer.output)] = layer(arrays if len(arrays) > 1 else arrays[0])
        named[layer.name] = _array(found[id(layer.output)])[0]
    return named


def _first_convolution(net: Any) -> Any:
    for layer in net.layers:
        if type(layer).__name__ == "Conv2D" and layer.input.shape[-1] == 1:
            return layer
    raise DataError(
        "A network to be looked into must have a Conv2D of the picture's one channel. "
        f"Received: {net.name}, without. Leave this cell out."
    )


def _starts(layer: Any, axis: int, length: int) -> np.ndarray:
    """Where the windows of a convolution begin along an axis; padding comes before 0."""
    size, stride = layer.kernel_size[axis], layer.strides[axis]
    if layer.padding == "valid":
        return np.arange((length - size) // stride + 1) * stride
    count = -(-length // stride)
    return np.arange(count) * stride - max((count - 1) * stride + size - length, 0) // 2


def _array(value: Any) -> np.ndarray:
    """A backend's tensor, or a Keras variable, as an array."""
    value = getattr(value, "value", value)
    value = value.detach().cpu() if hasattr(value, "detach") else value
    return np.asarray(value)
