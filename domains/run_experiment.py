"""Experiments as a line of names: the original system's command, over this toolkit's presets.

    python run_experiment.py syntax tenth_5_tkn batch_large 30Seq eval
    python run_experiment.py mnist_small tenth_5_tkn batch_small eval --max_steps 20

Each name is a preset, merged left to right over `base`, the original's full size; flags come last.
One of the names is that of a data set, and tells the domain. A prepared set that is not there yet
is prepared first. At the end there is a quick evaluation (`--final full` for the whole one), and
a report with reconstructions, samples and interpolations in the run's folder.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path

from domains.registry import DOMAINS, commands_of
from tvae_core.cli.parser import hyphenated
from tvae_core.cli.train import train_command
from tvae_core.support.errors import BAD_USAGE, CommandError
from tvae_core.training.presets import CORE_PRESETS, find_presets, load_preset

Prepare = Callable[[str, Sequence[str]], int]

FLAGS = {
    "--attention-window-size": "--window-size",
    "--funnel-block-sizes": "--encoder-blocks",
    "--latent-token-dim": "--latent-size",
    "--logging-steps": "--log-steps",
    "--n-latent-tokens": "--n-latent",
    "--num-decoder-layers": "--decoder-layers",
    "--output-dir": "--output",
    "--per-device-eval-batch-size": "--eval-batch-size",
    "--per-device-train-batch-size": "--batch-size",
    "--set-seq-size": "--max-length",
}
"""The original's spelling of a flag -> ours."""

PREPARED_WITH: dict[str, tuple[str, ...]] = {
    "mnist_tiny": ("--size", "tiny"),
    "mnist_small": ("--size", "small"),
    "mnist_base": ("--size", "default"),
    "AGNews": ("--dataset", "ag_news"),
}
"""What the preparation of a data preset is told; its output folder is added."""

GONE = {
    "critic": "the prior is fitted to the codes, so no critic has to make samples valid; "
    "`python -m domains.smiles.refine` trains the decoder on its own valid samples",
    "critic_mean": "see critic",
    "deepspeed": "one GPU holds every model of the table in README.md",
    "latent_dropout": "codes have noise instead, which the decoder is told; see fixed_noise",
    "prism": "the Funnel encoder reads the code from all of its blocks",
    "segment_wiki": "there is no Wikipedia domain; prepare lines of text as headlines",
    "skip": "a decoder that sees the encoder's states has no use for its code",
    "smooth": "smoothness comes from the noise on the code and is measured: "
    "`evaluate` prints worst and mean steps of walks",
    "smooth_cosine": "see smooth",
    "smooth_logits": "see smooth",
    "t5_base": "the preset base has that size",
    "t5_large": "the preset large_model has that size",
    "txt_pretrain": "there is no Wikipedia domain; prepare lines of text as headlines",
    "wiki_tokens": "there is no Wikipedia domain; prepare lines of text as headlines",
}
"""Names of the original that have no preset here, and what is there instead."""


def domain_presets() -> dict[str, str]:
    """Names of presets that belong to a domain -> that domain."""
    return {
        preset: name for name in DOMAINS for preset in find_presets([commands_of(name).presets])
    }


def read_names(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Splits a command line into the names before the first flag, and the flags in our spelling.

    Raises:
        CommandError: for an unknown name, naming the nearest, or one that has no preset here.
    """
    given = hyphenated(list(arguments))
    first = next((i for i, word in enumerate(given) if word.startswith("-")), len(given))
    names, flags = given[:first], given[first:]
    owners = domain_presets()
    known = {**dict.fromkeys(find_presets([CORE_PRESETS]), ""), **owners}
    for name in names:
        if name in GONE:
            reason = GONE[name] if not GONE[name].startswith("see ") else GONE[GONE[name][4:]]
            raise CommandError(f"{name} is not taken over: {reason}", BAD_USAGE)
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            hint = f"did you mean {', '.join(near)}" if near else "see --help"
            raise CommandError(f"unknown experiment name {name!r}; {hint}?", BAD_USAGE)
    renamed = []
    for word in flags:
        flag, equals, value = word.partition("=")
        renamed.append(FLAGS.get(flag, flag) + equals + value)
    return names, renamed


def domain_of(names: Sequence[str]) -> str:
    """The one domain that the names belong to.

    Raises:
        CommandError: for none or several.
    """
    owners = domain_presets()
    found = {name: owners[name] for name in names if name in owners}
    if not found:
        data = ", ".join(name for name in owners if _data_folder([name], owners[name]))
        raise CommandError(f"no data set among the names; give one of {data}", BAD_USAGE)
    if len(set(found.values())) > 1:
        told = ", ".join(f"{name} ({domain})" for name, domain in found.items())
        raise CommandError(f"names of several domains: {told}", BAD_USAGE)
    return next(iter(found.values()))


def _data_folder(names: Sequence[str], domain: str) -> str:
    folders = [CORE_PRESETS, commands_of(domain).presets]
    found = [load_preset(name, folders)["train"].get("data", "") for name in names]
    return next((str(folder) for folder in reversed(found) if folder), "")


def _flag_value(flags: Sequence[str], name: str) -> str | None:
    for index, word in enumerate(flags):
        flag, equals, value = word.partition("=")
        if flag == name:
            return value if equals else [*flags, ""][index + 1]
    return None


def run_experiment(arguments: Sequence[str], prepare: Prepare) -> int:
    """Runs the line.

    Args:
        arguments: names, then flags.
        prepare: `prepare(domain, arguments)` makes a prepared set and returns an exit code.

    Returns:
        The exit code.

    Raises:
        CommandError: for names that cannot be used.
    """
    if not arguments or {"-h", "--help"} & set(arguments):
        print(help_text())
        return 0
    names, flags = read_names(arguments)
    domain = domain_of(names)
    data = _flag_value(flags, "--data")
    folder = data or _data_folder(names, domain) or f"data/{domain}"
    if not data:
        flags += ["--data", folder]
        dry = "--dry-run" in flags
        if not (Path(folder) / "manifest.json").is_file() and not dry:
            given = next((PREPARED_WITH[name] for name in names if name in PREPARED_WITH), ())
            code = prepare(domain, [*given, "--out", folder])
            if code:
                return code
    if _flag_value(flags, "--final") is None:
        flags += ["--final", "quick"]
    steps = _flag_value(flags, "--max-steps") or ""
    if steps.isdigit() and _flag_value(flags, "--prior-steps") is None:
        flags += ["--prior-steps", str(min(4000, 10 * int(steps)))]
    if _flag_value(flags, "--output") is None:
        flags += ["--output", f"runs/{domain}/{'-'.join(names)}"]
    return train_command(commands_of(domain), ["base", *names, *flags])


def help_text() -> str:
    """What `--help` prints: the names there are, with what each does."""
    lines = [__doc__ or "", "Names:"]
    owners = domain_presets()
    for name in sorted({*find_presets([CORE_PRESETS]), *owners}):
        folders = [CORE_PRESETS]
        if name in owners:
            folders.append(commands_of(owners[name]).presets)
        where = f" ({owners[name]})" if name in owners else ""
        lines.append(f"  {name:<26} {describe(name, folders)}{where}")
    return "\n".join(lines)


def describe(name: str, folders: Sequence[Path]) -> str:
    """The first sentence of a preset's description."""
    import tomllib

    content = tomllib.loads(find_presets(folders)[name].read_text())
    return str(content.get("description", "")).strip()
