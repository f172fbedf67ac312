"""GEARS, the user's class: fit the geometry model on slides, place cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_spatialrecon.methods.ensemble import EnsembleMethod, Run
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.patchwise import lay_out
from napari_spatialrecon.methods.gears.task import GeometryNetwork, GeometryTask
from napari_spatialrecon.methods.held_out import HeldOut
from napari_spatialrecon.methods.placement import Placement
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
        """Return each network's layout, in one shot or stitched from patches."""
        result, found = [], []
        for number, network in enumerate(self.networks):
            reporter.check()
            assert isinstance(network, GeometryNetwork)
            laid = lay_out(network.eval(), self._inputs(number, features), self.config, reporter)
            result.append(laid.places)
            found.append(laid.diagnostics)
        self._diagnostics = {k: float(np.mean([d[k] for d in found])) for k in found[0]}
        return result

    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Place cells; the diagnostics tell how well patches agreed where there were any."""
        placement = super().place(query, display=display, reporter=reporter)
        return replace(placement, diagnostics=placement.diagnostics | self._diagnostics)
