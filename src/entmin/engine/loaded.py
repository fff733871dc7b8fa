"""A model in memory, as the engine and training take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

Decoding = Literal["padded", "rowwise", "rowwise with positions", "recomputed"]
"""Rows together with padding before short ones; each row alone, positions counted by the model or for it; each row
alone and read again at every step."""


@dataclass
class LoadedModel:
    """A model with its tokenizer and what a record must say about it."""

    name: str
    model: Any
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    revision: str
    """Commit of a Hub model, a digest of a local folder, or an alias's checksum."""
    eos: frozenset[int]
    """Tokens that end a completion."""
    max_length: int
    """Longest sequence, prompt and completion together, in tokens."""
    decoding: Decoding = "padded"
    """The fastest way that gave what one pass over the tokens gives; `entmin.engine.soundness` found it."""
    shares: bool = False
    """Whether prompts can share what they begin with, and be read with padding after it."""
    reason: str = ""
    """Why it is not ``padded``."""

    @property
    def slow(self) -> str:
        """What a user should know of that, in words; empty where it is ``padded``."""
        if not self.reason:
            return ""
        how = "each row alone" + (", and reads all its tokens at every step" if self.decoding == "recomputed" else "")
        kind = f"{self.name} ({type(self.model).__name__})"
        return f"{kind} decodes {how}, which is slow: rows with padding would be wrong ({self.reason})"
