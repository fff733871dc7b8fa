"""Rivals of EM-INF: each against its paper's formula written again in float64, and the laws every method keeps."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import MinPLogitsWarper, TopHLogitsWarper

from entmin.errors import UsageError
from entmin.methods import Edt, EmInf, MinP, PLess, PLessNorm, TopH, TopNSigma, TwoLevel, method_class
from entmin.methods.ahead import ahead_of_temperature
from entmin.methods.truncation import Truncation

SEEDS, SCALES = st.integers(0, 10_000), st.floats(0.05, 12)
VOCABULARIES = st.sampled_from([2, 3, 9, 257, 1500, 5003])
few = settings(deadline=None, max_examples=40)
RIVALS = [TwoLevel(), TwoLevel(1.0, 0.0), Edt(), Edt(0.7, 1.0), MinP(), MinP(0.5), TopNSigma(), TopNSigma(2.5), PLess(),
          PLessNorm(), TopH(), TopH(0.8)]  # fmt: skip
CUTS = [method for method in RIVALS if isinstance(method, Truncation)]
every = pytest.mark.parametrize("method", RIVALS, ids=lambda m: m.describe())
every_cut = pytest.mark.parametrize("method", CUTS, ids=lambda m: m.describe())


def rows(seed, vocabulary, scale, count=4):
    """``[count, V]`` float32 in which no logit occurs twice in a row, the second row masked in part."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, vocabulary, generator=generator) * scale
    logits[1, 1::3] = -torch.inf
    return logits


def probabilities(row):
    """Softmax in float64, from a list of numbers."""
    top = max(row)
    weights = [math.exp(z - top) for z in row]
    return [w / math.fsum(weights) for w in weights]


def shannon(p):
    return -math.fsum(x * math.log(x) for x in p if x > 0)


def two_level(row, c, threshold):
    p = probabilities(row)
    h = shannon(p)
    if h <= threshold:
        return row
    side = [math.copysign(1, math.log(x) + h) if x > 0 else -1 for x in p]
    return [z + c * s for z, s in zip(row, side, strict=True)]


def edt(row, t0, theta):
    temperature = max(t0 * 0.8 ** (theta / max(shannon(probabilities(row)), 1e-9)), 1e-4)
    return [z / temperature for z in row]


def cut(row, inside):
    return [z if keep else -math.inf for z, keep in zip(row, inside, strict=True)]


def min_p(row, p_base):
    p = probabilities(row)
    least = p_base * max(p)
    return cut(row, [x >= least for x in p])


def top_n_sigma(row, n):
    unmasked = [z for z in row if z > -math.inf]
    mean = math.fsum(unmasked) / len(unmasked)
    sigma = math.sqrt(math.fsum((z - mean) ** 2 for z in unmasked) / len(unmasked))
    least = max(row) - n * sigma
    return cut(row, [z >= least for z in row])


def p_less(row):
    p = probabilities(row)
    collision = math.fsum(x * x for x in p)
    return cut(row, [x >= collision for x in p])


def p_less_norm(row):
    p = probabilities(row)
    count = sum(z > -math.inf for z in row)
    threshold = (count * math.fsum(x * x for x in p) - 1) / (count - 1) if count > 1 else 0
    return cut(row, [x >= threshold for x in p])


def top_h(row, alpha):
    order = sorted(range(len(row)), key=lambda i: -row[i])[:100]
    p = probabilities([row[i] for i in order])
    limit, total, inside = alpha * shannon(p), 0.0, {order[0]}
    for i, x in zip(order, p, strict=True):
        total -= x * math.log(x) if x > 0 else 0
        if total > limit:
            break
        inside.add(i)
    return cut(row, [i in inside for i in range(len(row))])


REFERENCES = [
    (TwoLevel, two_level, {"c": st.floats(0, 3), "threshold": st.floats(0, 2)}),
    (Edt, edt, {"t0": st.floats(0.2, 2), "theta": st.floats(0, 2)}),
    (MinP, min_p, {"p_base": st.floats(0.001, 0.999)}),
    (TopNSigma, top_n_sigma, {"n": st.floats(0.1, 5)}),
    (PLess, p_less, {}),
    (PLessNorm, p_less_norm, {}),
    (TopH, top_h, {"alpha": st.floats(0.01, 0.99)}),
]


@pytest.mark.parametrize(("cls", "reference", "ranges"), REFERENCES, ids=lambda case: getattr(case, "__name__", ""))
@given(data=st.data(), seed=SEEDS, vocabulary=st.sampled_from([2, 3, 9, 257, 1500]), scale=SCALES)
@few
def test_agrees_with_the_formula(cls, reference, ranges, data, seed, vocabulary, scale):
    chosen = {name: data.draw(values, name) for name, values in ranges.items()}
    logits = rows(seed, vocabulary, scale).double()
    ours = cls(*chosen.values()).adjust(logits)
    truth = torch.tensor([reference(row, **chosen) for row in logits.tolist()], dtype=torch.float64)
    torch.testing.assert_close(ours, truth, rtol=1e-9, atol=1e-9)


