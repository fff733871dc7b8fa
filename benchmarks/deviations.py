"""What each deviation in docs/deviations.md changes, measured on the logits of a real model while it answers.

    python benchmarks/deviations.py MODEL [--temperature 0.1] [--prompts 32] [--new-tokens 64] [--seed 0]

Shares carry Wilson 95 % intervals; steps of one answer resemble one another, so the true ones are somewhat wider.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch
from torch import Tensor

from adam_properties import shown
from entmin import adaptive_temperature, em_inf, entropy
from entmin.core import solve_temperature
from published import autograd_em_inf
from real_steps import decoding_rows

THRESHOLD, CLAMP, BATCH = 0.3, 1e-9, 8


def total_variation(a: Tensor, b: Tensor) -> Tensor:
    """Per row."""
    return (a.double().softmax(-1) - b.double().softmax(-1)).abs().sum(-1) / 2


def spread(values: Tensor) -> str:
    """Median, mean and largest."""
    return f"median {values.median():.2g}, mean {values.mean():.2g}, largest {values.max():.2g}"


def batch_sum(rows: Tensor) -> Iterator[str]:
    """The published loop on batches: entropy summed over the batch, KL averaged."""
    batches = rows[: len(rows) // BATCH * BATCH].view(-1, BATCH, rows.shape[-1])
    batches = batches[torch.randperm(len(batches), generator=torch.Generator().manual_seed(0))[:40]]
    moved, under = [], 0
    for batch in batches:
        x = batch.float().requires_grad_()
        original = batch.float().log_softmax(-1)
        optimizer = torch.optim.Adam([x], lr=0.1)
        for _ in range(3):
            log_p = x.log_softmax(-1)
            h = -(log_p.exp() * log_p).sum()
            if h < THRESHOLD:
                break
            optimizer.zero_grad()
            (h + 0.05 * (original.exp() * (original - log_p)).sum() / BATCH).backward()
            optimizer.step()
        low = entropy(batch) < THRESHOLD
        under += int(low.sum())
        moved.append(total_variation(x.detach(), em_inf(batch))[low])
    changed = torch.cat(moved)
    yield f"rows under {THRESHOLD} nat in batches of {BATCH} that a batch-summed entropy moves (TV > 1e-6):"
    yield f"  {shown(int((changed > 1e-6).sum()), under)}; TV {spread(changed)}"


def epsilon_in_log(rows: Tensor) -> Iterator[str]:
    """The published entropy has log(p + 1e-12)."""
    p = rows.double().softmax(-1)
    exact = -torch.special.xlogy(p, p).sum(-1)
    yield f"difference of entropy from log(p + 1e-12), nats: {spread((exact + (p * (p + 1e-12).log()).sum(-1)).abs())}"


def clamp(rows: Tensor) -> Iterator[str]:
    """The published floor of 1e-9 under every probability, after temperature 0.1."""
    for vocabulary in (49_152, 151_936):
        mass = vocabulary * CLAMP / (1 + vocabulary * CLAMP)
        chances = ", ".join(f"{tokens} tokens: {1 - (1 - mass) ** tokens:.1%}" for tokens in (500, 2000))
        yield f"V = {vocabulary:,}: mass {mass:.2e} a step; answers with at least one random token: {chances}"
    p = (em_inf(rows).double() / 0.1).softmax(-1)
    added = (p.clamp(min=CLAMP) - p).sum(-1)
    yield f"mass that the clamp adds on these rows at T = 0.1: {spread(added / (1 + added))}"


def tolerance(rows: Tensor) -> Iterator[str]:
    """The published tolerance of 0.1 nat against a relative one."""
    before = entropy(rows)
    tried = rows[before > 1e-5]
    before = before[before > 1e-5]
    for ratio in (0.85, 0.5):
        published = solve_temperature(tried, tol=0.1, absolute_tol=True, target_ratio=ratio)
        first = (published - 0.505).abs() < 1e-6
        kept = entropy(adaptive_temperature(tried, tol=0.1, absolute_tol=True, target_ratio=ratio)) / before
        ours = entropy(adaptive_temperature(tried, target_ratio=ratio)) / before
        yield f"target_ratio {ratio}: tau = 0.505 on {shown(int(first.sum()), len(tried))} of the steps searched"
        for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 20)):
            here = (before >= low) & (before < high)
            yield f"  {low}-{high} nat: tau = 0.505 on {shown(int(first[here].sum()), int(here.sum()))};"
            yield f"    entropy kept, median: published {kept[here].median():.4f}, ours {ours[here].median():.3f}"
        yield f"  steps whose kept entropy is off {ratio} by more than 0.05:"
        yield f"    published {shown(int(((kept - ratio).abs() > 0.05).sum()), len(tried))}"
        yield f"    ours {shown(int(((ours - ratio).abs() > 0.05).sum()), len(tried))}"
    ties = rows.topk(2, dim=-1).values
    yield f"steps with an exact tie at the top (bf16): {shown(int((ties[:, 0] == ties[:, 1]).sum()), len(rows))}"


def loss_and_optimizer(rows: Tensor) -> Iterator[str]:
    """The KL term, and Adam against the gradient descent of the text, on rows above the threshold."""
    above = rows[entropy(rows) >= THRESHOLD]
    for steps in (3, 15):
        with_kl, without = em_inf(above, n_grad_steps=steps), em_inf(above, n_grad_steps=steps, kl_weight=0.0)
        yield f"kl_weight 0.05 against 0, {steps} steps: TV {spread(total_variation(with_kl, without))}"
        x = above.double()
        for _ in range(steps):
            log_p = x.log_softmax(-1)
            h = -(log_p.exp() * log_p).sum(-1, keepdim=True)
            x = torch.where(h < THRESHOLD, x, x + 0.1 * log_p.exp() * (log_p + h))
        before = entropy(above)
        descent, adam = entropy(x) / before, entropy(without) / before
        yield f"entropy kept after {steps} steps of 0.1, median: Adam {adam.median():.3f},"
        yield f"  gradient descent {descent.median():.3f}"


def order_of_temperature(rows: Tensor) -> Iterator[str]:
    """Adjusting raw logits or those already divided by the sampling temperature."""
    raw, cooled = entropy(rows) >= THRESHOLD, entropy(rows.float() / 0.1) >= THRESHOLD
    yield f"steps at or above {THRESHOLD} nat: raw {shown(int(raw.sum()), len(rows))},"
    yield f"  after temperature 0.1 {shown(int(cooled.sum()), len(rows))}"
    above = rows[raw].float()
    adjusted = em_inf(above)
    tv = total_variation(adjusted / 0.1, em_inf(above / 0.1))
    yield f"TV between adjust-then-cool and cool-then-adjust on the former: {spread(tv)}"
    for temperature in (1.0, 0.1):
        tv = total_variation(adjusted / temperature, above / temperature)
        yield f"TV of em_inf from plain at temperature {temperature}: {spread(tv)}"


def precision(rows: Tensor) -> Iterator[str]:
    """Float32 autograd and ours, against our float64 path (checked against autograd in the tests)."""
    some = rows[entropy(rows) >= THRESHOLD][:200]
    truth = em_inf(some.double(), n_grad_steps=15)
    yield f"TV from float64, 15 steps: ours {spread(total_variation(em_inf(some, n_grad_steps=15), truth))};"
    yield f"  autograd in float32 {spread(total_variation(autograd_em_inf(some, n_grad_steps=15), truth))}"
    tied = 1e-4 * torch.randn(50, 1000, generator=torch.Generator().manual_seed(0))
    truth = em_inf(tied.double(), n_grad_steps=3)
    yield f"1,000 logits tied to 1e-4, 3 steps: ours {spread(total_variation(em_inf(tied), truth))};"
    yield f"  autograd in float32 {spread(total_variation(autograd_em_inf(tied), truth))}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder or Hub id of a causal language model")
    parser.add_argument("--temperature", type=float, default=0.1, help="of the sampling that meets the steps")
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    options = vars(parser.parse_args())
    rows = decoding_rows(options.pop("model"), **options)
    h = entropy(rows)
    shares = ", ".join(f"{float((h < x).float().mean()):.0%} under {x}" for x in (1e-5, 0.1, 0.3, 1))
    print(f"{len(rows)} steps, V = {rows.shape[1]:,}, {options}; entropy: median {h.median():.2f} nat, {shares}")
    for measure in (batch_sum, epsilon_in_log, clamp, tolerance, loss_and_optimizer, order_of_temperature, precision):
        print(f"\n{measure.__name__}: {measure.__doc__}")
        print("\n".join(measure(rows)))


if __name__ == "__main__":
    main()
