"""Patchwise inference for many cells (section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from napari_spatialrecon.geometry.patchwork.global_solve import solve_graph
from napari_spatialrecon.geometry.patchwork.locality import locality_graph
from napari_spatialrecon.geometry.patchwork.patch_mean import patch_mean
from napari_spatialrecon.geometry.patchwork.patches import cover
from napari_spatialrecon.geometry.patchwork.stitching import Stitched, stitch
from napari_spatialrecon.methods.gears.config import GearsConfig, PatchConfig
from napari_spatialrecon.methods.gears.task import GeometryNetwork
from napari_spatialrecon.progress import Reporter

#: Patches laid out at a time.
BATCH = 16
#: Maximum number of cells that the refiner lays out in one shot; memory grows with its square.
REFINED = 5000
#: Number of cells that a patch shares with an earlier one (section 7.2).
OVERLAP = 25


@dataclass(frozen=True)
class Laid:
    """A layout of all cells with measures of its reliability.

    Parameters
    ----------
    places : (n_cells, d) float
        In units of the frame, in any pose; stitched patches have d = 2.
    diagnostics
        Diagnostics by name; empty if all cells were placed in one shot.
    stitched
        Consensus of the patches; None if all cells were placed in one shot.
    spread : (n_cells,) float
        Mean squared distance of a cell's places in its patches from their mean; 0 without
        patches.
    """

    places: NDArray[np.float64]
    diagnostics: dict[str, float]
    stitched: Stitched | None
    spread: NDArray[np.float64]


@torch.no_grad()
def lay_out(
    network: GeometryNetwork,
    inputs: torch.Tensor,
    config: GearsConfig,
    reporter: Reporter,
    seed: int = 0,
) -> Laid:
    """Return the layout of cells: in one shot up to ``patches.one_shot`` cells, else in patches.

    With a refiner at most `REFINED` cells are laid out in one shot.

    Parameters
    ----------
    inputs : (n_cells, d)
        Input of the network.
    seed
        Seed of the refiner's noise, used if its temperature is above 0.
    """
    n = len(inputs)
    most = min(config.patches.one_shot, REFINED if config.refiner.on else n)
    if n <= max(most, config.patches.size):
        geometry = network.geometry(inputs[None], config, seed)[0].cpu().double().numpy()
        return Laid(geometry, {}, None, np.zeros(n))
    locality = locality_graph(inputs.cpu().double().numpy(), reporter=reporter)
    patches = _patches(locality.graph, config.patches, reporter)
    reporter.begin("Laying out patches", len(patches))
    layouts = []
    for start in range(0, len(patches), BATCH):
        reporter.check()
        rows = torch.from_numpy(patches[start : start + BATCH]).to(inputs.device)
        geometry = network.geometry(inputs[rows], config, seed + start)
        layouts.append(geometry.cpu().double().numpy())
        reporter.step(min(start + BATCH, len(patches)))
    geometries = np.concatenate(layouts)
    stitched = stitch(patches, geometries, n, reporter=reporter)
    solution = solve_graph(stitched.graph, reporter=reporter)
    mean, spread = patch_mean(patches, geometries, solution.places, stitched.reliability)
    return Laid(
        solution.places if config.patches.layout == "solve" else mean,
        {
            "patch_disagreement": float(np.nanmean(stitched.disagreement)),
            "solve_stress": solution.stress,
            "solve_residual_mean": solution.residual_mean,
            "solve_residual_median": solution.residual_median,
            "solve_residual_max": solution.residual_max,
            "cells_with_little_support": float(stitched.weak.mean()),
            "pieces": float(stitched.pieces.max() + 1),
        },
        stitched,
        np.nan_to_num(spread),
    )


def _patches(graph: csr_matrix, config: PatchConfig, reporter: Reporter) -> NDArray[np.intp]:
    """Return patches that cover all cells; walks make half of what a patch has of its own."""
    size = config.size
    overlap = max(round(config.overlap * size), min(OVERLAP, size // 4))
    return cover(
        graph,
        size,
        coverage=config.coverage,
        overlap=overlap,
        walk_share=0.5 * (1 - config.overlap),
        reporter=reporter,
    )
