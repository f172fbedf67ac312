"""The state of a training run, needed to resume it as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from napari_spatialrecon.errors import CheckpointError
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint
from napari_spatialrecon.training.history import History

Weights = dict[str, Tensor]


class Average:
    """Exponential moving average of a module's weights, with faster decay at first.

    The decay after step t is ``min(decay, (1 + t) / (10 + t))``, so that the random start does not
    persist in short runs. Buffers are copied, not averaged.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._module = module
        self._decay = decay
        self._current = [p.detach() for p in module.parameters()]
        self._averaged = [p.clone() for p in self._current]

    def update(self, step: int) -> None:
        """Update with the weights after `step` steps."""
        decay = min(self._decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(self._averaged, self._current, step)

    def swap(self) -> None:
        """Swap the average and the module's weights."""
        for averaged, current in zip(self._averaged, self._current, strict=True):
            held = current.clone()
            current.copy_(averaged)
            averaged.copy_(held)


def snapshot(module: nn.Module) -> Weights:
    """Return a copy of all weights and buffers."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


class State:
    """Weights, their average, the best weights, the optimizer's moments and the history."""

    def __init__(self, module: nn.Module, optimizer: torch.optim.Optimizer, ema: float) -> None:
        self.module = module
        self.optimizer = optimizer
        self.average = Average(module, ema) if ema else None
        self.best: Weights = {}
        self.history = History()

    def averaged(self) -> Weights:
        """Return a copy of the weights used for evaluation: averaged, if there is an average."""
        if self.average is None:
            return snapshot(self.module)
        self.average.swap()
        weights = snapshot(self.module)
        self.average.swap()
        return weights

    def keep_best(self) -> None:
        """Load the best weights into the module; the last ones if nothing was held out."""
        self.module.load_state_dict(self.best or self.averaged())

    def save(self, folder: Path, asked: Mapping[str, Any]) -> None:
        """Write the state to `folder`, with the settings `asked` of the run."""
        groups = {"module": snapshot(self.module), "best": self.best}
        if self.average is not None:
            groups["average"] = self.averaged()
        for index, moments in self.optimizer.state_dict()["state"].items():
            groups[f"optimizer.{index}"] = moments
        tensors = {f"{g}/{name}": t for g, group in groups.items() for name, t in group.items()}
        save_checkpoint(
            folder,
            method="training",
            config=asked,
            tensors=tensors,
            extra={"history": self.history.to_dict()},
        )

    def load(self, folder: Path, asked: Mapping[str, Any]) -> None:
        """Load the state from `folder`.

        Raises
        ------
        CheckpointError
            The folder is damaged, or was written by a run with other settings.
        """
        saved = load_checkpoint(folder, method="training")
        self._require(saved.config, asked, folder)
        groups: dict[str, Weights] = {}
        for key, tensor in saved.tensors.items():
            group, _, name = key.partition("/")
            groups.setdefault(group, {})[name] = tensor
        try:
            if self.average is not None:
                self.module.load_state_dict(groups["average"])
                self.average.swap()
            self.module.load_state_dict(groups["module"])
        except (RuntimeError, KeyError) as error:
            raise CheckpointError(
                "Expected the weights of this network, found those of another one.",
                remedy="Try the data and the config of the run that was stopped.",
                where=str(folder),
            ) from error
        device = next(self.module.parameters()).device
        self.best = {name: t.to(device) for name, t in groups.get("best", {}).items()}
        self.history = History.from_dict(saved.extra["history"])
        self.history.stopped = False
        content = self.optimizer.state_dict()
        content["state"] = {
            int(group.partition(".")[2]): moments
            for group, moments in groups.items()
            if group.startswith("optimizer.")
        }
        self.optimizer.load_state_dict(content)

    @staticmethod
    def _require(saved: Mapping[str, Any], asked: Mapping[str, Any], folder: Path) -> None:
        for name, value in asked.items():
            if saved.get(name) != value:
                raise CheckpointError(
                    f"Expected the run to continue with {name} = {saved.get(name)!r}, "
                    f"found {value!r}.",
                    remedy="Try the settings of the run that was stopped.",
                    where=str(folder),
                )
