"""The solver's process: it runs the program, and answers the judge's questions about what the program defines.

It knows the program and what it is called with, one call after another, and nothing of what is expected. Everything
here may be bent by the program: it bends its own answers only.
"""

from __future__ import annotations

import sys
import types

from entmin.sandbox.inside.leaves import GarbageError
from entmin.sandbox.inside.values import Channel, Codec, GoneError, Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def failure(stage: str, error: BaseException) -> dict[str, Any]:
    """One line about an exception, with the built-in classes it is an instance of."""
    try:
        text = str(error)[:1000]
    except BaseException:
        text = ""
    kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins" and kind is not object]
    return {"stage": stage, "type": type(error).__name__[:200], "kinds": kinds[:20], "message": text}


def namespace(name: str) -> dict[str, Any]:
    """The names of a new module that can be imported."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    return module.__dict__


def classes_of(space: dict[str, Any]) -> dict[str, type]:
    """The classes that trusted code defined: they pass by structure."""
    found = {name: value for name, value in space.items() if isinstance(value, type)}
    return {name: kind for name, kind in found.items() if kind.__module__ == space["__name__"]}


def run(program: types.CodeType, space: dict[str, Any]) -> None:
    """Run a program. ``exit()`` ends it like its last line: what it has defined or printed before is judged."""
    try:
        exec(program, space)  # noqa: S102
    except SystemExit as error:
        if error.code not in (None, 0):
            raise


class Solver:
    """The program's side of the channel."""

    def __init__(self, channel: Channel, setup: str, code: str) -> None:
        self._channel = channel
        self._setup, self._code = setup, code
        self._space = namespace("solution")
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._nodes: dict[str, type] = {}
        self._codec = Codec(self._nodes, self._give, self._take)

    def serve(self) -> None:
        """Wait for the judge's start, run the program, answer until the judge is gone."""
        self._channel.receive()
        self._channel.send(self._run())
        while True:
            try:
                self._channel.send(self._answer(self._channel.receive()))
            except GoneError:
                return

    def _run(self) -> dict[str, Any]:
        stage = "compile"
        try:
            program = compile(self._code, "<program>", "exec", dont_inherit=True)
            stage = "setup"
            exec(compile(self._setup, "<setup>", "exec", dont_inherit=True), self._space)  # noqa: S102
            nodes = classes_of(self._space)
            stage = "program"
            run(program, self._space)
            # A program may define such a class again; then its own is what it is given.
            self._nodes.update({name: self._space.get(name, kind) for name, kind in nodes.items()})
            return {"ready": True}
        except BaseException as error:
            return failure(stage, error)

    def _answer(self, request: Any) -> dict[str, Any]:
        """What became of one request: a value and what it changed of the arguments, or an exception."""
        try:
            verb, state = request["do"], request.get("state")
            if state is not None:
                _set_random(self._codec.read(state)[0])
            arguments, given = self._codec.read(request["with"])
            before = self._contents(given)
            value = getattr(self, f"_do_{verb}")(*arguments)
            writer = Writer(self._codec, given)
            root = writer.inline(value)
            after = [writer.content(item) for item in given]
            changed = [[index, new] for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
            return {"value": [root, writer.table()], "changed": changed}
        except (GoneError, GarbageError):
            raise
        except BaseException as error:
            return {"raised": failure("tests", error)}

    def _contents(self, given: list[Any]) -> list[list[Any]]:
        writer = Writer(self._codec, given)
        return [writer.content(item) for item in given]

    def _do_names(self, names: list[str]) -> dict[str, Any]:
        return {name: self._space[name] for name in names if name in self._space}

    def _do_call(self, target: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return target(*arguments, **named)

    def _do_get(self, target: Any, name: str) -> Any:
        return getattr(target, name)

    def _do_set(self, target: Any, name: str, value: Any) -> None:
        setattr(target, name, value)

    def _do_item(self, target: Any, key: Any) -> Any:
        return target[key]

    def _do_put(self, target: Any, key: Any, value: Any) -> None:
        target[key] = value

    def _do_length(self, target: Any) -> int:
        return len(target)

    def _do_iterate(self, target: Any) -> Any:
        return iter(target)

    def _do_more(self, number: int) -> Any:
        # By number, because an iterator that is written is an iterator that is read on.
        return self._objects[number]

    def _give(self, value: Any) -> list[Any]:
        if isinstance(value, _Callback):
            return ["f", value.number]
        known = self._numbers.get(id(value))
        if known is None:
            known = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        return ["h", known]

    def _take(self, tag: str, number: int) -> Any:
        return self._objects[number] if tag == "h" else _Callback(self, number)

    def call_back(self, number: int, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call a function of the judge."""
        message, _ = self._codec.write((arguments, named))
        self._channel.send({"back": number, "with": message})
        reply = self._channel.receive()
        while "do" in reply:
            self._channel.send(self._answer(reply))
            reply = self._channel.receive()
        if "raised" in reply:
            raise RuntimeError(str(reply["raised"]))
        return self._codec.read(reply["value"])[0]


class _Callback:
    """A function of the tests, as the program sees it."""

    def __init__(self, solver: Solver, number: int) -> None:
        self.solver, self.number = solver, number

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.solver.call_back(self.number, arguments, named)


def _set_random(states: dict[str, Any]) -> None:
    """Put the generators of random numbers where the tests have put theirs."""
    if "random" in states:
        import random

        random.setstate(states["random"])
    if "numpy" in states:
        import numpy

        numpy.random.set_state(states["numpy"])
