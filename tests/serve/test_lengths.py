"""A prompt's length is bounded from below by its size: never above the true number of tokens."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import tiny
from tests.engine.test_text import words
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from entmin.serve.lengths import NFC_SHRINKS, fewest_tokens

TEXTS = ["the cat sat on the mat " * 20, "   " * 50, "ééé漢字漢字" * 30, "--------" * 20, "e\u0301" * 50]
PARTS = [*TEXTS, "<pad>", " <turn>  ", "\u212a", "\u1112\u1161\u11ab", "한국", " "]


def byte_pairs(normalizer=None, added=()):
    """Byte-level pairs with merges, as most models have them; by default nothing is normalized."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    if normalizer is not None:
        made.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))
    made.add_special_tokens(list(added))
    return PreTrainedTokenizerFast(tokenizer_object=made)


def sentence_pieces():
    """`words` with normalization as Llama 2 and Gemma have it: spaces become visible."""
    made = Tokenizer.from_str(words().backend_tokenizer.to_str())
    made.pre_tokenizer = None
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return PreTrainedTokenizerFast(tokenizer_object=made)


GREEDY = [AddedToken("<pad>", lstrip=True, rstrip=True), AddedToken("<turn>", rstrip=True)]
BOUNDED = {
    "bytes": tiny.tokenizer(),
    "pairs": byte_pairs(),
    "nfc": byte_pairs(normalizers.NFC()),
    "pieces": words(),
    "llama-2": sentence_pieces(),
    "greedy": byte_pairs(added=GREEDY),
}


@pytest.mark.parametrize("name", BOUNDED)
@given(
    parts=st.lists(st.one_of(st.text(max_size=8), st.sampled_from([*TEXTS, "<pad>", " <turn>  ", "K", "한국", " "])))
)
@settings(max_examples=60, deadline=None)
def test_no_text_has_fewer_tokens(name, parts):
    text = "".join(part.encode(errors="replace").decode() for part in parts)
    tokenizer = BOUNDED[name]
    assert fewest_tokens(tokenizer, text) <= len(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("name", BOUNDED)
def test_the_bound_is_of_use(name):
    assert fewest_tokens(BOUNDED[name], "x" * 100_000) >= 20


def test_a_tokenizer_that_drops_or_joins_text_is_not_bounded():
    """Ten thousand unknown words, or spaces, are one token or none: such a prompt may be legal at any size."""
    word_level = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    dropping = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    split = byte_pairs()
    split.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel()]
    )
    shrinking = byte_pairs(normalizers.Sequence([normalizers.Replace("aaaa", "b"), normalizers.NFC()]))
    stripping = byte_pairs(normalizers.Strip())
    wrapped = [PreTrainedTokenizerFast(tokenizer_object=one) for one in (word_level, dropping)]
    for tokenizer in (*wrapped, split, shrinking, stripping):
        assert fewest_tokens(tokenizer, "x y" * 10_000) == 0


def test_nfc_never_makes_a_text_smaller_than_its_bound():
    """Counted over all characters, by parts in their canonical decomposition, which any equal text shares.

    A part weighs what the longest character that stands for it alone takes. No character takes more than its parts
    weigh; and the parts of a character that NFC leaves weigh at most so many times what it takes itself.
    """
    every = (chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000)
    parts = {char: unicodedata.normalize("NFD", char) for char in every if not unicodedata.is_normalized("NFD", char)}
    weight = {part: len(part.encode()) for spelt in parts.values() for part in spelt}
    for char, spelt in parts.items():
        if len(spelt) == 1:
            weight[spelt] = max(weight[spelt], len(char.encode()))
    assert all(len(char.encode()) <= sum(map(weight.get, spelt)) for char, spelt in parts.items() if len(spelt) > 1)
    left = {*weight, *(unicodedata.normalize("NFC", char) for char in parts)}
    weighed = {one: sum(map(weight.get, unicodedata.normalize("NFD", one))) for one in left}
    assert max(total / len(one.encode()) for one, total in weighed.items()) <= NFC_SHRINKS
