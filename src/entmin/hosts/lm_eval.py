"""Host for EleutherAI's lm-evaluation-harness: its transformers model, whose generation goes through a mode.

    python -m entmin.hosts.lm_eval --model entmin --model_args pretrained=MODEL,mode=em_inf:threshold=0.1 --tasks gsm8k

The harness finds no models of other packages, so this module registers its own and then is the harness's command line.
What the mode says of sampling stands; what it leaves open is the harness's, which is greedy unless a task samples.
Log-likelihoods are those of the model itself: a method changes what is drawn and not what is scored, so tasks that
score given answers are refused, but for `normal`.
"""

from __future__ import annotations

from typing import Any

import torch
from lm_eval.api.registry import register_model
from lm_eval.models.huggingface import HFLM

from entmin.hosts.transformers import EntropyLogitsProcessor, harness_mode, refuse_scores


@register_model("entmin")
class EntminLM(HFLM):  # type: ignore[misc]
    """The harness's `hf` model with a mode."""

    def __init__(self, pretrained: str, mode: str = "em_inf", **options: Any) -> None:
        """Load the model.

        Args:
            pretrained: a local folder or a Hub id.
            mode: method and sampling (`entmin.mode`).
            options: those of the harness's `hf` model.

        Raises:
            UsageError: the mode is malformed, or has a strategy or a seed.
        """
        self.mode = harness_mode(mode, "the harness", "give its --seed, and leave seed out of the mode")
        super().__init__(pretrained=pretrained, **options)

    def _model_generate(
        self, context: torch.Tensor, max_length: int, stop: list[str], **generation_kwargs: Any
    ) -> torch.Tensor:
        settings = generation_kwargs | self.mode.drawing
        heat = settings.get("temperature", 1.0 if settings.get("do_sample") else 0.0)
        if heat > 0:
            settings = {"top_k": 0, "top_p": 1.0, **settings, "temperature": heat, "do_sample": True}
        else:
            settings = {k: v for k, v in settings.items() if k not in ("top_k", "top_p", "min_p", "temperature")}
            settings["do_sample"] = False
        processor = EntropyLogitsProcessor(self.mode.method, temperature=heat)
        made: torch.Tensor = super()._model_generate(
            context, max_length, stop, logits_processor=[processor], **settings
        )
        return made

    def _loglikelihood_tokens(self, *args: Any, **options: Any) -> Any:
        refuse_scores(self.mode.method)
        return super()._loglikelihood_tokens(*args, **options)


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()
