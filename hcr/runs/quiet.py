"""Keeps native libraries from chattering on the screen."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


@contextmanager
def native_stderr() -> Iterator[None]:
    """Throw away what is written to file descriptor 2; Python's exceptions come through.

    TensorFlow and LiteRT write there before any of their settings can stop them.
    """
    try:
        kept = os.dup(STDERR)
    except OSError:  # there is none, as under pythonw
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), STDERR)
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
