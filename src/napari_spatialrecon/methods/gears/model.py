"""GEARS, the user's class: fit the geometry model on slides, place cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.geometry.density import match_density
from napari_spatialrecon.methods.ensemble.base import EnsembleMethod
from napari_spatialrecon.methods.ensemble.joining import Joined, over_mean, planar
from napari_spatialrecon.methods.ensemble.task import Run
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.diagnostics import Diagnosed, diagnose
from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.methods.gears.encoder.model import Encoder
from napari_spatialrecon.methods.gears.encoder.space import EncodedSpace
from napari_spatialrecon.methods.gears.patchwise import lay_out
from napari_spatialrecon.methods.gears.task import GeometryNetwork, GeometryTask
from napari_spatialrecon.methods.placement.base import Placement
from napari_spatialrecon.methods.placement.held_out import HeldOut, hold_out
from napari_spatialrecon.methods.placement.posterior import Posterior
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features
from napari_spatialrecon.training.history import History


class Gears(EnsembleMethod):
    """Places cells by generating geometry, set by set.

    Parameters
    ----------
    config
        Hyper-parameters; the quick preset if None.

    Attributes
    ----------
    input
        What expression became, ``"pca"`` or ``"encoder"``, once fitted.
    """

    name = "gears"
    config_class = GearsConfig
    config: GearsConfig
    stops_early = False
    input: str = "pca"
    _given: Encoder | None = None
    _encoder_config: EncoderConfig | None = None
    _diagnosed: Diagnosed

    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        *,
        seed: int = 0,
        device: str = "cpu",
        reporter: Reporter | None = None,
        folder: Path | None = None,
        resume: bool = False,
        encoder: Encoder | None = None,
    ) -> Self:
        """Train the geometry models; see `PlacementMethod.fit`.

        Parameters
        ----------
        encoder
            A fitted encoder whose embedding is the input, instead of what ``config.input`` says
            (with ``auto`` it is still compared with joint components).
        """
        self._given = encoder
        asked = self.config.input
        self.input = "encoder" if encoder is not None and asked != "auto" else asked
        if asked == "auto" and hold_out(references, seed) is None:
            self.input = "pca"
        return super().fit(
            references,
            query,
            seed=seed,
            device=device,
            reporter=reporter,
            folder=folder,
            resume=resume,
        )

    @property
    def _validates(self) -> bool:
        return self.config.validate or self.input == "auto"

    def _validate(
        self, held_out: HeldOut, query: Prepared | None, run: Run, name: str = "validation"
    ) -> History:
        """Train one network without the held-out spots; with ``auto``, one for each input."""
        if self.input != "auto":
            return super()._validate(held_out, query, run, name)
        errors, found = {}, {}
        for kind in ("pca", "encoder"):
            self.input = kind
            history = super()._validate(held_out, query, run, f"{name}-{kind}")
            errors[kind] = self.held_out["method"]
            found[kind] = (history, self.held_out)
        self.input = min(errors, key=lambda kind: errors[kind])
        history, held = found[self.input]
        self.held_out = {**held, **{f"method_{kind}": error for kind, error in errors.items()}}
        return history

    def _embed(
        self, references: Sequence[Prepared], query: Prepared | None, run: Run, name: str
    ) -> list[Features] | None:
        """Set the reference, in joint components or in an encoder's embedding."""
        self._encoder_config = None
        if self.input == "pca":
            return super()._embed(references, query, run, name)
        encoder = self._given or self._trained_encoder(references, query, run, name)
        self._encoder_config = encoder.config
        space = EncodedSpace.of(encoder)
        features = None if query is None else space.transform(query)[0]
        self._oriented(Reference.embed(references, space), features)
        self.second = None
        self.notes = (*self.notes, *encoder.notes)
        return None if features is None else [features]

    def _trained_encoder(
        self, references: Sequence[Prepared], query: Prepared | None, run: Run, name: str
    ) -> Encoder:
        folder = None if run.folder is None else run.folder / f"encoder-{name}"
        try:
            return Encoder(self.config.encoder).fit(
                references,
                query,
                seed=run.seed,
                device=run.device,
                reporter=run.reporter,
                folder=folder,
                resume=run.resume,
            )
        except Stopped as stopped:
            raise Stopped(checkpoint="" if run.folder is None else str(run.folder)) from stopped

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
        noise *= self._noise_share(number)
        features = [torch.from_numpy(f).to(run.device) for f in self._spots(number)]
        places = [
            torch.from_numpy(p.astype(np.float32)).to(run.device) for p in self.reference.places
        ]
        return GeometryTask(network, features, places, noise, self.config)

    def _empty_network(self, number: int) -> GeometryNetwork:
        n_features = self._spots(number)[0].shape[1]
        return GeometryNetwork(n_features, self.config, alone=self._alone(number))

    def _alone(self, number: int) -> bool:
        """Return whether a network sees each cell alone.

        Of four, the second and third: either kind then sees components and directions, and both
        scalings.
        """
        kind = self.config.attention
        return kind == "none" or (kind == "mixed" and number % 4 in (1, 2))

    def _noise_share(self, number: int) -> float:
        """Return the share of the noise that a network is trained with, 1 for the first."""
        last = max(self.config.members - 1, 1)
        return 1 + (self.config.least_noise - 1) * number / last

    def layouts(
        self, features: Sequence[Features], reporter: Reporter
    ) -> list[NDArray[np.float64]]:
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
        self._diagnosed = diagnose(found, self.networks, spread / len(found))
        return [laid.places for laid in found]

    def _joined(
        self, features: Sequence[Features], posterior: Posterior, reporter: Reporter
    ) -> Joined:
        """Return one layout, its uncertainty with what patches and samples say of it."""
        joined = super()._joined(features, posterior, reporter)
        places, config = joined.places, self.config
        if config.density == "transport":
            places = match_density(places, self.reference.all_places, share=config.density_share)
        variance = joined.variance + self._diagnosed.spread
        return replace(joined, places=places, variance=variance)

    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Place cells; the diagnostics tell how well patches agreed where there were any."""
        placement = super().place(query, display=display, reporter=reporter)
        frame, found = self.reference.frame, self._diagnosed
        return replace(
            placement,
            geometry=placement.layout * float(frame.scales[display]),
            distances=found.distances(frame.radius),
            diagnostics=placement.diagnostics | found.numbers,
            notes=(*placement.notes, *found.notes),
            per_cell=placement.per_cell | found.per_cell,
            per_patch=found.per_patch,
        )

    def _described(self) -> dict[str, Any]:
        config = self._encoder_config
        return super()._described() | {
            "input": self.input,
            "encoder": None if config is None else config.to_dict(),
        }

    def _restore(self, extra: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        self.input = extra["input"]
        if extra["encoder"] is None:
            return
        self._encoder_config = EncoderConfig.from_dict(extra["encoder"])
        own = {k.removeprefix("space."): v for k, v in arrays.items() if k.startswith("space.")}
        space = EncodedSpace.restored(self.reference.space, self._encoder_config, own)
        self.reference = replace(self.reference, space=space)
