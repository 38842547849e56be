"""`python benchmarks/pretrained.py NAME ...`."""

import sys

from hcr import runs
from hcr.errors import HcrError
from hcr.pipeline.shipping import ship


def main(arguments: list[str]) -> int:
    """Ship the networks that are named; the exit code."""
    try:
        for name in arguments:
            print(f"{name}: {runs.shown(ship(name))}", flush=True)
    except HcrError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
