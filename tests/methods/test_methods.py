"""Methods as values: wire format, ranges, presets, the registry."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import textwrap

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from entmin.core import adaptive_temperature, em_inf
from entmin.errors import UsageError
from entmin.methods import METHODS, AdaptiveTemperature, EmInf, Method, Normal, from_args, method_class, method_names

ALL = [*METHODS.values()]


def within(cls):
    """A strategy for valid instances, drawn from the class's own bounds."""

    def field(name, kind):
        low, high = cls.bounds.get(name, (None, None))
        if kind is bool:
            return st.booleans()
        return st.integers(low, high) if kind is int else st.floats(low, high)

    fields = {name: field(name, kind) for name, kind in cls.options().items()}
    if cls is AdaptiveTemperature:
        fields["tmin"] = st.floats(1e-4, 1)
        fields["tmax"] = st.floats(1, 100)
    return st.builds(cls, **fields)


@given(st.one_of(*map(within, ALL)))
def test_the_flat_form_gives_the_same_method_back(method):
    args = method.to_args()
    assert from_args(args) == method
    assert type(from_args(args)) is type(method)
    assert all(type(value) in (str, int, float, bool) for value in args.values())
    assert all(key.startswith("entmin_") for key in args)


@given(st.one_of(*map(within, ALL)))
def test_the_flat_form_survives_a_command_line(method):
    assert from_args({key: str(value) for key, value in method.to_args().items()}) == method
    assert from_args({key.removeprefix("entmin_"): value for key, value in method.to_args().items()}) == method


def test_the_flat_form_is_complete_and_uses_the_published_names():
    assert EmInf().to_args() == {
        "entmin_method": "em_inf",
        "entmin_threshold": 0.3,
        "entmin_kl_weight": 0.05,
        "entmin_learning_rate": 0.1,
        "entmin_n_grad_steps": 3,
    }
    published = ["tmax", "tmin", "max_iter", "tol", "target_ratio", "threshold"]
    assert list(AdaptiveTemperature().to_args())[:7] == ["entmin_method", *(f"entmin_{name}" for name in published)]
    assert Normal().to_args() == {"entmin_method": "normal"}
    assert from_args({}) == Normal()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"method": "em_inff"}, r"unknown method 'em_inff' \(did you mean 'em_inf'\?\); methods: normal, em_inf, adap"),
        ({"method": "em_inf", "treshold": 1}, r"no option 'treshold' \(did you mean 'threshold'\?\); options: thres"),
        ({"method": "em_inf", "entmin_kl": 1}, r"options: threshold, kl_weight, learning_rate, n_grad_steps"),
        ({"method": "em_inf", "tmax": 1}, r"em_inf has no option 'tmax'"),
        ({"method": "normal", "x": 1}, r"normal has no option 'x'; options: none"),
        ({"method": "em_inf", "preset": "papper"}, r"no preset 'papper'; presets: paper, paper_math, paper_qwen"),
    ],
)
def test_wrong_names_are_answered_with_the_right_ones(args, message):
    with pytest.raises(UsageError, match=message):
        from_args(args)


@pytest.mark.parametrize(
    "make",
    [
        lambda: EmInf(threshold=-0.1),
        lambda: EmInf(learning_rate=-1),
        lambda: EmInf(kl_weight=-1e-9),
        lambda: EmInf(n_grad_steps=-1),
        lambda: AdaptiveTemperature(tmin=0),
        lambda: AdaptiveTemperature(tmax=-1),
        lambda: AdaptiveTemperature(target_ratio=1.5),
        lambda: AdaptiveTemperature(max_iter=0),
        lambda: AdaptiveTemperature(tol=-1),
        lambda: from_args({"method": "em_inf", "n_grad_steps": "1001"}),
    ],
)
def test_values_out_of_range_are_refused_with_the_range(make):
    with pytest.raises(UsageError, match=r"must be between .* and .*, not"):
        make()


@pytest.mark.parametrize("value", ["nan", "inf", float("nan"), float("inf"), "much", None, True, [1.0], {}])
@pytest.mark.parametrize("name", ["threshold", "n_grad_steps"])
def test_values_of_the_wrong_kind_are_refused(name, value):
    with pytest.raises(UsageError, match=f"em_inf: {name} must be"):
        EmInf(**{name: value})


@pytest.mark.parametrize("value", [2.5, "2.5", "three"])
def test_a_step_count_is_a_whole_number(value):
    with pytest.raises(UsageError, match="n_grad_steps must be int"):
        EmInf(n_grad_steps=value)
    assert EmInf(n_grad_steps="4") == EmInf(n_grad_steps=4.0) == EmInf(n_grad_steps=4)
    assert type(EmInf(n_grad_steps=4.0).n_grad_steps) is int


