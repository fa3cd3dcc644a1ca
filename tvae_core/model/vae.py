"""`TransformerVAE`: encode, decode and the training loss, as a `transformers` model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.utils.generic import ModelOutput

from tvae_core.model.config import TVAEConfig
from tvae_core.model.decoder import Decoder
from tvae_core.model.encoder import FunnelEncoder
from tvae_core.model.fused import compute_dtype
from tvae_core.model.latent import LatentMemory, LatentReadout, add_noise, draw_sigma
from tvae_core.model.loss import IGNORED, look_up, token_loss
from tvae_core.model.mmd import latent_mmd
from tvae_core.support import collectives


@dataclass
class TVAEOutput(ModelOutput):
    """Loss and its parts; scalars, but for `latents` `(b, n_latent, latent_size)`."""

    loss: Tensor | None = None
    reconstruction: Tensor | None = None
    mmd: Tensor | None = None
    mmd_weight: Tensor | None = None
    anchor: Tensor | None = None
    token_accuracy: Tensor | None = None
    sequence_accuracy: Tensor | None = None
    latents: Tensor | None = None


class TransformerVAE(PreTrainedModel):
    """Funnel encoder, latent tokens regularised by MMD, autoregressive decoder."""

    config_class = TVAEConfig
    config: TVAEConfig
    recent_codes: Tensor
    base_model_prefix = "tvae"
    main_input_name = "input_ids"
    _supports_sdpa = True

    def __init__(self, config: TVAEConfig) -> None:
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = FunnelEncoder(config)
        self.readout = LatentReadout(config)
        self.memory = LatentMemory(config)
        self.decoder = Decoder(config)
        shape = (config.mmd_memory, config.n_latent, config.latent_size)
        self.register_buffer("recent_codes", torch.zeros(shape), persistent=False)
        self.recent_count = 0
        self.mmd_scale = 1.0
        self.moment_scale = 1.0
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        std = self.config.initializer_range
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=std)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, Decoder | FunnelEncoder):
            layers = sum(1 for name, _ in module.named_modules() if name.endswith("out_proj"))
            for name, child in module.named_modules():
                if name.endswith("out_proj") and isinstance(child, nn.Linear):
                    nn.init.normal_(child.weight, std=std / math.sqrt(layers))
        if isinstance(module, LatentReadout | LatentMemory):
            for name in ("out", "token", "joint"):
                child = getattr(module, name, None)
                if isinstance(child, nn.Linear):
                    nn.init.normal_(child.weight, std=child.in_features**-0.5)

    def get_input_embeddings(self) -> nn.Module:
        """The token embedding, which is also the output projection."""
        return self.embed

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replaces the token embedding."""
        self.embed = value  # type: ignore[assignment]

    def encode(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Latent codes of token sequences.

        Args:
            input_ids: `(b, length)` bare tokens, right-padded, no `<bos>` or `<eos>`.
            attention_mask: `(b, length)`, 0 on padding; by default where `input_ids` is padding.

        Returns:
            `(b, n_latent, latent_size)` in fp32, without noise.
        """
        keep = self._keep(input_ids, attention_mask)
        ids, keep = self._encoder_ids(input_ids, keep)
        return self._encode(self.embed_tokens(ids), keep)

    def _keep(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        if attention_mask is None:
            return input_ids != self.config.pad_token_id
        return attention_mask.bool()

    def _encoder_ids(self, input_ids: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        config = self.config
        ids = F.pad(input_ids, (1, 1), value=config.pad_token_id)
        lengths = keep.sum(1)
        ids[:, 0] = config.bos_token_id
        ids.scatter_(1, lengths[:, None] + 1, config.eos_token_id)
        keep = torch.arange(ids.shape[1], device=ids.device)[None] < (lengths + 2)[:, None]
        if self.training and config.encoder_mask > 0:
            drop = collectives.draw(torch.rand, tuple(ids.shape), ids.device) < config.encoder_mask
            ids = ids.masked_fill(drop & keep & (ids > config.mask_token_id), config.mask_token_id)
        return ids, keep

    def _encode(self, x: Tensor, keep: Tensor) -> Tensor:
        latents: Tensor = self.readout(*self.encoder(x, keep), norm=self.encoder.norm)
        return latents

    def set_checkpointing(self, encoder: bool = False, decoder_rate: int = 0) -> None:
        """Trades time for memory while training: activations are computed again when needed.

        Args:
            encoder: keep only the inputs of the encoder's layers.
            decoder_rate: keep only the input of every so many decoder layers (0: off, 1: of each;
                at 3 a third of the inputs, but three layers at once in the backward pass, and
                these then keep less of their feed-forwards).
        """
        self.encoder.checkpoint, self.decoder.checkpoint_rate = encoder, decoder_rate
        for layer in self.decoder.layers:
            layer.ff.keep_hidden = decoder_rate < 2

    def decode(self, input_ids: Tensor, latents: Tensor, sigma: Tensor | float) -> Tensor:
        """Teacher-forced logits.

        Args:
            input_ids: `(b, length)` tokens so far, `<bos>` first.
            latents: `(b, n_latent, latent_size)`, of unit variance.
            sigma: noise level that the decoder is told, `(b,)` or one number.

        Returns:
            `(b, length, vocab_size)`; position i predicts token i + 1.
        """
        memory, summary = self.memory(latents, self._levels(sigma, latents))
        return self.logits(self.decoder(self.embed_tokens(input_ids), memory, summary))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        sigma: Tensor | None = None,
        features: Tensor | None = None,
        return_loss: bool = True,
        **unused: Any,
    ) -> TVAEOutput:
        """Training loss and its parts.

        While training, noise of a drawn level is added to the code; in eval mode none is, and
        the decoder is told `sigma` (default: the lowest level).

        Args:
            input_ids: `(b, length)` bare tokens, right-padded.
            attention_mask: `(b, length)`, 0 on padding.
            sigma: `(b,)` noise levels to train with instead of drawn ones.
            features: `(b, k)`, whitened, k at most the coarse code's size: what the first numbers
                of the coarse code are pulled to.
            return_loss: for `Trainer`, which asks for the loss in evaluation too.
        """
        config = self.config
        keep = self._keep(input_ids, attention_mask)
        ids, encoder_keep = self._encoder_ids(input_ids, keep)
        inputs, targets = self._decoder_ids(input_ids, keep)
        rows, tied = look_up(
            self.embed.weight, torch.cat((ids.flatten(), inputs.flatten())), self._embed_scale
        )
        read, written = rows.split([ids.numel(), inputs.numel()])
        latents = self._encode(read.view(*ids.shape, -1), encoder_keep)
        if self.training:
            level = draw_sigma(config, latents.shape[0], latents.device) if sigma is None else sigma
            noisy = add_noise(latents, level)
        else:
            level = self._levels(config.sigma_min if sigma is None else sigma, latents)
            noisy = latents
        memory, summary = self.memory(noisy, level)
        states = self.decoder(written.view(*inputs.shape, -1), memory, summary)
        reconstruction, right = self._token_loss(states, targets, tied)
        weight = config.mmd_weight * self.mmd_scale
        counted = targets != IGNORED
        if self.training:
            reconstruction = collectives.mean_over_items(reconstruction, counted.sum())
        discrepancy = self._mmd(latents)
        loss = reconstruction + weight * discrepancy
        anchor = None
        if features is not None and config.n_coarse:
            anchor = self._anchor(latents, features)
            loss = loss + config.anchor_weight * anchor
        with torch.no_grad():
            token_accuracy = right.sum() / counted.sum()
            sequence_accuracy = (right.sum(1) == counted.sum(1)).float().mean()
        return TVAEOutput(
            loss=loss,
            reconstruction=reconstruction.detach(),
            mmd=discrepancy.detach(),
            mmd_weight=torch.tensor(weight),
            anchor=None if anchor is None else anchor.detach(),
            token_accuracy=token_accuracy,
            sequence_accuracy=sequence_accuracy,
            latents=latents.detach(),
        )

    def _decoder_ids(self, input_ids: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        config = self.config
        inputs = F.pad(input_ids, (1, 0), value=config.bos_token_id)
        targets = F.pad(input_ids, (0, 1), value=config.pad_token_id).masked_fill(
            ~F.pad(keep, (0, 1)), IGNORED
        )
        targets.scatter_(1, keep.sum(1, keepdim=True), config.eos_token_id)
        if self.training and config.decoder_mask > 0:
            drop = (
                collectives.draw(torch.rand, tuple(inputs.shape), inputs.device)
                < config.decoder_mask
            )
            drop[:, 0] = False
            inputs = inputs.masked_fill(drop, config.mask_token_id)
        return inputs, targets

    def _token_loss(self, states: Tensor, targets: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        flat, wanted = states.flatten(0, 1), targets.flatten()
        if flat.is_cuda:  # to leave padding out would make the device wait for a count
            loss, right = token_loss(flat, weight, wanted)
            return loss, right.view(targets.shape)
        real = (wanted != IGNORED).nonzero()[:, 0]
        if len(real) == len(wanted):
            loss, right = token_loss(flat, weight, wanted)
            return loss, right.view(targets.shape)
        loss, right = token_loss(flat[real], weight, wanted[real])
        whole = torch.zeros_like(wanted, dtype=torch.bool)
        whole[real] = right
        return loss, whole.view(targets.shape)

    def _anchor(self, latents: Tensor, features: Tensor) -> Tensor:
        """Mean squared distance of the coarse code from the features, of items that have them."""
        coarse = latents[:, : self.config.n_coarse].flatten(1)[:, : features.shape[1]]
        known = features.isfinite().all(1, keepdim=True)
        apart = (coarse - features.nan_to_num().to(coarse.dtype)).square() * known
        return apart.sum() / (known.sum() * apart.shape[1]).clamp(min=1)

    def _mmd(self, latents: Tensor) -> Tensor:
        config, memory = self.config, None
        if self.training and config.mmd_memory and self.recent_count:
            memory = self.recent_codes[: self.recent_count].clone()
        moment = config.mmd_moment * self.moment_scale
        if self.training:
            latents = collectives.gather(latents)
        value = latent_mmd(latents, config.mmd_scope, config.mmd_kernel, memory, moment)
        if self.training:
            value = collectives.own_gradient(value)
        if self.training and config.mmd_memory:
            codes = latents.detach().float()[: config.mmd_memory]
            self.recent_codes = torch.cat((codes, self.recent_codes))[: config.mmd_memory]
            self.recent_count = min(config.mmd_memory, self.recent_count + codes.shape[0])
        return value

    def embed_tokens(self, ids: Tensor) -> Tensor:
        """Token ids of any shape -> scaled embeddings `(..., d)`, in the compute type."""
        states: Tensor = self.embed(ids) * self._embed_scale
        return states.to(compute_dtype(states))

    @property
    def _embed_scale(self) -> float:
        return math.sqrt(self.config.d_model)

    def logits(self, states: Tensor) -> Tensor:
        """Hidden states `(..., d)` -> logits `(..., vocab_size)` by the tied embedding."""
        return F.linear(states, self.embed.weight.to(states.dtype))

    def _levels(self, sigma: Tensor | float, latents: Tensor) -> Tensor:
        level = torch.as_tensor(sigma, dtype=torch.float32, device=latents.device)
        return level if level.ndim == 2 else level.expand(latents.shape[0])


AutoConfig.register("tvae", TVAEConfig)
AutoModel.register(TVAEConfig, TransformerVAE)
