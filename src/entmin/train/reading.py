"""From files and command lines to a `TrainConfig`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from entmin.errors import UsageError, closest
from entmin.train.config import TrainConfig
from entmin.train.fields import plain


def load_config(file: str | Path | None, given: dict[str, Any]) -> TrainConfig:
    """Build a configuration from an optional YAML, TOML or JSON file and settings that override it.

    Raises:
        UsageError: the file cannot be read, or a key or value is wrong; the message says where and which.
    """
    read = _read(Path(file)) if file else {}
    try:
        return TrainConfig.model_validate({**read, **given})
    except ValidationError as error:
        # A default that depends on other settings is not made where one of them is wrong, which pydantic lists too.
        problems = [found for found in error.errors() if found["type"] != "default_factory_not_called"]
        raise UsageError("; ".join(_explain(found, file, read.keys() - given.keys()) for found in problems)) from None


def parse_settings(texts: Iterable[str]) -> dict[str, Any]:
    """Settings from ``key=value`` texts; a value is JSON where it parses as such, else the text itself.

    Raises:
        UsageError: a text without ``=``.
    """
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text!r}: write key=value")
        key = key.strip().replace("-", "_")
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
        if is_text(key) and isinstance(found[key], int | float):
            found[key] = value
    return found


def is_text(name: str) -> bool:
    """Whether a setting is a text, so that what looks like a number or yes in it is one too."""
    field = TrainConfig.model_fields.get(name)
    return field is not None and all(kind in (str, type(None)) or type(kind) is str for kind in plain(field.annotation))


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the configuration {path}: {error}") from None
    import yaml  # type: ignore[import-untyped]

    try:
        settings = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
        written = {} if path.suffix == ".toml" else yaml.load(text, yaml.BaseLoader)  # noqa: S506  # makes texts only
    except (tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"the configuration {path} is malformed: {error}") from None
    if not isinstance(settings, dict):
        raise UsageError(f"the configuration {path} must be a table of settings, key: value")
    found = {str(key).replace("-", "_"): value for key, value in settings.items()}
    texts = {str(key).replace("-", "_"): text for key, text in written.items()}
    # `off` is a text for `watch`, though YAML has it for false; and a folder may be called 2024.10.
    return {
        key: texts.get(key, str(value)) if is_text(key) and isinstance(value, int | float) else value
        for key, value in found.items()
    }


def _explain(problem: Any, file: str | Path | None, read: Collection[str]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    where = f"{file}: " if problem["loc"][0] in read else ""
    if problem["type"] == "extra_forbidden":
        return f"{where}unknown setting {name!r}{closest(name, TrainConfig.model_fields)}; see `entmin train --help`"
    if problem["type"] == "missing":
        return f"setting {name!r} is missing"
    return f"{where}setting {name!r}: {problem['msg'][0].lower()}{problem['msg'][1:]} (given: {problem['input']!r})"
