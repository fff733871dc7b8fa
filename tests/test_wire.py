"""What a request or an environment variable says, read into a mode."""

from __future__ import annotations

import json
import math

import pytest

from entmin.errors import UsageError
from entmin.methods import AdaptiveTemperature, EmInf, Method, Normal, method_names
from entmin.methods.base import METHODS
from entmin.mode import Mode
from entmin.wire import refuse_costly, requested


@pytest.mark.parametrize("name", method_names())
def test_every_method_comes_back_from_its_arguments_and_from_text(name):
    method: Method = METHODS[name]()
    args = method.to_args()
    assert Mode.parse(json.dumps(args)) == Mode(method)
    options = ",".join(
        f"{key.removeprefix('entmin_')}={value}" for key, value in args.items() if key != "entmin_method"
    )
    assert Mode.parse(f"{name}:{options}") == Mode(method)
    assert requested(args) == Mode(method)
    assert requested({"entmin_mode": str(Mode(method))}) == Mode(method)


def test_keys_of_others_are_ignored():
    assert requested({"session_id": "a", "em_scale": 2}) == Mode(Normal())
    assert requested({"session_id": "a", "entmin_method": "em_inf"}) == Mode(EmInf())
    assert requested(None) == Mode(Normal())


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"entmin_metod": "em_inf"}, "method"),
        ({"entmin_mehtod": "em_inf"}, "method"),
        ({"entmin-method": "em_inf"}, "method"),
        ({"ENTMIN_METHOD": "em_inf"}, "method"),
        ({"entminMethod": "em_inf"}, "method"),
        ({"entim_method": "em_inf"}, "method"),
        ({"entmin_Mode": "em_inf"}, "mode"),
        ({"entmin.threshold": 1}, "threshold"),
        ({"enmtin_n_grad_steps": 1}, "n_grad_steps"),
        ({"method": "em_inf"}, "method"),
        ({"mode": "em_inf:threshold=0.1@0.7"}, "mode"),
        ({"entmin_method": "em_inf", "entmin-threshold": 1}, "threshold"),
    ],
    ids=str,
)
@pytest.mark.parametrize("default", [None, Mode(EmInf())], ids=["no default", "default"])
def test_a_key_that_was_meant_for_us_is_not_ignored(given, meant, default):
    with pytest.raises(UsageError, match=rf"did you mean '(entmin_)?{meant}'\?"):
        requested(given, default)


def test_every_whole_number_of_a_method_is_bounded_in_a_request():
    for name in method_names():
        for option, kind in METHODS[name].options().items():
            if kind is int:
                assert math.isfinite(METHODS[name].bounds[option][1])
                method = METHODS[name].from_settings({option: METHODS[name].bounds[option][1]})
                with pytest.raises(UsageError, match=f"{option} must be at most"):
                    refuse_costly(method, None)
            with pytest.raises(UsageError):
                requested({"entmin_method": name, f"entmin_{option}": 10**400})
            if kind is not bool:
                with pytest.raises(UsageError):
                    requested({"entmin_method": name, f"entmin_{option}": True})


def test_the_servers_default_is_taken_changed_or_turned_off():
    default = Mode(EmInf(threshold=0.1, kl_weight=0.2))

    def method(xargs, default=default):
        return requested(xargs, default).method

    assert requested({}, default) == default
    assert method({"entmin_threshold": 1}) == EmInf(threshold=1, kl_weight=0.2)
    assert method({"entmin_preset": "paper_math"}) == EmInf.preset("paper_math")
    assert method({"entmin_method": "adaptive_temp"}) == AdaptiveTemperature()
    assert method({"entmin_method": "em_inf"}) == EmInf()
    assert method({"entmin_mode": "em_inf"}) == EmInf()
    assert method({"entmin_method": "normal"}) == Normal()
    assert method({}, Mode(Normal())) == Normal()


