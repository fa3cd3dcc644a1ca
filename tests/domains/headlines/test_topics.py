"""Topics of headlines: which rows they are made of, their file, sampling from one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from safetensors.torch import save_file

from data_prep.prepared import Items, write_prepared
from domains.headlines import HeadlinesDomain
from domains.headlines.domain import EXAMPLES
from domains.headlines.topic_file import ABOUT, TENSORS
from domains.headlines.topics import (
    Topics,
    choose_rows,
    main,
    make_topics,
    noisy,
    sample_topic,
)
from tvae_core.bundle import save_bundle
from tvae_core.data.byte_pair import build_byte_pair
from tvae_core.data.prepared import PreparedSet
from tvae_core.decoding.dial import sigma_of
from tvae_core.model.config import TVAEConfig
from tvae_core.model.prior import PriorSet
from tvae_core.model.vae import TransformerVAE
from tvae_core.space import LatentSpace
from tvae_core.support.errors import PreparedSetError

SPORTS = [
    f"{side} wins the cup final {n} to {n - 2}" for side in ("Home", "Away") for n in range(2, 8)
]
MONEY = [f"Shares {verb} {n} percent" for verb in ("fall", "rise") for n in range(2, 8)]
RARE = ["Rain ends long drought"]
TEXTS = [*SPORTS, *MONEY, *RARE, "No label on this one"]
LABELS = ["SPORTS"] * len(SPORTS) + ["MONEY"] * len(MONEY) + ["WEATHER", ""]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("topics") / "prepared"
    table = pa.table({"text": TEXTS, "label": LABELS})
    items = Items({"train": table, "test": table.slice(0, 4)}, "ours", "0" * 64, "MIT")
    write_prepared(
        items,
        folder,
        domain="headlines",
        build=lambda texts: build_byte_pair([*texts, *EXAMPLES], 300),
        seed=0,
        command="a test",
    )
    return folder


@pytest.fixture(scope="module")
def bundle(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained bundle: the arithmetic of codes is the same."""
    tokenizer = PreparedSet(prepared).tokenizer()
    torch.manual_seed(0)
    config = TVAEConfig(
        vocab_size=len(tokenizer), max_length=48, d_model=16, n_heads=2, d_ff=32,
        encoder_blocks=(1,), decoder_layers=1, n_latent=2, latent_size=4,
    )  # fmt: skip
    model = TransformerVAE(config).eval()
    priors = PriorSet(config.code_size, 8, 1)
    folder = tmp_path_factory.mktemp("topics") / "bundle"
    manifest = {"domain": "headlines", "seed": 0, "defaults": {"sample_fidelity": 0.4}}
    return save_bundle(folder, model, tokenizer, priors, manifest, "card")


@pytest.fixture
def own(bundle: Path, tmp_path: Path) -> Path:
    """A copy of the bundle for a test that writes to it."""
    return Path(shutil.copytree(bundle, tmp_path / "own"))


@pytest.fixture(scope="module")
def space(bundle: Path) -> LatentSpace:
    return LatentSpace.load(bundle, HeadlinesDomain(bundle))


@pytest.fixture(scope="module")
def topics(space: LatentSpace, prepared: Path) -> Topics:
    return make_topics(space, PreparedSet(prepared).rows("train"), least=10)


def test_topics_are_mean_and_spread_of_their_codes(space: LatentSpace, topics: Topics) -> None:
    assert topics.labels == ("MONEY", "SPORTS")
    assert topics.counts == (12, 12)
    codes = space.encode(SPORTS)
    assert torch.allclose(topics.means[1], codes.mean(0), atol=1e-5)
    assert torch.allclose(topics.scales[1], codes.std(0).clamp(min=1e-3), atol=1e-5)
    step = topics.direction("MONEY", "SPORTS")
    assert torch.equal(
        topics.means[0] + step, topics.means[0] + (topics.means[1] - topics.means[0])
    )
    assert topics.nearest(topics.means) == ["MONEY", "SPORTS"]
    assert topics.nearest(topics.means[:0]) == []


def test_rows_are_shared_out_fairly() -> None:
    labels = ["a"] * 100 + ["b"] * 30 + ["c"] * 9 + [""] * 50
    chosen = choose_rows(labels, most=80, least=10)
    assert {label: len(rows) for label, rows in chosen.items()} == {"a": 50, "b": 30}
    assert all(labels[row] == label for label, rows in chosen.items() for row in rows)
    assert chosen == choose_rows(labels, most=80, least=10)
    assert {len(rows) for rows in choose_rows(labels, most=20, least=10).values()} == {10}
    everything = choose_rows(labels, most=1000, least=1)
    assert sum(map(len, everything.values())) == 139
    with pytest.raises(ValueError, match="at least 200"):
        choose_rows(labels, least=200)
    with pytest.raises(ValueError, match="too few for 2 labels"):
        choose_rows(labels, most=15, least=10)


def test_a_set_without_labels_is_refused(
    space: LatentSpace, prepared: Path, tmp_path: Path
) -> None:
    table = pa.table({"text": TEXTS[:6]})
    tokenizer = PreparedSet(prepared).tokenizer()
    write_prepared(
        Items({"train": table}, "ours", "0" * 64, "MIT"), tmp_path / "plain", domain="headlines",
        build=lambda texts: tokenizer, seed=0, command="a test",
    )  # fmt: skip
    with pytest.raises(PreparedSetError, match="no labels"):
        make_topics(space, PreparedSet(tmp_path / "plain").rows("train"), least=2)


