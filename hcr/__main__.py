"""`python -m hcr COMMAND`: recognize, serve, drawings."""

import sys

from hcr.pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main())
