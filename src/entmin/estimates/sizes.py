"""The sizes of a model, without its weights, and the table of those of known models."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

TABLE = "models.json"
"""Made by `entmin.estimates.counted`, out of the configurations in it; a test counts again."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """A decoder's sizes; weights are counted, not computed by a formula of some family."""

    parameters: int
    """All weights: every expert and the embeddings."""
    looked_up: int
    """Of them, embeddings that are matrices of their own: rows of them are looked up, not multiplied."""
    routed: int
    """Of them, experts that a token may or may not take."""
    experts: int
    """Routed experts of a layer; 1 in a dense model."""
    experts_per_token: int
    largest_layer: int
    """Weights of the largest layer."""
    linear_widths: int
    """Inputs and outputs of all linear layers but the head: adapters of rank r have r times as many weights."""
    layers: int
    hidden: int
    intermediate: int
    """Width of the feed-forward layers that one token passes."""
    heads: int
    kv_heads: int
    head: int
    """Width of one attention head."""
    vocab: int
    attention: tuple[tuple[int, int], ...]
    """Windows and the number of layers that have each; 0: the whole context. Layers without a cache that grows
    (linear attention, state spaces) are in none."""
    latent: int = 0
    """Values per token and layer in a compressed cache (multi-head latent attention); 0: keys and values of heads."""

    @property
    def computed(self) -> int:
        """Weights that the paper's P stands for: all but the experts that a token does not take."""
        return self.parameters - self.routed + self.routed * self.experts_per_token // self.experts

    @property
    def active(self) -> int:
        """Weights that one token is multiplied with."""
        return self.computed - self.looked_up

    def read(self, tokens: float) -> float:
        """Weights that a pass over so many tokens reads: the experts that at least one of them takes (at random)."""
        taken = 1 - math.pow(1 - self.experts_per_token / self.experts, tokens)
        return self.parameters - self.looked_up - self.routed * (1 - taken)

    def cache(self, tokens: float, compressed: bool = True) -> float:
        """Values that keys and values of one sequence of so many tokens are; `compressed` where MLA is kept as such."""
        width = self.latent if self.latent and compressed else 2 * self.kv_heads * self.head
        return width * self._attended(tokens)

    def attention_flops(self, tokens: float) -> float:
        """Operations of one token that attends to so many: scores and their sum over the values."""
        return 4 * self.heads * self.head * self._attended(tokens)

    def _attended(self, tokens: float) -> float:
        return sum(layers * (min(window, tokens) if window else tokens) for window, layers in self.attention)

    def adapter_parameters(self, rank: int) -> int:
        """Weights of low-rank adapters on every linear layer but the head."""
        return rank * self.linear_widths


def table() -> list[dict[str, Any]]:
    """The entries of the table: ``names``, ``config`` (figures of a config.json) and ``sizes``."""
    found: list[dict[str, Any]] = json.loads(files("entmin.estimates").joinpath(TABLE).read_text())
    return found


def as_sizes(given: dict[str, Any]) -> Sizes:
    """Sizes out of JSON."""
    return Sizes(**given | {"attention": tuple(map(tuple, given["attention"]))})
