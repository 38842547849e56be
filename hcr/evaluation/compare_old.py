"""Finished runs side by side: gathered over seeds, ranked on validation, tested on the same test.

    from hcr import comparison
    members, problems = comparison.read(comparison.find())
    groups = comparison.gather(members)

Runs that were measured on different test pictures are never ranked against each other.
"""

from hcr.evaluation import compare_siblings as siblings
from hcr.evaluation.compare_finding import find
from hcr.evaluation.compare_gathering import Figure, Group, Recipe, gather, read
from hcr.evaluation.compare_member import Member

__all__ = ["Figure", "Group", "Member", "Recipe", "find", "gather", "read", "siblings"]
