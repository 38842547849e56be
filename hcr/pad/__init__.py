"""The pad: draw a character with mouse, touch or pen and see at once what it is read as."""

from hcr.pad.answer import Snapshot
from hcr.pad.reading import Reader
from hcr.pad.teaching import Drawings
from hcr.pad.widget import Pad

__all__ = ["Drawings", "Pad", "Reader", "Snapshot"]
