"""How much of a tune a reconstruction keeps: notes, steps as MusicVAE counts them, tokens."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import torch
from torch.nn import functional as F

from domains.midi.notation import STEPS_PER_QUARTER, Score
from tvae_core.data.batches import pad_rows
from tvae_core.evaluation.intervals import Estimate, share_of
from tvae_core.space import LatentSpace

SIXTEENTH = STEPS_PER_QUARTER // 4
_NOTE = re.compile(r"([A-G]#?-?\d(?:\+[A-G]#?-?\d)*):\d{1,4}~?")


def step_tokens(score: Score) -> list[Hashable]:
    """What happens in each sixteenth: the notes that begin in it, `hold` or `rest`.

    MusicVAE's tokens of a melody (Roberts et al. 2018, arXiv 1803.05428), except that every step of
    a rest is one and that notes off the grid keep their place and are told apart.
    """
    size = -(-score.length // SIXTEENTH)
    onsets: list[list[tuple[int, int]]] = [[] for _ in range(size)]
    held = [False] * size
    for start, duration, pitch in score.notes:
        onsets[start // SIXTEENTH].append((start % SIXTEENTH, pitch))
        for step in range(start // SIXTEENTH, -(-(start + duration) // SIXTEENTH)):
            held[step] = True
    return [
        tuple(notes) if notes else "hold" if sounds else "rest"
        for notes, sounds in zip(onsets, held, strict=True)
    ]


def kept_shares(wanted: Sequence[Score], found: Sequence[Score | None]) -> dict[str, float]:
    """What free-running reconstructions keep.

    Args:
        wanted: the tunes.
        found: what was decoded from their codes; None for what is no tune, which keeps nothing.

    Returns:
        `note_accuracy_free`: share of the notes that are there with start, duration and pitch;
        `note_f1_free`: F1 of these; `step_accuracy_free`: share of the `step_tokens`.
    """
    kept, steps, notes, lengths, made = [], [], [], [], 0
    for score, other in zip(wanted, found, strict=True):
        true, tokens = Counter(score.notes), step_tokens(score)
        got = Counter(other.notes) if other is not None else Counter[tuple[int, int, int]]()
        others = step_tokens(other) if other is not None else []
        kept.append((true & got).total())
        steps.append(sum(a == b for a, b in zip(tokens, others, strict=False)))
        notes.append(true.total())
        lengths.append(len(tokens))
        made += got.total()
    return {
        "note_accuracy_free": share_of(kept, notes),
        "note_f1_free": 2 * sum(kept) / max(1, sum(notes) + made),
        "step_accuracy_free": share_of(steps, lengths),
    }


def token_accuracy_free(
    space: LatentSpace, texts: Sequence[str], decoded: Sequence[str]
) -> Estimate:
    """Share of the tokens that stand in their place in the free-running reconstruction.

    The end is a token, too. After a missing token, all later ones are out of place.
    """
    tokenizer = space.tokenizer
    rows = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    made = tokenizer(list(decoded), add_special_tokens=False)["input_ids"]
    end = tokenizer.eos_token_id
    right = [
        sum(a == b for a, b in zip([*row, end], [*other, end], strict=False))
        for row, other in zip(rows, made, strict=True)
    ]
    return share_of(right, [len(row) + 1 for row in rows])


@torch.inference_mode()
def teacher_forced_notes(
    space: LatentSpace, texts: Sequence[str], batch_size: int = 64
) -> Estimate:
    """Share of the notes all of whose tokens are predicted from the code and the true ones before.

    A note tied over a bar line counts in each bar.
    """
    rows = space.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    model, right, notes = space.model, [0] * len(rows), [0] * len(rows)
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        ids = pad_rows([torch.tensor(rows[i]) for i in part]).to(model.device)
        inputs = F.pad(ids, (1, 0), value=model.config.bos_token_id)
        logits = model.decode(inputs, model.encode(ids), model.config.sigma_min)
        hits = (logits[:, :-1].argmax(-1) == ids).cpu().numpy()
        for i, hit in zip(part, hits, strict=True):
            tokens = space.tokenizer.convert_ids_to_tokens(rows[i])
            missed = np.repeat(~hit[: len(tokens)], [len(token) for token in tokens])
            before = np.concatenate(([0], missed.cumsum()))
            for note in _NOTE.finditer(texts[i]):
                size = note[1].count("+") + 1
                notes[i] += size
                right[i] += size * bool(before[note.end()] == before[note.start()])
    return share_of(right, notes)
