"""The pad: draw a character with mouse, touch or pen and see at once what it is recognized as."""

# ruff: noqa: F401
from hcr.pad.widget import Pad