def test_a_field_of_the_request_wins_over_the_servers_sampling():
    default = Mode.parse("em_inf:top_p=0.9:seed=3@0.7")
    assert requested({}, default) == default
    assert requested({}, default, {"temperature": 0.2}) == Mode.parse("em_inf:top_p=0.9:seed=3@0.2")
    assert requested({"entmin_mode": "normal@0.5:top_k=4"}, default) == Mode.parse(
        "normal:top_p=0.9:top_k=4:seed=3@0.5"
    )
    assert requested({"entmin_mode": "normal@0.5"}, None, {"temperature": 0.5}) == Mode.parse("normal@0.5")
    assert requested({"entmin_mode": "normal"}, None, {"temperature": 0.5, "seed": 1}) == Mode.parse(
        "normal:seed=1@0.5"
    )


@pytest.mark.parametrize(
    "xargs",
    [{"entmin_mode": "normal@0.5"}, {"entmin_mode": "greedy"}, {"entmin_method": "em_inf", "entmin_temperature": 2}],
)
def test_sampling_said_twice_in_different_ways_is_refused(xargs):
    with pytest.raises(UsageError, match=r"temperature is given twice: [0-9.]+ in the mode, and 0.7 in the request"):
        requested(xargs, None, {"temperature": 0.7})


def test_a_client_may_not_ask_for_more_work_than_the_server_allows():
    refuse_costly(EmInf(n_grad_steps=200), None)
    refuse_costly(EmInf(n_grad_steps=500), Mode(EmInf(n_grad_steps=500)))
    refuse_costly(Normal(), Mode(EmInf()))
    for method in (EmInf(n_grad_steps=201), AdaptiveTemperature(max_iter=201)):
        with pytest.raises(UsageError, match="must be at most 200 in a request, not 201: every step of it delays"):
            refuse_costly(method, Mode(EmInf()))


@pytest.mark.parametrize(
    ("xargs", "message"),
    [
        ({"entmin_method": "em-infinity"}, "did you mean 'em_inf'"),
        ({"entmin_method": ["em_inf"]}, "unknown method"),
        ({"entmin_method": "em_inf", "entmin_treshold": 0.3}, "did you mean 'threshold'"),
        ({"entmin_method": "em_inf", "entmin_threshold": -1}, "threshold must be between 0 and 20"),
        ({"entmin_method": "em_inf", "entmin_threshold": [0.3]}, "threshold must be float"),
        ({"entmin_method": "em_inf", "entmin_n_grad_steps": 1.5}, "n_grad_steps must be int"),
        ({"entmin_method": "em_inf", "entmin_preset": "papper"}, "has no preset 'papper'"),
        ({"entmin_threshold": 0.3}, "entmin_threshold without entmin_method"),
        ({"entmin_mode": "em_inf", "entmin_threshold": 0.3}, "entmin_mode and entmin_threshold in one request"),
        ({"entmin_mode": "em_inf:treshold=1"}, "did you mean 'threshold'"),
        ({"entmin_mode": 3}, "entmin_mode must be a text"),
        ({"entmin_mode": "em_inf+self_consistency"}, "self_consistency: a server answers single calls"),
        ({"entmin_method": "em_inf", "entmin_mod": "em_inf"}, "did you mean 'mode'"),
    ],
)
def test_a_wrong_request_is_answered_with_the_right_names(xargs, message):
    with pytest.raises(UsageError, match=message):
        requested(xargs)


@pytest.mark.parametrize("text", ["", ":", "em_inf:threshold", "em_inf:threshold=x", "{", "[1]", "{}", "nothing:a=1"])
def test_a_malformed_text_is_refused(text):
    with pytest.raises(UsageError):
        Mode.parse(text)


def test_spaces_and_hyphens_in_a_text_do_not_matter():
    assert Mode.parse("adaptive-temp: tmin = 0.1, tol=1e-3").method == AdaptiveTemperature(tmin=0.1, tol=1e-3)
    assert Mode.parse("em_inf").method == EmInf()
