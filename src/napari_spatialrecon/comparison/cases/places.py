"""Tissue with known positions: slides for training, cells to place, and their true positions.

`REAL` are six cases of real tissue. In `CELLS`, pseudo-Visium spots of half of the cells are the
slide, and cells of the other half are the query; in `SECTIONS`, a section is placed from other
sections. `sim` is the simulated cortex; `sim-batch` and `sim-shift` have a stronger batch effect
and a larger shift in cell-type composition.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from anndata import AnnData

from napari_spatialrecon.comparison.cases.problem import SAME_FRAME, Part, Problem, places
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.evaluation.protocols import hold_out_cells
from napari_spatialrecon.tasks.placing_run import prepare_slides
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.micrometres import scale_slots
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate
from napari_spatialrecon.tissue.slots import OURS, SPATIAL

#: Case: folder, reference sections, query section.
SECTIONS = {
    "starmap": ("starmap_mpfc", ["section_BZ5"], "section_BZ9"),
    "mob": ("st_mob_he", ["MOB1", "MOB2"], "MOB4"),
    "her2": ("st_her2_he", ["C2", "C3"], "C5"),
}
#: Case: file of single cells with places.
CELLS = {
    "embryo": "seqfish_embryo2/seqfish_embryo2.h5ad",
    "mpoa": "merfish_mpoa/merfish_mpoa.h5ad",
    "xenium": "breast_xenium_visium/xenium_cells.h5ad",
}
#: Case: what the dissociated cells of the simulated cortex differ in from its slides.
SIMULATED = {
    "sim": {},
    "sim-batch": {"batch_effect": 1.5},
    "sim-shift": {"composition_shift": 2.0},
}
REAL = (*CELLS, *SECTIONS)
#: Public name of a case: its short name.
NAMES = {
    "embryo-heldout": "embryo",
    "mpoa-heldout": "mpoa",
    "xenium-heldout": "xenium",
    "starmap-BZ5-BZ9": "starmap",
    "mob-12-4": "mob",
    "her2-23-5": "her2",
    "simulated-cortex": "sim",
}


@dataclass(frozen=True)
class Case:
    """A query whose answer is known.

    Parameters
    ----------
    slides
        By name, with places.
    cells
        Without places.
    truth : (n_cells, 2) float
        In the unit of the first slide where that is the frame of the truth (see `same_frame`).
    same_frame
        Whether `truth` lies in the frame of the first slide.
    scale
        Slots that say unit and µm a unit of `truth`.
    """

    name: str
    slides: dict[str, AnnData]
    cells: AnnData
    truth: np.ndarray
    same_frame: bool
    scale: dict[str, Any]

    @property
    def um(self) -> float:
        """Return µm a unit of the first slide, 1 where it does not say."""
        return contract.um_per_unit(next(iter(self.slides.values()))) or 1.0

    def prepared(self) -> tuple[list[contract.Prepared], contract.Prepared, np.ndarray]:
        """Return slides, cells and truth as methods take them."""
        cells = contract.prepare_query(self.cells, "query")
        return prepare_slides(self.slides), cells, self.truth[cells.kept]

    def with_cells(self, rows: np.ndarray, name: str) -> Case:
        """Return the case with only some cells, or all in another order."""
        return replace(
            self, name=f"{self.name}-{name}", cells=self.cells[rows].copy(), truth=self.truth[rows]
        )


def load(name: str, data: DataFolder, seed: int = 0) -> Case:
    """Return a case by its short name; `seed` is that of a simulation."""
    if name in SIMULATED:
        made = simulate("cortex", SimulatorConfig().with_values(SIMULATED[name]), seed=seed)
        slides = {f"section{i}": slide for i, slide in enumerate(made.slides, 1)}
        truth = made.truth[["x", "y"]].to_numpy(float)
        return Case(name, slides, made.cells, truth, True, _scale(slides["section1"]))
    if name in CELLS:
        spots, cells, truth = hold_out_cells(data.cells(CELLS[name]))
        return Case(name, {"spots": spots}, cells, truth, True, _scale(spots))
    folder, sections, section = SECTIONS[name]
    whole = data.cells(f"{folder}/{section}.h5ad")
    slides = {s: data.cells(f"{folder}/{s}.h5ad") for s in sections}
    truth = contract.coordinates(whole)
    return Case(name, slides, hide_places(whole), truth, False, _scale(whole))


def _scale(slide: AnnData) -> dict[str, Any]:
    return scale_slots(contract.unit(slide), contract.um_per_unit(slide))


def problem(name: str, data: DataFolder) -> Problem:
    """Return a case as it is set; `name` is one of `NAMES`."""
    case = load(NAMES[name], data)
    slides = {f"reference/{key}": slide for key, slide in case.slides.items()}
    answer = case.cells.copy()
    answer.obsm[SPATIAL] = case.truth
    found = places(answer)
    found.uns[OURS] = {**case.scale, SAME_FRAME: case.same_frame}
    return Problem("place", (Part({"query": case.cells, **slides}),), found)
