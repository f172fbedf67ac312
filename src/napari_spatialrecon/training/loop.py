"""The training loop.

All randomness of a step comes from the seed and the step number, so there is no random state to
save: a run that was stopped and resumed gives exactly the same bytes as an uninterrupted one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import Tensor, nn

from napari_spatialrecon.errors import DivergedError
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.training.config import LoopConfig
from napari_spatialrecon.training.history import History
from napari_spatialrecon.training.randomness import repeatable, seed_step
from napari_spatialrecon.training.state import State, snapshot
from napari_spatialrecon.training.team import share_gradients, share_weights, team


class Task(Protocol):
    """What a method passes to `train`.

    A task may also have ``baseline: float | None``, the held-out
    error of the simplest predictor, which is reported next to the held-out error.
    """

    module: nn.Module

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the loss of a step (a scalar) and its named terms.

        `generator` is on the training device and depends only on the seed and `step`; batches and
        noise are drawn from it.
        """

    def held_out(self) -> Mapping[str, float] | None:
        """Return ``held_out``, the error to minimise, and other metrics; None if there are none.

        Called without gradients, in evaluation mode, with the averaged weights if `ema` is on.
        """


def train(
    task: Task,
    config: LoopConfig,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    reporter: Reporter,
    folder: Path | None = None,
    resume: bool = False,
    stage: str = "Training",
    fabric: Fabric | None = None,
) -> History:
    """Train `task.module` and load the best weights (without held-out data, the last).

    Parameters
    ----------
    folder
        Folder for checkpoints: written every `checkpoint_every` steps, on a stop and at the end.
    resume
        Continue from the checkpoint in `folder`.
    stage
        Name of this stage in progress reports.
    fabric
        A launched `Fabric` over several devices, whose processes all call this; by default that
        of `team`, or one local device.

    Raises
    ------
    DivergedError
        A loss or gradient is not finite. The last checkpoint is kept.
    CheckpointError
        `folder` cannot be resumed by this run.
    """
    fabric = fabric or team() or _one_device(torch.device(device))
    module = task.module.to(fabric.device)
    if fabric.world_size > 1:
        share_weights(module)
    optimizer = torch.optim.AdamW(
        module.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=fabric.device.type in ("cpu", "cuda"),
    )
    state = State(module, optimizer, config.ema)
    asked = {**config.to_dict(), "seed": seed}
    if resume:
        assert folder is not None, "resume needs a folder"
        state.load(folder, asked)
    run = _Run(task, config, seed, fabric, state, reporter, folder, asked)
    try:
        with repeatable(fabric.device):
            run.go(stage)
    finally:
        module.eval()
    state.keep_best()
    return state.history


@dataclass
class _Run:
    task: Task
    config: LoopConfig
    seed: int
    fabric: Fabric
    state: State
    reporter: Reporter
    folder: Path | None
    asked: Mapping[str, Any]

    def go(self, stage: str) -> None:
        config, history, reporter = self.config, self.state.history, self.reporter
        generator = torch.Generator(self.fabric.device)
        reporter.begin(stage, config.steps)
        self._recall()
        self._shown = -math.inf
        saved = history.steps or None
        self.state.module.train()
        while history.steps < config.steps and not self._out_of_patience:
            if self.fabric.broadcast(reporter.stop_requested):
                history.stopped = True
                break
            metrics = self._step(generator)
            looked = self._looks(history.steps)
            if looked:
                metrics |= self._validate()
            reporter.step(history.steps, at_once=looked, **metrics)
            if config.checkpoint_every and history.steps % config.checkpoint_every == 0:
                self._save()
                saved = history.steps
        if saved != history.steps:
            self._save()

    def _recall(self) -> None:
        """Tell the reporter of the steps before the run was resumed, whose curves it keeps."""
        history = self.state.history
        for step, loss in enumerate(history.losses, start=1):
            found = self._beside(history.held_out.get(step, {})) if self._looks(step) else {}
            self.reporter.recall(step, loss=loss, **found)

    def _looks(self, step: int) -> bool:
        """Return whether held-out data are looked at after a step."""
        return step % self.config.validate_every == 0 or step == self.config.steps

    @property
    def _out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self.state.history.stale

    def _step(self, generator: torch.Generator) -> dict[str, float]:
        """Do one step; return the metrics to report."""
        history = self.state.history
        step = history.steps
        seed_step(self.seed, step, self.fabric.global_rank, generator)
        for group in self.state.optimizer.param_groups:
            group["lr"] = self.config.learning_rate_at(step)
        self.state.optimizer.zero_grad(set_to_none=True)
        loss, terms = self.task.loss(step, generator)
        loss.backward()
        if self.fabric.world_size > 1:
            share_gradients(self.fabric, self.state.module)
        limit = self.config.gradient_clip or math.inf
        norm = nn.utils.clip_grad_norm_(self.state.module.parameters(), limit)
        value, size = torch.stack((loss.detach(), norm.to(loss.dtype))).tolist()
        if not (math.isfinite(value) and math.isfinite(size)):
            raise self._diverged(value, terms)
        self.state.optimizer.step()
        history.steps += 1
        history.losses.append(value)
        if self.state.average is not None:
            self.state.average.update(history.steps)
        return {"loss": value, **self._shown_terms(terms)}

    def _shown_terms(self, terms: Mapping[str, Tensor | float]) -> dict[str, float]:
        """Read the loss terms only when they are reported, since reading waits for the GPU."""
        now = time.monotonic()
        if now - self._shown < 0.1:
            return {}
        self._shown = now
        return {name: _number(term) for name, term in terms.items()}

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        state = self.state
        if state.average is not None:
            state.average.swap()
        state.module.eval()
        metrics = self.fabric.broadcast(self.task.held_out())
        if metrics is not None and state.history.record(metrics):
            state.best = snapshot(state.module)
        state.module.train()
        if state.average is not None:
            state.average.swap()
        return self._beside(metrics or {})

    def _beside(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Return metrics of held-out data with the baseline's, if the task has one."""
        baseline = getattr(self.task, "baseline", None)
        return {**metrics, **({} if baseline is None else {"baseline": baseline})}

    def _save(self) -> None:
        if self.folder is not None and self.fabric.is_global_zero:
            self.state.save(self.folder, self.asked)

    def _diverged(self, loss: float, terms: Mapping[str, Tensor | float]) -> DivergedError:
        step = self.state.history.steps
        bad = [name for name, term in terms.items() if not math.isfinite(_number(term))]
        name = ", ".join(bad) or ("gradient" if math.isfinite(loss) else "loss")
        kept = self.folder is not None and self.folder.exists()
        remedy = f"Try a learning_rate below {self.config.learning_rate:g}."
        if kept:
            remedy += f" The last checkpoint is kept in {self.folder}."
        return DivergedError(
            f"Expected finite values, found {name} not finite at step {step}.", remedy=remedy
        )


def _number(term: Tensor | float) -> float:
    return float(torch.as_tensor(term).detach())


def _one_device(device: torch.device) -> Fabric:
    devices = 1 if device.type == "cpu" else [device.index or 0]
    return Fabric(accelerator=device.type, devices=devices, plugins=[LightningEnvironment()])
