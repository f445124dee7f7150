"""`python -m dmd` is the `dmd` command."""

import sys

from dmd.cli import main

sys.exit(main())
