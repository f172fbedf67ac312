from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.viewer.canvas.colors import color_key, set_point_colors
from napari_spatialrecon.viewer.canvas.quiet_layers import shown_overlays
from napari_spatialrecon.viewer.canvas.shapes import set_shapes
from napari_spatialrecon.viewer.results.acts import (
    bring_up,
    delete,
    export_table,
    recolor,
    undo,
    undoing,
    write,
    write_disagreement,
)
from napari_spatialrecon.viewer.results.model import ResultsModel
from napari_spatialrecon.viewer.results.sides import Side
from napari_spatialrecon.viewer.results.symbols import Symbols
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Workspace

from .conftest import Placed, add_slide, table


def test_a_result_that_is_shown_hides_others_on_its_tissue(
    viewer: ViewerModel, placed: Placed, tissue: np.ndarray
) -> None:
    one, two = placed("a", tissue), placed("b", tissue)
    elsewhere = placed("c", tissue + 5000)
    assert bring_up(viewer, one) is one.layer
    assert not two.layer.visible and elsewhere.layer.visible and one.layer.visible
    assert viewer.layers.selection.active is one.layer
    viewer.layers.remove(one.layer)
    bring_up(viewer, one)
    assert one.layer in viewer.layers
    assert bring_up(viewer, Result("no layer", "place", table(tissue))) is None


def test_several_results_get_the_same_limits_and_palette(
    viewer: ViewerModel, placed: Placed, tissue: np.ndarray
) -> None:
    one, two = placed("a", tissue), placed("b", tissue)
    two.adata.X[:, 0] *= 20
    sides = [Side(one), Side(two)]
    assert recolor(viewer, sides, "GENE0") == ["a", "b"]
    keys = [color_key(result.layer) for result in (one, two)]
    assert keys[0].limits == keys[1].limits
    two.adata.obs["cell_type"] = pd.Categorical(["Tumor"] * two.adata.n_obs)
    recolor(viewer, sides, "cell_type")
    colors = [{e.name: e.color for e in color_key(r.layer).entries} for r in (one, two)]
    assert colors[0]["Tumor"] == colors[1]["Tumor"]
    with pytest.raises(InputError, match="a gene"):
        recolor(viewer, sides, "no such gene")
    viewer.layers.clear()
    with pytest.raises(InputError, match="shown as points"):
        recolor(viewer, sides, "GENE0")


def test_the_disagreement_is_a_column_of_results_and_never_of_slides(
    viewer: ViewerModel, space: Workspace, placed: Placed, tissue: np.ndarray
) -> None:
    model = ResultsModel(space)
    add_slide(viewer, "C5", tissue)
    result = placed("C5 · GEARS", tissue + 30)
    model.tick(result)
    model.tick(model.slides()[0].about)
    (name,) = write_disagreement(viewer, model.compare(), model.pair)
    assert name == "distance to C5 · measured, µm"
    np.testing.assert_allclose(result.adata.obs[name], 30 * 2**0.5)
    np.testing.assert_allclose(result.layer.features[name], 30 * 2**0.5)
    assert not any("distance" in column for column in model.pair[0].adata.obs)


def test_a_deleted_result_comes_back_as_and_where_it_was(
    viewer: ViewerModel, space: Workspace, placed: Placed, tissue: np.ndarray
) -> None:
    model = ResultsModel(space)
    one, two = placed("a", tissue), placed("b", tissue)
    before = list(viewer.layers)
    delete(viewer, model, one)
    assert list(space.results) == [two] and one.layer not in viewer.layers
    assert undo(viewer, model) is one
    assert list(space.results) == [one, two] and list(viewer.layers) == before
    assert undo(viewer, model) is None


def test_a_reopened_result_without_a_record_can_be_saved(
    tmp_path: Path, tissue: np.ndarray
) -> None:
    paths = write(Result("a", "place", table(tissue)), tmp_path / "a.h5ad")
    assert [path.name for path in paths] == ["a.h5ad", "a.run.json"]
    assert read_adata(paths[0]).n_obs == len(tissue)


def test_the_table_holds_places_and_columns(tissue: np.ndarray) -> None:
    content = export_table(Result("a", "place", table(tissue)))
    assert list(content) == ["x_um", "y_um", "cell_type"] and content.index[0] == "cell0"
    np.testing.assert_allclose(content[["x_um", "y_um"]], tissue)


def test_the_table_names_types_as_the_reference_does(tissue: np.ndarray) -> None:
    adata = table(tissue)
    for key in ("proportions", "proportions_lower", "proportions_upper"):
        adata.obsm[key] = pd.DataFrame({"L2_3 IT": 0.4, "L6": 0.6}, index=adata.obs_names)
    adata.uns["spatialrecon"] = {**adata.uns.get("spatialrecon", {}), "types": ["L2/3 IT", "L6"]}
    content = export_table(Result("a", "deconvolve", adata))
    shares = ["share of L2/3 IT", "share of L6"]
    assert [name for name in content if name.startswith("share")] == shares
    assert {f"lower {shares[0]}", f"upper {shares[0]}"} <= set(content)


def test_results_shown_together_differ_by_symbol(
    viewer: ViewerModel, space: Workspace, placed: Placed, tissue: np.ndarray
) -> None:
    symbols = Symbols(space)
    one, two = placed("a", tissue), placed("b", tissue)
    assert str(one.layer.symbol[0]) == "disc" and str(two.layer.symbol[0]) == "diamond"
    one.layer.visible = False
    assert str(two.layer.symbol[0]) == "disc"
    set_point_colors(two.layer, two.adata.obs["cell_type"], title="cell type")
    set_shapes(two.layer, True)
    before = list(map(str, two.layer.symbol))
    one.layer.visible = True
    assert list(map(str, two.layer.symbol)) == before and "square" in before
    set_shapes(two.layer, False)
    one.layer.visible = False
    symbols.close()
    one.layer.visible = True
    assert str(two.layer.symbol[0]) == "disc"


def test_a_result_comes_back_a_layer_and_a_piece_of_its_writing_at_a_time(
    viewer: ViewerModel, space: Workspace, placed: Placed, tissue: np.ndarray
) -> None:
    model, one = ResultsModel(space), placed("a", tissue)
    set_point_colors(one.layer, np.arange(len(tissue), dtype=float), title="T")
    words = shown_overlays(one.layer)
    delete(viewer, model, one)
    steps, seen = undoing(viewer, model), []
    for _ in steps:
        seen.append((one.layer in viewer.layers, len(shown_overlays(one.layer))))
    assert seen[0] == (True, 0) and len(words) == 2
    assert [count for _, count in seen] == [0, 1, 2, 2] and list(space.results) == [one]
    assert viewer.layers.selection.active is one.layer
