"""A linear map from cells to spots, whose genes follow the slide's by their cosine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from napari_spatialrecon.methods.gene_floors.config import MappingConfig
from napari_spatialrecon.methods.gene_floors.knn import mapped_genes, similar_features
from napari_spatialrecon.methods.gene_imputation import GeneBlock, GeneMethod, Values
from napari_spatialrecon.methods.gene_inputs import read_inputs
from napari_spatialrecon.methods.gene_scale import SlideScale
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared


@dataclass(frozen=True, eq=False)
class CellMap:
    """Cells of a reference laid on spots.

    Parameters
    ----------
    weights : (n_spots, n_mapped) float32
        Rows sum to 1.
    rows : (n_mapped,) int
        Which cells they are.
    """

    weights: Values
    rows: NDArray[np.intp]


class GeneMapping(GeneMethod):
    """The floor of mappings: COME's PᵀX with a cosine per gene as its only loss."""

    name = "mapping"
    config_class = MappingConfig
    config: MappingConfig

    def fit(
        self,
        slide: Prepared,
        reference: Prepared,
        *,
        seed: int = 0,
        device: str = "cpu",
        reporter: Reporter | None = None,
    ) -> Self:
        """Optimise the map; see `GeneMethod.fit`."""
        reporter = reporter or Reporter()
        self.inputs = read_inputs(slide, reference)
        self.notes = self.inputs.notes
        shared = self.inputs.cells(self.inputs.columns)
        self.scale = SlideScale.fit(self.inputs.slide, shared)
        reporter.begin("Mapping cells to spots")
        self.map = fit_map(
            self.inputs.slide, shared, self.config, seed=seed, device=device, reporter=reporter
        )
        return self

    def impute(
        self, genes: Sequence[str], *, reporter: Reporter | None = None
    ) -> Iterator[GeneBlock]:
        """Yield the genes of the mapped cells, on the slide's scale."""
        cells = self.map
        yield from mapped_genes(self.inputs, cells.weights, self.scale, genes, reporter, cells.rows)


def fit_map(
    slide: Values,
    cells: Values,
    config: MappingConfig,
    *,
    seed: int,
    device: str = "cpu",
    reporter: Reporter | None = None,
) -> CellMap:
    """Return the softmax over cells, a spot each, of the best mean cosines of genes and spots.

    It starts from cosine similarities of z-scores over a temperature; the slide is mapped in parts,
    and at most `most_cells` cells are used, so memory is bounded.

    Parameters
    ----------
    slide, cells : (n_spots, n_genes), (n_cells, n_genes) float32
        Log-normalised, the same genes.
    """
    reporter = reporter or Reporter()
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(cells))[: config.most_cells])
    spots, others = similar_features(slide, cells, 0)
    parts = -(-len(slide) // config.spots_at_once)
    order = rng.permutation(len(slide))
    weights = np.empty((len(slide), len(rows)), np.float32)
    expression = torch.from_numpy(cells[rows]).to(device)
    for part in np.array_split(order, parts):
        start = torch.from_numpy(spots[part] @ others[rows].T / config.temperature).to(device)
        target = torch.from_numpy(slide[part]).to(device)
        weights[part] = _descend(start, expression, target, config, reporter).cpu().numpy()
    return CellMap(weights, rows)


def start_map(slide: Values, cells: Values, config: MappingConfig, *, seed: int) -> CellMap:
    """Return a map that is not optimised: a cell counts once over all spots.

    The softmax over spots of cosine similarities, then columns normalised: a cell that is like many
    spots counts little in each. It is where COME starts.

    Parameters
    ----------
    slide, cells : (n_spots, n_genes), (n_cells, n_genes) float32
        Log-normalised, the same genes.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(cells))[: config.most_cells])
    spots, others = similar_features(slide, cells, 0)
    weights = spots @ others[rows].T / config.temperature
    weights = np.exp(weights - weights.max(axis=0))
    weights /= weights.sum(axis=0)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-30)
    return CellMap(weights.astype(np.float32), rows)


def _descend(
    logits: torch.Tensor,
    expression: torch.Tensor,
    target: torch.Tensor,
    config: MappingConfig,
    reporter: Reporter,
) -> torch.Tensor:
    logits = logits.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([logits], lr=config.learning_rate)
    of_genes, of_spots = normalize(target, dim=0), normalize(target, dim=1)
    for _ in range(config.steps):
        reporter.check()
        mapped = torch.softmax(logits, dim=1) @ expression
        loss = -(normalize(mapped, dim=0) * of_genes).sum(dim=0).mean()
        if config.spot_weight:
            spots = (normalize(mapped, dim=1) * of_spots).sum(dim=1).mean()
            loss = loss - config.spot_weight * spots
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return torch.softmax(logits.detach(), dim=1)
