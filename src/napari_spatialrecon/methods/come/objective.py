"""The joint objective, eq. 11 with the cosine terms and the anchor, and its optimisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from napari_spatialrecon.methods.come import losses
from napari_spatialrecon.methods.come.autoencoder import Autoencoder
from napari_spatialrecon.methods.come.coefficients import Coefficients, Start
from napari_spatialrecon.methods.come.config import ComeConfig, WeightsConfig
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.nn.similarity import structural_dissimilarity
from napari_spatialrecon.training.config import LoopConfig
from napari_spatialrecon.training.history import History

#: Evaluates the mapping after some steps; returns ``held_out`` and other metrics.
Look = Callable[[Coefficients, int], Mapping[str, float]]


@dataclass(frozen=True)
class Tables:
    """Expression of spots and cells, as used by the loss terms.

    Parameters
    ----------
    spots, cells : (n, n_genes) in [0, 1]
        For eq. 1-9.
    spot_patterns, cell_patterns : (n, n_genes) of 0 or more, or None
        For the cosine terms; on a linear scale with equal depth. By default those above.
    labels : (n_cells,) int, or None
        Cell types, negative if unknown; None omits eq. 8.
    """

    spots: Tensor
    cells: Tensor
    spot_patterns: Tensor | None = None
    cell_patterns: Tensor | None = None
    labels: Tensor | None = None

    def to(self, device: str) -> Tables:
        """Return a copy on a device."""
        moved = {
            name: None if table is None else table.to(device) for name, table in vars(self).items()
        }
        return Tables(**moved)


class Joint:
    """The objective of eq. 11, for `training.loop.train`; each step uses all spots and cells."""

    def __init__(
        self,
        coefficients: Coefficients,
        network: Autoencoder | None,
        tables: Tables,
        config: ComeConfig,
        look: Look | None = None,
    ) -> None:
        parts: list[nn.Module] = [coefficients, *([] if network is None else [network])]
        self.module: nn.Module = nn.ModuleList(parts)
        self.coefficients = coefficients
        self.network = network
        self.tables = tables
        self.config = config
        self.look = look
        self._done = 0

    def held_out(self) -> Mapping[str, float] | None:
        """Return the result of `look` for the mapping, if given."""
        return None if self.look is None else self.look(self.coefficients, self._done)

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the weighted sum of the terms, and the terms."""
        self._done = step + 1
        weights, p = self.config.weights, self.coefficients.probabilities()
        terms = {**self._mapping_terms(p, weights)}
        if self.network is not None:
            terms |= self._latent_terms(self.network, p, weights, generator)
        factors = weights.flat()
        total = sum(
            (factors[name] * term for name, term in terms.items()),
            start=p.new_zeros(()),
        )
        return total, {name: term.detach() for name, term in terms.items()}

    def _mapping_terms(self, p: Tensor, weights: WeightsConfig) -> dict[str, Tensor]:
        tables, c, terms = self.tables, self.coefficients, dict[str, Tensor]()
        if weights.similarity:
            mapped = c.spot_means(p, tables.cells)
            terms["similarity"] = structural_dissimilarity(tables.spots, mapped)
        if weights.gene_cosine or weights.spot_cosine:
            measured = tables.spots if tables.spot_patterns is None else tables.spot_patterns
            cells = tables.cells if tables.cell_patterns is None else tables.cell_patterns
            mapped = c.spot_means(p, cells)
            terms["gene_cosine"] = losses.cosine_distance(measured, mapped, dim=0)
            terms["spot_cosine"] = losses.cosine_distance(measured, mapped, dim=1)
        if weights.anchor:
            terms["anchor"] = ((c.scale * c.change) ** 2).mean()
        return terms

    def _latent_terms(
        self,
        network: Autoencoder,
        p: Tensor,
        weights: WeightsConfig,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        tables, c, terms = self.tables, self.coefficients, dict[str, Tensor]()
        h_cells, h_spots = network.encode(tables.cells), network.encode(tables.spots)
        mapped = c.spot_means(p, h_cells)
        if weights.reconstruction:
            terms["reconstruction"] = losses.reconstruction(
                tables.spots, network.decode(mapped), tables.cells, network.decode(h_cells)
            )
        if weights.coefficient:
            terms["coefficient"] = losses.coefficient(h_spots, mapped, c.logits(), weights.ridge)
        chosen = self._drawn(len(h_cells), generator)
        tau = self.config.network.contrast_temperature
        if weights.cell_types and tables.labels is not None:
            terms["cell_types"] = losses.cell_type_contrast(
                h_cells[chosen], tables.labels[chosen], tau
            )
        if weights.cross:
            terms["cross"] = losses.cross_contrast(
                h_cells[chosen], h_spots, c.best_spots(p)[chosen], tau
            )
        return terms

    def _drawn(self, n: int, generator: torch.Generator) -> Tensor | slice:
        most = self.config.network.contrast_cells
        if n <= most:
            return slice(None)
        return torch.randperm(n, generator=generator, device=generator.device)[:most]


def learn_mapping(
    start: Start,
    network: Autoencoder | None,
    tables: Tables,
    config: ComeConfig,
    run: Run,
    *,
    steps: int,
    look: Look | None = None,
    look_every: int = 5,
) -> tuple[Coefficients, History]:
    """Minimise the objective over C and, if a term uses latents, E and D (eq. 11).

    Parameters
    ----------
    network
        Modified in place. None if no term uses latents.
    look
        Called before the first step and every `look_every` steps; the returned mapping is then the
        best one it evaluated after a step.

    Raises
    ------
    Stopped
        The user stopped.
    DivergedError
        A loss is not finite.
    """
    network_rate = config.network.learning_rate
    scale = config.rate / network_rate if network_rate else 0.0
    coefficients = Coefficients(start.to(run.device), scale)
    if look is not None:
        look(coefficients, 0)
    terms = {name: weight for name, weight in config.weights.flat().items() if name != "ridge"}
    if steps == 0 or not any(terms.values()):
        return coefficients, History()
    tables = tables.to(run.device)
    loop = LoopConfig(
        steps=steps,
        learning_rate=network_rate,
        gradient_clip=0.0,
        checkpoint_every=0,
        validate_every=look_every,
    )
    task = Joint(coefficients, network, tables, config, look)
    return coefficients, run.unsaved().train(task, loop, "Training the mapping")
