"""One type and one grammar for how an answer is made."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entmin.errors import UsageError
from entmin.methods import METHODS, AdaptiveTemperature, EmInf, Normal, method_class, method_names
from entmin.methods.base import _RESERVED
from entmin.mode import DRAWING, Mode, Sampling
from entmin.strategies import STRATEGIES, BestOfN, PowerSampling, SelfConsistency, SelfRefinement


def field(cls, name, kind):
    """Values of one setting, drawn from the class's own bounds and words."""
    if name in cls.choices:
        return st.sampled_from(cls.choices[name])
    low, high = cls.bounds.get(name, (None, None))
    if kind is bool:
        return st.booleans()
    return st.integers(low, high) if kind is int else st.floats(low, high)


def within(cls, **fields):
    return st.builds(cls, **{name: field(cls, name, kind) for name, kind in cls.options().items()} | fields)


# tmin must not be above tmax, so their ranges meet in one point.
APART = {"adaptive_temp": {"tmin": st.floats(1e-4, 1), "tmax": st.floats(1, 100)}}
METHOD = st.one_of([within(method_class(name), **APART.get(name, {})) for name in method_names()])


@st.composite
def modes(draw):
    method = draw(METHOD)
    # Power sampling begins again in the middle of an answer, which a method with memory cannot.
    strategies = [cls for cls in STRATEGIES.values() if not (method.memory and cls is PowerSampling)]
    return Mode(
        method,
        draw(st.none() | st.one_of(*map(within, strategies))),
        draw(st.none() | st.floats(1e-6, 100)),
        draw(st.none() | st.floats(0, 1, exclude_min=True)),
        draw(st.none() | st.integers(0, 1 << 30)),
        draw(st.none() | st.floats(0, 1)),
        draw(st.none() | st.integers(-(1 << 63), (1 << 63) - 1)),
    )


@given(modes())
def test_a_modes_text_and_its_flat_form_give_it_back(mode):
    assert Mode.parse(str(mode)) == mode
    assert Mode.from_args(mode.to_args()) == mode
    assert Mode.parse(json.dumps(mode.to_args())) == mode
    assert str(Mode.parse(str(mode))) == str(mode)


@pytest.mark.parametrize("name", method_names())
@settings(deadline=None)
@given(data=st.data())
def test_every_registered_method_comes_back_from_a_modes_text(name, data):
    method = data.draw(within(method_class(name), **APART.get(name, {})))
    for mode in (Mode(method), Mode(method, BestOfN(), 0.7, seed=3)):
        assert Mode.parse(str(mode)) == mode


@given(METHOD, st.none() | st.integers(0, 9))
def test_greedy_modes_come_back_too(method, seed):
    for mode in (Mode(method, temperature=0, seed=seed), Mode(method, SelfRefinement(), temperature=0, seed=seed)):
        assert Mode.parse(str(mode)) == mode


