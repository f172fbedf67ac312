from __future__ import annotations

from typing import Any

import pytest
from anndata import AnnData

from napari_spatialrecon.viewer.place.job import Placed

GOOD = {
    "held_out_method": 0.3,
    "held_out_baseline": 0.4,
    "held_out_method_um": 414.2,
    "held_out_baseline_um": 523.4,
    "held_out_center_um": 1072.3,
    "held_out_gain": 0.1,
    "held_out_gain_noise": 0.01,
}
LOST = {**GOOD, "held_out_method_um": 600.0, "held_out_gain": -0.07}


def placed(metrics: dict[str, Any], method: str = "dpvae") -> Placed:
    return Placed(AnnData(), {"method": method, "metrics": metrics})


def test_errors_are_shown_in_um_beside_the_baseline_and_the_center() -> None:
    figures = placed(GOOD).figures()
    assert [text for text, _ in figures] == ["414 µm", "kNN 523 µm", "center 1,072 µm"]
    assert all(len(meaning) > 30 for _, meaning in figures)
    baseline = {name: v for name, v in GOOD.items() if "method" not in name and "gain" not in name}
    shown = [text for text, _ in placed(baseline, "knn").figures()]
    assert shown == ["523 µm", "center 1,072 µm"]
    assert placed({"held_out_method": 0.3, "held_out_baseline": 0.4}).figures() == []


@pytest.mark.parametrize(
    ("metrics", "method", "better"),
    [
        (GOOD, "dpvae", ""),
        (LOST, "dpvae", "knn"),
        (LOST, "knn", ""),
        ({"held_out_method": 0.5, "held_out_baseline": 0.4}, "dpvae", "knn"),
        ({}, "dpvae", ""),
    ],
)
def test_the_baseline_is_offered_where_the_method_lost(
    metrics: dict[str, Any], method: str, better: str
) -> None:
    assert placed(metrics, method).better == better
