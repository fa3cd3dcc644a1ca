"""`python -m domains.<name>.refine [CKPT] -o BUNDLE`: train a decoder on its own valid samples.

The command of `tvae_core.training.refine`, for any domain: reads a bundle and the prepared set it
was trained on, refines the decoder, chooses the bundle's defaults anew, measures and writes a
bundle.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tvae_core.cli.options import add_space_arguments, open_space, parser_for
from tvae_core.domain_commands import DomainCommands
from tvae_core.evaluation.tables import dial_table, model_card
from tvae_core.support.errors import CommandError
from tvae_core.support.files import check_parent
from tvae_core.support.progress import Bar
from tvae_core.support.settings import MOST, add_flags, check, setting, settings_of

if TYPE_CHECKING:
    from tvae_core.data.prepared import TokenRows
    from tvae_core.space.space import LatentSpace


@dataclass(frozen=True)
class RefineSettings:
    """How a decoder is refined; every field is a flag."""

    steps: int = setting(1200, "optimiser steps", unit="steps", ge=1, le=MOST)
    rounds: int = setting(
        2, "times that the pairs are made anew, by the decoder as it then is", ge=1, le=MOST
    )
    pairs: int = setting(40_000, "codes decoded a round", unit="codes", ge=1, le=MOST)
    batch_size: int = setting(
        256, "real items a step, and pairs a step", unit="items", ge=1, le=MOST
    )
    learning_rate: float = setting(
        3e-4, "peak of the learning rate; cosine to zero after a tenth of the steps", gt=0
    )
    share: float = setting(1.0, "weight of the pairs' loss beside that of real items", ge=0)
    temperature: float = setting(1.0, "of the draws that make pairs", gt=0)
    tries: int = setting(6, "draws a code until a valid text is found", unit="draws", ge=1, le=MOST)
    lowest: float = setting(0.8, "lowest noise level of the prior codes", gt=0)
    target_valid: float = setting(0.98, "validity that the bundle's defaults reach", ge=0, le=1)
    eval_items: int = setting(
        1000, "held-out items and samples of the closing measurement", unit="items", ge=1, le=MOST
    )

    def __post_init__(self) -> None:
        """Refuses impossible settings by `ValueError`, naming them."""
        check(RefineSettings, vars(self))


def refine_command(commands: DomainCommands, argv: Sequence[str] | None = None) -> int:
    """`python -m domains.<name>.refine [CKPT] -o BUNDLE [--flag value ...]`."""
    name = commands.domain.name
    parser = parser_for(commands, "refine", "Train a bundle's decoder on its own valid samples.")
    add_space_arguments(parser, commands)
    parser.add_argument("-o", "--output", required=True, metavar="BUNDLE", help="folder to write")
    parser.add_argument("--data", default=f"data/{name}", help="prepared set it was trained on")
    add_flags(parser, settings_of(RefineSettings), defaults=True)
    args = parser.parse(argv)
    try:
        settings = RefineSettings(**{key: getattr(args, key) for key in asdict(RefineSettings())})
    except ValueError as error:
        raise CommandError(f"--{str(error).replace('_', '-', 1)}", 2) from error
    output = Path(args.output)
    check_parent(output / "manifest.json")
    space = open_space(args, commands.domain)
    if output.resolve() == space.bundle.path.resolve():
        raise CommandError("-o must not be the bundle that is refined", 2)
    from tvae_core.data.prepared import PreparedSet

    prepared = PreparedSet(args.data, name)
    rows = fitting_rows(space, prepared.rows("train"))
    refine(space, rows, settings, args.seed)
    return _write(commands, space, prepared, settings, args.seed, output)


def fitting_rows(space: LatentSpace, rows: TokenRows) -> TokenRows:
    """The rows that the model takes.

    Raises:
        ValueError: for fewer than four of them.
    """
    import numpy as np

    fits = rows.lengths <= space.model.config.max_length
    if not fits.all():
        rows = rows.chosen(np.flatnonzero(fits))
    if len(rows) < 4:
        raise ValueError(f"a refinement needs at least 4 items that fit, not {len(rows)}")
    return rows


def refine(space: LatentSpace, rows: TokenRows, settings: RefineSettings, seed: int = 0) -> None:
    """Refines a space's decoder in place.

    Args:
        space: its model ends in eval mode.
        rows: real items of the bundle's own tokenizer.
        settings: how.
        seed: of codes, draws and batches.

    Raises:
        ValueError: when hardly a code gives a valid text.
    """
    import tempfile

    import numpy as np
    import torch
    from transformers import TrainingArguments

    from tvae_core.training import refine as core
    from tvae_core.training.run import encode_rows
    from tvae_core.training.set_up import wants_bf16
    from tvae_core.training.tracking import ProgressLog

    model = space.model
    core.freeze_encoder(model)
    chosen = np.random.default_rng(seed).permutation(len(rows))[:20_000]
    codes = encode_rows(model, rows, chosen, 256)
    size = min(settings.batch_size, len(rows))

    def make(number: int) -> core.Pairs:
        generator = torch.Generator().manual_seed(seed * 7919 + number)
        bar = Bar(f"pairs {number + 1}/{settings.rounds}", "try")
        lowest = min(settings.lowest, model.config.sigma_max)
        latents, sigma = core.off_data_codes(space, codes, settings.pairs, generator, lowest)
        pairs = core.valid_pairs(
            space,
            latents,
            sigma,
            temperature=settings.temperature,
            tries=settings.tries,
            seed=seed * 7919 + 1000 * number,
            progress=bar,
        )
        if len(pairs) < 0.05 * settings.pairs:
            raise ValueError(
                f"only {len(pairs)} of {settings.pairs} codes gave a valid text; "
                "train the bundle for longer before it is refined"
            )
        print(
            f"pairs {number + 1}/{settings.rounds}: {len(pairs):,} of {settings.pairs:,} codes, "
            f"{pairs.first_valid:.3f} of them at the first draw",
            file=sys.stderr,
        )
        return pairs

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=settings.steps,
            per_device_train_batch_size=size,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=settings.steps // 10,
            adam_beta2=0.98,
            optim="adamw_torch_fused",
            bf16=wants_bf16("auto"),
            use_cpu=model.device.type == "cpu",
            logging_steps=25,
            save_strategy="no",
            report_to="none",
            seed=seed,
            disable_tqdm=True,
            remove_unused_columns=False,
        )
        core.RefineTrainer(
            make_pairs=make,
            round_steps=-(-settings.steps // settings.rounds),
            share=settings.share,
            model=model,
            args=arguments,
            train_dataset=rows,
            seed_data=seed,
            callbacks=[ProgressLog(Path(folder), size)],
        ).train()
    model.eval()  # type: ignore[no-untyped-call]
    model.requires_grad_(True)


def _write(
    commands: DomainCommands,
    space: LatentSpace,
    prepared: Any,
    settings: RefineSettings,
    seed: int,
    output: Path,
) -> int:
    import numpy as np

    from tvae_core.bundle import FILES, save_bundle
    from tvae_core.evaluation.evaluate import choose_settings, evaluate

    rng = np.random.default_rng(seed + 1)
    rows = fitting_rows(space, prepared.rows("train"))
    own = rows.texts(rng.permutation(len(rows))[: min(240, len(rows))].tolist())
    stage = Bar("settings", "stage")
    defaults = choose_settings(
        space,
        own,
        settings.target_valid,
        settings.eval_items,
        stage=lambda what, done, total: stage(done, total),
    )
    space.defaults |= defaults
    held_out = prepared.rows(prepared.held_out)
    some = rng.permutation(len(held_out))[: settings.eval_items]
    bar = Bar("evaluate", "stage")
    result = evaluate(
        space,
        held_out.texts(some.tolist()),
        n_samples=settings.eval_items,
        n_paths=min(100, settings.eval_items // 2),
        known=commands.known(space.bundle.path),
        stage=lambda what, done, total: bar(done, total),
    )
    before = space.bundle.manifest
    manifest = {k: v for k, v in before.items() if k not in ("sha256", "format_version", "prior")}
    manifest |= {
        "defaults": dict(before.get("defaults", {})) | defaults,
        "refined": asdict(settings) | {"seed": seed, "from": space.bundle.hash},
    }
    named = set(before.get("sha256", {})) - set(FILES) - {"README.md", "tokenizer_config.json"}
    extra = {name: space.bundle.path / name for name in sorted(named)}
    save_bundle(
        output,
        space.model,
        space.tokenizer,
        space.priors,
        manifest,
        model_card(manifest, result),
        extra,
    )
    print(dial_table(result))
    print(f"bundle: {output}")
    return 0
