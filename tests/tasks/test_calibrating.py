"""The speed of this machine: measured, remembered, and followed by the times that are stated."""

from __future__ import annotations

import json

import pytest
import torch

import napari_spatialrecon as sr
from napari_spatialrecon import pace
from napari_spatialrecon.errors import InputError, Stopped, WriteError
from napari_spatialrecon.tasks import calibrating
from napari_spatialrecon.tasks.calibrating import calibrate

GEARS, KNN = pace.kind_of("place", "gears", "cpu"), pace.kind_of("place", "knn", "cpu")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few repeats only, on a machine whose guessed speed is known."""
    monkeypatch.setattr(calibrating, "_REPEATS", 2)
    monkeypatch.setattr(calibrating, "_STEPS", calibrating._FIRST + 2)
    monkeypatch.setattr(pace, "_machine", lambda: 7.0)
    monkeypatch.setattr(pace, "_busy", lambda: 1.0)


def test_what_was_measured_is_what_times_follow() -> None:
    assert pace.slowness(GEARS) == pace.slowness(KNN) == 7.0
    found = calibrate("cpu")
    assert set(found.factors) == {"arrays cpu", "network cpu"}
    assert all(0.05 < factor < 50 for factor in found.factors.values())
    assert pace.slowness(KNN) == pytest.approx(found.factors["arrays cpu"], abs=1e-3)
    assert pace.slowness(GEARS) == pytest.approx(found.factors["network cpu"], abs=1e-3)


def test_networks_have_the_speed_of_their_device() -> None:
    pace.remember_speeds({"arrays cpu": 2.0, "network cpu": 3.0, "network cuda": 0.1})
    on_gpu = [pace.slowness(pace.kind_of("place", m, "cuda:0")) for m in ("gears", "knn")]
    assert on_gpu == [0.1, 2.0]
    assert pace.slowness(GEARS) == 3.0
    assert pace.slowness(pace.kind_of("place", "gears", "mps")) == 7.0, "not measured: as before"


def test_what_earlier_runs_told_is_restated() -> None:
    pace.times_file().parent.mkdir(parents=True, exist_ok=True)
    pace.times_file().write_text(json.dumps({GEARS: [2.0, 3.0], KNN: [1.0]}))
    before = [pace.span(60, kind).likely for kind in (GEARS, KNN)]
    pace.remember_speeds({"arrays cpu": 3.5, "network cpu": 14.0})
    assert pace.ratios(GEARS) == [1.0, 1.5] and pace.ratios(KNN) == [2.0]
    assert [pace.span(60, kind).likely for kind in (GEARS, KNN)] == pytest.approx(before)


def test_another_machine_with_the_same_settings_folder_keeps_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pace.remember_speeds({"network cpu": 2.0})
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(pace.platform, "node", lambda: "another")
        assert pace.slowness(GEARS) == 7.0
        pace.remember_speeds({"network cpu": 5.0})
        assert pace.slowness(GEARS) == 5.0
    assert pace.speeds() == {"network cpu": 2.0}


def test_what_cannot_be_read_is_not_used() -> None:
    pace.speeds_file().parent.mkdir(parents=True, exist_ok=True)
    for content in ("{", "[1]", json.dumps({pace.machine(): {"network cpu": "fast", "a": -1}})):
        pace.speeds_file().write_text(content)
        assert pace.speeds() == {} and pace.slowness(GEARS) == 7.0


def test_a_stop_keeps_what_was_known_and_the_random_numbers_are_not_touched() -> None:
    pace.remember_speeds({"network cpu": 2.0})
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 4

    state = torch.get_rng_state()
    with pytest.raises(Stopped):
        calibrate("cpu", should_stop=stop)
    assert pace.speeds() == {"network cpu": 2.0}
    calibrate("cpu")
    assert torch.equal(state, torch.get_rng_state())


def test_a_device_that_is_not_there_and_a_folder_that_cannot_be_written_are_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    with pytest.raises(InputError, match="found"):
        sr.calibrate("cuda:7")
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(pace, "_settings", lambda: tmp_path / "file")
    with pytest.raises(WriteError):
        sr.calibrate("cpu")
