"""SLS, the method with memory: against its formulas written again in numpy, its laws, and how hosts find its states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.methods.test_rivals import SCALES, SEEDS, VOCABULARIES, rows

from entmin.core import entropy
from entmin.errors import UsageError
from entmin.methods import Sls, TopH, method_names, register_method
from entmin.methods.memory import Sequences

few = settings(deadline=None, max_examples=20)
STRONG = Sls(window=6, k=12, rank=2, alpha=3.0, threshold=0.05, gap=20.0)


def sequence(seed, vocabulary, scale, steps, count=4):
    """``[steps, count, V]`` float32; a sequence's rows resemble each other, as a model's do not, which is harder."""
    return torch.stack([rows(seed * 131 + step, vocabulary, scale, max(2, count))[:count] for step in range(steps)])


def run(method, steps):
    """Adjust ``[steps, B, V]``, each column a sequence of its own."""
    states, out = [method.start() for _ in steps[0]], []
    for logits in steps:
        adjusted, states = method.adjust_with(logits, states)
        out.append(adjusted.logits)
    return torch.stack(out)


def reference(steps, window, k, rank, alpha, threshold, gap):
    """``[steps, V]`` of one sequence from the docstring's formulas; directions are eigenvectors of the covariance."""
    buffer, out = [], []
    for z in np.asarray(steps, dtype=np.float64):
        finite = np.sort(z[np.isfinite(z)])[::-1]
        top = np.concatenate([finite[:k], np.repeat(finite[-1], max(0, k - len(finite)))])
        c = top - top.mean()
        buffer = [*buffer, c][-window:]
        p = np.exp(finite - finite[0]) / np.exp(finite - finite[0]).sum()
        h = -(p[p > 0] * np.log(p[p > 0])).sum()
        if h <= threshold or top[0] - top[1] >= gap:
            out.append(z)
            continue
        g = alpha * (1 - threshold / h) * (1 - (top[0] - top[1]) / gap)
        centred = np.array(buffer) - np.mean(buffer, axis=0)
        values, vectors = np.linalg.eigh(centred.T @ centred)
        leading = [vectors[:, i] for i in np.argsort(-values)[:rank] if values[i] > 1e-12]
        y = sorted((c + g * sum((v @ c * v for v in leading), np.zeros(k))), reverse=True)
        new = z.copy()
        for i, value in enumerate(z):
            alike = [y[j] - c[j] for j in range(k) if top[j] == value] or [
                y[j] - c[j] for j in range(k) if top[j] == top[-1]
            ]
            new[i] = value + np.mean(alike)
        out.append(new)
    return np.array(out)


@given(seed=SEEDS, vocabulary=st.sampled_from([2, 3, 9, 257]), scale=SCALES, window=st.integers(2, 8),
       k=st.integers(2, 24), alpha=st.floats(0, 5), threshold=st.floats(0, 1), gap=st.floats(0.5, 30))  # fmt: skip
