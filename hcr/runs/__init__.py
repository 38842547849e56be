"""Names, writes and reads the files of one run, and keeps the record of it in `run.json`.

`files` writes whole files or none; `environment` knows folders, versions and hardware.
"""

from hcr.runs.environment import OUTPUTS_VARIABLE  # noqa: F401
from hcr.runs.environment import outputs_folder as outputs  # noqa: F401
from hcr.runs.record import *  # noqa: F403
