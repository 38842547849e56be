"""Imports Keras before the rest of the package does, without its libraries' chatter."""

import os

from hcr import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with quiet.native_stderr():
    import keras

BACKEND = keras.backend.backend()