def test_file_round_trip(topics: Topics, tmp_path: Path) -> None:
    assert Topics.load(tmp_path) is None
    topics.save(tmp_path, "abc")
    found = Topics.load(tmp_path, "abc")
    assert found is not None
    assert (found.labels, found.counts) == (topics.labels, topics.counts)
    assert torch.equal(found.means, topics.means)
    assert torch.equal(found.scales, topics.scales)
    assert sorted(p.name for p in tmp_path.iterdir()) == [ABOUT, TENSORS]
    with pytest.raises(ValueError, match="made for the weights abc, not def"):
        Topics.load(tmp_path, "def")


def _about(folder: Path, **changes: object) -> None:
    about = json.loads((folder / ABOUT).read_text())
    (folder / ABOUT).write_text(json.dumps(about | changes))


def _tensors(folder: Path, **tensors: torch.Tensor) -> None:
    from tvae_core.support.files import sha256_file

    save_file({name: tensor.clone() for name, tensor in tensors.items()}, folder / TENSORS)
    _about(folder, sha256=sha256_file(folder / TENSORS))


ONES = torch.ones(2, 2, 4)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: (f / ABOUT).write_text("{"), "not readable JSON"),
        (lambda f: (f / ABOUT).write_text("[]"), "version 1"),
        (lambda f: _about(f, format_version=2), "version 1"),
        (lambda f: _about(f, labels=["a", "a"]), "each once"),
        (lambda f: _about(f, labels=["a", 3]), "each once"),
        (lambda f: _about(f, counts=[1]), "each once"),
        (lambda f: _about(f, counts=[1, True]), "each once"),
        (lambda f: (f / TENSORS).unlink(), "missing or damaged"),
        (lambda f: (f / TENSORS).write_bytes(b"x"), "missing or damaged"),
        (lambda f: _tensors(f, means=ONES), "means and scales"),
        (lambda f: _tensors(f, means=ONES, scales=ONES, more=ONES), "means and scales"),
        (lambda f: _tensors(f, means=ONES, scales=ONES[:1]), "do not fit"),
        (lambda f: _tensors(f, means=ONES[:1], scales=ONES[:1]), "do not fit"),
        (lambda f: _tensors(f, means=ONES, scales=0 * ONES), "not above 0"),
        (lambda f: _tensors(f, means=ONES / 0, scales=ONES), "not finite"),
    ],
    ids=range(15),
)
def test_a_spoilt_file_is_refused(
    spoil: Callable[[Path], object], words: str, topics: Topics, tmp_path: Path
) -> None:
    topics.save(tmp_path, "abc")
    spoil(tmp_path)
    with pytest.raises(ValueError, match=words):
        Topics.load(tmp_path)


def test_draws_do_not_depend_on_batches(topics: Topics) -> None:
    whole = topics.draw("SPORTS", 40, seed=3)
    parts = torch.cat([topics.draw("SPORTS", 15, 3), topics.draw("SPORTS", 25, 3, 15)])
    assert torch.equal(whole, parts)
    assert not torch.equal(whole, topics.draw("SPORTS", 40, seed=4))
    many = topics.draw("MONEY", 4000, seed=0)
    assert torch.allclose(many.mean(0), topics.means[0], atol=0.1 * float(topics.scales[0].max()))
    with pytest.raises(ValueError, match="unknown topic 'SPORT'; there are: MONEY, SPORTS"):
        topics.draw("SPORT", 1)


def test_sampling_from_a_topic(own: Path, topics: Topics) -> None:
    space = LatentSpace.load(own, HeadlinesDomain(own))
    with pytest.raises(ValueError, match="has no topics"):
        sample_topic(space, "SPORTS")
    topics.save(own, space.bundle.hash)
    found = sample_topic(space, "SPORTS", 5, seed=1)
    assert len(found.texts) == 5
    assert found.fidelity == pytest.approx(0.4)
    codes = noisy(space, topics.draw("SPORTS", 5, 1), 0.4, 1, 0)
    assert torch.equal(found.latents, codes)
    assert found.texts == space.decode(codes, 0.4)
    faithful = sample_topic(space, "SPORTS", 5, 1, fidelity=1.0).latents
    sigma = float(sigma_of(space.model.config, 1.0))
    clean = topics.draw("SPORTS", 5, 1)
    assert (faithful * (1 + sigma**2) ** 0.5 - clean).abs().max() < 6 * sigma
    with pytest.raises(ValueError, match="unknown topic"):
        sample_topic(space, "POETRY")
    with pytest.raises(ValueError, match="at least 1"):
        sample_topic(space, "SPORTS", 0)


def test_the_command_writes_both_files(
    own: Path, prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(own), "--data", str(prepared), "--least", "10", "--threads", "1"]
    assert main(arguments) == 0
    told = capsys.readouterr()
    assert [line.split() for line in told.out.splitlines()] == [["12", "MONEY"], ["12", "SPORTS"]]
    space = LatentSpace.load(own, HeadlinesDomain(own))
    assert Topics.load(own, space.bundle.hash) is not None