@pytest.mark.parametrize("value", ["yes", 2, "", None])
def test_a_switch_is_true_or_false(value):
    with pytest.raises(UsageError, match="absolute_tol must be bool"):
        AdaptiveTemperature(absolute_tol=value)
    assert AdaptiveTemperature(absolute_tol="False") == AdaptiveTemperature(absolute_tol=0) == AdaptiveTemperature()


def test_temperatures_must_be_in_order():
    with pytest.raises(UsageError, match=r"tmin 2 is above tmax 1"):
        AdaptiveTemperature(tmin=2)


def test_presets_are_the_published_settings():
    assert EmInf.preset("paper") == EmInf(0.3, 0.05, 0.1, 3)
    assert EmInf.preset("paper_math") == EmInf(0.1, 0.001, 0.1, 3)
    assert EmInf.preset("paper_qwen") == EmInf(0.3, 0.01, 0.05, 3)
    assert AdaptiveTemperature.preset("paper") == AdaptiveTemperature(1, 0.01, 100, 0.1, 0.85, 1e-5, absolute_tol=True)
    assert from_args({"method": "em_inf", "preset": "paper_math", "n_grad_steps": 7}) == EmInf(0.1, 0.001, 0.1, 7)
    with pytest.raises(UsageError, match="no preset"):
        Normal.preset("paper")


@pytest.mark.parametrize("cls", ALL)
def test_every_preset_is_valid(cls):
    assert all(cls.preset(name) for name in cls.presets)


def test_methods_are_frozen_hashable_values():
    method = EmInf()
    with pytest.raises(dataclasses.FrozenInstanceError):
        method.threshold = 1.0
    assert {method, EmInf(), EmInf(threshold=1)} == {EmInf(), EmInf(threshold=1)}


def test_names_are_found_with_hyphens_too():
    assert method_names()[:3] == ["normal", "em_inf", "adaptive_temp"]
    assert method_class("em-inf") is EmInf
    assert method_class(" adaptive-temp ") is AdaptiveTemperature


def test_adjust_is_the_core_function_with_the_fields():
    logits = torch.randn(3, 200, generator=torch.Generator().manual_seed(1)) * 3
    settings = {"threshold": 0.1, "kl_weight": 0.5, "learning_rate": 0.3, "n_grad_steps": 2}
    assert torch.equal(EmInf(**settings).adjust(logits), em_inf(logits, **settings))
    paper = AdaptiveTemperature.preset("paper", target_ratio=0.5)
    assert torch.equal(paper.adjust(logits), adaptive_temperature(logits, tol=0.1, absolute_tol=True, target_ratio=0.5))
    assert Normal().adjust(logits) is logits


NEW_METHOD = '''
import dataclasses
from entmin.methods import Method, register_method

@register_method
@dataclasses.dataclass(frozen=True)
class Half(Method):
    """Halves the logits."""
    name = "half"
    summary = "halve"
    bounds = {"factor": (0, 1)}
    factor: float = 0.5

    def adjust(self, logits):
        return logits * self.factor
'''


def test_one_file_brings_a_new_method_in(tmp_path, monkeypatch):
    (tmp_path / "half_method.py").write_text(NEW_METHOD)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(METHODS, "half", Method)  # so that leaving the test takes it out again
    __import__("half_method")
    half = from_args({"entmin_method": "half", "entmin_factor": "0.25"})
    assert half.to_args() == {"entmin_method": "half", "entmin_factor": 0.25}
    assert half.adjust(torch.ones(1, 2)).tolist() == [[0.25, 0.25]]
    assert "half" in method_names()
    with pytest.raises(UsageError, match="factor must be between 0 and 1"):
        from_args({"method": "half", "factor": 2})


@pytest.mark.parametrize("module", ["entmin", "entmin.methods", "entmin.errors", "entmin.tasks.registry"])
def test_names_and_settings_need_no_torch(module):
    code = f"""
        import sys, {module}
        loaded = {{"torch", "transformers", "numpy", "inspect_ai"}} & set(sys.modules)
        assert not loaded, loaded
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_every_exported_name_can_be_imported():
    import entmin

    assert all(getattr(entmin, name) is not None for name in entmin.__all__)
    assert entmin.em_inf is em_inf  # the function, not the submodule of the same name
    with pytest.raises(AttributeError, match="no attribute 'em_infinity'"):
        _ = entmin.em_infinity


def test_describe_names_every_setting_in_short():
    shown = "em_inf(threshold=0.25, kl_weight=0.05, learning_rate=0.1, n_grad_steps=3)"
    assert EmInf(threshold=0.25).describe() == shown
    assert Normal().describe() == "normal()"
