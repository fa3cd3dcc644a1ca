"""The verbs of a latent space: what they return, and what their settings change."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tvae_core.decoding.dial import fidelity_of, sigma_of
from tvae_core.decoding.settings import Decoding
from tvae_core.domain import DomainError
from tvae_core.model.prior import PriorSet
from tvae_core.space import LatentSpace
from tvae_core.space.space import AUTO_SETTINGS

Space = LatentSpace


def test_codes_do_not_depend_on_the_company(trained_space: Space, trained: Any) -> None:
    words = trained.words[:20]
    codes = trained_space.encode(words)
    assert codes.shape == (20, 2, 16)
    torch.testing.assert_close(trained_space.encode(words, batch_size=3), codes, atol=1e-4, rtol=0)
    backwards = trained_space.encode(words[::-1]).flip(0)
    torch.testing.assert_close(backwards, codes, atol=1e-4, rtol=0)
    assert trained_space.encode([]).shape == (0, 2, 16)
    seen: list[tuple[int, int]] = []
    trained_space.encode(words, batch_size=8, progress=lambda *told: seen.append(told))
    assert seen == [(8, 20), (16, 20), (20, 20)]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "the text is empty"), ("1" * 41, r"'1{41}' has 41 tokens; this bundle takes 40")],
)
def test_texts_that_cannot_be_encoded(text: str, message: str, trained_space: Space) -> None:
    with pytest.raises(DomainError, match=message):
        trained_space.encode(["123", text])
    assert trained_space.encode(["1" * 40]).shape == (1, 2, 16)


def test_a_long_text_is_shortened_in_the_message(trained_space: Space) -> None:
    with pytest.raises(DomainError) as caught:
        trained_space.encode(["7" * 5000])
    assert len(str(caught.value)) < 150


def test_learned_strings_come_back(trained_space: Space, trained: Any) -> None:
    back = trained_space.reconstruct(trained.words)
    same = sum(a == b for a, b in zip(trained.words, back, strict=True))
    assert same >= 54


def test_auto_takes_the_most_faithful_setting_that_is_valid(trained_space: Space) -> None:
    codes = torch.randn(40, 2, 16, generator=torch.Generator().manual_seed(8))
    tried = [trained_space.decode(codes, setting) for setting in AUTO_SETTINGS]
    passed = [[v.ok for v in trained_space.domain.check(texts)] for texts in tried]
    expected = []
    for row in range(40):
        good = [i for i in range(len(AUTO_SETTINGS)) if passed[i][row]]
        expected.append(tried[good[0] if good else -1][row])
    seen: list[tuple[int, int]] = []
    found = trained_space.decode(codes, "auto", progress=lambda *told: seen.append(told))
    assert found == expected
    assert sum(passed[0]) < sum(v.ok for v in trained_space.domain.check(found))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_the_dial_is_a_number_or_auto(trained_space: Space) -> None:
    with pytest.raises(ValueError, match="auto, not 'high'"):
        trained_space.decode(torch.zeros(1, 2, 16), "high")
    with pytest.raises(ValueError, match=r"0\.\.1"):
        trained_space.decode(torch.zeros(1, 2, 16), 1.5)
    assert trained_space.decode(torch.zeros(0, 2, 16)) == []


@pytest.mark.parametrize("heat", [0.0, 1.0])
@pytest.mark.parametrize("prior", ["flow", "gaussian", "normal"])
def test_samples_do_not_depend_on_the_batch(heat: float, prior: str, trained_space: Space) -> None:
    given: dict[str, Any] = {"seed": 2, "prior": prior, "temperature": heat}
    whole = trained_space.sample(30, **given)
    parts = list(
        trained_space.sample_batches(
            30, trained_space.sampling(temperature=heat, seed=2, batch_size=7), prior
        )
    )
    assert [len(part.texts) for part in parts] == [7, 7, 7, 7, 2]
    assert [text for part in parts for text in part.texts] == whole.texts
    joined = torch.cat([part.latents for part in parts])
    torch.testing.assert_close(joined, whole.latents, atol=1e-4, rtol=1e-4)
    assert trained_space.sample(30, batch_size=11, **given).texts == whole.texts
    assert trained_space.sample(9, **given).texts == whole.texts[:9]
    assert trained_space.sample(30, **(given | {"seed": 3})).texts != whole.texts


def test_defaults_are_used_and_can_be_overruled(trained_space: Space) -> None:
    parts = (trained_space.model, trained_space.tokenizer, trained_space.priors)
    space = LatentSpace(
        *parts, trained_space.domain, {"sample_fidelity": 0.9, "sample_temperature": 1.0}
    )
    found = space.sample(20, prior="gaussian")
    assert found.fidelity == 0.9
    explicit = trained_space.sample(20, prior="gaussian", fidelity=0.9, temperature=1.0)
    assert found.texts == explicit.texts
    assert space.sample(20, prior="gaussian", temperature=0.0).texts != found.texts
    assert space.sampling() == Decoding(0.9, temperature=1.0, beams=1)
    assert space.sampling("auto") == Decoding("auto", beams=1)
    space.defaults["sample_top_p"] = 0.3
    narrow = space.sample(20, prior="gaussian")
    assert narrow.texts != found.texts
    given = {"fidelity": 0.9, "temperature": 1.0, "top_p": 0.3}
    assert trained_space.sample(20, prior="gaussian", **given).texts == narrow.texts
    assert space.sample(20, prior="gaussian", top_p=1.0).texts == found.texts
    assert space.sampling(top_p=1.0) == Decoding(0.9, temperature=1.0, beams=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n": 0}, "at least 1, not 0"),
        ({"n": -5}, "at least 1, not -5"),
        ({"n": 2, "temperature": -1.0}, "temperature"),
        ({"n": 2, "top_p": 0.0}, "top_p"),
        ({"n": 2, "fidelity": -0.5}, r"fidelity must lie in 0\.\.1"),
        ({"n": 2, "prior": "flows"}, "unknown prior 'flows'"),
    ],
)
def test_impossible_samples(given: dict[str, Any], message: str, trained_space: Space) -> None:
    with pytest.raises(ValueError, match=message):
        trained_space.sample(**given)


def test_gaussian_samples_lie_where_the_codes_do(trained_space: Space, trained: Any) -> None:
    codes = trained_space.encode(trained.words).flatten(1)
    latents = trained_space.sample_latents(3000, prior="gaussian", fidelity=1.0).flatten(1)
    sigma = trained_space.model.config.sigma_min
    expected = (torch.cov(codes.T) + sigma**2 * torch.eye(32)) / (1 + sigma**2)
    assert (torch.cov(latents.T) - expected).abs().max() < 0.15
    assert trained_space.spread == pytest.approx(
        float(torch.cov(codes.T).diagonal().mean().sqrt()), rel=1e-4
    )


@pytest.mark.parametrize("how", ["slerp", "lerp"])
@pytest.mark.parametrize("per_token", [False, True])
def test_a_walk_goes_from_one_end_to_the_other(
    how: str, per_token: bool, trained_space: Space, trained: Any
) -> None:
    a, b = trained.words[:2]
    points = trained_space.interpolate(a, b, 7, how, per_token)  # type: ignore[arg-type]
    assert [p.t for p in points] == pytest.approx([i / 6 for i in range(7)])
    assert [points[0].text, points[-1].text] == trained_space.reconstruct([a, b])
    settings = [p.fidelity for p in points]
    assert settings[0] == settings[-1] == 1.0
    assert settings == pytest.approx(settings[::-1], abs=1e-4)
    assert settings[:4] == sorted(settings[:4], reverse=True)
    assert settings[3] < 1
    ends = trained_space.encode([a, b])
    torch.testing.assert_close(points[0].latent, ends[0])
    torch.testing.assert_close(points[-1].latent, ends[1])


def test_a_walk_at_one_setting(trained_space: Space, trained: Any) -> None:
    a, b = trained.words[:2]
    points = trained_space.interpolate(a, b, 5, fidelity=0.3)
    assert [p.fidelity for p in points] == [0.3] * 5
    latents = torch.stack([p.latent for p in points])
    assert [p.text for p in points] == trained_space.decode(latents, 0.3)
    auto = trained_space.interpolate(a, b, 5, fidelity="auto")
    assert all(math.isnan(p.fidelity) for p in auto)
    same = trained_space.interpolate(a, a, 4, fidelity=1.0)
    assert {p.text for p in same} == set(trained_space.reconstruct([a]))
    with pytest.raises(ValueError, match="at least 2 steps"):
        trained_space.interpolate(a, b, 1)


@pytest.mark.parametrize("how", ["slerp", "lerp"])
@pytest.mark.parametrize("noise", [0.5, 1.0])
def test_points_between_are_read_as_the_near_end_under_noise(
    how: str, noise: float, trained_space: Space
) -> None:
    """At that level the decoder was trained on codes with this share of signal in them."""
    parts = (trained_space.model, trained_space.tokenizer, PriorSet(32, 8, 1))
    space = LatentSpace(*parts, trained_space.domain, {"path_noise": noise})
    config = space.model.config
    ends = torch.randn(2, 500, 2, 16, generator=torch.Generator().manual_seed(0))
    t = torch.linspace(0, 1, 9)[:, None, None]
    angle = t * math.pi / 2
    weights = (angle.cos(), angle.sin()) if how == "slerp" else (1 - t, t)
    paths = (weights[0] * ends[0][:, None] + weights[1] * ends[1][:, None]).clone()
    read, settings = space.follow(paths, how)  # type: ignore[arg-type]
    assert read.shape == paths.shape
    for step in (0, 1, 2, 3):
        sigma = float(sigma_of(config, settings[step]))
        signal = float((read[:, step] * ends[0]).mean() / ends[0].square().mean())
        if 0.1 < sigma < config.sigma_max * 0.99:
            assert signal == pytest.approx(1 / math.sqrt(1 + sigma**2), rel=0.03)
    torch.testing.assert_close(read[:, 0], paths[:, 0])
    torch.testing.assert_close(settings, settings.flip(0), atol=1e-4, rtol=0)


def test_neighbours_lie_around_their_centre(trained_space: Space, trained: Any) -> None:
    word = trained.words[3]
    centre = trained_space.encode([word])[0]
    near = trained_space.neighbours(word, 12, radius=0.0)
    assert set(near.texts) == set(trained_space.reconstruct([word]))
    assert near.fidelity == 1.0
    distances = []
    for radius in (0.1, 0.5, 2.0):
        found = trained_space.neighbours(word, 40, radius)
        assert len(found.texts) == 40
        level = radius * trained_space.spread
        assert found.fidelity == pytest.approx(
            float(fidelity_of(trained_space.model.config, level)), abs=1e-5
        )
        noise = found.latents * math.sqrt(1 + level**2) - centre
        assert float(noise.std()) == pytest.approx(level, rel=0.1)
        distances.append(sum(text != near.texts[0] for text in found.texts))
    assert distances[0] < distances[2]
    again = trained_space.neighbours(word, 12, 0.5)
    assert again.texts == trained_space.neighbours(word, 40, 0.5).texts[:12]
    assert again.texts != trained_space.neighbours(word, 12, 0.5, seed=9).texts
    assert trained_space.neighbours(word, 3, 0.5, fidelity=0.2).fidelity == 0.2


@pytest.mark.parametrize(
    "given", [{"n": 0}, {"radius": -1.0}, {"radius": math.nan}, {"radius": 1e200}]
)
def test_impossible_neighbours(given: dict[str, Any], trained_space: Space, trained: Any) -> None:
    with pytest.raises(ValueError, match=r"at least 1|radius"):
        trained_space.neighbours(trained.words[0], **({"n": 2} | given))


def test_a_map_of_codes(trained_space: Space, trained: Any) -> None:
    codes = trained_space.encode(trained.words)
    assert trained_space.project(codes).to_2d(codes).shape == (60, 2)


def test_a_space_from_parts_has_no_bundle(trained_space: Space) -> None:
    with pytest.raises(ValueError, match="not loaded from a bundle"):
        _ = trained_space.bundle
