"""Text in settled pieces, whatever the tokens, against decoding the whole completion."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests import tiny
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from entmin.engine.requests import TokenConfidence
from entmin.engine.text import TextStream, decoder
from entmin.serve.logprobs import TokenLog, TokenTexts

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


TURN = "<|turn|>"


def with_turns(tokenizer):
    """The same tokenizer with a special token more."""
    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()))
    made.add_special_tokens({"eos_token": "<eos>", "additional_special_tokens": [TURN]})
    return made


BYTE_LEVEL, PIECES = with_turns(BYTES), with_turns(WORDS)
PIECE_TEXTS = {token: text for text, token in PIECES.get_vocab().items()}


def byte_ids(text):
    return [PIECES.convert_tokens_to_ids(f"<0x{byte:02X}>") for byte in text.encode()]


def spelt(tokens):
    """What tokens of `PIECES` say, put together by hand: their bytes, one space at the start left out."""
    found = b""
    for token in tokens:
        text = PIECE_TEXTS[token]
        if text.startswith("<0x"):
            found += bytes([int(text[3:5], 16)])
        elif text not in (TURN, "<eos>", "<unk>"):
            found += text.replace("\u2581", " ").encode()
    return found.decode(errors="replace").removeprefix(" ")


some_pieces = st.lists(
    st.one_of(
        st.sampled_from([[token] for token, text in PIECE_TEXTS.items() if not text.startswith("<0x")]),
        st.sampled_from("é漢🙂aSTO\u2028").map(byte_ids),
        st.integers(0, 255).map(lambda byte: [PIECES.convert_tokens_to_ids(f"<0x{byte:02X}>")]),
    ),
    max_size=30,
).map(lambda found: [token for one in found for token in one])
some_bytes = st.lists(st.integers(0, len(BYTE_LEVEL) - 1), max_size=60)
some_stops = st.lists(
    st.one_of(
        st.sampled_from([TURN, f"S{TURN}", f"{TURN}T", "STO", "\ufffd", "é", "漢", " ", "<|tu"]),
        st.text(alphabet="STOPé漢", min_size=1, max_size=3),
    ),
    max_size=3,
)


def streamed(tokenizer, tokens, stop):
    """The pieces of a stream, and the whole text, of tokens up to the one that makes a stop text."""
    for n in range(1, len(tokens) + 1):
        if stop and decoder(tokenizer).ends(tokens[:n], stop):
            tokens = tokens[:n]
            break
    stream, whole = TextStream(tokenizer, stop), decoder(tokenizer).until(tokens, stop)
    return [*(stream.feed(token) for token in tokens), stream.finish(whole)], whole, tokens


@given(some_pieces)
@settings(max_examples=300, deadline=None)
def test_a_broken_character_costs_no_other(tokens):
    assert decoder(PIECES).text(tokens) == spelt(tokens)


@given(some_pieces, some_stops)
@settings(max_examples=300, deadline=None)
def test_a_stream_of_pieces_and_bytes_says_what_the_whole_text_says(tokens, stop):
    told, whole, tokens = streamed(PIECES, tokens, tuple(stop))
    assert "".join(told) == whole
    assert spelt(tokens).startswith(whole)
    assert not any(end in whole for end in stop)


@given(some_bytes, some_stops)
@settings(max_examples=300, deadline=None)
def test_a_stream_of_bytes_says_what_the_whole_text_says(tokens, stop):
    told, whole, _ = streamed(BYTE_LEVEL, tokens, tuple(stop))
    assert "".join(told) == whole
    assert not any(end in whole for end in stop)


def ids(tokenizer, *parts):
    """Token ids of texts; a special token's name is that token."""
    return [i for part in parts for i in tokenizer(part, add_special_tokens=False)["input_ids"]]


def test_a_stop_text_may_name_a_special_token():
    tokens = ids(BYTE_LEVEL, "one ST", TURN, "two", TURN, "three")
    for stop, expected in [
        ((TURN,), "one ST"),
        ((f"ST{TURN}",), "one "),
        ((f"{TURN}t",), "one ST"),
        ((f"o{TURN}th",), "one STtw"),
        ((f"x{TURN}",), "one STtwothree"),
        (("STtw",), "one "),
        ((f"{TURN}three", "ne"), "o"),
    ]:
        told, whole, _ = streamed(BYTE_LEVEL, tokens, stop)
        assert ("".join(told), whole) == (expected, expected), stop
    spelt_out = ids(BYTES, f"one {TURN} two")  # the same letters, one by one, where the token is unknown
    assert decoder(BYTES).until(spelt_out, (TURN,)) == "one "


def test_many_special_tokens_hide_no_stop_text():
    tokens = [*ids(BYTE_LEVEL, "aST"), *[BYTE_LEVEL.eos_token_id] * 200, *ids(BYTE_LEVEL, "OP")]
    assert decoder(BYTE_LEVEL).ends(tokens, ("STOP",))
    assert decoder(BYTE_LEVEL).until(tokens, ("STOP",)) == "a"


def logged(tokenizer, tokens):
    log = TokenLog(TokenTexts(tokenizer), chat=False)
    return log.write(tokens, [TokenConfidence(-1.0, 0.0)] * len(tokens))


def test_tokens_of_both_kinds_of_tokenizers_lie_where_they_say():
    hello = ["\u2581Hello", "\u2581world", "ing", "<0xE6>", "<0xBC>", "<0xA2>", "\u2581", TURN, "lo"]
    half = "\ufffd"
    for tokenizer, tokens, expected, places in [
        (
            PIECES,
            PIECES.convert_tokens_to_ids(hello),
            [" Hello", " world", "ing", half, half, half, " ", TURN, "lo"],
            [0, 5, 11, 14, 14, 14, 15, 16, 16],
        ),
        (BYTE_LEVEL, ids(BYTE_LEVEL, " é", TURN, "b"), [" ", half, half, TURN, "b"], [0, 1, 1, 2, 2]),
    ]:
        found, text = logged(tokenizer, tokens), decoder(tokenizer).text(tokens)
        assert found["tokens"] == expected
        assert found["text_offset"] == places
        for token, place in zip(found["tokens"][1:], places[1:], strict=True):
            assert token in (TURN, half) or text[place:].startswith(token)


def test_tokens_that_differ_in_a_space_are_two_alternatives():
    texts = TokenTexts(PIECES)
    whole = [token for token, text in PIECE_TEXTS.items() if not text.startswith("<0x")]
    assert len({texts[token] for token in whole}) == len(whole)
    assert texts[PIECES.convert_tokens_to_ids("\u2581Hello")] == " Hello"
