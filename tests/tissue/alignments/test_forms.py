from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_spatialrecon.errors import InputError, ValidationError
from napari_spatialrecon.geometry.maps.transforms import Transform
from napari_spatialrecon.tissue.alignments import loupe, xenium
from napari_spatialrecon.tissue.alignments.forms import read_alignment, sniff_form, write_form
from napari_spatialrecon.tissue.alignments.frames import Frames, transform_of
from napari_spatialrecon.tissue.landmark_pairs import LandmarkPairs

#: The example of 10x Genomics' knowledge base: from pixels of the H&E to those of the DAPI image.
KB_MATRIX = """0.011071028838929093,1.2895790134339569,807.9788953065927
-1.2895790134339569,0.011071028838929093,73097.655174759
0,0,1
"""
number = st.floats(-3, 3).filter(lambda x: abs(x) > 0.05)
shift = st.floats(-1e5, 1e5)


def slide(unit: str, um: float, *, of_image: bool = False) -> AnnData:
    """A 9 x 7 array of spots, in the unit, with µm per pixel where the image is its own."""
    row, col = np.meshgrid(np.arange(9), np.arange(7), indexing="ij")
    xy = np.column_stack([col.ravel() * 31.0 + 7 * row.ravel(), row.ravel() * 27.0])
    obs = pd.DataFrame(
        {"array_row": row.ravel(), "array_col": col.ravel()},
        index=[f"spot{i}" for i in range(len(xy))],
    )
    adata = AnnData(np.ones((len(xy), 2), np.float32), obs=obs, obsm={"spatial": xy})
    adata.uns["spatialrecon"] = {"unit": unit}
    if unit != "um":
        adata.uns["spatialrecon"]["um_per_unit"] = um
    if of_image:
        adata.uns["spatial"] = {"lib": {"metadata": {"um_per_fullres_px": um}}}
    return adata


@st.composite
def maps(draw: st.DrawFn) -> Transform:
    linear = np.array([[draw(number), draw(number)], [draw(number), draw(number)]])
    similar = draw(st.booleans())
    if similar:
        flip = draw(st.sampled_from([1.0, -1.0]))
        linear[1] = flip * np.array([-linear[0, 1], linear[0, 0]])
    matrix = np.eye(3)
    matrix[:2] = np.column_stack([linear, [draw(shift), draw(shift)]])
    return transform_of(matrix)


@pytest.mark.parametrize("form", ["pairs", "keypoints", "matrix", "loupe"])
@pytest.mark.parametrize("unit", ["um", "px"])
@pytest.mark.parametrize("image_unit", ["um", "px"])
@given(transform=maps(), um=st.floats(0.05, 5))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_map_survives_out_and_in(
    tmp_path: Path, form: str, unit: str, image_unit: str, transform: Transform, um: float
) -> None:
    linear = transform.matrix[:2, :2]
    if abs(np.linalg.det(linear)) < 0.01 * np.abs(linear).max() ** 2:
        return
    adata, ref = slide(unit, um), slide(image_unit, um, of_image=True)
    path = tmp_path / ("a.json" if form == "loupe" else "a.csv")
    points = adata.obsm["spatial"]
    query = points[[0, 6, 30, 56]]
    frames = Frames.of(adata, ref)
    pairs = LandmarkPairs(query, transform.apply(query), np.ones(4, bool))
    write_form(form, path, pairs=pairs, transform=transform, adata=adata, frames=frames)
    assert sniff_form(path) == form
    found = read_alignment(path, adata, ref)
    there = transform.apply(points)
    close = 1e-9 * np.abs(there).max() + 1e-6
    if isinstance(found, LandmarkPairs):
        np.testing.assert_allclose(found.query, query, atol=close)
        np.testing.assert_allclose(found.ref, pairs.ref, atol=close)
    else:
        rounded = 0.6 * frames.image_pixel if form == "loupe" else 0.0
        np.testing.assert_allclose(found.apply(points), there, atol=close + rounded)


def test_the_example_of_the_vendor_has_its_direction_and_its_pixels(tmp_path: Path) -> None:
    """Top left of the H&E lies at pixel (807.98, 73097.66) of the DAPI image, of .2125 µm."""
    path = tmp_path / "he_imagealignment.csv"
    path.write_text(KB_MATRIX)
    cells = slide("um", 1.0)
    found = xenium.read_matrix(path, Frames(1.0, 1.0))
    corner = np.array([[807.9788953065927, 73097.655174759]]) * 0.2125
    np.testing.assert_allclose(found.apply(corner), [[0.0, 0.0]], atol=1e-6)
    assert found.model == "similarity" and not found.reflected
    # An H&E of 1.2896 DAPI pixels a pixel: 0.274 µm.
    assert 1 / found.scale == pytest.approx(1.2896 * 0.2125, rel=1e-3)
    assert sniff_form(path) == "matrix" and cells.n_obs


def test_the_pixel_size_of_the_run_beside_the_file_wins(tmp_path: Path) -> None:
    (tmp_path / "experiment.xenium").write_text(json.dumps({"pixel_size": 0.5}))
    path = tmp_path / "keypoints.csv"
    path.write_text("fixedX,fixedY,alignmentX,alignmentY\n10,20,3,4\n")
    found = xenium.read_keypoints(path, Frames(1.0, 1.0))
    np.testing.assert_allclose(found.query, [[5.0, 10.0]])
    np.testing.assert_allclose(found.ref, [[3.0, 4.0]])
    (tmp_path / "experiment.xenium").unlink()
    found = xenium.read_keypoints(path, Frames(1.0, 1.0))
    np.testing.assert_allclose(found.query, [[2.125, 4.25]])


