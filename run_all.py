"""Run the notebooks, one after the other, and leave a report of each: `uv run run_all.py`."""

import sys

try:
    from hcr.pipeline.cli import run_all
except ModuleNotFoundError as error:
    sys.exit(f"{error}. Its packages must be installed: start it with uv run run_all.py")

if __name__ == "__main__":
    sys.exit(run_all())
