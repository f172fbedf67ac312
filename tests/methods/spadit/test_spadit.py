"""SpaDiT: what it must never see, and what it must tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_spatialrecon.methods.genes.base import GeneSizes
from napari_spatialrecon.methods.genes.inputs import read_inputs
from napari_spatialrecon.methods.genes.scale import standardised
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.spadit import model
from napari_spatialrecon.methods.spadit.bases import NAMES, Bases, Relations, out_of_fold
from napari_spatialrecon.methods.spadit.config import NetworkConfig, SpaDiTConfig
from napari_spatialrecon.methods.spadit.correction import Corrections
from napari_spatialrecon.methods.spadit.diffusion import kept_signal, noised, sample, sample_levels
from napari_spatialrecon.methods.spadit.model import SpaDiT
from napari_spatialrecon.methods.spadit.network import PLACE_FEATURES, Network
from napari_spatialrecon.methods.spadit.reliability import Reliability
from napari_spatialrecon.methods.spadit.spread import ErrorProfile
from napari_spatialrecon.methods.spadit.spreading import Spread
from napari_spatialrecon.methods.spadit.stack import (
    Traits,
    agreement,
    correlations,
    fit_stack,
    split_genes,
    stacked,
)
from napari_spatialrecon.methods.spadit.task import Examples, GeneTask, masked_loss
from napari_spatialrecon.tasks.gene_check import without
from napari_spatialrecon.tasks.imputing import impute_genes
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide

SMALL = {
    "folds": 2,
    "networks": 3,
    "genes_per_step": 4,
    "spots_per_step": 32,
    "network.width": 16,
    "network.depth": 1,
    "network.heads": 2,
    "network.tokens": 8,
    "bases.mapped.steps": 2,
    "bases.spread_steps": 2,
    "training.steps": 8,
    "diffusion.draws": 2,
    "diffusion.steps": 3,
}


@pytest.fixture(scope="module")
def split(tiny):
    slide, cells = tiny.slides[0], tiny.cells
    shared = [g for g in slide.var_names if g in set(cells.var_names)]
    return slide, cells, shared[:25], shared[25:28]


def seen(slide, genes):
    return slide[:, genes].copy()


def run(split, config=None, **more):
    slide, cells, known, hidden = split
    config = config or SpaDiTConfig().with_values(SMALL)
    return impute_genes(seen(slide, known), cells, hidden, config=config, device="cpu", **more)


@pytest.fixture(scope="module")
def result(split):
    return run(split)


@pytest.fixture(scope="module")
def truth(split):
    """The hidden genes as they were measured, log-normalised."""
    slide, _, _, hidden = split
    totals = np.asarray(slide.X.sum(axis=1)).ravel()
    return np.log1p(slide[:, hidden].X.toarray() / totals[:, None] * np.median(totals))


def test_maps_follow_the_hidden_truth_with_the_spread_by_which_they_miss_it(split, result, truth):
    found = correlations(result.adata.X, truth)
    assert found[0] > 0.3 and found.mean() > 0.1
    np.testing.assert_allclose(result.adata.X.mean(axis=0), truth.mean(axis=0), atol=0.4)
    missed = np.sqrt(((result.adata.X - truth) ** 2).mean(axis=0))
    ratio = result.adata.layers["imputed_std"].mean(axis=0) / missed
    assert ((ratio > 0.7) & (ratio < 1.8)).all()
    report = result.record.settings["report"]
    expected, held = result.genes["reliability"], report["held_out_pcc"]
    assert abs(expected.mean() - held) < 0.15 and held > report["held_out_baseline_pcc"]
    assert set(report["held_out_bases_pcc"]) >= {"knn", "ridge", "mapping"}
    assert "network_share" in report
    bins = report["reliability_diagram"]["bins"]
    assert sum(b["genes"] for b in bins) == 25


def test_the_hidden_truth_of_asked_genes_changes_nothing(split):
    """The slide holds the truth, as with --hide: neither maps, spread nor reliability see it."""
    slide, cells, known, hidden = split
    whole = seen(slide, [*known, *hidden])
    changed = whole.copy()
    matrix = changed.X.tolil()
    noise = np.random.default_rng(0).poisson(9, (slide.n_obs, len(hidden)))
    matrix[:, len(known) :] = noise
    changed.X = matrix.tocsr()
    config = SpaDiTConfig().with_values(SMALL)
    told, lied_to = (
        impute_genes(without(s, hidden, "slide"), cells, hidden, config=config, device="cpu")
        for s in (whole, changed)
    )
    assert set(told.genes["origin"]) == {"imputed"}
    np.testing.assert_array_equal(lied_to.adata.X, told.adata.X)
    spreads = [r.adata.layers["imputed_std"] for r in (lied_to, told)]
    np.testing.assert_array_equal(*spreads)
    np.testing.assert_array_equal(lied_to.genes["reliability"], told.genes["reliability"])


def test_the_same_seed_gives_the_same_bytes(split, result):
    np.testing.assert_array_equal(run(split).adata.X, result.adata.X)


def test_a_gene_does_not_depend_on_what_else_is_asked_for(split):
    slide, cells, known, hidden = split
    prepared = prepare_slide(seen(slide, known), "slide"), prepare_query(cells, "cells")
    config = SpaDiTConfig().with_values({**SMALL, "bases.on": False})
    method = SpaDiT(config).fit(*prepared)
    (both,) = method.impute(hidden)
    (alone,) = method.impute(hidden[1:2])
    np.testing.assert_allclose(alone.values[:, 0], both.values[:, 1], atol=1e-4)
    np.testing.assert_allclose(alone.spread[:, 0], both.spread[:, 1], atol=1e-4)


def test_a_held_out_gene_does_not_enter_its_own_maps(split):
    slide, cells, known, _ = split
    folds = split_genes(len(known), 3, 0)
    maps = []
    for scramble in (False, True):
        inputs = read_inputs(prepare_slide(seen(slide, known), "s"), prepare_query(cells, "c"))
        gene = int(folds[0][0])
        if scramble:
            inputs.slide[:, gene] = inputs.slide[::-1, gene] ** 2
        config = SpaDiTConfig().with_values(SMALL).bases
        held, _ = out_of_fold(
            Relations.of(inputs, config, 0),
            folds,
            config,
            Run(),
        )
        maps.append(held[:, :, folds[0]])
    np.testing.assert_array_equal(*maps)


def test_the_components_know_nothing_of_a_held_out_gene(split):
    slide, cells, known, _ = split
    found = []
    for scramble in (False, True):
        inputs = read_inputs(prepare_slide(seen(slide, known), "s"), prepare_query(cells, "c"))
        config = SpaDiTConfig().with_values(SMALL).bases
        relations = Relations.of(inputs, config, 0)
        if scramble:
            relations.scores[:, 20:] = relations.scores[::-1, 20:]
        bases = Bases.fit(relations, np.arange(20), config, Run())
        found.append(bases.directions)
    np.testing.assert_array_equal(*found)


def test_in_a_spread_map_a_cell_counts_once_and_a_spot_is_a_mean():
    logits = torch.tensor([[0.0, 3.0], [0.0, 3.0], [0.0, 3.0]])
    weights = Spread(1, 0.1).weights(logits)
    assert torch.allclose(weights, torch.full((3, 2), 0.5))  # alike to all spots: counts in none


def test_the_loss_of_a_spread_map_falls_to_nought_where_genes_fit():
    spread, target = Spread(1, 0.1), torch.rand(20, 4, generator=torch.Generator().manual_seed(0))
    assert float(spread.loss(target, target)) == pytest.approx(0, abs=1e-6)
    assert float(spread.loss(target.flip(0), target)) > 0.3
    scaled = spread.scaled(7 * target + 2)
    assert torch.allclose(scaled.amin(dim=0), torch.zeros(4), atol=1e-6)
    assert torch.allclose(scaled.amax(dim=0), torch.ones(4))


def test_ridge_is_the_regression_of_the_textbook(split):
    slide, cells, known, _ = split
    inputs = read_inputs(prepare_slide(seen(slide, known), "s"), prepare_query(cells, "c"))
    config = SpaDiTConfig().with_values({**SMALL, "bases.mapping": False}).bases
    relations = Relations.of(inputs, config, 0)
    bases = Bases.fit(relations, np.arange(20), config, Run())
    found = bases.maps(relations.cells[:, 20:21])[0][NAMES.index("ridge")][:, 0]
    x, y = relations.scores[:, :20].astype(float), relations.scores[:, 20].astype(float)
    weights = np.linalg.solve(x.T @ x / len(x) + np.eye(20), x.T @ y / len(x))
    assert np.corrcoef(found, bases.spots @ weights)[0, 1] > 1 - 1e-6


def test_the_stack_finds_the_weights_of_a_sum():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(4, 50, 60)).astype(np.float32)
    traits = Traits.fit(maps, rng.uniform(0.5, 1.5, 60)).of(maps, rng.uniform(0.5, 1.5, 60))
    weights = np.array([[0.5, 0.0, -1.0, 0.2], [0.0, 0.3, 0.0, 0.0], [0.0, 0.0, 0.1, 0.0]])
    truth = stacked(maps, traits, weights)
    np.testing.assert_allclose(fit_stack(maps, traits, truth), weights, atol=0.03)
    assert correlations(truth, truth).min() > 0.999


def test_the_weights_follow_how_strongly_a_gene_is_tied_and_how_far_its_maps_agree():
    rng = np.random.default_rng(0)
    same = rng.normal(size=(50, 1)).repeat(2, axis=1)
    maps = np.stack([same, same, same, same]).astype(np.float32)
    maps[0, :, 1] *= -1  # of the second gene, the two maps contradict each other
    assert agreement(maps)[0] > 0.5
    assert agreement(maps)[1] == 0
    traits = Traits(2.0, (0.5, 0.25)).of(maps, np.array([2.0, 3.0]))
    np.testing.assert_allclose(traits[:, :2], [[1, 0], [1, 0.5]])
    np.testing.assert_allclose(traits[1, 2], -2)


def test_noise_keeps_all_at_level_0_and_nothing_at_the_last():
    kept = kept_signal(20)
    assert kept[0] == 1
    assert kept[-1] == 0
    assert (kept.diff() < 0).all()
    clean, noise = torch.ones(2, 3), torch.full((2, 3), 7.0)
    seen = noised(clean, torch.tensor([20, 10]), kept, noise)
    assert (seen[0] == 0).all()
    assert torch.allclose(seen[1], kept[10].sqrt() + 7 * (1 - kept[10]).sqrt())


def test_the_sampler_finds_what_a_perfect_denoiser_knows():
    target = torch.randn(2, 5)
    found = sample(lambda x, t: target, torch.randn(2, 5), kept_signal(50), 7)
    assert torch.allclose(found, target)
    assert sample_levels(200, 5) == sorted(sample_levels(200, 5), reverse=True)
    assert len(sample_levels(200, 5)) == 5


def network(**values):
    torch.manual_seed(0)
    config = NetworkConfig().with_values({"width": 16, "heads": 2, "depth": 1, **values})
    made = Network(4, torch.randn(8, 6), config)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def inputs(genes=3, spots=5):
    torch.manual_seed(1)
    return {
        "noisy": torch.randn(genes, spots),
        "time": torch.full((genes,), 0.5),
        "maps": torch.randn(genes, spots, 4),
        "places": torch.randn(spots, PLACE_FEATURES),
        "gene": torch.randn(genes, 8),
    }


@pytest.mark.parametrize("name", ["noisy", "time", "maps", "places", "gene"])
def test_the_network_really_uses_each_of_its_inputs(name):
    made, given = network(), inputs()
    changed = {**given, name: given[name] + 0.3}
    assert not torch.allclose(made(**given), made(**changed))


def test_without_concat_and_condition_the_gene_is_not_seen():
    made, given = network(concat=False, condition="none"), inputs()
    changed = {**given, "gene": given["gene"] + 1}
    assert torch.allclose(made(**given), made(**changed))


def test_spots_of_a_gene_attend_to_one_another_but_genes_do_not():
    made, given = network(), inputs()
    noisy = given["noisy"].clone()
    noisy[0, 0] += 5
    difference = (made(**given) - made(**{**given, "noisy": noisy})).abs()
    assert (difference[0] > 1e-6).all()
    assert (difference[1:] == 0).all()
    alone = network(backbone="mlp")
    difference = (alone(**given) - alone(**{**given, "noisy": noisy})).abs()
    assert (difference[0, 1:] == 0).all()


def test_an_untrained_network_changes_nothing():
    torch.manual_seed(0)
    made = Network(4, torch.randn(8, 6), NetworkConfig(width=16, heads=2))
    assert (made(**inputs()) == 0).all()


def test_only_hidden_spots_are_judged():
    config = SpaDiTConfig().with_values(
        {"diffusion.masked_values": 0.5, "diffusion.masked_zeros": 0.5}
    )
    guess, clean = torch.zeros(1, 4), torch.tensor([[1.0, 9.0, 3.0, 9.0]])
    zero = torch.tensor([[False, False, True, True]])
    chance = torch.tensor([[0.1, 0.9, 0.1, 0.9]])
    _, terms = masked_loss(guess, clean, zero, chance, config)
    assert float(terms["values"]) == 1.0
    assert float(terms["zeros"]) == 2.5  # Huber, δ 1: |3| - 1/2


def test_reliability_learns_what_foretells_the_fit():
    rng = np.random.default_rng(0)
    signs = rng.normal(size=(80, 2))
    found = 0.5 + 0.1 * signs[:, 0]
    model = Reliability.fit(signs, found, 0)
    assert np.corrcoef(model.predict(signs), found)[0, 1] > 0.95
    assert model.report()["error"] < 0.02
    assert Reliability.fit(signs[:5], found[:5], 0).predict(signs)[0] == pytest.approx(
        found[:5].mean()
    )


def test_the_spread_is_widest_where_held_out_genes_were_most_wrong():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(4000, 3)).astype(np.float32)
    truth = maps + rng.normal(size=maps.shape).astype(np.float32) * (1 + 2 * (maps > 0))
    profile = ErrorProfile.fit(maps, truth)
    missed = np.array([0.25, 0.0, 1.0])
    spread = profile.spread(maps, np.zeros_like(maps), missed)
    np.testing.assert_allclose((spread**2).mean(axis=0), missed, atol=1e-6)
    high, low = spread[maps[:, 0] > 0.5, 0].mean(), spread[maps[:, 0] < -0.5, 0].mean()
    assert high / low == pytest.approx(3, rel=0.1)
    drawn = np.zeros_like(maps)
    drawn[:2000] = 5
    assert profile.spread(maps, drawn, missed)[:2000, 0].min() > spread[:, 0].mean()


@pytest.mark.parametrize("preset", SpaDiTConfig.presets())
def test_a_preset_maps_with_the_parts_it_names(split, truth, preset):
    """`paper` is the network alone; the others start from the linear maps, which find the truth."""
    small = {k: v for k, v in SMALL.items() if k not in ("networks",)}
    found = run(split, SpaDiTConfig.preset(preset).with_values(small))
    report = found.record.settings["report"]
    if preset == "paper":
        assert report["network_share"] == 1 and report["held_out_stack_pcc"] == 0
    else:
        assert report["held_out_pcc"] >= report["held_out_stack_pcc"] > 0.2
        assert correlations(found.adata.X, truth).mean() > 0.1


def test_with_few_genes_training_ends_earlier(split):
    slide, cells, known, _ = split
    prepared = prepare_slide(seen(slide, known), "slide"), prepare_query(cells, "cells")
    config = SpaDiTConfig().with_values({**SMALL, "looks": 1})
    method = SpaDiT(config).fit(*prepared)
    assert [h.steps for h in method.history] == [4, 5, 5]  # 16 or 17 genes, 4 a step


@pytest.mark.parametrize("shared", [3, 6])
def test_a_handful_of_shared_genes_still_gives_maps_and_one_expectation(split, shared):
    slide, cells, known, hidden = split
    result = run((slide, cells, known[:shared], hidden))
    held = result.record.settings["report"]["held_out_pcc"]
    np.testing.assert_allclose(result.genes["reliability"], held, atol=1e-9)
    assert np.ptp(result.adata.X, axis=0).min() > 0.1
    assert any("Only" in n and "expect" in n for n in result.notes)


def test_an_asked_gene_that_is_constant_in_the_reference_is_not_to_be_believed(split):
    slide, cells, known, hidden = split
    flat = cells.copy()
    matrix = flat.X.tolil()
    matrix[:, list(flat.var_names).index(hidden[0])] = 0
    flat.X = matrix.tocsr()
    result = run((slide, flat, known, hidden))
    assert np.ptp(result.adata.X[:, 0]) < 1e-6
    assert result.genes["reliability"].iloc[0] == 0


def test_without_the_network_the_bases_impute(split, result):
    bare = run(split, SpaDiTConfig().with_values({**SMALL, "network.on": False}))
    assert "network_share" not in bare.record.settings["report"] and not bare.method.history
    assert result.record.settings["report"]["network_share"] == 0  # so few steps add nothing
    np.testing.assert_allclose(bare.adata.X, result.adata.X, atol=1e-6)


def test_no_gene_is_expected_to_fit_better_than_all_that_were_held_out():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 6))
    found = np.clip(0.5 + 0.2 * features[:, 0], 0.0, 0.9)
    reliability = Reliability.fit(features, found, seed=0)
    beyond = reliability.predict(np.array([[9.0] + 5 * [0.0], [-9.0] + 5 * [0.0]]))
    np.testing.assert_allclose(beyond, [found.max(), found.min()])


PAPER = {**SMALL, "networks": 1, "bases.on": False, "diffusion.mean_share": 0.0,
         "diffusion.output": "draws"}  # fmt: skip


def test_where_samples_are_the_output_samples_are_what_is_judged(split, monkeypatch):
    """The mean branch is not trained without samples that have no signal: nothing may read it."""

    def untrained(self, *_):
        raise AssertionError("the mean branch was read")

    monkeypatch.setattr(Corrections, "mean_branch", untrained)
    result = run(split, SpaDiTConfig().with_values(PAPER))
    report = result.record.settings["report"]
    assert report["network_share"] == 1 and report["held_out_stack_pcc"] == 0


@pytest.mark.parametrize(("output", "signal_free"), [("mean", True), ("draws", False)])
def test_weights_are_selected_by_the_branch_that_is_the_output(output, signal_free):
    levels = []

    class Spy(torch.nn.Module):
        def forward(self, noisy, level, *_):
            levels.append(level)
            assert (noisy == 0).all() == signal_free
            return noisy

    n = 5
    examples = Examples(
        torch.randn(n, 40), torch.zeros(n, 40, dtype=torch.bool), torch.zeros(n, 40, 1),
        torch.zeros(40, PLACE_FEATURES), torch.zeros(n, 8),
    )  # fmt: skip
    config = SpaDiTConfig().with_values({"diffusion.output": output})
    task = GeneTask(Spy(), examples, config, chosen_by=examples)
    assert task.held_out() == task.held_out()
    assert (levels[0] == 1).all() == signal_free and levels[0].min() >= 0


def test_network_and_baseline_are_compared_on_the_same_genes(split):
    slide, cells, known, _ = split
    prepared = prepare_slide(seen(slide, known), "slide"), prepare_query(cells, "cells")
    config = SpaDiTConfig().with_values({**SMALL, "networks": 1})
    report = SpaDiT(config).fit(*prepared, Run(seed=2)).report()
    inputs = read_inputs(*prepared)
    relations = Relations.of(inputs, config.bases, 2)
    folds = split_genes(len(inputs.genes), config.folds, 2)
    held, _ = out_of_fold(relations, folds, config.bases, Run(seed=2))
    truth = standardised(inputs.slide)
    judged = np.random.default_rng([2, 13]).permutation(len(inputs.genes))[-3:]
    found = correlations(held[0], truth)
    assert report["held_out_baseline_pcc"] == pytest.approx(found[judged].mean(), abs=1e-5)
    assert abs(found[judged].mean() - found.mean()) > 1e-3


def test_a_sum_of_maps_that_is_worse_than_one_of_them_gives_way_to_it(split, truth, monkeypatch):
    monkeypatch.setattr(model, "fit_stack", lambda *given: -fit_stack(*given))
    found = run(split)
    report = found.record.settings["report"]
    assert report["stepped_back_to"].split(",")[0] in NAMES and report["network_share"] == 0
    assert report["held_out_pcc"] > 0.2 > 0 > report["held_out_stack_pcc"]
    assert correlations(found.adata.X, truth).mean() > 0.1
    assert any("Stepped back to one linear map" in note for note in found.notes)
    monkeypatch.undo()
    assert "stepped_back_to" not in run(split).record.settings["report"]


def test_a_large_slide_samples_fewer_maps_where_they_serve_the_spread_alone(split, monkeypatch):
    passes = []

    def counted(self, noise, *rest):
        passes.append(len(noise))
        return torch.zeros_like(noise)

    slide, cells, known, hidden = split
    prepared = prepare_slide(seen(slide, known), "slide"), prepare_query(cells, "cells")
    sizes = GeneSizes(slide.n_obs, 100, 25, 10_000)

    def sampled(**more):
        config = SpaDiTConfig().with_values({**SMALL, "diffusion.draws": 4, **more})
        method = SpaDiT(config).fit(*prepared)
        forced = replace(method.fitted.corrections, share=0.5)
        method.fitted = replace(method.fitted, corrections=forced)
        with monkeypatch.context() as patched:
            patched.setattr(Network, "forward", counted)
            passes.clear()
            list(method.impute(hidden))
        return len(passes), method.estimate(sizes).seconds

    blocks = -(-slide.n_obs // SMALL["spots_per_step"])
    whole, fewer = sampled(), sampled(**{"diffusion.large": slide.n_obs})
    assert whole[0] == blocks * (4 * 3 + 3) and fewer[0] == blocks * (2 * 3 + 3)
    assert fewer[1] < whole[1]
    paper = SpaDiTConfig.preset("paper").diffusion
    assert paper.sampled(10**6) == (paper.draws, paper.steps)
