"""`python -m data_prep.moses_reference`."""

import sys

from data_prep.moses_reference.command import main

if __name__ == "__main__":
    sys.exit(main())
