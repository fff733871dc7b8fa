"""The judge's process: it alone holds tests, targets and the way to report.

What the tests use of the program stands in their namespace as a `Remote`: calling it sends the arguments to the
solver's process and brings back data. So a test compares values of its own; an object of the program is never asked
whether it is equal to something.
"""

from __future__ import annotations

import builtins
import sys
import types

from entmin.sandbox.inside.leaves import GarbageError, UncrossableError
from entmin.sandbox.inside.solver import classes_of, failure, namespace
from entmin.sandbox.inside.values import Channel, Codec, GoneError, Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_NO_TEST_ENDS_BY = (StopIteration, StopAsyncIteration)
"""Raised by a call they would end a loop of the tests early, and what was left of it would count as passed."""


class EndedError(BaseException):
    """An exception of the program that is no `Exception`, such as SystemExit."""


class Remote:
    """An object of the solver: callable, with attributes and items, and equal to nothing but itself.

    It has no arithmetic, no order and no membership on purpose: the program would decide them.
    """

    __slots__ = ("_link", "_number")

    def __init__(self, link: Link, number: int) -> None:
        object.__setattr__(self, "_link", link)
        object.__setattr__(self, "_number", number)

    def __call__(self, *arguments: Any, **named: Any) -> Any:  # noqa: D102
        return self._link.ask("call", self, arguments, named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._link.ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._link.ask("set", self, name, value)

    def __getitem__(self, key: Any) -> Any:
        return self._link.ask("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._link.ask("put", self, key, value)

    def __len__(self) -> int:
        length = self._link.ask("length", self)
        return length if type(length) is int else -1

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        found = self._link.ask("iterate", self)
        return found if isinstance(found, Stream) else iter((found,))


class Stream:
    """What the program generates, fetched piece by piece; like any iterator it is equal to nothing else."""

    def __init__(self, link: Link, first: list[Any], left: int | None) -> None:
        self._link, self._items, self._left = link, first[::-1], left

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self._items and self._left is not None:
            rest = self._link.ask("more", self._left)
            self._items, self._left = (rest._items, rest._left) if isinstance(rest, Stream) else ([], None)
        if not self._items:
            raise StopIteration
        return self._items.pop()


class Link:
    """The judge's side of the channel."""

    def __init__(self, channel: Channel, space: dict[str, Any], seeded: bool) -> None:
        self._channel = channel
        self._functions: list[Any] = []
        self._remotes: dict[int, Remote] = {}
        self._codec = Codec(classes_of(space), self._give, self._take, self._stream)
        self._random = _states() if seeded else None
        self.broken: BaseException | None = None

    def ask(self, verb: str, *arguments: Any) -> Any:
        """Let the solver do something, and take what it gives back.

        Raises:
            GoneError: it has ended.
            GarbageError: it answered with what is no answer.
            BaseException: what the program raised, as a class of our own.
        """
        if self.broken is not None:
            raise self.broken
        request, sent = self._codec.write(arguments)
        try:
            self._channel.send({"do": verb, "with": request, **self._state()})
            return self._reply(request[1], sent)
        except (GoneError, GarbageError) as error:
            self.broken = error
            raise

    def _reply(self, table: list[Any], sent: list[Any]) -> Any:
        reply = self._channel.receive()
        while type(reply) is dict and "back" in reply:
            self._channel.send(self._called_back(reply))
            reply = self._channel.receive()
        if type(reply) is not dict:
            raise GarbageError("no answer")
        if "raised" in reply:
            raise raised(reply["raised"])
        try:
            [root, new] = reply["value"]
            reader = Reader(self._codec, new, sent)
            for index, entry in reply["changed"]:
                if entry[0] != table[index][0]:
                    raise GarbageError("an argument of another kind")
                reader.fill(sent[index], entry)
            return reader.inline(root)
        except (GarbageError, MemoryError):
            raise
        except Exception as error:
            raise GarbageError(f"{type(error).__name__}: {error}"[:200]) from None

    def _called_back(self, message: dict[str, Any]) -> dict[str, Any]:
        """Call a function of the tests for the program."""
        value, _ = self._codec.read(message.get("with"))
        if type(value) is not tuple or len(value) != 2 or type(message["back"]) is not int:
            raise GarbageError("no call")
        function = self._take("f", message["back"])
        try:
            return {"value": self._codec.write(function(*value[0], **value[1]))[0]}
        except Exception as error:
            return {"raised": f"{type(error).__name__}: {error}"[:1000]}

    def _give(self, value: Any) -> list[Any]:
        if isinstance(value, Remote):
            return ["h", value._number]
        if isinstance(value, Stream):
            raise TypeError("what the program generated cannot be handed back to it")
        if not callable(value):
            raise UncrossableError(f"{type(value).__name__} cannot be handed to the program's process")
        self._functions.append(value)
        return ["f", len(self._functions) - 1]

    def _take(self, tag: str, number: int) -> Any:
        if tag == "f":
            return self._functions[number]
        return self._remotes.setdefault(number, Remote(self, number))

    def _stream(self, first: list[Any], left: int | None) -> Iterator[Any]:
        return Stream(self, first, left)

    def _state(self) -> dict[str, Any]:
        """The state of the generators of random numbers, where the tests have changed it since the last call."""
        if self._random is None:
            return {}
        new = {name: state for name, state in _states().items() if self._random.get(name) != state}
        self._random.update(new)
        return {"state": self._codec.write(new)[0]} if new else {}


def _states() -> dict[str, Any]:
    states = {}
    if "random" in sys.modules:
        states["random"] = sys.modules["random"].getstate()
    if "numpy" in sys.modules:
        name, keys, *rest = sys.modules["numpy"].random.get_state()
        states["numpy"] = (name, tuple(keys.tolist()), *rest)
    return states


def raised(report: Any) -> BaseException:
    """The program's exception, as the nearest built-in one under the program's name for it."""
    if type(report) is not dict or type(report.get("kinds")) is not list or type(report.get("type")) is not str:
        return GarbageError("no exception")
    bases = [getattr(builtins, name, None) for name in report["kinds"] if type(name) is str]
    found = [base for base in bases if isinstance(base, type) and issubclass(base, BaseException)]
    base = found[0] if found else Exception
    if not issubclass(base, Exception):
        base = EndedError
    elif issubclass(base, (*_NO_TEST_ENDS_BY, UnicodeError, BaseExceptionGroup)):
        base = RuntimeError
    # A class of its own keeps the name, and a constructor that takes one text.
    kind = type(report["type"][:100], (base,), {"__init__": lambda self, text: BaseException.__init__(self, text)})
    message = report.get("message")
    error: BaseException = kind(message[:1000] if type(message) is str else "")
    return error


def names_of(code: types.CodeType) -> set[str]:
    """Every global name that code may use; attributes are among them, which does no harm."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= names_of(constant)
    return found


def judge(spec: dict[str, Any], tests: str, channel: Channel) -> dict[str, Any]:
    """Run the tests against the solver's program; returns the event to report."""
    stage = "setup"
    try:
        channel.send({"start": True})
        space = namespace("solution")
        space["FILES"] = spec["files"]
        exec(compile(spec["setup"], "<setup>", "exec", dont_inherit=True), space)  # noqa: S102
        code = compile(tests, "<tests>", "exec", dont_inherit=True)
        began = channel.receive()
        if type(began) is not dict or "ready" not in began:
            return began if type(began) is dict else {}
        stage = "tests"
        link = Link(channel, space, spec["seeded"])
        for name in spec["entries"]:
            space.pop(name, None)
        unknown = (name for name in names_of(code) if name not in space and not hasattr(builtins, name))
        wanted = {*spec["entries"], *unknown}
        found = link.ask("names", sorted(wanted))
        if type(found) is not dict:
            raise GarbageError("no names")
        space.update({name: value for name, value in found.items() if name in wanted})
        exec(code, space)  # noqa: S102
        # A test that swallows everything must not swallow the solver's end.
        return {"gone": True} if link.broken is not None else {"passed": True}
    except GoneError:
        return {"gone": True}
    except UncrossableError as error:
        # A value of the tests' own: the program has no part in it, and cannot bring this about.
        return {"uncrossable": str(error)}
    except BaseException as error:
        return failure(stage, error)
