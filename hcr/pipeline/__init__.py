"""The list of stages and how they run: one after the other, each in its own kernel, never twice."""

from hcr.pipeline.plan import Outcome, RunPlan
from hcr.pipeline.stages import STAGES, Stage, load_stages, selected
from hcr.pipeline.suites import expand, published, write_summary

__all__ = [
    "STAGES",
    "Outcome",
    "RunPlan",
    "Stage",
    "expand",
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
