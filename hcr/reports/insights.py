"""What a look at a data set, or a test of networks, found, in words: what to take along."""

from hcr.reports import insights_doubts as doubts
from hcr.reports import insights_evaluation as evaluation
from hcr.reports import insights_faults as faults
from hcr.reports import insights_looking as looking
from hcr.reports import insights_people as people
from hcr.reports import insights_strangers as strangers
from hcr.reports import insights_verdicts as verdicts
from hcr.reports.insights_doubts import looked_at, of_copies, of_suspects, of_twins, twins
from hcr.reports.insights_findings import of_classes, of_ink, of_pairs
from hcr.reports.insights_origin import blanks, changed, leaks, origin
from hcr.reports.insights_wording import spanned

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
