"""One evaluation has one model in memory, however it is started."""

from __future__ import annotations

import pytest
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.model import get_model, get_model_info
from inspect_ai.solver import generate

from entmin.evals.opened import any_open, close_engines


@pytest.fixture(autouse=True)
def nothing_left_open():
    close_engines()
    yield
    close_engines()


def open_keys():
    seen = []
    any_open(lambda key: bool(seen.append(key)))
    return seen


def test_inspect_does_not_load_the_model_again_with_other_settings(tiny_llama, tmp_path):
    model = get_model(f"entmin/{tiny_llama}", dtype="float32", device="cpu", batch_size=2, memoize=False)
    before = open_keys()
    [log] = inspect_eval(
        Task([Sample("one"), Sample("two")], generate()),
        model=model, log_dir=str(tmp_path), display="none", max_tokens=2, score=False,
    )  # fmt: skip
    assert log.status == "success"
    assert open_keys() == before
    assert get_model_info(f"entmin/{tiny_llama}").context_length == 512
    assert open_keys() == before
