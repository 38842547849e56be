"""Pages across runs: a notebook that reads finished runs and writes only its own folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hcr import runs
from hcr.errors import ParameterError, nearest
from hcr.pipeline import params
from hcr.pipeline.plan import RunPlan
from hcr.pipeline.stages import ACROSS, load_across

COMPARE = "06_compare"


def comparison(
    names: Sequence[str],
    overrides: Mapping[str, Mapping[str, Any]],
    command: str,
    file: str,
    suite: str | None = None,
) -> RunPlan:
    """The plan of the page that compares runs.

    Args:
        names: Runs or suites below `outputs/` or `docs/results/`; none for all that are finished.
        overrides: The command line's, from `params.parse_overrides`.
        command: What a reader types to have it again.
        file: What asks for it: a suite's params file, or the option.
        suite: The suite that ends in it, whose folder it then lies in.

    Raises:
        ParameterError: A parameter is wrong, or, without a suite, a name is no finished run's.
    """
    notebooks = load_across()
    name = f"{suite}/{runs.COMPARE}" if suite else runs.COMPARE
    spec = params.RunSpec(Path(file), name, stages={COMPARE: {"names": list(names) or None}})
    declared = {key: list(each.parameters) for key, each in notebooks.items()}
    resolved = params.resolve(spec, declared, overrides)
    if suite is None:
        # Here, because pandas takes half a second to import.
        from hcr.evaluation.compare_finding import find

        given = resolved[COMPARE]
        if not find(given["names"], given["published"]):
            raise ParameterError(
                "There must be a finished run to compare. Received: none in "
                f"{runs.shown(runs.outputs())}. Make one with: uv run run_all.py"
            )
    return RunPlan(
        name=name,
        parameters=resolved,
        stages={COMPARE: notebooks[COMPARE]},
        chosen=(COMPARE,),
        command=command,
        params_file=file,
        force=True,
        why="it reads the runs as they are",
        kind=runs.COMPARISON,
    )


def check_then(suite: params.SuiteSpec) -> None:
    """Raise `ParameterError` where `suite` ends in a notebook that there is none of."""
    if suite.then is not None and suite.then not in ACROSS:
        raise ParameterError(
            f"then must be a notebook across runs. Received: {suite.then!r} "
            f"({runs.shown(suite.path)}).{nearest(suite.then, ACROSS)}"
        )
