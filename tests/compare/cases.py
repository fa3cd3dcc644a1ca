"""The command lines that two checkouts are compared by, a list a domain, and what they read."""

from __future__ import annotations

import itertools
import random
import shlex
import shutil
import struct
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]

TABLES = ("csv", "tsv", "jsonl", "txt", "parquet")
TINY = """
    --d-model 32 --n-heads 2 --d-ff 32 --encoder-blocks 1_1 --decoder-layers 1 --n-latent 2
    --latent-size 8 --sigma-max 0.5 --batch-size 8 --learning-rate 5e-3 --warmup-steps 2
    --mmd-warmup-steps 1 --mmd-memory 32 --max-steps 6 --save-steps 3 --log-steps 1 --eval-steps 3
    --eval-items 8 --prior-codes 40 --prior-steps 4 --prior-width 8 --prior-depth 1 --precision fp32
    --threads 1 --seed 5
"""


@dataclass(frozen=True)
class Domain:
    """What a domain's lines name: items, scores, file endings, and how its data are prepared."""

    items: tuple[str, str]
    window: str
    target: str
    targets: tuple[str, str]
    bad_item: str
    preset: str
    prepare: str
    endings: tuple[str, ...] = TABLES


DOMAINS = {
    "smiles": Domain(
        items=("CCN(CC)CC(=O)Nc1c(C)cccc1C", "CC(C)Cc1ccc(C(C)C(=O)O)cc1"),
        window="--min qed=0.6 --max sa=4 --sort=-sa",
        target="qed - 0.1*sa",
        targets=("qed", "-sa"),
        bad_item="C1CC",
        preset="smiles_small",
        prepare="--input own/own.smi --vocab-size 150 --jobs 1",
        endings=("csv", "smi", "sdf", "json", "parquet"),
    ),
    "midi": Domain(
        items=("Ode to Joy", "Greensleeves"),
        window="--min notes=8 --max pitch_range=14 --sort syncopation",
        target="syncopation",
        targets=("notes", "-pitch_range"),
        bad_item="|4/4 C4:24",
        preset="midi_base",
        prepare="--input own --workers 1 --vocab-size 400 --bars 2",
        endings=(*TABLES, "mid", "musicxml", "wav", "png", ""),
    ),
    "python_code": Domain(
        items=("return self.name", "x = x.reshape(batch_size, -1)"),
        window="--min compiles=1 --max length=40 --sort names_bound",
        target="names",
        targets=("calls", "-length"),
        bad_item="x = (",
        preset="python_base",
        prepare="--input own --vocab-size 400 --jobs 1",
    ),
    "headlines": Domain(
        items=("Oil prices fall as supply rises", "Stocks rise on Wall Street"),
        window="--min words=5 --max characters=70 --sort distinct_2",
        target="words",
        targets=("letters", "-characters"),
        bad_item=" ",
        preset="headlines_base",
        prepare="--input own/own.csv --column title --label-column topic --vocab-size 400",
    ),
    "mnist": Domain(
        items=("3", "8"),
        window="--min digit_confidence=0.4 --max ink=0.3 --sort symmetry",
        target="ink",
        targets=("symmetry", "-height"),
        bad_item="11",
        preset="mnist_shipped",
        prepare="--input own/images-idx3-ubyte --labels own/labels-idx1-ubyte --greys 4 "
        "--merges 256 --orientations down",
        endings=(*TABLES, "png"),
    ),
}


def module(name: str, words: str | list[str], **more: Any) -> Line:
    """A line `python -m NAME WORDS`."""
    given = shlex.split(words) if isinstance(words, str) else words
    return {"words": ["-m", name, *given], **more}


def left_before(name: str) -> list[Line]:
    """What the older checkout leaves: a set, a run with its bundle, a search, a stopped job."""
    domain, folder = DOMAINS[name], f"domains.{name}"
    search = [f"--target={domain.target}", *shlex.split("--budget 12 --batch-size 4 --seed 3")]
    training = f"{domain.preset} {TINY} --final quick --data left/data --output left/run"
    lines = {
        "left_set": module(f"data_prep.{name}", f"{domain.prepare} --seed 1 --out left/data"),
        "left_run": module(f"{folder}.train", training),
        "left_search": module(f"{folder}.optimise", [*search, "--history", "left/search"]),
    }
    if name == "smiles":
        job = "-n 320 --part-size 32 --workers 1 --seed 2 -o left/job.csv"
        lines["left_job"] = module(f"{folder}.sample", job, killed=["left/job.csv.parts/part-*", 2])
    return [{"name": key, **line} for key, line in lines.items()]


