"""`python -m data_prep.headlines`."""

import sys

from data_prep.headlines.command import main

if __name__ == "__main__":
    sys.exit(main())
