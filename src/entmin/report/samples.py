"""Samples of finished runs as rows of a data set, in files that `datasets.load_dataset` reads.

Every row has all columns; what is not known is null. Texts are kept as they are, whatever they hold: only half a
surrogate pair, which neither format can hold, becomes U+FFFD.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entmin.durable import make_folder, write_whole
from entmin.errors import EntminError, UsageError
from entmin.evals.arms import labels_of
from entmin.evals.cost import cost_of
from entmin.evals.scores import correct, deciding
from entmin.problem import GROUPS
from entmin.report.page.runs import question, target

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample
    from inspect_ai.scorer import Score

    from entmin.evals.run import RunResult

TEXT, WHOLE, NUMBER, TURNS = "text", "whole", "number", "turns"
COLUMNS = {
    "task": TEXT, "id": TEXT, "sample": WHOLE, "model": TEXT, "mode": TEXT, "method": TEXT, "seed": WHOLE,
    "prompt": TEXT, "messages": TURNS, "answer": TEXT, "extracted": TEXT, "gold": TEXT,
    "verdict": TEXT, "score": NUMBER, "reason": TEXT, "ended_by": TEXT,
    "calls": WHOLE, "input_tokens": WHOLE, "output_tokens": WHOLE, "seconds": NUMBER,
    "entropy_before": NUMBER, "entropy_after": NUMBER, "log_probability": NUMBER, "self_certainty": NUMBER,
    **dict.fromkeys(GROUPS, TEXT), "scorer": TEXT, "settings": TEXT, "run": TEXT,
}  # fmt: skip
"""Names and kinds. `sample` counts a problem's samples from 1; `verdict` is right, partly, wrong or not judged, `score`
the share that is right; entropies are means over the answer's tokens in nats; `settings` is JSON."""
_MEASURED = ("entropy_before", "entropy_after", "log_probability", "self_certainty")
_SUFFIXES = (".parquet", ".jsonl")


def rows(runs: Sequence[RunResult]) -> Iterator[dict[str, Any]]:
    """A row for every sample, in the order of runs, problems and samples.

    Raises:
        EntminError: a run has no graded samples.
    """
    for run in runs:
        samples, settings = run.log.samples or [], run.summary["settings"]
        scorer = deciding(samples)
        same = {
            "task": settings["task"],
            "model": settings["model"],
            "mode": labels_of([settings])[0],
            "method": settings["method"]["entmin_method"],
            "seed": settings["seed"],
            "scorer": scorer,
            "settings": json.dumps(settings, sort_keys=True, default=str),
            "run": "/".join(run.folder.parts[-3:]),
        }
        for sample in samples:
            row = same | _asked(sample) | _judged(sample, (sample.scores or {}).get(scorer)) | _spent(sample)
            yield {name: row.get(name) for name in COLUMNS}


def _asked(sample: EvalSample) -> dict[str, Any]:
    given = sample.input
    turns = [("user", given)] if isinstance(given, str) else [(turn.role, turn.text) for turn in given]
    return {
        "id": str(sample.id),
        "sample": sample.epoch,
        "prompt": question(sample),
        "messages": [{"role": role, "content": text} for role, text in turns],
        "gold": target(sample),
        **{name: str(value) for name in GROUPS if (value := sample.metadata.get(name)) is not None},
    }


def _judged(sample: EvalSample, score: Score | None) -> dict[str, Any]:
    if score is None:
        return {"verdict": "not judged", "reason": sample.error.message if sample.error else None}
    found = correct(score)
    verdict = "not judged" if found is None else {1.0: "right", 0.0: "wrong"}.get(float(found), "partly")
    return {
        "extracted": score.answer,
        "verdict": verdict,
        "score": None if found is None else float(found),
        "reason": (score.metadata or {}).get("reason", score.explanation),
    }


def _spent(sample: EvalSample) -> dict[str, Any]:
    output, cost = sample.output, cost_of(sample.output)
    measured = {name: (output.metadata or {}).get(name) for name in _MEASURED}
    return {
        "answer": output.completion,
        "ended_by": output.stop_reason if output.choices else None,
        "calls": int(cost.calls),
        "input_tokens": int(cost.input_tokens),
        "output_tokens": int(cost.output_tokens),
        "seconds": cost.seconds,
        **{name: float(value) for name, value in measured.items() if value is not None and math.isfinite(value)},
    }


def write(found: Sequence[dict[str, Any]], output: Path) -> tuple[Path, int]:
    """Write rows to a file, by its suffix, or to ``samples.parquet`` of a folder.

    Returns:
        The file, and in how many texts half a surrogate pair became U+FFFD.

    Raises:
        UsageError: another suffix.
        EntminError: nothing can be written there.
    """
    path = output if output.suffix in _SUFFIXES and not output.is_dir() else output / "samples.parquet"
    if output.suffix not in ("", *_SUFFIXES) and not output.is_dir():
        raise UsageError(f"{output}: name a file that ends in {' or '.join(_SUFFIXES)}, or a folder")
    clean = Clean()
    cleaned = [{name: clean(value) for name, value in row.items()} for row in found]
    lines = "".join(json.dumps(row) + "\n" for row in cleaned) if path.suffix == ".jsonl" else _parquet(cleaned)
    try:
        make_folder(path.parent)
        write_whole(path, lines)
    except OSError as error:
        raise EntminError(f"cannot write {path}: {error}; free space or name another place with -o") from error
    return path, clean.replaced


class Clean:
    """Makes of texts what UTF-8 can hold, and counts those that were changed."""

    replaced = 0

    def __call__(self, value: Any) -> Any:
        """The value, texts inside it included."""
        if isinstance(value, list):
            return [{key: self(text) for key, text in turn.items()} for turn in value]
        if not isinstance(value, str):
            return value
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        self.replaced += whole != value
        return whole


def _parquet(found: Sequence[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    turns = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    kinds = {TEXT: pa.string(), WHOLE: pa.int64(), NUMBER: pa.float64(), TURNS: turns}
    table = pa.Table.from_pylist(list(found), pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()]))
    out = io.BytesIO()
    parquet.write_table(table, out)
    return out.getvalue()
