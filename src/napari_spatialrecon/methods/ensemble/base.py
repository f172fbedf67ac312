"""Placement methods that train several networks and join their layouts.

They share the joint layout, its pose and uncertainty, and checkpoints. Training is in `fitting`,
the inputs of each network are in `sight`. A method adds its networks, its losses and the way a
network lays out cells.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_spatialrecon.geometry.procrustes import Pose, fit_pose
from napari_spatialrecon.geometry.solver.landmarks import Landmarks, fit_scale
from napari_spatialrecon.geometry.solver.left_out import left_out_errors
from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver
from napari_spatialrecon.methods.ensemble.config import EnsembleConfig
from napari_spatialrecon.methods.ensemble.fitting import FittedEnsemble, network_inputs
from napari_spatialrecon.methods.ensemble.joining import ANCHORS, Joined, join
from napari_spatialrecon.methods.ensemble.views import Embedded, second_view
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.placement.base import (
    Placement,
    PlacementMethod,
    PlacementSizes,
    restored,
)
from napari_spatialrecon.methods.placement.calibration import (
    LEAST,
    Calibration,
    Measured,
    Stated,
    raw_spread,
)
from napari_spatialrecon.methods.placement.flags import Flags
from napari_spatialrecon.methods.placement.posterior import Posterior, fitted_directions
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features
from napari_spatialrecon.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

#: Seconds per training step and slide, and per cell whose layouts are joined.
_PER_STEP, _PER_CELL = 0.012, 3e-4
#: Tables of distances to the anchors in memory while layouts are joined, with what is made of them.
_TABLES = 2.5
#: Maximum number of landmarks that are left out in turn to calibrate expected errors.
MOST_LEFT_OUT = 200


@dataclass(frozen=True, eq=False)
class Layouts:
    """Layouts of the cells, one per network.

    Parameters
    ----------
    places : arrays (n_cells, d) float
        In units of the frame, in any pose.
    spread : (n_cells,) float, optional
        Squared spread within each network's layouts, in squared units of the frame.
    """

    places: tuple[NDArray[np.float64], ...]
    spread: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Ground:
    """Points whose distances are kept while landmarks are fixed (eq. 6-7).

    Parameters
    ----------
    places : (n_cells, d) float
        In units of the frame.
    scale
        λ refitted to the landmarks; None where it is that of the joint layout.
    errors
        Median error of left-out landmarks by name, where there was a choice.
    notes
        Messages for the user.
    """

    places: NDArray[np.float64]
    scale: float | None = None
    errors: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class EnsembleMethod(PlacementMethod):
    """Base of methods that join the layouts of several networks."""

    config: EnsembleConfig
    fitted: FittedEnsemble

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """The trained networks."""
        return self.fitted.networks

    def to(self, device: str) -> None:
        """Let the networks lay out cells on this device."""
        for network in self.networks:
            network.to(device)

    def estimate(self, sizes: PlacementSizes) -> Estimate:
        """Return the estimated cost of training the networks and placing cells."""
        joining = 8.0 * _TABLES * sizes.cells * min(ANCHORS, sizes.cells)
        seconds = self._network_seconds(sizes) + _PER_CELL * sizes.cells
        return super().estimate(sizes).plus(seconds, joining)

    def _network_seconds(self, sizes: PlacementSizes) -> float:
        """Return the seconds that all trainings take, and sampling where there is any."""
        trainings = self.config.members + self.config.validate
        slide_steps = self.config.training.steps * trainings * sizes.slides
        return slide_steps * (_PER_STEP + self._seconds_more(sizes))

    def _seconds_more(self, sizes: PlacementSizes) -> float:
        """Return the seconds per training step and slide in excess of `_PER_STEP`."""
        return 0.0

    @abstractmethod
    def _empty_network(self, number: int, embedded: Embedded) -> nn.Module:
        """Return an untrained network to load a checkpoint's weights into."""

    @abstractmethod
    def layouts(self, features: Sequence[Features], reporter: Reporter) -> Layouts:
        """Return each network's layout of cells.

        Parameters
        ----------
        features
            Features of the cells, in each view.
        """

    def _inputs(self, number: int, features: Sequence[Features]) -> Tensor:
        """Return a network's input for cells, on its device, given their features in each view."""
        inputs = network_inputs(self.config, self.fitted.embedded, number, features)
        return inputs.to(next(self.networks[number].parameters()).device)

    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Place cells by the networks' joint layout, registered to the display slide."""
        reporter, embedded = reporter or Reporter(), self.fitted.embedded
        reporter.begin("Placing cells")
        features, notes = embedded.cells(query)
        reference, directions = self.reference, embedded.directions
        flags = Flags.of(reference, directions, query, features[0], reporter=reporter)
        domain = flags.domain
        layouts = self.layouts(features, reporter)
        joined = self._joined(layouts, flags.posterior, reporter)
        frame = reference.frame
        centre = joined.places.mean(axis=0)
        radius = frame.radius_on(display)
        layout = (joined.places - centre) * radius
        pose = Pose(frame.turns[display].T, frame.restore(centre[None], display)[0])
        placement = Placement(
            coordinates=pose.apply(layout),
            uncertainty=domain.uncertainty(np.sqrt(joined.variance) * radius, radius),
            layout=layout,
            pose=pose,
            diagnostics={
                "member_disagreement": joined.disagreement * radius,
                "layout_stress": joined.stress,
                **flags.diagnostics,
            },
            notes=(*self.notes, *notes, *flags.notes),
            warnings=domain.notes,
            per_cell=flags.per_cell,
            stated=flags.stated(self.fitted.calibration, joined.places, radius),
        )
        return self._diagnosed(placement, layouts, display)

    def _diagnosed(self, placement: Placement, layouts: Layouts, display: int) -> Placement:
        """Return a placement with further diagnostics of its layouts."""
        return placement

    def _joined(self, layouts: Layouts, posterior: Posterior, reporter: Reporter) -> Joined:
        """Return the joint layout of the networks' layouts and the places by similarity."""
        reporter.begin("Laying out mean distances")
        joined = join(
            layouts.places,
            posterior,
            self.reference.all_places,
            baseline_share=self.config.baseline_share,
            spread_share=self.config.spread_share,
            reporter=reporter,
        )
        if layouts.spread is None:
            return joined
        return replace(joined, variance=joined.variance + layouts.spread)

    def impute(
        self,
        query: Prepared,
        landmarks: Landmarks,
        *,
        um_per_unit: float | None = None,
        learned: bool = False,
        reporter: Reporter | None = None,
    ) -> Placement:
        """Place all cells given the places of some (dp-VAE eq. 6-7), λ refitted to the landmarks.

        The joint layout replaces the latent: its distances are kept and the landmarks are anchors.
        """
        reporter, embedded = reporter or Reporter(), self.fitted.embedded
        reporter.begin("Solving for places")
        features, notes = embedded.cells(query)
        reference = self.reference
        flags = Flags.of(
            reference,
            embedded.directions,
            query,
            features[0],
            known=landmarks.indices if learned else None,
            reporter=reporter,
        )
        joined = self._joined(self.layouts(features, reporter), flags.posterior, reporter)
        frame = reference.frame
        trained = (um_per_unit or float(frame.scales[0])) / frame.radius
        scale = fit_scale(joined.places, landmarks, trained=trained)
        ground = self._ground(features, joined.places, landmarks, trained)
        solution = PlaceSolver(ground.places, reporter=reporter).solve(
            landmarks, scale=ground.scale or scale, reporter=reporter
        )
        uncertainty = flags.domain.uncertainty(np.sqrt(joined.variance) / scale, 1 / scale)
        uncertainty[landmarks.indices[landmarks.hard]] = 0.0
        return Placement(
            coordinates=solution.places,
            uncertainty=uncertainty,
            layout=joined.places / scale,
            pose=fit_pose(joined.places / scale, solution.places),
            stated=self._left_out(landmarks, joined.places, ground, flags, scale, learned),
            diagnostics={
                "stress": solution.stress,
                "scale": ground.scale or scale,
                **ground.errors,
                **flags.diagnostics,
            },
            notes=(*self.notes, *notes, *ground.notes, *flags.notes),
            warnings=flags.domain.notes,
            per_cell=flags.per_cell,
        )

    def _ground(
        self,
        features: Sequence[Features],
        places: NDArray[np.float64],
        landmarks: Landmarks,
        trained: float,
    ) -> Ground:
        """Return the points whose distances are kept while landmarks are fixed: the joint layout.

        Parameters
        ----------
        places : (n_cells, 2) float
            The joint layout.
        trained
            λ of training, for `fit_scale`.
        """
        return Ground(places)

    def _left_out(
        self,
        landmarks: Landmarks,
        places: NDArray[np.float64],
        ground: Ground,
        flags: Flags,
        scale: float,
        learned: bool,
    ) -> Stated | None:
        """Return expected errors, from landmarks placed by the others; None where it cannot.

        Too few landmarks tell nothing, nor do landmarks that the networks were trained on.
        """
        if learned or flags.domain.foreign or len(landmarks) < LEAST:
            return None
        points = ground.places / (ground.scale or scale)
        errors = np.array([*islice(left_out_errors(points, landmarks), MOST_LEFT_OUT)])
        known = np.isfinite(errors)
        spread = raw_spread(places, flags.posterior) / scale
        rows = landmarks.indices[: len(errors)][known]
        level = Measured(0.0, 0.0, spread[rows], errors[known])
        calibration = Calibration.fit([level])
        stated = None if calibration is None else calibration.stated(spread, 0.0)
        if stated is None:
            return None
        hard = landmarks.indices[landmarks.hard]
        stated.expected[hard] = stated.radius[hard] = 0.0
        return replace(stated, kind="landmarks")

    def save(self, folder: str | Path) -> None:
        """Write the checkpoint folder."""
        tensors = self.fitted.embedded.arrays()
        for i, network in enumerate(self.networks):
            tensors |= {f"network{i}.{k}": v for k, v in network.state_dict().items()}
        save_checkpoint(
            folder,
            method=self.name,
            config=self.config.to_dict(),
            tensors=tensors,
            genes=self.reference.space.genes.lines(),
            extra=self._described(),
        )

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a checkpoint folder."""
        checkpoint = load_checkpoint(folder, method=cls.name)
        model = cls(cls.config_class.from_dict(checkpoint.config))
        states: list[dict[str, Tensor]] = [{} for _ in range(model.config.members)]
        arrays: dict[str, Any] = {}
        for name, tensor in checkpoint.tensors.items():
            owner, _, rest = name.partition(".")
            if owner.startswith("network"):
                states[int(owner.removeprefix("network"))][rest] = tensor
            else:
                arrays[name] = tensor.numpy()
        directions = fitted_directions(arrays.pop("directions"))
        kept = restored(checkpoint, arrays)
        further = second_view(kept["reference"], arrays)
        embedded = Embedded.of(kept["reference"], directions, *further, notes=kept["notes"])
        fitted = FittedEnsemble(embedded=embedded, networks=(), **kept)
        fitted = model._restored(fitted, checkpoint, arrays)
        networks = []
        for number, state in enumerate(states):
            network = model._empty_network(number, fitted.embedded)
            network.load_state_dict(state)
            networks.append(network.eval())
        model.fitted = replace(fitted, networks=tuple(networks))
        return model

    def _restored(
        self, fitted: FittedEnsemble, checkpoint: Checkpoint, arrays: dict[str, NDArray[Any]]
    ) -> FittedEnsemble:
        """Return `fitted` with the fields that only this method saves."""
        return fitted
