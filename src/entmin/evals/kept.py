"""What a run's folder already holds, so that no finished sample is computed twice.

--limit and --epochs do not change the folder. A request is for the first N problems with E samples of each. Where one
log holds all of them, it is read and cut to the request; else Inspect goes on from the newest log. Where finished
samples lie in several logs, they are first put together in one.
"""

from __future__ import annotations

import contextlib
import uuid
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zipfile import BadZipFile

from inspect_ai import Task
from inspect_ai.log import EvalLog, EvalSample, list_eval_logs, read_eval_log, write_eval_log

from entmin.terminal import say

Key = tuple[str, int]


@dataclass(frozen=True)
class Extent:
    """The samples that a run is asked for."""

    problems: tuple[str, ...]
    epochs: int

    @classmethod
    def of(cls, task: Task, limit: int | None, epochs: int) -> Extent:
        """The first problems of a task; those without an id are numbered, as Inspect would."""
        for number, sample in enumerate(task.dataset, 1):
            sample.id = number if sample.id is None else sample.id
        ids = [str(sample.id) for sample in task.dataset[:limit]]
        return cls(tuple(ids), epochs)

    def __len__(self) -> int:
        return len(self.problems) * self.epochs

    def of_log(self, log: EvalLog) -> dict[Key, EvalSample]:
        """The finished samples of a log that belong to the request; those cut off in mid-answer do not count."""
        wanted = set(self.problems)
        return {
            (str(sample.id), sample.epoch): sample
            for sample in log.samples or []
            if str(sample.id) in wanted and sample.epoch <= self.epochs and sample.error is None and sample.scores
        }


def logs_of(folder: Path, *, own: bool = False) -> list[EvalLog]:
    """The readable logs of a folder, the newest first.

    Args:
        folder: of the logs.
        own: this process has the folder. Then a log that was cut off is renamed, so that Inspect does not stumble over
            it; what only it held is computed again.
    """
    found = []
    for info in list_eval_logs(str(folder)) if folder.exists() else []:
        try:
            found.append(read_eval_log(info))
        except (OSError, ValueError, KeyError, BadZipFile, zlib.error):
            path = path_of(info.name)
            with contextlib.suppress(OSError):
                if not own:
                    continue
                path.rename(path.with_name(f"{path.name}.unreadable"))
                say(f"{path} cannot be read; it is kept as {path.name}.unreadable and not used", err=True)
    return found


def whole(logs: list[EvalLog], request: Extent) -> EvalLog | None:
    """The newest log that holds all that is asked for, cut to it."""
    for log in logs:
        samples = request.of_log(log)
        if log.status == "success" and len(samples) == len(request):
            log.samples = list(samples.values())
            return log
    return None


def gather(logs: list[EvalLog], request: Extent) -> int:
    """Make sure that the newest log holds every finished sample of the request; how many those are."""
    if not logs:
        return 0
    newest = request.of_log(logs[0])
    known: dict[Key, EvalSample] = {}
    for log in reversed(logs):
        known |= request.of_log(log)
    # Inspect reuses nothing of a log of more problems. A log that was never closed may have more samples in Inspect's
    # buffer, which only Inspect can read.
    larger = (logs[0].eval.dataset.samples or 0) > len(request.problems)
    if known and (larger or (len(known) > len(newest) and logs[0].status != "started")):
        _write_together(logs[0], list(known.values()), request)
    return len(known)


def _write_together(log: EvalLog, samples: list[EvalSample], request: Extent) -> None:
    name = f"{datetime.now(UTC).strftime('%Y-%m-%dT%H-%M-%S+00-00')}_together_{uuid.uuid4().hex[:12]}.eval"
    changes = {
        "config": log.eval.config.model_copy(update={"epochs": request.epochs}),
        "dataset": log.eval.dataset.model_copy(update={"samples": len(request.problems)}),
    }
    written = log.model_copy(
        update={
            "status": "cancelled",
            "samples": samples,
            "results": None,
            "reductions": None,
            "eval": log.eval.model_copy(update=changes),
        }
    )
    write_eval_log(written, str(path_of(log.location).with_name(name)))


def tidy(logs: list[EvalLog], kept: EvalLog) -> None:
    """Remove earlier logs whose finished samples are all in `kept`."""
    held = {(str(sample.id), sample.epoch) for sample in kept.samples or []}
    for log in logs:
        done = {(str(s.id), s.epoch) for s in log.samples or [] if s.error is None and s.scores}
        if path_of(log.location) != path_of(kept.location) and done <= held:
            path_of(log.location).unlink(missing_ok=True)


def path_of(location: str) -> Path:
    """Where a log lies that Inspect names."""
    return Path(location.removeprefix("file://")).resolve()
