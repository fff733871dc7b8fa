"""Types of settings: their ranges, and whether a resumed run may change them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

T = TypeVar("T")


class MayChange:
    """Marks a setting that a resumed run may change; any other would make its curve mean something else."""


Free = Annotated[T, MayChange()]
Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Factor = Annotated[float, Field(gt=1)]
Action = Literal["warn", "stop", "off"]


class Settings(BaseModel):
    """A frozen part of a run's settings; unknown names are refused, docstrings are the descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_yes_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false, which YAML reads in `yes` and `off` too, for a number; pydantic would take 1 and 0."""
        if isinstance(value, bool) and bool not in plain(cls.model_fields[str(info.field_name)].annotation):
            raise ValueError("input should not be true or false")
        return value


def plain(kind: Any) -> set[Any]:
    """The plain types in an annotation."""
    inner = get_args(kind)
    return set().union(*map(plain, inner)) if inner and get_origin(kind) is not dict else {kind}
