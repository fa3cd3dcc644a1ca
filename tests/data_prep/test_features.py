"""`python -m data_prep.features`, and a training whose coarse code is anchored to them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data_prep import features
from data_prep.smiles import main as prepare
from domains.smiles import SmilesDomain
from domains.smiles.commands import COMMANDS
from domains.smiles.domain import EXAMPLES
from tvae_core.cli.train import train_command
from tvae_core.data.prepared import PreparedSet
from tvae_core.support.errors import PreparedSetError
from tvae_core.support.features import FeatureBasis


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    core = list(EXAMPLES.values())
    rows = [*core, *(f"{'C' * n}O" for n in range(1, 12)), *(f"{'C' * n}N" for n in range(1, 12))]
    (folder / "own.smi").write_text("\n".join(rows) + "\n")
    given = ["--input", str(folder / "own.smi"), "--out", str(folder / "data")]
    assert prepare([*given, "--vocab-size", "150", "--jobs", "1"]) == 0
    assert features.main([str(folder / "data"), "--size", "6", "--jobs", "1"]) == 0
    return folder / "data"


def test_rows_are_those_of_the_split(prepared: Path) -> None:
    basis = FeatureBasis.load(prepared / "features" / "basis.safetensors")
    found = PreparedSet(prepared)
    for split in found.splits:
        rows = found.with_features(split, 4)
        assert rows.features is not None
        own = basis(SmilesDomain().features(rows.texts(range(len(rows)))))[:, :4]
        np.testing.assert_allclose(rows.features, own, atol=5e-3)
        chosen = rows.chosen(np.array([1, 0]))
        np.testing.assert_allclose(chosen[0]["features"].numpy(), own[1], atol=5e-3)
    manifest = json.loads((prepared / "features" / "manifest.json").read_text())
    assert manifest["size"] == 6
    assert manifest["command"].startswith("python -m data_prep.features ")


def test_they_are_made_anew(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (prepared / "features" / "train.npy").read_bytes()
    assert features.main([str(prepared), "--size", "6", "--jobs", "1"]) == 0
    assert (prepared / "features" / "train.npy").read_bytes() == before
    assert "6 components an item" in capsys.readouterr().out


def test_a_training_is_anchored(prepared: Path, tmp_path: Path) -> None:
    sizes = "--d-model 16 --n-heads 2 --d-ff 16 --encoder-blocks 1 --decoder-layers 1"
    code = "--n-latent 2 --latent-size 4 --n-coarse 1 --anchor-weight 2 --max-length 64"
    run = "--max-steps 3 --batch-size 4 --log-steps 1 --eval-steps 0 --eval-items 4 --final quick"
    prior = "--prior-codes 10 --prior-steps 1 --prior-width 8 --prior-depth 1 --threads 1"
    flags = [*sizes.split(), *code.split(), *run.split(), *prior.split()]
    given = ["smiles_small", "--data", str(prepared), "--output", str(tmp_path / "run")]
    assert train_command(COMMANDS, [*given, *flags]) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert all(line["anchor"] > 0 for line in lines if "reconstruction" in line)
    config = json.loads((tmp_path / "run" / "bundle" / "config.json").read_text())
    assert (config["n_coarse"], config["anchor_weight"]) == (1, 2.0)


def test_a_set_without_features_says_how_to_add_them(prepared: Path, tmp_path: Path) -> None:
    found = PreparedSet(prepared)
    found.path = tmp_path / "elsewhere"
    with pytest.raises(PreparedSetError, match=r"python -m data_prep\.features"):
        found.with_features("train", 4)


def test_what_is_no_prepared_set_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert features.main([str(tmp_path)]) == 2
    assert "is not a prepared set" in capsys.readouterr().err
