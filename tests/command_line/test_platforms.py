"""Real files of platforms, through the command line: placed, saved in both forms, drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from anndata import AnnData

from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.read import read_adata

matplotlib.use("Agg")
import matplotlib.pyplot as plt

pytestmark = pytest.mark.realdata

LOW = ("--set", "preprocess.min_counts=1")
#: Slide, cells, and further options, of each platform whose counts allow placing.
PLACED = {
    "visium": ("visium_seurat", "visium_seurat/filtered_feature_bc_matrix.h5", ()),
    "visium_hd": ("visium_hd_seurat", "visium_seurat/filtered_feature_bc_matrix.h5", ()),
    "xenium": ("Xenium_small", "Xenium_small", LOW),
}


def place(run: Any, folder: Path, name: str, out: Path) -> str:
    slide, cells, options = PLACED[name]
    words = ["--reference", folder / slide, "--query", folder / cells, "--out", out, *options]
    code, _, said = run("place", "--method", "knn", "--progress", "none", *words)
    assert code == 0, said
    return str(said)


@pytest.mark.parametrize("name", PLACED)
def test_a_platform_is_placed_on_and_reopened_from_both_forms(
    run: Any, realdata: Path, tmp_path: Path, name: str
) -> None:
    tables = []
    for ending in ("h5ad", "zarr"):
        place(run, realdata / "platforms", name, tmp_path / f"placed.{ending}")
        tables.append(read_adata(tmp_path / f"placed.{ending}"))
    plain, stored = tables
    slide = read_adata(realdata / "platforms" / PLACED[name][0])
    assert contract.unit(plain) == contract.unit(stored) == contract.unit(slide)
    assert contract.um_per_unit(stored) == pytest.approx(contract.um_per_unit(slide), rel=1e-4)
    np.testing.assert_allclose(contract.coordinates(plain), contract.coordinates(stored))
    assert plain.obs_names.equals(stored.obs_names) and (plain.X != stored.X).nnz == 0
    low, high = (getattr(contract.coordinates(slide), end)(axis=0) for end in ("min", "max"))
    assert (contract.coordinates(plain) >= low - 1).all()
    assert (contract.coordinates(plain) <= high + 1).all()


def in_image(adata: AnnData) -> np.ndarray:
    """Where scanpy and squidpy have to draw the rows: pixels of the hires image."""
    (library,) = adata.uns["spatial"].values()
    scale = library["scalefactors"]["tissue_hires_scalef"]
    return np.asarray(adata.obsm["spatial"] * scale)


def test_a_result_is_drawn_in_register_by_scanpy_squidpy_and_spatialdata_plot(
    run: Any, realdata: Path, tmp_path: Path
) -> None:
    import scanpy as sc
    import spatialdata
    import spatialdata_plot  # noqa: F401
    import squidpy as sq

    table = tmp_path / "placed.h5ad"
    place(run, realdata / "platforms", "visium", table)
    place(run, realdata / "platforms", "visium", tmp_path / "placed.zarr")
    adata = read_adata(table)
    wanted = in_order(in_image(adata))
    (axes,) = sc.pl.spatial(adata, color="placement_uncertainty", show=False)
    np.testing.assert_allclose(_drawn(axes), wanted, atol=0.5)
    _, axes = plt.subplots()
    sq.pl.spatial_scatter(adata, color="placement_uncertainty", ax=axes)
    np.testing.assert_allclose(_drawn(axes), wanted, atol=0.5)
    sdata = spatialdata.read_zarr(tmp_path / "placed.zarr")
    (circles,) = sdata.shapes
    (image,) = sdata.images
    for system in ("placed", "um"):
        extent = spatialdata.get_extent(sdata[image], coordinate_system=system)
        spots = spatialdata.get_extent(sdata[circles], coordinate_system=system)
        for axis in ("x", "y"):
            assert extent[axis][0] <= spots[axis][0] and spots[axis][1] <= extent[axis][1]
    _, axes = plt.subplots()
    sdata.pl.render_images(image).pl.render_shapes(circles).pl.show(
        coordinate_systems="um", ax=axes
    )
    assert axes.images and axes.collections
    plt.close("all")


def _drawn(axes: Any) -> np.ndarray:
    """Return the centres of what was drawn, as dots or as circles, in the order of the places."""
    (dots, *_) = [c for c in axes.collections if len(c.get_paths()) or len(c.get_offsets())]
    offsets = np.asarray(dots.get_offsets())
    if len(offsets) > 1:
        return in_order(offsets)
    boxes = [path.get_extents().get_points() for path in dots.get_paths()]
    return in_order(np.mean(boxes, axis=1))


def in_order(points: np.ndarray) -> np.ndarray:
    """Return points from left to right: what draws them puts the high values last."""
    return points[np.lexsort(np.round(points.T, 3))]


@pytest.mark.parametrize("name", ["CosMx_small", "MERSCOPE_small", "spatialdata_blobs.zarr"])
def test_a_table_without_enough_counts_is_refused_and_nothing_is_written(
    run: Any, realdata: Path, tmp_path: Path, name: str
) -> None:
    folder, out = realdata / "platforms" / name, tmp_path / "placed.h5ad"
    words = ["--reference", folder, "--query", folder, "--out", out]
    code, _, said = run("place", "--method", "knn", "--progress", "none", *words, *LOW)
    assert code == 2 and "Expected" in said and "Try" in said
    assert not list(tmp_path.iterdir())