@pytest.mark.parametrize(
    ("text", "mode", "canonical"),
    [
        ("greedy", Mode(temperature=0), "greedy"),
        ("normal@0", Mode(temperature=0), "greedy"),
        ("normal:seed=3@0", Mode(temperature=0, seed=3), "normal:seed=3@0"),
        ("normal:min_p=0.1:top_p=0.9:seed=3", Mode(top_p=0.9, min_p=0.1, seed=3), "normal:top_p=0.9:min_p=0.1:seed=3"),
        ("em-inf:threshold=0.3,kl-weight=0.1", Mode(EmInf(kl_weight=0.1)), "em_inf:kl_weight=0.1"),
        ("em_inf:threshold=0.1+self_consistency:n=8@0.7", Mode(EmInf(0.1), SelfConsistency(8), 0.7),
         "em_inf:threshold=0.1+self_consistency:n=8@0.7"),
        ("best-of-n@0.5:top_k=4 + em_inf", Mode(EmInf(), BestOfN(), 0.5, top_k=4), "em_inf+best_of_n:top_k=4@0.5"),
        ("greedy+self_refinement", Mode(Normal(), SelfRefinement(), 0), "self_refinement@0"),
        ("em_inf:preset=paper_math@1e+1", Mode(EmInf(0.1, 0.001), temperature=10),
         "em_inf:threshold=0.1:kl_weight=0.001@10"),
        ("adaptive_temp:preset=paper", Mode(AdaptiveTemperature.preset("paper")),
         "adaptive_temp:tol=0.1:absolute_tol=True"),
        ('{"entmin_method": "em_inf", "entmin_threshold": 0.1, "entmin_temperature": 0.7}',
         Mode(EmInf(0.1), temperature=0.7), "em_inf:threshold=0.1@0.7"),
        ('{"strategy": "best_of_n", "n": 8}', Mode(strategy=BestOfN(8)), "best_of_n:n=8"),
    ],
)  # fmt: skip
def test_every_form_reads_to_one_mode_with_one_text(text, mode, canonical):
    assert Mode.parse(text) == mode
    assert str(mode) == canonical


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("em_inf:topp=0.9", {}, "did you mean 'top_p'"),
        ("em_inf:threshold=0.1:threshold=0.2", {}, "threshold is given twice: 0.1 in .* and 0.2"),
        ("em_inf@0.5:temperature=0.7", {}, "temperature is given twice: 0.5 in .* and 0.7"),
        ("em_inf:threshold=0.1", {"threshold": 0.2}, "threshold is given twice: 0.1 in .*, and 0.2 by --threshold"),
        (
            "normal@0.5",
            {"temperature": 0.7},
            "temperature is given twice: 0.5 in 'normal@0.5', and 0.7 by --temperature",
        ),
        ("greedy", {"temperature": 0.7}, "temperature is given twice: 0 in 'greedy', and 0.7 by --temperature"),
        ("normal:seed=1", {"seed": 2}, "seed is given twice"),
        ("normal@", {}, "name=value"),
        ("normal@-1", {}, "temperature must be between"),
        ("normal:top_k=2.5", {}, "top_k must be a whole number"),
        ("normal:seed=1e400", {}, "seed must be a whole number"),
        ("normal:top_p=nan", {}, "top_p must be between"),
        ("greedy+best_of_n", {}, "same answer several times"),
        ("best_of_n", {"temperature": 0}, "same answer several times"),
        ("gredy", {}, "did you mean 'greedy'"),
        ("em_inf:preset=paper_mth", {}, "did you mean 'paper_math'"),
        ("[1]", {}, "unknown method"),
    ],
)
def test_what_contradicts_itself_or_is_misspelt_is_refused_in_words(text, options, message):
    with pytest.raises(UsageError, match=message):
        Mode.parse(text, options)


def test_a_setting_may_be_said_twice_if_it_is_the_same():
    assert Mode.parse("em_inf:threshold=0.10@0.7", {"threshold": 0.1, "temperature": 0.7, "n_grad_steps": 5}) == Mode(
        EmInf(0.1, n_grad_steps=5), temperature=0.7
    )
    assert Mode.parse("em_inf:preset=paper_math", {"threshold": 0.2}).method == EmInf(0.2, 0.001)


def test_open_settings_are_filled_and_the_rest_stands():
    mode = Mode.parse("normal:top_p=0.9")
    assert mode.sampling == Sampling(1, 0.9)
    assert mode.filled(temperature=0.5, top_p=0.1) == Mode(temperature=0.5, top_p=0.9)
    assert mode.complete() == Mode(Normal(), None, 1, 0.9, 0, 0, 0) == Mode.parse("normal:top_p=0.9@1").complete()


def test_no_method_may_have_an_option_that_a_mode_reads_as_its_own():
    assert set(DRAWING) <= _RESERVED
    assert not any(_RESERVED & set(cls.options()) for cls in [*METHODS.values(), *STRATEGIES.values()])
