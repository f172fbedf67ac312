"""Result of a simulation: slides, dissociated cells and the ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from anndata import AnnData

from napari_spatialrecon import provenance, storage
from napari_spatialrecon.geometry.procrustes import Pose
from napari_spatialrecon.tissue.h5ad import write_h5ad
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.slots import OURS, SPATIAL


@dataclass(frozen=True)
class SimulatedTissue:
    """Slides, dissociated cells and the ground truth of every cell.

    Parameters
    ----------
    tissue, config, seed
        Settings of the simulation.
    slides
        Visium spots of each section: raw counts (CSR), ``obsm["spatial"]`` (x, y) in
        full-resolution pixels, H&E and scale factors in ``uns["spatial"]``.
    single_cell_slides
        All cells of the same sections, in µm of the same slides; ``obs`` holds ``cell_type``,
        ``niche``, ``x_um`` and ``y_um`` (tissue frame), ``depth_factor`` and ``spot`` (the
        barcode of the spot that contains the cell, or an empty string).
    cells
        The dissociated cells: raw counts, ``obs["cell_type"]`` and ``obs["batch"]``, without
        positions.
    truth
        One row per dissociated cell: ``x_um``, ``y_um`` in the tissue frame, ``x``, ``y`` in the
        frame and unit of ``slides[0]``, ``cell_type``, ``niche``, ``depth_factor``.
    genes
        One row per gene: its program and the cell type or field that drives it.
    poses
        From the tissue frame (µm) to the coordinates of each slide (pixels).
    depths
        Depth z of each section in µm; the last is that of the dissociated one.
    """

    tissue: str
    config: SimulatorConfig
    seed: int
    slides: list[AnnData]
    single_cell_slides: list[AnnData]
    cells: AnnData
    truth: pd.DataFrame
    genes: pd.DataFrame
    poses: list[Pose]
    depths: list[float]

    def composition(self, number: int) -> pd.DataFrame:
        """Return the number of cells of each type in each spot of section `number` (from 0)."""
        obs = self.single_cell_slides[number].obs
        inside = obs[obs["spot"] != ""]
        counted = pd.crosstab(inside["spot"].astype(str), inside["cell_type"], dropna=False)
        return counted.reindex(self.slides[number].obs_names, fill_value=0)

    def write(self, folder: str | Path) -> list[Path]:
        """Write the tissue as files; positions of dissociated cells are only in ``truth.h5ad``.

        ``section1.h5ad``, ``section1_cells.h5ad``, … hold the slides, ``cells.h5ad`` the
        dissociated cells, ``truth.h5ad`` the same with ``obsm["spatial"]`` in the frame of
        ``section1.h5ad``, and ``simulation.json`` the config, seed and poses.

        Returns
        -------
        The files written.
        """
        answer = AnnData(self.cells.X, obs=self.truth, var=self.genes)
        answer.obsm[SPATIAL] = self.truth[["x", "y"]].to_numpy()
        answer.uns[OURS] = dict(self.slides[0].uns[OURS])
        tables = {"cells": self.cells, "truth": answer}
        for i, (slide, cells) in enumerate(zip(self.slides, self.single_cell_slides), start=1):
            tables |= {f"section{i}": slide, f"section{i}_cells": cells}
        paths = []
        for name, table in tables.items():
            paths.append(Path(folder) / f"{name}.h5ad")
            with storage.atomic_file(paths[-1]) as temporary:
                write_h5ad(temporary, table, packed=True)
        paths.append(Path(folder) / "simulation.json")
        storage.write_json(paths[-1], self.to_dict())
        return paths

    def to_dict(self) -> dict[str, Any]:
        """Return the settings of the tissue and the positions of its sections, for JSON."""
        return {
            "tissue": self.tissue,
            "config": self.config.to_dict(),
            "seed": self.seed,
            "poses": [pose.to_dict() for pose in self.poses],
            "poses_map": "tissue frame in um -> section coordinates, linear @ (x, y) + translation",
            "depths_um": self.depths,
            "versions": provenance.versions(),
        }
