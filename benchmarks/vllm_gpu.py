"""What a method costs inside vLLM on a GPU: seconds a decoding step, plain requests and adjusted ones taking turns.

    python benchmarks/vllm_gpu.py MODEL [--dummy] [--requests 8 16 32 64] [--tokens 128] [--repeats 5]
        [--methods em_inf adaptive_temp] [--without] [--json FILE] [--llm JSON]

One engine with entmin's processor; a request's own method decides, so both sides run in one process and take turns:
--repeats rounds of --requests answers of --tokens tokens each, temperature 1, no end of sequence. A round without
adjustment comes first and is thrown away. --without adds an engine without the processor, in a process of its own, for
what the interface costs a request that wants nothing. --dummy takes random weights for the folder's config.json:
rows of such a model are nearly flat, so every row of every step is above EM-INF's threshold. Refuses to run without a
GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

PROCESSOR = "entmin.hosts.vllm:EntropyMinimizer"
PLAIN = "plain"


def measure(given: argparse.Namespace, ways: list[str]) -> list[dict[str, Any]]:
    """A line for every number of requests: milliseconds a step of every way, in order of the rounds."""
    from vllm import LLM, SamplingParams

    llm = LLM(
        given.model,
        load_format="dummy" if given.dummy else "auto",
        skip_tokenizer_init=True,
        max_model_len=given.tokens + 64,
        max_num_seqs=max(given.requests),
        logits_processors=[] if given.bare else [PROCESSOR],
        seed=0,
        **json.loads(given.llm),
    )
    prompts = [{"prompt_token_ids": [100 + n, *range(200, 231)]} for n in range(max(given.requests))]

    def round_of(requests: int, way: str) -> float:
        asked = [
            SamplingParams(
                temperature=1.0,
                seed=n,
                max_tokens=given.tokens,
                ignore_eos=True,
                detokenize=False,
                extra_args=None if way == PLAIN else {"entmin_method": way},
            )
            for n in range(requests)
        ]
        begun = time.perf_counter()
        llm.generate(prompts[:requests], asked, use_tqdm=False)
        return 1e3 * (time.perf_counter() - begun) / given.tokens

    lines = []
    for requests in given.requests:
        round_of(requests, PLAIN)
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(given.repeats):
            for way, found in times.items():
                found.append(round_of(requests, way))
        lines.append({"requests": requests, **times})
    return lines


def without(given: argparse.Namespace) -> list[dict[str, Any]]:
    """The plain rounds of an engine that has no processor."""
    command = [sys.executable, __file__, *sys.argv[1:], "--bare"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def table(lines: list[dict[str, Any]], ways: list[str]) -> str:
    """Milliseconds a step, and how much more than plain of the same round: median [least, most]."""
    text = ["| requests | " + " | ".join(f"{way}, ms" for way in ways) + " | more than plain, % |"]
    text.append("|---:|" + "---:|" * (len(ways) + 1))
    for line in lines:
        more = []
        for way in ways[1:]:
            each = [100 * (a / b - 1) for a, b in zip(line[way], line[PLAIN], strict=True)]
            more.append(f"{way} {median(each):+.1f} [{min(each):+.1f}, {max(each):+.1f}]")
        times = " | ".join(f"{median(line[way]):.2f}" for way in ways)
        text.append(f"| {line['requests']} | {times} | {', '.join(more)} |")
    return "\n".join(text)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder or Hub id")
    parser.add_argument("--dummy", action="store_true", help="random weights")
    parser.add_argument("--requests", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=["em_inf", "adaptive_temp"])
    parser.add_argument("--without", action="store_true", help="also an engine without the processor")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--llm", default="{}", help="further arguments of vllm.LLM, as JSON")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    given = parser.parse_args()
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    import torch

    if not torch.cuda.is_available():
        sys.exit("benchmarks/vllm_gpu.py needs a CUDA device; benchmarks/serving.py times vLLM's CPU build.")
    if given.bare:
        print(json.dumps(measure(given, [PLAIN])))
        return
    bare = without(given) if given.without else []
    ways = [PLAIN, *given.methods]
    lines = measure(given, ways)
    import vllm

    title = f"{given.model}{' (random weights)' if given.dummy else ''}, {torch.cuda.get_device_name()}, "
    title += f"vLLM {vllm.__version__}, torch {torch.__version__}, {given.tokens} tokens, n = {given.repeats} rounds"
    print(title, table(lines, ways), sep="\n\n")
    for line, other in zip(lines, bare, strict=False):
        print(f"{other['requests']} requests, engine without the processor: {median(other[PLAIN]):.2f} ms a step")
        line["without"] = other[PLAIN]
    if given.json:
        given.json.write_text(json.dumps({"title": title, "results": lines}, indent=1) + "\n")


if __name__ == "__main__":
    main()
