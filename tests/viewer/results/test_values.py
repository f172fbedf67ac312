"""Two results that say something of the same spots, on the canvas and in words."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData
from napari.components import ViewerModel
from napari.layers import Points

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.canvas.colors import color_key, set_point_colors
from napari_spatialrecon.viewer.canvas.passing import is_passing
from napari_spatialrecon.viewer.canvas.pies import pies_of
from napari_spatialrecon.viewer.results.acts import write_disagreement
from napari_spatialrecon.viewer.results.looks import Look
from napari_spatialrecon.viewer.results.model import ResultsModel
from napari_spatialrecon.viewer.results.sides import Side
from napari_spatialrecon.viewer.results.stage import Stage
from napari_spatialrecon.viewer.results.words import words_of
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Workspace

from .conftest import N, Placed, add_imputed, add_mixture

SHARED = (Look.BESIDE, Look.SWIPE, Look.BLINK, Look.DISAGREEMENT)


class Two:
    """Two ticked results and the stage that they are compared on."""

    def __init__(self, viewer: ViewerModel, space: Workspace, *results: Result) -> None:
        self.viewer, self.results = viewer, results
        self.model, self.stage = ResultsModel(space), Stage(viewer)
        for result in results:
            self.model.tick(result)
        self.comparison = self.model.compare()

    def show(self, look: Look, about: str = "") -> list[Points]:
        self.stage.show(look, self.comparison, self.model.pair, about=about)
        own = (layer for layer in self.viewer.layers if is_passing(layer))
        return [layer for layer in own if isinstance(layer, Points)]


@pytest.fixture
def mixtures(viewer: ViewerModel, space: Workspace, tissue: np.ndarray) -> Two:
    made = [add_mixture(viewer, space, f"m{i}", tissue, i) for i in range(2)]
    return Two(viewer, space, *made)


@pytest.fixture
def genes(viewer: ViewerModel, space: Workspace, tissue: np.ndarray) -> Two:
    return Two(viewer, space, *(add_imputed(viewer, space, f"g{i}", tissue, i) for i in range(2)))


@pytest.mark.parametrize("look", SHARED)
def test_a_look_at_values_leaves_the_canvas_as_it_was(mixtures: Two, look: Look) -> None:
    before = [(layer, layer.visible) for layer in mixtures.viewer.layers]
    assert mixtures.show(look)
    assert not any(result.layer.visible for result in mixtures.results)
    mixtures.stage.leave()
    assert [(layer, layer.visible) for layer in mixtures.viewer.layers] == before


def test_mixtures_are_pies_of_the_same_colors_in_both(mixtures: Two) -> None:
    first = mixtures.results[0].layer
    palette = {"B cell": "#ff0000", "T cell": "#00ff00", "Tumor": "#0000ff"}
    set_point_colors(first, ["Tumor"] * (N - 1) + ["B cell"], palette=palette, kind="category")
    shown = mixtures.show(Look.SWIPE)
    for layer in shown:
        key = color_key(layer)
        assert [entry.name for entry in key.entries] == list(palette)
        assert key.entries[2].color == (0, 0, 1, 1) and pies_of(layer).visible
    places = np.asarray(shown[0]._data_to_world(shown[0].data))[:, 1]
    assert (shown[0].shown == (places <= mixtures.stage.line)).all()
    assert (shown[1].shown == (places >= mixtures.stage.line)).all()


def test_one_type_or_gene_has_the_same_limits_in_both(mixtures: Two, genes: Two) -> None:
    for two, name in ((mixtures, "T cell"), (genes, "GENE4")):
        keys = [color_key(layer) for layer in two.show(Look.BLINK, name)]
        assert keys[0].limits == keys[1].limits and keys[0].title.startswith(f"{name}, ")
        assert two.stage.shown == name
        two.stage.leave()


def test_without_a_gene_the_one_that_agrees_least_is_shown(genes: Two) -> None:
    assert genes.show(Look.BESIDE)
    assert genes.stage.shown == genes.comparison.least_agreed == genes.comparison.agreement.idxmin()


def test_the_disagreement_is_a_color_and_a_column_of_both(mixtures: Two) -> None:
    (layer,) = mixtures.show(Look.DISAGREEMENT)
    assert color_key(layer).title == "JSD to m1"
    np.testing.assert_allclose(layer.face_color.shape, (N, 4))
    names = write_disagreement(mixtures.viewer, mixtures.comparison, mixtures.model.pair)
    assert names == ["JSD to m1", "JSD to m0"]
    for result, name in zip(mixtures.results, names, strict=True):
        np.testing.assert_allclose(result.adata.obs[name], mixtures.comparison.amount)
        np.testing.assert_allclose(result.layer.features[name], mixtures.comparison.amount)


def test_the_difference_of_one_gene_has_a_sign(genes: Two) -> None:
    (layer,) = genes.show(Look.DISAGREEMENT, "GENE2")
    key = color_key(layer)
    assert key.title == "GENE2: g1 less g0, log expression"
    assert key.limits[0] == -key.limits[1] < 0 and key.colormap == "PiYG"
    first, second = genes.comparison.of("GENE2")
    more, less = layer.face_color[[(second - first).argmax(), (second - first).argmin()]]
    assert more[1] > more[0] and less[1] < less[0], "green where the second has more, pink less"


def test_the_median_is_said_with_what_it_means(mixtures: Two) -> None:
    words = words_of(mixtures.comparison)
    assert words.median.text == f"JSD: median {mixtures.comparison.median:.2g}"
    assert "no type in common" in words.median.tip and "correlate by" in words.maps.text


def test_results_of_two_tasks_say_what_they_are(
    model_of: ResultsModel, viewer: ViewerModel, space: Workspace, tissue: np.ndarray
) -> None:
    model_of.tick(add_mixture(viewer, space, "m", tissue, 0))
    model_of.tick(add_imputed(viewer, space, "g", tissue, 0))
    with pytest.raises(InputError, match="cell types in spots and imputed genes"):
        model_of.compare()


@pytest.fixture
def model_of(space: Workspace) -> ResultsModel:
    return ResultsModel(space)


def with_truth(result: Result, truth: np.ndarray, um: float) -> AnnData:
    result.adata.obsm["spatial_before"] = truth / um
    result.adata.uns["spatialrecon"]["before"] = {"unit": "px", "um_per_unit": um}
    return result.adata


def test_a_result_that_knows_the_true_places_offers_them_without_its_slide(
    model_of: ResultsModel, viewer: ViewerModel, placed: Placed, tissue: np.ndarray
) -> None:
    result = placed("C5 · kNN", tissue + np.array([30, 40]))
    assert model_of.slides() == []
    with_truth(result, tissue, 0.5)
    with_truth(placed("C5 · GEARS", tissue), tissue, 0.5)
    (truth,) = model_of.slides()
    assert truth == Side(result, measured=True) and truth.name == "C5 · measured"
    model_of.tick(truth)
    model_of.tick(result)
    assert [side.name for side in model_of.pair] == ["C5 · measured", "C5 · kNN"]
    found = model_of.compare()
    assert found.unit == "um" and found.pose is None
    np.testing.assert_allclose(found.distance, 50)
    stage = Stage(viewer)
    result.layer.translate = (500, 0)
    stage.show(Look.ARROWS, found, model_of.pair)
    lines = next(layer for layer in viewer.layers if is_passing(layer))
    np.testing.assert_allclose(
        lines.data[:, 0] + lines.data[:, 1],
        result.layer._data_to_world(np.asarray(result.layer.data)),
    )
    model_of.space.results.remove(result)
    assert model_of.ticked == []
