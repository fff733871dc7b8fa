"""What a right answer is, in a form every grader reads and every log can store."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from entmin.errors import UsageError

Kind = Literal["integer", "math", "physics", "choice", "exact"]


@dataclass(frozen=True, slots=True)
class Gold:
    """The right answer of one problem and the rules that apply to it."""

    kind: Kind
    """Which family of rules judges it."""
    answers: tuple[str, ...]
    """One entry per required answer, as the data set writes it (usually LaTeX); several only where it declares so."""
    types: tuple[str, ...] = ()
    """Declared type of each answer where the data set gives one (UGPhysics: NV, EX, EQ, IN, TF, MC, TUP)."""
    units: tuple[str, ...] = ()
    """Declared unit of each answer, empty where none."""
    tolerance: float | None = None
    """Tolerance the data set declares, relative for physics and absolute otherwise; None means the grader's own."""
    rounded: bool = False
    """The answers are measured or rounded values: what rounds to them, digit for digit, is right."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, as stored in `Sample.metadata["gold"]` and in JSONL rows."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> Gold:
        """Inverse of `to_dict`.

        Raises:
            UsageError: a key is unknown or `kind`/`answers` is missing.
        """
        try:
            values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
            return cls(**values)
        except TypeError as error:
            raise UsageError(f"malformed gold {row!r}: {error}") from error
