"""Host for Hugging Face's lighteval: its transformers model, whose generation goes through a mode.

    lighteval custom "model_name=MODEL,mode=em_inf:threshold=0.1" "$(python -m entmin.hosts.lighteval)" gsm8k

`lighteval custom` takes a name and a Python file with one class of a model. This file is that, and run by itself it
says where it lies. The name holds lighteval's own model arguments, and the mode. What the mode says of sampling stands;
what it leaves open is that of ``generation_parameters``, which are greedy by default. Log-likelihoods are those of the
model itself, so tasks that score given answers are refused, but for `normal`.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from lighteval.models.transformers import transformers_model as theirs

from entmin.errors import UsageError
from entmin.hosts.transformers import EntropyLogitsProcessor, harness_mode, refuse_scores


class EntminConfig(theirs.TransformersModelConfig):  # type: ignore[misc]
    """lighteval's configuration of a transformers model, and the mode, so that its caches tell modes apart."""

    mode: str = "em_inf"


class EntminModel(theirs.TransformersModel):  # type: ignore[misc]
    """lighteval's transformers model with a mode."""

    def __init__(self, config: Any) -> None:
        """Load the model.

        Args:
            config: of `lighteval custom`; its ``model_name`` holds the arguments.

        Raises:
            UsageError: the mode is malformed, or has a strategy or a seed; or batching is continuous, which calls no
                processors.
        """
        given = str(config.model_name)
        named = re.search(r"(?:^|,)mode=([^,]*)", given)
        rest = given if named is None else given.replace(named[0], "").strip(",")
        own = EntminConfig.from_args(rest if "=" in rest else f"model_name={rest}")
        own = own.model_copy(update={"mode": named[1]} if named else {})
        self.mode = harness_mode(own.mode, "lighteval", "leave seed out of the mode")
        if own.continuous_batching:
            raise UsageError("lighteval's continuous batching takes no logits processor: leave it out")
        super().__init__(own)
        self._given: dict[str, Any] = self.generation_config_dict

    def _generate_padded(self, *args: Any, **options: Any) -> Any:
        settings = self._given | self.mode.drawing
        heat = settings["temperature"]
        drawn = {"top_k": 0, "top_p": 1.0, **settings, "do_sample": True} if heat > 0 else settings
        processor = EntropyLogitsProcessor(self.mode.method, temperature=heat)
        self.generation_config_dict = drawn | {"logits_processor": [processor]}
        return super()._generate_padded(*args, **options)

    def _loglikelihood_tokens(self, *args: Any, **options: Any) -> Any:
        refuse_scores(self.mode.method)
        return super()._loglikelihood_tokens(*args, **options)


if __name__ == "__main__":
    sys.stdout.write(f"{__file__}\n")
