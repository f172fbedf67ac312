"""Public class of GEARS: fit the geometry model on slides, place cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.geometry.density import match_density
from napari_spatialrecon.geometry.reach import within_reach
from napari_spatialrecon.methods.encoders.base import ProfileSizes
from napari_spatialrecon.methods.ensemble.base import EnsembleMethod, Layouts
from napari_spatialrecon.methods.ensemble.fitting import FittedEnsemble
from napari_spatialrecon.methods.ensemble.joining import Joined, over_mean, planar
from napari_spatialrecon.methods.ensemble.views import Embedded
from napari_spatialrecon.methods.gears import cost
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.diagnostics import Diagnosed, diagnose
from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.methods.gears.encoder.model import Encoder
from napari_spatialrecon.methods.gears.encoder.space import EncodedSpace
from napari_spatialrecon.methods.gears.fitting import GearsFit, empty_network
from napari_spatialrecon.methods.gears.patchwise import lay_out
from napari_spatialrecon.methods.gears.task import GeometryNetwork
from napari_spatialrecon.methods.placement.base import Placement, PlacementSizes
from napari_spatialrecon.methods.placement.posterior import Posterior
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features
from napari_spatialrecon.training.checkpoint import Checkpoint


class Gears(EnsembleMethod):
    """Place cells by generating the geometry of sets of cells.

    Parameters
    ----------
    config
        Hyper-parameters; the quick preset if None.
    """

    name = "gears"
    config_class = GearsConfig
    config: GearsConfig

    def _network_seconds(self, sizes: PlacementSizes) -> float:
        config = self.config
        trainings = config.members + config.validate
        ways = 2 if config.input == "auto" else 1
        seconds = trainings * ways * cost.training_seconds(config)
        seconds += (
            config.members
            * max(config.refiner.samples, 1)
            * cost.sampling_seconds(config, sizes.cells)
        )
        if config.input == "pca":
            return seconds
        profiles = ProfileSizes(sizes.spots + sizes.cells, sizes.genes)
        return seconds + Encoder(config.encoder).estimate(profiles).seconds

    @property
    def input(self) -> str:
        """The input of the fitted networks, ``"pca"`` or ``"encoder"``."""
        return "encoder" if isinstance(self.reference.space, EncodedSpace) else "pca"

    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        run: Run | None = None,
        *,
        encoder: Encoder | None = None,
    ) -> Self:
        """Train the geometry models; see `PlacementMethod.fit`.

        Parameters
        ----------
        encoder
            A fitted encoder whose embedding is the input, overriding ``config.input`` (with
            ``auto`` it is still compared with joint components).
        """
        asked = self.config.input
        taken = "encoder" if encoder is not None and asked != "auto" else asked
        fit = GearsFit(self.config, references, query, run or Run(), taken, encoder)
        self.fitted = fit.fitted()
        return self

    def _empty_network(self, number: int, embedded: Embedded) -> GeometryNetwork:
        return empty_network(self.config, number, embedded)

    def layouts(self, features: Sequence[Features], reporter: Reporter) -> Diagnosed:
        """Return each network's layout, in one shot or stitched from patches."""
        found, spread = [], np.zeros(len(features[0]))
        still = self.config.density != "sample"
        sampling = self.config.with_values({"refiner.temperature": 1.0})
        for number, network in enumerate(self.networks):
            reporter.check()
            assert isinstance(network, GeometryNetwork)
            inputs, network = self._inputs(number, features), network.eval()
            laid = lay_out(network, inputs, self.config if still else sampling, reporter)
            found.append(laid)
            samples = [
                planar(lay_out(network, inputs, sampling, reporter, seed=1 + k).places)
                for k in range(self.config.refiner.samples)
            ]
            spread += laid.spread + over_mean(planar(laid.places), samples)
        return diagnose(found, self.networks, spread / len(found))

    def _joined(self, layouts: Layouts, posterior: Posterior, reporter: Reporter) -> Joined:
        """Return the joint layout, as dense as the spots if asked, without stray cells."""
        joined = super()._joined(layouts, posterior, reporter)
        places = joined.places
        if self.config.density == "transport":
            spots, share = self.reference.all_places, self.config.density_share
            places = match_density(places, spots, share=share)
        if self.config.on_tissue:
            places = within_reach(places, self.reference.places)
        return replace(joined, places=places)

    def _diagnosed(self, placement: Placement, layouts: Layouts, display: int) -> Placement:
        """Return the placement with diagnostics of the layouts and, if any, of the patches."""
        assert isinstance(layouts, Diagnosed)
        frame = self.reference.frame
        return replace(
            placement,
            geometry=placement.layout * float(frame.scales[display]),
            distances=layouts.distances(frame.radius),
            diagnostics=placement.diagnostics | layouts.numbers,
            notes=(*placement.notes, *layouts.notes),
            per_cell=placement.per_cell | layouts.per_cell,
            per_patch=layouts.per_patch,
        )

    def _described(self) -> dict[str, Any]:
        space = self.reference.space
        encoder = space.config.to_dict() if isinstance(space, EncodedSpace) else None
        return super()._described() | {"input": self.input, "encoder": encoder}

    def _restored(
        self, fitted: FittedEnsemble, checkpoint: Checkpoint, arrays: dict[str, NDArray[Any]]
    ) -> FittedEnsemble:
        if checkpoint.extra["encoder"] is None:
            return fitted
        config = EncoderConfig.from_dict(checkpoint.extra["encoder"])
        own = {k.removeprefix("space."): v for k, v in arrays.items() if k.startswith("space.")}
        space = EncodedSpace.restored(fitted.reference.space, config, own)
        reference, embedded = replace(fitted.reference, space=space), fitted.embedded
        embedded = Embedded.of(reference, embedded.directions, notes=embedded.notes)
        return replace(fitted, reference=reference, embedded=embedded)
