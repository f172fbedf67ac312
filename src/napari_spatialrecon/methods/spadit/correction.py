"""Networks that correct the linear maps: training, evaluation on held-out genes, application."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from napari_spatialrecon.methods.genes.base import Values
from napari_spatialrecon.methods.genes.scale import standardised
from napari_spatialrecon.methods.spadit.bases import Relations
from napari_spatialrecon.methods.spadit.config import SpaDiTConfig
from napari_spatialrecon.methods.spadit.diffusion import kept_signal, sample
from napari_spatialrecon.methods.spadit.network import Network, place_features
from napari_spatialrecon.methods.spadit.stack import correlations
from napari_spatialrecon.methods.spadit.task import Examples, GeneTask
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.training.history import History
from napari_spatialrecon.training.loop import train
from napari_spatialrecon.training.randomness import repeatable

#: Candidate shares of the correction; the smallest one within a thousandth of the best is used.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_CLEARLY = 1e-3
#: Maximum training entries (spots × shared genes); further spots are left out.
_ENTRIES = 8_000_000
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


class Corrections:
    """One or several networks over the same linear maps."""

    def __init__(self, relations: Relations, config: SpaDiTConfig, seed: int, device: str) -> None:
        self.relations, self.config, self.seed = relations, config, seed
        self.device = torch.device(device)
        self.networks: list[Network] = []
        self.history: list[History] = []
        self.share, self.size = 0.0, 1.0
        self.note = ""
        self._report: dict[str, Any] = {}

    def fit(
        self,
        held: Values,
        truth: Values,
        stack: Values,
        parts: list[NDArray[np.intp]],
        reporter: Reporter,
    ) -> tuple[Values, NDArray[np.intp]]:
        """Train the networks; return corrected maps of the evaluation genes, and these genes.

        Parameters
        ----------
        held : (maps, n_spots, n_genes)
            Out-of-fold linear maps of each shared gene.
        truth, stack : (n_spots, n_genes)
        parts
            Folds of the genes: a network does not see its own fold.
        """
        config = self.config
        self.groups = Groups.of(self.relations, config, self.seed)
        places = torch.from_numpy(self.relations.inputs.places).to(self.device)
        self.places = place_features(places)
        residual = truth - stack
        self.size = float(residual.std()) or 1.0
        rows = self._rows(truth.shape)
        examples = self._examples(held, residual, rows)
        splits = self._splits(truth.shape[1], parts)
        guess, judged = np.zeros_like(stack), []
        for number, (seen, chosen, part) in enumerate(splits):
            network = self._train(examples, seen, chosen, number, len(splits), reporter)
            maps = held[:, :, part] if config.bases.on else held[:0, :, part]
            cells = self.relations.cells[:, part]
            guess[:, part] = self._mean_branch(network, maps, cells, reporter)
            judged.append(part)
        which = np.sort(np.concatenate(judged))
        self._choose_share(guess[:, which], truth[:, which], stack[:, which])
        return stack + self.share * guess, which

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
        spread = np.zeros_like(stack)
        if self.share == 0:
            return stack, spread
        seen = maps if self.config.bases.on else maps[:0]
        drawn = self._draws(names, seen, cells, reporter) if self.config.diffusion.draws else None
        if drawn is not None and self.config.diffusion.output == "draws":
            guess = drawn.mean(axis=0)
        else:
            guesses = [self._mean_branch(n, seen, cells, reporter) for n in self.networks]
            guess = np.mean(guesses, axis=0)
        if drawn is not None and len(drawn) > 1:
            spread = self.share * drawn.std(axis=0)
        return stack + self.share * guess, spread

    def report(self) -> dict[str, Any]:
        """Return the improvement by the network on held-out genes."""
        return self._report

    def _rows(self, shape: tuple[int, ...]) -> NDArray[np.intp]:
        most = max(_ENTRIES // shape[1], self.config.spots_per_step)
        order = np.random.default_rng([self.seed, 11]).permutation(shape[0])
        return np.sort(order[:most])

    def _examples(self, held: Values, residual: Values, rows: NDArray[np.intp]) -> Examples:
        maps = held if self.config.bases.on else held[:0]
        low = self.relations.inputs.slide.min(axis=0)
        zero = self.relations.inputs.slide <= low
        return Examples(
            self._tensor(residual[rows].T / self.size),
            torch.from_numpy(np.ascontiguousarray(zero[rows].T)).to(self.device),
            self._tensor(maps[:, rows].transpose(2, 1, 0)),
            self.places[torch.from_numpy(rows).to(self.device)],
            self._tensor(self.groups.of_genes(self.relations.cells)),
        )

    def _splits(
        self, n: int, parts: list[NDArray[np.intp]]
    ) -> list[tuple[NDArray[np.intp], NDArray[np.intp] | None, NDArray[np.intp]]]:
        """Return the genes for training, model selection and evaluation of each network."""
        everything = np.arange(n)
        if self.config.networks > 1:
            some = parts[: self.config.networks]
            return [(np.setdiff1d(everything, part), None, part) for part in some]
        order = np.random.default_rng([self.seed, 13]).permutation(n)
        seen, chosen, judged = np.split(order, [round(0.7 * n), round(0.9 * n)])
        return [(seen, chosen if len(chosen) else None, judged if len(judged) else chosen)]

    def _train(
        self,
        examples: Examples,
        seen: NDArray[np.intp],
        chosen: NDArray[np.intp] | None,
        number: int,
        count: int,
        reporter: Reporter,
    ) -> Network:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed + 1000 * number)
            profile = torch.from_numpy(self.groups.profile)
            network = Network(examples.maps.shape[2], profile, self.config.network).to(self.device)
        picked = None if chosen is None else examples.of(torch.from_numpy(chosen))
        task = GeneTask(network, examples.of(torch.from_numpy(seen)), self.config, picked)
        stage = f"Training network {number + 1} of {count}"
        looks = -(-self.config.looks * len(seen) // self.config.genes_per_step)
        steps = min(self.config.training.steps, looks)
        history = train(
            task,
            replace(self.config.training, steps=steps),
            seed=self.seed + number,
            device=self.device,
            reporter=reporter,
            stage=stage,
        )
        reporter.check()
        self.history.append(history)
        self.networks.append(network)
        return network

    def _choose_share(self, guess: Values, truth: Values, stack: Values) -> None:
        shares = SHARES if self.config.bases.on else (1.0,)
        reached = [float(correlations(stack + s * guess, truth).mean()) for s in shares]
        best = next(i for i, pcc in enumerate(reached) if pcc >= max(reached) - _CLEARLY)
        self.share = shares[best]
        added = reached[best] - reached[0]
        self._report = {
            "network_share": self.share,
            "network_added_pcc": added if self.config.bases.on else float("nan"),
            "held_out_by_share": dict(zip(map(str, shares), reached, strict=True)),
        }
        if not self.config.bases.on:
            self.note = "Only the network is used, without linear maps."
        elif self.share == 0:
            self.note = (
                "On held-out genes the network added nothing: only the linear maps are used."
            )
        else:
            self.note = (
                f"On held-out genes the network added {added:.3f} to a mean correlation of "
                f"{reached[0]:.3f}; {self.share:.0%} of its correction is used."
            )

    def _mean_branch(
        self, network: Network, maps: Values, cells: Values, reporter: Reporter
    ) -> Values:
        """Return the network's mean correction, (n_spots, n_genes)."""
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
        kept = kept_signal(config.levels).to(self.device)
        found = []
        for draw in range(config.draws):
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

                return sample(denoise, noise, kept, config.steps)

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
        genes = self._tensor(self.groups.of_genes(cells))
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

    def _tensor(self, values: Values) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self.device)
