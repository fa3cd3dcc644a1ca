"""`python -m domains.smiles.reference [CKPT] --data data/smiles`: property histograms for a bundle.

Adds `reference.json` to a bundle, or replaces it: how QED, logP, weight and others are distributed
over the training set, for the app's comparison page. `train` gives it to every new bundle.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tvae_core.cli.parser import CommandParser, positive_int, run_command
from tvae_core.support.errors import BundleError
from tvae_core.support.files import json_text, sha256_file, write_whole
from tvae_core.support.machine import available_cores
from tvae_core.support.progress import Bar

if TYPE_CHECKING:
    from domains.smiles.chem.distributions import Distributions

REFERENCE_FILE = "reference.json"
MOLECULES = 100_000


def reference_of_prepared_set(folder: Path, n: int = MOLECULES, seed: int = 0) -> dict[str, Path]:
    """The property histograms of the training split, built once and kept beside the prepared set.

    Args:
        folder: the prepared set.
        n: molecules, drawn at random; all of them where there are fewer.
        seed: of the draw.

    Returns:
        Name in the bundle and file, as a bundle's extra files are given.

    Raises:
        PreparedSetError: there is no prepared set in the folder.
    """
    from domains.smiles.chem.distributions import Distributions
    from tvae_core.data.prepared import PreparedSet

    prepared = PreparedSet(folder, "smiles")
    rows = prepared.rows("train")
    n = min(n, len(rows))
    path = folder / REFERENCE_FILE
    if path.is_file():
        try:
            kept = Distributions.load(path)
        except ValueError as error:
            print(f"building it again: {error}", file=sys.stderr)
        else:
            if (kept.n, kept.seed) == (n, seed):
                return {REFERENCE_FILE: path}
    chosen = np.sort(np.random.default_rng(seed).permutation(len(rows))[:n])
    what = str(prepared.manifest.get("source") or "own molecules")
    source = f"{n:,} of the {len(rows):,} training molecules of {what}"
    bar = Bar("properties of the training set", "molecule")
    found = Distributions.of(rows.texts(chosen.tolist()), source, seed, available_cores(), bar)
    found.save(path)
    return {REFERENCE_FILE: path}


def add_to_bundle(bundle: Path, file: Path) -> None:
    """Puts a file of histograms into a bundle and its sha256 into the manifest.

    Raises:
        BundleError: the folder is no bundle.
    """
    path = bundle / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        hashes = manifest["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BundleError(f"{bundle} is not a bundle: {path.name} is missing or damaged") from None
    write_whole(bundle / REFERENCE_FILE, file.read_bytes())
    hashes[REFERENCE_FILE] = sha256_file(bundle / REFERENCE_FILE)
    manifest["sha256"] = dict(sorted(hashes.items()))
    write_whole(path, json_text(manifest))


def load_reference(bundle: Path) -> Distributions | None:
    """The property histograms of a bundle; None if it has none.

    Raises:
        ValueError: the file is damaged.
    """
    from domains.smiles.chem.distributions import Distributions

    path = bundle / REFERENCE_FILE
    return Distributions.load(path) if path.is_file() else None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = CommandParser(prog="python -m domains.smiles.reference", description=__doc__)
    parser.add_argument(
        "bundle",
        nargs="?",
        metavar="CKPT",
        type=Path,
        default=Path(__file__).with_name("bundle"),
        help="bundle folder (default: the one that ships with the domain)",
    )
    parser.add_argument("--data", type=Path, default=Path("data/smiles"), help="prepared set")
    parser.add_argument("-n", "--n", type=positive_int, default=MOLECULES, help="molecules drawn")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    args = parser.parse(argv)
    if not (args.bundle / "manifest.json").is_file():
        raise BundleError(f"{args.bundle} is not a bundle: it has no manifest.json")
    from domains.smiles.chem.distributions import Distributions

    (file,) = reference_of_prepared_set(args.data, args.n, args.seed).values()
    add_to_bundle(args.bundle, file)
    found = Distributions.load(file)
    print(f"{found.source} (seed {found.seed})")
    for name, histogram in found.histograms.items():
        print(f"{name:12} mean {histogram.mean:8.3f}  std {histogram.std:7.3f}")
    print(f"wrote {args.bundle / REFERENCE_FILE}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(run_command("reference", main))
