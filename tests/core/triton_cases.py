"""The Triton kernels against float64 autograd: run by test_triton.py in a process of its own, where Triton interprets.

`TRITON_INTERPRET=1` must be set before Triton is imported, and other tests may have imported it. Without it these run
on the CUDA device.
"""

from __future__ import annotations

import functools
import os
import sys

import pytest
import torch
from tests.core.reference import Settings, adam_rows, entropy_of, probability_error, total_variation
from tests.core.rows import KINDS, real_rows, rows_of_kind

from entmin.core import em_inf, entropy, entropy_and_logprob, impl, solve_temperature
from entmin.core.triton import em_inf as kernel_of_all_settings
from entmin.core.triton import launch

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"
CORNERS = [
    Settings(),
    Settings(n_grad_steps=20),
    Settings(kl_weight=0.0),
    Settings(kl_weight=1.0, learning_rate=1.0, n_grad_steps=10),
    Settings(threshold=0.0, n_grad_steps=15),
    Settings(threshold=2.0, learning_rate=1.0, n_grad_steps=20),
    Settings(learning_rate=0.0),
    Settings(n_grad_steps=0),
]
kernel = functools.partial(kernel_of_all_settings, **Settings()._asdict())
NARROW = {"tmax": 0.5, "tmin": 0.2}
pytestmark = pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value", "ignore:overflow")
cuda = pytest.mark.skipif(INTERPRETED, reason="needs a CUDA device")


def assert_agrees(logits, settings):
    """Not worse than autograd in float32 by more than rounding, and the house tolerance."""
    ours = em_inf(logits.to(DEVICE), **settings._asdict(), impl="triton").cpu()
    truth, plain = adam_rows(logits, settings), adam_rows(logits, settings, torch.float32)
    assert torch.equal(ours == -torch.inf, logits == -torch.inf)
    assert probability_error(ours, truth) <= min(1e-5, probability_error(plain, truth) + 1e-6)
    assert total_variation(ours, truth) <= min(1e-4, total_variation(plain, truth) + 1e-6)


@pytest.mark.parametrize("vocabulary", [3, 1025])
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_autograd_adam(kind, vocabulary):
    assert_agrees(rows_of_kind(kind, vocabulary, 1), Settings())
    assert_agrees(rows_of_kind(kind, vocabulary, 1).bfloat16(), Settings())


@pytest.mark.parametrize("settings", CORNERS, ids=str)
def test_agrees_at_the_corners(settings):
    logits = torch.cat([rows_of_kind(kind, 1100, 1) for kind in ("near_tied", "masked", "realistic")])
    assert_agrees(logits[:2], settings)
    assert_agrees(logits[2:].half(), settings)


@pytest.mark.slow
def test_agrees_on_rows_of_a_real_model():
    assert_agrees(real_rows()[[2, 5]], Settings())


@pytest.mark.slow
@pytest.mark.parametrize("vocabulary", [151_936, 262_144])
def test_agrees_on_large_vocabularies(vocabulary):
    logits = torch.cat([rows_of_kind(kind, vocabulary, 1) for kind in ("realistic", "random", "masked")])
    assert_agrees(logits, Settings())
    assert_agrees(logits.bfloat16(), Settings())


@pytest.mark.slow
@pytest.mark.parametrize("vocabulary", [2, 3, 17, 1000, 1025, 3000])
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_at_all_corners_on_every_kind(kind, vocabulary):
    for settings in CORNERS:
        assert_agrees(rows_of_kind(kind, vocabulary, 2), settings)
        assert_agrees(rows_of_kind(kind, vocabulary, 2).bfloat16(), settings)


@pytest.mark.slow
def test_agrees_on_a_batch_of_512():
    assert_agrees(rows_of_kind("random", 40, 512), Settings())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_under_the_threshold_come_back_bit_for_bit(dtype):
    logits = torch.cat([rows_of_kind("peaked", 1500, 1), rows_of_kind("random", 1500, 1)]).to(dtype).to(DEVICE)
    out = em_inf(logits, impl="triton")
    assert torch.equal(out[0], logits[0].float())
    assert not (out[1] == logits[1]).all()


