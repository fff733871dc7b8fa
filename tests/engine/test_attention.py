import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from entmin.engine.attention import decode_attention


class Grouped(torch.nn.Module):
    num_key_value_groups = 3
    is_causal = True


@pytest.mark.parametrize("kind", ["bool", "additive", "none"])
def test_one_query_per_row_attends_as_sdpa_does(kind):
    torch.manual_seed(0)
    query, key, value = torch.randn(4, 6, 1, 16), torch.randn(4, 2, 9, 16), torch.randn(4, 2, 9, 16)
    allowed = torch.rand(4, 1, 1, 9) > 0.3
    allowed[..., -1] = True
    mask = {"bool": allowed, "additive": torch.where(allowed, torch.randn(4, 1, 1, 9), -1e9), "none": None}[kind]
    ours, _ = decode_attention(Grouped(), query, key, value, mask, scaling=0.2)
    theirs, _ = sdpa_attention_forward(Grouped(), query, key, value, mask, scaling=0.2)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
