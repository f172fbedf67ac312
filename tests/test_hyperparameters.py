"""A config is checked on creation, refuses what it does not know, and round-trips."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.hyperparameters import Config, option, section


@dataclass(frozen=True)
class Solver(Config):
    weight: float = option(10.0, "Pull of the landmarks.", low=0.0, high=100.0, unit="µm")
    rounds: int | None = option(None, "Rounds; None until it settles.", low=1)


@dataclass(frozen=True)
class Network(Config):
    latent: int = option(8, "Size of the latent space.", low=1, high=512)
    residual: bool = option(True, "Add the input to the output.")
    solver: Solver = section(Solver, "How places are solved.")


@dataclass(frozen=True)
class Method(Config):
    PRESETS: ClassVar = {"quick": {}, "paper": {"steps": 2000, "network.latent": 32}}

    steps: int = option(300, "Steps of training.", low=1)
    mode: str = option("mean", "What is kept.", choices=("mean", "sample"))
    label: str = option("", "A name.")
    network: Network = section(Network, "The network.", advanced=True)


def test_every_option_is_listed_in_order_with_its_dotted_name():
    assert [o.name for o in Method.options()] == [
        "steps",
        "mode",
        "label",
        "network.latent",
        "network.residual",
        "network.solver.weight",
        "network.solver.rounds",
    ]


def test_an_option_tells_its_type_unit_bounds_and_choices():
    options = {o.name: o for o in Method.options()}
    weight = options["network.solver.weight"]
    assert (weight.type, weight.unit, weight.low, weight.high) == (float, "µm", 0.0, 100.0)
    assert weight.help == "Pull of the landmarks."
    assert options["network.solver.rounds"].optional
    assert options["network.solver.rounds"].type is int
    assert options["mode"].choices == ("mean", "sample")


def test_the_options_of_a_folded_section_are_advanced():
    advanced = {o.name for o in Method.options() if o.advanced}
    assert advanced == {o.name for o in Method.options() if o.name.startswith("network.")}
    assert Method.section_help() == {"network": "The network."}


def test_the_default_is_the_quick_preset_and_others_change_it():
    assert Method.presets() == ("quick", "paper")
    assert Method.preset("quick") == Method()
    assert Method.preset("paper").changed() == {"steps": 2000, "network.latent": 32}


def test_an_unknown_preset_is_refused():
    with pytest.raises(ConfigError, match="preset of quick, paper; found 'fast'"):
        Method.preset("fast")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("steps", 0, "steps: Expected a value from 1 to ∞, found 0."),
        ("steps", 1.5, "steps: Expected a whole number, found 1.5."),
        ("steps", True, "steps: Expected a whole number, found True."),
        ("steps", "7", "steps: Expected a whole number, found '7'."),
        ("steps", None, "steps: Expected a whole number, found None."),
        ("mode", "median", "mode: Expected one of mean, sample; found 'median'."),
        ("network.latent", 513, "network.latent: Expected a value from 1 to 512, found 513."),
        ("network.residual", 1, "network.residual: Expected true or false, found 1."),
        (
            "network.solver.weight",
            -1,
            "network.solver.weight: Expected a value from 0 to 100 µm, found -1.",
        ),
        ("network.solver.weight", float("nan"), "Expected a number, found NaN."),
        ("network.solver.rounds", 0, "Expected a value from 1 to ∞, found 0."),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_its_whole_name(name, value, message):
    with pytest.raises(ConfigError) as caught:
        Method().with_values({name: value})
    assert message in str(caught.value)
    assert str(caught.value).startswith(name)


def test_a_config_is_checked_when_it_is_made():
    with pytest.raises(ConfigError, match="steps: Expected a value from 1"):
        Method(steps=-3)


def test_whole_numbers_become_floats_where_floats_are_asked():
    weight = Solver(weight=3).weight
    assert isinstance(weight, float)
    assert weight == 3.0


def test_an_unknown_name_is_refused_with_the_closest_ones():
    with pytest.raises(ConfigError, match=r"found 'network.latnet'. Did you mean network.latent"):
        Method().with_values({"network.latnet": 4})
    with pytest.raises(ConfigError, match="Try one of label, mode"):
        Method().with_values({"zzz": 4})


def test_changing_a_copy_leaves_the_original():
    config = Method()
    changed = config.with_values({"steps": 5, "network.solver.weight": 2.0})
    assert config == Method()
    assert (changed.steps, changed.network.solver.weight) == (5, 2.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.steps = 3


def test_words_of_the_command_line_become_values():
    config = Method().with_text(
        ["steps=12", "network.residual=no", "network.solver.rounds=4", "label=a=b", " mode =sample"]
    )
    assert config.flat() == {
        "steps": 12,
        "mode": "sample",
        "label": "a=b",
        "network.latent": 8,
        "network.residual": False,
        "network.solver.weight": 10.0,
        "network.solver.rounds": 4,
    }
    assert config.with_text(["network.solver.rounds=none"]).network.solver.rounds is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps", "Expected key=value, found 'steps'"),
        (
            "steps=many",
            "steps: Expected a whole number, found 'many'. Try settings={\"steps\": 300}.",
        ),
        ("network.residual=maybe", "Expected true or false, found 'maybe'"),
        ("stepz=3", "Did you mean steps?"),
        ("steps=0", "from 1 to ∞"),
    ],
)
def test_words_that_mean_nothing_are_refused(text, message):
    with pytest.raises(ConfigError) as caught:
        Method().with_text([text])
    assert message in str(caught.value)


configs = st.builds(
    Method,
    steps=st.integers(1, 10**9),
    mode=st.sampled_from(["mean", "sample"]),
    label=st.text(st.characters(exclude_categories=["Cs"])),
    network=st.builds(
        Network,
        latent=st.integers(1, 512),
        residual=st.booleans(),
        solver=st.builds(
            Solver, weight=st.floats(0, 100), rounds=st.none() | st.integers(1, 10**6)
        ),
    ),
)


@given(configs)
def test_a_config_comes_back_from_its_plain_values(config):
    assert Method.from_dict(config.to_dict()) == config


@given(configs)
def test_a_config_comes_back_from_toml(config):
    content = tomllib.loads(config.to_toml())
    assert Method.from_dict(content) == config


def test_a_toml_file_changes_the_preset_it_starts_from(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('mode = "sample"\n[network]\nlatent = 4\n[network.solver]\nweight = 5\n')
    config = Method.from_toml(path, start=Method.preset("paper"))
    assert config.changed() == {
        "steps": 2000,
        "mode": "sample",
        "network.latent": 4,
        "network.solver.weight": 5.0,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("steps = ", "Expected TOML"),
        (b"\xff\xfe", "Expected TOML"),
        ("stepz = 3", "Did you mean steps?"),
        ("network = 3", "Expected a known setting, found 'network'"),
        ("[steps]\nx = 1", "Expected a known setting, found 'steps.x'"),
        ("steps = 1979-05-27", "steps: Expected a whole number"),
    ],
)
def test_a_toml_file_that_is_wrong_is_refused(tmp_path, content, message):
    path = tmp_path / "config.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        Method.from_toml(path)
    assert message in str(caught.value)


def test_a_toml_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: Expected a TOML file, found none"):
        Method.from_toml(tmp_path / "none.toml")
