"""Imports Keras before the rest of the package does, without its libraries' chatter."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from hcr.runs import environment

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with environment.quiet_stderr():
    import keras

BACKEND = keras.backend.backend()


@contextmanager
def silenced() -> Iterator[None]:
    """Keep TensorFlow's logger from advice that is of no use to a reader.

    It names the temporary folders that an export writes to, and calls the graphs that each of
    several networks needs of its own a waste.
    """
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
