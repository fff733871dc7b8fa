"""How compiled rows are shared out on a CPU."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from entmin.core import em_inf_measured

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


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
def test_helpers_do_not_stay_on_the_core_that_the_main_thread_is_pinned_to():
    """As vLLM's CPU build pins it."""
    subprocess.run([sys.executable, "-c", PINNED], check=True, timeout=120)


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
