"""Declaration of hyper-parameters.

A config is a frozen dataclass whose fields are declared with `option`. The Python call, the command
line, the form in the window and the table in the docs are all generated from it. A field may itself
be a config: it is then a section, with dotted names (``network.latent``), and a table in TOML.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.faces import setting
from napari_spatialrecon.legacy import renamed

T = TypeVar("T")


def option(
    default: T,
    help: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    advanced: bool = False,
) -> T:
    """Declare one hyper-parameter.

    Parameters
    ----------
    default
        Value of the ``quick`` preset.
    help
        One sentence that a biologist understands, for the tooltip and the docs.
    unit
        Unit of the value, for instance ``"µm"``.
    low, high
        Inclusive bounds.
    choices
        Allowed values.
    advanced
        Hidden by default in the window.
    """
    metadata = {
        "help": help,
        "unit": unit,
        "low": low,
        "high": high,
        "choices": tuple(choices),
        "advanced": advanced,
    }
    return dataclasses.field(default=default, metadata=metadata)


def section(
    config_class: type[T], help: str, *, advanced: bool = False, values: Mapping[str, Any] = {}
) -> T:
    """Declare a field that is itself a config.

    Parameters
    ----------
    values
        Defaults of this section that differ from those of `config_class`.
    """
    metadata = {"help": help, "advanced": advanced}
    return dataclasses.field(default_factory=partial(config_class, **values), metadata=metadata)


@dataclass(frozen=True)
class Option:
    """What the form, the command line and the docs need to know about one hyper-parameter.

    Parameters
    ----------
    name
        Dotted name, for instance ``training.steps``.
    type
        `int`, `float`, `bool` or `str`; `optional` tells whether None is also allowed.
    """

    name: str
    type: type
    optional: bool
    default: Any
    help: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    advanced: bool

    def parse(self, text: str) -> Any:
        """Convert command-line text to a value of this option's type."""
        if self.optional and text.lower() in ("none", ""):
            return None
        if self.type is bool:
            words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            if text.lower() not in words:
                raise ConfigError(f"Expected true or false, found {text!r}.", where=self.name)
            return words[text.lower()]
        try:
            return self.type(text)
        except ValueError as error:
            raise ConfigError(
                f"Expected {_A[self.type]}, found {text!r}.",
                remedy=f"Try {setting(self.name, self.default)}.",
                where=self.name,
            ) from error

    def check(self, value: Any) -> Any:
        """Return `value` in this option's type, or raise `ConfigError`."""
        if value is None and self.optional:
            return None
        if self.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        wrong_type = not isinstance(value, self.type) or (
            isinstance(value, bool) and self.type is not bool
        )
        if wrong_type:
            raise ConfigError(
                f"Expected {_A[self.type]}, found {value!r}.",
                remedy=f"Try {self.default!r}.",
                where=self.name,
            )
        if self.choices and value not in self.choices:
            raise ConfigError(
                f"Expected one of {', '.join(self.choices)}; found {value!r}.", where=self.name
            )
        if self.type is float and value != value:
            raise ConfigError("Expected a number, found NaN.", where=self.name)
        below = self.low is not None and value < self.low
        above = self.high is not None and value > self.high
        if below or above:
            low = "-∞" if self.low is None else f"{self.low:g}"
            high = "∞" if self.high is None else f"{self.high:g}"
            raise ConfigError(
                f"Expected a value from {low} to {high}{' ' + self.unit if self.unit else ''}, "
                f"found {value:g}.",
                remedy=f"Try {self.default!r}.",
                where=self.name,
            )
        return value


_A: dict[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word",
}


