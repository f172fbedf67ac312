from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.evaluate import evaluate_place
from napari_spatialrecon.evaluation.place_metrics import place_metrics


def table(points: np.ndarray, slot: str = "spatial") -> AnnData:
    names = [f"cell{i}" for i in range(len(points))]
    adata = AnnData(X=np.zeros((len(points), 1), np.float32), obs=pd.DataFrame(index=names))
    adata.obsm[slot] = points
    return adata


@pytest.fixture
def tissue() -> np.ndarray:
    return np.random.default_rng(0).random((120, 2)) * [1000, 600]


def test_cells_are_matched_by_name_and_the_rest_is_counted(tissue: np.ndarray) -> None:
    predicted = tissue.copy()
    predicted[5] = np.nan
    prediction = table(predicted)[np.random.default_rng(1).permutation(120)][:110].copy()
    prediction.obs_names = ["stranger", *prediction.obs_names[1:]]
    report = evaluate_place(table(tissue), prediction)
    unplaced = int(np.isnan(prediction.obsm["spatial"]).any(axis=1).sum())
    assert report["cells"] == {
        "compared": 109 - unplaced,
        "missing": 11,
        "unplaced": unplaced,
        "without_truth": 1,
    }
    assert report["metrics"]["spearman"] == pytest.approx(1)
    assert report["posed_error"]["median"] == 0
    json.dumps(report, allow_nan=False)


def test_the_geometry_is_judged_and_posed_coordinates_are_reported_beside(
    tissue: np.ndarray,
) -> None:
    rng = np.random.default_rng(2)
    posed = tissue + 30 * rng.normal(size=tissue.shape)
    prediction = table(posed)
    prediction.obsm["X_geometry"] = tissue * [-2, 2]
    prediction.obsm["X_layout"] = posed @ [[0, 1], [-1, 0]]
    report = evaluate_place(table(tissue), prediction)
    assert report["slot"] == "X_geometry"
    assert report["metrics"]["stress1"] == pytest.approx(0, abs=1e-6)
    assert report["others"]["spatial"] == place_metrics(tissue, posed)
    assert report["error"]["median"] == pytest.approx(0, abs=1e-6)
    assert report["posed_error"]["median"] == pytest.approx(30 * np.sqrt(2 * np.log(2)), rel=0.2)


def test_the_layout_of_the_same_shape_is_not_reported_twice(tissue: np.ndarray) -> None:
    prediction = table(tissue)
    prediction.obsm["X_layout"] = tissue * [-0.1, 0.1]
    report = evaluate_place(table(tissue), prediction)
    assert report["slot"] == "spatial" and report["others"] == {}


def test_coordinates_of_another_frame_get_no_error_in_place(tissue: np.ndarray) -> None:
    report = evaluate_place(table(tissue), table(tissue + 5000))
    assert "posed_error" not in report
    assert report["error"]["median"] == pytest.approx(0, abs=1e-6)
    asked = evaluate_place(table(tissue), table(tissue + 5000), same_frame=True)
    assert asked["posed_error"]["median"] == pytest.approx(5000 * np.sqrt(2))


def test_errors_are_in_micrometres_where_the_truth_knows_them(tissue: np.ndarray) -> None:
    truth, prediction = table(tissue), table(tissue + np.array([10, 0]))
    for adata in (truth, prediction):
        adata.uns["spatialrecon"] = {"unit": "px", "um_per_unit": 0.5}
    error = evaluate_place(truth, prediction)["posed_error"]
    assert (error["unit"], error["mean"]) == ("um", pytest.approx(5))


def test_expected_errors_are_compared_with_those_found_in_one_unit(tissue: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    prediction = table(tissue + rng.normal(size=tissue.shape))
    errors = evaluate_place(table(tissue), prediction)["posed_error"]
    prediction.obs["expected_error"] = 2 * errors["median"]
    prediction.obs["placement_uncertainty"] = errors["p90"]
    found = evaluate_place(table(tissue), prediction)["stated"]
    assert found["ratio"] == pytest.approx(2)
    assert found["within_radius"] == pytest.approx(0.9, abs=0.01)
    pixels = prediction.copy()
    pixels.uns["spatialrecon"] = {"unit": "px", "um_per_unit": 0.5}
    assert "stated" not in evaluate_place(table(tissue), pixels, same_frame=True)
    true = table(tissue)
    true.uns["spatialrecon"] = {"unit": "px", "um_per_unit": 2.0}
    other = evaluate_place(true, pixels, same_frame=True)["stated"]
    assert other["unit"] == "um" and other["ratio"] == pytest.approx(2 / 4)


def test_uncertainty_is_calibrated_against_the_errors(tissue: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    stated = rng.uniform(1, 60, 120)
    prediction = table(tissue + rng.normal(size=tissue.shape) * stated[:, None])
    prediction.obs["placement_uncertainty"] = stated
    found = evaluate_place(table(tissue), prediction)["uncertainty"]
    assert found["spearman"] > 0.5 and found["cells"] == 120


def test_cells_on_one_line_or_in_one_place_are_judged_too(tissue: np.ndarray) -> None:
    line = tissue * [1, 0]
    spread = np.linalg.norm(tissue - tissue.mean(0), axis=1).mean()
    for points in (line, np.zeros_like(tissue)):
        report = evaluate_place(table(tissue), table(points))
        assert report["error"]["mean"] <= spread + 1e-9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: setattr(a, "obs_names", [f"other{i}" for i in range(120)]), "in the truth"),
        (lambda a: setattr(a, "obs_names", ["cell1"] * 120), "once"),
        (lambda a: a.obsm.clear(), "found slots: none"),
    ],
)
def test_tables_that_cannot_be_compared_are_refused(tissue, change, message: str) -> None:
    prediction = table(tissue)
    change(prediction)
    with pytest.raises(InputError, match=message):
        evaluate_place(table(tissue), prediction)
