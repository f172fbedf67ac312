"""Training of stage A: the objective, and how well sources are mixed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_spatialrecon.methods.encoders.mixing import balanced_rows, domain_mixing
from napari_spatialrecon.methods.gears.encoder import losses
from napari_spatialrecon.methods.gears.encoder.augment import augment
from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.methods.gears.encoder.network import StageA
from napari_spatialrecon.methods.gears.encoder.profiles import Profiles
from napari_spatialrecon.nn.gradient_reversal import ramp

#: Maximum number of profiles per source for which mixing is measured.
MOST_PROBED = 1000


class EncoderTask:
    """Stage A as `training.loop.Task`.

    Parameters
    ----------
    network
        Encoder and adversary, on the device of `profiles`.
    profiles
        Training data.
    has_query
        Whether the last source is a query, which then gives half of a step's profiles.
    seed
        Seed for the choice of profiles for which mixing is measured.
    """

    def __init__(
        self,
        network: StageA,
        profiles: Profiles,
        config: EncoderConfig,
        *,
        has_query: bool,
        seed: int,
    ) -> None:
        self.module: torch.nn.Module = network
        self.network = network
        self.profiles = profiles
        self.config = config
        self.several = profiles.n_domains > 1
        self._sizes = batch_sizes(config.batch, profiles.n_domains, has_query)
        self._rows = [torch.nonzero(profiles.domains == d)[:, 0] for d in range(len(self._sizes))]
        domains = profiles.domains.cpu().numpy()
        self._probed = balanced_rows(domains, MOST_PROBED, np.random.default_rng(seed))
        self._step = 0
        self._shown: dict[str, float] = {}

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the objective for a batch of profiles (eq. 2 and appendix 7.2), and its terms."""
        self._step, profiles, config = step, self.profiles, self.config
        rows = self._draw(generator)
        logs, domains = profiles.logs[rows], profiles.domains[rows]
        shown = [*(augment(logs, config.views, generator) for _ in range(2)), logs]
        inputs = torch.cat([profiles.inputs(x, domains) for x in shown])
        z1, z2, z = self.module(inputs).chunk(3)
        terms = self._vicreg(z1, z2)
        facts: dict[str, Tensor | float] = {}
        if self.several:
            terms |= self._alignment(z, domains)
            adversarial, facts = self._adversarial(z, domains)
            terms |= adversarial
        total = z.new_zeros(())
        for weight, term in terms.values():
            total = total + weight * term
        return total, {**{name: t for name, (_, t) in terms.items()}, **facts, **self._shown}

    def _draw(self, generator: torch.Generator) -> Tensor:
        """Return the rows of a batch; profiles of a small source are repeated."""
        drawn = []
        for rows, size in zip(self._rows, self._sizes, strict=True):
            device, n = rows.device, len(rows)
            if n >= size:
                chosen = torch.randperm(n, generator=generator, device=device)[:size]
            else:
                chosen = torch.randint(n, (size,), generator=generator, device=device)
            drawn.append(rows[chosen])
        return torch.cat(drawn)

    def _vicreg(self, z1: Tensor, z2: Tensor) -> dict[str, tuple[float, Tensor]]:
        """Return weight and value of each term of eq. 1."""
        weights = self.config.vicreg
        found: dict[str, tuple[float, Callable[[], Tensor]]] = {
            "invariance": (weights.invariance, lambda: losses.invariance(z1, z2)),
            "variance": (weights.variance, lambda: losses.variance(z1, z2, weights.target_std)),
            "covariance": (weights.covariance, lambda: losses.covariance(z1, z2)),
        }
        return _switched_on(found)

    def _alignment(self, z: Tensor, domains: Tensor) -> dict[str, tuple[float, Tensor]]:
        """Return weight and value of each term that aligns a source with all others."""
        weights, adversary = self.config.alignment, self.config.adversary
        strength = ramp(self._step, adversary.warmup, adversary.ramp)
        later = ramp(self._step, weights.local_from, adversary.ramp)

        def between(distance: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
            # With two sources, comparing the first with the second is enough.
            sources = range(self.profiles.n_domains if self.profiles.n_domains > 2 else 1)
            values = [distance(z[domains == d], z[domains != d]) for d in sources]
            return torch.stack(values).mean()

        def near(x: Tensor, y: Tensor) -> Tensor:
            return losses.local_alignment(x, y, weights.temperature)

        found: dict[str, tuple[float, Callable[[], Tensor]]] = {
            "mmd": (weights.mmd * strength, lambda: between(losses.mmd)),
            "coral": (weights.coral * strength, lambda: between(losses.coral)),
            "local": (weights.local * later, lambda: between(near)),
        }
        return _switched_on(found)

    def _adversarial(
        self, z: Tensor, domains: Tensor
    ) -> tuple[dict[str, tuple[float, Tensor]], dict[str, Tensor | float]]:
        """Train the adversary, then return the adversarial loss (eq. 2) and its diagnostics."""
        adversary, config = self.network.adversary, self.config.adversary
        if adversary is None:
            return {}, {}
        rate = config.rate * self.config.training.learning_rate_at(self._step)
        accuracy = adversary.learn(z, domains, rate, config.updates)
        strength = ramp(self._step, config.warmup, config.ramp)
        value = adversary.loss(z, domains, strength)
        facts = {"adversary_accuracy": accuracy, "reversal": strength}
        return {"adversary": (config.weight, value)}, facts

    def held_out(self) -> Mapping[str, float] | None:
        """Return the probe's excess accuracy over chance plus margin, and measures of mixing.

        The first evaluation within the margin is thus the best, where the paper stops. Evaluations
        before the alignment terms reach full strength do not count, and a collapsed embedding is
        never the best.
        """
        if not self.several:
            return None
        config = self.config.probe
        numbers = self.measure()
        self._shown = {name: value for name, value in numbers.items() if math.isfinite(value)}
        adversary = self.config.adversary
        if self._step + 1 < adversary.warmup + adversary.ramp:
            return None
        excess = max(0.0, numbers["probe"] - 1 / self.profiles.n_domains - config.margin)
        collapsed = numbers["least_std"] <= config.least_std
        return {"held_out": math.inf if collapsed else excess, **numbers}

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """Return ``mixing`` (normalised entropy), ``ilisi``, ``probe`` and ``least_std``.

        `least_std` is the smallest standard deviation of a dimension of the embedding.
        """
        inputs, domains = self.probed()
        z = self.network.encoder(inputs).cpu()
        found = domain_mixing(z.numpy(), domains, self.config.probe.neighbours)
        return {
            "mixing": found.entropy,
            "ilisi": found.ilisi,
            "probe": found.probe,
            "least_std": float(z.std(dim=0).min()),
        }

    def probed(self) -> tuple[Tensor, NDArray[np.int_]]:
        """Return input and source of the profiles for which mixing is measured."""
        rows = torch.from_numpy(self._probed).to(self.profiles.logs.device)
        domains = self.profiles.domains[rows]
        return self.profiles.inputs(self.profiles.logs[rows], domains), domains.cpu().numpy()


def batch_sizes(batch: int, n_domains: int, has_query: bool) -> list[int]:
    """Return the number of profiles of each source per step; the query, the last, gives half."""
    if not has_query or n_domains == 1:
        return _parts(batch, n_domains)
    return [*_parts(batch // 2, n_domains - 1), batch - batch // 2]


def _parts(total: int, n: int) -> list[int]:
    return [max(2, len(part)) for part in np.array_split(np.arange(total), n)]


def _switched_on(
    found: Mapping[str, tuple[float, Callable[[], Tensor]]],
) -> dict[str, tuple[float, Tensor]]:
    """Compute the terms whose weight is not 0."""
    return {name: (weight, value()) for name, (weight, value) in found.items() if weight > 0}
