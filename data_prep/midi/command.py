"""Prepare music for training: the folk tunes or chorales that music21 brings, or files of your own.

    python -m data_prep.midi                                     four-bar melodies -> data/midi
    python -m data_prep.midi --bars 16 --hop 4 --out data/midi_16
    python -m data_prep.midi --set chorales --bars 2 --transpositions 2
    python -m data_prep.midi --input ~/my_music --out data/mine
    python -m data_prep.midi --input ~/my_music --grid 16 --out data/played
    python -m data_prep.midi --input ~/my_music --bundle domains/midi/bundle --out data/mine

Needs no network. Your own .mid, .abc, .musicxml, .mxl and .krn files are read, those in subfolders,
too; every voice is a melody of its own, or with `--set chorales` all of them together. What one
part cannot give keeps none of the others out. `--grid 16` puts the notes of MIDI files, which may
have been played, on sixteenths and triplets. Tunes are
split 90/5/5 before they are cut into windows; a window that is in one split is in no other,
whatever its key. With `--bundle`, for training a bundle on, its tokenizer is taken, and no tune is
held out of which it was trained on a window. What could not be read is listed with the reason in
rejected.csv. Files are read once: what they hold is kept beside the set, in `.midi`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from data_prep.common import (
    BAD_USAGE,
    CommandParser,
    PrepError,
    available_cores,
    check_not_negative,
    check_output,
    positive_int,
    run_preparation,
)
from data_prep.earlier import add_tokenizer_arguments, open_earlier, told, vocab_size_of
from data_prep.midi.corpus import (
    CHORALES,
    MELODIES,
    READING,
    Corpus,
    corpus_files,
    own_files,
    read_corpus,
)
from data_prep.midi.round_trip import round_trip
from data_prep.midi.windows import Windows, cut, distinct_tunes, new_tunes
from data_prep.prepared import Items, Rejected, summary, write_prepared
from data_prep.tokenise import use_threads
from domains.midi.notation import MAX_BARS
from domains.midi.reading.midi.grid import GRIDS
from domains.midi.tokenizer import MIN_VOCAB_SIZE, build_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CACHE = ".midi"
MOST_TOLD = 12
"""Lines of what was left out; of more files a line tells each kind."""
_VARIES = re.compile(r"[+-]?\d[\d,.]*|(?<=notes of ).*?(?= l[ia])|(?<=written: ).*|s\b")
CHORALE_VOICES = 4
VOCAB_SIZE = 2048
LICENCES = {
    "essen": "Essen folksong collection: legal status unclear, many hands; encoded under H. "
    "Schaffrath, kept by E. Dahlig-Turek, ABC by S. Schlien; given to music21 for "
    "non-commercial use and distribution",
    "oneill": "O'Neill's Music of Ireland (1850 tunes): public domain tunes, transcribed by many "
    "volunteers, named in the files; no licence stated",
    "aird": "Aird's Airs: public domain tunes, encoded by J. Campin; no licence stated",
    "ryan": "Ryan's Mammoth Collection: public domain tunes, contributed by R. Davies; no licence "
    "stated",
    "bach": "Bach chorales: public domain music, encodings as music21's corpus distributes them",
}


def make_parser() -> CommandParser:
    """The flags of the command."""
    parser = CommandParser(prog="python -m data_prep.midi", description=__doc__)
    add = parser.add_argument
    add(
        "--set",
        choices=("melodies", "chorales"),
        default="melodies",
        help="voices one by one, or together; with no --input: which tunes (%(default)s)",
    )
    add("--input", type=Path, metavar="FOLDER", help="a folder or file of your own instead")
    add("--licence", help="of your own files, for the manifest")
    add("-o", "--out", type=Path, help="folder to write (data/midi; data/midi_chorales)")
    add("--bars", type=positive_int, default=4, help="of a window (%(default)s)")
    add("--hop", type=positive_int, default=1, help="bars between training windows (%(default)s)")
    add(
        "--transpositions",
        type=int,
        default=1,
        help="copies of a training window in random other keys (%(default)s)",
    )
    add(
        "--grid",
        type=int,
        default=0,
        choices=GRIDS,
        help="put notes of MIDI on so many parts of a whole note (as they are)",
    )
    add_tokenizer_arguments(parser, VOCAB_SIZE)
    add("--limit", type=positive_int, help="the first so many files only")
    add("--seed", type=int, default=0, help="of the split and the keys (%(default)s)")
    add(
        *("--workers", "--jobs"),
        type=positive_int,
        default=available_cores(),
        help="processors (%(default)s)",
    )
    return parser


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuses settings that cannot work.

    Raises:
        PrepError: naming the flag.
    """
    vocab_size_of(arguments, MIN_VOCAB_SIZE, VOCAB_SIZE)
    if not 1 <= arguments.bars <= MAX_BARS:
        raise PrepError(f"--bars must be from 1 to {MAX_BARS}", BAD_USAGE)
    if not 0 <= arguments.transpositions <= 11:
        raise PrepError("--transpositions must be from 0 to 11", BAD_USAGE)
    check_not_negative(arguments, "seed")
    if arguments.licence and not arguments.input:
        raise PrepError("--licence is of your own files; give --input", BAD_USAGE)


