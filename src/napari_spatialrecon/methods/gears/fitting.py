"""Fitting GEARS: the embedding of expression, and the geometry models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from napari_spatialrecon.methods.ensemble.fitting import (
    EnsembleFit,
    FittedEnsemble,
    Validated,
    oriented,
)
from napari_spatialrecon.methods.ensemble.views import Embedded
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.encoder.model import Encoder
from napari_spatialrecon.methods.gears.encoder.space import EncodedSpace
from napari_spatialrecon.methods.gears.task import GeometryNetwork, GeometryTask
from napari_spatialrecon.methods.placement.held_out import HeldOut, hold_out
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features


@dataclass(frozen=True, eq=False)
class GearsFit(EnsembleFit):
    """One fit of the geometry models.

    Parameters
    ----------
    input
        ``"pca"``, ``"encoder"``, or ``"auto"`` for whichever places held-out spots better.
    encoder
        A fitted encoder; if None, one is trained when needed.
    """

    config: GearsConfig
    input: str
    encoder: Encoder | None = None

    stops_early = False

    @property
    def validates(self) -> bool:
        """Whether spots are held out first, to measure the error or to choose the input."""
        return self.config.validate or self.input == "auto"

    @property
    def own_features(self) -> bool:
        """Whether the input is joint components."""
        return self.input == "pca"

    def fitted(self) -> FittedEnsemble:
        """Validate and train; if no spots can be held out, ``auto`` uses components."""
        if self.input == "auto" and hold_out(self.references, self.run.seed) is None:
            return replace(self, input="pca").fitted()
        return super().fitted()

    def validated(self, held_out: HeldOut, part: str = "validation") -> Validated:
        """Train one network without the held-out spots; with ``auto``, one for each input."""
        if self.input != "auto":
            return super().validated(held_out, part)
        found = {
            kind: replace(self, input=kind).validated(held_out, f"{part}-{kind}")
            for kind in ("pca", "encoder")
        }
        errors = {kind: each.errors["method"] for kind, each in found.items()}
        best = found[min(errors, key=lambda kind: errors[kind])]
        return replace(
            best,
            errors={**best.errors, **{f"method_{kind}": error for kind, error in errors.items()}},
            history=tuple(history for each in found.values() for history in each.history),
        )

    def embedded(
        self, references: Sequence[Prepared], *, whole: bool = False, part: str = "all"
    ) -> tuple[Embedded, list[Features] | None]:
        """Return slides in joint components or in an encoder's embedding."""
        if self.input == "pca":
            return super().embedded(references, whole=whole, part=part)
        encoder = self.encoder
        if encoder is None:
            run = self.run.within(f"encoder-{part}")
            encoder = Encoder(self.config.encoder).fit(references, self.query, run)
        space = EncodedSpace.of(encoder)
        features = None if self.query is None else space.transform(self.query)[0]
        embedded = oriented(Reference.embed(references, space), features)
        embedded = replace(embedded, notes=(*embedded.notes, *encoder.notes))
        return embedded, None if features is None else [features]

    def task(
        self,
        number: int,
        embedded: Embedded,
        references: Sequence[Prepared],
        noise: float,
        held_out: HeldOut | None,
    ) -> GeometryTask:
        """Return a geometry model with its training data."""
        device = self.run.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.run.seed + number)
            network = empty_network(self.config, number, embedded).to(device)
        spots = embedded.spots(self.config.sight(number, len(embedded.views)))
        features = [torch.from_numpy(f).to(device) for f in spots]
        places = [
            torch.from_numpy(p.astype(np.float32)).to(device) for p in embedded.reference.places
        ]
        share = self._noise_share(number)
        return GeometryTask(network, features, places, noise * share, self.config)

    def _noise_share(self, number: int) -> float:
        """Return a network's training noise relative to that of the first network."""
        last = max(self.config.members - 1, 1)
        return 1 + (self.config.least_noise - 1) * number / last


def empty_network(config: GearsConfig, number: int, embedded: Embedded) -> GeometryNetwork:
    """Return an untrained network of the right input width for `embedded`."""
    sight = config.sight(number, len(embedded.views))
    return GeometryNetwork(embedded.spots(sight)[0].shape[1], config, alone=sight.alone)
