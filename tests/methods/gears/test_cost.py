"""The estimate of a run follows its settings."""

from __future__ import annotations

import pytest

from napari_spatialrecon.durations import duration
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.cost import (
    sampling_seconds,
    step_seconds,
    training_seconds,
)
from napari_spatialrecon.methods.gears.model import Gears
from napari_spatialrecon.methods.placement.base import PlacementSizes

#: Measured seconds of a step, without and with the refiner, on the machine of the fit.
PAPER = (3.843, 10.525)


def sizes(slides: int = 1, cells: int = 2_500) -> PlacementSizes:
    return PlacementSizes(slides=slides, spots=3_000, cells=cells, genes=500)


def seconds(config: GearsConfig, **more: int) -> float:
    return float(Gears(config).estimate(sizes(**more)).seconds)


def test_steps_of_the_papers_network_take_what_was_measured() -> None:
    found = step_seconds(GearsConfig.preset("paper"))
    assert found[1] == pytest.approx(PAPER[1], rel=0.2)
    assert found[0] == pytest.approx(PAPER[0], rel=0.5)
    quick = step_seconds(GearsConfig())
    assert quick[0] == quick[1] == pytest.approx(0.055, rel=0.1)


def test_the_papers_setting_is_said_to_take_days_and_quick_less_than_a_minute() -> None:
    assert seconds(GearsConfig.preset("paper")) > 3 * 86_400
    assert 20 < seconds(GearsConfig()) < 90
    assert duration(seconds(GearsConfig.preset("paper"))).endswith("h")


def test_a_step_draws_as_many_sets_from_many_slides() -> None:
    assert seconds(GearsConfig(), slides=4) < 1.5 * seconds(GearsConfig(), slides=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("generator.width", 192),
        ("generator.points", 64),
        ("generator.generator_blocks", 4),
        ("minisets.per_step", 16),
        ("minisets.largest", 320),
        ("refiner.on", True),
        ("training.steps", 3_000),
        ("input", "auto"),
        ("members", 4),
    ],
)
def test_what_makes_a_run_longer_makes_its_estimate_longer(name: str, value: object) -> None:
    assert seconds(GearsConfig().with_values({name: value})) > 1.2 * seconds(GearsConfig())


def test_sampling_grows_with_the_cells_and_its_steps() -> None:
    assert sampling_seconds(GearsConfig(), 10_000) == 0.0
    refined = GearsConfig().with_values({"refiner.on": True})
    once, patches = sampling_seconds(refined, 4_000), sampling_seconds(refined, 8_000)
    assert sampling_seconds(refined, 2_000) < once and patches < 4 * once
    assert sampling_seconds(refined, 16_000) == pytest.approx(2 * patches)
    longer = refined.with_values({"refiner.steps": 36})
    assert sampling_seconds(longer, 8_000) > 1.9 * patches
    assert training_seconds(longer) == training_seconds(refined)


@pytest.mark.parametrize(
    ("cells", "cpu_seconds", "megabytes"), [(10_000, 53, 462), (100_000, 224, 1_836)]
)
def test_an_atlas_takes_what_was_measured(cells: int, cpu_seconds: int, megabytes: int) -> None:
    size = PlacementSizes(slides=1, spots=10_000, cells=cells, genes=500)
    found = Gears(GearsConfig()).estimate(size)
    assert found.seconds == pytest.approx(cpu_seconds, rel=0.3)
    assert found.memory_bytes / 2**20 == pytest.approx(megabytes, rel=0.3)
