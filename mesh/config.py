"""Typed configuration: file, then environment, then flag. A key that nothing reads is an error."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)
PREFIX = "SANKOFA"


class ConfigError(Exception):
    """A setting is unknown or has the wrong type; the text says which and where."""


def load(
    kind: type[T], *, section: str, file: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> T:
    """Reads `[section]` of a file, then SANKOFA_<SECTION>_<FIELD>, then `overrides`. Later wins.

    A value from the environment is JSON where the field is a list or a struct. Raises ConfigError.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values |= read_file(file).get(section, {})
    values |= _from_environment(kind, section)
    values |= overrides or {}
    unknown = values.keys() - {field.name for field in msgspec.structs.fields(kind)}
    if unknown:
        raise ConfigError(f"[{section}] has no setting {', '.join(sorted(unknown))}")
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"[{section}] {error}") from None


def read_file(path: Path) -> dict[str, Any]:
    """All sections of a TOML (or .json) file. Raises ConfigError."""
    try:
        text = path.read_text()
        return msgspec.json.decode(text, type=dict) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, tomllib.TOMLDecodeError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{path}: {error}") from None


def _from_environment(kind: type[msgspec.Struct], section: str) -> dict[str, Any]:
    """Unknown names under the section's prefix are kept, so that `load` refuses them."""
    prefix = f"{PREFIX}_{section.upper()}_"
    found = {
        name.removeprefix(prefix).lower(): value
        for name, value in os.environ.items()
        if name.startswith(prefix)
    }
    return {name: _parsed(value) if value[:1] in "[{" and value else value for name, value in found.items()}


def _parsed(value: str) -> Any:
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
