"""The objective of stage A, its switches, its schedule, and the guard."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_spatialrecon.methods.gears.encoder import losses
from napari_spatialrecon.methods.gears.encoder.augment import augment
from napari_spatialrecon.methods.gears.encoder.network import StageA
from napari_spatialrecon.methods.gears.encoder.profiles import Profiles
from napari_spatialrecon.methods.gears.encoder.task import EncoderTask, batch_sizes
from napari_spatialrecon.tissue.preprocess import fit_features

TERMS = {
    "invariance": "vicreg.invariance",
    "variance": "vicreg.variance",
    "covariance": "vicreg.covariance",
    "adversary": "adversary.weight",
    "mmd": "alignment.mmd",
    "coral": "alignment.coral",
    "local": "alignment.local",
}


@pytest.fixture
def make(small_config, slides, cells):
    """Make a task over `n` of the sources two slides and a query, without dropout."""

    def made(sources=3, **values):
        config = small_config(network__dropout=0.0, adversary__dropout=0.0).with_values(
            {k.replace("__", "."): v for k, v in values.items()}
        )
        tables = [*slides, cells][3 - sources :] if sources < 3 else [*slides, cells]
        space, _, _ = fit_features(slides, cells, config.preprocess)
        profiles = Profiles.of(tables, space, "cpu")
        torch.manual_seed(0)
        network = StageA(profiles.n_inputs, profiles.n_domains, config.network, config.adversary)
        return EncoderTask(network, profiles, config, has_query=sources > 1, seed=0)

    return made


def evaluate(task, step=1000, seed=0):
    torch.manual_seed(0)
    return task.loss(step, torch.Generator().manual_seed(seed))


def test_the_objective_is_the_weighted_sum_of_its_terms(make):
    weights = {"vicreg__invariance": 2.0, "vicreg__variance": 3.0, "vicreg__covariance": 5.0,
               "adversary__weight": 7.0, "alignment__mmd": 11.0, "alignment__coral": 13.0,
               "alignment__local": 17.0}  # fmt: skip
    task = make(**weights)
    total, terms = evaluate(task)
    named = {k.replace("__", "."): v for k, v in weights.items()}
    expected = sum(named[option] * terms[name] for name, option in TERMS.items())
    torch.testing.assert_close(total, expected)


def test_terms_are_those_of_two_views_and_of_the_profiles_themselves(make):
    task = make(sources=2)
    _, terms = evaluate(task)
    generator = torch.Generator().manual_seed(0)
    rows = task._draw(generator)
    logs, domains = task.profiles.logs[rows], task.profiles.domains[rows]
    views = [augment(logs, task.config.views, generator) for _ in range(2)]
    z1, z2, z = (task.module(task.profiles.inputs(x, domains)) for x in (*views, logs))
    spots, cells = z[domains == 0], z[domains == 1]
    torch.testing.assert_close(terms["invariance"], losses.invariance(z1, z2))
    torch.testing.assert_close(terms["variance"], losses.variance(z1, z2))
    torch.testing.assert_close(terms["covariance"], losses.covariance(z1, z2))
    torch.testing.assert_close(terms["mmd"], losses.mmd(spots, cells))
    torch.testing.assert_close(terms["coral"], losses.coral(spots, cells))
    torch.testing.assert_close(terms["local"], losses.local_alignment(spots, cells, 0.07))
    torch.testing.assert_close(
        terms["adversary"], task.network.adversary.loss(z, domains, 1.0)
    )  # fmt: skip


def test_of_several_sources_each_is_compared_with_all_others(make):
    task = make()
    _, terms = evaluate(task)
    generator = torch.Generator().manual_seed(0)
    rows = task._draw(generator)
    domains = task.profiles.domains[rows]
    z = task.module(task.profiles.inputs(task.profiles.logs[rows], domains))
    expected = torch.stack([losses.mmd(z[domains == d], z[domains != d]) for d in range(3)])
    torch.testing.assert_close(terms["mmd"], expected.mean())


@pytest.mark.parametrize("name", TERMS)
def test_every_term_has_a_switch(make, name):
    with_it, without = make(), make(**{TERMS[name].replace(".", "__"): 0.0})
    assert name in evaluate(with_it)[1]
    assert name not in evaluate(without)[1]


def test_alignment_grows_from_nothing_to_its_full_weight(make):
    alone = {o.replace(".", "__"): 0.0 for n, o in TERMS.items() if n != "mmd"}
    task = make(adversary__warmup=50, adversary__ramp=200, **alone)
    assert "mmd" not in evaluate(task, step=50)[1]
    totals = [evaluate(task, step=s) for s in (150, 250, 900)]
    shares = [(total / terms["mmd"]).item() for total, terms in totals]
    assert shares == pytest.approx([10, 20, 20])


def test_neighbours_are_drawn_together_from_their_own_step_on(make):
    task = make(alignment__local_from=100)
    assert "local" not in evaluate(task, step=100)[1]
    assert "local" in evaluate(task, step=101)[1]


def test_the_adversary_learns_before_the_encoder_is_told(make):
    """In the warm-up its gradient does not reach the encoder, but it improves."""
    alone = {o.replace(".", "__"): 0.0 for n, o in TERMS.items() if n != "adversary"}
    task = make(adversary__warmup=10, **alone)
    before = task.network.adversary.state_dict()["guess.0.weight"].clone()
    total, terms = evaluate(task, step=3)
    total.backward()
    assert terms["reversal"] == 0
    assert not torch.equal(before, task.network.adversary.guess[0].weight)
    assert all(not p.grad.any() for p in task.network.encoder.parameters() if p.grad is not None)
    total, _ = evaluate(task, step=30)
    total.backward()
    assert task.network.encoder[0].weight.grad.any()


def test_the_adversary_learns_three_times_as_fast_as_the_encoder(make, monkeypatch):
    task, seen = make(training__learning_rate=2e-3), []
    learn = task.network.adversary.learn
    monkeypatch.setattr(
        task.network.adversary, "learn", lambda *a: (seen.append(a[2:]), learn(*a))[1]
    )
    evaluate(task, step=0)
    assert seen == [(pytest.approx(6e-3), 3)]


def test_half_of_a_step_s_profiles_are_cells_and_slides_share_the_rest():
    assert batch_sizes(256, 2, True) == [128, 128]
    assert batch_sizes(256, 4, True) == [43, 43, 42, 128]
    assert batch_sizes(256, 4, False) == [64, 64, 64, 64]
    assert batch_sizes(256, 1, True) == [256]
    assert min(batch_sizes(8, 9, True)) == 2


def test_a_source_smaller_than_its_share_is_drawn_with_repeats(make):
    task = make(batch=2000)
    rows = task._draw(torch.Generator().manual_seed(0))
    assert len(rows) == 2000
    domains = task.profiles.domains[rows]
    np.testing.assert_array_equal(torch.bincount(domains), [500, 500, 1000])


def test_a_source_larger_than_its_share_is_drawn_without_repeats(make):
    rows = make(batch=32)._draw(torch.Generator().manual_seed(0))
    assert len(rows.unique()) == 32


def test_one_source_has_nothing_to_align(make):
    task = make(sources=1)
    assert set(evaluate(task)[1]) == {"invariance", "variance", "covariance"}
    assert task.held_out() is None


def test_looks_before_the_full_strength_of_alignment_do_not_count_but_are_shown(make):
    task = make(adversary__warmup=5, adversary__ramp=5)
    evaluate(task, step=8)
    assert task.held_out() is None
    assert {"mixing", "ilisi", "probe"} <= set(evaluate(task, step=9)[1])
    assert task.held_out() is not None


def test_within_the_margin_the_probe_counts_as_mixed(make):
    task = make(probe__margin=0.9)
    evaluate(task)
    assert task.held_out()["held_out"] == 0
    task = make(probe__margin=0.0)
    evaluate(task)
    found = task.held_out()
    assert found["held_out"] == pytest.approx(max(0, found["probe"] - 1 / 3))


def test_a_collapsed_embedding_is_never_the_best(make):
    task = make(probe__margin=0.9)
    evaluate(task)
    with torch.no_grad():
        task.network.encoder[-1].weight[3] = 0
    found = task.held_out()
    assert found["least_std"] == pytest.approx(0, abs=1e-6)
    assert found["held_out"] == math.inf
