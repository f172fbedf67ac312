from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.evaluation.protocols import (
    held_out_sections,
    hold_out_cells,
    kfold_genes,
    pseudo_visium,
    random_spots,
    spatial_blocks,
)
from napari_spatialrecon.tissue.contract import um_per_unit, unit


def cells(n: int = 600, seed: int = 0) -> AnnData:
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2)) * [1000, 500] + [3000, 200]
    adata = AnnData(
        X=sparse.csr_matrix(rng.poisson(2, (n, 6)).astype(np.float32)),
        obs=pd.DataFrame(
            {
                "x": points[:, 0],
                "y_centroid": points[:, 1],
                "array_row": (points[:, 1] // 50).astype(int),
                "secret": points @ [0.3, -0.7] + rng.normal(size=n),
                "area": rng.random(n),
                "cell_type": rng.choice(["a", "b"], n),
            },
            index=[f"cell{i}" for i in range(n)],
        ),
        var=pd.DataFrame(index=[f"g{i}" for i in range(6)]),
    )
    adata.obsm["spatial"] = points
    adata.obsm["X_spatial_copy"] = points.copy()
    adata.obsp["spatial_distances"] = sparse.identity(n, format="csr")
    adata.uns["spatial"] = {"lib": {"images": {}}}
    adata.uns["spatialrecon"] = {"unit": "um", "landmarks": points[:3]}
    return adata


def test_nothing_in_a_query_tells_where_its_cells_were() -> None:
    adata = cells()
    hidden = hide_places(adata)
    assert list(hidden.obs) == ["area", "cell_type"]
    assert not list(hidden.obsm) and not list(hidden.obsp)
    assert hidden.uns == {"spatialrecon": {"unit": "um"}}
    assert "x" in adata.obs and "spatial" in adata.obsm


def test_held_out_truth_never_reaches_the_query_or_the_spots() -> None:
    adata = cells()
    spots, query, truth = hold_out_cells(adata, per_spot=8)
    moved = adata.copy()
    rows = adata.obs_names.get_indexer(query.obs_names)
    inner = [r for r in rows if 3100 < adata.obs["x"].iloc[r] < 3900]
    moved.obsm["spatial"][inner] = [3500, 400]
    spots_moved, query_moved, truth_moved = hold_out_cells(moved, per_spot=8)
    np.testing.assert_array_equal(spots.X.toarray(), spots_moved.X.toarray())
    np.testing.assert_array_equal(query.X.toarray(), query_moved.X.toarray())
    assert list(query.obs) == ["area", "cell_type"] and not list(query.obsm)
    assert not np.array_equal(truth, truth_moved)
    np.testing.assert_array_equal(truth, adata.obsm["spatial"][rows])


def test_no_query_cell_is_part_of_a_spot() -> None:
    adata = cells()
    marked = AnnData(X=sparse.identity(600, format="csr"), obs=adata.obs, obsm=adata.obsm)
    spots, query, _ = hold_out_cells(marked)
    used = np.flatnonzero(np.asarray(spots.X.sum(0)).ravel())
    assert len(used) > 200
    assert not {f"cell{i}" for i in used} & set(query.obs_names)


def test_pseudo_spots_hold_the_summed_counts_of_their_cells() -> None:
    adata = cells()
    spots = pseudo_visium(adata, 100, min_cells=1)
    assert spots.X.sum() == adata.X.sum()
    assert spots.obs["n_cells"].sum() == 600
    low = adata.obsm["spatial"].min(axis=0)
    centre = spots.obsm["spatial"][7]
    inside = (np.abs(adata.obsm["spatial"] - centre) < 50).all(axis=1)
    np.testing.assert_array_equal(
        spots.X[7].toarray().ravel(), np.asarray(adata.X[inside].sum(0)).ravel()
    )
    np.testing.assert_allclose((spots.obsm["spatial"] - low) / 100 % 1, 0.5)
    assert (unit(spots), um_per_unit(spots)) == ("um", 1.0)


def test_round_spots_lose_the_cells_between_them() -> None:
    spots = pseudo_visium(cells(6000), 100, diameter=55, min_cells=1)
    assert spots.obs["n_cells"].sum() / 6000 == pytest.approx(np.pi / 4 * 0.55**2, rel=0.1)


def test_genes_whose_counts_are_not_trusted_are_left_out_of_spots() -> None:
    adata = cells()
    adata.layers["counts"] = adata.X.copy()
    adata.var["counts_ok"] = [True] * 4 + [False] * 2
    assert list(pseudo_visium(adata, 100).var_names) == ["g0", "g1", "g2", "g3"]


@pytest.mark.parametrize("options", [{"pitch": 0}, {"pitch": 9, "diameter": 10}, {"pitch": 1e-3}])
def test_grids_without_spots_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError, match="Expected"):
        pseudo_visium(cells(), **options)


def test_each_section_is_held_out_once_with_the_others_untouched() -> None:
    slides = {name: cells(50, seed) for seed, name in enumerate("abc")}
    found = list(held_out_sections(slides))
    assert [section.name for section in found] == ["a", "b", "c"]
    for section in found:
        assert set(section.references) == set("abc") - {section.name}
        assert not list(section.query.obsm)
        np.testing.assert_array_equal(section.truth, slides[section.name].obsm["spatial"])


def test_splits_are_seeded_and_cover_everything_once() -> None:
    held_out = random_spots(400, 0.25, seed=1)
    assert held_out.sum() == 100
    assert np.array_equal(held_out, random_spots(400, 0.25, seed=1))
    assert not np.array_equal(held_out, random_spots(400, 0.25, seed=0))
    genes = [f"g{i}" for i in range(23)]
    folds = kfold_genes(genes, 5)
    assert sorted(gene for fold in folds for gene in fold) == sorted(genes)
    assert {len(fold) for fold in folds} == {4, 5}


def test_spatial_blocks_are_contiguous() -> None:
    points = cells().obsm["spatial"]
    blocks = spatial_blocks(points, 5, seed=0)
    assert set(blocks) == set(range(5))
    centres = np.array([points[blocks == b].mean(0) for b in range(5)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(1)
    assert (nearest == blocks).mean() > 0.97


@pytest.mark.realdata
def test_real_tables_lose_their_array_coordinates(realdata: Path) -> None:
    adata = anndata.read_h5ad(realdata / "st_her2_he" / "C5.h5ad")
    assert list(hide_places(adata).obs) == ["section"]
