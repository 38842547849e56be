"""The weights in an `.h5` file of Keras, by layer; nothing else in it is followed."""

from pathlib import Path
from typing import Any

import numpy as np

from hcr.errors import ModelError

MOST = 512 << 20  # bytes of a model's weights; one for such small images has far fewer


class Weights:
    """The weights in an opened file, by layer; together they take at most `MOST` bytes."""

    def __init__(self, path: Path, file: Any):
        self._path, self._left = path, MOST
        self._group = self._member(file, "model_weights")

    def of(self, layer: str) -> dict[str, np.ndarray]:
        """Name to values of a layer's weights, in their order; empty where it has none."""
        if layer not in self._group:
            return {}
        group = self._member(self._group, layer)
        names = [
            each.decode() if isinstance(each, bytes) else str(each)
            for each in group.attrs.get("weight_names", ())
        ]
        found = {}
        for name in names:
            values = self._member(group, name)
            # What lies in another file is none of this model.
            if values.external or values.is_virtual:
                raise wrong(self._path, f"weights that lie elsewhere ({name})", "Save it again.")
            # A file of a few kB may declare any number of them.
            self._left -= values.size * max(4, values.dtype.itemsize)
            if self._left < 0:
                raise wrong(self._path, f"over {MOST:,} bytes of weights", "Save a smaller model.")
            found[name.split("/")[-1].split(":")[0]] = np.asarray(values, dtype=np.float32)
        if len(found) != len(names):
            raise wrong(self._path, f"two weights of one name in {layer!r}", "Save it again.")
        return found

    def _member(self, group: Any, name: str) -> Any:
        """What `group` holds under a path, where no link leads out of the file."""
        import h5py

        for part in filter(None, name.split("/")):
            if not isinstance(group.get(part, getlink=True), h5py.HardLink):
                raise wrong(self._path, f"no {name}, or a link in its place", "Save it again.")
            group = group[part]
        return group


def wrong(path: Path, received: str, remedy: str) -> ModelError:
    """The error for a file that is no such model."""
    return ModelError(
        f"{path} must be a whole model of Keras 2 in an .h5 file. Received: {received}. {remedy}"
    )
