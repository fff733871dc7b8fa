"""SGLang's interface for logit processors, as its sampler uses it: the rows of one processor, a list of parameters.

SGLang itself runs on GPUs. Where it is installed (`pip install --no-deps sglang`, and what its import asks for, is
enough), its own base class and the function of its sampler are taken; elsewhere those below, which do the same.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import logging
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from types import ModuleType, SimpleNamespace

import dill
import pytest
import torch

from entmin import AdaptiveTemperature, EmInf, EntropyLogitsProcessor, Normal
from entmin.errors import UsageError
from entmin.methods import METHODS
from entmin.methods.base import from_args

INSTALLED = importlib.util.find_spec("sglang")
BASE = "sglang.srt.sampling.custom_logit_processor"


class Interface(ABC):
    """What sglang 0.5.23 has as `CustomLogitProcessor`."""

    @abstractmethod
    def __call__(self, logits, custom_param_list=None): ...

    @classmethod
    def to_str(cls):
        return json.dumps({"callable": dill.dumps(cls).hex()})

    @classmethod
    def from_str(cls, text):
        return dill.loads(bytes.fromhex(json.loads(text)["callable"]))()


@pytest.fixture(scope="module")
def host():
    if INSTALLED:
        from entmin.hosts import sglang

        yield sglang
        return
    parts = BASE.split(".")
    added = {".".join(parts[: i + 1]): ModuleType(".".join(parts[: i + 1])) for i in range(len(parts))}
    added[BASE].CustomLogitProcessor = Interface
    sys.modules.update(added)
    try:
        from entmin.hosts import sglang

        yield sglang
    finally:
        for name in (*added, "entmin.hosts.sglang"):
            sys.modules.pop(name, None)


def rows(count, seed=0):
    return torch.randn(count, 300, generator=torch.Generator().manual_seed(seed)) * 3


def request(host, method, temperature=1.0):
    """A request as SGLang's scheduler keeps it: with itself among its parameters."""
    kept = SimpleNamespace(sampling_params=SimpleNamespace(temperature=temperature), custom_logit_processor=None)
    kept.custom_params = None
    if method is not None:
        fields = json.loads(json.dumps(host.request_fields(method)))  # over HTTP
        kept.custom_logit_processor = fields["custom_logit_processor"]
        kept.custom_params = {**fields["custom_params"], "__req__": kept}
    return kept


class Batch:
    """What SGLang's scheduler tells its sampler of a batch."""

    device = "cpu"

    def __init__(self, host, requests):
        self.requests, self.custom_params = requests, [one.custom_params for one in requests]
        self.custom_logit_processor = {}
        for text in {one.custom_logit_processor for one in requests} - {None}:
            rows = [i for i, one in enumerate(requests) if one.custom_logit_processor == text]
            processor = host.EntropyMinimizer.from_str(text)
            self.custom_logit_processor[hash(text)] = SimpleNamespace(
                processor=processor, rows=rows, indices=torch.tensor(rows)
            )

    def __len__(self):
        return len(self.requests)


def own_sampler():
    """SGLang's own function, by its source: the module around it loads on GPUs only."""
    folder = Path(INSTALLED.origin).parent
    tree = ast.parse((folder / "srt" / "layers" / "sampler.py").read_text())
    (function,) = [node for node in tree.body if getattr(node, "name", "") == "apply_custom_logit_processor"]
    function.args.args[1].annotation = None
    names = {"torch": torch, "logger": logging.getLogger("sglang")}
    exec(compile(ast.Module([function], []), "sampler.py", "exec"), names)
    return names["apply_custom_logit_processor"]


def like_it(logits, batch, tokens):
    """The same where SGLang is not installed: a processor's rows, with parameters for each, are taken and put back."""
    for entry in batch.custom_logit_processor.values():
        mine = torch.tensor([row * tokens + i for row in entry.rows for i in range(tokens)])
        params = [batch.custom_params[row] for row in entry.rows for _ in range(tokens)]
        logits[mine] = entry.processor(logits[mine], params)


def sampler(host, logits, requests, tokens=1):
    """What SGLang's sampler does before it divides by the temperature."""
    apply = own_sampler() if INSTALLED else like_it
    apply(logits, Batch(host, requests), tokens)
    return logits


MIXED = [EmInf(), None, AdaptiveTemperature(), Normal(), EmInf(threshold=0.1, n_grad_steps=6), EmInf()]


@pytest.mark.parametrize("tokens", [1, 3])
def test_each_request_of_a_mixed_batch_gets_its_own_method_in_all_its_rows(host, tokens):
    logits = rows(len(MIXED) * tokens)
    found = sampler(host, logits.clone(), [request(host, method) for method in MIXED], tokens)
    for number, method in enumerate(MIXED):
        own = slice(number * tokens, (number + 1) * tokens)
        expected = logits[own] if method in (None, Normal()) else method.adjust(logits[own])
        assert torch.equal(found[own], expected), method
    assert not torch.equal(found[:tokens], logits[:tokens])


def test_older_versions_give_the_parameters_of_a_request_once_for_all_its_rows(host):
    logits, requests = rows(6, 3), [request(host, EmInf()), request(host, AdaptiveTemperature())]
    found = host.EntropyMinimizer()(logits.clone(), [one.custom_params for one in requests])
    assert torch.equal(found, torch.cat([EmInf().adjust(logits[:3]), AdaptiveTemperature().adjust(logits[3:])]))


@pytest.mark.parametrize("name", [name for name, cls in METHODS.items() if not cls.memory and name != "normal"])
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_this_host_and_transformers_give_the_same_logits(host, name, temperature):
    method, logits = from_args({"method": name}), rows(4, 1)
    ours = sampler(host, logits.clone(), [request(host, method, temperature)] * 4)
    assert torch.equal(ours, EntropyLogitsProcessor(method, temperature=temperature)(None, logits.clone()))


def test_masked_tokens_stay_masked_and_half_precision_stays_what_it_is(host):
    logits = rows(2, 2).to(torch.bfloat16)
    logits[:, 7] = -torch.inf
    found = sampler(host, logits.clone(), [request(host, EmInf())] * 2)
    assert found.dtype == torch.bfloat16 and found[:, 7].isneginf().all() and not torch.equal(found, logits)


def test_what_is_sent_is_the_name_of_the_class(host):
    fields = host.request_fields("em_inf")
    sent = bytes.fromhex(json.loads(fields["custom_logit_processor"])["callable"])
    assert b"entmin.hosts.sglang" in sent and len(sent) < 200  # no code
    assert fields["custom_params"] == EmInf().to_args()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"entmin_method": "em_inv"}, "did you mean 'em_inf'"),
        ({"method": "em_inf"}, "did you mean 'entmin_method'"),
        ({"entmin_mode": "em_inf@0.7"}, "give temperature in the request's own fields"),
        ({"entmin_method": "sls"}, "no way to do"),
    ],
)
def test_a_wrong_method_is_no_plain_decoding(host, given, message):
    with pytest.raises(UsageError, match=message):
        host.EntropyMinimizer()(rows(1), [given])


def test_a_wrong_method_is_told_where_the_request_is_made(host):
    with pytest.raises(UsageError, match="no way to do"):
        host.request_fields("sls")
    with pytest.raises(UsageError, match="unknown method 'em_inv'"):
        host.request_fields("em_inv")
