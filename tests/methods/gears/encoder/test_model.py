"""The encoder as its user meets it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_spatialrecon.errors import CheckpointError, DivergedError, Stopped
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.methods.gears.encoder.model import Encoder
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate


def same(a, b):
    mine, theirs = a.network.state_dict(), b.network.state_dict()
    return all(torch.equal(mine[k], theirs[k]) for k in mine)


def test_the_paper_preset_is_the_paper_s():
    paper = EncoderConfig.preset("paper")
    net, views, adversary = paper.network, paper.views, paper.adversary
    assert (net.first, net.second, net.embedding, net.dropout) == (512, 256, 128, 0.1)
    assert (views.dropout, views.jitter, views.noise) == (0.3, 0.25, 0.015)
    vicreg = paper.vicreg
    assert (vicreg.invariance, vicreg.variance, vicreg.covariance) == (25, 25, 1)
    assert vicreg.target_std == 1
    assert (adversary.weight, adversary.warmup, adversary.ramp) == (50, 50, 200)
    assert (adversary.width, adversary.dropout) == (512, 0.1)
    align = paper.alignment
    assert (align.mmd, align.coral, align.local, align.temperature) == (20, 1, 4, 0.07)
    assert (paper.probe.neighbours, paper.probe.margin) == (20, 0.08)
    assert (paper.training.steps, paper.training.learning_rate, paper.batch) == (2000, 1e-4, 32)
    assert paper.preprocess.components == 0


def test_an_embedding_has_a_row_for_each_profile(encoder, slides, cells):
    z = encoder.embed(cells)
    assert z.shape == (cells.adata.n_obs, 16)
    assert z.dtype == np.float32
    assert np.isfinite(z).all()
    assert encoder.embed(slides[1]).shape == (slides[1].adata.n_obs, 16)


def test_the_order_of_the_cells_does_not_matter(encoder, cells):
    order = np.random.default_rng(0).permutation(cells.adata.n_obs)
    shuffled = replace(cells, adata=cells.adata[order].copy())
    np.testing.assert_allclose(encoder.embed(shuffled), encoder.embed(cells)[order], atol=1e-4)


def test_inputs_are_not_changed(encoder, cells):
    before = cells.adata.X.copy()
    encoder.embed(cells)
    assert (before != cells.adata.X).nnz == 0


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    small_config, slides, cells, encoder
):
    again = Encoder(small_config()).fit(slides, cells)
    assert same(encoder, again)
    np.testing.assert_array_equal(encoder.embed(cells), again.embed(cells))
    assert not same(encoder, Encoder(small_config()).fit(slides, cells, Run(seed=1)))


def test_places_are_never_read_by_the_network(small_config, slides, cells):
    """Without gene weights, which do read them, moving spots changes nothing."""
    config = small_config(preprocess__gene_weights="none", training__steps=5)
    moved = []
    for slide in slides:
        adata = slide.adata.copy()
        adata.obsm["spatial"] = np.random.default_rng(0).normal(size=(adata.n_obs, 2))
        moved.append(replace(slide, adata=adata))
    assert same(Encoder(config).fit(slides, cells), Encoder(config).fit(moved, cells))


def test_a_stopped_run_resumes_to_the_same_bytes(small_config, slides, cells, encoder, tmp_path):
    folder = tmp_path / "run"
    for stop_at in (3, 21):
        asked = iter(range(10**6))
        reporter = Reporter(should_stop=lambda n=stop_at, a=asked: next(a) >= n)
        with pytest.raises(Stopped, match=str(folder)):
            Encoder(small_config()).fit(
                slides, cells, Run(reporter=reporter, folder=folder, resume=True)
            )
    resumed = Encoder(small_config()).fit(slides, cells, Run(folder=folder, resume=True))
    assert same(encoder, resumed)
    assert resumed.history == encoder.history
    assert resumed.after == encoder.after


def test_saved_and_loaded_it_embeds_the_same(encoder, cells, tmp_path):
    encoder.save(tmp_path / "model")
    loaded = Encoder.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.embed(cells), encoder.embed(cells))
    assert (loaded.before, loaded.after) == (encoder.before, encoder.after)
    assert loaded.config == encoder.config
    assert loaded.history == encoder.history
    assert loaded.notes == encoder.notes


def test_a_model_of_another_method_is_refused(methods, tmp_path):
    methods["knn"].save(tmp_path / "model")
    with pytest.raises(CheckpointError, match="gears-encoder"):
        Encoder.load(tmp_path / "model")


def test_cells_without_the_model_s_genes_are_refused(encoder, cells):
    adata = cells.adata.copy()
    adata.var_names = [f"other{i}" for i in range(adata.n_vars)]
    with pytest.raises(CheckpointError, match="genes"):
        encoder.embed(prepare_query(adata, "strangers"))


def test_training_reports_every_term_and_the_mixing(small_config, slides, cells):
    seen = []
    Encoder(small_config()).fit(slides, cells, Run(reporter=Reporter(seen.append, interval_s=0)))
    training = [p.metrics for p in seen if p.stage == "Training the encoder"]
    assert set(training[-1]) >= {
        "loss", "invariance", "variance", "covariance", "adversary", "mmd", "coral", "local",
        "adversary_accuracy", "reversal", "mixing", "ilisi", "probe", "least_std",
    }  # fmt: skip
    early = next(m for m in training if "probe" in m)
    assert "held_out" not in early


def test_training_ends_once_sources_are_mixed(small_config, slides, cells):
    config = small_config(probe__margin=0.9, training__patience=1)
    encoder = Encoder(config).fit(slides, cells)
    assert encoder.history[0].best_step == 20
    assert encoder.history[0].steps == 30


def test_several_slides_without_a_query_are_enough(small_config, slides):
    encoder = Encoder(small_config(training__steps=20)).fit(slides)
    assert encoder.after is not None
    assert encoder.embed(slides[0]).shape[1] == 16


def test_one_slide_alone_has_nothing_to_mix(small_config, slides):
    encoder = Encoder(small_config(training__steps=20)).fit(slides[:1])
    assert (encoder.before, encoder.after, encoder.notes) == (None, None, encoder.space.notes)


def test_a_collapsed_embedding_is_said(small_config, slides, cells):
    """Nothing but invariance: the shortest way to agree is to say nothing."""
    off = {"vicreg__variance": 0.0, "vicreg__covariance": 0.0, "adversary__weight": 0.0,
           "alignment__mmd": 0.0, "alignment__coral": 0.0, "alignment__local": 0.0}  # fmt: skip
    config = small_config(**off, training__learning_rate=1e-2)
    encoder = Encoder(config).fit(slides, cells)
    assert encoder.history[0].best_step is None
    assert any("collapsed" in note for note in encoder.notes)


def test_cells_that_are_all_alike_end_in_a_note_or_an_answer(small_config, slides, cells):
    adata = cells.adata.copy()
    adata.X = adata.X[np.zeros(adata.n_obs, int)]
    alike = replace(cells, adata=adata)
    encoder = Encoder(small_config()).fit(slides, alike)
    assert np.isfinite(encoder.embed(alike)).all()
    assert encoder.notes


def test_a_loss_that_is_not_finite_stops_and_names_its_term(
    small_config, slides, cells, monkeypatch
):
    from napari_spatialrecon.methods.gears.encoder import losses

    monkeypatch.setattr(losses, "coral", lambda x, y: (x.sum() + y.sum()) * float("nan"))
    with pytest.raises(DivergedError, match="coral"):
        Encoder(small_config()).fit(slides, cells)


def test_sources_mix_and_cell_types_stay_in_spite_of_a_batch_effect():
    """Genes differ fourfold between cells and slides; only the encoder evens that out."""
    values = {"batch_effect": 1.5, "size": 1300.0, "n_cells": 600}
    made = simulate("cortex", SimulatorConfig.preset("tiny").with_values(values), seed=0)
    slides = [prepare_slide(s, f"slide {i}") for i, s in enumerate(made.slides)]
    cells = prepare_query(made.cells, "cells")
    config = EncoderConfig().with_values(
        {
            "batch": 128, "network.first": 128, "network.second": 64, "network.embedding": 32,
            "adversary.width": 32, "adversary.warmup": 10, "adversary.ramp": 100,
            "alignment.local_from": 20, "training.steps": 150, "preprocess.zscore": "reference",
        }
    )  # fmt: skip
    encoder = Encoder(config).fit(slides, cells)
    assert encoder.before.probe > 0.85
    assert encoder.after.probe < encoder.before.probe - 0.3
    assert encoder.after.entropy > encoder.before.entropy + 0.2
    assert encoder.after.ilisi > encoder.before.ilisi + 0.1
    types = made.cells.obs["cell_type"].astype(str).to_numpy()[cells.kept]
    before, after = (type_accuracy(z, types) for z in (encoder.inputs(cells), encoder.embed(cells)))
    chance = max(np.unique(types, return_counts=True)[1]) / len(types)
    assert before > 2 * chance
    assert after > 0.8 * before


def type_accuracy(features, types):
    near, _ = nearest(features / np.linalg.norm(features, axis=1, keepdims=True), 10)
    names, codes = np.unique(types, return_inverse=True)
    votes = np.stack([(codes[near] == c).sum(axis=1) for c in range(len(names))], axis=1)
    return float((votes.argmax(axis=1) == codes).mean())