@dataclass(frozen=True)
class Config:
    """Base class of configs: checked on creation, rejects unknown keys, round-trips through TOML.

    Subclasses list their presets in `PRESETS`: a mapping from a name to the values (dotted names)
    that differ from the defaults, which are the ``quick`` preset. `GONE` names settings that files
    of earlier versions hold and that changed nothing.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> chosen = sr.config("gears", preset="standard", members=2)
    >>> chosen.flat()["members"]
    2
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {}}
    GONE: ClassVar[Sequence[str]] = ()

    def __post_init__(self) -> None:
        for item in self._own_options():
            object.__setattr__(self, item.name, item.check(getattr(self, item.name)))

    @classmethod
    @cache
    def _sections(cls) -> dict[str, type[Config]]:
        hints = get_type_hints(cls)
        found = {f.name: hints[f.name] for f in dataclasses.fields(cls)}
        return {
            name: kind
            for name, kind in found.items()
            if isinstance(kind, type) and issubclass(kind, Config)
        }

    @classmethod
    @cache
    def _own_options(cls) -> tuple[Option, ...]:
        hints, sections, result = get_type_hints(cls), cls._sections(), []
        for field in dataclasses.fields(cls):
            if field.name in sections:
                continue
            kind, optional = hints[field.name], False
            if get_origin(kind) in (Union, types.UnionType):
                optional = type(None) in get_args(kind)
                kind = next(a for a in get_args(kind) if a is not type(None))
            result.append(Option(field.name, kind, optional, field.default, **dict(field.metadata)))
        return tuple(result)

    @classmethod
    @cache
    def options(cls) -> tuple[Option, ...]:
        """Return every hyper-parameter of this config and its sections, in order of declaration."""
        own = {o.name: o for o in cls._own_options()}
        sections, result = cls._sections(), []
        for field in dataclasses.fields(cls):
            if field.name in own:
                result.append(own[field.name])
                continue
            folded = bool(field.metadata.get("advanced"))
            assert field.default_factory is not dataclasses.MISSING
            defaults = field.default_factory().flat()
            for item in sections[field.name].options():
                name = f"{field.name}.{item.name}"
                shut = item.advanced or folded
                result.append(
                    dataclasses.replace(item, name=name, default=defaults[item.name], advanced=shut)
                )
        return tuple(result)

    @classmethod
    def section_help(cls) -> dict[str, str]:
        """Return the help sentence of each section, by name."""
        helps = {f.name: str(f.metadata.get("help", "")) for f in dataclasses.fields(cls)}
        return {name: helps[name] for name in cls._sections()}

    @classmethod
    def presets(cls) -> tuple[str, ...]:
        """Return the names of the presets, ``quick`` first."""
        return tuple(cls.PRESETS)

    @classmethod
    def preset(cls, name: str) -> Self:
        """Return the config of a preset.

        Raises
        ------
        ConfigError
            The preset does not exist.
        """
        if name not in cls.PRESETS:
            raise ConfigError(
                f"Expected a preset of {', '.join(cls.PRESETS)}; found {name!r}.", where="preset"
            )
        return cls().with_values(cls.PRESETS[name])

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """Return a copy updated with `values` (dotted names).

        Raises
        ------
        ConfigError
            A name is unknown or a value is not allowed.
        """
        known = {o.name for o in self.options()}
        for name in values:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
                hint = (
                    f"Did you mean {' or '.join(close)}?"
                    if close
                    else (f"Try one of {', '.join(sorted(known))}.")
                )
                raise ConfigError(f"Expected a known setting, found {name!r}.", remedy=hint)
        return self._replace(values)

    def _replace(self, values: Mapping[str, Any]) -> Self:
        changes: dict[str, Any] = {n: v for n, v in values.items() if "." not in n}
        for name in self._sections():
            prefix = f"{name}."
            inner = {n[len(prefix) :]: v for n, v in values.items() if n.startswith(prefix)}
            if inner:
                try:
                    changes[name] = getattr(self, name)._replace(inner)
                except ConfigError as error:
                    problem = error.problem
                    raise ConfigError(
                        problem.message, remedy=problem.remedy, where=prefix + problem.where
                    ) from error
        return dataclasses.replace(self, **changes)

    def with_text(self, assignments: Sequence[str]) -> Self:
        """Return a copy updated with ``key=value`` arguments of the command line."""
        options = {o.name: o for o in self.options()}
        values: dict[str, Any] = {}
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            name = name.strip()
            if not equals:
                raise ConfigError(
                    f"Expected key=value, found {assignment!r}.",
                    remedy=f"Try {setting('members', 2)}.",
                )
            values[name] = options[name].parse(text.strip()) if name in options else text
        return self.with_values(values)

    def flat(self) -> dict[str, Any]:
        """Return every value under its dotted name."""
        result: dict[str, Any] = {}
        for item in self.options():
            value: Any = self
            for part in item.name.split("."):
                value = getattr(value, part)
            result[item.name] = value
        return result

    def changed(self) -> dict[str, Any]:
        """Return the values that differ from the defaults, under dotted names."""
        defaults = type(self)().flat()
        return {n: v for n, v in self.flat().items() if v != defaults[n]}

    def to_dict(self) -> dict[str, Any]:
        """Return the config as nested plain values, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the config that `to_dict` described; unknown keys are rejected."""
        values = flattened(renamed(content))
        return cls().with_values({n: v for n, v in values.items() if n not in cls.GONE})

    def to_toml(self) -> str:
        """Return the config as TOML text; options that are None are omitted."""
        lines, current = [], ""
        values = {n: v for n, v in self.flat().items() if v is not None}
        for name in sorted(values, key=lambda n: (n.count("."), n.rpartition(".")[0])):
            table, _, key = name.rpartition(".")
            if table != current:
                lines += ["", f"[{table}]"]
                current = table
            lines.append(f"{key} = {_toml(values[name])}")
        return "\n".join(lines).lstrip("\n") + "\n"

    @classmethod
    def from_toml(cls, path: str | Path, *, start: Self | None = None) -> Self:
        """Return `start` (default: the quick preset) updated from a TOML file.

        Raises
        ------
        ConfigError
            The file is missing, is not TOML, or holds unknown or invalid values.
        """
        try:
            content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(
                f"Expected a TOML file, found none: {error.strerror}.", where=str(path)
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"Expected TOML, found: {error}.", where=str(path)) from error
        return (start or cls()).with_values(flattened(renamed(content)))


def flattened(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values under dotted names.

    Examples
    --------
    >>> flattened({"network": {"latent": 8}, "members": 2})
    {'network.latent': 8, 'members': 2}
    """
    result: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, Mapping):
            result.update(flattened(value, f"{prefix}{name}."))
        else:
            result[prefix + name] = value
    return result


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def word(value: Any) -> str:
    """Return a value as ``--set`` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)
