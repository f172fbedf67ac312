"""COME as a placement method: each cell is placed by its row of the mapping."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.faces import setting
from napari_spatialrecon.methods.come.autoencoder import Autoencoder, latents, pretrain
from napari_spatialrecon.methods.come.balance import balanced
from napari_spatialrecon.methods.come.coefficients import cosine_start
from napari_spatialrecon.methods.come.config import ComePlaceConfig
from napari_spatialrecon.methods.come.inputs import cell_counts, scaled_logs
from napari_spatialrecon.methods.come.memory import mapping_seconds, mapping_size
from napari_spatialrecon.methods.come.objective import Tables, learn_mapping
from napari_spatialrecon.methods.come.readout import (
    MappingPosterior,
    entropies,
    likeliest,
    read_out,
)
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.mixtures.base import read_types
from napari_spatialrecon.methods.placement.base import (
    FittedPlacement,
    Placement,
    PlacementMethod,
    PlacementSizes,
    restored,
)
from napari_spatialrecon.methods.placement.calibration import LEVELS, Calibration
from napari_spatialrecon.methods.placement.composition import matched_reference
from napari_spatialrecon.methods.placement.flags import Flags
from napari_spatialrecon.methods.placement.held_out import MOST_SPOTS, SHARE, HeldOut, hold_out
from napari_spatialrecon.methods.placement.knn import align_slides, other_quarters, yardsticks
from napari_spatialrecon.methods.placement.posterior import fitted_directions, spatial_directions
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.methods.placement.rehearsal import Rehearsal, Scene
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.frame import Points
from napari_spatialrecon.tissue.preprocess import Features, exchanged
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint
from napari_spatialrecon.training.history import History


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedCome(FittedPlacement):
    """Fitted slides.

    Parameters
    ----------
    directions : (d, n_directions) float
        Directions of the features that vary in space.
    spots : (n_spots, n_genes)
        Expression in [0, 1].
    masses : (n_spots,), optional
        Number of cells in each spot, if a column states it.
    network
        The autoencoder, if a term of the objective uses latents.
    seed, device
        For training the mapping of cells.
    """

    directions: NDArray[np.float64]
    spots: Tensor
    masses: Tensor | None
    network: Autoencoder | None
    seed: int
    device: str = "cpu"


@dataclass(frozen=True)
class _Mapped:
    """Cells over all spots, how learning it went, and a note on memory."""

    posterior: MappingPosterior
    history: History
    note: str


class ComePlace(PlacementMethod):
    """Contrastive mapping of cells to spots (Wei et al. 2025), for places.

    `fit` prepares the slides and trains the autoencoder; the mapping depends on the query, so
    `place` trains it, in a few steps from its start.

    Parameters
    ----------
    config
        Hyper-parameters; the quick preset if None.
    """

    name = "come"
    config_class = ComePlaceConfig
    config: ComePlaceConfig
    fitted: FittedCome

    def estimate(self, sizes: PlacementSizes) -> Estimate:
        """Return the cost of the two mappings, of held-out spots and of the cells."""
        sides = (sizes.cells, sizes.spots, sizes.genes)
        size = mapping_size(*sides, self.config)
        tables = 4.2e8 + 69.0 * (sizes.spots + sizes.cells) * sizes.genes
        placed = min(SHARE * sizes.spots, MOST_SPOTS * sizes.slides)
        rehearsed = (LEVELS - 1) * placed / max(sizes.cells, 1)
        mappings = (2 + rehearsed) * mapping_seconds(size, *sides, self.config)
        seconds = 4e-3 * sizes.spots + mappings
        return super().estimate(sizes).plus(seconds, size.total_bytes + tables, note=size.note)

    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        run: Run | None = None,
    ) -> Self:
        """Train the autoencoder (eq. 2) and validate; see `PlacementMethod.fit`."""
        run = run or Run()
        errors: dict[str, float] = {}
        calibration: Calibration | None = None
        before: tuple[History, ...] = ()
        try:
            if (held_out := hold_out(references, run.seed)) is not None:
                errors, calibration, before = self._validated(held_out, query, run)
            fitted = self._prepared(references, query, run.within("autoencoder"), matched=True)
        except Stopped as stopped:
            folder = "" if run.folder is None else str(run.folder)
            raise Stopped(checkpoint=folder) from stopped
        self.fitted = replace(
            fitted,
            held_out=errors,
            calibration=calibration,
            history=(*before, *fitted.history),
        )
        return self

    def _prepared(
        self,
        references: Sequence[Prepared],
        query: Prepared | None,
        run: Run,
        matched: bool = False,
    ) -> FittedCome:
        run.reporter.begin("Comparing expression")
        knn = self.config.baseline
        fit = matched_reference if matched else Reference.fit
        reference, features = fit(references, query, knn.preprocess, seed=run.seed)
        directions = spatial_directions(reference, features, knn)
        reference, notes = align_slides(reference, directions, knn)
        run.reporter.check()
        spots = torch.cat([_expression(reference, r) for r in references])
        network, history = None, []
        if self.config.needs_network:
            cells = None if query is None else _expression(reference, query)
            network, trained = pretrain(spots, cells, self.config, run)
            history.append(trained)
        return FittedCome(
            reference=reference,
            directions=directions,
            spots=spots,
            masses=self._masses(references),
            network=network,
            seed=run.seed,
            device=run.device,
            history=tuple(history),
            notes=notes,
        )

    def _masses(self, references: Sequence[Prepared]) -> Tensor | None:
        """Return the number of cells in each spot, if there is a column for it."""
        if not (column := self.config.cell_counts):
            return None
        found = [cell_counts(r, column) for r in references]
        return torch.from_numpy(np.concatenate(found))

    def _validated(
        self, held_out: HeldOut, query: Prepared | None, run: Run
    ) -> tuple[dict[str, float], Calibration | None, tuple[History, ...]]:
        """Place held-out spots as if they were cells; nothing has been fitted to them.

        Returns
        -------
        errors
            See `FittedPlacement.held_out`.
        calibration
            How far off they are placed.
        history
            History of each training run.
        """
        fitted = self._prepared(held_out.seen, query, run.within("validation"))
        placed, history, baseline = [], list(fitted.history), self.config.baseline
        for slide, mask in zip(held_out.whole, held_out.masks, strict=True):
            spots = fitted.reference.space.transform(slide)[0][mask]
            table = _expression(fitted.reference, slide)[torch.from_numpy(mask)]
            found = self._mapped(fitted, spots, table, None, run.reporter)
            placed.append(found.posterior.places)
            history.append(found.history)
        _, features = Reference.fit(held_out.seen, query, baseline.preprocess, seed=run.seed)
        known = yardsticks(held_out, fitted.reference, features, baseline)
        errors = {
            "method": held_out.stress(placed),
            "baseline": known.stress,
            **known.beside(known.compared(placed), fitted.reference.frame),
        }
        run.reporter.begin("Calibrating expected errors")
        others = other_quarters(held_out, query, baseline, run)
        rehearsal = Rehearsal.of(known, baseline, others, run.reporter)

        def rehearsed(scene: Scene) -> list[Points]:
            tables = [
                _exchanged(fitted.reference, stage.slide, scene.share, i)[stage.rows]
                for i, stage in enumerate(rehearsal.stages)
            ]
            return [
                self._mapped(fitted, spots, table, None, run.reporter).posterior.places
                for spots, table in zip(scene.features, tables, strict=True)
            ]

        return errors, rehearsal.calibrated(rehearsed), tuple(history)

    def to(self, device: str) -> None:
        """Map cells on this device."""
        self.fitted = replace(self.fitted, device=device)

    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Train the mapping of these cells (eq. 11) and read their positions from it."""
        reporter = reporter or Reporter()
        reference = self.reference
        features, notes = reference.space.transform(query)
        labels, label_notes = self._labels(query)
        table = _expression(reference, query)
        mapped = self._mapped(self.fitted, features, table, labels, reporter)
        posterior, size_note = mapped.posterior, mapped.note
        frame = reference.frame
        directions = self.fitted.directions
        flags = Flags.of(
            reference,
            directions,
            query,
            features,
            config=self.config.baseline,
            reporter=reporter,
        )
        radius = frame.radius_on(display)
        said = (*self.notes, *notes, *label_notes, *((size_note,) if size_note else ()))
        return Placement(
            coordinates=frame.restore(posterior.places, display),
            uncertainty=flags.domain.uncertainty(np.sqrt(posterior.variance) * radius, radius),
            layout=posterior.places * radius,
            pose=frame.pose_on(display),
            diagnostics={
                **flags.diagnostics,
                "effective_spots_median": float(np.median(np.exp(posterior.entropy))),
                "distinct_best_spots": posterior.distinct,
            },
            notes=(*said, *flags.notes),
            warnings=flags.domain.notes,
            per_cell=flags.per_cell,
            stated=flags.stated(self.fitted.calibration, posterior.places, radius),
            mapping=posterior.weights,
        )

    def _labels(self, query: Prepared) -> tuple[Tensor | None, tuple[str, ...]]:
        config = self.config
        if config.labels:
            types = read_types(query.adata, config.labels, query.name, setting("labels"))
            return torch.from_numpy(types.codes), types.notes
        if config.weights.cell_types:
            return None, ("Without cell types, the cell-type contrast (eq. 8) is omitted.",)
        return None, ()

    def _mapped(
        self,
        fitted: FittedCome,
        features: Features,
        cells: Tensor,
        labels: Tensor | None,
        reporter: Reporter,
    ) -> _Mapped:
        """Learn where cells lie among all spots."""
        config, reference = self.config, fitted.reference
        n_spots, n_genes = fitted.spots.shape
        size = mapping_size(len(cells), n_spots, n_genes, config)
        if fitted.network is not None and config.start == "latent":
            of_cells, of_spots = latents(fitted.network, cells, fitted.spots)
        else:
            of_cells, of_spots = (
                torch.from_numpy(values @ fitted.directions)
                for values in (features, reference.all_features)
            )
        start = cosine_start(
            of_cells,
            of_spots,
            over="spots",
            temperature=config.baseline.temperature,
            kept=size.kept,
            constant=config.start == "constant",
        )
        coefficients, history = learn_mapping(
            balanced(start, config.balance, fitted.masses),
            copy.deepcopy(fitted.network),
            Tables(fitted.spots, cells, labels=labels),
            config,
            Run(fitted.seed, fitted.device, reporter),
            steps=config.joint_steps(n_genes),
        )
        mapping = likeliest(coefficients, config.baseline.neighbours)
        posterior = read_out(
            mapping, reference.all_places, config.readout, fitted.seed, entropies(coefficients)
        )
        return _Mapped(posterior, history, size.note)

    def save(self, folder: str | Path) -> None:
        """Write the checkpoint folder."""
        fitted = self.fitted
        weights: dict[str, Any] = {} if fitted.network is None else fitted.network.state_dict()
        save_checkpoint(
            folder,
            method=self.name,
            config=self.config.to_dict(),
            tensors={
                **fitted.reference.arrays(),
                "directions": fitted.directions,
                "spots": fitted.spots,
                **({} if fitted.masses is None else {"masses": fitted.masses}),
                **{f"network.{k}": v for k, v in weights.items()},
            },
            genes=fitted.reference.space.genes.lines(),
            extra={**self._described(), "seed": fitted.seed},
        )

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a checkpoint folder."""
        checkpoint = load_checkpoint(folder, method=cls.name)
        method = cls(ComePlaceConfig.from_dict(checkpoint.config))
        tensors = checkpoint.tensors
        weights = {
            k.removeprefix("network."): v for k, v in tensors.items() if k.startswith("network.")
        }
        arrays: dict[str, Any] = {
            k: v.numpy() for k, v in tensors.items() if not k.startswith("network.")
        }
        spots = torch.from_numpy(arrays.pop("spots"))
        directions = fitted_directions(arrays.pop("directions"))
        masses = torch.from_numpy(arrays.pop("masses")) if "masses" in arrays else None
        network = None
        if weights:
            network = Autoencoder(spots.shape[1], method.config.network.size)
            network.load_state_dict(weights)
        method.fitted = FittedCome(
            directions=directions,
            spots=spots,
            masses=masses,
            network=network,
            seed=checkpoint.extra["seed"],
            **restored(checkpoint, arrays),
        )
        return method


def _expression(reference: Reference, prepared: Prepared) -> Tensor:
    """Return a table with the paper's normalisation, (n, n_used) in [0, 1]."""
    counts, _, _ = reference.space.counts(prepared)
    return scaled_logs(counts[:, reference.space.used])


def _exchanged(reference: Reference, prepared: Prepared, share: float, seed: int) -> Tensor:
    """Return the table with a share of each gene's values exchanged between rows."""
    values = _expression(reference, prepared).numpy()
    return torch.from_numpy(next(exchanged(values, (share,), seed=seed)))
