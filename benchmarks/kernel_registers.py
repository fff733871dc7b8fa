"""Compile the Triton kernels for an NVIDIA GPU, on any machine, and print what the assembler says of them.

    python benchmarks/kernel_registers.py [--capability 90] [--json FILE]

Registers decide how many programs a processor holds at once; spilled bytes are registers that did not fit. Triton
brings the assembler along.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import triton
from rich.console import Console
from rich.table import Table
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import get_ptxas
from triton.compiler import ASTSource

from entmin.core.triton.adaptive_temperature import solve
from entmin.core.triton.em_inf import first_sums, sweep, write
from entmin.core.triton.entropy import finish
from entmin.core.triton.launch import SEARCH_OPTIONS, SIZES

VOCABULARY, DTYPES = 262_144, ("bf16", "fp16", "fp32")
POINTERS = {"work": "*fp64", "counters": "*i32", "ids": "*i64"} | dict.fromkeys(
    ("out", "entropies", "logprobs"), "*fp32"
)
REALS = ("threshold", "kl_weight", "learning_rate", "tmax", "tmin", "tol", "target_ratio")


def variants() -> list[tuple[Any, dict[str, Any], dict[str, int]]]:
    """Kernel, its compile-time constants, its launch options: as they are launched at the largest vocabulary."""
    block, search = {"BLOCK": SIZES.block}, {"BLOCK": SIZES.search_block}
    rows = block | {"PADDED": VOCABULARY // SIZES.block}
    reading, replaying, searching = ({"num_warps": n} for n in (SIZES.reading, SIZES.replaying, SIZES.searching))
    return [
        (first_sums, block, reading),
        (sweep, rows, replaying),
        (write, rows | {"SAME": False}, replaying),
        (finish, {"WITH_IDS": True, "PADDED": rows["PADDED"]}, {"num_warps": 4}),
        (solve, search | {"BISECT": False}, searching | SEARCH_OPTIONS),
        (solve, search | {"BISECT": True}, searching | SEARCH_OPTIONS),
    ]


def compiled(
    kernel: Any, constants: dict[str, Any], options: dict[str, int], dtype: str, capability: int
) -> dict[str, Any]:
    """Compile one kernel to machine code; registers per thread, spilled bytes."""
    kinds = POINTERS | {"logits": f"*{dtype}"} | dict.fromkeys(REALS, "fp64")
    signature = {name: "constexpr" if name in constants else kinds.get(name, "i32") for name in kernel.arg_names}
    target = GPUTarget("cuda", capability, 32)
    made = triton.compile(ASTSource(kernel, signature, constexprs=constants), target, options)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "kernel.ptx")
        source.write_text(made.asm["ptx"])
        architecture = re.findall(r"\.target (sm_\w+)", made.asm["ptx"])[0]
        command = [get_ptxas(capability).path, "-v", f"--gpu-name={architecture}", str(source), "-o", f"{source}.cubin"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    registers, spilled = re.findall(r"Used (\d+) registers", said), re.findall(r"(\d+) bytes spill stores", said)
    name = {"kernel": kernel.__name__, "constants": constants, "logits": dtype, "warps": options["num_warps"]}
    return name | {"registers": max(map(int, registers)), "spilled_bytes": sum(map(int, spilled))}


def main() -> None:
    """Compile and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capability", type=int, default=90, help="compute capability times ten; 90 is an H100")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    lines = [compiled(*variant, dtype, options.capability) for variant in variants() for dtype in DTYPES]
    table = Table("kernel", "constants", "logits", "warps", "registers", "spilled bytes", title="Compiled, not run")
    for line in lines:
        table.add_row(*(str(line[n]) for n in ("kernel", "constants", "logits", "warps", "registers", "spilled_bytes")))
    Console(width=130).print(table)
    if options.json:
        options.json.write_text(json.dumps(lines, indent=1) + "\n")


if __name__ == "__main__":
    main()
