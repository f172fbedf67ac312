"""Base class of placement methods."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.methods.method import Estimate, Fitted, Method
from napari_spatialrecon.methods.placement.calibration import LEVELS, Calibration, Stated
from napari_spatialrecon.methods.placement.earlier import in_true_um
from napari_spatialrecon.methods.placement.held_out import ENOUGH, MOST_SPOTS, PARTS, SHARE
from napari_spatialrecon.methods.placement.reference import Reference
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig
from napari_spatialrecon.training.checkpoint import Checkpoint

Points = NDArray[np.float64]

#: Seconds per pair of spot and cell, per selected gene of a spot or cell, and per gene of one.
_PER_PAIR, _PER_SELECTED, _PER_GENE = 5e-9, 2e-7, 2e-8
#: Seconds per value of spots that is exchanged to calibrate expected errors.
_PER_EXCHANGE = 5e-8
#: What fitting features to three quarters of the spots takes of all reading.
_PER_QUARTER = 0.4
#: Bytes of every run, and bytes per selected gene of a spot or cell.
_FIXED_BYTES, _PER_VALUE = 3.8e8, 5.0
#: First format of saved models whose µm are true.
_TRUE_UM = 2


@dataclass(frozen=True)
class Placement:
    """Placement of the cells of a query.

    Parameters
    ----------
    coordinates : (n_cells, 2) float, (x, y)
        In the frame and unit of the reference slide chosen for display.
    uncertainty : (n_cells,) float
        Spread of a cell's likely places, same unit: it ranks cells, and is no error.
    layout : (n_cells, 2) float
        The layout before registration to a slide, centred, same unit.
    pose
        Registers `layout` to the slide.
    diagnostics
        Measures of the reliability of the result.
    notes
        Messages for the user.
    warnings
        Messages that speak against the result.
    geometry : (n_cells, 2) float, optional
        Intrinsic coordinates, centred, in µm of the reference's scale (its unit where unknown).
    distances : (n_cells, n_cells) sparse, optional
        Consensus distances of patches, same unit, symmetric.
    per_cell : arrays (n_cells,)
        Diagnostics of each cell by name, for instance ``out_of_domain``.
    per_patch : arrays (n_patches,)
        Diagnostics of each patch by name.
    mapping : (n_cells, n_spots) sparse, optional
        Probability that a cell belongs to a spot; rows sum to 1, columns are the spots of all
        slides in order.
    stated
        Expected errors and 90% radii, same unit, as calibrated on held-out spots; None where they
        cannot be calibrated.
    """

    coordinates: Points
    uncertainty: NDArray[np.float64]
    layout: Points
    pose: Pose
    diagnostics: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    geometry: Points | None = None
    distances: csr_matrix | None = None
    per_cell: dict[str, NDArray[Any]] = field(default_factory=dict)
    per_patch: dict[str, NDArray[Any]] = field(default_factory=dict)
    mapping: csr_matrix | None = None
    stated: Stated | None = None


@dataclass(frozen=True)
class PlacementSizes:
    """Size of a placement task; `spots` counts those of all slides."""

    slides: int
    spots: int
    cells: int
    genes: int

    @classmethod
    def of(cls, slides: Sequence[Prepared], query: Prepared | None, genes: int) -> Self:
        """Return the size of placing a query, if there is one, with the genes that all share."""
        cells = 0 if query is None else query.adata.n_obs
        return cls(len(slides), sum(s.adata.n_obs for s in slides), cells, genes)


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedPlacement(Fitted):
    """Result of fitting a placement method to slides.

    Parameters
    ----------
    reference
        The slides in the method's feature space.
    held_out
        Errors on random held-out spots: the stress (see `HeldOut.stress`) of ``method`` (absent
        for the baseline itself) and ``baseline``; in µm, the median distance from the true
        places: ``method_um``, ``baseline_um``, and ``center_um`` of all spots at the tissue's
        center (absent where the size is unknown); ``gain`` and ``gain_noise`` (see
        `Yardsticks.beside`). Empty where the slides are too small to hold spots out. Models
        saved earlier have ``method`` and ``baseline`` only.
    calibration
        How far off held-out spots are placed; None with too few, and in models saved earlier.
    """

    reference: Reference
    held_out: dict[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None


class PlacementMethod(Method):
    """A method that places cells: `fit` on slides, then `place` a query."""

    fitted: FittedPlacement

    @property
    def reference(self) -> Reference:
        """The slides in the method's feature space."""
        return self.fitted.reference

    @property
    def held_out(self) -> dict[str, float]:
        """Errors on held-out spots; see `FittedPlacement`."""
        return self.fitted.held_out

    def estimate(self, sizes: PlacementSizes) -> Estimate:
        """Return the estimated cost of fitting and placing.

        Raises
        ------
        InputError
            The run does not fit into free memory.
        """
        rows = sizes.spots + sizes.cells
        preprocess = getattr(self.config, "preprocess", PreprocessConfig())
        selected = rows * min(sizes.genes, preprocess.top_genes)
        reading = _PER_SELECTED * selected + _PER_GENE * rows * sizes.genes
        placed = min(SHARE * sizes.spots, MOST_SPOTS * sizes.slides)
        exchanged = min(sizes.spots, 4 * MOST_SPOTS * sizes.slides) * selected / max(rows, 1)
        rehearsal = LEVELS * (_PER_PAIR * sizes.spots * placed + _PER_EXCHANGE * exchanged)
        others = 0 if placed >= ENOUGH else PARTS - 1
        return Estimate(
            2.0
            + (1 + _PER_QUARTER * others) * reading
            + (1 + others) * rehearsal
            + _PER_PAIR * sizes.spots * sizes.cells,
            _FIXED_BYTES + _PER_VALUE * selected,
        )

    @abstractmethod
    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        run: Run | None = None,
    ) -> Self:
        """Fit to reference slides, and to the query's expression if given.

        Raises
        ------
        Stopped
            The user stopped the run; its folder can be resumed.
        """

    def to(self, device: str) -> None:
        """Compute on this device from now on; most methods place in no time on the CPU."""

    @abstractmethod
    def place(
        self, query: Prepared, *, display: int = 0, reporter: Reporter | None = None
    ) -> Placement:
        """Place cells; `display` is the number of the reference slide to register them to."""

    def impute(
        self,
        query: Prepared,
        landmarks: Landmarks,
        *,
        um_per_unit: float | None = None,
        learned: bool = False,
        reporter: Reporter | None = None,
    ) -> Placement:
        """Place all cells given the places of some; only for methods that support the task.

        Parameters
        ----------
        landmarks
            Rows of the prepared query, and places (x, y) in the frame and unit of the result.
        um_per_unit
            Size of that unit; if None, that of the first reference slide.
        learned
            Whether the method was fitted on the landmarks, so that they are its spots.
        """
        raise InputError(f"Expected a method that takes landmarks, found {self.name}.")

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Write the fitted method as a checkpoint folder."""

    def _described(self) -> dict[str, Any]:
        """Return what a checkpoint saves besides arrays and config, for JSON."""
        return {
            "slides": self.reference.describe(),
            "held_out": self.held_out,
            "notes": self.notes,
            "calibration": None if (own := self.fitted.calibration) is None else own.to_dict(),
        }

    @classmethod
    @abstractmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a checkpoint folder.

        Raises
        ------
        CheckpointError
            The checkpoint is damaged, from a newer version, or of another method.
        """


def restored(checkpoint: Checkpoint, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Return what all placement methods save in a checkpoint, as arguments of `FittedPlacement`.

    Parameters
    ----------
    arrays
        Arrays of the reference.
    """
    extra, notes = checkpoint.extra, tuple[str, ...]()
    genes = GeneNames.parse(checkpoint.genes)
    reference = Reference.from_arrays(genes, extra["slides"], arrays)
    if checkpoint.format < _TRUE_UM:
        reference, notes = in_true_um(reference, checkpoint.folder)
    return {
        "reference": reference,
        "held_out": extra["held_out"],
        "calibration": Calibration.from_dict(extra.get("calibration")),
        "notes": (*extra["notes"], *notes),
    }
