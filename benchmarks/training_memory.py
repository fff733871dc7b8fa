"""The memory that `entmin train --dry-run` estimates beside that of the same runs on a CPU.

    python benchmarks/training_memory.py [--repeats 3]

On a CPU a process holds all that a GPU would, and in the fused head more, which the estimate has. What the libraries
take is measured with a tiny model, one sample of one token at a time, and taken off. Random Llamas make two steps in
float32, so that the optimiser's states are there beside the second; every sequence is at its limit. The allocator gives
blocks back at once. The ratio is measured / estimated, its median with the least and the most.
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
AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
"""Has glibc give back every larger block as it is freed; otherwise it keeps hundreds of megabytes for later."""
SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 8}
LARGE = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 8, "num_attention_heads": 8}
FLAT = {"hidden_size": 768, "intermediate_size": 1024, "num_hidden_layers": 4, "num_attention_heads": 12}
ONE = {"micro_batch": 1, "max_tokens": 1}
RUNS: dict[str, tuple[dict[str, int], dict[str, object]]] = {
    "em-ft": (LARGE, {"method": "em-ft"}),
    "em-rl with KL": (LARGE, {"method": "em-rl", "advantage": "published", "kl": 0.01}),
    "em-ft, checkpointing": (LARGE, {"method": "em-ft", "gradient_checkpointing": True}),
    "em-ft, LoRA": (LARGE, {"method": "em-ft", "lora": True}),
    "em-ft, micro-batches of 2": (LARGE, {"method": "em-ft", "micro_batch": 2}),
    "em-ft, another shape": (FLAT, {"method": "em-ft"}),
    "em-ft, LoRA, another shape, 96 tokens": (FLAT, {"method": "em-ft", "lora": True, "max_tokens": 96}),
}


def model(folder: Path, sizes: dict[str, int], tokenizer: PreTrainedTokenizerBase) -> Path:
    """A random model with the demo model's tokenizer."""
    torch.manual_seed(0)
    settings = LlamaConfig(vocab_size=len(tokenizer), num_key_value_heads=4, eos_token_id=None, **sizes)
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
    done = subprocess.run(line, env=os.environ | AT_ONCE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return int(re.search(r"^peak (\d+)$", done.stderr, re.M)[1])  # type: ignore[index]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", help="runs whose title holds this")
    options = parser.parse_args()
    tokenizer = load("smollm2-135m", device="cpu", dtype="float32").tokenizer
    print("| run | measured, MB | estimated, MB | measured / estimated |")
    print("|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, prompts = folder / "data.jsonl", [f"{i:02} " + "one two " * 45 for i in range(32)]
        data.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))
        longest = max(len(tokenizer(prompt).input_ids) for prompt in prompts)
        same = {
            "data": str(data), "decontaminate": [], "max_prompt_tokens": longest, "max_tokens": 32, "batch_size": 4,
            "n": 2, "max_steps": 2, "micro_batch": 8, "precision": "fp32", "device": "cpu", "report": [],
            "watch": "off", "prompt_format": "plain", "learning_rate": 1e-9,
        }  # fmt: skip
        for number, (title, (sizes, own)) in enumerate(RUNS.items()):
            if options.only and options.only not in title:
                continue
            asked = [(SMALL, same | own | ONE), (sizes, same | own)]
            models = [model(folder / f"{number} {i}", shape, tokenizer) for i, (shape, _) in enumerate(asked)]
            small, large = (
                plan(TrainConfig(model=str(one), **settings)).total  # type: ignore[arg-type]
                for one, (_, settings) in zip(models, asked, strict=True)
            )
            found = []
            for i in range(options.repeats):
                peaks = [
                    peak(one, folder / f"out {one.name} {i}", its) for one, (_, its) in zip(models, asked, strict=True)
                ]
                found.append(peaks[1] - peaks[0])
            ratios = sorted(one / (large - small) for one in found)
            spread = f"{median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"
            print(f"| {title} | {median(found) / 1e6:.0f} | {(large - small) / 1e6:.0f} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
