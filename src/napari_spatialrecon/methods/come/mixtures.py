"""COME for mixtures: cell types in a spot's row of the mapping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from napari_spatialrecon.methods.come.autoencoder import latents, pretrain
from napari_spatialrecon.methods.come.coefficients import Start, cosine_start
from napari_spatialrecon.methods.come.config import ComeMixturesConfig
from napari_spatialrecon.methods.come.inputs import scaled_logs
from napari_spatialrecon.methods.come.memory import mapping_seconds, mapping_size
from napari_spatialrecon.methods.come.objective import Tables, learn_mapping
from napari_spatialrecon.methods.come.readout import likeliest_cells, type_sums
from napari_spatialrecon.methods.genes.scale import standardised
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.mixtures.base import (
    CellTypes,
    Mixture,
    MixtureMethod,
    MixtureSizes,
    MixtureTables,
    normalised_rows,
)
from napari_spatialrecon.methods.mixtures.regression import likeliest_shares, regress
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared

#: Minimum share of a type in the prior, so that unexpected types remain possible.
LEAST_SHARE = 0.01
#: Cells kept per spot in the written mapping.
CELLS_SHOWN = 20


class ComeMixtures(MixtureMethod):
    """Contrastive mapping of cells to spots (Wei et al. 2025), for mixtures.

    With a `prior`, fitted or known, this is COME+ of the paper.
    """

    name = "come"
    config_class = ComeMixturesConfig
    config: ComeMixturesConfig

    def estimate(self, sizes: MixtureSizes) -> Estimate:
        """Return the cost of training the mapping."""
        sides = (sizes.cells, sizes.spots, self.genes_used(sizes.genes))
        size = mapping_size(*sides, self.config)
        seconds = mapping_seconds(size, *sides, self.config)
        return super().estimate(sizes).plus(seconds, size.total_bytes, note=size.note)

    def deconvolve(
        self,
        slide: Prepared,
        reference: Prepared,
        types: CellTypes,
        run: Run | None = None,
        *,
        prior: NDArray[np.float64] | None = None,
    ) -> Mixture:
        """Train the mapping and sum its cell types; see `MixtureMethod.deconvolve`."""
        config, run, history = self.config, run or Run(), []
        run.reporter.begin("Comparing spots with cells")
        tables = MixtureTables.read(slide, reference, config.top_genes)
        n_spots, n_cells = tables.spots.shape[0], tables.cells.shape[0]
        size = mapping_size(n_cells, n_spots, len(tables.genes), config)
        seen = Tables(
            scaled_logs(tables.spots),
            scaled_logs(tables.cells),
            torch.from_numpy(tables.spots.toarray()),
            torch.from_numpy(tables.cells.toarray()),
            torch.from_numpy(types.codes) if len(types.names) > 1 else None,
        )
        network = None
        if config.needs_network:
            network, trained = pretrain(seen.spots, seen.cells, config, run.within("autoencoder"))
            history.append(trained)
        if network is not None and config.start == "latent":
            spots, cells = latents(network, seen.spots, seen.cells)
        else:
            depth = float(np.median(np.asarray(reference.adata.X.sum(axis=1))))
            logs = [np.log1p(depth * t.toarray()) for t in (tables.spots, tables.cells)]
            spots, cells = (torch.from_numpy(standardised(values)) for values in logs)
        start = cosine_start(
            cells,
            spots,
            over=config.over,
            temperature=config.temperature,
            kept=size.kept,
            constant=config.start == "constant",
        )
        sizes = tables.sizes(types) if config.sizes else np.ones(len(types.names))
        if prior is not None:
            prior = normalised_rows(prior * sizes, types.shares)
        elif config.prior != "none":
            fit = likeliest_shares if config.prior == "counts" else regress
            prior = fit(tables.spots, tables.cells, types, run.reporter)
        if prior is not None:
            start = with_prior(start, prior, types)
        steps = config.joint_steps(len(tables.genes))
        coefficients, learned = learn_mapping(start, network, seen, config, run, steps=steps)
        history.append(learned)
        counted = type_sums(coefficients, torch.from_numpy(types.one_hot()), config.top_share)
        shares = normalised_rows(counted.numpy() / sizes, types.shares)
        mapping: sparse.csr_matrix = likeliest_cells(coefficients, CELLS_SHOWN)
        notes = [*tables.notes, *([size.note] if size.note else [])]
        if config.weights.cell_types and len(types.names) == 1:
            notes.append("With a single cell type, the cell-type contrast (eq. 8) is omitted.")
        if n_spots > n_cells:
            notes.append(
                f"There are more spots ({n_spots:,}) than cells ({n_cells:,}): "
                "the same cells explain many spots."
            )
        return Mixture(shares, mapping, notes=tuple(notes), history=tuple(history))


def with_prior(start: Start, prior: NDArray[np.float64], types: CellTypes) -> Start:
    """Return logits plus the log ratio of a type's share in a spot to its share among the cells.

    COME+ of the paper: prior knowledge enters the initial mapping, and the anchor preserves it.

    Parameters
    ----------
    prior : (n_spots, n_types), rows sum to 1
        Shares of counts.
    """
    ratio = np.log((prior + LEAST_SHARE) / (types.shares + LEAST_SHARE))
    of_spot = torch.from_numpy(np.c_[ratio, np.zeros(len(ratio))].astype(np.float32))
    codes = torch.from_numpy(types.codes)  # an unknown type, -1, selects the last column: 0
    columns = start.columns
    change: Tensor
    if start.over == "cells":
        change = (
            of_spot[:, codes]
            if columns is None
            else of_spot.gather(1, codes[columns] % of_spot.shape[1])
        )
    elif columns is None:
        change = of_spot[:, codes].T
    else:
        change = of_spot[columns, codes[:, None]]
    return replace(start, logits=start.logits + change)