@few
def test_agrees_with_the_formulas(seed, vocabulary, scale, window, k, alpha, threshold, gap):
    """With all directions: which are the leading ones is settled by rounding where singular values are close."""
    steps = sequence(seed, vocabulary, scale, 10, count=2).double()
    method = Sls(window, k, k, alpha, threshold, gap)
    ours = run(method, steps).numpy()
    for i in range(2):
        truth = reference(steps[:, i], window, k, k, alpha, threshold, gap)
        np.testing.assert_allclose(ours[:, i], truth, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_agrees_with_the_formulas_for_a_few_leading_directions(rank):
    steps = sequence(5, 120, 2.0, 24).double()
    ours = run(Sls(rank=rank, threshold=0.0, gap=10.0), steps).numpy()
    assert not np.allclose(ours, steps.numpy())
    for i in range(4):
        truth = reference(steps[:, i], 16, 20, rank, 1.0, 0.0, 10.0)
        np.testing.assert_allclose(ours[:, i], truth, rtol=1e-6, atol=1e-6)


@given(seed=SEEDS, vocabulary=VOCABULARIES, scale=SCALES, dtype=st.sampled_from([torch.float32, torch.bfloat16]))
@few
def test_a_sequence_does_not_depend_on_its_neighbours(seed, vocabulary, scale, dtype):
    steps = sequence(seed, vocabulary, scale, 7).to(dtype)
    together = run(STRONG, steps)
    for i in range(steps.shape[1]):
        assert torch.equal(run(STRONG, steps[:, i : i + 1])[:, 0], together[:, i])
    assert torch.equal(run(STRONG, steps.flip(1)), together.flip(1))


def test_sequences_that_join_and_leave_keep_their_own_memory():
    """The second sequence arrives when the first has made four steps; the first leaves, and a third takes its row."""
    steps = sequence(3, 300, 2.0, 12, count=3)
    alone = run(STRONG, steps)
    states = {0: STRONG.start()}
    for step in range(12):
        live = [0] if step < 4 else [0, 1] if step < 8 else [2, 1]
        ages = {0: step, 1: step - 4, 2: step - 8}
        logits = torch.stack([steps[ages[i], i] for i in live])
        adjusted, following = STRONG.adjust_with(logits, [states.get(i, STRONG.start()) for i in live])
        states |= dict(zip(live, following, strict=True))
        for row, i in enumerate(live):
            assert torch.equal(adjusted.logits[row], alone[ages[i], i])


def test_states_are_not_written_to_so_that_a_step_can_be_repeated():
    steps = sequence(4, 200, 2.0, 5, count=2)
    states = [STRONG.start(), STRONG.start()]
    for logits in steps:
        kept = [state.copy() for state in states]
        first, following = STRONG.adjust_with(logits, states)
        again, same = STRONG.adjust_with(logits, states)
        assert torch.equal(first.logits, again.logits)
        assert all(np.array_equal(a, b) for a, b in zip(states, kept, strict=True))
        assert all(np.array_equal(a, b) for a, b in zip(following, same, strict=True))
        states = following


def test_it_remembers_and_only_so_far_as_its_window():
    steps = sequence(6, 300, 2.0, 12, count=1)
    other = sequence(7, 300, 2.0, 12, count=1)
    changed = torch.cat([other[:3], steps[3:]])
    ours, theirs = run(STRONG, steps), run(STRONG, changed)
    differs = [not torch.equal(a, b) for a, b in zip(ours[3:], theirs[3:], strict=True)]
    assert any(differs[:3])
    assert not any(differs[STRONG.window - 1 :])


@given(seed=SEEDS, vocabulary=VOCABULARIES, scale=SCALES)
@few
def test_order_argmax_masks_and_input_are_kept(seed, vocabulary, scale):
    steps = sequence(seed, vocabulary, scale, 5)
    before = steps.clone()
    out = run(STRONG, steps)
    assert torch.equal(steps, before)
    assert torch.equal(out.argmax(-1), steps.argmax(-1))
    assert torch.equal(out == -torch.inf, steps == -torch.inf)
    ordered = out.gather(-1, steps.argsort(dim=-1, descending=True))
    assert (ordered[..., 1:] <= ordered[..., :-1] + 1e-4).all()


def test_tied_logits_stay_tied():
    steps = (sequence(8, 400, 1.0, 8) * 2).round() / 2
    out = run(STRONG, steps)
    assert not torch.equal(out, steps)
    for logits, made in zip(steps.reshape(-1, 400), out.reshape(-1, 400), strict=True):
        for value in logits.unique():
            assert len(made[logits == value].unique()) == 1


@given(seed=SEEDS, vocabulary=VOCABULARIES, scale=SCALES)
@few
def test_the_spread_of_the_likeliest_never_shrinks(seed, vocabulary, scale):
    k = min(STRONG.k, vocabulary)
    steps = sequence(seed, vocabulary, scale, 6)[:, :1].double()
    spread = [x.topk(k).values.var(-1, unbiased=False) for x in (steps, run(STRONG, steps))] if vocabulary > k else []
    assert not spread or (spread[1] >= spread[0] * (1 - 1e-9)).all()


@given(seed=SEEDS, vocabulary=VOCABULARIES, shift=st.integers(-64, 64))
@few
def test_a_constant_added_to_every_logit_of_a_step_changes_nothing(seed, vocabulary, shift):
    steps = ((sequence(seed, vocabulary, 3.0, 6).double() * 512).round() / 512).clamp(-60, 60)
    moved = steps.clone()
    moved[2:4] += shift
    torch.testing.assert_close(run(Sls(k=4, rank=4), moved).softmax(-1), run(Sls(k=4, rank=4), steps).softmax(-1))


@given(seed=SEEDS, vocabulary=VOCABULARIES, padding=st.integers(1, 200))
@few
def test_padding_the_vocabulary_with_masked_entries_changes_nothing(seed, vocabulary, padding):
    steps = sequence(seed, vocabulary, 3.0, 5).double()
    padded = run(STRONG, torch.nn.functional.pad(steps, (0, padding), value=-torch.inf))
    assert (padded[..., vocabulary:] == -torch.inf).all()
    torch.testing.assert_close(padded[..., :vocabulary], run(STRONG, steps), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_broken_rows_become_nan_and_neither_neighbours_nor_memory_notice(dtype):
    steps = sequence(9, 500, 2.0, 6).to(dtype)
    healthy = run(STRONG, torch.cat([steps[:2], steps[3:]]))
    damaged = steps.clone()
    damaged[2, 0, 7], damaged[2, 1, 3], damaged[2, 2] = torch.nan, torch.inf, -torch.inf
    out = run(STRONG, damaged)
    assert out.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert out[2, :3].isnan().all()
    assert torch.equal(torch.cat([out[:2], out[3:]])[:, :3], healthy[:, :3])
    assert torch.equal(out[:, 3], run(STRONG, steps)[:, 3])


def test_where_the_model_is_sure_and_at_the_first_step_nothing_moves():
    steps = sequence(10, 300, 3.0, 8)
    assert torch.equal(run(STRONG, steps[:1]), steps[:1])
    assert torch.equal(run(Sls(threshold=100.0), steps), steps)
    assert torch.equal(run(Sls(gap=1e-6), steps), steps)
    assert torch.equal(run(Sls(alpha=0.0), steps), steps)
    out, h = run(Sls(), steps), entropy(steps)
    best = steps.topk(2).values
    alone = (h <= 0.3) | (best[..., 0] - best[..., 1] >= 3.0)
    assert alone[1:].any()
    assert torch.equal(out[alone], steps[alone])
    assert not torch.equal(out[1:][~alone[1:]], steps[1:][~alone[1:]])


def test_entropies_are_those_of_the_rows():
    states = [STRONG.start()] * 4
    for logits in sequence(11, 300, 2.0, 4):
        adjusted, states = STRONG.adjust_with(logits, states)
        torch.testing.assert_close(adjusted.before, entropy(logits))
        torch.testing.assert_close(adjusted.after, entropy(adjusted.logits))


def test_empty_batches_single_tokens_and_flat_rows():
    assert STRONG.adjust_with(torch.zeros(0, 30), [])[0].logits.shape == (0, 30)
    assert torch.equal(run(STRONG, torch.full((3, 1, 1), 2.5)), torch.full((3, 1, 1), 2.5))
    flat = torch.full((3, 2, 60), 1.5)
    torch.testing.assert_close(run(STRONG, flat).softmax(-1), flat.softmax(-1))
    only = torch.full((3, 1, 50), -torch.inf)
    only[..., 7] = -3.0
    assert torch.equal(run(STRONG, only).softmax(-1), only.softmax(-1))


def test_rows_without_their_sequences_are_refused():
    assert Sls.memory
    assert not TopH.memory
    with pytest.raises(UsageError, match="sls remembers the steps of each sequence"):
        Sls().adjust(torch.zeros(1, 5))


def test_a_method_with_memory_belongs_before_the_temperature():
    class Late(Sls):
        name, stage = "late", "after"

    with pytest.raises(UsageError, match="method late: a method with memory belongs before the temperature"):
        register_method(Late)
    assert "late" not in method_names()


def test_hosts_find_states_by_tokens_wherever_a_row_moves():
    steps = sequence(12, 90, 2.0, 6, count=3)
    alone = run(STRONG, steps)
    ids, order = np.array([[0, 1], [0, 2], [0, 3]]), [0, 1, 2]
    sequences = Sequences(STRONG)
    for step in range(6):
        out = sequences.adjust(ids, steps[step][order]).logits
        assert torch.equal(out, alone[step][order])
        turned = [2, 0, 1] if step % 2 else [1, 0, 2]
        order = [order[i] for i in turned]
        ids = np.concatenate([ids[turned], [[9], [9], [9]]], axis=1)


def test_a_beam_that_splits_gives_both_halves_its_memory():
    steps = sequence(13, 90, 2.0, 4, count=1)
    sequences = Sequences(STRONG)
    sequences.adjust(np.array([[5], [6]]), torch.cat([steps[0], steps[1] * 2]))
    out = sequences.adjust(np.array([[5, 1], [5, 2]]), steps[1].repeat(2, 1)).logits
    assert torch.equal(out, run(STRONG, steps[:2])[1].repeat(2, 1))


@pytest.mark.parametrize("ids", [[[5]], [[5, 1, 2]], [[6, 1]], [[5, 1], [6, 1]]], ids=str)
def test_tokens_that_go_back_skip_or_belong_to_nobody_are_refused(ids):
    sequences = Sequences(STRONG)
    sequences.adjust(np.array([[5]]), torch.zeros(1, 9))
    with pytest.raises(UsageError, match="do not go on with the step before by one token: build a new processor"):
        sequences.adjust(np.array(ids), torch.zeros(len(ids), 9))
