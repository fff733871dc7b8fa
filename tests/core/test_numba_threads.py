"""How compiled rows are shared out on a CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from entmin.core import em_inf, em_inf_measured, entropy, gumbel_argmax, solve_temperature
from entmin.core.numba import threads
from entmin.errors import UsageError

PINNED = """
import os, threading, time, torch
free = threading.Thread(target=time.sleep, args=(60,), daemon=True)
free.start()
everything = os.sched_getaffinity(0)
os.sched_setaffinity(0, {min(everything)})
torch.set_num_threads(2)
from entmin.core import em_inf
em_inf(torch.randn(64, 50_000).bfloat16(), impl="numba")
(helper,) = [thread for thread in threading.enumerate() if thread.name.startswith("entmin-rows")]
assert os.sched_getaffinity(helper.native_id) == everything
assert os.sched_getaffinity(0) == {min(everything)}
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_helpers_do_not_stay_on_the_core_that_the_main_thread_is_pinned_to():
    """As vLLM's CPU build pins it."""
    run(PINNED, ENTMIN_THREADS="pool")


def batch(rows=40, vocabulary=20_000):
    """Rows of bfloat16 numbers and others, sure and unsure ones."""
    generator = torch.Generator().manual_seed(1)
    found = torch.randn(rows, vocabulary, generator=generator) * torch.rand(rows, 1, generator=generator) * 8
    found[::2] = found[::2].bfloat16().float()
    return found


def everything(rows):
    """What each operation that runs on threads makes of the rows."""
    measured = em_inf_measured(rows, impl="numba")
    keys = torch.arange(2 * len(rows)).view(-1, 2)
    found = entropy(rows, impl="numba"), solve_temperature(rows, impl="numba"), gumbel_argmax(rows, keys, impl="numba")
    return [*measured, *found, em_inf(rows.bfloat16(), impl="numba")]


def same(ones, others):
    return all(torch.equal(one, other) for one, other in zip(ones, others, strict=True))


needs_a_team = pytest.mark.skipif(threads.kind() != threads.TEAM, reason="torch has no OpenMP threads that can be had")


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@needs_a_team
@pytest.mark.usefixtures("two_threads")
def test_torchs_team_a_pool_and_one_thread_give_the_same_bits(monkeypatch):
    rows = batch()
    on_team = everything(rows)
    monkeypatch.setenv(threads.VARIABLE, threads.POOL)
    on_pool = everything(rows)
    torch.set_num_threads(1)
    assert same(on_team, on_pool)
    assert same(on_team, everything(rows))


@pytest.mark.usefixtures("two_threads")
def test_several_python_threads_may_ask_at_once():
    rows = batch()
    wanted = everything(rows)
    with ThreadPoolExecutor(6) as asking:
        found = list(asking.map(lambda _: [everything(rows) for _ in range(3)], range(6)))
    assert all(same(wanted, one) for each in found for one in each)


TEAM = """
import threading, torch
torch.set_num_threads(2)
from entmin.core import em_inf
from entmin.core.numba import threads
assert threads.kind() == threads.TEAM
count = lambda: len(__import__("os").listdir("/proc/self/task"))
rows = torch.randn(64, 50_000).bfloat16()  # torch's threads are there
em_inf(rows[:1], impl="numba")  # the compiler may have one of its own
before = count()
em_inf(rows, impl="numba")
assert count() == before, (count(), before)
assert not [thread for thread in threading.enumerate() if thread.name.startswith("entmin-rows")]
"""

FORKED = """
import os, torch
torch.set_num_threads(2)
from entmin.core import em_inf
rows = torch.randn(64, 20_000).bfloat16()  # by torch's threads
if {first}:
    em_inf(rows, impl="numba")
child = os.fork()
if not child:
    from entmin.core.numba import threads
    found = em_inf(rows, impl="numba")
    torch.set_num_threads(1)
    alone = em_inf(rows, impl="numba").numpy()
    os._exit(0 if threads.kind() == threads.POOL and found.numpy().tobytes() == alone.tobytes() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def run(script, **environment):
    left = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    subprocess.run([sys.executable, "-c", script], env=left | environment, check=True, timeout=120)


@needs_a_team
@pytest.mark.slow
def test_the_team_is_torchs_own_and_no_thread_is_added():
    run(TEAM)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("first", [True, False])
def test_a_forked_process_leaves_the_team_which_it_does_not_have(first):
    """With the team it would wait without end, as torch's own products do there."""
    run(FORKED.format(first=first))


def test_a_wrong_choice_of_threads_is_refused(monkeypatch):
    monkeypatch.setenv(threads.VARIABLE, "teem")
    with pytest.raises(UsageError, match="ENTMIN_THREADS is 'teem'; it can be team or pool"):
        entropy(batch(4), impl="numba")


def test_rows_that_are_counted_and_rows_that_are_not_may_stand_in_one_batch():
    torch.manual_seed(0)
    rows = torch.randn(7, 5000) * 3
    rows[::2] = rows[::2].bfloat16().float()
    together = em_inf_measured(rows, impl="numba")
    for i in range(len(rows)):
        alone = em_inf_measured(rows[i : i + 1], impl="numba")
        assert torch.equal(together.logits[i], alone.logits[0])
        assert together.before[i] == alone.before[0] and together.after[i] == alone.after[0]


def test_a_row_left_alone_is_copied_into_another_layout_of_its_own_memory():
    memory = torch.zeros(2 * 5000)
    memory[5000] = memory[0] = 40.0  # both rows are under the threshold
    rows = memory.view(2, 5000)
    expected = rows.clone()
    apart = torch.empty(3 * 5000)
    out = apart.as_strided((2, 5000), (10_000, 1))
    assert torch.equal(em_inf_measured(rows, impl="numba", out=out).logits, expected)
