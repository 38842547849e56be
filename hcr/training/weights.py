"""Trained networks to begin from or to learn from: where they lie, and whether they fit."""

from pathlib import Path

import keras

from hcr import environment
from hcr.errors import ModelError
from hcr.recognizer.sources import PACKAGE, SHIPPED
from hcr.training.convert import load


def find(what: str) -> Path:
    """The `.keras` file that `what` names: a shipped network's, a run's folder's, or a file.

    A relative path counts from the project's top. Raises `ModelError` where there is none.
    """
    if what in SHIPPED:
        path = PACKAGE / SHIPPED[what] / "model.keras"
    else:
        path = environment.placed(what)
        path = path / "model.keras" if path.is_dir() else path
    if path.suffix != ".keras" or not path.is_file():
        folders = {name: PACKAGE / folder for name, folder in SHIPPED.items()}
        whole = [name for name in folders if (folders[name] / "model.keras").is_file()]
        raise ModelError(
            "A trained network is named by a run's folder or a .keras file, or is one that ships "
            f"with one ({', '.join(whole) or 'none'}). Received: {what!r}."
        )
    return path


def network(what: str, n_classes: int) -> keras.Model:
    """The network that `what` names, for `n_classes` classes.

    Raises `ModelError` where there is none, or it does not keep the picture contract, or has
    another number of classes.
    """
    path = find(what)
    net = load(path)
    ends = [(each.dtype, tuple(each.shape)) for each in (*net.inputs, *net.outputs)]
    if ends != [("uint8", (None, 28, 28)), ("float32", (None, n_classes))]:
        found = " to ".join(f"{dtype} {shape}" for dtype, shape in ends)
        raise ModelError(
            f"{path.name} of {what!r} must take pictures, uint8 (n, 28, 28), and give float32 "
            f"(n, {n_classes}). Received: {found}. Choose one for the same characters."
        )
    return net