@given(seed=SEEDS, vocabulary=VOCABULARIES, scale=SCALES, p_base=st.floats(0.01, 0.99))
@few
def test_min_p_is_that_of_transformers(seed, vocabulary, scale, p_base):
    logits = rows(seed, vocabulary, scale)
    assert torch.equal(MinP(p_base).adjust(logits), MinPLogitsWarper(p_base)(None, logits))


@given(seed=SEEDS, vocabulary=VOCABULARIES, scale=SCALES, alpha=st.floats(0.01, 0.99))
@few
def test_top_h_is_that_of_transformers(seed, vocabulary, scale, alpha):
    logits = rows(seed, vocabulary, scale).double()
    assert torch.equal(TopH(alpha).adjust(logits), TopHLogitsWarper(alpha)(None, logits))


@every
@given(seed=SEEDS, vocabulary=VOCABULARIES, scale=SCALES, dtype=st.sampled_from([torch.float32, torch.bfloat16]))
@few
def test_rows_do_not_influence_each_other(method, seed, vocabulary, scale, dtype):
    logits = rows(seed, vocabulary, scale).to(dtype)
    together = method.adjust(logits)
    assert torch.equal(torch.cat([method.adjust(row[None]) for row in logits]), together)
    assert torch.equal(method.adjust(logits.flip(0)), together.flip(0))


@every
def test_long_rows_do_not_depend_on_their_company_with_more_threads(method):
    logits = rows(3, 40_000, 2.0, count=5)
    torch.set_num_threads(2)
    try:
        assert torch.equal(torch.cat([method.adjust(row[None]) for row in logits]), method.adjust(logits))
    finally:
        torch.set_num_threads(1)


@every
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_masked_entries_dtype_and_the_input_are_kept(method, dtype):
    logits = rows(7, 300, 3).to(dtype)
    before = logits.clone()
    out = method.adjust(logits)
    assert out.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert (out[logits == -torch.inf] == -torch.inf).all()
    assert torch.equal(logits, before)
    assert torch.equal(method.adjust(logits.T.contiguous().T), out)


@every
@given(seed=SEEDS, vocabulary=VOCABULARIES, scale=SCALES)
@few
def test_the_likeliest_token_stays_the_likeliest(method, seed, vocabulary, scale):
    logits = rows(seed, vocabulary, scale)
    assert torch.equal(method.adjust(logits).argmax(-1), logits.argmax(-1))


@every
@given(seed=SEEDS, vocabulary=VOCABULARIES, shift=st.integers(-64, 64))
@few
def test_a_constant_added_to_every_logit_changes_nothing(method, seed, vocabulary, shift):
    logits = ((rows(seed, vocabulary, 3.0).double() * 512).round() / 512).clamp(-60, 60).masked_fill(
        rows(seed, vocabulary, 3.0) == -torch.inf, -torch.inf
    )  # fmt: skip
    there, here = method.adjust(logits + shift), method.adjust(logits)
    torch.testing.assert_close(there.softmax(-1), here.softmax(-1), rtol=1e-9, atol=1e-12)


@every
@given(seed=SEEDS, vocabulary=VOCABULARIES, padding=st.integers(1, 200))
@few
def test_padding_the_vocabulary_with_masked_entries_changes_nothing(method, seed, vocabulary, padding):
    logits = rows(seed, vocabulary, 3.0).double()
    padded = method.adjust(torch.nn.functional.pad(logits, (0, padding), value=-torch.inf))
    assert (padded[:, vocabulary:] == -torch.inf).all()
    torch.testing.assert_close(padded[:, :vocabulary], method.adjust(logits), rtol=1e-12, atol=1e-12)


@every
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("vocabulary", [40, 5000])
def test_broken_rows_become_nan_and_leave_the_others_alone(method, dtype, vocabulary):
    logits = torch.randn(5, vocabulary, generator=torch.Generator().manual_seed(1)).to(dtype) * 3
    healthy = method.adjust(logits)
    damaged = logits.clone()
    damaged[1, 7], damaged[2, 3], damaged[3] = torch.nan, torch.inf, -torch.inf
    out = method.adjust(damaged)
    assert out[1:4].isnan().all()
    assert torch.equal(out[[0, 4]], healthy[[0, 4]])


