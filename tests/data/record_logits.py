"""Record the rows in ``real_logits.npz``: next-token logits of a real bf16 model, chosen evenly over entropy.

    python tests/data/record_logits.py MODEL_FOLDER

The committed file came from SmolLM2-135M-Instruct (Apache-2.0, vocabulary 49,152; the 4-bit file of the `smollm2-135m`
alias, expanded to bf16). A bf16 number is the upper
half of a float32, so a row is kept as int16, its two bytes in separate planes because the upper ones compress well.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from entmin.core import entropy

ROWS = 11
TARGET = Path(__file__).with_name("real_logits.npz")
TEXTS = [
    "Q: A baker sells 14 loaves in the morning and 23 in the afternoon. Each loaf costs 3 dollars. How much money does"
    " the baker take in a day?\nA: In total the baker sells 14 + 23 = 37 loaves. At 3 dollars each that is 37 * 3 = 111"
    " dollars. The answer is 111.",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return fibonacci(n - 1) + fibonacci(n - 2)\n",
    "The lighthouse keeper had not spoken to anyone for nine days when the boat finally came round the headland, and he"
    " found that he had forgotten how to begin a sentence.",
    "Water boils at a lower temperature on a mountain because the pressure of the air above it is smaller.",
]


@torch.inference_mode()
def text_logits(folder: str) -> torch.Tensor:
    """Logits ``[positions, V]`` at every position of the texts."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    return torch.cat([model(**tokenizer(text, return_tensors="pt")).logits[0] for text in TEXTS])


def main() -> None:
    """Choose rows at even ranks of entropy and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder or Hub id of a causal language model")
    logits = text_logits(parser.parse_args().model)
    assert logits.dtype == torch.bfloat16
    entropies = entropy(logits)
    ranks = torch.linspace(0, len(entropies) - 1, ROWS).round().long()
    rows = logits[entropies.argsort()[ranks]]
    bits = rows.view(torch.int16).numpy().view(np.uint16)
    np.savez_compressed(TARGET, high=(bits >> 8).astype(np.uint8), low=(bits & 0xFF).astype(np.uint8))
    print(f"{len(entropies)} positions; {TARGET.name} {TARGET.stat().st_size / 1024:.0f} KB; entropies (nats):")
    print([round(h, 3) for h in entropy(rows).tolist()])


if __name__ == "__main__":
    main()