def tell(corpus: Corpus, copies: int) -> None:
    """What was read, on stderr."""
    rate = (len(corpus.tunes) + len(corpus.rejected)) / max(corpus.seconds, 1e-9)
    print(
        f"{len(corpus.tunes):,} tunes ({copies:,} of them copies), {len(corpus.rejected):,} "
        f"rejected, {corpus.lost_bars:,} bars did not add up; {corpus.parsed:,} files parsed, "
        f"{corpus.cached:,} from the cache, {corpus.seconds:.1f} s ({rate:,.0f} tunes/s)",
        file=sys.stderr,
    )
    empty = corpus.parsed + corpus.cached - corpus.read
    alone = sum(bool(tune.alone) for tune in corpus.tunes)
    print(
        f"  files: {corpus.read:,} hold music, {empty:,} none that can be read; of {alone:,} tunes "
        "the parts are read one by one, as they cannot stand together",
        file=sys.stderr,
    )
    for reason, times in Counter(reason for _, reason in corpus.rejected).most_common(5):
        print(f"  rejected {times:,}: {reason}", file=sys.stderr)
    if len(corpus.told) <= MOST_TOLD:
        for source, phrase in corpus.told:
            print(f"  {source}: {phrase}", file=sys.stderr)
        return
    first: dict[str, str] = {}
    kinds = Counter[str]()
    for source, phrase in corpus.told:
        kind = _VARIES.sub("*", phrase)
        kinds[kind] += 1
        first.setdefault(kind, f"{source}: {phrase}")
    for kind, times in kinds.most_common(MOST_TOLD):
        print(f"  of {times:,}, as of {first[kind]}", file=sys.stderr)


def keep_voices(corpus: Corpus, voices: int) -> None:
    """Rejects the stretches that have another number of voices, and tunes that have no others."""
    for tune in corpus.tunes:
        tune.texts = [t for t in tune.texts if t.split("|")[1].count(";") + 1 == voices]
    corpus.rejected += [
        (tune.source, f"not in {voices} voices") for tune in corpus.tunes if not tune.texts
    ]
    corpus.tunes = [tune for tune in corpus.tunes if tune.texts]


def keep_together(corpus: Corpus, together: bool) -> None:
    """Parts that stand alone are melodies like others, or, together, are rejected with a reason."""
    for tune in corpus.tunes:
        if not together:
            tune.texts += tune.alone
        elif tune.alone:
            corpus.rejected.append((tune.source, "its parts cannot be written together"))
    corpus.tunes = [tune for tune in corpus.tunes if tune.texts]


def as_items(arguments: argparse.Namespace, corpus: Corpus, copies: int, found: Windows) -> Items:
    """The set, with what its manifest tells."""
    labels = sorted({tune.label for tune in corpus.tunes})
    if arguments.input:
        source, licence = arguments.input.resolve().name, arguments.licence or "as the files"
    else:
        source = f"corpus of music21 {version('music21')}: {', '.join(labels)}"
        licence = "; ".join(LICENCES[label] for label in labels)
    rejected = [Rejected(0, source, reason) for source, reason in corpus.rejected]
    details = {
        "set": arguments.set,
        "bars": arguments.bars,
        "hop": arguments.hop,
        "transpositions": arguments.transpositions,
        "transposed_windows": found.transposed,
        "tunes": found.tunes,
        "copied_tunes": copies,
        "windows_too_long": found.long,
        "bars_that_do_not_add_up": corpus.lost_bars,
        "files": {"read": corpus.read, "all": corpus.parsed + corpus.cached},
        "grid": arguments.grid,
        "reader": READING,
    }
    return Items(found.splits, source, corpus.sha256, licence, rejected, found.copies, details)


def read(arguments: argparse.Namespace, cache: Path) -> Corpus:
    """The tunes of the files that the flags name.

    Raises:
        PrepError: there are no files, or no music in them.
    """
    chorales = arguments.set == "chorales"
    if arguments.input:
        files = own_files(arguments.input)
    else:
        files = corpus_files(CHORALES if chorales else MELODIES)
    files = files[: arguments.limit]
    corpus = read_corpus(files, cache, arguments.workers, arguments.grid)
    keep_together(corpus, chorales)
    if chorales and not arguments.input:
        keep_voices(corpus, CHORALE_VOICES)
    if not corpus.tunes:
        reasons = Counter(reason for _, reason in corpus.rejected).most_common(1)
        raise PrepError(f"no music in {len(files):,} files; most often: {reasons[0][0]}", BAD_USAGE)
    return corpus


def prepare(arguments: argparse.Namespace, command: str) -> None:
    """Run the command with parsed arguments."""
    check_arguments(arguments)
    chorales = arguments.set == "chorales"
    out = arguments.out or Path("data/midi_chorales" if chorales else "data/midi")
    check_output(out)
    use_threads(arguments.workers)
    earlier = open_earlier(arguments.bundle, "midi")
    corpus = read(arguments, out.parent / CACHE)
    tunes, copies = distinct_tunes(corpus.tunes)
    tell(corpus, copies)
    new = earlier and new_tunes(tunes, arguments.bars, chorales, earlier.unknown)
    found = cut(
        tunes,
        bars=arguments.bars,
        hop=arguments.hop,
        transpositions=arguments.transpositions,
        voices=chorales,
        seed=arguments.seed,
        unknown=new,
    )
    for name, table in found.splits.items():
        if not len(table):
            raise PrepError(f"no {name} tune has {arguments.bars} bars in a row", BAD_USAGE)

    def build(sample: list[str]) -> PreTrainedTokenizerFast:
        size = vocab_size_of(arguments, MIN_VOCAB_SIZE, VOCAB_SIZE)
        return build_tokenizer(sample, size, progress=sys.stderr.isatty())

    items = as_items(arguments, corpus, copies, found)
    items.details |= told(earlier, new)
    manifest = write_prepared(
        items,
        out,
        domain="midi",
        build=build,
        seed=arguments.seed,
        command=command,
        libraries=("music21", "symusic"),
        earlier=earlier,
    )
    print(round_trip(corpus.tunes, out))
    print(summary(out, manifest, "window"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    return run_preparation("midi", arguments, make_parser, prepare)
