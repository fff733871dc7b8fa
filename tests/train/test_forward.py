"""Log-probabilities of padded samples, against the model's own logits of single rows without padding."""

import json

import pytest
import torch
from trl.trainer.utils import add_fused_lm_head

import entmin.train.trainers.samples  # noqa: F401  # which sets how TRL's head compacts
from entmin.train.session import train
from entmin.train.trainers.forward import choose, score
from tests import architectures, tiny
from tests.train.runs import config

TEMPERATURE, PROMPT = 0.7, 18
ROWS = ((3, 38), (7, 30), (12, 38), (17, 19))
"""Where the text of each row begins and ends: prompts padded on the left, answers on the right; the batch is wider."""


def check(kind):
    model = architectures.build(kind).requires_grad_(True)
    add_fused_lm_head(model, temperature=TEMPERATURE, outputs=("log_probs", "entropy"))
    way = choose(model, TEMPERATURE)
    ids = torch.randint(5, 240, (len(ROWS), 40), generator=torch.Generator().manual_seed(3))
    mask = torch.zeros_like(ids)
    for row, (first, end) in zip(mask, ROWS, strict=True):
        row[first:end] = 1
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :PROMPT] = -100
    widths: list[int] = []
    note = model.register_forward_pre_hook(
        lambda _, args, given: widths.append(given["input_ids"].shape[1]), with_kwargs=True
    )
    with torch.set_grad_enabled(
        kind != "reformer"
    ):  # whose reversible layers want training mode, where it draws hashes
        found = score(model, ids, mask, labels, way, TEMPERATURE)
    note.remove()
    assert max(widths) == max(end - first for first, end in ROWS), "no column that is padding in every row"
    if found.log_probs.requires_grad:
        found.log_probs.sum().backward()
    for i, (first, end) in enumerate(ROWS):
        with torch.no_grad():
            alone = model(input_ids=ids[i : i + 1, first:end], use_cache=False).logits[0, :-1].float() / TEMPERATURE
        expected = torch.distributions.Categorical(logits=alone[PROMPT - first - 1 :])
        place = slice(PROMPT - 1, end - 1)
        torch.testing.assert_close(found.log_probs[i, place], expected.log_prob(ids[i, PROMPT:end]), atol=2e-3, rtol=0)
        torch.testing.assert_close(found.entropy[i, place], expected.entropy(), atol=2e-3, rtol=0)
    return way


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind, way in architectures.listed().items() if way != "refused"])
def test_every_architecture_is_scored_as_without_padding(kind):
    check(kind)


@pytest.mark.parametrize(
    ("kind", "fused", "padded"),
    [
        ("llama", True, True),
        ("gpt2", True, True),  # learned positions, given
        ("mamba", True, True),
        ("rwkv", True, True),  # reads padding as text, but not before it has come
        ("deepseek_v32", True, False),  # attends to the best positions
        ("inkling_text", False, True),  # scales its logits
        ("recurrent_gemma", False, True),  # caps its logits, under a name that TRL does not know
    ],
)
def test_a_head_or_padding_that_changes_log_probabilities_is_found(kind, fused, padded):
    if kind not in architectures.KINDS:
        pytest.skip("this transformers has no such model")
    assert check(kind) == (fused, padded)


def test_a_run_says_and_records_how_it_scores_where_that_is_not_usual(tmp_path, capsys):
    if "recurrent_gemma" not in architectures.KINDS:
        pytest.skip("this transformers has no such model")
    model = architectures.build("recurrent_gemma")
    model.save_pretrained(tmp_path / "model")
    tiny.tokenizer().save_pretrained(tmp_path / "model")
    train(config(tmp_path / "model", tmp_path / "out", max_steps=1))
    said = "its head does more than TRL's fused one, so all logits are held"
    assert f"scoring: {said}" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "run.json").read_text())["read"]["scoring"] == said
