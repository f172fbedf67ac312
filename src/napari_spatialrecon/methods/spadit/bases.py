"""Linear maps that predict a gene from the genes shared by slide and reference.

Each learns in the reference how a gene depends on other genes and applies this to the slide's
z-scores, so that it can predict a gene that was not measured on the slide. A gene's own values on
the slide never enter its maps: for training genes, the maps are made from other folds
(`out_of_fold`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd

from napari_spatialrecon.geometry.neighbours import neighbour_graph
from napari_spatialrecon.methods.genes.base import Values
from napari_spatialrecon.methods.genes.inputs import GeneInputs
from napari_spatialrecon.methods.genes.knn import nearest_cells, similar_features
from napari_spatialrecon.methods.genes.mapping import CellMap, Cosines, Objective, fit_map
from napari_spatialrecon.methods.genes.scale import standardised
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.spadit.config import BasesConfig
from napari_spatialrecon.methods.spadit.spreading import Spread

#: Names of the maps, in order; the last is optional.
NAMES = (
    "knn",
    "component_knn",
    "correlation_kernel",
    "component_kernel",
    "ridge",
    "spread",
    "mapping",
)


@dataclass(frozen=True, eq=False)
class Relations:
    """Relations between genes in the reference, and between neighbouring spots.

    Parameters
    ----------
    cells : (n_cells, n_shared) float32
        Log-normalised shared genes; `scores` are their z-scores.
    graph : (n_spots, n_spots)
        Averages over spatial neighbours.
    """

    inputs: GeneInputs
    cells: Values
    scores: Values
    graph: sparse.csr_matrix

    @classmethod
    def of(cls, inputs: GeneInputs, config: BasesConfig, seed: int) -> Relations:
        """Compute the relations from the reference."""
        cells = inputs.cells(inputs.columns)
        graph = neighbour_graph(inputs.places, config.smoothing).astype(np.float32)
        return cls(inputs, cells, standardised(cells), graph)

    def directions(self, known: NDArray[np.intp], size: int, seed: int) -> Values:
        """Return principal directions of some shared genes over the cells: (n_cells, size).

        They must not include a held-out gene: its own variation would lie along them.
        """
        scores = self.scores[:, known]
        size = max(min(size, min(scores.shape) - 1), 1)
        left, _, _ = randomized_svd(scores, size, random_state=seed)
        return np.asarray(left, np.float32)

    def whole_directions(self, size: int, seed: int) -> Values:
        """Return principal directions over all genes of the reference: (n_cells, size)."""
        matrix = self.inputs.reference
        size = min(size, min(matrix.shape) - 1)
        left, _, _ = randomized_svd(matrix, size, random_state=seed)
        return np.asarray(left, np.float32)


@dataclass(frozen=True, eq=False)
class Bases:
    """The maps fitted to some of the shared genes.

    Parameters
    ----------
    known : (n_known,) int
        Shared genes from which the maps are made.
    directions : (n_cells, n_components) float32
        Their orthonormal principal directions over the cells.
    """

    relations: Relations
    config: BasesConfig
    known: NDArray[np.intp]
    spots: Values
    directions: Values
    weights: tuple[sparse.csr_matrix, sparse.csr_matrix]
    kernels: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    spread: CellMap
    mapped: CellMap | None

    @classmethod
    def fit(
        cls,
        relations: Relations,
        known: NDArray[np.intp],
        config: BasesConfig,
        run: Run,
    ) -> Bases:
        """Fit all maps to the shared genes `known`."""
        slide, cells = relations.inputs.slide[:, known], relations.cells[:, known]
        plain, components = (
            nearest_cells(*similar_features(slide, cells, c), config.neighbours, run.reporter)
            for c in (0, config.components_alike)
        )
        objectives: tuple[Objective, Objective | None] = (
            Spread(config.spread_steps, config.spread_rate),
            Cosines(config.mapped) if config.mapping else None,
        )
        spread, mapped = (
            None if objective is None else fit_map(slide, cells, config.mapped, objective, run)
            for objective in objectives
        )
        assert spread is not None
        directions = relations.directions(known, config.components, run.seed)
        own = relations.scores[:, known]
        scores = standardised(slide).astype(np.float64)
        kernels = tuple(
            cho_solve(cho_factor(k + lam * np.eye(len(known))), scores.T)
            for k, lam in _kernels(own, own, directions, config)
        )
        assert len(kernels) == 3
        of_spots = scores.astype(np.float32)
        near = (plain, components)
        return cls(relations, config, known, of_spots, directions, near, kernels, spread, mapped)

    def maps(self, cells: Values) -> tuple[Values, Values]:
        """Return the maps of genes, followed by their means over neighbours, and their strength.

        Parameters
        ----------
        cells : (n_cells, n_genes) float32
            The genes in the reference, log-normalized.

        Returns
        -------
        maps : (maps, n_spots, n_genes)
            Z-scores.
        strength : (n_genes,)
            Standard deviation of the correlation kernel's map before standardisation: near 0 if a
            gene is unrelated to all shared genes in the reference.
        """
        scores = standardised(cells)
        found = [np.asarray(weights @ cells) for weights in self.weights]
        own = self.relations.scores[:, self.known]
        related = _kernels(own, scores, self.directions, self.config)
        for (kernel, _), solved in zip(related, self.kernels, strict=True):
            found.append((kernel.T @ solved).T)
        for laid in (self.spread, self.mapped):
            if laid is not None:
                found.append(laid.weights @ cells[laid.rows])
        plain = [standardised(np.asarray(x, np.float32)) for x in found]
        smooth = [standardised(self.relations.graph @ x) for x in plain]
        strength = np.std(found[NAMES.index("correlation_kernel")], axis=0)
        return np.stack([*plain, *smooth]), strength.astype(np.float32)


def out_of_fold(
    relations: Relations,
    folds: list[NDArray[np.intp]],
    config: BasesConfig,
    run: Run,
) -> tuple[Values, Values]:
    """Return out-of-fold maps and strength of every shared gene; see `Bases.maps`."""
    n = len(relations.inputs.genes)
    whole: Values | None = None
    strengths = np.empty(n, np.float32)
    run.reporter.begin("Holding genes out of the linear maps", len(folds))
    for number, fold in enumerate(folds):
        known = np.setdiff1d(np.arange(n), fold)
        bases = Bases.fit(relations, known, config, run)
        maps, strengths[fold] = bases.maps(relations.cells[:, fold])
        if whole is None:
            whole = np.empty((*maps.shape[:2], n), np.float32)
        whole[:, :, fold] = maps
        run.reporter.step(number + 1)
    assert whole is not None
    return whole, strengths


def _kernels(
    own: Values, scores: Values, directions: Values, config: BasesConfig
) -> list[tuple[NDArray[np.float64], float]]:
    """Return each kernel between known and other genes, (n_known, n_others), and its λ."""
    correlation = (own.T @ scores).astype(np.float64) / len(own)
    profile = (_profile(own, directions) @ _profile(scores, directions).T).astype(np.float64)
    return [
        (np.exp(2 * config.kernel_scale * (correlation - 1)), config.kernel_ridge),
        (np.exp(2 * config.component_scale * (profile - 1)), config.component_ridge),
        (correlation, config.ridge),
    ]


def _profile(scores: Values, directions: Values) -> Values:
    """Return genes projected on principal directions, (n_genes, n_components), with unit length."""
    return np.asarray(normalize(scores.T @ directions), np.float32)
