"""Handwritten character recognition: a workbench of notebooks and the code that they share."""

__version__ = "0.1.0"
