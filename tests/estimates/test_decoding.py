"""What decoding takes: against arithmetic by hand, against published numbers, and in the right direction."""

from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from entmin.errors import UsageError
from entmin.estimates.decoding import EFFICIENCIES, REDUCE, SAMPLING, Engine, Work
from entmin.estimates.evaluation import evaluation
from entmin.estimates.hardware import GPUS
from entmin.estimates.known import sizes_of
from entmin.estimates.lengths import Lengths
from entmin.estimates.ranges import Range, seconds
from entmin.mode import Mode

ROOT = Path(__file__).parents[2]
SEVEN, H100 = sizes_of("Qwen/Qwen2.5-7B-Instruct"), GPUS["h100"]
WORK = Work(500, Range(200, 200), Range(600, 600), 4096)


def engine(**options):
    return Engine(SEVEN, H100, "vllm", **options)


def test_one_answer_is_bound_by_the_weights():
    """15.2 GB less the input embeddings (1.09), over 3.35 TB/s: 4.2 ms at the most; and the launches."""
    read = 2 * (SEVEN.parameters - 152_064 * 3584)
    cache = 2 * 28 * 2 * 4 * 128 * 500
    passes = 4 * 152_064 * SAMPLING
    share = EFFICIENCIES["vllm"]
    expected = (read + cache + passes) / 3.35e12 / share.memory.low + 28 * share.launch.low + share.row.low
    assert engine().step(1, 500, SAMPLING, 0) == pytest.approx(expected)


def test_many_answers_are_bound_by_the_operations():
    rows, share = 4096, EFFICIENCIES["vllm"]
    flops = rows * (2 * SEVEN.active + 4 * 28 * 28 * 128)
    expected = flops / 989e12 / share.products.high + 28 * share.launch.high + rows * share.row.high
    assert engine().step(rows, 1, SAMPLING, 1) == pytest.approx(expected)


def test_gpus_of_a_replica_share_weights_and_pay_for_exchange():
    one, four = (engine(width=width).step(1, 500, SAMPLING, 0) for width in (1, 4))
    passes = 4 * 152_064 * SAMPLING / 3.35e12 / 0.85
    launched = 28 * 20e-6 + 5e-6
    moved = 2 * 28 * 2 * 3 / 4 * 3584 * 2 / (450e9 * 0.85)
    shared = (one - launched - passes) / 4
    assert four == pytest.approx(shared + passes + launched + 2 * 28 * REDUCE.low + moved)


def test_the_steps_are_those_of_full_batches_and_at_the_high_end_of_a_tail():
    low, high = engine(in_flight=50).decode(WORK)
    step = engine().step(50, 500, SAMPLING, 0)
    assert low == pytest.approx(500 * 600 / 50 * step)
    bulk = 500 * 600 / 50 * engine().step(50, 500, SAMPLING, 1)
    tail = (4096 - 600) * engine().step(50 / 8, 500 + (4096 - 600) / 2, SAMPLING, 1)
    assert high == pytest.approx(bulk + tail)


def test_the_memory_bounds_the_answers_in_flight():
    small = Engine(SEVEN, GPUS["l4"], "vllm", in_flight=10_000)
    rows = small.rows(WORK, 1)
    assert 1 < rows < engine(in_flight=10_000).rows(WORK, 1) == 500
    used = [sum(small.memory(WORK, n).values()) for n in (rows, rows + 1)]
    assert used[0] <= 0.9 * GPUS["l4"].memory < used[1]


def test_heads_that_cannot_be_divided_further_are_an_error():
    tiny = replace(H100, memory=2**30)
    with pytest.raises(UsageError, match=r"fits on no 4 of these GPUs, and it has only 28 heads"):
        evaluation("m", SEVEN, Engine(SEVEN, tiny, "vllm"), 8, MATH, {"normal": Mode()})


MATH = (Lengths("math500", 500, Range(200, 200), "as the test says", 4096),)


def estimated(model, gpus=1, gpu="h100", **options):
    sizes = sizes_of(model)
    return evaluation(model, sizes, Engine(sizes, GPUS[gpu], "vllm"), gpus, MATH, {"normal": Mode()}, **options)


@pytest.mark.parametrize(
    ("model", "gpu", "smallest"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "h100", 1),
        ("Qwen/Qwen2.5-32B-Instruct", "h100", 1),
        ("Qwen/Qwen2.5-32B-Instruct", "a100-40gb", 2),
        ("meta-llama/Llama-3.1-70B-Instruct", "h100", 2),
        ("Qwen/Qwen3-235B-A22B", "h100", 8),
        ("Qwen/Qwen3-235B-A22B", "b200", 4),
    ],
)
def test_the_smallest_size_that_fits_is_the_one_that_people_use(model, gpu, smallest):
    found = estimated(model, 1, gpu)
    assert (found.engine.width, found.fits) == (smallest, smallest == 1)
    assert estimated(model, smallest, gpu).fits


def test_twice_the_gpus_are_two_replicas_and_half_the_time():
    one, two = estimated("Qwen/Qwen2.5-7B-Instruct"), estimated("Qwen/Qwen2.5-7B-Instruct", 2)
    assert (two.engine.width, two.engine.replicas) == (1, 2)
    answers = [found.arms["normal"]["answers"].low for found in (one, two)]
    assert answers[1] == pytest.approx(answers[0] / 2, rel=0.05)
    assert estimated("Qwen/Qwen2.5-7B-Instruct", price=3.0).money == one.time.scaled(3 / 3600)


def test_a_strategy_multiplies_and_refinement_reads_what_it_wrote():
    sizes = SEVEN
    arms = {text: Mode.parse(text) for text in ("normal", "self_consistency:n=4", "self_refinement:n=3", "em_inf")}
    found = evaluation("m", sizes, engine(), 1, MATH, arms, answer_tokens=Range(600, 600)).arms
    plain = found["normal"]
    assert found["self_consistency:n=4"]["answers"].low == pytest.approx(4 * plain["answers"].low)
    # Three prompts of a mean length of 200 + (200 + 600), against one of 200.
    assert found["self_refinement:n=3"]["prompts"].low == pytest.approx(3 * 5 * plain["prompts"].low, rel=0.02)
    assert 1 < found["em_inf"]["answers"].low / plain["answers"].low < 1.2


def test_what_is_published_lies_where_it_is_predicted(monkeypatch):
    """Of recent vLLM on A100 and H100 nearly all; of SGLang on H20 the page says how far off it is."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    spec = importlib.util.spec_from_file_location("benchmark_estimates", ROOT / "benchmarks" / "estimates.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    rates = [(one.rate, one.predicted(), one) for one in module.RATES]
    ratios = [rate / math.sqrt(span.low * span.high) for rate, span, _ in rates]
    inside = [span.low <= rate <= span.high for rate, span, _ in rates]
    assert all(0.4 < ratio < 2.5 for ratio in ratios), ratios
    assert sum(inside) >= 0.7 * len(inside), [
        one.model for (*_, one), good in zip(rates, inside, strict=True) if not good
    ]
    # The page is what the benchmark writes now.
    page = (ROOT / "docs" / "estimates.md").read_text()
    assert module.published_section() in page


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (Range(0.004, 0.009), "4 to 9 ms"),
        (Range(30, 180), "30 s to 3 min"),
        (Range(4000, 9000), "67 min to 2.5 h"),
        (Range(5.0, 5.01), "5 s"),
        (Range(200_000, 900_000), "2.3 to 10 days"),
    ],
)
def test_times_are_shown_in_units_that_fit(span, shown):
    assert seconds(span) == shown
