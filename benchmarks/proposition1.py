"""Does minimising entropy reorder the likely tokens of a real model, and is Adam's result close to a closed form?

    python benchmarks/proposition1.py MODEL [--temperature 1] [--prompts 32] [--new-tokens 48] [--seed 0] [--json FILE]

Proposition 1 of the paper: a large enough step of gradient descent on the entropy lets a token overtake a likelier one,
both with p under e^-(H+1). Measured on the logits a model meets while it samples, on rows of at least 0.3 nat:

1. how often any pair of the 50 likeliest tokens changes its order, by descent (loss H, as in the paper's text) and by
   EM-INF's Adam (kl_weight 0.05, as in its code);
2. the smallest first step of descent that would reorder a pair of them: (z_a - z_b) / (g_b - g_a), g = p (log p + H);
3. how far EM-INF is from z + rate * steps * sign(p - e^-H), in total variation.

Rows of one prompt resemble one another: intervals of shares come from 2,000 bootstrap samples of prompts. Where nothing
was seen such an interval says nothing, so prompts with at least one event are counted too (Wilson interval).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from adam_properties import CHUNK, THRESHOLD, TOP, broken, shown
from entmin import em_inf, entropy
from real_steps import decoding_steps

DESCENT = ((0.1, 5), (1.0, 15), (10.0, 15), (100.0, 15))
ADAM = ((0.1, 3), (0.1, 5), (0.1, 15), (1.0, 3), (1.0, 15))
SAMPLES = 2000


def gain(x: Tensor) -> Tensor:
    """What one step of descent on H adds to each logit, per unit of rate: p (log p + H)."""
    log_p = x.log_softmax(-1)
    p = log_p.exp()
    return p * (log_p - (p * log_p).nansum(-1, keepdim=True))


def descend(rows: Tensor, rate: float, steps: int) -> Tensor:
    """Plain gradient descent on the entropy."""
    x = rows.double()
    for _ in range(steps):
        x = x + rate * gain(x)
    return x


def smallest_reordering_step(rows: Tensor) -> Tensor:
    """``[N]`` the least rate at which a first step of descent reorders two neighbours of the top 50; inf for none."""
    top = rows.double().topk(TOP, dim=-1)
    pull = gain(rows.double()).gather(-1, top.indices)
    gaps, rise = -top.values.diff(dim=-1), pull.diff(dim=-1)
    return torch.where((gaps > 0) & (rise > 0), gaps / rise, torch.inf).amin(-1)


def closed_form(rows: Tensor, rate: float, steps: int) -> Tensor:
    """``z + rate * steps * sign(p - e^-H)``."""
    log_p = rows.double().log_softmax(-1)
    h = -(log_p.exp() * log_p).sum(-1, keepdim=True)
    return rows.double() + rate * steps * (log_p + h).sign()


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Total variation between rows of logits."""
    return (one.double().softmax(-1) - other.double().softmax(-1)).abs().sum(-1) / 2


def bootstrap(values: Tensor, prompts: Tensor, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean over rows, prompts drawn with replacement."""
    sums, counts = (np.bincount(prompts.numpy(), weights=w) for w in (values.double().numpy(), np.ones(len(values))))
    sums, counts = sums[counts > 0], counts[counts > 0]
    drawn = np.random.default_rng(seed).integers(0, len(sums), (SAMPLES, len(sums)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975])
    return float(low), float(high)


def reordered(rows: Tensor, prompts: Tensor, rule: str, rate: float, steps: int) -> dict[str, Any]:
    """One line of the first table."""
    flags = []
    for chunk in rows.split(CHUNK):
        z = chunk.float()
        after = descend(z, rate, steps) if rule == "descent" else em_inf(z, learning_rate=rate, n_grad_steps=steps)
        flags.append(broken(z, after)[f"top {TOP} order"])
    changed = torch.cat(flags)
    low, high = bootstrap(changed, prompts)
    seen, asked = int(prompts[changed].unique().numel()), int(prompts.unique().numel())
    share = {"changed": int(changed.sum()), "rows": len(rows), "interval": [low, high]}
    return {"rule": rule, "rate": rate, "steps": steps, **share, "prompts_with_any": seen, "prompts": asked}


def nearness(rows: Tensor, prompts: Tensor, rate: float, steps: int) -> dict[str, Any]:
    """One line of the second table."""
    errors, changes = [], []
    for chunk in rows.split(CHUNK):
        z = chunk.float()
        after = em_inf(z, learning_rate=rate, n_grad_steps=steps)
        errors.append(distance(after, closed_form(z, rate, steps)))
        changes.append(distance(after, z))
    error, change = torch.cat(errors), torch.cat(changes)
    low, high = bootstrap(error, prompts)
    found = {"mean": float(error.mean()), "interval": [low, high], "largest": float(error.max())}
    return {"rate": rate, "steps": steps, "rows": len(rows), **found, "change": float(change.mean())}


def show(order: list[dict[str, Any]], near: list[dict[str, Any]], title: str) -> None:
    """Print both tables."""
    console = Console(width=150)
    table = Table("rule", "rate", "steps", "rows with a changed top-50 order [bootstrap 95 %]", title=title)
    table.add_column("prompts with any [Wilson 95 %]")
    for r in order:
        low, high = (100 * bound for bound in r["interval"])
        share = f"{r['changed']}/{r['rows']} = {100 * r['changed'] / r['rows']:.2f} % [{low:.2f}, {high:.2f}]"
        table.add_row(r["rule"], f"{r['rate']:g}", str(r["steps"]), share, shown(r["prompts_with_any"], r["prompts"]))
    console.print(table)
    table = Table("rate", "steps", "rows", "TV to closed form, mean [bootstrap 95 %]", "largest", "TV to plain, mean")
    for r in near:
        mean = f"{r['mean']:.4f} [{r['interval'][0]:.4f}, {r['interval'][1]:.4f}]"
        cells = (mean, f"{r['largest']:.3f}", f"{r['change']:.3f}")
        table.add_row(f"{r['rate']:g}", str(r["steps"]), str(r["rows"]), *cells)
    console.print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder or Hub id of a causal language model")
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--new-tokens", type=int, default=48)
    parser.add_argument("--temperature", type=float, default=1.0, help="of the sampling that meets the steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    settings = {name: getattr(options, name) for name in ("temperature", "prompts", "new_tokens", "seed")}
    rows, prompts = decoding_steps(options.model, **settings)
    above = entropy(rows) >= THRESHOLD
    met = len(rows)
    rows, prompts = rows[above], prompts[above]
    order = [reordered(rows, prompts, "descent", *s) for s in DESCENT]
    order += [reordered(rows, prompts, "Adam", *s) for s in ADAM]
    near = [nearness(rows, prompts, *s) for s in ADAM]
    title = f"{met} steps met at temperature {options.temperature:g}, {len(rows)} of {THRESHOLD} nat or more"
    show(order, near, f"{title}; V = {rows.shape[1]:,}")
    least = torch.cat([smallest_reordering_step(chunk) for chunk in rows.split(CHUNK)])
    quantiles = [float(np.quantile(least.numpy(), q)) for q in (0.0, 0.05, 0.5)]
    print(f"smallest first step that reorders the top {TOP}: least, 5 %, median over rows: {quantiles}")
    if options.json:
        numbers = {"settings": settings, "order": order, "closed_form": near, "smallest_step": quantiles}
        options.json.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
