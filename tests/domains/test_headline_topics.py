"""Topics of headlines: which rows they are made of, their file, sampling from one."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast

from data_prep.prepared import Items, write_prepared
from domains.headlines import HeadlinesDomain
from domains.headlines.domain import EXAMPLES
from domains.headlines.topics import (
    Topics,
    choose_rows,
    main,
    make_topics,
    noisy,
    sample_topic,
)
from tvae_core.byte_pair import build_byte_pair
from tvae_core.checkpoint import save_bundle
from tvae_core.config import TVAEConfig
from tvae_core.data import PreparedSet
from tvae_core.model import TransformerVAE
from tvae_core.noise import sigma_of
from tvae_core.prior import PriorSet
from tvae_core.space import LatentSpace
