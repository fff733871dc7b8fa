"""`entmin eval` beside lm-evaluation-harness and Inspect with transformers: the same questions, all greedy.

    python benchmarks/harnesses.py --data FOLDER --harness .venv-lm-eval/bin/python [--model smollm2-135m]
        [--vllm .venv-vllm/bin/python] [--questions 48] [--tokens 96] [--turns 1]
        [--sides entmin lm-eval inspect vllm] [--dtype float32] [--write-docs]

The first --questions of GSM8K (``gsm8k/test.jsonl`` under --data), the chat template around the question alone, at most
--tokens new tokens, all questions in one batch, in float32; with `--dtype default` in what each command takes untold,
which is the checkpoint's bfloat16, and for entmin float32 where the processor has no instructions for that. Each side
is its own command in a process of its own, its folders new: the seconds hold its imports and the loading of the model,
and on vLLM the start of the server. Sides take turns; the least and most of the ratio stand beside its median. A side
whose command fails is shown with its last line.
The last line is no command: the products of the model's linear layers that these answers need, prompts without padding
and a row for every new token, with packed weights and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from decoding import products
from entmin.engine.aliases import ALIASES, fetch
from entmin.engine.batch import MOST_READ
from entmin.engine.loading import load
from entmin.engine.packed import pack_weights
from entmin.engine.prompts import encode_chat
from performance_page import write_section

TASK = """from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import includes
from inspect_ai.solver import generate


@task
def questions():
    return Task(json_dataset({data!r}, FieldSpec(input="question", target="answer")), generate(), scorer=includes())
"""
HARNESS = """task: questions
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{data}"}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
metric_list: [{{metric: exact_match}}]
generation_kwargs: {{until: ["<|im_end|>"], max_gen_toks: {tokens}, do_sample: false}}
"""


def prepare(folder: Path, source: Path, questions: int, tokens: int) -> Path:
    """Write the questions, and the task as each side wants it; returns the questions."""
    data = folder / "questions.jsonl"
    rows = [json.loads(line) for line in (source / "gsm8k" / "test.jsonl").read_text().splitlines()[:questions]]
    golds = [row["answer"].split("####")[-1].strip().replace(",", "") for row in rows]
    lines = [json.dumps({"question": row["question"], "answer": gold}) for row, gold in zip(rows, golds, strict=True)]
    data.write_text("\n".join(lines) + "\n")
    (folder / "questions.py").write_text(TASK.format(data=str(data)))
    (folder / "questions.yaml").write_text(HARNESS.format(data=data, tokens=tokens))
    return data


def commands(options: argparse.Namespace, model: str, data: Path) -> dict[str, list[str]]:
    """The command of each side, run in the folder of the questions."""
    n, tokens, told = str(options.questions), str(options.tokens), options.dtype == "float32"
    entmin = [
        *(sys.executable, "-m", "entmin", "eval", model, "--task", str(data), "--judge", "math", "--prompt", "plain"),
        *("--mode", "greedy", "--max-tokens", tokens, "--results", "ours", *(["--dtype", "float32"] if told else [])),
    ]
    pretrained = f"pretrained={model}" + (",dtype=float32" if told else "")
    harness = [
        *(options.harness, "-m", "lm_eval", "--model", "hf", "--model_args", pretrained),
        *("--tasks", "questions", "--include_path", ".", "--batch_size", n, "--device", "cpu"),
        *("--apply_chat_template", "--output_path", "theirs", "--log_samples"),
    ]
    inspect = [
        *(sys.executable, "-m", "inspect_ai", "eval", "questions.py", "--model", f"hf/{Path(model).name}"),
        *("-M", f"model_path={model}", "-M", f"tokenizer_path={model}", "-M", f"batch_size={n}", "-M", "device=cpu"),
        *("-M", "do_sample=false", "--max-connections", n, "--max-tokens", tokens, "--display", "none"),
        *(["-M", "dtype=float32"] if told else []),
    ]
    served = [options.vllm, *entmin[1:], "--engine", "vllm", "--vllm-args", "--max-model-len 1024"]
    return {"entmin": [*entmin, "--batch-size", n], "lm-eval": harness, "inspect": inspect, "vllm": served}


def seconds(command: list[str], folder: Path) -> tuple[float, str]:
    """How long a command took, and the last line of one that failed."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        for name in ("questions.py", "questions.yaml"):
            (Path(own) / name).write_text((folder / name).read_text())
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "2"}
        start = time.perf_counter()
        done = subprocess.run(command, cwd=own, capture_output=True, text=True, env=environment, check=False)
        took = time.perf_counter() - start
    said = (done.stderr or done.stdout).strip().splitlines() or [""]
    return took, "" if done.returncode == 0 else said[-1][:120]


def products_alone(model: str, data: Path, tokens: int) -> float:
    """Seconds of the linear layers alone: the prompts in passes of 1,024 tokens, then `tokens` steps of all rows."""
    loaded = load(model, dtype="float32", device="cpu")
    pack_weights(loaded.model)
    questions = [json.loads(line)["question"] for line in data.read_text().splitlines()]
    length = sum(len(encode_chat(loaded, [{"role": "user", "content": question}])) for question in questions)
    reading = products(loaded, MOST_READ, round(length / MOST_READ), head=False)
    return reading + products(loaded, len(questions), tokens)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--harness", required=True, help="the Python of an environment with lm_eval")
    parser.add_argument("--vllm", default="", help="the Python of an environment with entmin and vLLM, for side vllm")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--questions", type=int, default=48)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--sides", nargs="+", default=["entmin", "lm-eval", "inspect"])
    parser.add_argument("--dtype", choices=("float32", "default"), default="float32")
    parser.add_argument("--write-docs", action="store_true", help="put the figures into docs/performance.md")
    options = parser.parse_args()
    options.harness, options.vllm = (str(Path(name).absolute()) for name in (options.harness, options.vllm))
    model = str(fetch(options.model)) if options.model in ALIASES else options.model
    found: dict[str, list[float]] = {side: [] for side in options.sides}
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = commands(options, model, prepare(folder, options.data, options.questions, options.tokens))
        for _ in range(options.turns):
            for side in options.sides:
                took, why = seconds(ours[side], folder)
                found[side].append(took)
                failed |= {side: why} if why else {}
                print(f"{side}: {took:.1f} s {why}", flush=True)
        alone = products_alone(model, folder / "questions.jsonl", options.tokens)
        print(f"products: {alone:.1f} s", flush=True)
    table = []
    for side, times in found.items():
        ratios = sorted(other / own for other, own in zip(times, found[options.sides[0]], strict=True))
        spread = f"{median(ratios):.1f} [{ratios[0]:.1f}, {ratios[-1]:.1f}]"
        table.append([side, "failed", failed[side]] if side in failed else [side, f"{median(times):.0f}", spread])
    table.append(["matrix products alone", f"{alone:.0f}", f"{alone / median(found[options.sides[0]]):.1f}"])
    header = ["command", "seconds", f"times {options.sides[0]}"]
    kind = "float32" if options.dtype == "float32" else "dtypes as they come"
    title = f"{options.model}, {kind}, CPU, {options.questions} questions of GSM8K at once, {options.tokens} new tokens"
    print(title)
    for row in [header, *table]:
        print("| " + " | ".join(row) + " |")
    if options.write_docs and not failed:
        write_section("harnesses", title, header, table, f"Medians of n = {options.turns} turns.")


if __name__ == "__main__":
    main()
