from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.alignments.qupath import (
    add_regions,
    read_regions,
    write_regions,
)
from napari_spatialrecon.tissue.formats.recognise import is_geojson


def square(low: float, high: float) -> list[list[float]]:
    return [[low, low], [high, low], [high, high], [low, high], [low, low]]


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": "7f3c",
        "geometry": geometry,
        "properties": {"objectType": "annotation", **properties},
    }


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """As QuPath writes them: current, older and derived classes, a hole, a nested region."""
    tissue = feature(
        {"type": "Polygon", "coordinates": [square(0, 100), square(40, 50)]},
        classification={"name": "Stroma", "color": [150, 200, 150]},
    )
    tumour = feature(
        {"type": "MultiPolygon", "coordinates": [[square(10, 20)], [square(60, 90)]]},
        classification={"name": "Tumor", "colorRGB": -3670016},
        name="Tumour 1",
    )
    derived = feature(
        {"type": "Polygon", "coordinates": [square(70, 80)]},
        classification={"names": ["Tumor", "Necrosis"], "color": [50, 50, 50]},
    )
    named = feature({"type": "Polygon", "coordinates": [square(200, 210)]}, name="Fold")
    line = feature({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, name="Ruler")
    path = tmp_path / "slide.geojson"
    everything = {"type": "FeatureCollection", "features": [tissue, tumour, derived, named, line]}
    path.write_text(json.dumps(everything))
    return path


def slide(points: Any, unit: str = "px", um: float = 0.5) -> AnnData:
    points = np.asarray(points, float)
    adata = AnnData(np.ones((len(points), 1), np.float32), obsm={"spatial": points})
    adata.uns["spatialrecon"] = {"unit": unit}
    adata.uns["spatial"] = {"lib": {"metadata": {"um_per_fullres_px": um}}}
    return adata


POINTS = [[5, 5], [45, 45], [15, 15], [65, 65], [75, 75], [205, 205], [150, 150]]
NAMES = ["Stroma", None, "Tumor", "Tumor", "Tumor: Necrosis", "Fold", None]


@pytest.mark.parametrize("unit", ["px", "um"])
def test_each_spot_gets_the_smallest_region_that_holds_it(exported: Path, unit: str) -> None:
    scale = 1.0 if unit == "px" else 0.5
    before = slide(np.array(POINTS) * scale, unit)
    found = add_regions(before, exported)
    labels = found.obs["region"]
    assert [None if pd.isna(label) else label for label in labels] == NAMES
    assert list(labels.cat.categories) == ["Stroma", "Tumor", "Tumor: Necrosis", "Fold"]
    assert list(found.uns["region_colors"][:3]) == ["#96c896", "#c80000", "#323232"]
    assert "region" not in before.obs and "region_colors" not in before.uns


def test_a_list_of_features_and_a_single_one_are_read(exported: Path, tmp_path: Path) -> None:
    features = json.loads(exported.read_text())["features"]
    path = tmp_path / "objects.json"
    for content in (features, features[0]):
        path.write_text(json.dumps(content))
        assert read_regions(path)[0].name == "Stroma" and is_geojson(path)


def test_what_scanpy_draws_has_the_colors_of_qupath(exported: Path, tmp_path: Path) -> None:
    import anndata

    add_regions(slide(POINTS), exported).write_h5ad(tmp_path / "a.h5ad")
    read = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert list(read.uns["region_colors"])[1] == "#c80000"
    assert len(read.uns["region_colors"]) == len(read.obs["region"].cat.categories)


@given(
    labels=st.lists(st.sampled_from(["B cell", "T/NK", "µ", None]), min_size=4, max_size=25),
    unit=st.sampled_from(["px", "um"]),
    seed=st.integers(0, 99),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_column_survives_out_and_in(
    tmp_path: Path, labels: list[str | None], unit: str, seed: int
) -> None:
    points = np.random.default_rng(seed).uniform(0, 500, (len(labels), 2))
    adata = slide(points, unit)
    adata.obs["type"] = pd.Categorical(labels)
    names = list(adata.obs["type"].cat.categories)
    if not names:
        return
    adata.uns["type_colors"] = [f"#0{i}a{i}ff" for i in range(len(names))]
    path = write_regions(adata, tmp_path / "a.geojson", column="type")
    found = add_regions(adata, path, column="again")
    read = [None if pd.isna(label) else label for label in found.obs["again"]]
    assert read == labels
    colors = dict(zip(found.obs["again"].cat.categories, found.uns["again_colors"], strict=True))
    assert colors == dict(zip(names, adata.uns["type_colors"], strict=True))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"features": [3]}', '{"type": "Feature"}'])
def test_a_file_without_polygons_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.geojson").write_text(text)
    with pytest.raises(InputError, match="GeoJSON file with polygons") as caught:
        add_regions(slide(POINTS), tmp_path / "a.geojson")
    assert "Export as GeoJSON" in caught.value.remedy


def test_regions_of_another_image_are_refused(exported: Path) -> None:
    with pytest.raises(InputError, match="no spot in any of the 4"):
        add_regions(slide(np.array(POINTS) + 5000.0), exported)


def test_a_column_that_exists_is_kept_and_another_name_offered(exported: Path) -> None:
    adata = add_regions(slide(POINTS), exported)
    with pytest.raises(InputError, match="'region' in obs") as caught:
        add_regions(adata, exported)
    assert caught.value.remedy == 'Try column="region_2".'
    assert "region_2" in add_regions(adata, exported, column="region_2").obs
