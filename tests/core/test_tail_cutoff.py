"""The tail cut-off against the float64 reference: never further off than certified, never further than was allowed."""

from __future__ import annotations

import math
import sys

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import Settings, adam_row, entropy_of
from rows import KINDS, real_rows, rows_of_kind

from entmin.core import em_inf
from entmin.core.impl import IMPLEMENTATIONS
from entmin.errors import UsageError

pytestmark = pytest.mark.skipif(bool(IMPLEMENTATIONS["values"].missing()), reason="Numba is not here")
ROUNDING = 1e-9  # of the reference itself, and of the sums taken here


def run(logits, wanted, cutoff):
    """The result of the public function, and what each of its rows was certified to be within (NaN: exact)."""
    from entmin.core.numba.em_inf import em_inf as compiled

    bounds = torch.zeros(len(logits), dtype=torch.float64)
    out = compiled(logits, **wanted._asdict(), tail_cutoff=cutoff, bounds=bounds)
    assert torch.equal(em_inf(logits, **wanted._asdict(), impl="values", tail_cutoff=cutoff), out)
    return out, bounds


def distance(row, truth):
    return float((row.double().softmax(-1) - truth.softmax(-1)).abs().sum() / 2)


def assert_kept(logits, wanted, cutoff):
    """The bounds hold, and rows without one are the exact function's, bit for bit. Returns the bounds."""
    out, bounds = run(logits, wanted, cutoff)
    exact = em_inf(logits, **wanted._asdict(), impl="values")
    assert torch.equal(out == -torch.inf, logits == -torch.inf)
    for row, ours, plain, bound in zip(logits, out, exact, bounds.tolist(), strict=True):
        if math.isnan(bound):
            assert torch.equal(ours, plain)
        else:
            assert bound <= cutoff
            assert distance(ours, adam_row(row.float(), wanted)) <= bound + ROUNDING
    return bounds


def noisy_real_rows():
    noise = torch.randn(real_rows().shape, generator=torch.Generator().manual_seed(5))
    return real_rows().float() + 1e-3 * noise


@pytest.mark.parametrize("cutoff", [1e-2, 1e-3, 1e-4])
def test_most_rows_of_a_real_model_are_certified_and_their_bounds_hold(cutoff):
    bounds = assert_kept(noisy_real_rows(), Settings(), cutoff)
    assert bounds.isfinite().sum() >= {1e-2: 11, 1e-3: 10, 1e-4: 9}[cutoff]
    assert (bounds > 0).sum() >= 7  # the others were under the threshold and came back untouched


@pytest.mark.parametrize(
    "wanted",
    [
        Settings(n_grad_steps=1),
        Settings(n_grad_steps=8),
        Settings(kl_weight=1.0),
        Settings(kl_weight=0.0, threshold=0.0),
        Settings(learning_rate=0.5),
        Settings(learning_rate=1.0, n_grad_steps=20),
        Settings(threshold=2.0, n_grad_steps=6),
    ],
    ids=str,
)
def test_bounds_hold_on_rows_of_a_real_model_at_other_settings(wanted):
    bounds = assert_kept(noisy_real_rows(), wanted, 0.05)
    if wanted.learning_rate < 1 and wanted.n_grad_steps < 8:
        assert bounds.isfinite().sum() >= 7


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vocabulary", [2, 3, 1025, 5000])
def test_bounds_hold_on_rows_of_every_kind(kind, vocabulary):
    for wanted in (Settings(), Settings(threshold=0.0, n_grad_steps=5), Settings(kl_weight=1.0, learning_rate=1.0)):
        for cutoff in (1e-4, 0.1):
            assert_kept(rows_of_kind(kind, vocabulary), wanted, cutoff)


