"""Request bodies as pydantic models, whose errors name the field, and errors in the OpenAI API's shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from entmin.errors import EntminError, UsageError, closest


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


def wrong(what: str, field: str | None = None) -> PydanticCustomError:
    """What a validator raises: `what` follows the field's name in the error, `field` is a part of the value."""
    return PydanticCustomError("wrong", "{what}", {"what": what, "field": field})


def refused(error: UsageError) -> PydanticCustomError:
    """The same error as one of the field that is being validated."""
    return PydanticCustomError("usage", "{what}", {"what": str(error)})


class Body(BaseModel):
    """A JSON object of a request. Null counts as absent, and no other field than those of the model is let pass."""

    model_config = ConfigDict(strict=True, frozen=True)
    neutral: ClassVar[dict[str, tuple[Any, ...]]] = {}
    """Fields of the API that are not supported, with the values that ask for nothing and are let pass."""

    labels: ClassVar[frozenset[str]] = frozenset()
    """Fields of the API that change no answer, with any value."""

    @model_validator(mode="before")
    @classmethod
    def _known(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise wrong("must be a JSON object")
        given = {name: value for name, value in data.items() if value is not None and name not in cls.labels}
        for name in given.keys() - cls.model_fields.keys():
            if name not in cls.neutral:
                inside = name.startswith("entmin_") and "vllm_xargs" in cls.model_fields
                near = closest(name[:64], [*cls.model_fields, *cls.neutral])
                near = "; put it into vllm_xargs" if inside else near
                raise wrong(f"is not a field of this request{near}", name)
            value = given.pop(name)
            if not any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in cls.neutral[name]):
                raise wrong("is not supported by the in-process engine; leave it out, or serve with vLLM", name)
        return given

    @classmethod
    def read(cls, body: Any, served: str) -> Self:
        """Check a parsed JSON value.

        Args:
            body: the value.
            served: name of the model that is served.

        Raises:
            RequestError: another model is asked for, or a field is unknown, unsupported, of the wrong type or out of
                range.
        """
        model = body.get("model") if isinstance(body, dict) else None
        if isinstance(model, str) and model != served:
            message = f"the model {model!r} is not served here; this server has {served!r}"
            raise RequestError(message, "model", status=404, code="model_not_found")
        try:
            return cls.model_validate(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
        param = _path(first["loc"], first.get("ctx", {}).get("field"))
        said = str(first["msg"]) if first["type"] == "usage" else f"{param or 'the body'} {_said(first)}"
        raise RequestError(said, param)


def _path(place: tuple[int | str, ...], inner: str | None) -> str | None:
    """``messages[0].content``; None for the body itself."""
    names = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in (*place, *([inner] if inner else []))]
    return "".join(names).removeprefix(".") or None


_KINDS = {
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
}


def _said(error: Any) -> str:
    if error["type"] == "missing":
        return "is missing"
    if error["type"] == "literal_error":
        return f"must be one of {error['ctx']['expected']}"
    if error["type"] not in _KINDS:
        return str(error["msg"])
    given = error["input"]
    shown = repr(str(given)[:80]) if isinstance(given, (str, int, float)) else f"a {type(given).__name__}"
    return f"must be {_KINDS[error['type']]}, not {shown}"


def whole(low: int, high: int) -> WrapValidator:
    """A validator of an integer in a range; whole floats count as integers."""

    def check(value: Any, read: Callable[[Any], int]) -> int:
        found = read(int(value) if isinstance(value, float) and value.is_integer() else value)
        if not low <= found <= high:
            raise wrong(f"must be between {low} and {high}, not {found}")
        return found

    return WrapValidator(check)


def is_text(text: str) -> str:
    """A text, and not half of one.

    Raises:
        PydanticCustomError: it has half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise wrong("has half of a surrogate pair, which is no text") from None
    return text


Text = Annotated[str, AfterValidator(is_text)]
