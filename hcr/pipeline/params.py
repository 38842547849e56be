"""Reads parameters cells, resolves params files and overrides over them, and validates.

A notebook's cell tagged `parameters` is the only declaration of its parameters. Params files and
the command line override it, strictly: what no cell declares, or what breaks a declared rule, is
an error before any kernel starts.
"""

from hcr.pipeline.cells import read_cell
from hcr.pipeline.listing import listing
from hcr.pipeline.overrides import parse_overrides
from hcr.pipeline.resolution import resolve, shared_conflicts
from hcr.pipeline.rules import Parameter
from hcr.pipeline.specs import RunSpec, SuiteSpec, check_run, read_file

__all__ = [
    "Parameter",
    "RunSpec",
    "SuiteSpec",
    "check_run",
    "listing",
    "parse_overrides",
    "read_cell",
    "read_file",
    "resolve",
    "shared_conflicts",
]
