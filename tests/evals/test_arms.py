import pytest

from entmin.errors import UsageError
from entmin.evals.arms import DEFAULT_ARMS, of_models, parse_arms
from entmin.methods import AdaptiveTemperature, EmInf, Normal


def test_default_arms_share_the_temperature_but_for_greedy():
    found = parse_arms(DEFAULT_ARMS, {"temperature": 0.7, "top_p": 0.9})
    assert list(found) == ["normal", "greedy", "em_inf", "adaptive_temp"]
    arms = list(found.values())
    assert [arm.method for arm in arms] == [Normal(), Normal(), EmInf(), AdaptiveTemperature()]
    assert [arm.sampling.temperature for arm in arms] == [0.7, 0.0, 0.7, 0.7]
    assert {arm.sampling.top_p for arm in arms} == {0.9}


def test_an_arm_takes_settings_and_a_temperature():
    ((label, arm),) = parse_arms("em-inf:threshold=0.1:n_grad_steps=5@0.5", {"temperature": 0.7}).items()
    assert label == "em_inf:threshold=0.1:n_grad_steps=5@0.5"
    assert arm.method == EmInf(threshold=0.1, n_grad_steps=5)
    assert arm.sampling.temperature == 0.5


def test_presets_work_in_arms():
    (arm,) = parse_arms("adaptive_temp:preset=paper").values()
    assert arm.method == AdaptiveTemperature.preset("paper")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("em_inff", "did you mean 'em_inf'"),
        ("em_inf:treshold=1", "did you mean 'threshold'"),
        ("em_inf:threshold", "name=value"),
        ("normal@hot", "must be a number"),
        ("normal,normal", "repeated normal"),
        ("normal,normal@1", "repeated normal, normal@1"),
        ("greedy,normal@0", "repeated greedy"),
        ("normal,normal:seed=0", "repeated normal, normal:seed=0"),
        ("em_inf:threshold=0.1,kl_weight=0.1", "unknown method 'kl_weight=0.1'"),
        ("greedy@1", "greedy takes no settings"),
        (" , ", "none given"),
    ],
)
def test_malformed_arms_say_what_is_wrong(text, message):
    with pytest.raises(UsageError, match=message):
        parse_arms(text)


def test_arms_may_differ_in_seed_or_sampling_alone():
    found = parse_arms("normal:seed=0,normal:seed=1,normal:top_p=0.9,normal@0.5", {"seed": 7})
    assert list(found) == ["normal:seed=0", "normal:seed=1", "normal:top_p=0.9", "normal@0.5"]
    assert [(arm.seed, arm.sampling.top_p, arm.sampling.temperature) for arm in found.values()] == [
        (0, 1, 1), (1, 1, 1), (7, 0.9, 1), (7, 1, 0.5)
    ]  # fmt: skip
    assert {arm.name for arm in found.values()} == {"normal"}


def test_arms_of_several_models_are_named_by_what_differs():
    arms = parse_arms("normal")
    found = of_models(["owner/base", "out/checkpoint-20", "out2/checkpoint-20/"], arms)
    assert list(found) == ["owner/base", "out/checkpoint-20", "out2/checkpoint-20"]
    assert [model for model, _ in found.values()] == ["owner/base", "out/checkpoint-20", "out2/checkpoint-20/"]
    two = of_models(["owner/base", "out"], parse_arms("normal,greedy"))
    assert list(two) == ["base normal", "base greedy", "out normal", "out greedy"]
    with pytest.raises(UsageError, match="named twice"):
        of_models(["base", "base/"], arms)
