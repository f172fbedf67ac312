"""A selection carries over between layers of the same cells, and to no others."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import anndata
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer, Points

from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.canvas.twin_layers import show_rows, twin
from napari_spatialrecon.viewer.window.steps import at_once
from napari_spatialrecon.viewer.workspace.same_cells import are_same_cells
from napari_spatialrecon.viewer.workspace.selection import Selection
from napari_spatialrecon.viewer.workspace.workspace import workspace_of


def table(seed: int, n: int = 30, genes: int = 5) -> anndata.AnnData:
    """Spots with the same names whatever the seed."""
    rng = np.random.default_rng(seed)
    adata = anndata.AnnData(rng.poisson(4.0, (n, genes)).astype(np.float32))
    adata.obs_names = [f"{i}x{i % 7}" for i in range(n)]
    adata.obsm["spatial"] = rng.uniform(0, 1000, (n, 2))
    return adata


def placed(slide: anndata.AnnData, keep: slice = slice(None)) -> anndata.AnnData:
    """Some of the cells elsewhere, in another order."""
    found = slide[keep].copy()
    found = found[np.random.default_rng(9).permutation(found.n_obs)].copy()
    found.obsm["spatial_before"] = found.obsm["spatial"]
    found.obsm["spatial"] = found.obsm["spatial"][::-1] + 5000
    return found


def imputed(slide: anndata.AnnData) -> anndata.AnnData:
    """Other values, in part of the same genes, at the same places."""
    values = np.random.default_rng(5).random((slide.n_obs, 3)).astype(np.float32)
    return anndata.AnnData(values, obs=slide.obs.copy(), obsm={"spatial": slide.obsm["spatial"]})


def shown(adata: anndata.AnnData, name: str = "a") -> Points:
    layer = Layer.create(*cells_layer(adata, name=name))
    assert isinstance(layer, Points)
    return layer


def test_it_carries_over_to_placed_and_imputed_layers_of_the_same_cells() -> None:
    slide = table(0)
    layers = [shown(one) for one in (slide, placed(slide, slice(0, 20)), imputed(slide))]
    for source in layers:
        selection = Selection()
        selection.set_rows(source, [1, 4])
        names = set(selection.names)
        for layer in layers:
            rows = selection.rows_in(layer)
            found = set(layer.features["obs_names"].iloc[rows])
            assert found == names & set(layer.features["obs_names"])
        assert len(selection.rows_in(layers[0])) == 2


def test_names_that_are_looked_up_in_steps_select_what_they_do_at_once() -> None:
    layer = shown(table(0))
    names = ["4x4", "1x1", "4x4", "elsewhere"]
    for source in (layer, None):
        one, other = Selection(), Selection()
        one.set(names, source)
        at_once(other.setting(names, source))
        assert one.source is other.source is source
        assert one.rows_in(layer).tolist() == other.rows_in(layer).tolist() == [1, 4]


def test_spots_of_the_same_name_on_another_slide_stay_unselected() -> None:
    first, second = table(0), table(1)
    for others in ([second, placed(second), imputed(second)], [imputed(second)]):
        for one, other in [(first, o) for o in others] + [(o, first) for o in others]:
            selection = Selection()
            selection.set_rows(shown(one), [1, 4])
            assert len(selection.rows_in(shown(other))) == 0


def test_points_without_names_are_only_themselves() -> None:
    layer, other = Points(np.zeros((5, 2))), Points(np.ones((5, 2)))
    selection = Selection()
    selection.set_rows(layer, [1, 2])
    layer.features = layer.features.assign(mine=range(5))
    assert selection.rows_in(layer).tolist() == [1, 2]
    assert len(selection.rows_in(other)) == 0


def test_a_twin_shows_some_of_the_cells(viewer: ViewerModel) -> None:
    layer = viewer.add_layer(shown(table(0)))
    some = twin(viewer, layer, "some")
    show_rows(some, layer, np.arange(10, 20))
    selection = Selection()
    selection.set_rows(layer, [11, 25])
    assert selection.rows_in(some).tolist() == [1]
    selection.set_rows(some, [3])
    assert selection.rows_in(layer).tolist() == [13]


def test_a_removed_layer_leaves_its_selection_to_one_of_the_same_cells(viewer: ViewerModel) -> None:
    slide = table(0)
    first, second = (viewer.add_layer(shown(one)) for one in (slide, imputed(slide)))
    selection = workspace_of(viewer).selection
    selection.set_rows(first, [1, 4])
    viewer.layers.remove(first)
    assert selection.source is second and selection.rows_in(second).tolist() == [1, 4]
    viewer.layers.remove(second)
    assert len(selection) == 0 and selection.source is None


def test_a_removed_layer_is_not_held_by_what_was_selected_in_it(viewer: ViewerModel) -> None:
    selection, kept = workspace_of(viewer).selection, viewer.add_layer(shown(table(1)))
    layer = Points(np.zeros((5, 2)))
    viewer.add_layer(layer)
    selection.set_rows(layer, [1, 2])
    selection.set_rows(kept, [3])
    selection.set_rows(layer, [2])
    viewer.layers.selection.active = kept  # napari's own selection holds what was the last in it
    viewer.layers.selection._current = kept
    viewer.layers.remove(layer)
    held = weakref.ref(layer)
    del layer
    gc.collect()
    assert held() is None
    selection.go_back()
    assert selection.rows_in(kept).tolist() == [3]


def test_tables_without_a_common_name_or_with_names_twice_differ() -> None:
    one, other = table(0), table(0)
    other.obs_names = [f"b{i}" for i in range(30)]
    assert not are_same_cells(one, other)
    twice = table(0)
    twice.obs_names = ["0x0"] * 30
    assert not are_same_cells(one, twice)
    bare = anndata.AnnData(np.zeros((30, 0), np.float32), obs=one.obs.copy())
    assert not are_same_cells(one, bare)


@pytest.mark.realdata
def test_two_sections_of_a_tumor_share_names_and_no_spots(realdata: Path) -> None:
    c2, c5 = (anndata.read_h5ad(realdata / f"st_her2_he/{name}.h5ad") for name in ("C2", "C5"))
    assert len(c2.obs_names.intersection(c5.obs_names)) > 30
    assert not are_same_cells(c2, c5)
    assert are_same_cells(c5, placed(c5)) and are_same_cells(c5, imputed(c5))
    assert not are_same_cells(c2, placed(c5)) and not are_same_cells(c2, imputed(c5))
