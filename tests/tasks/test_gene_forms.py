"""Slides and cells that name their genes by different names: same genes, same result."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import ValidationError
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tissue.read import read_adata


def by_id(adata: AnnData, ids: dict[str, str], *, symbols: str | None = None) -> AnnData:
    """Return a copy whose `var_names` are Ensembl ids, with symbols in a column if named."""
    names = adata.var_names
    other = adata.copy()
    other.var = pd.DataFrame(index=[ids[name] for name in names])
    if symbols:
        other.var[symbols] = pd.Categorical(names)
    return other


@pytest.fixture(scope="module")
def made(tiny):
    """The small simulated cortex, and made-up ids of its genes."""
    genes = [str(name) for name in tiny.cells.var_names]
    return tiny, {name: f"ENSMUSG{i:011d}" for i, name in enumerate(genes)}


@pytest.mark.parametrize("which", ["slide", "cells", "model"])
def test_cells_are_placed_alike_whichever_input_has_ids(made, tmp_path, which: str) -> None:
    tiny, ids = made
    slide, cells = tiny.slides[0], tiny.cells
    wanted = place({"s": slide}, cells, method="knn").adata.obsm["spatial"]
    if which == "cells":
        found = place({"s": slide}, by_id(cells, ids, symbols="feature_name"), method="knn")
    else:
        found = place({"s": by_id(slide, ids, symbols="feature_name")}, cells, method="knn")
    if which == "model":
        found.method.save(tmp_path / "model")
        found = place({}, cells, method="knn", model=tmp_path / "model")
    np.testing.assert_array_equal(found.adata.obsm["spatial"], wanted)


def test_ids_alone_and_symbols_alone_are_refused_with_what_translates_them(made) -> None:
    tiny, ids = made
    slide, cells = by_id(tiny.slides[0], ids), tiny.cells.copy()
    with pytest.raises(ValidationError, match='var\\["gene_ids"\\]'):
        place({"s": slide}, cells, method="knn")
    cells.var["gene_ids"] = [ids[name] for name in cells.var_names]
    assert place({"s": slide}, cells, method="knn").adata.n_obs == cells.n_obs


@pytest.mark.realdata
def test_real_spots_are_placed_alike_by_symbols_and_by_ids(realdata) -> None:
    slide = read_adata(realdata / "visium_coexpress" / "visium_spots.h5ad")
    some = np.random.default_rng(0).choice(slide.n_obs, 900, replace=False)
    spots, cells = slide[some[:600]].copy(), slide[some[600:]].copy()
    cells = cells[:, ~cells.var_names.isin(cells.var_names[::7])].copy()
    wanted = place({"s": spots}, cells, method="knn").adata.obsm["spatial"]
    ids = spots.var["ensembl"].astype(str)
    slide_by_id = by_id(spots, dict(ids), symbols="feature_name")
    symbols_alone = AnnData(cells.X, cells.obs, pd.DataFrame(index=cells.var_names))
    found = place({"s": slide_by_id}, symbols_alone, method="knn").adata.obsm["spatial"]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