def lines(name: str, quick: bool) -> list[Line]:
    """The lines of a domain, in the order in which they run in one folder."""
    domain = DOMAINS[name]
    found = {**sampling(name, domain), **walking(name, domain), **searching(name, domain)}
    if name == "smiles":
        found |= only_molecules()
    found |= mistakes(name, domain)
    if not quick:
        found |= continued(name, domain)
    return [{"name": key, **line} for key, line in found.items()]


def sampling(name: str, domain: Domain) -> dict[str, Line]:
    """`sample`: raw, to each kind of file, through windows."""
    verb = f"domains.{name}.sample"
    hot = "--temperature 0.8 --top-p 0.9 --prior normal --fidelity 0.4"
    files = "--rejected out.csv -o in.csv"
    found = {
        "sample_raw": "-n 40 --seed 1 --raw -o raw.txt",
        "sample_raw_stdout": "-n 8 --seed 2 --raw --batch-size 3",
        "sample_raw_hot": f"-n 16 --seed 3 --raw {hot} -o raw_hot.txt",
        "sample_raw_auto": "-n 12 --seed 4 --raw --fidelity auto --beams 2 -o raw_auto.txt",
        "sample_window": f"-n 60 --seed 5 {domain.window} --top 9 --novel {files}",
        "sample_table": "-n 24 --seed 6",
        "sample_format": "-n 6 --seed 7 --format csv -o table.data",
    }
    for ending in domain.endings:
        file = f"drawn.{ending}" if ending else "drawn_folder"
        found[f"sample_{ending or 'folder'}"] = f"-n 10 --seed 8 -o {file}"
    return {key: module(verb, words) for key, words in found.items()}


def walking(name: str, domain: Domain) -> dict[str, Line]:
    """`interpolate` and `neighbours`."""
    a, b = domain.items
    walks = {
        "walk": "--steps 5",
        "walk_csv": "--steps 4 -o walk.csv",
        "walk_lerp": "--steps 4 --how lerp --per-token --cycles 0 --beams 2",
        "walk_distinct": "--steps 4 --distinct --fidelity 0.5",
        "walk_last": f"--steps 3 -o walk.{domain.endings[-1] or 'png'}",
    }
    around = {
        "around": "-n 8 --radius 0.5",
        "around_csv": "-n 8 --radius 1.2 --seed 3 -o around.csv",
        "around_near": "-n 6 --radius 0.8 --fidelity 0.9 --beams 2",
        "around_last": f"-n 4 -o around.{domain.endings[-1] or 'mid'}",
    }
    found = {
        key: module(f"domains.{name}.interpolate", [a, b, *shlex.split(words)])
        for key, words in walks.items()
    }
    for key, words in around.items():
        found[key] = module(f"domains.{name}.neighbours", [a, *shlex.split(words)])
    return found


def searching(name: str, domain: Domain) -> dict[str, Line]:
    """`optimise` by two methods, for one and two targets, stopped and gone on with."""
    verb, one = (
        f"domains.{name}.optimise",
        [f"--target={domain.target}", "--start", domain.items[0]],
    )
    two = [f"--target={target}" for target in domain.targets]
    evolve = "--budget 16 --batch-size 6 --similarity 0.1 --seed 4 --history search"
    front = "--budget 20 --batch-size 6 -o front.csv --plot front.png"
    drawn = "--method random --budget 10 --batch-size 5 --seed 9"
    more = "--budget 24 --batch-size 6 --similarity 0.1 --seed 4 --history search --resume"
    found = {
        "search": [*one, *shlex.split(evolve), "-o", "best.csv", "--plot", "best.svg"],
        "search_resumed": [*one, *shlex.split(more), "-o", "better.csv"],
        "search_cma": [*one, *shlex.split("--method cma --budget 16 --batch-size 6 --radius 0.4")],
        "search_two": [
            *two,
            *shlex.split(front),
        ],
        "search_random": [
            *two,
            *shlex.split(drawn),
        ],
    }
    return {key: module(verb, words) for key, words in found.items()}