def test_broken_rows_become_nan_and_leave_the_others_alone():
    logits = rows_of_kind("random", 1500, count=5).to(DEVICE)
    damaged = logits.clone()
    damaged[1, 7], damaged[2, 1400], damaged[3] = torch.nan, torch.inf, -torch.inf
    for steps in (0, 2):
        out = em_inf(damaged, n_grad_steps=steps, impl="triton")
        assert out[1:4].isnan().all()
        assert torch.equal(out[[0, 4]], em_inf(logits[[0, 4]], n_grad_steps=steps, impl="triton"))
        kernel(damaged.clone(), n_grad_steps=steps)
    ids = torch.zeros(5, dtype=torch.int64, device=DEVICE)
    for found in (*entropy_and_logprob(damaged, ids, impl="triton"), solve_temperature(damaged, impl="triton")):
        assert found.isnan().tolist() == [False, True, True, True, False]


def test_rows_do_not_influence_each_other_and_neither_does_the_grid(monkeypatch):
    logits = torch.cat([rows_of_kind(kind, 2100, 1) for kind in ("masked", "peaked", "realistic")]).to(DEVICE)
    together = em_inf(logits, impl="triton")
    assert torch.equal(torch.cat([em_inf(row[None], impl="triton") for row in logits]), together)
    for share in (1, 2, 16):
        cut = launch.cut_of(logits)._replace(share=share)
        monkeypatch.setattr(sys.modules["entmin.core.triton.em_inf"], "cut_of", lambda _, cut=cut: cut)
        assert torch.equal(kernel(logits), together)


def test_in_place_gives_the_same_result():
    logits = torch.cat([rows_of_kind("peaked", 1300, 1), rows_of_kind("random", 1300, 2)]).to(DEVICE)
    expected, here = em_inf(logits, impl="triton"), logits.clone()
    assert kernel(here, out=here) is here
    assert torch.equal(here, expected)


def test_views_are_read_where_they_lie():
    logits = rows_of_kind("random", 400, count=3).to(DEVICE)
    expected = em_inf(logits, impl="triton")
    assert torch.equal(em_inf(logits.T.contiguous().T, impl="triton"), expected)
    assert torch.equal(em_inf(torch.cat([logits, logits], -1)[:, :400], impl="triton"), expected)
    assert torch.equal(em_inf(logits[:1].expand(2, -1), impl="triton"), expected[:1].expand(2, -1))
    assert em_inf(logits[:0], impl="triton").shape == (0, 400)


