"""`python -m data_prep.midi`."""

import sys

from data_prep.midi.command import main

if __name__ == "__main__":
    sys.exit(main())
