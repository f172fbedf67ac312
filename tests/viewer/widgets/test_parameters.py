"""What a form knows of a config before there is a toolkit to draw it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import pytest

from napari_spatialrecon.hyperparameters import Config, Option, option, section
from napari_spatialrecon.viewer.widgets.parameters import annotation, groups, title, tooltip


@dataclass(frozen=True)
class Network(Config):
    width: int = option(8, "Width of the network.", low=1, high=512)
    rate: float = option(1 / 3, "Rate of learning.", advanced=True)


@dataclass(frozen=True)
class Example(Config):
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {}}

    network: Network = section(Network, "The network.")
    reach: float | None = option(None, "Reach of a spot.", unit="µm", low=0.0)
    noisy: bool = option(True, "Add noise.", advanced=True)
    sure: bool | None = option(None, "Whether it is sure.")
    order: str | None = option(None, "Which order.", choices=("up", "down"))


def of(name: str) -> Option:
    return next(o for o in Example.options() if o.name == name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("network.width", int),
        ("network.rate", float),
        ("reach", float | None),
        ("noisy", bool),
        ("sure", Literal[True, False] | None),
        ("order", Literal["up", "down"] | None),
    ],
)
def test_an_option_is_annotated_with_its_own_type_and_its_help(name: str, kind: Any) -> None:
    found, metadata = get_args(annotation(of(name)))
    assert found == kind
    assert metadata["tooltip"] == tooltip(of(name))


def test_own_options_come_first_and_each_section_has_its_heading_once() -> None:
    everyday = groups(Example, advanced=False)
    assert [group.heading for group in everyday] == ["", "Network"]
    assert [o.name for o in everyday[0].options] == ["reach", "sure", "order"]
    assert everyday[1].help == "The network."
    advanced = groups(Example, advanced=True)
    assert [o.name for group in advanced for o in group.options] == ["noisy", "network.rate"]


def test_a_title_is_the_name_within_the_section() -> None:
    assert title(of("network.width")) == "Width"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("network.width", ["Width of the network.", "From 1 to 512.", "Default 8."]),
        ("network.rate", ["Rate of learning.", "Default 0.333333."]),
        ("reach", ["Reach of a spot.", "At least 0 µm.", "Default automatic."]),
    ],
)
def test_a_tooltip_says_help_bounds_unit_default_and_name(name: str, lines: list[str]) -> None:
    assert tooltip(of(name)).splitlines() == [*lines, name]


def test_it_needs_no_toolkit() -> None:
    code = (
        "import sys, napari_spatialrecon.viewer.widgets.parameters\n"
        "assert not {'magicgui', 'qtpy', 'napari'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
