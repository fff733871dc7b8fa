import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from entmin.core import certainty, entropy_and_logprob, self_certainty


@given(st.lists(st.floats(-60, 60), min_size=2, max_size=40), st.integers(0, 39))
@settings(deadline=None)
def test_both_agree_with_float64_and_sum_by_definition(row, token):
    token %= len(row)
    exact = [x - max(row) for x in row]
    norm = math.log(math.fsum(math.exp(x) for x in exact))
    log_p = [x - norm for x in exact]
    logits = torch.tensor([row], dtype=torch.float32)
    assert entropy_and_logprob(logits, torch.tensor([token]))[1].item() == pytest.approx(log_p[token], abs=1e-4)
    divergence = math.fsum((math.log(1 / len(row)) - lp) / len(row) for lp in log_p)
    assert self_certainty(logits).item() == pytest.approx(divergence, abs=1e-4)
    assert self_certainty(logits).item() >= -1e-5


def test_a_uniform_row_is_not_certain_at_all_and_masked_tokens_are_left_out():
    rows = torch.zeros(1, 10)
    assert self_certainty(rows).item() == pytest.approx(0, abs=1e-7)
    masked = torch.tensor([[1.0, 2.0, -torch.inf]])
    assert self_certainty(masked).item() == pytest.approx(self_certainty(torch.tensor([[1.0, 2.0]])).item())


def test_half_precision_is_measured_in_single():
    logits = torch.randn(3, 500).mul(8).bfloat16()
    assert torch.allclose(self_certainty(logits), self_certainty(logits.double()).float(), atol=1e-5)
    assert self_certainty(logits).dtype == torch.float32


def by_definition(logits, ids):
    """Log-probabilities and KL(uniform || p) in float64, from log softmax."""
    found = logits.double().log_softmax(-1)
    kept = [row[row > -torch.inf] for row in found]
    divergence = torch.stack([-row.mean() - math.log(len(row)) for row in kept])
    return found.gather(-1, ids[:, None])[:, 0], divergence


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("impl", ["torch", "numba"])
@pytest.mark.parametrize("k", [0, 1, 5, 64, 100])
def test_all_is_what_it_is_by_definition(impl, dtype, k):
    torch.manual_seed(k)
    logits = (torch.randn(5, 5000) * torch.tensor([0.1, 1, 3, 8, 20])[:, None]).to(dtype)
    logits[1, ::3], logits[2, 1:4000] = -torch.inf, -torch.inf
    logits[3, 4999] = 60  # the last block is not full
    ids = torch.tensor([0, 4, 4999, 4999, 1023])
    found = certainty(logits, ids, k, impl=impl)
    logprob, sure = by_definition(logits, ids)
    assert torch.allclose(found.logprob.double(), logprob, atol=2e-5, rtol=1e-6)
    assert torch.allclose(found.self_certainty.double(), sure, atol=2e-5, rtol=1e-6)
    assert found.likeliest.shape == found.values.shape == (5, k)
    assert torch.equal(found.values, logits.float().topk(k).values)
    assert torch.equal(logits.float().gather(-1, found.likeliest), found.values)
    assert all(len(set(row)) == k for row in found.likeliest.tolist())


@given(st.integers(1, 30), st.integers(0, 2**31 - 1))
@settings(deadline=None)
def test_the_likeliest_come_in_order_and_of_equals_the_earlier(k, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(-4, 4, (2, 3000), generator=generator).float()
    logits[1] = torch.linspace(-9, 9, 3000)  # every token is better than all before it
    found = certainty(logits, torch.zeros(2, dtype=torch.int64), k, impl="numba")
    order = [sorted(range(3000), key=lambda i: (-row[i], i))[:k] for row in logits.tolist()]
    assert found.likeliest.tolist() == order


def test_rows_that_are_few_or_apart_in_memory():
    wide = torch.randn(6, 2 * 1500)
    for rows in (wide[::2, :1500], wide[:, ::2], wide[:1, :1500]):
        ids = torch.arange(len(rows))
        ours, other = certainty(rows, ids, 3, impl="numba"), certainty(rows, ids, 3, impl="torch")
        assert torch.equal(ours.likeliest, other.likeliest)
        assert torch.allclose(ours.logprob, other.logprob, atol=1e-5)
        assert torch.allclose(ours.self_certainty, other.self_certainty, atol=1e-5)


@pytest.mark.parametrize("impl", ["torch", "numba"])
def test_broken_rows_have_no_numbers_and_leave_the_others_theirs(impl):
    logits = torch.randn(4, 2000)
    logits[0, 7], logits[1, 1999], logits[2] = torch.nan, torch.inf, -torch.inf
    found = certainty(logits, torch.tensor([1, 1, 1, 1]), 2, impl=impl)
    for numbers in (found.logprob, found.self_certainty):
        assert numbers.isnan().tolist() == [True, True, True, False]
    assert torch.equal(found.likeliest[3], logits[3].topk(2).indices)


def test_what_is_no_row_or_no_token_of_it_is_refused():
    logits = torch.randn(2, 2000)
    with pytest.raises(ValueError, match="ids"):
        certainty(logits, torch.zeros(3, dtype=torch.int64))
    with pytest.raises(ValueError, match="k of 0 to V"):
        certainty(logits, torch.zeros(2, dtype=torch.int64), 2001)
    with pytest.raises(TypeError, match="int64"):
        certainty(logits, torch.zeros(2, dtype=torch.int32))
    with pytest.raises(RuntimeError, match="index"):
        certainty(logits, torch.tensor([0, 2000]), impl="numba")