@st.composite
def hostile_rows(draw):
    """A few likely tokens, some of them tied or next to p = e^-H, over a tail; masked here and there."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    vocabulary = draw(st.integers(2, 5000))
    row = torch.randn(vocabulary, generator=generator) * draw(st.floats(0, 6))
    likely = min(vocabulary, draw(st.integers(1, 40)))
    gap = draw(st.sampled_from([0.0, 1e-7, 1e-3, 0.1, 1.0]))
    row[:likely] = row.max() + draw(st.floats(0, 20)) - gap * torch.arange(likely)
    if draw(st.booleans()) and vocabulary > likely + 1:  # one token at the level the gradient's sign turns at
        offset = draw(st.sampled_from([0.0, 1e-6, -1e-6, 1e-3, -1e-3, 0.05]))
        row[likely] = row.double().logsumexp(-1) - entropy_of(row.double()) + offset
    if draw(st.booleans()):
        row[1 + torch.randint(vocabulary - 1, (vocabulary // 3,), generator=generator)] = -torch.inf
    return (row * draw(st.floats(0.3, 3)))[None]


@st.composite
def any_settings(draw, row):
    level = float(entropy_of(row[0][row[0] > -torch.inf].double()))
    threshold = draw(st.sampled_from([0.0, 0.3, level, level * 0.97, level * 0.7]))
    return Settings(threshold, draw(st.floats(0, 1)), draw(st.floats(0, 1)), draw(st.integers(0, 20)))


@given(data=st.data(), cutoff=st.floats(1e-6, 0.9))
@settings(deadline=None, max_examples=300)
def test_bounds_hold_on_hostile_rows_at_any_settings(data, cutoff):
    row = data.draw(hostile_rows())
    assert_kept(row, data.draw(any_settings(row)), cutoff)


@given(seed=st.integers(0, 10_000), share=st.floats(1e-6, 0.05), offset=st.floats(-0.02, 0.02), steps=st.integers(1, 6))
@example(seed=0, share=1e-3, offset=0.0, steps=3)
@settings(deadline=None, max_examples=100)
def test_bounds_hold_where_a_likely_token_may_turn_round(seed, share, offset, steps):
    # Three likely tokens, the middle one close to p = e^-H, over a tail that holds this share of the mass.
    generator = torch.Generator().manual_seed(seed)
    row = torch.cat([torch.tensor([2.0, 1.0, 0.0]), torch.randn(4000, generator=generator)])
    row[3:] += row[:3].logsumexp(-1) + math.log(share) - row[3:].logsumexp(-1)
    for _ in range(30):
        row[1] = row.double().logsumexp(-1) - entropy_of(row.double()) + offset
    assert_kept(row[None], Settings(threshold=0.0, n_grad_steps=steps), 0.2)


@given(seed=st.integers(0, 10_000), nearer=st.sampled_from([0.0, 1e-9, -1e-9, 1e-6, -1e-6]), step=st.integers(0, 2))
@settings(deadline=None, max_examples=60)
def test_a_threshold_that_is_met_on_the_way_is_never_decided_wrongly(seed, nearer, step):
    row = rows_of_kind("realistic", 3000, count=1, seed=seed)
    met = float(entropy_of(adam_row(row[0], Settings(0.0, n_grad_steps=step)))) + nearer
    assert_kept(row, Settings(threshold=met, n_grad_steps=4), 0.2)


@pytest.mark.parametrize("impl", ["torch", "values", "auto"])
def test_bf16_numbers_stay_exact(impl):
    exact = em_inf(real_rows(), impl=impl)
    assert torch.equal(em_inf(real_rows(), impl=impl, tail_cutoff=1e-2), exact)
    assert torch.equal(em_inf(real_rows().float(), impl=impl, tail_cutoff=1e-2), exact)


def test_plain_torch_is_exact_whatever_it_is_allowed():
    logits = noisy_real_rows()[:4]
    assert torch.equal(em_inf(logits, impl="torch", tail_cutoff=0.5), em_inf(logits, impl="torch"))


def test_rows_under_the_threshold_and_tails_keep_their_logits_bit_for_bit():
    logits = noisy_real_rows()
    out = em_inf(logits, impl="values", tail_cutoff=1e-3)
    assert torch.equal(out[:2], logits[:2])
    changed = (out != logits).sum(-1)
    assert (changed[2:10] > 0).all()
    assert (changed[2:10] < 3072).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_memory_broken_rows_and_company_make_no_difference(dtype):
    logits = torch.cat([rows_of_kind(kind, 2000) for kind in ("realistic", "random", "masked")]).to(dtype)
    logits[1, 7], logits[2, 0], logits[4] = torch.nan, torch.inf, -torch.inf
    expected = em_inf(logits, impl="values", tail_cutoff=0.05)
    assert expected[[1, 2, 4]].isnan().all()
    room = torch.full((len(logits), 2003), 7.0)
    em_inf(logits, impl="values", tail_cutoff=0.05, out=room[:, :2000])
    assert torch.equal(room[:, :2000].nan_to_num(), expected.nan_to_num())
    over = logits.float().clone()
    em_inf(over, impl="values", tail_cutoff=0.05, out=over)
    assert torch.equal(over.nan_to_num(), expected.nan_to_num())
    for i in (0, 3, 8):
        assert torch.equal(em_inf(logits[i : i + 1], impl="values", tail_cutoff=0.05), expected[i : i + 1])


@pytest.mark.parametrize("bad", [0, 1, -0.1, 1.5, math.nan, math.inf])
@pytest.mark.parametrize("impl", ["torch", "values"])
def test_values_out_of_range_are_refused(bad, impl):
    with pytest.raises(UsageError, match="tail_cutoff must be between 0 and 1"):
        em_inf(real_rows(), tail_cutoff=bad, impl=impl)


def test_triton_refuses_it_and_names_the_remedy(monkeypatch):
    monkeypatch.setattr(sys.modules["entmin.core.em_inf"], "implementation", lambda *_: "triton")
    with pytest.raises(UsageError, match="impl='torch'"):
        em_inf(real_rows(), tail_cutoff=0.01)
