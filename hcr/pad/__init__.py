"""The pad: draw a character with mouse, finger or pen and see at once what it is read as."""

from hcr.pad.answer import Snapshot
from hcr.pad.widget import Pad

__all__ = ["Pad", "Snapshot"]
