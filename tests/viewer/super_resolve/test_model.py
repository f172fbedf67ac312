"""Super-resolve without a window: choices, the run, and where its pictures lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.bar_title import bar_title
from napari_spatialrecon.viewer.canvas.colors import color_key
from napari_spatialrecon.viewer.canvas.point_values import names, values
from napari_spatialrecon.viewer.results.acts import bring_up
from napari_spatialrecon.viewer.super_resolve.job import Resolved
from napari_spatialrecon.viewer.super_resolve.layers import GeneLayers
from napari_spatialrecon.viewer.super_resolve.model import SuperModel
from napari_spatialrecon.viewer.task.gene_list_model import GeneChoice
from napari_spatialrecon.viewer.task.model import State
from napari_spatialrecon.viewer.task.process import InProcess
from napari_spatialrecon.viewer.task.script import as_command, as_python
from napari_spatialrecon.viewer.workspace.results import Result

FAST = {
    "sasa.training.steps": 2,
    "sasa.hidden": 16,
    "sasa.genes": 60,
    "coarse_pair": False,
    "flow.draws": 2,
    "flow.steps": 2,
    "flow.starts": 1,
}


@pytest.fixture
def model(viewer: ViewerModel, open_tissue: Any) -> SuperModel:
    found = SuperModel(open_tissue(viewer))
    found.method = "bilinear"
    return found


def run(model: SuperModel) -> Resolved:
    model.finish(model.begin()(lambda _: None, lambda: False))
    return model.outcome


def some_genes(model: SuperModel, n: int = 6) -> tuple[str, ...]:
    counts = contract.counts(model.slide.adata)
    most = np.argsort(-np.asarray(counts.sum(axis=0)).ravel())[:n]
    return tuple(model.names[i] for i in most)


def test_an_empty_viewer_asks_for_a_slide(viewer: ViewerModel, forgetful: Any) -> None:
    model = SuperModel(forgetful(viewer))
    assert model.state is State.EMPTY and "a slide" in model.missing()[0]
    with pytest.raises(InputError, match="slide"):
        model.job()


def test_inputs_are_checked_in_words(model: SuperModel) -> None:
    lines = model.job().preflight().lines
    assert all(tone in ("good", "quiet") for tone, _ in lines), lines
    assert model.new_curves().baseline_title == "an even split"
    assert "4 parts each" in lines[0][1] and "all" in lines[1][1] and "about" in lines[-1][1]
    model.factor = "3×3"
    assert model.job().factor == "3x3"
    for text in ("1x1", "one", "99x99"):
        model.factor = text
        with pytest.raises(InputError, match="Expected"):
            model.job().preflight()


def test_genes_are_typed_pasted_and_refused_by_name(model: SuperModel) -> None:
    first, second = model.names[:2]
    model.choice = GeneChoice.LIST
    assert model.missing() == ["a gene to split: type part of its name"]
    model.add_genes(f"{first.lower()}, {second} {first}")
    assert model.genes == (first, second) == model.job().genes
    with pytest.raises(InputError, match="NOGENE"):
        model.add_genes(f"NOGENE {model.names[2]}")
    assert model.genes[2] == model.names[2]
    model.choice = GeneChoice.ALL
    assert model.job().genes is None


def test_genes_of_a_slide_of_ids_go_by_their_symbols(
    model: SuperModel, request: pytest.FixtureRequest
) -> None:
    table = model.slide.adata
    symbols = some_genes(model, 3)
    before = table.var.copy()
    request.addfinalizer(lambda: setattr(table, "var", before))
    ids = {name: f"ENSMUSG{i:011d}" for i, name in enumerate(map(str, table.var_names))}
    table.var = pd.DataFrame({"feature_name": [*ids]}, index=[*ids.values()])
    assert model.names == [*ids]
    model.add_genes(f"{symbols[0].lower()} {ids[symbols[1]]}")
    assert model.genes == symbols[:2]
    outcome = run(model)
    assert outcome.genes == [*symbols[:2]]
    np.testing.assert_array_equal(outcome.values(symbols[0]), outcome.values(ids[symbols[0]]))
    _, genes = names(table)
    assert genes == [*ids]
    found, kind, _ = values(table, symbols[0])
    assert kind == "gene" and found.max() > 0


def test_markers_of_a_cluster_are_higher_in_it(model: SuperModel) -> None:
    slide = model.slide.adata
    gene = some_genes(model, 1)[0]
    counts = contract.counts(slide)[:, [slide.var_names.get_loc(gene)]].toarray().ravel()
    total = np.maximum(np.asarray(contract.counts(slide).sum(axis=1)).ravel(), 1)
    high = counts / total > np.median(counts / total)
    slide.obs["cluster"] = pd.Categorical(np.where(high, "high", "low"))
    assert model.clusters["cluster"] == ["high", "low"]
    found = model.markers("cluster", "high")(lambda _: None, lambda: False)
    assert gene in found[:5]
    assert gene not in model.markers("cluster", "low")(lambda _: None, lambda: False)


def test_no_count_is_lost_and_the_result_says_so(model: SuperModel) -> None:
    model.genes = some_genes(model)
    outcome = run(model)
    assert outcome.fd <= 1e-6 and not outcome.doubtful
    tone, text = outcome.facts()[0]
    assert tone == "quiet" and text == (
        "Whether it is better than an even split was not measured. Counts conserved (fractional "
        f"deviation {outcome.fd:.1e})."
    )
    each = len(outcome.parts.offsets)
    gene = outcome.genes[0]
    sums = outcome.values(gene).reshape(-1, each).sum(axis=1)
    np.testing.assert_allclose(sums, outcome.measured(gene).reshape(-1, each).sum(axis=1), 1e-5)
    lossy = replace(outcome, record={**outcome.record, "metrics": {"fd": 0.2}})
    assert lossy.doubtful and lossy.facts()[0][0] == "warning"


def test_the_picture_lies_on_the_spots_in_um(model: SuperModel, viewer: ViewerModel) -> None:
    model.genes = some_genes(model, 2)
    outcome = run(model)
    layers = GeneLayers(viewer, outcome, model.last.result_name)
    layers.show(outcome.genes[0])
    spots = model.slide.layer
    counts = outcome.measured(outcome.genes[0])
    middle = len(spots.data) // 2
    row, column = np.rint(layers.before.world_to_data(spots.data[middle])).astype(int)
    own = outcome.picture.image(counts)[row, column]
    each = len(outcome.parts.offsets)
    kept = np.flatnonzero(outcome.adata.obs["has_counts"].to_numpy()[::each])
    assert own == pytest.approx(counts.reshape(-1, each)[np.flatnonzero(kept == middle)[0], 0])
    assert layers.main.data.dtype == np.float32 and np.isnan(layers.main.data).any()
    assert str(layers.main.units[0]) == "micrometer"
    world = layers.points._data_to_world(layers.points.data[middle * each : (middle + 1) * each])
    np.testing.assert_allclose(np.mean(world, axis=0), spots.data[middle], atol=1e-6)


def test_gaps_are_marked_and_never_shown_as_measured(
    model: SuperModel, viewer: ViewerModel
) -> None:
    model.genes = some_genes(model, 2)
    outcome = run(model)
    layers = GeneLayers(viewer, outcome, model.last.result_name)
    layers.show(outcome.genes[0])
    gap, tissue = outcome.picture.gap, outcome.picture.tissue
    between = layers.part("gaps")
    assert gap.any()
    for seen in (layers.before, layers.main):
        assert np.isnan(seen.data[gap]).all() and np.isfinite(seen.data[tissue & ~gap]).all()
    assert np.isfinite(between.data[gap]).all() and np.isnan(between.data[~gap]).all()
    assert between.opacity < layers.main.opacity and between.interpolation2d == "linear"
    assert "interpolated between spots" in between.name
    assert tuple(between.contrast_limits) == tuple(layers.main.contrast_limits)
    first = between.data.copy()
    layers.show(outcome.genes[1])
    assert not np.array_equal(first, between.data, equal_nan=True)
    layers.show_before(True)
    assert not between.visible
    assert bar_title(layers.main) == f"{outcome.genes[1]}, counts per part of a spot"


def test_another_gene_is_drawn_into_the_same_layers(model: SuperModel, viewer: ViewerModel) -> None:
    model.genes = some_genes(model, 3)
    outcome = run(model)
    layers = GeneLayers(viewer, outcome, model.last.result_name)
    layers.show(outcome.genes[0])
    before, main = len(viewer.layers), layers.main
    first = main.data.copy()
    layers.show(outcome.genes[1])
    assert layers.main is main and len(viewer.layers) == before
    assert main.name.startswith(outcome.genes[1]) and not np.array_equal(
        first, main.data, equal_nan=True
    )
    assert tuple(main.contrast_limits) == tuple(layers.before.contrast_limits)
    layers.show_before(True)
    assert layers.before.visible and not main.visible
    viewer.layers.remove(layers.part("gaps"))
    viewer.layers.remove(layers.before)
    layers.show(outcome.genes[2])
    assert layers.part("before") is not None


def test_points_are_colored_when_they_are_seen(model: SuperModel, viewer: ViewerModel) -> None:
    model.genes = some_genes(model, 2)
    outcome = run(model)
    layers = GeneLayers(viewer, outcome, model.last.result_name)
    layers.show(outcome.genes[0])
    assert color_key(layers.points) is None
    layers.points.visible = True
    assert color_key(layers.points).title.startswith(outcome.genes[0])
    layers.show(outcome.genes[1])
    assert color_key(layers.points).title.startswith(outcome.genes[1])


def test_a_rerun_takes_the_layers_over_unless_they_are_kept(
    model: SuperModel, viewer: ViewerModel
) -> None:
    model.genes = some_genes(model, 2)
    name = model.job().result_name
    first = GeneLayers(viewer, run(model), name)
    first.show(model.outcome.genes[0])
    before = len(viewer.layers)
    again = GeneLayers(viewer, run(model), name)
    again.show(model.outcome.genes[0])
    assert len(viewer.layers) == before and again.main is first.main
    again.lock(True)
    kept = GeneLayers(viewer, run(model), name)
    kept.show(model.outcome.genes[0])
    assert kept.main is not again.main and len(viewer.layers) > before


def test_results_are_not_taken_for_histology(model: SuperModel, viewer: ViewerModel) -> None:
    model.genes = some_genes(model, 1)
    layers = GeneLayers(viewer, run(model), model.last.result_name)
    layers.show(model.genes[0])
    assert model.has_histology and model.state is State.DONE
    assert model.workspace.of_layer(layers.main).role == "result"
    assert layers.main.metadata[OURS]["role"] == "result"


def test_draws_give_an_uncertainty_of_its_own_layer(
    model: SuperModel, viewer: ViewerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    coarse = "napari_spatialrecon.methods.super_resolution"
    # The spots of this slide make fewer blocks than are asked for, and too few to block again.
    monkeypatch.setattr(f"{coarse}.coarse_problem.LEAST_BLOCKS", 8)
    monkeypatch.setattr(f"{coarse}.coarse_check.CoarseCheck.growth", lambda self, _: np.ones(7))
    model.method = "srast"
    model.set_config(SRastConfig().with_values(FAST), "quick")
    model.genes = some_genes(model, 1)
    outcome = run(model)
    assert outcome.has_spread
    layers = GeneLayers(viewer, outcome, model.last.result_name)
    layers.show(model.genes[0])
    spread = layers.part("spread")
    assert not spread.visible and np.nanmax(spread.data) > 0
    layers.show_spread(True)
    assert spread.visible and not layers.main.visible


def test_command_and_process_split_the_same(model: SuperModel) -> None:
    model.genes, model.factor = some_genes(model, 40), "2x5"
    job = model.begin()
    text = as_command(job)
    assert "super-resolve" in text and "--factor 2x5" in text and "--genes" in text
    compile(as_python(job), "script", "exec")
    here = job(lambda _: None, lambda: False)
    there = InProcess(job)(lambda _: None, lambda: False)
    assert there.genes == here.genes and there.picture.shape == here.picture.shape
    for gene in (here.genes[0], here.genes[-1]):
        np.testing.assert_allclose(there.values(gene), here.values(gene), rtol=1e-5)


def test_a_guide_needs_an_image_and_a_diameter_is_in_um(model: SuperModel) -> None:
    model.guided, model.diameter_um = True, 55.0
    job = model.job()
    assert job.guided and "--guided" in as_command(job) and "histology=" in as_python(job)
    scale = model.slide.um_per_unit
    assert job.spot_diameter == pytest.approx(55.0 / scale)
    bare = model.slide.adata.copy()
    del bare.uns["spatial"]
    with pytest.raises(InputError, match="H&E"):
        replace(job, slide=replace(job.slide, adata=bare)).preflight()


def test_a_new_result_hides_others_on_its_tissue_and_a_click_brings_it_back_whole(
    model: SuperModel, viewer: ViewerModel
) -> None:
    model.genes = some_genes(model)
    outcome = run(model)
    one = GeneLayers(viewer, outcome, "one")
    one.show(outcome.first_gene)
    two = GeneLayers(viewer, outcome, "two")
    two.show(outcome.first_gene)
    assert not one.main.visible and not one.part("gaps").visible
    assert two.main.visible and two.part("gaps").visible
    one.main.visible = True
    two.show(outcome.genes[0])
    assert one.main.visible, "a second gene hides nothing that was shown since"
    result = Result("one", "super-resolve", outcome.adata, layer=one.main, drawn=one)
    assert bring_up(viewer, result) is one.main
    assert one.main.visible and one.part("gaps").visible
    assert not two.main.visible and not two.part("gaps").visible
