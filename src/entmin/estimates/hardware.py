"""What a GPU can do, from its maker's data sheet: dense bfloat16 operations, bandwidth, memory, links."""

from __future__ import annotations

from dataclasses import dataclass

THIS = "this"
"""The name of this machine's CPU, which is measured."""


@dataclass(frozen=True, slots=True)
class Own:
    """Seconds of a step of our engine on this machine, beside products and reading weights."""

    step: float
    """Of a step."""
    layer: float
    """More for each layer."""
    logit: float
    """More for each answer and word of the vocabulary: a token drawn."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """One accelerator. Rates are per second, sizes in bytes."""

    name: str
    flops: float
    """Of dense matrix products in bfloat16 with sums in float32."""
    bandwidth: float
    """Of its memory."""
    memory: float
    link: float
    """To other GPUs of the machine, in one direction: NVLink, or PCIe where there is none."""
    source: str
    own: Own | None = None
    """Of this machine, what our engine was measured to take beside products and memory."""
    number: int = 2
    """Bytes of a number in weights and cache: 2 for bfloat16."""

    def described(self) -> str:
        """Its rates, and who says so."""
        rates = f"{self.flops / 1e12:.3g} T operations/s, {self.bandwidth / 1e9:,.4g} GB/s"
        return f"{self.name}: {rates} ({self.source})"


def _gpu(name: str, teraflops: float, gigabytes_a_second: float, gibibytes: float, link: float, by: str) -> Hardware:
    return Hardware(name, teraflops * 1e12, gigabytes_a_second * 1e9, gibibytes * 2**30, link * 1e9, by)


_SHEET = "NVIDIA data sheet"
# What is sold as so many GB is nearly so many GiB.
GPUS = {
    "h100": _gpu("NVIDIA H100 SXM 80 GB", 989, 3350, 80, 450, _SHEET),
    "h100-pcie": _gpu("NVIDIA H100 PCIe 80 GB", 756, 2000, 80, 64, _SHEET),
    "h200": _gpu("NVIDIA H200 SXM 141 GB", 989, 4800, 141, 450, _SHEET),
    "gh200": _gpu("NVIDIA GH200 96 GB", 989, 4000, 96, 450, _SHEET),
    "h20": _gpu("NVIDIA H20 96 GB", 148, 4000, 96, 450, _SHEET),
    "b200": _gpu("NVIDIA B200 180 GB", 2250, 8000, 180, 900, _SHEET),
    "a100": _gpu("NVIDIA A100 SXM 80 GB", 312, 2039, 80, 300, _SHEET),
    "a100-40gb": _gpu("NVIDIA A100 SXM 40 GB", 312, 1555, 40, 300, _SHEET),
    "a6000": _gpu("NVIDIA RTX A6000 48 GB", 155, 768, 48, 32, _SHEET),
    "a10g": _gpu("NVIDIA A10G 24 GB", 70, 600, 24, 32, _SHEET),
    "l40s": _gpu("NVIDIA L40S 48 GB", 362, 864, 48, 32, _SHEET),
    "l4": _gpu("NVIDIA L4 24 GB", 121, 300, 24, 32, _SHEET),
    "rtx3090": _gpu("NVIDIA GeForce RTX 3090 24 GB", 71, 936, 24, 32, "NVIDIA GA102 white paper"),
    "rtx4090": _gpu("NVIDIA GeForce RTX 4090 24 GB", 165, 1008, 24, 32, "NVIDIA Ada white paper"),
    "rtx5090": _gpu("NVIDIA GeForce RTX 5090 32 GB", 209, 1792, 32, 64, "NVIDIA RTX Blackwell white paper"),
    "mi300x": _gpu("AMD Instinct MI300X 192 GB", 1307, 5300, 192, 448, "AMD data sheet"),
}
