"""Small runs of every verb, and what an undisturbed run of each comes to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log

from entmin.jsonl import read_rows
from tests import tiny
from tests.faults.forked import Forked
from tests.faults.report import TIMES

ASKED = ("--max-tokens", "20", "--dtype", "float32", "--threads", "1", "--batch-size", "4", "--quiet")
CURVE = ("loss", "entropy", "reward", "length", "agreement", "grad_norm", "tokens")
TRAINING = {
    "data_options": {"size": 40}, "batch_size": 4, "micro_batch": 4, "max_tokens": 6, "precision": "fp32",
    "device": "cpu", "report": [], "watch": "off", "n": 2, "max_steps": 8, "save_every": 2, "learning_rate": 1e-3,
}  # fmt: skip


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / "tiny", sharpness=12.0)


@pytest.fixture
def times(record_property):
    """Says how often a test did what its row says."""
    return lambda number: record_property(TIMES, number)


@pytest.fixture
def forked(tmp_path):
    """The command in a folder of this test's own."""
    return Forked(tmp_path / "here")


@dataclass(frozen=True)
class Verb:
    """A small run of a verb."""

    name: str
    arguments: tuple[str, ...]
    resume: tuple[str, ...] = ()
    """What the same command needs to go on."""

    def again(self, folder: Path) -> tuple[str, ...]:
        """The command that goes on with what is in the folder."""
        return (*self.arguments, *(self.resume if (folder / "out/run.json").exists() else ()))


def verbs(model: Path) -> dict[str, Verb]:
    """The verbs whose runs take long enough to be disturbed."""
    name = str(model)
    settle = ("--pilot", "10", "--rivals", "normal", "--frontier", "1", "--voting", "0", "--no-controls")
    given = [part for key, value in TRAINING.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    found = (
        Verb("eval", ("eval", name, *ASKED, "--limit", "24")),
        Verb("compare", ("compare", name, *ASKED, "--limit", "12", "--methods", "normal,em_inf")),
        Verb("settle", ("settle", name, *ASKED, "--limit", "8", *settle)),
        Verb("train", ("train", "em-rl", name, "--output", "out", *given), ("--resume",)),
    )
    return {verb.name: verb for verb in found}


def logs(folder: Path) -> dict[str, dict]:
    """(id, epoch) to answer and verdict, of the log that each summary below the folder is made from."""
    found = {}
    for summary in sorted(folder.rglob("summary.json")):
        log = read_eval_log(str(summary.parent / "logs" / json.loads(summary.read_text())["log"]))
        rows = [((str(s.id), s.epoch), (s.output.completion, _verdicts(s))) for s in log.samples]
        assert len(rows) == len(dict(rows)), "a sample was counted twice"
        found[str(summary.parent.relative_to(folder))] = dict(rows)
    return found


def _verdicts(sample) -> dict:
    return {name: str(score.value) for name, score in sample.scores.items()}


def finished(folder: Path) -> int:
    """Samples that the logs below a folder hold, complete and counted once."""
    known = set()
    for info in list_eval_logs(str(folder)):
        for s in read_eval_log(info).samples or []:
            if s.error is None and s.scores:
                known.add((str(Path(info.name).parent), str(s.id), s.epoch))
    return len(known)


def outcome(name: str, folder: Path) -> dict:
    """What a finished run of a verb came to, without times and versions."""
    if name == "train":
        rows = read_rows(folder / "out/curves.jsonl")
        curve = [(row["step"], *(row.get(key, -1.0) for key in CURVE)) for row in rows]
        assert [row[0] for row in curve] == list(range(1, TRAINING["max_steps"] + 1))
        return {"curve": curve, "weights": bool(list((folder / "out").glob("*.safetensors")))}
    found = {"logs": logs(folder)}
    for path in sorted(folder.rglob("comparison.json")):
        found["rows"] = untimed(json.loads(path.read_text())["rows"])
    plans = sorted(folder.rglob("plan.json"))
    assert len(plans) == (name == "settle"), "a question is planned once"
    for path in plans:
        found["plan"] = untimed(json.loads(path.read_text()))
    return found


def assert_same(found, whole, where: str = "") -> None:
    """A disturbed run came to what an undisturbed one does; numbers may round differently in another batch."""
    if isinstance(whole, dict):
        assert found.keys() == whole.keys(), where
        for key in whole:
            assert_same(found[key], whole[key], f"{where}/{key}")
    elif isinstance(whole, list | tuple):
        assert len(found) == len(whole), where
        for number, (ours, theirs) in enumerate(zip(found, whole, strict=True)):
            assert_same(ours, theirs, f"{where}/{number}")
    elif isinstance(whole, float):
        assert found == pytest.approx(whole, rel=1e-4, abs=1e-6, nan_ok=True), where
    else:
        assert found == whole, where


def untimed(value):
    """A record without what a clock has measured, and without hashes of numbers that may round differently."""
    if isinstance(value, dict):
        return {k: untimed(v) for k, v in value.items() if "second" not in k and k != "pilot_sha256"}
    return [untimed(one) for one in value] if isinstance(value, list) else value


@pytest.fixture(scope="session")
def whole(model, tmp_path_factory):
    """Verb to (its command, what an undisturbed run comes to, seconds it takes), each made when it is first asked."""
    known: dict[str, tuple[Verb, dict, float]] = {}

    def of(name: str) -> tuple[Verb, dict, float]:
        if name not in known:
            verb = verbs(model)[name]
            here = Forked(tmp_path_factory.mktemp("whole") / name)
            run = here.start("list", "methods")  # the first process waits for the imports
            assert run.wait() == 0, run.text
            run = here.start(*verb.arguments)
            assert run.wait() == 0, run.text
            known[name] = (verb, outcome(name, here.folder), run.seconds)
        return known[name]

    return of
