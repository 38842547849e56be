"""A foreign `.onnx` file as a function of its input, by onnxruntime: the extra `onnx`."""

import numpy as np

from hcr.errors import ModelError
from hcr.recognizer.sources import Tensor

TYPES = {"float": "float32", "double": "float64"}  # Others' names are NumPy's.
# What a tensor says of a file, which onnxruntime would read from the working folder.
EXTERNAL = b"\x0a\x08location\x12"


class Onnx:
    """onnxruntime's session of a file's content, as `hcr.recognizer.network.LiteRT` is."""

    def __init__(self, content: bytes, threads: int):
        if EXTERNAL in content:
            raise ValueError(
                "external data, weights in another file, which onnx.save(onnx.load(path), "
                "'whole.onnx') puts inside"
            )
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError(
                f"An .onnx file must be run by onnxruntime. Received: {error}. Install it: "
                "uv pip install onnxruntime, or pip install onnxruntime."
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 4
        self._session = onnxruntime.InferenceSession(content, options)
        sides = self._session.get_inputs(), self._session.get_outputs()
        self.inputs, self.outputs = ([_tensor(one) for one in side] for side in sides)
        self._name = sides[0][0].name

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The output of a batch of inputs."""
        return self._session.run(None, {self._name: values})[0]


def _tensor(details) -> Tensor:
    name = details.type.removeprefix("tensor(").removesuffix(")")
    sizes = (size if isinstance(size, int) and size > 0 else None for size in details.shape)
    return Tensor(np.dtype(TYPES.get(name, name)), tuple(sizes))
