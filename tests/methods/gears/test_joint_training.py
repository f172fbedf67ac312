"""Which parameters each loss reaches, and at which noise (section 3.4)."""

from __future__ import annotations

import pytest
import torch

from napari_spatialrecon.methods.gears import losses
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.task import GeometryNetwork, GeometryTask

#: Spread of the residual.
SPREAD = 0.1
EVERYTHING = {"context", "generator", "denoiser"}
OF_GENERATOR = ("generator_gram", "generator_distance", "generator_scale", "generator_align")
OF_REFINER = ("score", "gram", "log_trace", "nca", "edge")
OF_OVERLAP = ("overlap_shape", "overlap_scale", "overlap_neighbours")


def make(**values) -> GeometryTask:
    """Make a small task, in the middle of training, whose every weight matters."""
    config = GearsConfig().with_values(
        {
            "refiner.on": True,
            "refiner.blocks": 1,
            "refiner.neighbours": 4,
            "minisets.overlap": 0.5,
            "minisets.smallest": 16,
            "minisets.largest": 16,
            "minisets.per_step": 8,
            "losses.generator_align": 1.0,
            "losses.generator_scale": 1.0,
            "losses.edge": 1.0,
            "generator.width": 16,
            "training.steps": 100,
            **{name.replace("__", "."): value for name, value in values.items()},
        }
    )
    torch.manual_seed(0)
    network = GeometryNetwork(5, config)
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    network.sigma_data.fill_(SPREAD)
    return GeometryTask(network, [torch.randn(40, 5)], [torch.randn(40, 2)], 0.1, config)


def reached(task: GeometryTask, term: torch.Tensor) -> set[str]:
    """Return the parts of the network that a loss has a gradient in."""
    named = dict(task.model.named_parameters())
    gradients = torch.autograd.grad(
        term, list(named.values()), allow_unused=True, retain_graph=True
    )
    return {
        "denoiser"
        if name.startswith("denoiser")
        else "context"
        if name.startswith(("generator.project", "generator.context"))
        else "generator"
        for name, gradient in zip(named, gradients, strict=True)
        if gradient is not None and gradient.any()
    }


@pytest.mark.parametrize(
    ("trains", "refiner", "overlap"),
    [
        ("all", EVERYTHING, EVERYTHING),
        ("context", {"context", "denoiser"}, EVERYTHING),
        ("denoiser", {"denoiser"}, EVERYTHING),
    ],
)
@pytest.mark.parametrize("step", [40, 99])
def test_what_each_loss_trains(trains, refiner, overlap, step) -> None:
    task = make(refiner__trains=trains)
    _, terms = task.loss(step, torch.Generator().manual_seed(0))
    wanted = dict.fromkeys(OF_GENERATOR, frozenset(("context", "generator")))
    wanted |= dict.fromkeys(OF_REFINER, refiner) | dict.fromkeys(OF_OVERLAP, overlap)
    assert {name: reached(task, term) for name, term in terms.items()} == wanted


def test_before_the_refiner_the_overlap_trains_the_generator() -> None:
    task = make()
    _, terms = task.loss(0, torch.Generator().manual_seed(0))
    assert set(terms) == {*OF_GENERATOR, *OF_OVERLAP}
    for name in OF_OVERLAP:
        assert reached(task, terms[name]) == {"context", "generator"}


def test_the_generator_is_taught_by_equations_8_and_9() -> None:
    task = make(losses__generator_align=3.0, losses__generator_gram=2.0)
    base, target = torch.randn(2, 6, 4), torch.randn(2, 6, 4)
    terms = task._generator_terms(base, target)
    torch.testing.assert_close(terms["generator_align"], 3 * ((base - target) ** 2).mean())
    first, second = (x @ x.mT for x in (base, target))
    shares = ((first - second) ** 2).sum((1, 2)) / (second**2).sum((1, 2))
    torch.testing.assert_close(terms["generator_gram"], 2 * shares.mean())


def test_the_defaults_are_those_that_the_results_were_measured_with() -> None:
    quick, standard = GearsConfig.preset("quick").flat(), GearsConfig.preset("standard").flat()
    changed = {name: value for name, value in standard.items() if quick[name] != value}
    assert changed == {
        "members": 4, "baseline_share": 0.25, "scalings": "mixed", "attention": "mixed",
        "least_noise": 0.8,
    }  # fmt: skip
    kept = {
        "members": 1, "baseline_share": 1 / 3, "spread_share": 0.5, "noise": 1.0, "input": "pca",
        "inputs": "mixed", "unit_length": True, "attention": "set", "density": "mean",
        "on_tissue": True, "refiner.on": False, "refiner.trains": "denoiser",
        "losses.generator_gram": 1.0, "losses.generator_distance": 4.0,
        "losses.generator_align": 0.0, "losses.generator_scale": 0.0,
        "losses.score_as_written": False, "generator.width": 96, "generator.dimensions": 4,
        "minisets.smallest": 96, "minisets.largest": 160, "minisets.per_step": 8,
        "minisets.locality": 0.0, "minisets.overlap": 0.0, "patches.layout": "mean",
        "patches.overlap": 0.0, "training.steps": 300, "training.schedule": "onecycle",
        "training.learning_rate": 1e-3, "training.weight_decay": 0.01,
    }  # fmt: skip
    assert {name: quick[name] for name in kept} == kept


def test_the_paper_trains_all_parts_together_and_samples_from_noise() -> None:
    paper = GearsConfig.preset("paper")
    assert paper.refiner.trains == "all"
    assert paper.refiner.temperature == 1.0
    assert paper.losses.score_as_written
    assert (paper.patches.coverage, paper.patches.overlap) == (10, 0.7)
    assert paper.encoder.preprocess.zscore == "none"


def test_a_sample_starts_from_noise_of_three_times_the_residual() -> None:
    task, starts = make(refiner__temperature=1.0, refiner__steps=4), []
    task.model.eval()
    denoiser = task.model.denoiser
    scale = 10**0.5  # what preconditioning makes of noise three times the residual's spread
    denoiser.register_forward_pre_hook(lambda _, given: starts.append(given[0]))
    with torch.no_grad():
        first, second = (
            task.model.geometry(task.features[0][None], task.config, seed) for seed in (1, 2)
        )
    assert not torch.allclose(first, second)
    assert starts[0].std().item() == pytest.approx(3 / scale, rel=0.15)


@pytest.mark.parametrize(
    ("gate", "step", "kept"),
    [
        (0.0, 99, 0),  # no noise is low enough
        (1.0, 40, 8),  # the first stage's noise is at most the residual's spread
        (1.0, 99, 6),  # the last stage's is up to three times that: a quarter of the levels
        (9.0, 99, 8),
    ],
)
def test_geometry_losses_apply_where_noise_is_low(gate, step, kept, monkeypatch) -> None:
    task, seen = make(refiner__gate=gate), []
    whole = losses.neighbourhood_components
    monkeypatch.setattr(
        losses, "neighbourhood_components", lambda *a: seen.append(len(a[0])) or whole(*a)
    )
    _, terms = task.loss(step, torch.Generator().manual_seed(0))
    assert sum(seen) == kept
    assert terms["score"].item() > 0
    for name in ("gram", "log_trace", *OF_OVERLAP):
        assert (terms[name].item() > 0) == (kept > 0), name


def test_eq_4_can_be_weighted_as_written() -> None:
    ours, written = (
        make(losses__score_as_written=choice).loss(99, torch.Generator().manual_seed(0))[1]
        for choice in (False, True)
    )
    assert (written["score"] / ours["score"]).item() == pytest.approx(1 / SPREAD**2, rel=1e-5)
