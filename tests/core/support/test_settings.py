"""Settings declared once: what the schema refuses, in which words, and what `--help` says of it."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from tvae_core.architecture import Architecture, check_model
from tvae_core.cli.refine import RefineSettings
from tvae_core.support.settings import MOST, Setting, add_flags, check, settings_of
from tvae_core.training.settings import MODEL_FIELDS, TRAIN_FIELDS, ModelSettings, TrainSettings


def past(setting: Setting) -> list[Any]:
    """Values that lie just outside of what a setting says, and of every other type."""
    limits, step = setting.limits, 1 if setting.kind is int else 1e-6
    out: list[Any] = [limits["ge"] - step] if "ge" in limits else []
    out += [limits[name] for name in ("gt", "lt") if name in limits]
    out += [limits["le"] + step] if "le" in limits else []
    out += [float("nan")] if setting.kind is float else []
    out += ["no such choice"] if setting.choices else []
    others = {int: (1.5, True, "3"), float: (True, "3"), bool: (1, "true"), str: (3,)}
    return out + list(others.get(setting.kind, ((), (0,), (1.5,), 3, "2,2", (True,))))


@pytest.mark.parametrize("table", [ModelSettings, TrainSettings, RefineSettings])
def test_each_setting_says_what_it_is_and_refuses_what_it_is_not(table: Any) -> None:
    for name, setting in settings_of(table).items():
        assert setting.meaning, name
        assert setting.kind is not int or setting.limits["ge"] <= setting.limits["le"] <= MOST
        check(table, {name: setting.default})
        for value in past(setting):
            with pytest.raises(ValueError, match=f"^here {name} (must be|is) .*, not ") as told:
                check(table, {name: value}, "here ")
            assert len(str(told.value)) < 200


def test_the_tables_share_no_name() -> None:
    assert not set(MODEL_FIELDS) & set(TRAIN_FIELDS)
    assert len(MODEL_FIELDS) + len(TRAIN_FIELDS) >= 67


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("d_model", 0, "d_model must be at least 1, not 0"),
        ("d_model", 10**400, "d_model must be at most 32,768, not 1000000"),
        ("sigma_max", float("inf"), "sigma_max must be a finite number, not inf"),
        ("mmd_weight", -1.0, "mmd_weight must be 0 or more, not -1.0"),
        ("dropout", 1.0, "dropout must be below 1, not 1.0"),
        ("noise", "gaussian", "noise is random, fixed or none, not 'gaussian'"),
        ("encoder_blocks", (2, 0), r"encoder_blocks must be at least one layer each, not \(2, 0\)"),
        ("encoder_blocks", "2,2", "encoder_blocks must be a list of whole numbers, not '2,2'"),
        ("encoder_blocks", [1] * 65, "encoder_blocks must be at most 1,024 layers in 64 blocks"),
        ("encoder_blocks", [1025], "encoder_blocks must be at most 1,024 layers in 64 blocks"),
        ("n_heads", 3, r"d_model must be a multiple of 2 \* n_heads, not 256"),
        ("sigma_min", 9.0, "sigma_min must be positive and at most sigma_max, not 9.0"),
        ("window_size", 1, r"window_size must be 0 \(off\) or at least 2, not 1"),
        ("window_overlap", 3, "window_overlap must be at most window_size, not 3"),
        ("n_coarse", 5, "n_coarse must be 0 to n_latent, not 5"),
        ("anchor_weight", 1.0, "anchor_weight must be 0 where n_coarse is 0, not 1.0"),
        ("latent_size", 16_384 * 2, "latent_size must be at most 16,384"),
        ("n_latent", 16_384, r"n_latent \* latent_size must be at most 65,536, not 524,288"),
    ],
)
def test_a_model_that_cannot_be_is_told_in_one_line(name: str, value: Any, line: str) -> None:
    with pytest.raises(ValueError, match=f"^{line}"):
        check_model(Architecture(**{name: value}))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"precision": "fp8"}, "precision is auto, bf16 or fp32, not 'fp8'"),
        ({"track": "wandb,mlflow"}, "track is none, wandb or tensorboard, not 'wandb,mlflow'"),
        ({"limit": 1}, "limit and prior_codes must leave at least 2 items"),
    ],
)
def test_a_training_that_cannot_be_is_told_in_one_line(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=f"^{line}$"):
        TrainSettings(**changes)
    names = ["wandb", "tensorboard"]
    assert TrainSettings(track="wandb, tensorboard", max_grad_norm=float("inf")).trackers() == names


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("encoder_blocks", "2_2_1", (2, 2, 1)),
        ("encoder_blocks", "[2,1]", (2, 1)),
        ("resume", "No", False),
        ("seed", "7", 7),
        ("sigma_max", "4", 4.0),
        ("seed", "7.5", "must be a whole number, not '7.5'"),
        ("resume", "maybe", "must be true or false, not 'maybe'"),
        ("encoder_blocks", "2,x", "must be numbers such as 2,2,2, not '2,x'"),
    ],
)
def test_a_text_is_read_as_the_setting_is(name: str, text: str, value: Any) -> None:
    setting = (MODEL_FIELDS | TRAIN_FIELDS)[name]
    if isinstance(value, str):
        with pytest.raises(argparse.ArgumentTypeError, match=value):
            setting.read(text)
    else:
        assert setting.read(text) == value


def test_help_says_meaning_unit_range_and_default() -> None:
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_flags(parser, {name: TRAIN_FIELDS[name] for name in ("batch_size", "data", "optimizer")})
    told = " ".join(parser.format_help().split())
    assert "many times" not in told
    assert "(sequences, 1 to 16,777,216; default 256)" in told
    assert "prepared set (default data/DOMAIN)" in told
    assert "(adamw, adafactor or muon; default adamw)" in told
    assert vars(parser.parse_args(["--batch-size", "8"])) == {
        "batch_size": 8,
        "data": None,
        "optimizer": None,
    }
