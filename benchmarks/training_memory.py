"""The memory that `entmin train --dry-run` estimates beside that of the same runs on a CPU.

    python benchmarks/training_memory.py [--repeats 3]

On a CPU a process holds all that a GPU would. What the libraries take is measured with a tiny model and taken off. A
random Llama of 8 layers and 512 units makes one step in float32; the ratio is measured / estimated, its median with the
least and the most. Peaks of a process differ from run to run by how the allocator gives memory back.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerBase

from entmin.engine.loading import load
from entmin.train.config import TrainConfig
from entmin.train.plan import plan

PEAK = """
import atexit, re, sys
peak = lambda: re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]
atexit.register(lambda: print("peak", 1024 * int(peak()), file=sys.stderr))
from entmin.cli import main
main()
"""
"""`ru_maxrss` would not do: a process has it from the one that started it."""
SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
LARGE = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 8}
HEADS = {"num_attention_heads": 8, "num_key_value_heads": 4}
RUNS: dict[str, dict[str, object]] = {
    "em-ft": {"method": "em-ft"},
    "em-rl with KL": {"method": "em-rl", "advantage": "published", "kl": 0.01},
    "em-ft, checkpointing": {"method": "em-ft", "gradient_checkpointing": True},
    "em-ft, LoRA": {"method": "em-ft", "lora": True},
}


def model(folder: Path, sizes: dict[str, int], tokenizer: PreTrainedTokenizerBase) -> Path:
    """A random model with the demo model's tokenizer."""
    torch.manual_seed(0)
    settings = LlamaConfig(vocab_size=len(tokenizer), **sizes, **HEADS)
    AutoModelForCausalLM.from_config(settings).float().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def peak(folder: Path, output: Path, settings: dict[str, object]) -> int:
    """Bytes that the process of a run had at most."""
    options = [
        part
        for name, value in settings.items()
        if name != "method"
        for part in ("--set", f"{name}={json.dumps(value)}")
    ]
    line = [sys.executable, "-c", PEAK, "train", str(settings["method"]), folder, "--output", output, *options]
    done = subprocess.run(line, env=os.environ | {"OMP_NUM_THREADS": "2"}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return int(re.search(r"^peak (\d+)$", done.stderr, re.M)[1])  # type: ignore[index]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    tokenizer = load("smollm2-135m", device="cpu", dtype="float32").tokenizer
    print("| run | measured, MB | estimated, MB | measured / estimated |")
    print("|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data.jsonl"
        data.write_text("".join(json.dumps({"prompt": f"{i:02} " + "one two " * 45}) + "\n" for i in range(32)))
        same = {
            "data": str(data), "decontaminate": [], "max_prompt_tokens": 128, "max_tokens": 32, "batch_size": 4, "n": 2,
            "max_steps": 1, "micro_batch": 8, "precision": "fp32", "device": "cpu", "report": [], "watch": "off",
        }  # fmt: skip
        models = [model(folder / name, sizes, tokenizer) for name, sizes in (("small", SMALL), ("large", LARGE))]
        for title, own in RUNS.items():
            settings = same | own
            small, large = (plan(TrainConfig(model=str(one), **settings)).total for one in models)  # type: ignore[arg-type]
            found = []
            for number in range(options.repeats):
                peaks = [peak(one, folder / f"{one.name} {title} {number}", settings) for one in models]
                found.append(peaks[1] - peaks[0])
            ratios = sorted(one / (large - small) for one in found)
            spread = f"{median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"
            print(f"| {title} | {median(found) / 1e6:.0f} | {(large - small) / 1e6:.0f} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
