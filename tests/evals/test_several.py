"""Self-consistency, self-refinement and best of n through the real command, on a real (tiny) model."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from inspect_ai import Task
from inspect_ai.log import list_eval_logs, read_eval_log
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser
from transformers import AutoTokenizer

from entmin.errors import UsageError
from entmin.evals.several import REVISE
from entmin.evals.solvers import solver_for
from entmin.grading import answer_in
from entmin.seeds import answer_seed, derive_seed
from entmin.stats.estimates import elect, group_answers
from entmin.strategies import BestOfN, SelfConsistency, SelfRefinement

SMALL = ("--limit", "5", "--max-tokens", "12", "--threads", "1", "--dtype", "float32", "--quiet")


def run(entmin_here, model, mode, *more, results="results"):
    """(log, summary, sessions) of one evaluation."""
    entmin_here("eval", model, *SMALL, "--mode", mode, "--results", results, *more)
    newest = max((entmin_here.folder / results).glob("*/*/*/summary.json"), key=lambda path: path.stat().st_mtime)
    (found,) = list_eval_logs(str(newest.parent / "logs"))
    sessions = newest.parent / "sessions.jsonl"
    rows = [json.loads(line) for line in sessions.read_text().splitlines()]
    return read_eval_log(found), json.loads(newest.read_text()), rows


def calls(sample):
    """The outputs of every request that was made for a sample, in order of their seeds in `candidates` or in time."""
    return [event for event in sample.events if event.event == "model"]


def same_number(a: str, b: str) -> bool:
    return float(a.replace(",", "").replace(" ", "")) == float(b.replace(",", "").replace(" ", ""))


def test_a_vote_counted_by_hand():
    answers = ["7", None, "07", "8", "7.0", "8"]
    assert group_answers(answers, same_number) == [[0, 2, 4], [3, 5]]
    assert elect([[0, 2, 4], [3, 5]], [1.0] * 6, random.Random(0)) == [0, 2, 4]
    weights = [0.1, 9, 0.1, 0.2, 0.1, 0.2]  # 0.3 against 0.4; the one without an answer has no vote
    assert elect([[0, 2, 4], [3, 5]], weights, random.Random(0)) == [3, 5]


def test_ties_draw_lots_by_seed_and_fall_on_every_side():
    groups = [[0], [1], [2]]
    drawn = [tuple(elect(groups, [1.0] * 3, random.Random(f"{seed}:vote"))) for seed in range(300)]
    assert drawn == [tuple(elect(groups, [1.0] * 3, random.Random(f"{seed}:vote"))) for seed in range(300)]
    assert all(60 < count < 140 for count in Counter(drawn).values())
    assert len(set(drawn)) == 3


def test_self_consistency_votes_counts_every_call_and_starts_from_the_plain_answer(entmin_here, tiny_llama):
    plain, _, _ = run(entmin_here, tiny_llama, "normal")
    log, summary, sessions = run(entmin_here, tiny_llama, "self-consistency", "--n", "4")
    first = {sample.id: sample.output.completion for sample in plain.samples}
    for sample in log.samples:
        asked = derive_seed(0, sample.id, sample.epoch)
        texts = {event.config.seed: event.output.completion for event in calls(sample)}
        records, chosen = sample.output.metadata["candidates"], sample.output.metadata["chosen"]
        assert [record["seed"] for record in records] == [answer_seed(asked, i) for i in range(4)]
        assert len(set(texts)) == 4
        assert texts[asked] == first[sample.id], "the first answer is the plain run's"
        assert sample.output.completion == texts[records[chosen]["seed"]]
        votes = Counter(float(record["answer"]) for record in records if record["answer"])
        if votes:
            assert votes[float(records[chosen]["answer"])] == max(votes.values())
    spent = [sample.output.metadata["cost"] for sample in log.samples]
    assert [cost["calls"] for cost in spent] == [4] * 5
    assert (
        sum(cost["output_tokens"] for cost in spent) == sessions[0]["generated_tokens"] == summary["generated_tokens"]
    )
    assert sum(cost["input_tokens"] for cost in spent) == sessions[0]["prompt_tokens"]
    assert sessions[0]["completed"] == 20
    assert summary["settings"]["strategy"] == {"strategy": "self_consistency", "n": 4, "vote": "majority"}
    assert summary["cost_per_answer"]["calls"] == 4


@pytest.mark.parametrize(
    "mode",
    [
        "em_inf+self_consistency:vote=self_certainty",
        pytest.param("self_refinement:n=2", marks=pytest.mark.slow),
        pytest.param("best_of_n:n=3", marks=pytest.mark.slow),
    ],
)
def test_answers_do_not_depend_on_the_batch_size(entmin_here, tiny_llama, mode):
    wide, narrow = (run(entmin_here, tiny_llama, mode, "--batch-size", size, results=size)[0] for size in ("8", "1"))
    answers = [
        {s.id: (s.output.completion, s.output.metadata.get("chosen")) for s in log.samples} for log in (wide, narrow)
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("mode", "sureness"),
    [
        ("best_of_n:n=3", lambda data: -data["entropy_before"]),
        ("em_inf+best_of_n:n=3:by=self_certainty", lambda data: data["self_certainty"]),
        pytest.param("best_of_n:n=3:by=logprob", lambda data: data["log_probability"], marks=pytest.mark.slow),
    ],
)
def test_best_of_n_returns_the_answer_the_engine_was_surest_of(entmin_here, tiny_llama, mode, sureness):
    log, _, _ = run(entmin_here, tiny_llama, mode)
    for sample in log.samples:
        best = max(calls(sample), key=lambda event: sureness(event.output.metadata))
        assert sample.output.completion == best.output.completion
        assert len(calls(sample)) == 3


def test_the_published_refinement_is_prompt_answer_blank_line_and_the_question_again(entmin_here, tiny_llama):
    plain, _, _ = run(entmin_here, tiny_llama, "normal")
    log, summary, sessions = run(entmin_here, tiny_llama, "self_refinement:n=3")
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    first = {sample.id: sample.output.completion for sample in plain.samples}
    for sample in log.samples:
        turns = [{"role": "user", "content": sample.input if isinstance(sample.input, str) else sample.input[0].text}]
        question = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        expected = question
        for event in calls(sample):
            assert event.output.metadata["prompt"] == expected
            assert event.output.usage.input_tokens == len(tokenizer(expected, add_special_tokens=False)["input_ids"])
            expected = expected + event.output.completion + "\n\n" + question
        rounds = sample.output.metadata["rounds"]
        assert [one["completion"] for one in rounds] == [event.output.completion for event in calls(sample)]
        assert rounds[0]["completion"] == first[sample.id]
        assert sample.output.completion == rounds[-1]["completion"]
        assert all("correct" in one for one in rounds[:-1])
    assert len(summary["results"]["rounds"]) == 3
    assert summary["results"]["rounds"][-1] == summary["results"]["pass@1"]
    assert sum(s.output.metadata["cost"]["input_tokens"] for s in log.samples) == sessions[0]["prompt_tokens"]


@pytest.mark.slow
def test_the_clean_refinement_is_a_conversation(entmin_here, tiny_llama):
    log, summary, _ = run(entmin_here, tiny_llama, "self-refinement:style=clean:n=2")
    assert summary["settings"]["strategy"]["instruction"] == REVISE
    for sample in log.samples:
        kinds = [type(message) for message in sample.messages]
        assert kinds == [ChatMessageUser, ChatMessageAssistant, ChatMessageUser, ChatMessageAssistant]
        assert sample.messages[2].text == REVISE
        assert sample.messages[1].text == sample.output.metadata["rounds"][0]["completion"]


@pytest.mark.slow
def test_a_refinement_that_fills_the_context_keeps_its_last_answer_and_says_so(entmin_here, tiny_llama):
    log, summary, _ = run(entmin_here, tiny_llama, "self_refinement:n=12", "--max-tokens", "40", "--limit", "2")
    assert summary["results"]["refinements_stopped_early"] == 2
    for sample in log.samples:
        rounds = sample.output.metadata["rounds"]
        assert 1 < len(rounds) < 12
        assert sample.output.metadata["refinement_stopped"] == "context"
        assert sample.output.completion == rounds[-1]["completion"]


@pytest.mark.slow
def test_a_comparison_shows_what_every_arm_spent(entmin_here, tiny_llama):
    done = entmin_here(
        "compare", tiny_llama, *SMALL, "--methods", "normal,em_inf+self_consistency:n=2,self_refinement:n=2"
    )
    (path,) = Path(entmin_here.folder).glob("results/*/compare/*/comparison.json")
    rows = {row["label"]: row for row in json.loads(path.read_text())["rows"]}
    assert [row["cost"]["calls"] for row in rows.values()] == [1, 2, 2]
    assert rows["normal"]["strategy"] is None
    assert rows["self_refinement:n=2"]["cost"]["input_tokens"] > 2 * rows["normal"]["cost"]["input_tokens"]
    for words in ("calls", "tokens in", "tokens out"):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mode", "self_consistency", "--temp", "0"], "same answer several times"),
        (["--mode", "greedy+best_of_n"], "same answer several times"),
        (["--mode", "self_consistency", "--vote", "loud"], "'loud' is not one of 'majority'"),
        (["--mode", "normal", "--n", "4"], "normal has no option 'n'"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_computed(entmin_here, tiny_llama, arguments, message):
    done = entmin_here("eval", tiny_llama, "--quiet", *arguments, code=2)
    assert message in done.stderr
    assert not (entmin_here.folder / "results").exists()


@pytest.mark.parametrize("task", ["humaneval", "mbpp", "leetcode", "livecodebench", "scicode"])
def test_programs_have_no_vote(task):
    plain = Task(metadata={"benchmark": task})
    with pytest.raises(UsageError, match="nothing says when two of its answers are the same; use best_of_n"):
        solver_for(plain, 0, strategy=SelfConsistency())
    solver_for(plain, 0, strategy=BestOfN())
    solver_for(plain, 0, strategy=SelfRefinement())


@pytest.mark.parametrize(
    ("task", "text", "answer"),
    [
        ("arithmetic", "Well, 3 + 4 is 7. The answer is 7.", "7"),
        ("math500", r"So $x = \frac{1}{2}$, hence \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        ("gpqa_diamond", "I think it is (C). The answer is C.", "C"),
        ("ugphysics", r"So the final answer is \boxed{3.2}(m).", "3.2"),
        ("math500", "", None),
    ],
)
def test_answers_are_read_without_a_gold(task, text, answer):
    assert answer_in(task, text) == answer
