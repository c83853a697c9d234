"""`python -m cornu`: the command line of `cli.py`."""

import sys

from cornu.cli import main

sys.exit(main())
