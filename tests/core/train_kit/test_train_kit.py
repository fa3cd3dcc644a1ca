"""The training kit: packs a prepared set, trains it against the clock, saves and goes on."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tvae_core.bundle import load_bundle
from tvae_core.cli.kit_folder import KitFolderError, finish_kit
from tvae_core.data.prepared import PreparedSet
from tvae_core.model.config import TVAEConfig
from tvae_core.model.vae import TransformerVAE
from tvae_core.support.errors import PreparedSetError
from tvae_core.train_kit import loop
from tvae_core.train_kit.__main__ import main
from tvae_core.train_kit.loop import Batches, Clock, KitRun
from tvae_core.train_kit.pack import pack, write_packed
from tvae_core.train_kit.packed import Packed, from_four_bits, read_packed, to_bytes
from tvae_core.training.presets import merge

ABSENT = (
    *("datasets", "pyarrow", "pandas", "accelerate", "rdkit", "music21", "scipy", "sklearn"),
    "pydantic",
)


@pytest.fixture
def packed(
    prepared: Callable[..., Path], words: Callable[..., list[str]], run_flags: dict[str, Any]
) -> Packed:
    data = prepared({"train": words(60), "validation": words(5, seed=1), "test": words(5, seed=2)})
    (data / "features").mkdir()
    rows = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float16)
    rows[7] = np.nan
    np.save(data / "features" / "train.npy", rows)
    flags = run_flags | {"n_coarse": 1, "anchor_weight": 1.0, "max_length": 12}
    return pack(PreparedSet(data), merge([], [], flags))


def test_what_is_packed(packed: Packed) -> None:
    assert len(packed) == 60
    assert packed.model["max_length"] == 12
    assert packed.train["learning_rate"] == 1e-2
    assert json.loads(packed.files["tokenizer.json"])["model"]
    assert packed.about["domain"] == "toy"
    assert packed.featured.tolist() == [n for n in range(60) if n != 7]


def test_features_go_where_there_is_no_room(
    prepared: Callable[..., Path],
    words: Callable[..., list[str]],
    run_flags: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = prepared({"train": words(400, longest=9), "test": words(5, seed=2)})
    flags = run_flags | {"n_coarse": 1, "anchor_weight": 1.0}
    with pytest.raises(PreparedSetError, match=r"data_prep\.features"):
        pack(PreparedSet(data), merge([], [], flags))
    (data / "features").mkdir()
    np.save(data / "features" / "train.npy", np.zeros((400, 4), np.float16))
    merged = merge([], [], flags)
    whole = len(to_bytes(pack(PreparedSet(data), merged)))
    found = pack(PreparedSet(data), merged, (whole + 4_000) / 1e6)
    assert 0 < len(found.featured) < len(found)
    assert len(to_bytes(found)) < whole + 4_000
    assert "have room for their features" in capsys.readouterr().err
    with pytest.raises(ValueError, match="--megabytes"):
        pack(PreparedSet(data), merged, 0.002)


def test_batches_are_rows_of_the_set(packed: Packed) -> None:
    batches = Batches(packed, 10, 0, "cpu")
    batch = batches.batch(np.array([7, 3, 59]))
    for row, number in enumerate((7, 3, 59)):
        start, length = int(packed.offsets[number]), int(packed.lengths[number])
        keep = batch["attention_mask"][row].bool()
        assert int(keep.sum()) == length
        assert batch["input_ids"][row][keep].tolist() == packed.ids[start : start + length].tolist()
        assert not batch["input_ids"][row][~keep].any()
    assert batch["input_ids"].shape[1] % loop.WIDTHS == 0
    assert batch["features"][0].isnan().all()
    own = from_four_bits(packed.features, packed.levels)
    place = packed.featured.tolist().index(59)
    np.testing.assert_allclose(batch["features"][2].numpy(), own[place])
    seen = list(itertools.islice(batches.from_step(0), 14))
    again = list(itertools.islice(batches.from_step(9), 5))
    for one, other in zip(seen[9:], again, strict=True):
        assert torch.equal(one["input_ids"], other["input_ids"])


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock finds it a second on."""
    ticks = itertools.count()
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(ticks)))


def clock(seconds: float) -> Clock:
    return Clock(seconds, 10, 1e-2, 2, seed=1, bf16=False)


@pytest.mark.usefixtures("ticking")
def test_a_run_learns_saves_and_goes_on(packed: Packed, tmp_path: Path) -> None:
    lines: list[str] = []
    first = KitRun(packed, tmp_path / "kit", clock(160), "abc")
    before = {name: value.clone() for name, value in first.model.state_dict().items()}
    assert first.train(lines.append) > 120
    assert lines[0].startswith("step 10, ")
    losses = [float(line.split("reconstruction ")[1].split(",")[0]) for line in lines]
    assert losses[-1] < losses[0] - 0.2
    assert "anchor" in lines[0]
    about = json.loads((tmp_path / "kit" / "kit.json").read_text())
    assert about["steps"] == first.progress.step
    assert about["items_seen"] == 10 * about["steps"]
    assert about["packed_sha256"] == "abc"

    weights = load_file(tmp_path / "kit" / "model.safetensors")
    assert all(value.dtype == torch.bfloat16 for value in weights.values())
    config = TVAEConfig.from_pretrained(str(tmp_path / "kit"))
    model = TransformerVAE(config)
    model.load_state_dict({name: value.float() for name, value in weights.items()})
    assert any(not torch.equal(before[n], value.float()) for n, value in weights.items())
    assert (tmp_path / "kit" / "tokenizer.json").read_text() == packed.files["tokenizer.json"]

    second = KitRun(packed, tmp_path / "kit", clock(200), "abc")
    assert second.progress.step == about["steps"]
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name])
    assert second.train(lines.append) > about["steps"]
    with pytest.raises(ValueError, match="another packed set"):
        KitRun(packed, tmp_path / "kit", clock(200), "other")
    (tmp_path / "kit" / "state.pt").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="cannot be read"):
        KitRun(packed, tmp_path / "kit", clock(200), "abc")


