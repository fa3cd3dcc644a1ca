"""`python -m data_prep.mnist`."""

import sys

from data_prep.mnist.command import main

if __name__ == "__main__":
    sys.exit(main())
