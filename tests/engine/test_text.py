"""Text in settled pieces, whatever the tokens, against decoding the whole completion."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests import tiny
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from entmin.engine.text import TextStream

BYTES = tiny.tokenizer()


def words() -> PreTrainedTokenizerFast:
    """SentencePiece's way: pieces carry their leading space, unknown characters are spelt in bytes."""
    pieces = [
        "<unk>",
        "<eos>",
        *(f"<0x{i:02X}>" for i in range(256)),
        "▁",
        "▁Hello",
        "▁world",
        "lo",
        "ing",
        "é",
        "▁.",
        "STO",
        "P",
    ]
    raw = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, [], unk_token="<unk>", byte_fallback=True))
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    strip = decoders.Strip(" ", 1, 0)
    raw.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), strip])
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<eos>", unk_token="<unk>")


WORDS = words()


def finished(tokenizer, tokens, stop=()):
    """The text as the engine finishes it."""
    text = tokenizer.decode(tokens, skip_special_tokens=True)
    for end in stop:
        text = text.split(end, 1)[0]
    return text


def pieces(tokenizer, tokens, stop=()):
    stream = TextStream(tokenizer, stop)
    told = [stream.feed(token) for token in tokens]
    return [*told, stream.finish(finished(tokenizer, tokens, stop))]


@given(st.lists(st.integers(0, 257), max_size=60))
@settings(max_examples=300, deadline=None)
def test_pieces_of_any_bytes_add_up_to_the_whole(tokens):
    assert "".join(pieces(BYTES, tokens)) == finished(BYTES, tokens)


@given(st.lists(st.sampled_from([1, *range(258, len(WORDS))]), max_size=40))
@settings(max_examples=200, deadline=None)
def test_pieces_with_leading_spaces_and_special_tokens_add_up_to_the_whole(tokens):
    assert "".join(pieces(WORDS, tokens)) == finished(WORDS, tokens)


@given(st.text(alphabet="aé漢🙂 .", max_size=20))
@settings(max_examples=100, deadline=None)
def test_no_piece_holds_part_of_a_character(text):
    for tokenizer in (BYTES, WORDS):
        tokens = tokenizer(text)["input_ids"] if tokenizer is BYTES else [2 + byte for byte in text.encode()]
        told = pieces(tokenizer, tokens)
        assert "".join(told) == finished(tokenizer, tokens)
        assert "\ufffd" not in "".join(told)


@given(st.text(alphabet="abc", max_size=40), st.lists(st.text(alphabet="abc", min_size=1, max_size=4), max_size=3))
@settings(max_examples=300, deadline=None)
def test_stop_texts_are_never_shown_not_even_in_part(text, stop):
    tokens = BYTES(text)["input_ids"]
    for n in range(len(tokens) + 1):  # as the engine does: the completion ends with the token that makes a stop text
        if any(end in finished(BYTES, tokens[:n]) for end in stop):
            tokens = tokens[:n]
            break
    told = pieces(BYTES, tokens, tuple(stop))
    assert "".join(told) == finished(BYTES, tokens, tuple(stop))


def test_text_comes_with_its_token_unless_it_may_be_part_of_a_stop_text():
    tokens = BYTES("one STOP")["input_ids"]
    assert pieces(BYTES, tokens, ("STOP",)) == ["o", "n", "e", " ", "", "", "", "", ""]
    assert pieces(BYTES, tokens[:-1], ("STOP",)) == ["o", "n", "e", " ", "", "", "", "STO"]


def test_only_the_latest_tokens_are_decoded_again(monkeypatch):
    widest = 0
    original = BYTES.decode

    def counted(tokens, **options):
        nonlocal widest
        widest = max(widest, len(tokens))
        return original(tokens, **options)

    stream = TextStream(BYTES)
    monkeypatch.setattr(BYTES, "decode", counted)
    for token in BYTES("a long text " * 50)["input_ids"]:
        stream.feed(token)
    assert widest <= 2
