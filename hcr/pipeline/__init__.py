"""The list of stages and how they run: one after the other, each in its own kernel, never twice."""

from hcr.pipeline.across import check_then, comparison
from hcr.pipeline.plan import Outcome, RunPlan
from hcr.pipeline.stages import ACROSS, STAGES, Stage, load_across, load_stages, selected
from hcr.pipeline.suites import expand, published, write_summary

__all__ = [
    "ACROSS",
    "STAGES",
    "Outcome",
    "RunPlan",
    "Stage",
    "check_then",
    "comparison",
    "expand",
    "load_across",
    "load_stages",
    "published",
    "run",
    "selected",
    "write_summary",
]


def run(plan: RunPlan) -> Outcome:
    """Run the chosen stages whose results do not stand; see `hcr.pipeline.runner.run`."""
    # Papermill and nbconvert take seconds to import: a mistake in the arguments does not wait.
    from hcr.pipeline import runner

    return runner.run(plan)
