"""``arithmetic``: procedural problems that no model can have memorised and nothing needs downloading for.

The problems come from reasoning-gym, by seed. The default difficulty is set for a 135M model: it answers some and
misses some, so that a decoding method can help or harm. The share of the most frequent answer is recorded beside the
task, as the score of someone who always says the same.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState, generate

from entmin.errors import UsageError
from entmin.evals.scorers.verdicts import score_of
from entmin.grading import integer
from entmin.grading.gold import Gold

PROMPTS = {
    "clean": "{question}\nThink step by step, then give the final answer in \\boxed{{}}.",
    "direct": "{question}\nReply with only the number.",
}
PROMPT_VERSION = "1"
KINDS = ("basic_arithmetic", "chain_sum", "products")


@task
def arithmetic(
    prompt: str = "direct",
    size: int = 500,
    problem_seed: int = 0,
    kind: str = "basic_arithmetic",
    terms: int = 2,
    digits: int = 2,
    data_dir: str | None = None,
    grader: str = "entmin",
    seed: int = 0,
) -> Task:
    """Arithmetic by reasoning-gym.

    Args:
        prompt: ``direct`` (the number alone) or ``clean`` (reason, then box).
        size: number of problems; a prefix is the same whatever the size.
        problem_seed: seed of the problems.
        kind: a reasoning-gym generator, one of `KINDS`.
        terms: numbers in each problem, from 2 up to this many.
        digits: digits of each number, from 1 up to this many.
        data_dir: not used; accepted because every task takes it.
        grader: not used: integers are compared exactly.
        seed: not used: nothing is shuffled.
    """
    if prompt not in PROMPTS:
        raise UsageError(f"arithmetic has no prompt {prompt!r}; prompts: {', '.join(PROMPTS)}")
    problems = make_problems(kind, size, problem_seed, terms, digits)
    common, times = Counter(answer for _, answer in problems).most_common(1)[0]
    samples = [
        Sample(
            id=f"{kind}-{problem_seed}-{i}",
            input=[ChatMessageUser(content=PROMPTS[prompt].format(question=question))],
            target=answer,
            metadata={"gold": Gold("integer", (answer,)).to_dict(), "prompt": prompt, "prompt_version": PROMPT_VERSION},
        )
        for i, (question, answer) in enumerate(problems)
    ]
    return Task(
        name="arithmetic",
        dataset=MemoryDataset(samples, name="arithmetic"),
        solver=generate(),
        scorer=integer_answer(),
        metadata={
            "prompt": prompt,
            "prompt_version": PROMPT_VERSION,
            "trivial": {"answer": common, "share": times / len(problems)},
        },
    )


def make_problems(kind: str, size: int, seed: int, terms: int, digits: int) -> list[tuple[str, str]]:
    """(question, integer answer) pairs.

    Raises:
        UsageError: an unknown kind or a size below 1.
    """
    import reasoning_gym

    if kind not in KINDS:
        raise UsageError(f"arithmetic has no kind {kind!r}; kinds: {', '.join(KINDS)}")
    if size < 1 or terms < 2 or digits < 1:
        raise UsageError("arithmetic needs size >= 1, terms >= 2 and digits >= 1")
    options: dict[str, Any] = {"min_terms": 2, "max_terms": terms, "min_digits": 1, "max_digits": digits}
    if kind == "basic_arithmetic":
        options |= {"operators": ["+", "-", "*"], "allow_parentheses": False, "allow_negation": False}
    data = reasoning_gym.create_dataset(kind, size=size, seed=seed, **options)
    return [(item["question"], str(item["answer"])) for item in (data[i] for i in range(size))]


@scorer(metrics=[accuracy(), stderr()], version=integer.VERSION)
def integer_answer() -> Scorer:
    """Exact comparison of the stated integer."""

    async def score(state: TaskState, target: Target) -> Score:
        return score_of(integer.grade(state.output.completion, Gold.from_dict(state.metadata["gold"])), state)

    return score
