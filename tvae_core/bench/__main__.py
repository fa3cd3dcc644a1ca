"""`python -m tvae_core.bench COMMAND ...`; `python -m tvae_core.bench --help` lists them."""

from __future__ import annotations

import sys

from tvae_core.bench.command import main

if __name__ == "__main__":
    sys.exit(main())