def test_spots_of_a_cytassist_slide_go_through_its_image(tmp_path: Path) -> None:
    adata = slide("px", 0.5)
    there = adata.obsm["spatial"] * 2 + [100.0, -30.0]
    to_cytassist = np.array([[0.0, 0.25, 40.0], [-0.25, 0.0, 900.0], [0.0, 0.0, 1.0]])
    seen = there @ to_cytassist[:2, :2].T + to_cytassist[:2, 2]
    spots = [
        {"row": int(r), "col": int(c), "imageX": x, "imageY": y, "dia": 5, "x": 0, "y": 0}
        for r, c, (x, y) in zip(adata.obs["array_row"], adata.obs["array_col"], seen.tolist())
    ]
    path = tmp_path / "V1.json"
    content = {"oligo": spots, "cytAssistInfo": {"transformImages": to_cytassist.ravel().tolist()}}
    path.write_text(json.dumps(content))
    found = loupe.read_loupe(path, adata, Frames(0.5, 1.0))
    np.testing.assert_allclose(found.apply(adata.obsm["spatial"]), there, atol=1e-6)
    assert found.model == "similarity"


def test_landmarks_of_spatialdata_survive_out_and_in(tmp_path: Path) -> None:
    pytest.importorskip("spatialdata")
    adata, path = slide("um", 1.0), tmp_path / "slide.zarr"
    rng = np.random.default_rng(0)
    first = LandmarkPairs(rng.normal(size=(5, 2)), rng.normal(size=(5, 2)), np.arange(5) != 3)
    second = LandmarkPairs(first.query + 1, first.ref * 2, np.ones(5, bool))
    for pairs in (first, second):
        write_form(
            "spatialdata",
            path,
            pairs=pairs,
            transform=Transform.identity(),
            adata=adata,
            frames=Frames(1.0, 1.0),
        )
        found = read_alignment(path, adata)
        np.testing.assert_allclose(found.query, pairs.query[pairs.enabled])
        np.testing.assert_allclose(found.ref, pairs.ref[pairs.enabled])


def test_landmarks_saved_by_napari_spatialdata_are_read(tmp_path: Path) -> None:
    """As its viewer saves points: identity to the coordinate system shown; or circles, moved."""
    spatialdata = pytest.importorskip("spatialdata")
    from spatialdata.models import PointsModel, ShapesModel
    from spatialdata.transformations import Identity, Scale

    query, ref = np.array([[1.0, 2], [3, 4], [9, 7]]), np.array([[5.0, 1], [2, 2], [8, 3]])
    sdata = spatialdata.SpatialData(
        points={
            "xenium_landmarks": PointsModel.parse(query, transformations={"aligned": Identity()})
        },
        shapes={
            "he_landmarks": ShapesModel.parse(
                ref / 2,
                geometry=0,
                radius=1.0,
                transformations={"global": Scale([2, 2], axes=("x", "y"))},
            )
        },
    )
    sdata.write(tmp_path / "s.zarr")
    adata = slide("um", 1.0)
    with pytest.raises(InputError) as caught:
        read_alignment(tmp_path / "s.zarr", adata)
    assert 'elements="xenium_landmarks,he_landmarks"' in caught.value.remedy
    found = read_alignment(tmp_path / "s.zarr", adata, elements="xenium_landmarks,he_landmarks")
    np.testing.assert_allclose(found.query, query)
    np.testing.assert_allclose(found.ref, ref)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.csv", "1,0,0\n0,1\n", "3 x 3 matrix"),
        ("a.csv", "1,0,0\n0,1,x\n0,0,1\n", "8 numbers"),
        ("a.csv", "1,1,0\n1,1,0\n0,0,1\n", "all to a line"),
        ("a.csv", "fixedX,fixedY,alignmentX\n1,2,3\n", "alignmentY"),
        ("a.csv", "fixedX,fixedY,alignmentX,alignmentY\n1,2,3,\n", "four finite numbers"),
        ("a.json", "{", "found: not valid JSON"),
        ("a.json", '{"oligo": [{"row": 1}]}', "imageX"),
        ("a.json", '{"oligo": [{"row": 90, "col": 90, "imageX": 1, "imageY": 2}]}', "found 0 of 1"),
        ("a.geojson", '{"type": "FeatureCollection", "features": []}', "annotate"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, name: str, text: str, problem: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises((InputError, ValidationError)) as caught:
        read_alignment(tmp_path / name, slide("px", 0.5))
    assert problem in str(caught.value) and "Try" in caught.value.remedy


def test_a_slide_without_a_scale_is_refused_where_the_file_needs_one(tmp_path: Path) -> None:
    adata = slide("px", 0.5)
    adata.uns["spatialrecon"] = {}
    (tmp_path / "a.csv").write_text("1,0,0\n0,1,0\n0,0,1\n")
    with pytest.raises(InputError, match="known scale") as caught:
        read_alignment(tmp_path / "a.csv", adata)
    assert "um_per_unit" in caught.value.remedy


def test_a_spline_fits_no_matrix(tmp_path: Path) -> None:
    corners = np.array([[0.0, 0], [1, 0], [0, 1], [1, 2]])
    spline = Transform("thin-plate", np.eye(3), corners, corners)
    with pytest.raises(InputError, match="spline") as caught:
        xenium.write_matrix(spline, tmp_path / "a.csv", Frames(1.0, 1.0))
    assert 'model="affine"' in caught.value.remedy and not (tmp_path / "a.csv").exists()
