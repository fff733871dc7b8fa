"""Cost of EM-INF against batch and against V, as a picture for docs/performance.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from performance_page import DOCS


def cost_figure(results: list[dict[str, Any]], ways: Sequence[str], name: str, title: str) -> Path:
    """Write ``docs/figures/<name>``: ms per row, all synthetic rows above the threshold; solid bf16, dashed float32."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    matplotlib.rcParams.update({"svg.hashsalt": "entmin", "svg.fonttype": "none"})
    chosen = [r for r in results if r["source"] == "synthetic" and r["share"] == 1]
    vocabulary = max(r["vocabulary"] for r in chosen if r["vocabulary"] < 200_000)
    batch = 32 if any(r["batch"] == 32 for r in chosen) else max(r["batch"] for r in chosen)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    _lines(left, chosen, ways, "batch", lambda r: r["vocabulary"] == vocabulary)
    _lines(right, chosen, ways, "vocabulary", lambda r: r["batch"] == batch)
    left.set(xlabel=f"rows in the batch (V = {vocabulary:,})", ylabel="ms per row")
    right.set(xlabel=f"V ({batch} rows)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", fontsize=8, frameon=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    path = DOCS / "figures" / name
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


def _lines(
    axis: Any, results: list[dict[str, Any]], ways: Sequence[str], by: str, keep: Callable[[dict[str, Any]], bool]
) -> None:
    for number, way in enumerate(ways):
        for kind, style in (("bf16", "-"), ("float32", "--")):
            points = sorted((r[by], r[way]["median"]) for r in results if way in r and r["rows"] == kind and keep(r))
            if points:
                label = way if kind == "bf16" else None
                axis.plot(*zip(*points, strict=True), style, marker="o", markersize=3, color=f"C{number}", label=label)
    axis.set(xscale="log", yscale="log")
    axis.grid(alpha=0.3)
