"""Host for llama-cpp-python: a `LogitsProcessorList` for any GGUF model.

    llm.create_chat_completion(messages, logits_processor=logits_processors(EmInf()), top_k=0, top_p=1, min_p=0)

llama.cpp runs the caller's processors first, on the model's own logits, then its penalties, grammar, top-k, top-p,
min-p and, unlike the other hosts, the temperature last. Its defaults truncate (top-k 40, top-p 0.95, min-p 0.05); with
the values above, sampling is exactly adjust, then temperature. Rows come one at a time. A method with memory
(`Method.memory`) needs a list of its own for each call, and refuses to go on where the tokens do not.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from llama_cpp import LogitsProcessorList
from numpy.typing import NDArray

from entmin.methods import Method
from entmin.methods.ahead import ahead_of_temperature
from entmin.methods.base import as_method
from entmin.methods.memory import MethodWithMemory, Sequences


def logits_processors(method: Method | type[Method] | str, *, temperature: float | None = None) -> LogitsProcessorList:
    """What llama-cpp-python takes as ``logits_processor``, with this method in it.

    Args:
        method: what to do to the logits, its class or its name.
        temperature: the one the call is given; only methods that belong after it (`Method.stage`) need it.

    Raises:
        UsageError: this is no method, or one that needs the temperature, which was not given.
    """
    method = as_method(method)
    if isinstance(method, MethodWithMemory):
        return LogitsProcessorList([partial(_adjust_remembering, Sequences(method))])
    return LogitsProcessorList([partial(adjust_row, ahead_of_temperature(method, temperature))])


def adjust_row(method: Method, input_ids: NDArray[np.intc], scores: NDArray[np.single]) -> NDArray[np.single]:
    """Adjust one row.

    Args:
        method: what to do to the logits.
        input_ids: ``[T]`` tokens so far; not used.
        scores: ``[V]`` logits, a view with gaps into llama.cpp's own memory.

    Returns:
        ``[V]`` adjusted logits, float32, in memory of their own.
    """
    with torch.inference_mode():
        adjusted = method.adjust_checked(torch.tensor(scores, dtype=torch.float32)[None])[0]
    return adjusted.numpy()


def _adjust_remembering(
    sequences: Sequences, input_ids: NDArray[np.intc], scores: NDArray[np.single]
) -> NDArray[np.single]:
    """Adjust one row with the memory of its sequence; as `adjust_row` otherwise."""
    with torch.inference_mode():
        row = torch.tensor(scores, dtype=torch.float32)[None]
        adjusted = sequences.adjust(np.asarray(input_ids, dtype=np.int64)[None], row).logits[0]
    return adjusted.numpy()
