"""Mappings of cells to spots for gene imputation, selected on held-out genes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from napari_spatialrecon.methods.come.autoencoder import latents, pretrain
from napari_spatialrecon.methods.come.coefficients import Coefficients, cosine_start
from napari_spatialrecon.methods.come.config import GENE_OBJECTIVES, ComeGenesConfig
from napari_spatialrecon.methods.come.inputs import unit_interval
from napari_spatialrecon.methods.come.objective import Tables, learn_mapping
from napari_spatialrecon.methods.come.readout import spot_weights
from napari_spatialrecon.methods.genes.base import Values
from napari_spatialrecon.methods.genes.scale import standardised
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.training.history import History

#: Steps between two evaluations on held-out genes.
LOOK_EVERY = 5


@dataclass(frozen=True)
class Choice:
    """Objective, steps and number of mappings, with their correlation on held-out genes."""

    objective: str
    steps: int
    mappings: int
    correlation: float


@dataclass(frozen=True)
class MappedSpots:
    """Spots as means of cells, (n_spots, n_cells), and the history of training."""

    weights: Values | sparse.csr_matrix
    history: tuple[History, ...]


@dataclass(frozen=True)
class GeneMappings:
    """Training of mappings on the shared genes of a slide and its cells.

    Parameters
    ----------
    config
        Hyper-parameters, including the objective.
    run
        Seed, device and reporter.
    kept
        Number of entries kept in each row of a mapping; None keeps all.
    labels : (n_cells,) int, or None
        Types of the cells, negative if unknown; None omits eq. 8.
    """

    config: ComeGenesConfig
    run: Run
    kept: int | None
    labels: Tensor | None = None

    def of(self, objective: str) -> Self:
        """Return a copy that trains with one of `GENE_OBJECTIVES`."""
        return replace(self, config=self.config.with_values(GENE_OBJECTIVES[objective]))

    def choose(self, slide: Values, cells: Values) -> Choice:
        """Return the choice that predicts held-out genes best, averaged over folds."""
        rng, n = np.random.default_rng(self.run.seed), cells.shape[1]
        count = max(1, round(self.config.inner_share * n))
        found: dict[tuple[str, int], list[float]] = {}
        folds = [
            np.isin(np.arange(n), rng.permutation(n)[:count]) for _ in range(self.config.folds)
        ]
        for hidden in folds:
            for objective in GENE_OBJECTIVES:
                for steps, value in self.of(objective).follow(slide, cells, hidden).items():
                    found.setdefault((objective, steps), []).append(value)
        objective, steps = max(found, key=lambda key: float(np.mean(found[key])))
        single, several = float(np.mean(found[objective, steps])), self.config.mappings
        if steps == 0 or several == 1:
            return Choice(objective, steps, 1, single)
        chosen, scores = self.of(objective), []
        for hidden in folds:
            mean = chosen.average(slide[:, ~hidden], cells[:, ~hidden], steps, several)
            scores.append(correlation(slide[:, hidden], mean.weights @ cells[:, hidden]))
        reached = float(np.mean(scores))
        better = (several, reached) if reached > single else (1, single)
        return Choice(objective, steps, *better)

    def follow(self, slide: Values, cells: Values, hidden: NDArray[np.bool_]) -> dict[int, float]:
        """Return the mean correlation of held-out genes for each number of steps."""
        truth, unseen = slide[:, hidden], cells[:, hidden]
        found: dict[int, float] = {}

        def look(coefficients: Coefficients, step: int) -> Mapping[str, float]:
            found[step] = correlation(truth, spot_weights(coefficients) @ unseen)
            return {"held_out": -found[step]}

        steps = self.config.joint_steps(cells.shape[1])
        self.learn(slide[:, ~hidden], cells[:, ~hidden], steps, look)
        return found

    def average(self, slide: Values, cells: Values, steps: int, mappings: int) -> MappedSpots:
        """Return the mean P̄ᵀ (n_spots, n_cells) of mappings, each omitting a subset of genes."""
        n = cells.shape[1]
        if mappings == 1:
            coefficients, history = self.learn(slide, cells, steps)
            return MappedSpots(spot_weights(coefficients), history)
        parts = np.array_split(np.random.default_rng(self.run.seed).permutation(n), mappings)
        total: Any = 0
        histories: tuple[History, ...] = ()
        for part in parts:
            kept = np.setdiff1d(np.arange(n), part)
            coefficients, history = self.learn(slide[:, kept], cells[:, kept], steps)
            total = total + spot_weights(coefficients)
            histories += history
        return MappedSpots(total / mappings, histories)

    def learn(
        self, slide: Values, cells: Values, steps: int, look: Any = None
    ) -> tuple[Coefficients, tuple[History, ...]]:
        """Return the mapping trained on these genes; `look` evaluates it during training."""
        config, history = self.config, []
        tables = Tables(
            unit_interval(slide),
            unit_interval(cells),
            torch.from_numpy(np.ascontiguousarray(slide)),
            torch.from_numpy(np.ascontiguousarray(cells)),
            self.labels,
        )
        network, from_latents = None, config.start == "latent"
        if config.needs_network and (steps or from_latents):
            network, pretrained = pretrain(tables.spots, tables.cells, config, self.run.unsaved())
            history.append(pretrained)
        if network is not None and from_latents:
            of_cells, of_spots = latents(network, tables.cells, tables.spots)
        else:
            of_cells, of_spots = (torch.from_numpy(standardised(x)) for x in (cells, slide))
        start = cosine_start(
            of_cells,
            of_spots,
            over=config.over,
            temperature=config.temperature,
            kept=self.kept,
            constant=config.start == "constant",
        )
        coefficients, learned = learn_mapping(
            start, network, tables, config, self.run, steps=steps, look=look, look_every=LOOK_EVERY
        )
        return coefficients, (*history, learned)


def correlation(truth: Values, mapped: Any) -> float:
    """Return the mean correlation of genes (columns) over the spots."""
    return float((standardised(truth) * standardised(np.asarray(mapped))).mean())
