"""Mappings of cells to spots for gene imputation, selected on held-out genes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from napari_spatialrecon.methods.genes.stepping_back import (
    better_than,
    gene_correlations,
    linear_correlations,
)
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.training.history import History

#: Steps between two evaluations on held-out genes.
LOOK_EVERY = 5


@dataclass(frozen=True)
class Choice:
    """Objective, steps and number of mappings, and how well they find held-out genes.

    Parameters
    ----------
    reached : (folds × n_hidden,)
        Correlation of each held-out gene, fold after fold.
    linear
        Name of the linear map that is better and used instead; "" for none.
    linear_reached : (folds × n_hidden,)
        That of the best linear map.
    """

    objective: str
    steps: int
    mappings: int
    reached: NDArray[np.float64]
    linear: str = ""
    linear_reached: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @property
    def report(self) -> dict[str, Any]:
        """The choice, for the record."""
        return {
            "objective": self.objective,
            "steps": self.steps,
            "mappings": self.mappings,
            "inner_pcc": float(self.reached.mean()),
            "inner_linear_pcc": float(self.linear_reached.mean()),
            "stepped_back_to": self.linear,
        }


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
        found: dict[tuple[str, int], list[NDArray[np.float64]]] = {}
        folds = [
            np.isin(np.arange(n), rng.permutation(n)[:count]) for _ in range(self.config.folds)
        ]
        for hidden in folds:
            for objective in GENE_OBJECTIVES:
                for steps, value in self.of(objective).follow(slide, cells, hidden).items():
                    found.setdefault((objective, steps), []).append(value)
        objective, steps = max(found, key=lambda key: float(np.mean(found[key])))
        best = Choice(objective, steps, 1, np.concatenate(found[objective, steps]))
        several = self.config.mappings
        if steps and several > 1:
            chosen, scores = self.of(objective), []
            for hidden in folds:
                mean = chosen.average(slide[:, ~hidden], cells[:, ~hidden], steps, several)
                mapped = np.asarray(mean.weights @ cells[:, hidden])
                scores.append(gene_correlations(slide[:, hidden], mapped))
            reached = np.concatenate(scores)
            if reached.mean() > best.reached.mean():
                best = Choice(objective, steps, several, reached)
        linear = linear_correlations(slide, cells, folds, self.run.unsaved())
        name = max(linear, key=lambda name: float(linear[name].mean()))
        back = name if better_than(best.reached, linear[name]) else ""
        return replace(best, linear=back, linear_reached=linear[name])

    def follow(
        self, slide: Values, cells: Values, hidden: NDArray[np.bool_]
    ) -> dict[int, NDArray[np.float64]]:
        """Return the correlation of each held-out gene for each number of steps."""
        truth, unseen = slide[:, hidden], cells[:, hidden]
        found: dict[int, NDArray[np.float64]] = {}

        def look(coefficients: Coefficients, step: int) -> Mapping[str, float]:
            mapped = np.asarray(spot_weights(coefficients) @ unseen)
            found[step] = gene_correlations(truth, mapped)
            return {"held_out": -float(found[step].mean())}

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
