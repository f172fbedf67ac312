"""The training loop: exact resumption, early stop, divergence, and what it leaves behind."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from napari_spatialrecon.errors import CheckpointError, DivergedError
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.training.config import LoopConfig
from napari_spatialrecon.training.loop import train
from napari_spatialrecon.training.team import share_gradients

FULL = LoopConfig(
    steps=24,
    learning_rate=1e-2,
    weight_decay=1e-2,
    schedule="onecycle",
    ema=0.9,
    validate_every=3,
    patience=4,
    checkpoint_every=5,
)


LONG = LoopConfig(steps=300, learning_rate=1e-2, validate_every=50)


class Fit:
    """Fit a noisy line with dropout, batch statistics and noise from the generator."""

    baseline = 1.0

    def __init__(self, seed: int = 0) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.module: nn.Module = nn.Sequential(
                nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1)
            )
        generator = torch.Generator().manual_seed(0)
        self.x = torch.randn(64, 4, generator=generator)
        self.y = self.x[:, :1] + 0.3 * torch.randn(64, 1, generator=generator)

    def loss(self, step, generator):
        rows = torch.randint(0, 48, (16,), generator=generator)
        noise = 0.1 * torch.randn(16, 4, generator=generator)
        error = nn.functional.mse_loss(self.module(self.x[rows] + noise), self.y[rows])
        return error, {"error": error}

    def held_out(self):
        predicted = self.module(self.x[48:])
        return {"held_out": nn.functional.mse_loss(predicted, self.y[48:]).item()}


class Scripted(Fit):
    """A task whose held-out errors are given."""

    def __init__(self, errors) -> None:
        super().__init__()
        self.errors = iter(errors)
        self.seen: list[dict[str, torch.Tensor]] = []

    def held_out(self):
        assert not self.module.training
        assert not torch.is_grad_enabled()
        self.seen.append(weights(self))
        return {"held_out": next(self.errors)}


def weights(task) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in task.module.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def stop_after(steps: int) -> Reporter:
    """A reporter whose user presses Stop once `steps` steps are done."""
    asked = iter(range(10**6))
    return Reporter(should_stop=lambda: next(asked) >= steps)


def run(task, config=FULL, *, seed=3, reporter=None, **options):
    return train(task, config, seed=seed, reporter=reporter or Reporter(), **options)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    first=st.integers(0, 23),
    second=st.integers(0, 23),
    ema=st.sampled_from([0.0, 0.9]),
    schedule=st.sampled_from(["constant", "cosine", "onecycle"]),
)
def test_a_run_stopped_twice_and_resumed_ends_in_the_same_bytes(
    tmp_path_factory, first, second, ema, schedule
):
    config = FULL.with_values({"ema": ema, "schedule": schedule})
    folder = tmp_path_factory.mktemp("run") / "checkpoint"
    straight, broken = Fit(), Fit()
    expected = run(straight, config)
    assert run(broken, config, folder=folder, reporter=stop_after(first)).stopped
    run(Fit(seed=9), config, folder=folder, resume=True, reporter=stop_after(second))
    resumed = Fit(seed=10)
    history = run(resumed, config, folder=folder, resume=True)
    assert same(weights(straight), weights(resumed))
    assert history == expected


def test_resuming_after_an_early_stop_changes_nothing(tmp_path):
    config = FULL.with_values({"patience": 1, "validate_every": 1, "learning_rate": 0.3})
    task = Fit()
    history = run(task, config, folder=tmp_path / "run")
    assert history.steps < config.steps
    again = Fit(seed=5)
    assert run(again, config, folder=tmp_path / "run", resume=True) == history
    assert same(weights(task), weights(again))


def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not():
    first, again, other = Fit(), Fit(), Fit()
    run(first)
    run(again)
    run(other, seed=4)
    assert same(weights(first), weights(again))
    assert not same(weights(first), weights(other))


def test_the_same_seed_gives_the_same_weights_on_several_threads():
    class Gather(Fit):
        def loss(self, step, generator):
            rows = torch.randint(0, 64, (100_000,), generator=generator)
            places = self.module(self.x)[rows]
            return (places * torch.randn(100_000, 1, generator=generator)).mean().square(), {}

    def trained() -> dict[str, torch.Tensor]:
        task = Gather()
        run(task, LoopConfig(steps=3))
        return weights(task)

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        first = trained()
        assert all(same(first, trained()) for _ in range(4))
    finally:
        torch.set_num_threads(before)


def test_the_global_random_state_is_left_as_it_was():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    run(Fit())
    assert torch.equal(torch.rand(3), expected)


def test_the_global_random_state_does_not_steer_the_run():
    first, again = Fit(), Fit()
    torch.manual_seed(1)
    run(first)
    torch.manual_seed(2)
    run(again)
    assert same(weights(first), weights(again))


def test_training_learns():
    task = Fit()
    before = float(task.held_out()["held_out"])
    history = run(task, LoopConfig(steps=200, learning_rate=1e-2))
    assert len(history.losses) == history.steps == 200
    assert history.best["held_out"] < 0.5 * before
    task.module.eval()
    assert task.held_out()["held_out"] == history.best["held_out"]


def test_early_stop_restores_the_best_weights():
    errors = [5.0, 4.0, 1.0, 2.0, math.nan, 3.0, 0.0]
    task = Scripted(errors)
    config = LoopConfig(steps=100, validate_every=2, patience=3)
    history = run(task, config)
    assert history.steps == 12
    assert history.best_step == 6
    assert not history.stopped
    assert same(weights(task), task.seen[2])
    assert not same(task.seen[2], task.seen[5])


def test_the_average_is_judged_and_kept():
    plain, averaged = Scripted([1.0] * 9), Scripted([1.0] * 9)
    config = LoopConfig(steps=9, validate_every=9)
    run(plain, config)
    run(averaged, config.with_values({"ema": 0.9}))
    assert not same(plain.seen[0], averaged.seen[0])
    assert same(weights(averaged), averaged.seen[0])


def test_without_held_out_data_the_last_weights_are_kept():
    task = Fit()
    task.held_out = lambda: None
    history = run(task)
    assert history.best_step is None
    assert history.best == {}
    assert history.steps == FULL.steps


class Breaks(Fit):
    """A task whose named term stops being finite at a step."""

    def __init__(self, at: int, value: float = math.nan) -> None:
        super().__init__()
        self.at, self.value = at, value

    def loss(self, step, generator):
        error, _ = super().loss(step, generator)
        kl = error * (self.value if step == self.at else 0.0)
        return error + kl, {"error": error, "kl": kl}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_names_its_step_and_term(value):
    with pytest.raises(DivergedError, match=r"kl not finite at step 7.*Try a learning_rate below"):
        run(Breaks(7, value))


def test_divergence_keeps_the_last_good_checkpoint(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(DivergedError, match="last checkpoint is kept"):
        run(Breaks(7), folder=folder)
    healed, straight = Breaks(at=-1), Breaks(at=-1)
    assert run(healed, folder=folder, resume=True).steps == FULL.steps
    run(straight)
    assert same(weights(healed), weights(straight))


def test_a_gradient_that_is_not_finite_is_found_before_it_spoils_the_weights():
    class Root(Fit):
        def loss(self, step, generator):
            value = (self.module[0].weight * 0).sum().sqrt()
            return value, {}

    task = Root()
    before = weights(task)
    with pytest.raises(DivergedError, match="gradient not finite at step 0"):
        run(task)
    assert same(weights(task), before)


def test_the_task_has_its_own_module_back_even_after_an_error():
    task = Breaks(0)
    module = task.module
    with pytest.raises(DivergedError):
        run(task)
    assert task.module is module


@pytest.mark.parametrize("held_out", [True, False])
def test_the_curves_of_a_resumed_run_are_those_of_a_straight_one(tmp_path, monkeypatch, held_out):
    if not held_out:
        monkeypatch.setattr(Fit, "held_out", lambda self: None)
    straight, first, second = Reporter(), stop_after(10), Reporter()
    run(Fit(), reporter=straight)
    for reporter in (first, second):
        run(Fit(), folder=tmp_path / "run", resume=reporter is second, reporter=reporter)
    assert len(first.history) < len(second.history)
    assert second.history == straight.history


def test_a_run_resumes_only_with_what_was_asked_of_it(tmp_path):
    folder = tmp_path / "run"
    run(Fit(), folder=folder, reporter=stop_after(2))
    with pytest.raises(CheckpointError, match=r"learning_rate = 0\.01, found 0\.5"):
        run(Fit(), FULL.with_values({"learning_rate": 0.5}), folder=folder, resume=True)
    with pytest.raises(CheckpointError, match="seed = 3, found 4"):
        run(Fit(), folder=folder, resume=True, seed=4)


def test_a_run_does_not_resume_into_another_network(tmp_path):
    folder = tmp_path / "run"
    run(Fit(), folder=folder, reporter=stop_after(2))
    other = Fit()
    other.module = nn.Linear(4, 1)
    with pytest.raises(CheckpointError, match="weights of this network"):
        run(other, folder=folder, resume=True)


def test_progress_tells_the_stage_the_loss_and_the_held_out_error():
    seen = []
    run(Fit(), reporter=Reporter(seen.append, interval_s=0.0), stage="Encoding")
    assert {moment.stage for moment in seen[1:]} == {"Encoding"}
    assert seen[-1].step == seen[-1].total == FULL.steps
    assert {"loss", "error", "held_out", "baseline"} <= set(seen[-1].metrics)


def test_gradient_clipping_bounds_a_step():
    def moved(clip: float) -> float:
        task = Fit()
        before = weights(task)["0.weight"]
        run(task, LoopConfig(steps=2, gradient_clip=clip, learning_rate=0.1))
        return float((weights(task)["0.weight"] - before).norm())

    assert moved(1e-9) < 0.6 * moved(0.0)


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [("constant", (1, 1, 1)), ("cosine", (1, 0.5, 0)), ("onecycle", (0.04, 0.8117, 0))],
)
def test_the_learning_rate_follows_its_schedule(schedule, shares):
    config = LoopConfig(steps=100, learning_rate=2.0, schedule=schedule)
    rates = [config.learning_rate_at(step) for step in (0, 50, 100)]
    assert rates == pytest.approx([2 * share for share in shares], abs=1e-3)


def test_a_checkpoint_of_a_run_holds_no_pickle(tmp_path):
    folder: Path = tmp_path / "run"
    run(Fit(), folder=folder)
    assert {p.suffix for p in folder.iterdir()} == {".json", ".safetensors", ".txt"}


@pytest.mark.skipif(sys.platform != "linux", reason="forks processes")
def test_two_devices_train_one_network_and_resume_exactly(tmp_path):
    script = Path(__file__).with_name("two_devices.py")
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, capture_output=True)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    alone = Fit()
    run(alone)
    assert first["resumed_is_straight"]
    assert first == second
    assert first["weight"] != alone.module[0].weight.tolist()
    long = Fit()
    run(long, LONG)
    assert first["held_out"] == pytest.approx(long.held_out()["held_out"], rel=0.25)
    start = Fit().held_out()["held_out"]
    assert first["held_out"] < 0.3 * start
    history = run(Fit(seed=5), folder=tmp_path / "of two", resume=True)
    assert history.steps == FULL.steps or history.stale >= FULL.patience


def grown(weight: float | None, extra: float | None) -> nn.Module:
    """A network of two weights, with gradients or without."""
    module = nn.ParameterDict({"a": torch.zeros(2), "b": torch.zeros(1), "c": torch.zeros(1)})
    for name, value in (("a", weight), ("b", extra)):
        module[name].grad = None if value is None else torch.full_like(module[name], value)
    return module


def test_gradients_are_means_and_what_no_process_has_stays_none(monkeypatch):
    here, there = grown(1.0, None), grown(3.0, 4.0)
    sent: list[torch.Tensor] = []
    monkeypatch.setattr(torch.distributed, "all_reduce", sent.append)
    fabric = SimpleNamespace(world_size=2, device=torch.device("cpu"))
    share_gradients(fabric, there)
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda flat: flat.add_(2 * sent[0]))
    share_gradients(fabric, here)
    assert here["a"].grad.tolist() == [2.0, 2.0]
    assert here["b"].grad.tolist() == [2.0] and here["c"].grad is None
