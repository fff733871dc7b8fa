import pytest

from entmin.engine.requests import Sampling
from entmin.errors import UsageError
from entmin.evals.arms import DEFAULT_ARMS, of_models, parse_arms
from entmin.methods import AdaptiveTemperature, EmInf, Normal


def test_default_arms_share_the_temperature_but_for_greedy():
    arms = parse_arms(DEFAULT_ARMS, Sampling(0.7, top_p=0.9))
    assert [arm.label for arm in arms] == ["normal", "greedy", "em_inf", "adaptive_temp"]
    assert [arm.method for arm in arms] == [Normal(), Normal(), EmInf(), AdaptiveTemperature()]
    assert [arm.sampling.temperature for arm in arms] == [0.7, 0.0, 0.7, 0.7]
    assert {arm.sampling.top_p for arm in arms} == {0.9}


def test_an_arm_takes_settings_and_a_temperature():
    (arm,) = parse_arms("em-inf:threshold=0.1:n_grad_steps=5@0.5", Sampling())
    assert arm.method == EmInf(threshold=0.1, n_grad_steps=5)
    assert arm.sampling.temperature == 0.5


def test_presets_work_in_arms():
    (arm,) = parse_arms("adaptive_temp:preset=paper", Sampling())
    assert arm.method == AdaptiveTemperature.preset("paper")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("em_inff", "did you mean 'em_inf'"),
        ("em_inf:treshold=1", "did you mean 'threshold'"),
        ("em_inf:threshold", "name=value"),
        ("normal@hot", "must be a number"),
        ("normal,normal", "repeated normal"),
        ("greedy@1", "greedy takes no settings"),
        (" , ", "none given"),
    ],
)
def test_malformed_arms_say_what_is_wrong(text, message):
    with pytest.raises(UsageError, match=message):
        parse_arms(text, Sampling())


def test_arms_of_several_models_are_named_by_what_differs():
    arms = parse_arms("normal", Sampling())
    found = of_models(["owner/base", "out/checkpoint-20", "out2/checkpoint-20/"], arms)
    assert [arm.label for arm in found] == ["owner/base", "out/checkpoint-20", "out2/checkpoint-20"]
    assert [arm.model for arm in found] == ["owner/base", "out/checkpoint-20", "out2/checkpoint-20/"]
    two = of_models(["owner/base", "out"], parse_arms("normal,greedy", Sampling()))
    assert [arm.label for arm in two] == ["base normal", "base greedy", "out normal", "out greedy"]
    with pytest.raises(UsageError, match="named twice"):
        of_models(["base", "base/"], arms)
