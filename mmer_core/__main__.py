"""`python -m mmer_core`: the command `mmer`."""

import sys

from mmer_core.cli.main import main

sys.exit(main())