def only_molecules() -> dict[str, Line]:
    """What molecules alone have: long runs, properties, alerts, stability, a user's function."""
    sample, optimise = "domains.smiles.sample", "domains.smiles.optimise"
    a = DOMAINS["smiles"].items[0]
    long = "-n 60 --part-size 16 --seed 3 --workers"
    found = {
        "long_csv": module(sample, f"{long} 2 --alerts none -o long.csv", alone=True),
        "long_parquet": module(sample, f"{long} 1 --min qed=0.5 -o long.parquet"),
        "long_raw": module(sample, f"{long} 1 --raw -o long.smi"),
        "long_top": module(sample, f"{long} 1 --sort=-sa --top 9 -o top.sdf"),
        "alerts": module(sample, "-n 40 --alerts pains,brenk --rejected bad.csv -o good.csv"),
        "similar": module(sample, f"-n 40 --reference '{a}' --sort similarity --top 5"),
        "stable": module(sample, "-n 8 --stability 3 -o stable.csv"),
        "steered": module(
            sample, "-n 8 --target-property logp=2.5 qed=0.8 --target-samples 100 -o steered.csv"
        ),
        "around_alerts": module(
            "domains.smiles.neighbours", [a, "-n", "8", "--alerts", "none", "-o", "near.sdf"]
        ),
        "search_scaffold": module(
            optimise,
            [
                "--target",
                "plogp",
                "--start",
                a,
                *["--keep-scaffold", "--alerts", "pains", "--budget", "8"],
            ],
        ),
        "search_function": module(
            optimise, "--target own.scoring:length --max sa=5 --budget 10 --batch-size 5 -o own.csv"
        ),
    }
    api = (
        "from domains.smiles import SmilesDomain\nfrom domains.smiles.domain import BUNDLE\n"
        "from tvae_core.space import LatentSpace\n"
        "space = LatentSpace.load(BUNDLE, SmilesDomain())\nprint(space.sample(4, seed=0))"
    )
    found["python_interface"] = {"words": ["-c", api]}
    return found


def mistakes(name: str, domain: Domain) -> dict[str, Line]:
    """Bad usages of each verb, and dry runs."""
    verb = f"domains.{name}."
    a = domain.items[0]
    bad: dict[str, tuple[str, list[str]]] = {
        "bad_flag": ("sample", ["--hot", "1"]),
        "bad_near_flag": ("sample", ["--temperatur", "1"]),
        "bad_count": ("sample", ["-n", "0"]),
        "bad_fidelity": ("sample", ["--fidelity", "2"]),
        "bad_score": ("sample", ["--min", "nonsense=1"]),
        "bad_ending": ("sample", ["-o", "x.xlsx"]),
        "bad_raw": ("sample", ["--raw", "--top", "3"]),
        "bad_bundle": ("sample", ["no/such/bundle"]),
        "bad_one_item": ("interpolate", [a]),
        "bad_item": ("interpolate", [a, domain.bad_item]),
        "bad_steps": ("interpolate", [a, a, "--steps", "1"]),
        "bad_around": ("neighbours", [domain.bad_item]),
        "bad_no_item": ("neighbours", []),
        "bad_dial": ("neighbours", [a, "--fidelity", "auto"]),
        "bad_radius": ("neighbours", [a, "--radius", "-1"]),
        "bad_no_target": ("optimise", []),
        "bad_target": ("optimise", ["--target", "nonsense"]),
        "bad_expression": ("optimise", ["--target", f"{domain.target} +"]),
        "bad_method": ("optimise", ["--target", domain.target, "--method", "magic"]),
        "bad_resume": ("optimise", ["--target", domain.target, "--resume"]),
        "bad_similarity": ("optimise", ["--target", domain.target, "--similarity", "0.4"]),
        "bad_preset": ("train", ["no_such_preset"]),
        "bad_setting": ("train", ["--d-model", "-4", "--dry-run"]),
        "bad_setting_flag": ("train", ["--d-modle", "4"]),
        "bad_setting_type": ("train", ["--learning-rate", "fast"]),
        "bad_data": ("train", ["--data", "no/such/set"]),
        "bad_evaluate": ("evaluate", ["no/such/bundle"]),
        "dry_run": ("train", ["--dry-run"]),
        "dry_run_flags": ("train", [domain.preset, "muon", *shlex.split(TINY), "--dry-run"]),
    }
    found = {key: module(verb + which, words) for key, (which, words) in bad.items()}
    found["bad_prepare"] = module(f"data_prep.{name}", "--input no/such/file")
    if name in ("smiles", "mnist"):
        preset = {"smiles": "syntax tenth_5_tkn batch_large 30Seq eval", "mnist": "mnist_small"}
        words = ["{root}/run_experiment.py", *preset[name].split(), "--dry-run"]
        found["run_experiment"] = {"words": words}
    return found


