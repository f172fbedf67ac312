"""The options of a config as annotated types, from which magicgui makes widgets; no Qt here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from napari_spatialrecon.hyperparameters import Config, Option

AUTOMATIC = "automatic"
"""Text shown for None, which lets the method decide."""
_LONGEST = 12
"""Longer numbers, such as a third, are shown rounded."""


@dataclass(frozen=True)
class Group:
    """Options below a common heading.

    Parameters
    ----------
    heading, help
        Empty for the config's own options, which form no section.
    """

    heading: str
    help: str
    options: tuple[Option, ...]


def annotation(option: Option) -> Any:
    """Return the type of an option, annotated with what a widget needs.

    Examples
    --------
    >>> from napari_spatialrecon.methods.gears.config import GearsConfig
    >>> members = next(o for o in GearsConfig.options() if o.name == "members")
    >>> annotation(members).__origin__
    <class 'int'>
    """
    kind: Any = option.type
    metadata: dict[str, Any] = {"tooltip": tooltip(option)}
    if option.choices:
        kind = Literal[option.choices]
    elif kind is bool and option.optional:
        kind = Literal[True, False]
    elif kind is bool:
        metadata["text"] = " "  # the label stands beside the box, in its column
    return Annotated[kind | None if option.optional else kind, metadata]


def groups(config_class: type[Config], *, advanced: bool) -> list[Group]:
    """Return the everyday or the advanced options of a config, section by section."""
    found: dict[str, list[Option]] = {}
    for option in config_class.options():
        if option.advanced == advanced:
            found.setdefault(option.name.rpartition(".")[0], []).append(option)
    helps = config_class.section_help()
    own = sorted(found, key=lambda section: section != "")  # a config's own options come first
    return [Group(plain(name), helps.get(name, ""), tuple(found[name])) for name in own]


def title(option: Option) -> str:
    """Return the label of an option: its name within its section."""
    return plain(option.name.rpartition(".")[2])


def plain(name: str) -> str:
    """Return a field's name as a label.

    Examples
    --------
    >>> plain("learning_rate"), plain("network.encoder")
    ('Learning rate', 'Network · encoder')
    """
    words = name.replace("_", " ").replace(".", " · ")
    return words[:1].upper() + words[1:]


def tooltip(option: Option) -> str:
    """Return an option's help with its bounds and its name in Python."""
    unit = f" {option.unit}" if option.unit else ""
    bounds = ""
    if option.low is not None and option.high is not None:
        bounds = f"From {option.low:g} to {option.high:g}{unit}."
    elif option.low is not None:
        bounds = f"At least {option.low:g}{unit}."
    elif option.high is not None:
        bounds = f"At most {option.high:g}{unit}."
    lines = [option.help, bounds, f"Default {shown(option.default) or AUTOMATIC}.", option.name]
    return "\n".join(line for line in lines if line)


def shown(value: Any) -> str:
    """Return a value as a field shows it.

    Examples
    --------
    >>> shown(1 / 3), shown(1234.5678), shown(None)
    ('0.333333', '1234.5678', '')
    """
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    short, full = f"{value:g}", str(value)
    return short if float(short) == value or len(full) > _LONGEST else full
