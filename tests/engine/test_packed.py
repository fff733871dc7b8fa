"""Packed weights: the products of plain ones, for every shape of input, and only while the weights stay as they are."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from entmin.engine import packed
from entmin.engine.packed import PackedLinear, pack_weights

KINDS = {torch.float32: 1e-5, torch.bfloat16: 1e-2}


def pack(layer):
    model = nn.Sequential(layer).requires_grad_(False)
    if not pack_weights(model):
        pytest.skip("this build of torch packs no weights of this dtype")
    return model[0]


@given(
    shape=st.lists(st.integers(0, 5), min_size=0, max_size=3),
    inner=st.integers(1, 70),
    outer=st.integers(1, 70),
    bias=st.booleans(),
    kind=st.sampled_from(list(KINDS)),
    seed=st.integers(0, 2**31),
)
def test_a_packed_layer_gives_what_the_plain_one_gives(shape, inner, outer, bias, kind, seed):
    torch.manual_seed(seed)
    layer = nn.Linear(inner, outer, bias=bias, dtype=kind)
    rows = torch.randn(*shape, inner, dtype=kind)
    exact = nn.functional.linear(rows.double(), layer.weight.double(), layer.bias.double() if bias else None)
    layer = pack(layer)
    assert type(layer) is PackedLinear
    with torch.inference_mode():
        got = layer(rows)
    assert got.shape == exact.shape and got.dtype == kind
    torch.testing.assert_close(got.double(), exact.detach(), rtol=KINDS[kind], atol=KINDS[kind])


def test_rows_that_are_not_contiguous():
    layer = nn.Linear(24, 40)
    rows = torch.randn(4, 24, 6).transpose(1, 2)[:, ::2]
    expected = layer(rows)
    with torch.inference_mode():
        torch.testing.assert_close(pack(layer)(rows), expected)


def test_a_weight_that_was_written_to_is_read_anew():
    layer = pack(nn.Linear(24, 40))
    with torch.no_grad():
        layer.weight.mul_(2)
        rows = torch.randn(3, 24)
        torch.testing.assert_close(layer(rows), rows @ layer.weight.T + layer.bias)
    assert layer._version != layer.weight._version
    pack_weights(nn.Sequential(layer))
    with torch.inference_mode():
        assert layer._version == layer.weight._version, "packed once more"
        torch.testing.assert_close(layer(rows), rows @ layer.weight.T + layer.bias)


def test_a_packed_layer_trains_as_a_plain_one():
    plain = nn.Linear(24, 40)
    layer = pack(copy.deepcopy(plain)).requires_grad_(True)
    rows = torch.randn(3, 24)
    for one in (plain, layer):
        one(rows).square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad)


def test_copies_and_pickles_are_right():
    layer = pack(nn.Linear(24, 40))
    rows = torch.randn(3, 24)
    with torch.inference_mode():
        for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            torch.testing.assert_close(other(rows), layer(rows))


def test_layers_of_a_kind_of_their_own_are_left_alone():
    class Scaled(nn.Linear):
        def forward(self, rows):
            return 2 * super().forward(rows)

    model = nn.Sequential(Scaled(8, 8), nn.Linear(8, 8))
    pack(model[1])
    pack_weights(model)
    assert type(model[0]) is Scaled


def test_nothing_is_packed_where_memory_is_short(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text(f"{1 << 30}\n")
    (tmp_path / "memory.current").write_text(f"{(1 << 30) - 10_000}\n")
    monkeypatch.setattr(packed, "_CGROUP", tmp_path)
    model = nn.Sequential(nn.Linear(64, 64))
    assert not pack_weights(model)
    assert type(model[0]) is nn.Linear
    (tmp_path / "memory.current").write_text("0\n")
    assert pack_weights(model) == (type(model[0]) is PackedLinear)


def test_an_input_of_another_dtype_fails_as_in_torch():
    layer = pack(nn.Linear(24, 40, dtype=torch.bfloat16))
    with pytest.raises(RuntimeError, match="dtype"), torch.inference_mode():
        layer(torch.randn(3, 24))
