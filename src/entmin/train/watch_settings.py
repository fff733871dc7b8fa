"""The settings of the collapse watch: what each rule's threshold is, and what is done when it fires."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Factor = Annotated[float, Field(gt=1)]
Action = Literal["warn", "stop", "off"]


class WatchSettings(BaseModel):
    """The part of a run's settings that the watch reads; see `entmin.train.rules`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    watch: Action = "warn"
    """What the collapse watch does when a rule fires."""
    entropy_floor: Amount | None = 0.05
    """Collapse rule: mean token entropy, nats, below which the model is as good as deterministic; null: no rule."""
    kl_cap: Amount | None = 0.5
    """Collapse rule: KL to the initial model, nats per token; null: no rule."""
    agreement_plateau: Positive | None = 20
    """Collapse rule: steps without a rise in the agreement of samples; null: no rule."""
    length_factor: Factor | None = 3.0
    """Collapse rule: mean length relative to the first step, longer or shorter; null: no rule."""
    repetition_cap: Share | None = 0.3
    """Collapse rule: share of 4-grams that repeat; null: no rule."""
    distinct_factor: Annotated[float, Field(ge=1)] | None = 1.2
    """Collapse rule: distinct answers per prompt, where 1 means that all n samples say the same; null: no rule."""
    signal_steps: Positive | None = 10
    """Collapse rule: steps in which no prompt's samples differed in reward; null: no rule."""
    gradient_factor: Factor | None = 100.0
    """Collapse rule: gradient norm relative to the first step; null: no rule."""
    watch_window: Positive = 5
    """Steps in the median that smooths the watched curves."""
    watch_save_every: NonNegative = 5
    """Least steps between checkpoints made for the watch, so that one is from before a fall; 0: none."""
    watch_actions: dict[str, Action] = {}
    """What single rules do, by name, such as {"kl-cap": "stop"}; `watch` is for all others."""
