"""`python -m minixai` is the command `minixai`."""

import sys

from minixai.cli import main

if __name__ == "__main__":
    sys.exit(main())
