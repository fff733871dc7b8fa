"""The memory that a dry run estimates, beside that of runs made here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("trl")

from entmin.train.config import TrainConfig
from entmin.train.plan import plan
from tests import tiny
from tests.train.runs import settings_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PEAK = """
import atexit, resource, sys
atexit.register(lambda: print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=sys.stderr))
from entmin.cli import main
main()
"""
SIZES = {"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8, "num_key_value_heads": 4}


def model(folder, layers, **sizes):
    settings = tiny.CONFIGS["llama"].__class__(**tiny.SMALL | sizes | {"num_hidden_layers": layers})
    tiny.AutoModelForCausalLM.from_config(settings).float().save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("em-ft", {"micro_batch": 8}),
        ("em-rl", {"micro_batch": 8, "advantage": "published", "kl": 0.01}),
        ("em-ft", {"micro_batch": 8, "gradient_checkpointing": True}),
        ("em-ft", {"micro_batch": 8, "lora": True}),
    ],
)
def test_the_memory_of_a_run_is_about_what_was_estimated(tmp_path, method, changes):
    """On a CPU the process holds all that a GPU would; what libraries take is measured with a tiny model."""
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"{i:02} ".ljust(110, "x")}) + "\n" for i in range(32)))
    settings = {
        "data": str(data), "decontaminate": [], "max_prompt_tokens": 128, "max_tokens": 32, "batch_size": 4, "n": 2,
        "max_steps": 1, "precision": "fp32", "device": "cpu", "report": [], "watch": "off", **changes,
    }  # fmt: skip
    peaks, estimates = [], []
    for name, layers, sizes in (("small", 1, {}), ("large", 8, SIZES)):
        folder = model(tmp_path / name, layers, **sizes)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, "train", method, folder, "--output", tmp_path / f"{name}-out",
             *settings_of(**settings)],
            env=os.environ | {"OMP_NUM_THREADS": "2"}, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        peaks.append(int(re.search(r"^peak (\d+)$", done.stderr, re.M)[1]))
        estimates.append(plan(TrainConfig(method=method, model=str(folder), **settings)).total)
    measured, estimated = peaks[1] - peaks[0], estimates[1] - estimates[0]
    assert 0.75 < measured / estimated < 1.25, f"{measured / 1e6:.0f} MB, estimated {estimated / 1e6:.0f}"
