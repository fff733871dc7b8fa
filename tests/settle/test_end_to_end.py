"""`entmin settle` from question to verdict on an engine of known accuracy: it errs as rarely as it says.

Only the model's text is invented (`tests.settle.stub`). The long test settles one question on 160 problems, with arms
of equal skill and one worse rival. It then draws problems again and again, and gives the arms of equal skill each
other's answers at random, so that no difference between them is true: the verdict claims one in at most its share of
draws. Judged without the intersection, without Holm's correction or with samples taken for problems, it does so more
often.
"""

from __future__ import annotations

import random

import pytest
from scipy.stats import binomtest
from tests.settle.stub import chance, install

from entmin.evals.metrics import verdicts
from entmin.evals.opened import close_engines
from entmin.evals.run import RunSpec
from entmin.mode import Mode
from entmin.settle.question import Question
from entmin.settle.settling import Settlement, settle_question
from entmin.settle.verdict import settle
from entmin.stats import holm, paired_difference
from entmin.tasks.registry import resolve

PILOT = 12
LEVEL = 0.025
"""Share of settlements in which each claim of a verdict may be wrong."""
REPLICATES, DRAWN = 500, 40
ROLES = ("method", "matched", "frontier")


@pytest.fixture
def stub(tiny_llama):
    from entmin.engine.loading import load

    loaded = load(str(tiny_llama), dtype="float32", device="cpu")

    def run(folder, skill, *, problems=PILOT + 40, seed=0, **asked) -> Settlement:
        install(str(tiny_llama), loaded, skill)
        options = {"rivals": ("normal",), "frontier": (), "voting": 0, "controls": False, "pilot": PILOT} | asked
        question = Question(Mode.parse("em_inf").filled(temperature=1.0), seed=seed, **options)
        spec = RunSpec(str(tiny_llama), Mode(), task_options={"size": problems})
        [info] = resolve("arithmetic")
        return settle_question(question, spec, info, folder, lambda _: None, quiet=True)

    yield run
    close_engines()


@pytest.mark.slow
def test_a_method_of_known_skill_is_measured_and_its_verdict_given(stub, tmp_path):
    """Every problem that em_inf solves at 0.9, the matched temperature solves at 0.1."""
    done = stub(tmp_path / "good", lambda request, _: 0.9 if request.method.name == "em_inf" else 0.1)
    [method], [matched] = done.plan.of("method"), done.plan.of("matched")
    assert done.verdict.kind == "better"
    assert abs(done.rows[method.name].accuracy.value - 0.9) < 0.2
    assert abs(done.rows[matched.name].accuracy.value - 0.1) < 0.2
    difference = done.verdict.differences[matched.name]
    assert difference.low <= 0.8 <= difference.high
    worse = stub(tmp_path / "bad", lambda request, _: 0.1 if request.method.name == "em_inf" else 0.9)
    assert worse.verdict.kind == "not-better"
    assert worse.verdict.at_most < 0


def unrelated(request, problem):
    """All arms but min_p solve two problems in five, each arm others; min_p solves one in ten. Samples agree."""
    known = 0.1 if request.method.name == "min_p" else 0.4
    return float(chance(problem, request.method.name, request.sampling.temperature) < known)


ASKED = {"rivals": ("normal", "min_p"), "frontier": (1.0, 0.6, 0.3, 0.15), "samples": 2, "margin": 0.01}


@pytest.fixture
def judged(stub, tmp_path):
    """Verdicts of each arm of one settlement, by role and name."""
    done = stub(tmp_path, unrelated, problems=PILOT + 160, **ASKED)
    assert done.verdict.n == 160
    return {role: {arm.name: verdicts(done.runs[arm.name].log) for arm in done.plan.of(role)} for role in ROLES}


def drawn(judged, seed):
    """Problems drawn at random, on each of which the arms of equal skill change places."""
    chance = random.Random(seed)
    places = [(role, name) for role, arms in judged.items() for name in arms]
    equal = [place for place in places if "min_p" not in place[1]]
    problems = sorted(judged["method"][equal[0][1]])
    found = {role: {name: {} for name in arms} for role, arms in judged.items()}
    for number, problem in enumerate(chance.choices(problems, k=DRAWN)):
        shuffled = dict(zip(equal, chance.sample(equal, len(equal)), strict=True))
        for role, name in places:
            of_role, of_name = shuffled.get((role, name), (role, name))
            found[role][name][str(number)] = judged[of_role][of_name][problem]
    return found


def too_many(errors, level):
    """Whether an error rate is above its level, beyond what chance explains."""
    return binomtest(errors, REPLICATES).proportion_ci(method="exact").low > level


def any_exploratory(arms, correct):
    [method] = arms["method"].values()
    p_values = [paired_difference(method, other).p_value for other in arms["frontier"].values()]
    return any(p < 2 * LEVEL for p in correct(p_values))


def union(method, rivals, margin):
    """The mutation without the intersection: it is enough to beat one rival."""
    return max((settle(method, {name: one}, margin) for name, one in rivals.items()), key=lambda found: found.at_least)


def each_sample_a_problem(method, rivals, margin):
    """The mutation without clustering."""

    def flat(found):
        return {f"{name}/{i}": [verdict] for name, row in found.items() for i, verdict in enumerate(row)}

    return settle(flat(method), {name: flat(one) for name, one in rivals.items()}, margin)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_settlement_errs_as_rarely_as_it_says_and_mutations_would_be_noticed(judged):
    samples = [drawn(judged, seed) for seed in range(REPLICATES)]

    def wrong(judge):
        found = [judge(*arms["method"].values(), arms["matched"], 0.01) for arms in samples]
        return sum(one.kind == "better" for one in found)

    assert not too_many(wrong(settle), LEVEL)
    assert too_many(wrong(union), LEVEL)
    assert too_many(wrong(each_sample_a_problem), LEVEL)
    assert not too_many(sum(any_exploratory(arms, holm) for arms in samples), 2 * LEVEL)
    assert too_many(sum(any_exploratory(arms, list) for arms in samples), 2 * LEVEL)
