"""``spatialrecon calibrate``."""

from __future__ import annotations

import json

from napari_spatialrecon import pace
from napari_spatialrecon.tasks import calibrating


def test_it_tells_what_it_measured_and_where_that_is_kept(run, tmp_path, monkeypatch):
    monkeypatch.setattr(calibrating, "_REPEATS", 1)
    monkeypatch.setattr(calibrating, "_STEPS", calibrating._FIRST + 1)
    code, _, messages = run("calibrate", "--device", "cpu", "--json", tmp_path / "found.json")
    assert code == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert set(found["factors"]) == {"arrays cpu", "network cpu"}
    assert "network cpu" in messages and str(pace.speeds_file()) in messages
    assert set(pace.speeds()) == {"arrays cpu", "network cpu"}