@pytest.mark.usefixtures("ticking")
def test_a_loss_that_is_not_finite_ends_the_run(packed: Packed, tmp_path: Path) -> None:
    run = KitRun(packed, tmp_path / "kit", clock(40), "abc")
    with torch.no_grad():
        run.model.embed.weight[5] = float("nan")
    with pytest.raises(FloatingPointError, match="not finite"):
        run.train(lambda line: None)
    assert not (tmp_path / "kit").exists()


@pytest.mark.usefixtures("ticking")
def test_a_bundle_is_made_of_what_the_kit_left(
    packed: Packed, tmp_path: Path, toy: Any, run_flags: dict[str, Any]
) -> None:
    kit = tmp_path / "kit"
    steps = KitRun(packed, kit, clock(20), "abc").train(lambda line: None)
    shape = {"n_coarse": 1, "anchor_weight": 1.0, "max_length": 12, "final": "quick"}
    flags = run_flags | shape | {"data": str(tmp_path / "data"), "output": str(tmp_path / "run")}
    run = finish_kit(toy, merge([], [], flags), kit, lambda manifest, evaluation: "# card")
    bundle = load_bundle(run.bundle)
    weights = load_file(kit / "model.safetensors")
    for name, value in bundle.model.state_dict().items():
        assert torch.equal(value, weights[name].float()), name
    assert bundle.manifest["steps"] == steps
    assert bundle.manifest["items_seen"] == 10 * steps
    assert bundle.manifest["kit"]["batch_size"] == 10

    with pytest.raises(KitFolderError, match="another architecture"):
        finish_kit(toy, merge([], [], flags | {"d_ff": 32}), kit, lambda *told: "")
    told = json.loads((kit / "kit.json").read_text())
    told["data"]["tokenizer_sha256"] = "other"
    (kit / "kit.json").write_text(json.dumps(told))
    with pytest.raises(KitFolderError, match="another tokenizer"):
        finish_kit(toy, merge([], [], flags), kit, lambda *told: "")
    with pytest.raises(KitFolderError, match="not a folder of the training kit"):
        finish_kit(toy, merge([], [], flags), tmp_path, lambda *told: "")


def test_the_schedule_is_over_with_the_time(packed: Packed, tmp_path: Path) -> None:
    run = KitRun(packed, tmp_path / "kit", clock(100), "abc")
    assert run.schedule() == pytest.approx(0.5)
    run.progress.step = 5
    assert run.schedule() == 1.0
    run.progress.seconds = 50.0
    assert run.schedule() == pytest.approx(0.5)
    run.progress.seconds = 100.0
    assert run.schedule() == pytest.approx(0.0)


def test_the_command(packed: Packed, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "toy.packed"
    told = write_packed(packed, path)
    assert told["items"] == 60
    assert len(read_packed(path)) == 60
    given = [str(path), "-o", str(tmp_path / "kit"), "--threads", "1"]
    assert main([*given, "--minutes", "0.01", "--device", "cpu"]) == 0
    assert "items seen" in capsys.readouterr().out
    assert main([*given, "--minutes", "0.0001"]) == 2
    assert "minutes already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--minutes", "0"], 2, "--minutes must be more than 0"),
        (["--minutes", "nan"], 2, "--minutes must be more than 0"),
        (["--minutes", "1", "--learning-rate", "-1"], 2, "--learning-rate"),
        (["--minutes", "1", "--device", "abacus"], 2, "--device abacus"),
        (["--minutes", "1"], 2, "is not a whole packed set"),
    ],
)
def test_bad_input(
    arguments: list[str],
    code: int,
    told: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "toy.packed").write_text("no packed set")
    given = [str(tmp_path / "toy.packed"), "-o", str(tmp_path / "kit"), *arguments]
    assert main(given) == code
    assert told in capsys.readouterr().err
    assert not (tmp_path / "kit").exists()


def test_it_needs_little(packed: Packed, tmp_path: Path) -> None:
    """Nothing but torch, transformers, tokenizers, safetensors and numpy is imported."""
    write_packed(packed, tmp_path / "toy.packed")
    script = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({ABSENT!r}))\n"
        "from tvae_core.train_kit.__main__ import main\n"
        f"sys.exit(main([{str(tmp_path / 'toy.packed')!r}, '-o', {str(tmp_path / 'kit')!r}, "
        "'--minutes', '0.002', '--threads', '1']))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kit" / "model.safetensors").is_file()
