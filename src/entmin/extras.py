"""The extras of ``pip install 'entmin[...]'``, checked before a verb that needs one does anything.

What belongs to an extra stands in pyproject.toml only; it is read here from the installed package's metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

from entmin.errors import UsageError

if TYPE_CHECKING:
    from packaging.markers import Marker

EXTRAS = {
    "gguf": "the models of `entmin list models`",
    "eval": "benchmarks, comparisons and grading",
    "serve": "the OpenAI-compatible server",
    "train": "training",
    "code": "running the scientific programs of SciCode",
    "notebook": "benchmarks and comparisons in notebooks",
    "vllm": "serving and evaluating with vLLM",
    "verl": "training with veRL, in an environment of its own",
}
"""Each extra, and what it is for; ``all`` is everything but vLLM and veRL."""


def lacking(extra: str) -> list[str]:
    """What this environment lacks of an extra, or of the base where `extra` is empty.

    Each is a name such as ``trl`` or, where it is too old, ``trl>=1.16 (1.2 is here)``.

    Empty where entmin runs from files that were never installed, because nothing is known of its extras there.
    """
    return list(dict.fromkeys(_lacking(extra)))


def require(extra: str, what: str) -> None:
    """Check an extra before `what`, such as ``entmin train``, begins.

    Raises:
        UsageError: something is not installed or too old; the message has the one command that installs it.
    """
    if found := lacking(extra):
        raise UsageError(f"{what} needs {', '.join(found)}: pip install 'entmin[{extra}]'")


def _lacking(extra: str) -> Iterator[str]:
    from packaging.requirements import Requirement

    try:
        lines = requires("entmin") or []
    except PackageNotFoundError:
        return
    for requirement in map(Requirement, lines):
        if not _belongs(requirement.marker, extra):
            continue
        if requirement.name == "entmin":
            for inner in sorted(requirement.extras):
                yield from _lacking(inner)
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield requirement.name
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield f"{requirement.name}{requirement.specifier} ({found} is here)"


def _belongs(marker: Marker | None, extra: str) -> bool:
    """Whether a requirement with this marker belongs to an extra, or to the base where `extra` is empty."""
    in_base = marker is None or marker.evaluate({"extra": ""})
    return not in_base and marker is not None and marker.evaluate({"extra": extra}) if extra else in_base
