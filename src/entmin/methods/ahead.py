"""Methods in hosts that run them first and divide by the temperature later.

transformers, vLLM and llama.cpp all do. A method that belongs after the temperature T is run there on z / T, and its
result is multiplied by T again, which the host's own division takes back.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from entmin.errors import UsageError
from entmin.methods.base import Method
from entmin.methods.normal import Normal

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class _AtTemperature(Method):
    """A method of the stage after temperature, for raw logits."""

    name: ClassVar[str] = "at_temperature"
    method: Method
    temperature: float

    def __post_init__(self) -> None:
        """Nothing to check: both parts were."""

    def adjust(self, logits: Tensor) -> Tensor:
        """Adjust z / T, times T."""
        return self.method.adjust(logits.float() / self.temperature) * self.temperature


def ahead_of_temperature(method: Method, temperature: float | None) -> Method:
    """What a host runs on raw logits for this method, when it divides by `temperature` later.

    Greedy decoding (0) takes the likeliest token, which no method of the later stage cuts off: it is left alone.

    Raises:
        UsageError: the method belongs after the temperature, which is not given.
    """
    if method.stage == "before":
        return method
    if temperature is None:
        raise UsageError(
            f"{method.name} works on logits after temperature, which comes later here: say it, as in temperature=1.0"
        )
    if temperature == 0:
        return Normal()
    return method if temperature == 1 else _AtTemperature(method, temperature)
