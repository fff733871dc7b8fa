"""The EM-FT loss against autograd on its definition, in float64."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from entmin.losses import differentiable_entropy, token_entropy_loss


def naive(logits):
    logs = logits.log_softmax(-1)
    return -(logs.exp() * logs).sum(-1)


def case(seed, batch=2, length=4, vocabulary=9, scale=3.0):
    torch.manual_seed(seed)
    logits = (scale * torch.randn(batch, length, vocabulary, dtype=torch.float64)).requires_grad_()
    mask = torch.rand(batch, length) < 0.7
    mask[0, 0] = True
    return logits, mask


@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 30))
@settings(max_examples=40, deadline=None)
def test_value_and_gradient_are_those_of_autograd_on_the_definition(seed, scale):
    logits, mask = case(seed, scale=scale)
    for reduction, count in (("mean", mask.sum()), ("sum", mask.shape[0])):
        ours, theirs = token_entropy_loss(logits, mask, reduction=reduction), (naive(logits) * mask).sum() / count
        (gradient,) = torch.autograd.grad(ours, logits)
        (expected,) = torch.autograd.grad(theirs, logits)
        torch.testing.assert_close(ours, theirs)
        torch.testing.assert_close(gradient, expected, atol=1e-12, rtol=1e-9)


def test_gradcheck():
    logits, mask = case(3)
    assert torch.autograd.gradcheck(lambda z: token_entropy_loss(z, mask), (logits,))
    assert torch.autograd.gradcheck(lambda z: token_entropy_loss(z, mask, reduction="sum", count=7), (logits,))


def test_prompt_and_padding_do_not_count_whatever_they_hold():
    logits, mask = case(5)
    spoiled = logits.detach().clone()
    spoiled[~mask] = float("nan")
    torch.testing.assert_close(token_entropy_loss(spoiled, mask), token_entropy_loss(logits, mask).detach())
    entropies = naive(logits).detach()
    entropies[~mask] = float("nan")
    entropies.requires_grad_()
    token_entropy_loss(entropies, mask).backward()
    assert entropies.grad[mask].isfinite().all() and (entropies.grad[~mask] == 0).all()


def test_parts_with_the_whole_count_add_up_to_the_whole():
    logits, mask = case(7, batch=6)
    for reduction, count in (("mean", mask.sum()), ("sum", 6)):
        whole = token_entropy_loss(logits, mask, reduction=reduction)
        parts = [
            token_entropy_loss(logits[i : i + 2], mask[i : i + 2], reduction=reduction, count=count) for i in (0, 2, 4)
        ]
        torch.testing.assert_close(sum(parts), whole)


def test_entropies_may_be_given_instead_of_logits():
    logits, mask = case(9)
    torch.testing.assert_close(token_entropy_loss(naive(logits), mask), token_entropy_loss(logits, mask))


def test_masked_vocabulary_gets_no_gradient():
    logits, _ = case(11)
    grammar = logits.detach().clone()
    grammar[..., 3] = -torch.inf
    grammar.requires_grad_()
    differentiable_entropy(grammar).sum().backward()
    assert (grammar.grad[..., 3] == 0).all() and grammar.grad.isfinite().all()
    kept = [i for i in range(9) if i != 3]
    torch.testing.assert_close(differentiable_entropy(grammar), naive(logits[..., kept]))


def test_half_precision_is_no_worse_than_its_own_rounding():
    logits, mask = case(13, vocabulary=300)
    short = logits.detach().bfloat16().requires_grad_()
    ours = token_entropy_loss(short, mask)
    truth = token_entropy_loss(short.detach().double(), mask)
    assert ours.dtype == torch.float32 and abs(ours.item() - truth.item()) < 1e-5
    ours.backward()
    assert short.grad.dtype == torch.bfloat16


def test_nothing_masked_in_is_zero_and_differentiable():
    logits, mask = case(15)
    loss = token_entropy_loss(logits, torch.zeros_like(mask))
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()


def test_misfits_are_refused():
    logits, mask = case(17)
    with pytest.raises(ValueError, match="fit"):
        token_entropy_loss(logits, mask[:, :2])
    with pytest.raises(ValueError, match="median"):
        token_entropy_loss(logits, mask, reduction="median")
