"""A linear map from cells to spots, fitted to the slide's genes by cosine similarity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from napari_spatialrecon.methods.genes.base import GeneBlock, GeneMethod, Values
from napari_spatialrecon.methods.genes.config import MappingConfig
from napari_spatialrecon.methods.genes.inputs import read_inputs
from napari_spatialrecon.methods.genes.knn import MappedCells, similar_features
from napari_spatialrecon.methods.genes.scale import SlideScale
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared


@dataclass(frozen=True, eq=False)
class CellMap:
    """Cells of a reference mapped to spots.

    Parameters
    ----------
    weights : (n_spots, n_mapped) float32
        Rows sum to 1.
    rows : (n_mapped,) int
        Cells of the reference that the columns of `weights` refer to.
    """

    weights: Values
    rows: NDArray[np.intp]


class GeneMapping(GeneMethod):
    """The baseline of mappings: COME's PᵀX with a cosine per gene as its only loss."""

    name = "mapping"
    config_class = MappingConfig
    config: MappingConfig
    fitted: MappedCells

    def fit(
        self,
        slide: Prepared,
        reference: Prepared,
        run: Run | None = None,
    ) -> Self:
        """Optimise the map; see `GeneMethod.fit`."""
        run = run or Run()
        inputs = read_inputs(slide, reference)
        shared = inputs.cells(inputs.columns)
        scale = SlideScale.fit(inputs.slide, shared)
        run.reporter.begin("Mapping cells to spots")
        found = fit_map(inputs.slide, shared, self.config, Cosines(self.config), run)
        self.fitted = MappedCells(
            inputs=inputs,
            scale=scale,
            weights=found.weights,
            rows=found.rows,
            notes=inputs.notes,
        )
        return self

    def impute(
        self, genes: Sequence[str], *, reporter: Reporter | None = None
    ) -> Iterator[GeneBlock]:
        """Yield the genes of the mapped cells, on the slide's scale."""
        yield from self.fitted.genes(genes, reporter)


class Objective(Protocol):
    """Objective that a map is fitted to."""

    steps: int
    learning_rate: float

    def weights(self, logits: Tensor) -> Tensor:
        """Return the map given by logits, (n_spots, n_cells); rows sum to 1."""

    def scaled(self, values: Tensor) -> Tensor:
        """Return expression, (n, n_genes), on the scale on which it is compared."""

    def loss(self, mapped: Tensor, target: Tensor) -> Tensor:
        """Return the loss between mapped and measured expression; both (n_spots, n_genes)."""


class Cosines:
    """Mean cosine similarity over genes and over spots; each spot is a softmax over cells."""

    def __init__(self, config: MappingConfig) -> None:
        self.steps, self.learning_rate = config.steps, config.learning_rate
        self.spot_weight = config.spot_weight

    def weights(self, logits: Tensor) -> Tensor:
        """Return the softmax over cells."""
        return torch.softmax(logits, dim=1)

    def scaled(self, values: Tensor) -> Tensor:
        """Return the values unchanged."""
        return values

    def loss(self, mapped: Tensor, target: Tensor) -> Tensor:
        """Return the negative weighted cosine similarities."""
        loss = -(normalize(mapped, dim=0) * normalize(target, dim=0)).sum(dim=0).mean()
        if self.spot_weight:
            spots = (normalize(mapped, dim=1) * normalize(target, dim=1)).sum(dim=1).mean()
            loss = loss - self.spot_weight * spots
        return loss


def fit_map(
    slide: Values,
    cells: Values,
    config: MappingConfig,
    objective: Objective,
    run: Run,
) -> CellMap:
    """Return the map from cells to spots that optimises `objective`.

    It starts from cosine similarities of z-scores divided by a temperature. To bound memory, the
    slide is mapped in parts and at most `most_cells` cells are used.

    Parameters
    ----------
    slide, cells : (n_spots, n_genes), (n_cells, n_genes) float32
        Log-normalised expression of the same genes.
    """
    rng, device = np.random.default_rng(run.seed), run.device
    rows = np.sort(rng.permutation(len(cells))[: config.most_cells])
    spots, others = similar_features(slide, cells, 0)
    parts = -(-len(slide) // config.spots_at_once)
    order = rng.permutation(len(slide))
    weights = np.empty((len(slide), len(rows)), np.float32)
    expression = objective.scaled(torch.from_numpy(cells[rows]).to(device))
    whole = objective.scaled(torch.from_numpy(slide).to(device))
    for part in np.array_split(order, parts):
        start = torch.from_numpy(spots[part] @ others[rows].T / config.temperature).to(device)
        found = _descend(start, expression, whole[part], objective, run.reporter)
        weights[part] = found.cpu().numpy()
    return CellMap(weights, rows)


def _descend(
    logits: Tensor, expression: Tensor, target: Tensor, objective: Objective, reporter: Reporter
) -> Tensor:
    logits = logits.clone().requires_grad_(True)
    fused = logits.device.type in ("cpu", "cuda")
    optimizer = torch.optim.Adam([logits], lr=objective.learning_rate, fused=fused)
    for _ in range(objective.steps):
        reporter.check()
        loss = objective.loss(objective.weights(logits) @ expression, target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return objective.weights(logits.detach())