@pytest.mark.parametrize("kind", KINDS)
def test_entropy_and_log_probability(kind):
    for vocabulary in (2, 1025):
        logits = rows_of_kind(kind, vocabulary, 2)
        ids = torch.tensor([0, vocabulary - 1])
        found, logprobs = entropy_and_logprob(logits.to(DEVICE), ids.to(DEVICE), impl="triton")
        truth = torch.stack([entropy_of(row[row != -torch.inf].double()) for row in logits])
        exact = logits.double().log_softmax(-1).gather(-1, ids[:, None]).squeeze(-1)
        torch.testing.assert_close(found.cpu().double(), truth, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(logprobs.cpu().double(), exact, rtol=1e-6, atol=2e-6)
        assert torch.equal(entropy(logits.to(DEVICE)[None], impl="triton")[0], found)


def test_an_unknown_id_gives_nan():
    _, logprobs = entropy_and_logprob(
        torch.zeros(2, 9, device=DEVICE), torch.tensor([9, -1], device=DEVICE), impl="triton"
    )
    assert logprobs.isnan().all()


@pytest.mark.parametrize(
    "search",
    [{}, {"target_ratio": 0.0}, *(pytest.param(a, marks=pytest.mark.slow) for a in ({"target_ratio": 0.3}, NARROW))],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_temperature(kind, search):
    for vocabulary in (2, 2100):
        logits = rows_of_kind(kind, vocabulary, 1).bfloat16()
        tau = solve_temperature(logits.to(DEVICE), **search, impl="triton").cpu().double()
        truth = solve_temperature(logits.double(), **search, impl="torch")
        target = (entropy(logits.double()) * search.get("target_ratio", 0.85)).clamp(min=1e-5)
        reached = entropy(logits.double() / tau[:, None])
        assert ((tau / truth - 1).abs() < 1e-5).all() or ((reached / target - 1).abs() < 3e-6).all()


def test_temperatures_depend_on_neither_the_batch_nor_the_programs(monkeypatch):
    logits = torch.cat([rows_of_kind(kind, 9000, 1) for kind in ("masked", "peaked", "realistic", "random")]).to(DEVICE)
    together = solve_temperature(logits, impl="triton")
    assert together[3] < 1
    assert torch.equal(torch.cat([solve_temperature(row[None], impl="triton") for row in logits]), together)
    module = sys.modules["entmin.core.triton.adaptive_temperature"]
    for programs in (1,) if INTERPRETED else (1, 2, 6, 18):  # the interpreter runs one program after another
        cut = launch.search_cut_of(logits)._replace(programs=programs)
        monkeypatch.setattr(module, "search_cut_of", lambda _, cut=cut: cut)
        assert torch.equal(solve_temperature(logits, impl="triton"), together)


@cuda
def test_temperatures_of_many_rows_in_several_streams_at_once():
    logits = torch.cat([rows_of_kind(kind, 50_000, 25, seed=1) for kind in ("random", "realistic", "peaked")]).to(
        DEVICE
    )
    rows = [logits.roll(7 * n, 0) for n in range(3)]
    expected = [solve_temperature(some, impl="triton") for some in rows]
    truth = solve_temperature(logits.double(), impl="torch")
    torch.testing.assert_close(expected[0].double(), truth, rtol=1e-4, atol=0)
    torch.cuda.synchronize()
    streams = [torch.cuda.Stream() for _ in rows]
    for _ in range(20):
        found = []
        for stream, some in zip(streams, rows, strict=True):
            with torch.cuda.stream(stream):
                found.append(solve_temperature(some, impl="triton"))
        torch.cuda.synchronize()
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("vocabulary", "rows", "processors", "programs"),
    [(151_936, 1, 132, 30), (151_936, 32, 132, 8), (151_936, 600, 132, 1), (9, 1, 132, 1), (151_936, 1, 2, 1)],
)
def test_a_row_never_waits_for_more_programs_than_a_quarter_of_the_processors(
    monkeypatch, vocabulary, rows, processors, programs
):
    monkeypatch.setattr(launch, "_processors", lambda _: processors)
    cut = launch.search_cut(rows, vocabulary, torch.device("cuda"))
    assert cut.programs == programs
    assert programs <= max(1, processors // 4)


def test_the_published_search_is_the_published_search():
    logits = torch.cat([rows_of_kind(kind, 900, 1) for kind in ("peaked", "random", "realistic")])
    paper = {"tol": 0.1, "absolute_tol": True, "threshold": 1e-12}
    tau = solve_temperature(logits.to(DEVICE), **paper, impl="triton").cpu()
    assert tau[0] == pytest.approx(0.505)
    truth = solve_temperature(logits.double(), **paper, impl="torch")
    torch.testing.assert_close(tau.double(), truth, rtol=1e-6, atol=0)


def test_the_check_before_auto_takes_the_kernels():
    assert impl.TRITON_CHECK.passes(torch.zeros(1, device=DEVICE).device)


def test_what_cannot_be_done_is_refused():
    with pytest.raises(ValueError, match="contiguous float32"):
        kernel(torch.zeros(2, 9, device=DEVICE), out=torch.zeros(2, 8, device=DEVICE))
    with pytest.raises(TypeError, match="float64"):
        kernel(torch.zeros(2, 9, dtype=torch.float64, device=DEVICE))
    with pytest.raises(ValueError, match="batch, vocabulary"):
        kernel(torch.zeros(9, device=DEVICE))


@cuda
def test_nothing_waits_for_the_device():
    logits = rows_of_kind("random", 5000, 4).to(DEVICE)
    ids = torch.zeros(4, dtype=torch.int64, device=DEVICE)
    calls = [
        lambda: em_inf(logits, impl="triton"),
        lambda: solve_temperature(logits, impl="triton"),
        lambda: entropy_and_logprob(logits, ids, impl="triton"),
    ]
    for call in calls:
        call()  # compiles
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for call in calls:
            call()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@cuda
def test_replays_in_a_cuda_graph():
    logits, out = rows_of_kind("random", 5000, 4).to(DEVICE), torch.empty(4, 5000, device=DEVICE)
    tau = torch.empty(4, device=DEVICE)
    work = lambda: (kernel(logits, out=out), tau.copy_(solve_temperature(logits, impl="triton")))  # noqa: E731
    work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    for kind in ("masked", "peaked", "realistic"):
        logits.copy_(rows_of_kind(kind, 5000, 4))
        graph.replay()
        assert torch.equal(out, em_inf(logits, impl="triton"))
        assert torch.equal(tau, solve_temperature(logits, impl="triton"))
