"""`python -m mlfpga.cli` is `mlfpga`, also where the environment's commands are not on PATH."""

import sys

from mlfpga.cli import main

sys.exit(main())
