"""`python -m roman.prepare --out data/roman`: all 3,999 numerals, split and tokenised."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import pyarrow as pa

from data_prep.prepared import Items, split_rows, summary, write_prepared
from roman.domain import LARGEST, RomanDomain
from tvae_core.data.byte_pair import BASE_SIZE, build_byte_pair

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m roman.prepare", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("data/roman"))
    out = parser.parse_args().out
    domain = RomanDomain()
    texts = pa.array([domain.to_text(number) for number in range(1, LARGEST + 1)])
    splits = {
        name: pa.table({"text": texts.take(pa.array(rows))})
        for name, rows in split_rows(len(texts), seed=0).items()
    }
    items = Items(splits, source="arithmetic", source_sha256="", licence="CC0")
    manifest = write_prepared(
        items,
        out,
        domain=domain.name,
        build=partial(build_byte_pair, vocab_size=BASE_SIZE + 20),
        seed=0,
        command=f"python -m roman.prepare --out {out}",
    )
    print(summary(out, manifest, "numeral"))
