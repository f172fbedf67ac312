"""Networks that correct the linear maps: application; training is in `correcting`."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from napari_spatialrecon.methods.genes.base import Values
from napari_spatialrecon.methods.genes.scale import standardised
from napari_spatialrecon.methods.spadit.bases import Relations
from napari_spatialrecon.methods.spadit.config import SpaDiTConfig
from napari_spatialrecon.methods.spadit.diffusion import kept_signal, sample
from napari_spatialrecon.methods.spadit.network import Network
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.training.randomness import repeatable

#: Number of principal components that describe a group of cells.
_PROFILE = 32


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of cells of the reference: the tokens of the condition.

    Parameters
    ----------
    member : (n_groups, n_cells) float32
        Rows average over a group.
    profile : (n_groups, d) float32
    """

    member: Values
    profile: Values

    @classmethod
    def of(cls, relations: Relations, config: SpaDiTConfig, seed: int) -> Groups:
        """Group the cells by k-means over components of all genes, or of the shared ones."""
        shared = np.arange(len(relations.inputs.genes))
        if config.network.common_only:
            directions = relations.directions(shared, _PROFILE, seed)
        else:
            directions = relations.whole_directions(_PROFILE, seed)
        count = min(config.network.tokens, len(directions))
        found = MiniBatchKMeans(count, random_state=seed, n_init=3).fit_predict(directions)
        member = np.zeros((count, len(directions)), np.float32)
        member[found, np.arange(len(directions))] = 1
        filled = member.sum(axis=1) > 0
        member = member[filled] / member[filled].sum(axis=1, keepdims=True)
        profile = standardised(member @ directions)
        return cls(member, profile)

    def of_genes(self, cells: Values) -> Values:
        """Return z-scored genes over the groups: (n_genes, n_groups)."""
        return np.ascontiguousarray((self.member @ standardised(cells)).T)


@dataclass(frozen=True, eq=False)
class Corrections:
    """One or several networks over the same linear maps.

    Parameters
    ----------
    groups
        Cells of the reference, the networks' condition.
    places : (n_spots, PLACE_FEATURES)
        On the device.
    size
        What a network's output is multiplied by: the spread of the residuals it learned.
    share
        How much of the correction is used; 0 leaves the linear maps as they are.
    """

    config: SpaDiTConfig
    seed: int
    device: torch.device
    groups: Groups
    places: Tensor
    size: float
    networks: tuple[Network, ...] = ()
    share: float = 0.0

    def apply(
        self,
        names: Sequence[str],
        maps: Values,
        stack: Values,
        cells: Values,
        reporter: Reporter,
    ) -> tuple[Values, Values]:
        """Return the corrected maps of genes, and the spread of sampled ones (0 without samples).

        Parameters
        ----------
        maps : (maps, n_spots, n_genes)
        stack : (n_spots, n_genes)
        cells : (n_cells, n_genes)
        """
        if self.share == 0:
            return stack, np.zeros_like(stack)
        seen = maps if self.config.bases.on else maps[:0]
        guess, spread = self.correction(names, seen, cells, reporter)
        return stack + self.share * guess, self.share * spread

    def correction(
        self, names: Sequence[str], maps: Values, cells: Values, reporter: Reporter
    ) -> tuple[Values, Values]:
        """Return the correction that is the output, and the spread of sampled ones.

        Both are (n_spots, n_genes). It is the mean of the samples or of the networks' mean
        branches, as the settings say; the spread is 0 without samples.
        """
        drawn = self._draws(names, maps, cells, reporter) if self.config.diffusion.draws else None
        if drawn is not None and self.config.diffusion.output == "draws":
            guess = drawn.mean(axis=0)
        else:
            guesses = [self.mean_branch(n, maps, cells, reporter) for n in self.networks]
            guess = np.mean(guesses, axis=0)
        spread = drawn.std(axis=0) if drawn is not None and len(drawn) > 1 else 0 * guess
        return guess, spread

    def mean_branch(
        self, network: Network, maps: Values, cells: Values, reporter: Reporter
    ) -> Values:
        """Return a network's mean correction, (n_spots, n_genes)."""
        zeros = torch.zeros(maps.shape[2], maps.shape[1], device=self.device)

        def mean(noisy: Tensor, maps: Tensor, places: Tensor, genes: Tensor) -> Tensor:
            ones = torch.ones(len(noisy), device=noisy.device)
            found: Tensor = network(noisy, ones, maps, places, genes)
            return found

        return self._over_spots(mean, zeros, maps, cells, reporter)

    def _draws(
        self, names: Sequence[str], maps: Values, cells: Values, reporter: Reporter
    ) -> Values:
        """Return sampled corrections, (draws, n_spots, n_genes); each gene has its own noise."""
        config = self.config.diffusion
        draws, steps = config.sampled(maps.shape[1])
        kept = kept_signal(config.levels).to(self.device)
        found = []
        for draw in range(draws):
            network = self.networks[draw % len(self.networks)]

            def drawn(
                noise: Tensor,
                maps: Tensor,
                places: Tensor,
                genes: Tensor,
                network: Network = network,
            ) -> Tensor:
                def denoise(noisy: Tensor, level: Tensor) -> Tensor:
                    clean: Tensor = network(noisy, level / config.levels, maps, places, genes)
                    return clean

                return sample(denoise, noise, kept, steps)

            noise = torch.stack([self._noise(name, draw, maps.shape[1]) for name in names])
            found.append(self._over_spots(drawn, noise.to(self.device), maps, cells, reporter))
        return np.stack(found)

    def _noise(self, name: str, draw: int, n_spots: int) -> Tensor:
        seed = zlib.crc32(f"{name}\0{draw}\0{self.seed}".encode())
        return torch.randn(n_spots, generator=torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def _over_spots(
        self, network: Any, start: Tensor, maps: Values, cells: Values, reporter: Reporter
    ) -> Values:
        """Run the network over random blocks of spots, as in training; return it rescaled."""
        n = start.shape[1]
        order = torch.from_numpy(np.random.default_rng([self.seed, 17]).permutation(n))
        blocks = -(-n // self.config.spots_per_step)
        genes = self.tensor(self.groups.of_genes(cells))
        result = torch.empty(start.shape, device=self.device)
        with repeatable(self.device):
            for rows in torch.tensor_split(order, blocks):
                reporter.check()
                picked = np.ascontiguousarray(maps[:, rows.numpy()].transpose(2, 1, 0))
                here = rows.to(self.device)
                result[:, here] = network(
                    start[:, here],
                    torch.from_numpy(picked).to(self.device),
                    self.places[here],
                    genes,
                )
        return np.asarray((result * self.size).cpu().numpy().T, np.float32)

    def tensor(self, values: Values) -> Tensor:
        """Return values as float32 on the device."""
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self.device)
