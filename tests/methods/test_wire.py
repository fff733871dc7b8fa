"""What a request or an environment variable says, read into a method."""

from __future__ import annotations

import json

import pytest

from entmin.errors import UsageError
from entmin.methods import AdaptiveTemperature, EmInf, Method, Normal, method_names
from entmin.methods.base import METHODS
from entmin.methods.wire import from_text, requested


@pytest.mark.parametrize("name", method_names())
def test_every_method_comes_back_from_its_arguments_and_from_text(name):
    method: Method = METHODS[name]()
    args = method.to_args()
    assert from_text(json.dumps(args)) == method
    options = ",".join(
        f"{key.removeprefix('entmin_')}={value}" for key, value in args.items() if key != "entmin_method"
    )
    assert from_text(f"{name}:{options}") == method
    assert requested(args) == (None if name == "normal" else method)


def test_keys_of_others_are_ignored():
    assert requested({"session_id": "a", "em_scale": 2}) is None
    assert requested({"session_id": "a", "entmin_method": "em_inf"}) == EmInf()
    assert requested(None) is None


def test_the_servers_default_is_taken_changed_or_turned_off():
    default = EmInf(threshold=0.1, kl_weight=0.2)
    assert requested({}, default) == default
    assert requested({"entmin_threshold": 1}, default) == EmInf(threshold=1, kl_weight=0.2)
    assert requested({"entmin_preset": "paper_math"}, default) == EmInf.preset("paper_math")
    assert requested({"entmin_method": "adaptive_temp"}, default) == AdaptiveTemperature()
    assert requested({"entmin_method": "em_inf"}, default) == EmInf()
    assert requested({"entmin_method": "normal"}, default) is None
    assert requested({}, Normal()) is None


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
    ],
)
def test_a_wrong_request_is_answered_with_the_right_names(xargs, message):
    with pytest.raises(UsageError, match=message):
        requested(xargs)


@pytest.mark.parametrize("text", ["", ":", "em_inf:threshold", "em_inf:threshold=x", "{", "[1]", "{}", "nothing:a=1"])
def test_a_malformed_text_is_refused(text):
    with pytest.raises(UsageError):
        from_text(text)


def test_spaces_and_hyphens_in_a_text_do_not_matter():
    assert from_text("adaptive-temp: tmin = 0.1, tol=1e-3") == AdaptiveTemperature(tmin=0.1, tol=1e-3)
    assert from_text("em_inf") == EmInf()
