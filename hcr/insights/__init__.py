"""What a look at a data set, or a test of networks, found, in words: what to take along."""

from hcr.insights import doubts, evaluation, faults, looking, people, strangers, verdicts
from hcr.insights.doubts import looked_at, of_copies, of_suspects, of_twins, twins
from hcr.insights.findings import of_classes, of_ink, of_pairs
from hcr.insights.origin import blanks, changed, leaks, origin
from hcr.insights.wording import spanned

__all__ = [
    "blanks",
    "changed",
    "doubts",
    "evaluation",
    "faults",
    "leaks",
    "looked_at",
    "looking",
    "of_classes",
    "of_copies",
    "of_ink",
    "of_pairs",
    "of_suspects",
    "of_twins",
    "origin",
    "people",
    "spanned",
    "strangers",
    "twins",
    "verdicts",
]
