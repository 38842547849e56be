"""The pad: draw a character with mouse, touch or pen and see at once what it is recognized as."""

from hcr.pad.widget import Pad

__all__ = ["Pad"]
