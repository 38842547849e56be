"""Suspects in a data set: copies, the same picture under two labels, likely label errors.

Functions take arrays: pictures as the contract has them, uint8 (n, 28, 28), and labels as class
indices. None is meant for a test split, but for `duplicates`, which takes hashes alone. What is
heavy, scikit-learn and cleanlab, is imported where it is used.
"""

from hcr.evaluation.duplicates import Duplicates, duplicates, near_duplicates
from hcr.evaluation.features import features
from hcr.evaluation.neighbours import Neighbours, neighbours, typical
from hcr.evaluation.suspects import suspects
from hcr.evaluation.verdicts import VERDICTS, Verdicts, hash_text, verdicts

__all__ = [
    "VERDICTS",
    "Duplicates",
    "Neighbours",
    "Verdicts",
    "duplicates",
    "features",
    "hash_text",
    "near_duplicates",
    "neighbours",
    "suspects",
    "typical",
    "verdicts",
]
