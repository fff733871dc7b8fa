"""What `entmin estimate` predicts, beside what others have published and what this machine does.

    python benchmarks/estimates.py [--model smollm2-135m] [--write-docs]

A published number is set beside the range that is predicted for the same model, hardware, lengths and batch; its ratio
is to the middle of the range (geometric mean). On this machine the same evaluation is estimated and then run, with the
measured mean length of an answer given to the estimate, so that the rates are compared and not the guess of a length.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from entmin.estimates.decoding import Engine, Work
from entmin.estimates.hardware import GPUS
from entmin.estimates.known import sizes_of
from entmin.estimates.ranges import Range, between, total
from entmin.train.config import TrainConfig
from entmin.train.duration import duration
from performance_page import DOCS, replace_section

QWEN25 = "Qwen2.5 speed benchmark"
QWEN3 = "Qwen3 speed benchmark"
LAMBDA = "Lambda vllm-benchmark"
SOURCES = {
    QWEN25: "QwenLM/Qwen2.5, docs/source/benchmark/speed_benchmark.rst: vLLM 0.6.3 and transformers 4.46 on an A100 "
    "80 GB, 2,048 tokens, batch 1; the 32B model in eager mode",
    QWEN3: "QwenLM/Qwen3, docs/source/getting_started/speed_benchmark.md: SGLang 0.4.6 on H20 96 GB, 2,048 tokens, "
    "batch 1",
    "Musgrave": "johnmusgrave.com, vLLM throughput-latency sweep on NVIDIA A100: vLLM 0.23, A100 40 GB, one request at "
    "a time",
    "Yobitel": "yobitelcomm.github.io/bench, concurrency sweep: vLLM 0.21, H100, median time per output token",
    LAMBDA: "LambdaLabsML/vllm-benchmark, benchmark_v0.md: vLLM 0.6.0 with ten scheduler steps, H100, ShareGPT prompts "
    "(means 230 in, 224 out), 256 in flight",
    "NeMo RL": "NVIDIA NeMo RL 0.4, docs/about/performance-summary.md: GRPO on OpenMathInstruct-2, H100, on policy",
}


@dataclass(frozen=True)
class Published:
    """Tokens a second of all GPUs together."""

    source: str
    model: str
    gpu: str
    prompt: int
    answer: int
    rows: int
    rate: float
    gpus: int = 1
    kind: str = "vllm"

    def predicted(self) -> Range:
        """The range of the same rate."""
        requests = 1 if self.rows == 1 else 20 * self.rows
        engine = Engine(sizes_of(self.model), GPUS[self.gpu], self.kind, self.gpus, 1, self.rows)
        length = Range(self.answer, self.answer)
        work = Work(requests, Range(self.prompt, self.prompt), length, self.answer)
        taken = engine.read(work).plus(engine.decode(work))
        return Range(requests * self.answer / taken.high, requests * self.answer / taken.low)


RATES = [
    *(
        Published(QWEN25, f"Qwen/Qwen2.5-{size}-Instruct", "a100", 1, 2048, 1, rate)
        for size, rate in (("0.5B", 311.55), ("1.5B", 183.33), ("14B", 46.30), ("32B", 22.13))
    ),
    Published(QWEN25, "Qwen/Qwen2.5-7B-Instruct", "a100", 6144, 2048, 1, 80.70),
    *(
        Published(QWEN25, f"Qwen/Qwen2.5-{size}-Instruct", "a100", 1, 2048, 1, rate, kind="transformers")
        for size, rate in (("0.5B", 47.40), ("1.5B", 39.68), ("14B", 24.74), ("32B", 17.54))
    ),
    *(
        Published(QWEN3, f"Qwen/Qwen3-{size}", "h20", 1, 2048, 1, rate, gpus)
        for size, rate, gpus in (
            ("0.6B", 414.17, 1), ("8B", 81.73, 1), ("14B", 47.10, 1), ("32B", 20.72, 1), ("30B-A3B", 137.18, 1),
            ("235B-A22B", 74.50, 8),
        )
    ),
    Published("Musgrave", "meta-llama/Llama-3.1-8B-Instruct", "a100-40gb", 1024, 128, 1, 75),
    Published("Yobitel", "meta-llama/Llama-3.1-8B-Instruct", "h100", 200, 200, 1, 1 / 6.48e-3),
    Published("Yobitel", "meta-llama/Llama-3.1-8B-Instruct", "h100", 200, 200, 16, 16 / 10.94e-3),
    Published(LAMBDA, "meta-llama/Llama-3.1-8B-Instruct", "h100", 230, 224, 256, 8088.35),
    Published(LAMBDA, "meta-llama/Llama-3.1-70B-Instruct", "h100", 230, 224, 256, 3542.88, 4),
]  # fmt: skip


def published_rows() -> list[list[str]]:
    """The table of published rates."""
    rows = []
    for one in RATES:
        span = one.predicted()
        gpus = f"{one.gpus} x {one.gpu}" if one.gpus > 1 else one.gpu
        kind = " (transformers)" if one.kind == "transformers" else ""
        rows.append(
            [
                one.source + kind,
                one.model.split("/")[1],
                gpus,
                str(one.rows),
                f"{one.rate:,.4g}",
                *beside(one.rate, span),
            ]
        )
    return rows


def beside(found: float, span: Range) -> list[str]:
    """The range, the ratio to its middle, and whether it holds the number."""
    return [between(span), f"{found / math.sqrt(span.low * span.high):.2f}", inside(found, span)]


def inside(found: float, span: Range) -> str:
    """Whether a range holds a number."""
    return "yes" if span.low <= found <= span.high else "no"


STEPS = [("meta-llama/Llama-3.1-8B-Instruct", 16, 1, 1060, 97.7), ("Qwen/Qwen3-32B", 32, 4, 3206, 393.0),
         ("Qwen/Qwen3-30B-A3B", 32, 4, 3154, 225.0)]  # fmt: skip
"""Of NeMo RL: model, GPUs, tensor-parallel size of sampling, mean tokens of a sample, seconds for 2,048 samples."""


def training_rows() -> list[list[str]]:
    """Seconds of one rollout of 2,048 samples and its four updates; there the GPUs that train also draw the samples."""
    rows = []
    for model, gpus, width, tokens, published in STEPS:
        config = TrainConfig(
            method="grpo", model=model, batch_size=64, n=8, updates_per_rollout=4, max_prompt_tokens=1024,
            max_tokens=3936, micro_batch=8, rollouts="vllm",
        )  # fmt: skip
        prompts, answers = Range(160, 160), Range(tokens - 160, tokens - 160)
        replicas = gpus // width
        engine = Engine(sizes_of(model), GPUS["h100"], "vllm", width, replicas, 256 * replicas)
        work = Work(2048, prompts, answers, config.max_tokens)
        step = duration(config, gpus, GPUS["h100"], answers).step | {"rollouts": Range(0, 0)}
        whole = total(list(step.values())).scaled(4).plus(engine.read(work)).plus(engine.decode(work))
        name = f"{model.split('/')[1]}, 2,048 samples of {tokens:,} tokens"
        rows.append(["NeMo RL", name, f"{gpus} x h100", f"{published:g}", *beside(published, whole)])
    return rows


def run(*args: str) -> dict:
    """One `entmin` command with `--json`."""
    line = [sys.executable, "-m", "entmin", *args, "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def measured_rows(model: str) -> list[list[str]]:
    """Estimates and runs on this machine, in turns."""
    rows = []
    for mode, batch, limit in (("normal", 1, 4), ("normal", 8, 24), ("normal", 32, 64), ("em_inf", 32, 64)):
        tokens = 64
        asked = ["--task", "arithmetic", "--limit", str(limit), "--max-tokens", str(tokens), "--batch-size", str(batch)]
        with tempfile.TemporaryDirectory() as results:
            (summary,) = run("eval", model, *asked, "--mode", mode, "--quiet", "--results", results)
            sessions = [json.loads(line) for path in Path(results).rglob("sessions.jsonl") for line in path.open()]
        seconds = summary["decoding_seconds"]
        length = summary["generated_tokens"] / limit
        prompt = sessions[0]["prompt_tokens"] / limit
        found = run("estimate", model, *asked, "--methods", mode, "--gpu", "this", "--answer-tokens", f"{length:.1f}")
        (parts,) = found["modes"].values()
        span = Range(*(sum(ends) for ends in zip(*parts.values(), strict=True)))
        predicted = Range(*found["tasks"][0]["prompt_tokens"])
        rows.append([
            mode, str(batch), str(limit), f"{prompt:.0f} ({between(predicted)})", f"{length:.0f}", f"{seconds:.1f}",
            *beside(seconds, span),
        ])  # fmt: skip
        print(" | ".join(rows[-1]), flush=True)
    return rows


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows])


def published_section() -> str:
    """Both tables of published numbers, with their sources."""
    rates = table(
        ["source", "model", "GPU", "in flight", "published tokens/s", "predicted", "ratio", "inside"], published_rows()
    )
    steps = table(["source", "run", "GPU", "published seconds", "predicted", "ratio", "inside"], training_rows())
    sources = "\n".join(f"- {name}: {where}." for name, where in SOURCES.items())
    return f"{rates}\n\n{steps}\n\n{sources}"


def main() -> None:
    """Print everything; with --write-docs put it into docs/estimates.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--published-only", action="store_true", help="Only the comparison with published numbers.")
    given = parser.parse_args()
    print(published_section(), "\n")
    here = None
    if not given.published_only:
        header = [
            "mode",
            "in flight",
            "problems",
            "prompt tokens",
            "answer tokens",
            "seconds",
            "predicted",
            "ratio",
            "inside",
        ]
        here = f"{given.model}, entmin's own engine:\n\n{table(header, measured_rows(given.model))}"
        print(here)
    if given.write_docs:
        page = DOCS / "estimates.md"
        replace_section(page, "published", published_section())
        if here:
            replace_section(page, "measured", here)


if __name__ == "__main__":
    main()
