from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from napari_spatialrecon.legacy import read_record, renamed
from napari_spatialrecon.methods.come.config import ComePlaceConfig
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.training import checkpoint
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint


def test_a_record_of_before_is_read_under_present_names(tmp_path: Path) -> None:
    path = tmp_path / "placed.run.json"
    metrics = {"held_out_floor": 0.4, "held_out_method": 0.3}
    settings = {"laid_onto": "C5"}
    config = {"floor_share": 0.2}
    path.write_text(json.dumps({"metrics": metrics, "config": config, "settings": settings}))
    record = read_record(path)
    assert record["metrics"] == {"held_out_baseline": 0.4, "held_out_method": 0.3}
    assert record["config"] == {"baseline_share": 0.2}
    assert record["settings"] == {"registered_to": "C5"}


def test_what_is_named_as_today_stays() -> None:
    content = {"baseline": 1.0, "list": [{"floor": 1}], "nested": {"steps": 3}}
    assert renamed(content) == content


def test_a_config_of_before_is_read() -> None:
    assert GearsConfig.from_dict({"floor_share": 0.5}).baseline_share == 0.5
    assert ComePlaceConfig.from_dict({"floor": {"neighbours": 7}}).baseline.neighbours == 7


def test_a_toml_file_of_before_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gears.toml"
    path.write_text("floor_share = 0.5\n")
    assert GearsConfig.from_toml(path).baseline_share == 0.5


def test_a_model_of_before_is_read(tmp_path: Path) -> None:
    save_checkpoint(
        tmp_path / "model",
        method="gears",
        config={"floor_share": 0.5},
        tensors={"w": np.zeros(2)},
        extra={"held_out": {"method": 0.3, "floor": 0.4}},
    )
    saved = load_checkpoint(tmp_path / "model", method="gears")
    assert saved.config == {"baseline_share": 0.5}
    assert saved.extra["held_out"] == {"method": 0.3, "baseline": 0.4}
    written = json.loads((tmp_path / "model" / checkpoint.CONFIG).read_bytes())
    assert written == {"floor_share": 0.5}