@every
def test_empty_batches_single_tokens_and_flat_rows(method):
    assert method.adjust(torch.zeros(0, 30)).shape == (0, 30)
    assert method.adjust(torch.tensor([[2.5]])).isfinite().all()
    only = torch.full((1, 50), -torch.inf)
    only[0, 7] = -3.0
    assert torch.equal(method.adjust(only).softmax(-1), only.softmax(-1))
    flat = method.adjust(torch.full((2, 60), 1.5))
    torch.testing.assert_close(flat.softmax(-1), torch.full((2, 60), 1 / 60))


@every_cut
@given(seed=SEEDS, vocabulary=VOCABULARIES, scale=SCALES)
@few
def test_cutting_changes_no_logit_that_stays(method, seed, vocabulary, scale):
    logits = rows(seed, vocabulary, scale)
    out = method.adjust(logits)
    assert ((out == logits) | (out == -torch.inf)).all()
    lowest = out.masked_fill(out == -torch.inf, torch.inf).amin(-1, keepdim=True)
    assert torch.equal(out > -torch.inf, logits >= lowest)  # what stays is likelier than what goes


@given(seed=SEEDS, vocabulary=VOCABULARIES, scale=SCALES, p_base=st.floats(0, 1))
@few
def test_min_p_twice_is_min_p_once(seed, vocabulary, scale, p_base):
    once = MinP(p_base).adjust(rows(seed, vocabulary, scale))
    assert torch.equal(MinP(p_base).adjust(once), once)


@given(seed=SEEDS, vocabulary=VOCABULARIES, scale=SCALES, temperature=st.floats(0.1, 4))
@few
def test_top_n_sigma_is_the_same_before_and_after_temperature(seed, vocabulary, scale, temperature):
    logits = rows(seed, vocabulary, scale).double()
    kept = TopNSigma(1.5).adjust(logits) > -torch.inf
    assert torch.equal(TopNSigma(1.5).adjust(logits / temperature) > -torch.inf, kept)


@given(seed=SEEDS, vocabulary=VOCABULARIES, scale=SCALES)
@few
def test_p_less_norm_keeps_what_p_less_keeps(seed, vocabulary, scale):
    logits = rows(seed, vocabulary, scale)
    assert (PLessNorm().adjust(logits)[PLess().adjust(logits) > -torch.inf] > -torch.inf).all()


@given(seed=SEEDS, scale=st.floats(0.5, 4))
@few
def test_the_two_level_tilt_is_em_inf_with_one_step_where_gradients_are_large(seed, scale):
    logits = torch.randn(3, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * scale
    log_p = logits.log_softmax(-1)
    p, h = log_p.exp(), -(log_p.exp() * log_p).sum(-1, keepdim=True)
    large = ((p * (log_p + h)).abs() > 1e-5).all(-1) & (h.squeeze(-1) > 0.3)
    adam = EmInf(learning_rate=0.2, n_grad_steps=1).adjust(logits)
    torch.testing.assert_close(TwoLevel(0.2).adjust(logits)[large], adam[large], rtol=0, atol=1e-3)


def test_edt_with_theta_zero_is_a_fixed_temperature_and_sure_rows_are_greedy():
    logits = rows(5, 200, 2.0)
    torch.testing.assert_close(Edt(0.7, 0).adjust(logits), logits / 0.7)
    sure = torch.zeros(1, 50)
    sure[0, 3] = 60.0
    assert Edt(1.0, 1.0).adjust(sure).softmax(-1)[0, 3] == 1


def test_a_method_says_where_it_belongs():
    stages = {name: method_class(name).stage for name in ("two_level", "edt", "top_n_sigma", "em_inf", "adaptive_temp")}
    assert set(stages.values()) == {"before"}
    assert {method_class(name).stage for name in ("min_p", "p_less", "p_less_norm", "top_h")} == {"after"}


@pytest.mark.parametrize("method", [MinP(0.3), PLess(), PLessNorm(), TopH()], ids=lambda m: m.name)
@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_ahead_of_a_temperature_that_comes_later(method, temperature):
    logits = rows(11, 400, 3.0)
    expected = method.adjust(logits / temperature)
    out = ahead_of_temperature(method, temperature).adjust(logits) / temperature
    assert torch.equal(out == -torch.inf, expected == -torch.inf)
    torch.testing.assert_close(out, expected)
    assert torch.equal(ahead_of_temperature(method, 0).adjust(logits), logits)
    with pytest.raises(UsageError, match=f"{method.name} works on logits after temperature"):
        ahead_of_temperature(method, None)


def test_ahead_of_temperature_leaves_the_other_methods_alone():
    assert ahead_of_temperature(EmInf(), None) is not None
    assert ahead_of_temperature(EmInf(), 0.5) == EmInf()
