"""Training task of SpaDiT: batches of genes, and the masked objective (eq. 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import huber_loss, mse_loss

from napari_spatialrecon.methods.spadit.config import SpaDiTConfig
from napari_spatialrecon.methods.spadit.diffusion import kept_signal, noised
from napari_spatialrecon.methods.spadit.network import Network

#: Seed of the noise in which weights are compared.
_SELECTING = 29


@dataclass(frozen=True, eq=False)
class Examples:
    """Training genes.

    Parameters
    ----------
    target : (n_genes, n_spots)
        Target of the network: the scaled residual of the linear maps.
    zero : (n_genes, n_spots) bool
        Where the measured value of the gene is 0.
    maps : (n_genes, n_spots, maps)
    places : (n_spots, PLACE_FEATURES)
    cells : (n_genes, tokens)
        The gene's mean over groups of cells.
    """

    target: Tensor
    zero: Tensor
    maps: Tensor
    places: Tensor
    cells: Tensor

    def of(self, genes: Tensor) -> Examples:
        """Return some of the genes."""
        return Examples(
            self.target[genes], self.zero[genes], self.maps[genes], self.places, self.cells[genes]
        )


class GeneTask:
    """One network and its training genes.

    Parameters
    ----------
    chosen_by
        Genes whose error selects the best weights; None keeps the last.
    """

    def __init__(
        self,
        network: Network,
        examples: Examples,
        config: SpaDiTConfig,
        chosen_by: Examples | None = None,
    ) -> None:
        self.module: torch.nn.Module = network
        self.examples, self.config, self.chosen_by = examples, config, chosen_by
        self.kept = kept_signal(config.diffusion.levels).to(examples.target.device)

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the error on masked spots: squared where expressed, else Huber (δ 1)."""
        examples, config = self.examples, self.config
        device = examples.target.device
        n_genes, n_spots = examples.target.shape
        genes = torch.randperm(n_genes, generator=generator, device=device)[: config.genes_per_step]
        spots = torch.randperm(n_spots, generator=generator, device=device)[: config.spots_per_step]
        clean = examples.target[genes][:, spots]
        levels = config.diffusion.levels
        level = torch.randint(1, levels, (len(genes),), generator=generator, device=device)
        draw = torch.rand(len(genes), generator=generator, device=device)
        level = torch.where(draw < config.diffusion.mean_share, levels, level)
        noise = torch.randn(clean.shape, generator=generator, device=device)
        guess = self.module(
            noised(clean, level, self.kept, noise),
            level / levels,
            examples.maps[genes][:, spots],
            examples.places[spots],
            examples.cells[genes],
        )
        chance = torch.rand(clean.shape, generator=generator, device=device)
        return masked_loss(guess, clean, examples.zero[genes][:, spots], chance, config)

    def held_out(self) -> Mapping[str, float] | None:
        """Return the squared error on the genes that select the weights.

        That of the mean branch, or where the output is the mean of samples, that of denoising them
        at levels spread over the schedule.
        """
        seen = self.chosen_by
        if seen is None:
            return None
        spots = slice(0, 4 * self.config.spots_per_step)
        clean = seen.target[:, spots]
        levels = self.config.diffusion.levels
        level, noisy = torch.full((len(clean),), levels), torch.zeros_like(clean)
        if self.config.diffusion.output == "draws":
            fixed = torch.Generator().manual_seed(_SELECTING)
            level = torch.linspace(1, levels - 1, len(clean)).round().long()
            noise = torch.randn(clean.shape, generator=fixed).to(clean.device)
            noisy = noised(clean, level.to(clean.device), self.kept, noise)
        guess = self.module(
            noisy,
            (level / levels).to(clean.device),
            seen.maps[:, spots],
            seen.places[spots],
            seen.cells,
        )
        return {"held_out": float(mse_loss(guess, clean))}


def masked_loss(
    guess: Tensor, clean: Tensor, zero: Tensor, chance: Tensor, config: SpaDiTConfig
) -> tuple[Tensor, dict[str, Tensor | float]]:
    """Return the objective over masked spots, and its two terms.

    Parameters
    ----------
    guess, clean : (batch, n)
    zero : (batch, n) bool
    chance : (batch, n)
        Uniform random numbers; an entry is masked if it is below the masked share of its kind.
    """
    diffusion = config.diffusion
    values = ~zero & (chance < diffusion.masked_values)
    zeros = zero & (chance < diffusion.masked_zeros)
    terms = {
        "values": mse_loss(guess[values], clean[values]) if values.any() else guess.sum() * 0,
        "zeros": huber_loss(guess[zeros], clean[zeros]) if zeros.any() else guess.sum() * 0,
    }
    share = 0.5
    if not diffusion.balanced:
        share = float(values.sum() / (values.sum() + zeros.sum()).clamp(min=1))
    total = 2 * (share * terms["values"] + (1 - share) * terms["zeros"])
    return total, dict(terms)
