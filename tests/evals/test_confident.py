"""DeepConf, the lowest centroid and power sampling through the real command, on a real (tiny) model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from inspect_ai import Task
from tests.evals.test_several import SMALL, calls, run

from entmin.engine.engine import Engine
from entmin.engine.loading import load
from entmin.engine.requests import Request
from entmin.errors import UsageError
from entmin.evals.solvers import solver_for
from entmin.evals.traces import entropy_centroid, trace_confidence
from entmin.strategies import DeepConf, LowestCentroid, PowerSampling


@pytest.fixture(scope="module")
def answered(tiny_llama):
    """Decodes a call of a log again, with all that can be measured."""
    loaded = load(str(tiny_llama), dtype="float32", device="cpu")
    engine = Engine(loaded)

    def again(sample, event):
        asked = sample.input if isinstance(sample.input, str) else sample.input[0].text
        text = loaded.tokenizer.apply_chat_template(
            [{"role": "user", "content": asked}], add_generation_prompt=True, tokenize=False
        )
        ids = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
        request = Request(
            ids, max_tokens=12, seed=event.config.seed, token_entropies=True, confidence=True, alternatives=20
        )
        (done,) = engine.generate([request])
        assert done.text == event.output.completion
        return done

    yield again
    engine.close()


@pytest.mark.slow
def test_deepconf_votes_with_the_confidence_of_the_most_confident(entmin_here, tiny_llama, answered):
    log, summary, sessions = run(entmin_here, tiny_llama, "deepconf:n=4:keep=0.5:trust=bottom:group=4:likeliest=5")
    strategy = DeepConf(4, 0.5, "bottom", 4, 5)
    voted = 0
    for sample in log.samples:
        by_seed = {event.config.seed: event for event in calls(sample)}
        records, chosen = sample.output.metadata["candidates"], sample.output.metadata["chosen"]
        sure = []
        for record in records:
            done = answered(sample, by_seed[record["seed"]])
            sure.append(trace_confidence([one.log_probabilities for one in done.confidence], strategy))
        valid = [c for c, record in zip(sure, records, strict=True) if record["answer"] is not None]
        votes: dict[float, float] = {}
        for c, record in zip(sure, records, strict=True):
            stays = record["answer"] is not None and c >= np.percentile(valid, 50)
            assert record["weight"] == (pytest.approx(c, abs=1e-4) if stays else None)
            if stays:
                value = float(record["answer"].replace(",", ""))
                votes[value] = votes.get(value, 0.0) + c
        if votes:
            voted += 1
            assert records[chosen]["weight"] is not None
            assert votes[float(records[chosen]["answer"].replace(",", ""))] == pytest.approx(max(votes.values()))
        assert sample.output.metadata["cost"]["calls"] == 4
    assert voted
    assert sum(s.output.metadata["cost"]["output_tokens"] for s in log.samples) == sessions[0]["generated_tokens"]
    assert summary["settings"]["strategy"]["keep"] == 0.5


def test_the_lowest_centroid_is_returned(entmin_here, tiny_llama, answered):
    log, _, _ = run(entmin_here, tiny_llama, "lowest_centroid:n=3:high=20:calm=2")
    strategy = LowestCentroid(3, 20, calm=2)
    for sample in log.samples:
        found = {
            event.config.seed: entropy_centroid(answered(sample, event).before, strategy) for event in calls(sample)
        }
        records = sample.output.metadata["candidates"]
        assert [-record["sureness"] for record in records] == pytest.approx(
            [found[record["seed"]] for record in records], abs=1e-6
        )
        best = min(found, key=lambda seed: found[seed])
        assert records[sample.output.metadata["chosen"]]["seed"] == best


@pytest.mark.slow
def test_power_sampling_counts_every_call_and_does_not_depend_on_the_batch(entmin_here, tiny_llama):
    mode = "power_sampling:power=2:steps=2:blocks=3@0.5"
    wide, summary, sessions = run(entmin_here, tiny_llama, mode, results="wide")
    narrow, _, _ = run(entmin_here, tiny_llama, mode, "--batch-size", "1", results="narrow")
    texts = [{sample.id: sample.output.completion for sample in log.samples} for log in (wide, narrow)]
    assert texts[0] == texts[1]
    for sample in wide.samples:
        data = sample.output.metadata
        assert len(calls(sample)) == 1, "the chain is one answer to Inspect"
        assert data["proposed"] % 2 == 0
        assert data["cost"]["calls"] == data["proposed"] * 3 / 2
        assert 0 <= data["accepted"] <= data["proposed"]
        assert 1 <= data["answer_tokens"] <= 12
        assert data["cost"]["output_tokens"] >= data["answer_tokens"]
    spent = [sample.output.metadata["cost"] for sample in wide.samples]
    assert (
        sum(cost["output_tokens"] for cost in spent) == sessions[0]["generated_tokens"] == summary["generated_tokens"]
    )
    assert sum(cost["calls"] for cost in spent) == sessions[0]["completed"]
    assert summary["settings"]["strategy"]["power"] == 2


@pytest.mark.slow
def test_all_of_them_stand_in_one_comparison_with_what_they_spent(entmin_here, tiny_llama):
    arms = ("normal", "sls", "sls+deepconf:n=2:group=4", "lowest_centroid:n=2", "power_sampling:steps=1:blocks=2@0.25")
    done = entmin_here("compare", tiny_llama, *SMALL, "--methods", ",".join(arms))
    (path,) = Path(entmin_here.folder).glob("results/*/compare/*/comparison.json")
    rows = {row["label"]: row for row in json.loads(path.read_text())["rows"]}
    assert set(rows) == set(arms)
    assert [rows[arm]["cost"]["calls"] for arm in arms[:4]] == [1, 1, 2, 2]
    assert 2 <= rows[arms[4]]["cost"]["calls"] <= 4
    assert "tokens out" in done.stdout


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("deepconf@0", "deepconf at temperature 0 is the same answer several times"),
        ("lowest_centroid:n=2@0", "same answer several times"),
        ("power_sampling@0", "proposes the same answer for ever; the paper's is @0.25"),
        ("sls+power_sampling", "power_sampling does not go with sls"),
        ("deepconf:keep=0", "keep must be between"),
        ("deepconf:trust=head", "trust must be tail or bottom or lowest or mean"),
        ("power_sampling:power=0.5", "power must be between 1"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_computed(entmin_here, tiny_llama, mode, message):
    done = entmin_here("eval", tiny_llama, "--quiet", "--mode", mode, code=2)
    assert message in done.stderr
    assert not (entmin_here.folder / "results").exists()


def test_programs_have_no_confident_vote():
    plain = Task(metadata={"benchmark": "humaneval"})
    with pytest.raises(UsageError, match=r"deepconf cannot vote on .*; use best_of_n or self_refinement"):
        solver_for(plain, 0, strategy=DeepConf())
    solver_for(plain, 0, strategy=LowestCentroid())
    solver_for(plain, 0, strategy=PowerSampling())
