"""Impute genes without a window: choices, the run, and the layers of a gene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks.gene_check import compare, draw_checks, without
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.impute_genes.job import Imputed
from napari_spatialrecon.viewer.impute_genes.layers import GeneLayers
from napari_spatialrecon.viewer.impute_genes.model import CheckChoice, GeneModel
from napari_spatialrecon.viewer.task.gene_list_model import GeneChoice
from napari_spatialrecon.viewer.task.model import State
from napari_spatialrecon.viewer.task.process import InProcess
from napari_spatialrecon.viewer.task.script import as_command, as_python


@pytest.fixture
def model(viewer: ViewerModel, open_tissue: Any) -> GeneModel:
    """A slide that lacks the last 5 genes of the cells; kNN."""
    found = GeneModel(open_tissue(viewer))
    slide = found.slide
    slide.adata = without(slide.adata, [str(g) for g in slide.adata.var_names[-5:]])
    found.method = "knn"
    return found


def lacking(model: GeneModel) -> list[str]:
    return [name for name in model.names if name not in model.measured]


def run(model: GeneModel) -> Imputed:
    model.finish(model.begin()(lambda _: None, lambda: False))
    return model.outcome


def test_an_empty_viewer_asks_for_slide_and_reference(viewer: ViewerModel, forgetful: Any) -> None:
    model = GeneModel(forgetful(viewer))
    assert model.state is State.EMPTY and len(model.missing()) == 2
    with pytest.raises(InputError, match="slide"):
        model.job()


def test_genes_are_typed_pasted_and_refused_by_name(model: GeneModel) -> None:
    assert "a gene to impute" in model.missing()[0]
    first, second = lacking(model)[:2]
    model.add_genes(f"{first.lower()}\n{second}; {first}")
    assert model.genes == (first, second) == model.job().genes
    with pytest.raises(InputError, match="NOGENE"):
        model.add_genes(f"NOGENE {model.names[0]}")
    assert model.genes[-1] == model.names[0]
    model.choice = GeneChoice.ALL
    assert model.job().asked == "missing" and model.n_missing >= 5


def test_what_is_hidden_is_drawn_by_the_seed_or_taken_from_the_list(model: GeneModel) -> None:
    drawn = model.hidden(CheckChoice.DRAWN)
    assert 1 < len(drawn) <= 6 and set(drawn) <= model.measured & set(model.names)
    assert draw_checks(model.slide.adata, model.reference.adata, 0) == drawn
    model.seed = 1
    assert model.hidden(CheckChoice.DRAWN) != drawn
    measured = next(n for n in model.names if n in model.measured)
    model.genes = (lacking(model)[0], measured)
    model.check = CheckChoice.LISTED
    assert model.job().hidden == (measured,)
    model.check = CheckChoice.NONE
    assert model.job().hidden == ()
    assert any("Kept as measured" in text for _, text in model.job().preflight().lines)


def test_inputs_are_checked_in_words(model: GeneModel) -> None:
    model.genes = lacking(model)[:3]
    lines = model.job().preflight().lines
    assert "shared genes to learn from" in lines[0][1] and lines[0][0] == "good"
    assert ("good", "3 genes to impute") in lines and "about" in lines[-1][1]
    before = model.slide.adata.n_vars
    model.choice = GeneChoice.ALL
    assert model.job().preflight().lines and model.slide.adata.n_vars == before


def test_hidden_truth_reaches_the_comparison_and_not_the_map(model: GeneModel) -> None:
    model.genes = lacking(model)[:2]
    honest = run(model)
    gene = honest.held_out[0]
    slide = model.slide.adata.copy()
    column = slide.var_names.get_loc(gene)
    values = slide.X.toarray() if hasattr(slide.X, "toarray") else np.array(slide.X)
    values[:, column] = values[::-1, column]
    slide.X = values
    slide.layers.clear()
    model.slide.adata = slide
    lied_to = run(model)
    np.testing.assert_array_equal(lied_to.values(gene), honest.values(gene))
    assert lied_to.adata.var.loc[gene, "found"] != honest.adata.var.loc[gene, "found"]


def test_a_run_says_what_its_maps_are_worth(model: GeneModel, tmp_path: Path) -> None:
    kept = next(n for n in model.names if n in model.measured - set(model.hidden(model.check)))
    model.genes = (*lacking(model)[:2], kept)
    outcome = run(model)
    assert model.state is State.DONE and outcome.summary.startswith("2 genes imputed")
    assert any("hidden from the run: observed r" in text for _, text in outcome.facts())
    (alike,) = (text for _, text in outcome.facts() if text.startswith("How alike these genes"))
    held = outcome.held_out
    measured, imputed = (
        np.corrcoef([values(name) for name in held])[np.triu_indices(len(held), 1)]
        for values in (outcome.measured, outcome.values)
    )
    assert f"agree by {np.corrcoef(measured, imputed)[0, 1]:.2f}" in alike
    gene = outcome.first_gene
    assert gene in outcome.held_out and "observed r" in outcome.sentence(gene)[1]
    truth, map_ = outcome.measured(gene), outcome.values(gene)
    found = outcome.adata.var.loc[gene, "found"]
    assert found == pytest.approx(np.corrcoef(truth, map_)[0, 1], abs=1e-5)
    assert outcome.measured(lacking(model)[0]) is None
    assert "was measured" in outcome.sentence(kept)[1]
    path, *_ = outcome.write(tmp_path / "genes.h5ad")
    back = anndata.read_h5ad(path)
    assert list(back.obsm["held_out_measured"].columns) == list(outcome.held_out)


def test_command_and_process_give_the_same_genes(model: GeneModel) -> None:
    model.genes = lacking(model)[:2]
    job = model.begin()
    command, script = as_command(job), as_python(job)
    assert "spatialrecon impute-genes" in command and f"--hide {','.join(job.hidden)}" in command
    compile(script, "script", "exec")
    assert f"hide={list(job.hidden)!r}" in script
    here = job(lambda _: None, lambda: False)
    there = InProcess(job)(lambda _: None, lambda: False)
    np.testing.assert_allclose(there.adata.X, here.adata.X, atol=1e-5)
    assert there.genes.equals(here.genes) and there.held_out == list(job.hidden)


def test_another_gene_is_painted_on_the_same_layers(model: GeneModel, viewer: ViewerModel) -> None:
    model.genes = asked = lacking(model)[:2]
    outcome = run(model)
    spots, name = model.slide.layer, model.last.result_name
    layers = GeneLayers(viewer, outcome, name, spots=spots)
    held = outcome.held_out[0]
    layers.show(held)
    assert color_key(layers.main).title == f"{held}, imputed, log expression"
    beside = layers.beside
    assert color_key(beside).limits == color_key(layers.main).limits
    right = (
        beside._data_to_world(beside.data[0])[-1] - layers.main._data_to_world(beside.data[0])[-1]
    )
    assert right > np.ptp(layers.main.data[:, -1]) * layers.main.scale[-1]
    np.testing.assert_array_equal(spots.features[f"{held} imputed"], outcome.values(held))
    layers.show(asked[0])
    assert layers.beside is None and f"{asked[0]} imputed" in layers.main.features
    layers.show_spread(True)
    assert color_key(layers.main).kind == "uncertainty"
    count = len(viewer.layers)
    again = GeneLayers(viewer, outcome, name, spots=spots)
    assert again.main is layers.main and len(viewer.layers) == count


def test_an_image_has_the_nearest_spots_value_and_nothing_outside(
    model: GeneModel, viewer: ViewerModel
) -> None:
    model.genes = asked = lacking(model)[:2]
    outcome = run(model)
    layers = GeneLayers(viewer, outcome, model.last.result_name)
    layers.show(asked[0])
    layers.show_image(True)
    image, main = layers.image, layers.main
    for spot in (0, 7):
        world = main._data_to_world(main.data[spot])
        row, column = np.rint(image.world_to_data(world)).astype(int)
        assert image.data[row, column] == pytest.approx(outcome.values(asked[0])[spot])
    assert np.isnan(image.data).any()
    before = image.data.copy()
    layers.show(asked[1])
    assert layers.image is image and not np.array_equal(before, image.data, equal_nan=True)
    layers.show_image(False)
    assert image not in viewer.layers


def test_an_image_is_repainted_after_its_result_was_opened_again(
    model: GeneModel, viewer: ViewerModel
) -> None:
    model.genes = asked = lacking(model)[:2]
    outcome, name = run(model), model.last.result_name
    shown = GeneLayers(viewer, outcome, name)
    shown.show(asked[0])
    shown.show_image(True)
    again = GeneLayers.over(viewer, outcome, name, shown.main)
    before = again.image.data.copy()
    again.show(asked[1])
    assert again.image is not None and not np.array_equal(before, again.image.data, equal_nan=True)


def test_genes_that_the_slide_lacks_cannot_be_hidden(model: GeneModel) -> None:
    with pytest.raises(InputError, match="Expected genes measured in slide, found"):
        without(model.slide.adata, [lacking(model)[0]])
    slide = model.slide.adata
    assert without(slide, ()) is slide
    model.genes = lacking(model)[:1]
    model.check = CheckChoice.NONE
    outcome = run(model)
    assert outcome.held_out == [] and outcome.first_gene == model.genes[0]
    assert compare(outcome.adata, slide, ()).var["found"].isna().all()


def test_imputed_and_measured_maps_are_captioned_and_both_drawn_as_images(
    model: GeneModel, viewer: ViewerModel
) -> None:
    model.genes = asked = lacking(model)[:2]
    outcome = run(model)
    layers = GeneLayers(viewer, outcome, model.last.result_name)
    held = outcome.held_out[0]
    layers.show(held)
    layers.show_image(True)
    captions = viewer.layers[f"{model.last.result_name} · captions"]
    assert list(captions.features["caption"]) == [f"{held}, imputed", f"{held}, measured"]
    left, right = captions.data[:, 1]
    beside = layers.image_beside
    assert right - left == pytest.approx(
        beside.extent.world[0, -1] - layers.image.extent.world[0, -1]
    )
    assert tuple(beside.contrast_limits) == tuple(layers.image.contrast_limits)
    assert np.nanmax(beside.data) == pytest.approx(np.nanmax(outcome.measured(held)))
    low, high = layers.main.extent.world[:, -2:]
    assert captions.data[:, 0].max() < low[0] - 0.05 * (high - low).max()
    assert viewer.layers[-1] is captions, "over the images"
    scale = layers.main.metadata[OURS]["um_per_unit"]
    for layer in (layers.image, beside, captions):
        assert layer.metadata[OURS]["um_per_unit"] == scale, "a µm is claimed where one is known"
    layers.show(asked[0])  # not measured: one map, no captions
    assert layers.image_beside is None and captions not in viewer.layers
    layers.show(held)
    layers.show_image(False)
    assert layers.image_beside is None and layers.image is None
