"""From tables, as TOML has them, to the frozen classes of a topology; errors name the key.

Knows attrs classes and nothing of what they describe.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import attrs

from anyicmp.errors import AnyicmpError

__all__ = ["ScenarioError", "read", "table", "tables"]

Made = TypeVar("Made")


class ScenarioError(AnyicmpError, ValueError):
    """A scenario that cannot be; the text names the file and the key, and is one line.

    Attributes:
        key: where in the scenario, such as "router.r2.quote".
        reason: what is wrong there.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(key, reason)
        self.key = key
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}" if self.key else self.reason

    def below(self, key: str) -> ScenarioError:
        """The same error, seen from one table further up."""
        join = "" if self.key.startswith("[") else "."
        return ScenarioError(f"{key}{join}{self.key}" if self.key else key, self.reason)

    def within(self, file: str) -> ScenarioError:
        """The same error, naming the file; "" names none."""
        return ScenarioError(": ".join(filter(None, (file, self.key))), self.reason)


def read(cls: type[Made], values: Mapping[str, Any]) -> Made:
    """An instance of an attrs class from a table. Raises ScenarioError for unknown keys and wrong values."""
    if not isinstance(values, Mapping):
        raise ScenarioError("", f"a table is wanted here, not {values!r}")
    fields = {field.name: field for field in attrs.fields(cls) if field.init}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            raise ScenarioError(key, f"unknown key; known here: {', '.join(sorted(fields))}")
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        for key, value in values.items():
            _blame(fields[key], value)
        raise ScenarioError("", str(error)) from error


def _blame(field: Any, value: object) -> None:
    """Raise the error of this field, if it is this one."""
    try:
        if field.converter is not None:
            value = field.converter(value)
        if field.validator is not None:
            field.validator(None, field, value)
    except ScenarioError as error:
        raise error.below(field.name) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ScenarioError(field.name, str(error)) from error


def table(cls: type[Made], value: Made | Mapping[str, Any] | None) -> Made | None:
    """An instance stays, a table becomes one, None stays None. Raises ScenarioError."""
    return read(cls, value) if isinstance(value, Mapping) else value


def tables(cls: type[Made], values: Iterable[Made | Mapping[str, Any]]) -> tuple[Made, ...]:
    """Several instances or tables as a tuple of instances. Raises ScenarioError."""
    made: list[Made] = []
    if isinstance(values, Mapping):
        raise ScenarioError("", "a list of tables is wanted here: [{ ... }]")
    for number, value in enumerate(values, 1):
        try:
            made.append(read(cls, value) if isinstance(value, Mapping) else value)
        except ScenarioError as error:
            raise error.below(f"[{number}]") from error
    return tuple(made)
