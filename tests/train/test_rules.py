"""The rules of the watch on synthetic streams of metrics."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entmin.train.levels import LEVELS, PLATEAU, RULES, SIGNAL, SUDDEN, WatchSettings
from entmin.train.rules import RuleEngine

HEALTHY = {
    "entropy": 1.0, "length": 80.0, "repetition": 0.05, "kl": 0.01, "distinct": 0.7, "agreement": 0.5,
    "reward_std": 0.2, "grad_norm": 1.0, "clipped": 0.1,
}  # fmt: skip


def run(stream, settings=None):
    engine = RuleEngine(settings or WatchSettings())
    for step, metrics in enumerate(stream, start=1):
        engine.update(step, metrics)
    return engine


def noisy(steps, **curves):
    chance = random.Random(0)
    for i in range(steps):
        values = {name: value * chance.uniform(0.8, 1.25) for name, value in HEALTHY.items()}
        yield values | {name: curve(i) * chance.uniform(0.97, 1.03) for name, curve in curves.items()}


def test_a_healthy_noisy_run_rings_nothing():
    engine = run(noisy(60, agreement=lambda i: 0.4 + 0.008 * i))
    assert engine.alarms == []
    assert all(engine.safe(rule) for rule in RULES)


@pytest.mark.parametrize(
    ("rule", "metric", "curve", "words"),
    [
        ("entropy-floor", "entropy", lambda i: 1.9 * 0.8**i, "nearly the same answer"),
        ("entropy-growth", "entropy", lambda i: 1.9 * 1.05**i, "coming apart"),
        ("all-cut", "clipped", lambda i: min(0.97, 0.02 * i), "trained on beginnings"),
        (SUDDEN, "entropy", lambda i: 1.9 if i < 30 else 0.4, "entropy went from 1.9 to 0.4 at once"),
        ("kl-cap", "kl", lambda i: 0.02 * i, "KL to the initial model rose"),
        ("length-growth", "length", lambda i: 80 * 1.05**i, "answers grew from 8"),
        ("length-collapse", "length", lambda i: 80 * 0.95**i, "answers shrank"),
        ("repetition", "repetition", lambda i: 0.05 + 0.01 * i, "goes in circles"),
        ("distinct-floor", "distinct", lambda i: max(0.25, 0.75 - 0.02 * i), "pass@k can no longer exceed"),
        ("gradient", "grad_norm", lambda i: 1.2**i, "unstable"),
        (PLATEAU, "agreement", lambda i: 0.4 + 0.02 * min(i, 10), "best 6"),
        (SIGNAL, "reward_std", lambda i: 0.2 if i < 12 else 0.0, "same reward 10 times in a row"),
    ],
)
def test_each_rule_hears_its_own_fall_once_and_no_other(rule, metric, curve, words):
    curves = {"agreement": lambda i: 0.3 + 0.008 * i} | {metric: curve}
    engine = run(noisy(60, **curves))
    assert [alarm.rule for alarm in engine.alarms] == [rule]
    assert words in engine.alarms[0].message
    assert not engine.safe(rule)
    off = {
        "entropy-floor": "entropy_floor", "entropy-growth": "entropy_factor", "all-cut": "clipped_cap",
        SUDDEN: "collapse_factor", "kl-cap": "kl_cap", "length-growth": "length_factor",
        "length-collapse": "length_factor", "repetition": "repetition_cap", "distinct-floor": "distinct_factor",
        "gradient": "gradient_factor", PLATEAU: "agreement_plateau", SIGNAL: "signal_steps",
    }  # fmt: skip
    assert run(noisy(60, **curves), WatchSettings(**{off[rule]: None})).alarms == []


def test_the_message_says_from_where_to_where_and_how_fast():
    entropies = (1.9, 1.5, 1.2, 0.9, 0.5, 0.2, 0.1, 0.05, 0.04, 0.03)
    engine = run(({"entropy": value} for value in entropies), WatchSettings(collapse_factor=None))
    (alarm,) = engine.alarms
    assert (alarm.rule, alarm.step, alarm.value) == ("entropy-floor", 10, 0.05)
    assert alarm.message.startswith("entropy fell from 1.5 to 0.05 nats a token within 9 steps")


def test_one_bad_step_is_not_a_collapse():
    stream = [dict(HEALTHY) for _ in range(20)]
    stream[10] |= {"entropy": 0.0, "length": 900.0, "repetition": 1.0}
    assert run(stream).alarms == []


def test_a_gradient_that_is_not_finite_fires_at_once():
    engine = run([{"grad_norm": 1.0}, {"grad_norm": math.nan}])
    assert [(alarm.rule, alarm.step) for alarm in engine.alarms] == [("gradient", 2)]


def test_steps_without_a_gradient_do_not_make_a_usual_one_look_large():
    assert run([{"grad_norm": 0.0 if step % 2 == 0 else 9.0} for step in range(30)]).alarms == []


def test_a_checkpoint_is_safe_until_half_of_the_way_is_gone():
    engine = RuleEngine(WatchSettings(watch_window=1))
    safe = [engine.update(step, {"kl": 0.05 * step}) is not None and engine.safe("kl-cap") for step in range(12)]
    assert safe.index(False) == 6  # 0.25 is half of the cap
    assert engine.safe("entropy-floor")


def test_a_run_that_starts_beyond_a_limit_is_judged_by_half_of_what_was_left():
    assert run([{"entropy": 0.04, "repetition": 0.4}] * 30).alarms == []
    engine = run([{"entropy": 0.04, "repetition": 0.4}] * 5 + [{"entropy": 0.015, "repetition": 0.75}] * 5)
    assert {alarm.rule: alarm.limit for alarm in engine.alarms} == {"entropy-floor": 0.02, "repetition": 0.7}


def test_a_plateau_counts_only_after_a_rise_and_keeps_the_best_step():
    assert run([{"agreement": 0.5}] * 60).alarms == []
    engine = RuleEngine(WatchSettings(watch_window=3, agreement_plateau=10))
    safe = []
    for step in range(1, 40):
        engine.update(step, {"agreement": min(0.5 + 0.02 * step, 0.7) - (0.01 * max(0, step - 20))})
        safe.append(engine.safe(PLATEAU))
    (alarm,) = engine.alarms
    assert engine.best_step <= 12
    assert alarm.step == engine.best_step + 10
    assert safe[engine.best_step - 1]
    assert not safe[engine.best_step + 3]


def test_a_plateau_counts_observations_and_not_the_steps_between_them():
    rising = [{"step": 4 * i, "agreement": 0.4 + 0.01 * i} for i in range(20)]
    flat = [{"step": 80 + 4 * i, "agreement": 0.6} for i in range(24)]
    engine, fired = RuleEngine(WatchSettings()), []
    for row in rising + flat:
        fired += engine.update(row["step"], row)
    assert [(alarm.rule, alarm.step) for alarm in fired] == [
        (PLATEAU, 80 + 4 * 21)
    ]  # a median of five reaches the top with its third observation there


def test_noise_alone_crosses_no_limit():
    chance = random.Random(1)
    low = [{"distinct": 0.32 + chance.choice((-0.04, -0.02, 0.0, 0.02, 0.04))} for _ in range(200)]
    assert run(low).alarms == []
    assert [alarm.rule for alarm in run([{"distinct": 0.6}] * 10 + [{"distinct": 0.25}] * 10).alarms] == [
        "distinct-floor"
    ]


def test_a_collapse_is_heard_with_its_second_observation():
    engine = run([{"length": 80.0}] * 4 + [{"length": 20.0}] * 2)
    assert [(alarm.rule, alarm.step) for alarm in engine.alarms] == [
        (SUDDEN, 6),
    ]
    assert "length went from 80 to 20 at once, a fall by 4.0" in engine.alarms[0].message


def test_answers_that_are_all_cut_from_the_first_on_are_told():
    assert [alarm.rule for alarm in run([{"clipped": 1.0}] * 6).alarms] == ["all-cut"]


def test_trl_names_and_missing_metrics_are_understood():
    engine = run([{"completions/mean_length": 50.0 * 1.2**i, "loss": 1.0, "kl": None} for i in range(20)])
    assert [alarm.rule for alarm in engine.alarms] == ["length-growth"]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*HEALTHY, "other"]), st.floats(allow_nan=True, allow_infinity=True), max_size=9
        ),
        max_size=40,
    )
)
def test_no_stream_breaks_the_engine_and_no_rule_fires_twice(stream):
    engine = run(stream)
    rules = [alarm.rule for alarm in engine.alarms]
    assert len(rules) == len(set(rules))
    assert set(rules) <= set(RULES)
    engine.summary()


@given(st.sampled_from(LEVELS), st.floats(0.001, 1000))
def test_a_limit_always_lies_beyond_the_start(level, start):
    limit = level.bound(WatchSettings(), start)
    assert level.fixed or level.sign * (limit - start) > 0
    assert min(start, limit) <= level.halfway(start, limit) <= max(start, limit)
