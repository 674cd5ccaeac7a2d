import sys

from mmer_core.cli import main

sys.exit(main())
