"""Types of settings: their ranges, and whether a resumed run may change them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

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
