"""What a task *is*, as a small record for a run's digest: an edited file or scorer is never taken for the old one.

A run that finds answers on disk must know whether they are answers to the same questions and were judged by the same
rules. Names cannot say that: a file of problems is edited, a scorer is corrected. So the identity is a hash over every
sample as it is sent and judged, beside the version of the task and of each of its scorers.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessage
    from inspect_ai.scorer import Scorer

_PROMPT = ("prompt", "prompt_version", "prompt_sha256")


def identity(task: Task) -> dict[str, Any]:
    """The identity of any Inspect task; equal for two tasks that ask and judge the same.

    Nothing is asked or judged, and the task is not changed. The place of a mirror folder and the order of options are
    no part of it; the order of the samples is.

    Returns:
        A record that `json.dumps` takes: the number of samples and the hash over their ids, inputs as sent, choices,
        targets and metadata (the golds among it); the hash of the data set where tests stand there and not in the
        samples; the task's version and prompt profile; and of each scorer its name, options and version. A scorer that
        states no version has the hash of its module's source for one, comments left out.
    """
    metadata: Mapping[str, Any] = task.metadata or {}
    golds = [(sample.metadata or {}).get("gold") for sample in task.dataset]
    kinds = {str(gold["kind"]) for gold in golds if isinstance(gold, dict) and "kind" in gold}
    return {
        "samples": len(task.dataset),
        "sha256": _content(task.dataset),
        "data_sha256": data.get("sha256") if isinstance(data := metadata.get("data"), dict) else None,
        "version": task.version,
        "prompt": {name: metadata[name] for name in _PROMPT if name in metadata},
        "scorers": [_scorer(scorer, kinds) for scorer in task.scorer or []],
    }


def _content(samples: Iterable[Sample]) -> str:
    digest = hashlib.sha256()
    for number, sample in enumerate(samples, 1):
        read = {
            "id": number if sample.id is None else sample.id,
            "input": sample.input if isinstance(sample.input, str) else [_message(turn) for turn in sample.input],
            "choices": sample.choices,
            "target": sample.target,
            "files": sample.files,
            "setup": sample.setup,
            "metadata": sample.metadata,
        }
        digest.update(_canonical(read) + b"\n")
    return digest.hexdigest()


def _message(message: ChatMessage) -> dict[str, Any]:
    # Inspect gives every message an id of its own, drawn at random.
    return message.model_dump(exclude={"id"}, exclude_none=True)


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain).encode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude={"id"}, exclude_none=True)
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    # The text of many an object holds its address in memory, which is another in every process.
    return type(value).__qualname__ if " at 0x" in str(value) else str(value)


def _scorer(scorer: Scorer, kinds: set[str]) -> dict[str, Any]:
    from inspect_ai._util.registry import is_registry_object, registry_info, registry_params

    if not is_registry_object(scorer):
        return {"name": getattr(scorer, "__qualname__", type(scorer).__qualname__), "version": _source(scorer)}
    info = registry_info(scorer)
    options = {name: value for name, value in registry_params(scorer).items() if name != "data_dir"}
    stated = info.metadata.get("version")
    if info.name == "entmin/graded":
        from entmin.grading.judge import versions

        stated = versions(kinds, str(options.get("grader", "entmin")))
    return {
        "name": info.name,
        "options": json.loads(_canonical(options)),
        "version": _source(scorer) if stated is None else stated,
    }


def _source(scorer: Scorer) -> str:
    """The version of a scorer that states none: its package's where that is Inspect, else a hash of its source."""
    function = scorer if inspect.isfunction(scorer) else type(scorer)
    if function.__module__.partition(".")[0] == "inspect_ai":
        return version("inspect-ai")
    try:
        source = Path(inspect.getsourcefile(function) or "").read_text(encoding="utf-8")
    except (OSError, TypeError):
        return "unknown"
    return hashlib.sha256(ast.unparse(ast.parse(source)).encode()).hexdigest()
