"""What passes between judge and solver: every value comes back as it was, and no garbage does harm."""

import datetime
import decimal
import fractions
import json
import os
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entmin.sandbox.inside.leaves import GarbageError, UncrossableError
from entmin.sandbox.inside.values import Channel, Codec, GoneError


def refuse(value):
    raise UncrossableError(type(value).__name__)


def refuse_number(tag, number):
    raise GarbageError(tag)


class ListNode:
    def __init__(self, val=0, next=None):
        self.val, self.next = val, next


CODEC = Codec({"ListNode": ListNode}, refuse, refuse_number, lambda first, left: iter(first))
SOLVER = Codec({"ListNode": ListNode}, refuse, refuse_number)


def crossed(value, codec=CODEC):
    message, _ = codec.write(value)
    return CODEC.read(json.loads(json.dumps(message)))[0]


def same(one, other) -> bool:
    """Equality of exact types, nan included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple, deque)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (float, complex)):
        return repr(one) == repr(other)
    return one == other


keys = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.fractions()
    | st.decimals(allow_nan=False)
    | st.datetimes()
    | st.dates()
    | st.timedeltas()
    | st.integers(min_value=-(10**400), max_value=10**400)
    | st.builds(range, st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 5)),
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=4),
    max_leaves=12,
)
values = st.recursive(
    keys | st.floats() | st.complex_numbers() | st.binary().map(bytearray) | st.sets(keys, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.lists(inner, max_size=4).map(deque)
    ),
    max_leaves=20,
)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(values)
def test_every_value_comes_back_as_it_was(value):
    assert same(crossed(value), value)


@pytest.mark.parametrize(
    "value",
    [
        Counter("aab"), OrderedDict(b=1, a=2), deque([1, 2], maxlen=2), {1: {2: {3}}}, {(1, 2): [3]}, float("nan"),
        -0.0,
        10**5000, "\ud800", decimal.Decimal("1.10"), fractions.Fraction(1, 3), datetime.time(1, 2), slice(1, None), ...,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_particular_values(value):
    assert same(crossed(value), value)


def test_what_derives_from_a_builtin_type_passes_as_that():
    liar = type("Liar", (int,), {"__eq__": lambda *_: True, "__repr__": lambda _: "7", "__hash__": lambda _: 0})
    assert same(crossed([liar(3)]), [3])
    pair = type("Pair", (tuple,), {"__eq__": lambda *_: True, "__iter__": lambda _: iter("ab"), "__hash__": None})
    assert same(crossed(pair((1, 2))), (1, 2))
    assert same(crossed(defaultdict(int, {1: 2}))[1], 2)
    assert same(crossed({1: 2}.keys() & {1}), {1})
    assert crossed({1: 2}.keys()) == {1: 0}.keys() and list(crossed({1: 2}.values())) == [2]


@pytest.mark.parametrize("dtype", ["i1", "<i8", ">f4", "f8", "c16", "?", "U3", "S2", "M8[D]", "O"])
def test_arrays(dtype):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    found = crossed([array, array])
    assert found[0] is found[1] and found[0].dtype == array.dtype and (found[0] == array).all()
    assert crossed(array[:, 1:]).shape == (2, 2) and crossed(array[:0]).shape == (0, 3)
    scalar = crossed(np.float32(0.1))
    assert type(scalar) is np.float32 and scalar == np.float32(0.1)


def test_sparse_matrices():
    sparse = pytest.importorskip("scipy.sparse")
    made = sparse.csr_matrix(np.eye(3))
    found = crossed({"a": made})["a"]
    assert found.format == "csr" and (found.toarray() == np.eye(3)).all()


def test_sharing_cycles_and_chains():
    inner = [1]
    found = crossed([inner, inner, (inner,)])
    assert found[0] is found[1] is found[2][0]
    loop = []
    loop.append(loop)
    found = crossed(loop)
    assert found[0] is found
    head = None
    for number in range(20_000):
        head = ListNode(number, head)
    found, length = crossed(head), 0
    while found:
        found, length = found.next, length + 1
    assert length == 20_000
    deep = ()
    for _ in range(150):
        deep = (deep,)
    with pytest.raises(RecursionError):
        crossed(deep)


def test_iterators_pass_in_pieces():
    asked = []
    solver = Codec({}, lambda value: asked.append(value) or ["h", 0], refuse_number)
    endless = iter(int, 1)
    message, _ = solver.write(endless)
    assert asked == [endless] and message[0][:2] == ["s", 0] and len(message[0]) == 258
    assert list(crossed((x * x for x in range(4)), SOLVER)) == [0, 1, 4, 9]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["@", "a", "h", "f", "s", "t", "z", "i", "b", "c", "r", "n", "q", "d", "when", "span", "sparse"])
    | st.sampled_from(["list", "dict", "set", "deque", "array", "objects", "node", "bytearray", "<f8", "ListNode"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=25,
)


@pytest.mark.slow
@settings(max_examples=800, deadline=None, derandomize=True)
@given(json_values, st.lists(json_values, max_size=4))
def test_a_message_that_is_garbage_says_so_and_does_nothing_else(root, table):
    for message in (root, [root, table]):
        try:
            CODEC.read(message)
        except GarbageError:
            pass


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=64), st.booleans())
def test_bytes_on_the_channel(data, framed):
    reading, writing = os.pipe()
    os.write(writing, (len(data).to_bytes(8, "big") if framed else b"") + data)
    os.close(writing)
    try:
        CODEC.read(Channel(reading, -1, 1 << 16).receive())
    except (GarbageError, GoneError):
        pass
    finally:
        os.close(reading)


def test_too_much_and_too_deep_on_the_channel():
    for data in ((1 << 40).to_bytes(8, "big"), (990).to_bytes(8, "big") + b"[" * 990, b"\xff" * 8):
        reading, writing = os.pipe()
        os.write(writing, data)
        os.close(writing)
        with pytest.raises((GarbageError, GoneError)):
            Channel(reading, -1, 1 << 16).receive()
        os.close(reading)