def continued(name: str, domain: Domain) -> dict[str, Line]:
    """What the older checkout left, read and gone on with; and the same made anew."""
    folder = f"domains.{name}"
    search = [f"--target={domain.target}", *shlex.split("--budget 20 --batch-size 4 --seed 3")]
    training = f"{domain.preset} {TINY}"
    evaluation = "--data left/data -n 12 --samples 8 --paths 4 --json figures.json"
    found = {
        "bundle_sample": module(f"{folder}.sample", "left/run/bundle -n 12 --raw -o own_raw.txt"),
        "bundle_evaluate": module(f"{folder}.evaluate", f"left/run/bundle {evaluation}"),
        "set": module(f"data_prep.{name}", f"{domain.prepare} --seed 1 --out data"),
        "train": module(f"{folder}.train", f"{training} --data left/data --output run"),
        "train_resumed": module(
            f"{folder}.train",
            f"{training} --final quick --data left/data --output left/run",
            removes=["left/run/checkpoint-6", "left/run/bundle"],
        ),
        "search_continued": module(
            f"{folder}.optimise", [*search, "--history", "left/search", "--resume", "-o", "on.csv"]
        ),
    }
    if name == "smiles":
        job = "-n 320 --part-size 32 --workers 1 --seed 2 -o left/job.csv --resume"
        found["job_continued"] = module(f"{folder}.sample", job)
    return found


def write_own(name: str, folder: Path) -> None:
    """A user's own data of a domain, and a user's own scoring function."""
    folder.mkdir(parents=True)
    {"smiles": _molecules, "midi": _tunes, "python_code": _code}.get(
        name, _headlines if name == "headlines" else _digits
    )(folder)


def _molecules(folder: Path) -> None:
    cores = ("c1ccc({})cc1", "C1CCN({})CC1", "CC(=O)N{}", "c1ccc2c(c1)cc({})[nH]2", "O=C(O){}")
    links = ("", "C", "CC", "CCC", "C(C)C", "CCO", "CCN", "C(=O)")
    ends = ("C", "CC", "OC", "C(F)(F)F", "C(=O)N", "CO", "C#N", "CCl", "CS", "C(C)C")
    texts = [core.format(link + end) for core, link, end in itertools.product(cores, links, ends)]
    random.Random(0).shuffle(texts)
    rows = [f"{text} molecule-{i}\n" for i, text in enumerate([*texts[:200], "C1CC", texts[0]])]
    (folder / "own.smi").write_text("".join(rows))
    (folder / "scoring.py").write_text("def length(texts):\n    return [len(t) for t in texts]\n")


def _tunes(folder: Path) -> None:
    import music21

    corpus = Path(music21.__file__).parent / "corpus"
    for name in ("oneills1850/0721-0730.abc", "bach/bwv269.mxl"):
        shutil.copy(corpus / name, folder)
    (folder / "broken.mid").write_bytes(b"MThd")


def _code(folder: Path) -> None:
    library = Path(sysconfig.get_path("stdlib"))
    for name in ("json/decoder.py", "json/encoder.py", "textwrap.py", "shlex.py", "queue.py"):
        shutil.copy(library / name, folder)
    (folder / "broken.py").write_text("def f(:\n")


def _headlines(folder: Path) -> None:
    who = ("Oil", "Gold", "Stocks", "Rain", "The senate", "A new study", "Police", "Apple")
    what = ("falls", "rises again", "wins the final", "is back", "says no to talks", "cuts jobs")
    where = ("in Europe", "after the storm", "as markets wait", "for the first time", "at last")
    rows = [f'"{a} {b} {c}",{b.split()[0]}' for a, b, c in itertools.product(who, what, where)]
    random.Random(0).shuffle(rows)
    (folder / "own.csv").write_text("title,topic\n" + "\n".join([*rows[:180], ",none", rows[0]]))


def _digits(folder: Path) -> None:
    """Strokes, in the format of the MNIST files: bars, boxes and crosses, moved about."""
    rng = random.Random(0)
    images, labels = [], []
    for number in range(80):
        left, top, size = rng.randint(4, 10), rng.randint(3, 8), rng.randint(8, 14)
        image = [[0] * 28 for _ in range(28)]
        for i in range(size):
            for x, y in ((i, 0), (i, size - 1), (0, i), (size - 1, i)) if number % 2 else ((i, i),):
                image[top + y][left + x] = image[top + y][left + x + 1] = rng.randint(120, 255)
        images.append(bytes(value for row in image for value in row))
        labels.append(number % 10)
    header = struct.pack(">IIII", 2051, len(images), 28, 28)
    (folder / "images-idx3-ubyte").write_bytes(header + b"".join(images))
    (folder / "labels-idx1-ubyte").write_bytes(
        struct.pack(">II", 2049, len(labels)) + bytes(labels)
    )
