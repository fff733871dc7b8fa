"""Reading a request body field by field, so that every error names the field, and none is silently ignored."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from entmin.errors import EntminError, UsageError


class RequestError(EntminError):
    """A request that is answered with an HTTP error in the OpenAI API's shape."""

    def __init__(
        self, message: str, param: str | None = None, *, status: int = 400, code: str | None = None, retry: int = 0
    ) -> None:
        """Build the error.

        Args:
            message: what is wrong and what to do.
            param: the field of the request it is about.
            status: HTTP status.
            code: the API's short name of the error.
            retry: seconds after which to try again; 0 for errors that trying again does not cure.
        """
        super().__init__(_short(message))
        self.param = None if param is None else _short(param)
        self.status, self.code, self.retry = status, code, retry

    def body(self) -> dict[str, Any]:
        """The error as the OpenAI API writes it."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}


def _short(text: str) -> str:
    """What a client sent may be long or no valid text; an error that quotes it is neither."""
    return text[:500].encode(errors="backslashreplace").decode()


@contextlib.contextmanager
def blaming(param: str) -> Iterator[None]:
    """Turn a `UsageError` inside into a `RequestError` about this field."""
    try:
        yield
    except UsageError as error:
        raise RequestError(str(error), param) from None


class Fields:
    """The fields of one body; each is taken once, and `close` refuses what is left. Null counts as absent."""

    def __init__(self, body: Any, prefix: str = "") -> None:
        """Wrap a parsed JSON value, which must be an object; `prefix` goes before names in errors."""
        if not isinstance(body, dict):
            raise RequestError(f"{prefix.rstrip('.') or 'the body'} must be a JSON object", prefix.rstrip(".") or None)
        self._left: dict[str, Any] = {key: value for key, value in body.items() if value is not None}
        self._prefix = prefix
        self._known: list[str] = []

    def take(self, name: str, *kinds: type, default: Any = None) -> Any:
        """A field of one of these types; numbers are no booleans, and whole floats count as integers."""
        self._known.append(name)
        if name not in self._left:
            return default
        value = self._left.pop(name)
        if kinds == (int,) and isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            wanted = " or ".join(_NAMES[kind] for kind in kinds)
            raise self.error(name, f"must be {wanted}, not {str(value)[:80]!r}")
        return value

    def whole(self, name: str, low: int, high: int) -> int | None:
        """An integer in a range, or None."""
        value: int | None = self.take(name, int)
        if value is not None and not low <= value <= high:
            raise self.error(name, f"must be between {low} and {high}, not {value}")
        return value

    def error(self, name: str, what: str) -> RequestError:
        """An error about a field."""
        return RequestError(f"{self._prefix}{name} {what}", f"{self._prefix}{name}")

    def close(self, neutral: Mapping[str, tuple[Any, ...]]) -> None:
        """Refuse the fields that nobody took.

        Args:
            neutral: fields of the API that are not supported, with the values that ask for nothing and are let pass.
        """
        for name, value in self._left.items():
            if name not in neutral:
                close = difflib.get_close_matches(name[:64], [*self._known, *neutral], n=1)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise self.error(name, f"is not a field of this request{hint}")
            if value not in neutral[name]:
                raise self.error(name, "is not supported by the in-process engine; leave it out, or serve with vLLM")


_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}
