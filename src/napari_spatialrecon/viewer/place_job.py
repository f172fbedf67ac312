"""One run of Place cells: what it needs, as it was when Run was pressed, and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.place_tables import Picture, Table

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.config import Config
    from napari_spatialrecon.methods.placement import PlacementMethod
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.tasks.placing import Onto
    from napari_spatialrecon.tasks.preflight import Preflight

SLIGHT_OVERLAP = 0.7
"""Below this overlap of outlines, laying one H&E on another is doubtful."""


@dataclass(frozen=True)
class Outcome:
    """What a run leaves.

    Parameters
    ----------
    adata
        The placed cells.
    record
        What `run.json` holds.
    method
        The fitted method; None after a run in another process.
    """

    adata: AnnData
    record: Mapping[str, Any]
    method: PlacementMethod | None = field(default=None, repr=False)

    @property
    def held_out(self) -> dict[str, float]:
        """Errors on held-out spots, ``method`` and ``floor``, where they are known."""
        metrics = self.record.get("metrics", {})
        found = {name: metrics.get(f"held_out_{name}") for name in ("method", "floor")}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def worse_than_floor(self) -> bool:
        """Whether kNN did as well on the held-out spots."""
        errors = self.held_out
        return len(errors) == 2 and errors["method"] >= errors["floor"]

    @property
    def verdict(self) -> str:
        """The error on held-out spots beside the floor's, in words."""
        from napari_spatialrecon.tasks.result import verdict

        return verdict(self.held_out)

    @property
    def pose(self) -> tuple[str, bool]:
        """How well the result was laid on another H&E, in words, and whether that is doubtful."""
        overlap = self.record.get("metrics", {}).get("registration_overlap")
        if overlap is None:
            return "", False
        target = self.record.get("settings", {}).get("laid_onto", "the other")
        text = f"Laid on {target} by the two images alone: outlines overlap {overlap:.0%}."
        return text, overlap < SLIGHT_OVERLAP

    def write(self, path: str | Path) -> tuple[Path, Path]:
        """Write the cells as h5ad and the record beside it as ``<name>.run.json``; return both."""
        from napari_spatialrecon.storage import atomic_file, write_json

        path = Path(path)
        if path.suffix != ".h5ad":
            raise InputError(
                f"Expected a name ending in .h5ad, found {path.name!r}.",
                remedy=f"Try {path.with_suffix('.h5ad').name}.",
            )
        record = path.with_suffix(".run.json")
        with atomic_file(path) as temporary:
            self.adata.write_h5ad(temporary)
            write_json(record, dict(self.record))
        return path, record


@dataclass(frozen=True)
class PlaceJob:
    """A run of Place cells, independent of what happens in the window meanwhile.

    Parameters
    ----------
    display
        Name of the reference in whose frame the result lies, unless `onto` is given.
    onto
        Another H&E that the result is laid on.
    folder
        Where a stopped training leaves what `resume` goes on from.
    """

    references: tuple[Table, ...]
    query: Table
    method: str
    config: Config
    preset: str
    seed: int = 0
    device: str = "auto"
    display: str | None = None
    onto: Table | Picture | None = None
    folder: Path | None = None
    resume: bool = False

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> Outcome:
        """Place the cells: long work for `viewer.worker.Run`."""
        from napari_spatialrecon.tasks.placing import place

        result = place(
            {table.name: table.adata for table in self.references},
            self.query.adata,
            method=self.method,
            config=self.config,
            seed=self.seed,
            device=self.device,
            display=self.display,
            onto=self._onto(),
            folder=self.folder,
            resume=self.resume,
            query_name=self.query.name,
            progress=progress,
            should_stop=should_stop,
        )
        result.record.settings |= self.settings()
        return Outcome(result.adata, result.record.to_dict(), result.method)

    def preflight(self) -> Preflight:
        """Check the inputs and estimate the run, without running it."""
        from napari_spatialrecon.tasks.preflight import preflight

        return preflight(
            {table.name: table.adata for table in self.references},
            self.query.adata,
            method=self.method,
            config=self.config,
            query_name=self.query.name,
        )

    def settings(self) -> dict[str, Any]:
        """Return what a record keeps besides the config."""
        asked: dict[str, Any] = {
            "preset": self.preset,
            "query": str(self.query.path or self.query.name),
            "reference": [str(table.path or table.name) for table in self.references],
        }
        if self.onto is not None:
            asked["onto"] = str(self.onto.path or self.onto.name)
        return asked

    @property
    def resumable(self) -> bool:
        """Whether a stopped run left something to go on from."""
        return self.folder is not None and any(self.folder.glob("*/manifest.json"))

    def shown(self) -> Table:
        """Return the reference whose frame the result first has."""
        return next((t for t in self.references if t.name == self.display), self.references[0])

    def _onto(self) -> Onto | None:
        from napari_spatialrecon.tasks.placing import Onto

        if self.onto is None:
            return None
        target = self.onto.table() if isinstance(self.onto, Picture) else self.onto
        images = [table.histology() for table in (self.shown(), target)]
        for image, table in zip(images, (self.shown(), target), strict=True):
            if image is None:
                raise InputError(
                    "Expected an H&E image to lay the result on, found none.",
                    remedy="Try another image under Histology.",
                    where=table.name,
                )
        return Onto(images[0], images[1], target.adata)


def hidden_error(outcome: Outcome, truth: AnnData) -> float | None:
    """Return the median distance of placed cells from where they truly lie, in µm.

    Parameters
    ----------
    truth
        The same cells by name, with coordinates in the frame of the result. None of it was read
        in the run.

    Returns
    -------
    None where no cell is known or the unit is not.
    """
    from napari_spatialrecon.tissue import contract

    scale = contract.um_per_unit(truth)
    rows = truth.obs_names.get_indexer(outcome.adata.obs_names)
    if scale is None or not (rows >= 0).any():
        return None
    placed = contract.coordinates(outcome.adata)[rows >= 0]
    off = placed - contract.coordinates(truth)[rows[rows >= 0]]
    return float(np.median(np.linalg.norm(off, axis=1))) * scale
