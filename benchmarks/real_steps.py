"""Next-token logits of a real model while it answers: what the measurements in docs/deviations.md are made on."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor

QUESTIONS = [
    "Explain why the sky is blue.",
    "Write a Python function that reverses a linked list.",
    "Give three reasons to learn a second language.",
    "What is the difference between speed and velocity?",
    "Summarise the plot of Romeo and Juliet in two sentences.",
    "How do vaccines work?",
    "Name the planets in order from the sun.",
    "Write a short poem about autumn.",
]


def arithmetic_questions(count: int, seed: int) -> list[str]:
    """Seeded word problems."""
    draw = random.Random(seed)
    template = "A shop sells {a} {x} at {b} dollars each and {c} {y} at {d} dollars each. How much is that in all?"
    goods = ["pens", "lamps", "books", "chairs", "cups"]
    numbers = lambda: {name: draw.randint(2, 40) for name in "abcd"}  # noqa: E731
    return [template.format(x=draw.choice(goods), y=draw.choice(goods), **numbers()) for _ in range(count)]


class _Keep(LogitsProcessor):  # type: ignore[misc]
    def __init__(self, prompt_length: int, stop: int) -> None:
        self.prompt_length, self.stop = prompt_length, stop
        self.rows, self.prompts = list[Tensor](), list[Tensor]()

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        unfinished = ~(input_ids[:, self.prompt_length :] == self.stop).any(-1)
        self.rows.append(scores[unfinished].bfloat16())
        self.prompts.append(unfinished.nonzero().squeeze(-1))
        return scores


def decoding_rows(folder: str, **options: Any) -> Tensor:
    """The rows of `decoding_steps`."""
    return decoding_steps(folder, **options)[0]


@torch.inference_mode()
def decoding_steps(
    folder: str, *, temperature: float, prompts: int = 32, new_tokens: int = 64, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """What is met while sampling, over all unfinished answers.

    Returns:
        ``[steps, V]`` bf16 logits before the temperature, and ``[steps]`` the number of the prompt each belongs to.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    questions = QUESTIONS + arithmetic_questions(prompts - len(QUESTIONS), seed)
    chats = [[{"role": "user", "content": question}] for question in questions]
    inputs = tokenizer.apply_chat_template(
        chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
    )
    keep = _Keep(inputs["input_ids"].shape[1], tokenizer.eos_token_id)
    torch.manual_seed(seed)
    model.generate(
        **inputs,
        logits_processor=[keep],
        do_sample=True,
        temperature=temperature,
        top_k=0,
        top_p=1.0,
        max_new_tokens=new_tokens,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.eos_token_id,
    )
    return torch.cat(keep.rows), torch.cat(keep.prompts)
