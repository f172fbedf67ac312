"""GEARS, the user's class: fit the geometry model on slides, place cells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from napari_spatialrecon.methods.ensemble import EnsembleMethod, Run
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.task import GeometryNetwork, GeometryTask
from napari_spatialrecon.methods.held_out import HeldOut
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features


class Gears(EnsembleMethod):
    """Places cells by generating geometry, set by set.

    Parameters
    ----------
    config
        Hyper-parameters; the quick preset if None.
    """

    name = "gears"
    config_class = GearsConfig
    config: GearsConfig
    stops_early = False

    def _task(
        self,
        number: int,
        references: Sequence[Prepared],
        noise: float,
        run: Run,
        held_out: HeldOut | None,
    ) -> GeometryTask:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed + number)
            network = self._empty_network(number).to(run.device)
        features = [
            torch.from_numpy(self._seen(number, f)).to(run.device) for f in self.reference.features
        ]
        places = [
            torch.from_numpy(p.astype(np.float32)).to(run.device) for p in self.reference.places
        ]
        return GeometryTask(network, features, places, noise, self.config)

    def _empty_network(self, number: int) -> GeometryNetwork:
        n_features = self._seen(number, self.reference.features[0]).shape[1]
        return GeometryNetwork(n_features, self.config)

    def layouts(self, features: Features, reporter: Reporter) -> list[NDArray[np.float64]]:
        """Return each network's layout: its geometry in its two principal axes."""
        result = []
        for number, network in enumerate(self.networks):
            reporter.check()
            result.append(_one_shot(network.eval(), self._inputs(number, features), self.config))
        return result


@torch.no_grad()
def _one_shot(network: nn.Module, inputs: torch.Tensor, config: GearsConfig) -> NDArray[np.float64]:
    assert isinstance(network, GeometryNetwork)
    geometry = network.geometry(inputs[None], config)[0].double().numpy()
    u, s, _ = np.linalg.svd(geometry - geometry.mean(axis=0), full_matrices=False)
    layout: NDArray[np.float64] = u[:, :2] * s[:2]
    return layout
