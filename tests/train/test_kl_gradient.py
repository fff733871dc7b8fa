"""What it changes that TRL's GRPO multiplies the k3 estimate by the ratio, as docs/deviations.md has it."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median

import pytest
import torch

PAGE = Path(__file__).parents[2] / "docs" / "deviations.md"


def gradients(kl, seed):
    """Expected gradients on logits, in float64: of k3, of k3 times the ratio, and of KL(policy || initial) itself."""
    generator = torch.Generator().manual_seed(seed)
    initial, direction = (torch.randn(1000, dtype=torch.float64, generator=generator) for _ in range(2))
    initial, low, high = 2 * initial, 0.0, 20.0
    before = initial.log_softmax(-1)
    for _ in range(60):
        middle = (low + high) / 2
        now = (initial + middle * direction).log_softmax(-1)
        low, high = (middle, high) if (now.exp() * (now - before)).sum() < kl else (low, middle)
    logits = (initial + low * direction).requires_grad_()
    now = logits.log_softmax(-1)
    p, ratio, k3 = now.detach().exp(), (now - now.detach()).exp(), (before - now).exp() - (before - now) - 1
    losses = ((p * k3).sum(), (p * ratio * k3).sum(), (now.exp() * (now - before)).sum())
    return [torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in losses]


@pytest.mark.parametrize("kl", [0.001, 0.01, 0.1])
def test_the_page_says_how_far_apart_the_two_gradients_are(kl):
    apart = []
    for seed in range(100):
        plain, times_ratio, exact = gradients(kl, seed)
        torch.testing.assert_close(times_ratio, exact, atol=1e-12, rtol=1e-9)
        apart.append(float((times_ratio - plain).norm() / plain.norm()))
    (said,) = re.findall(rf"(\d+) % at (?:a KL of )?{kl}\b", " ".join(PAGE.read_text().split()))
    assert 100 * median(apart) == pytest.approx(int(said), abs=1)
