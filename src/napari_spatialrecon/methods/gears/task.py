"""Training of GEARS' geometry model (stage C, section 3.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from napari_spatialrecon.methods.ensemble.task import EnsembleTask, unit_length
from napari_spatialrecon.methods.gears import losses, minisets
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.diffusion import (
    Preconditioned,
    draw_sigma,
    refine,
    sigma_cap,
)
from napari_spatialrecon.methods.gears.network import Denoiser, Generator, centred

#: Share of steps in which the denoiser gets its own last estimate as input.
SELF_CONDITIONED = 0.5
#: Number of steps over which the measured spread of the residual is averaged.
MEASURED = 8


class GeometryNetwork(nn.Module):
    """Generator and, if the refiner is on, denoiser with the spread of the residual it refines.

    Parameters
    ----------
    n_features
        Width of a spot's or cell's embedding.
    alone
        The generator processes each cell alone instead of jointly with the others.
    """

    def __init__(self, n_features: int, config: GearsConfig, *, alone: bool = False) -> None:
        super().__init__()
        self.generator = Generator(n_features, config.generator, alone=alone)
        self.denoiser = Denoiser(config.generator, config.refiner) if config.refiner.on else None
        self.register_buffer("sigma_data", torch.tensor(0.0))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return context and base geometry; see `Generator`."""
        context, base = self.generator(features)
        return context, base

    def preconditioned(self, context: Tensor, base: Tensor) -> Preconditioned:
        """Return Ψ_ω for these sets (eq. 3)."""
        denoiser = self.denoiser
        assert denoiser is not None, "the refiner is off"

        def network(noisy: Tensor, level: Tensor, previous: Tensor) -> Tensor:
            result: Tensor = denoiser(noisy, base, context, level, previous)
            return result

        return Preconditioned(network, float(self.sigma_data))

    def geometry(self, features: Tensor, config: GearsConfig, seed: int = 0) -> Tensor:
        """Return the geometry of sets of features, (batch, n, d), refined if the refiner is on."""
        context, base = self(features)
        if self.denoiser is None or float(self.sigma_data) == 0:
            return base
        generator = torch.Generator(base.device).manual_seed(seed)
        residual = refine(
            self.preconditioned(context, base),
            base,
            steps=config.refiner.steps,
            low=config.refiner.sigma_min,
            temperature=config.refiner.temperature,
            generator=generator,
        )
        return base + residual


class GeometryTask(EnsembleTask):
    """One geometry model.

    Parameters
    ----------
    features, places : one tensor per slide
        (n_spots, d) and (n_spots, 2), in the reference's frame.
    noise
        Standard deviation of the noise on the features.
    """

    def __init__(
        self,
        network: GeometryNetwork,
        features: Sequence[Tensor],
        places: Sequence[Tensor],
        noise: float,
        config: GearsConfig,
    ) -> None:
        super().__init__(network, lambda spots: network.geometry(spots[None], config)[0])
        self.model = network
        self.features, self.places = features, places
        self.noise, self.config = noise, config

    def loss(
        self, step: int, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the weighted sum of section 3.4's losses over a step's minisets, and its terms."""
        config = self.config
        sets = minisets.draw(
            self.features, self.places, config.minisets, config.generator.dimensions, generator
        )
        noise = torch.randn(sets.features.shape, generator=generator, device=sets.features.device)
        noisy = sets.features + self.noise * noise
        context, base = self.module(unit_length(noisy, config.unit_length))
        target = losses.align(sets.target, base)
        terms = self._generator_terms(base, target)
        predicted, low = base, None
        done = step / config.training.steps
        if self.model.denoiser is not None and done >= config.refiner.warm_up:
            self._measure(step, target - base.detach())
            trains = config.refiner.trains
            clean, low, refined = self._refiner_terms(
                context.detach() if trains == "denoiser" else context,
                base if trains == "all" else base.detach(),
                target,
                done,
                generator,
            )
            terms |= refined
            predicted = base + clean
        if sets.shared:
            terms |= self._overlap_terms(predicted, sets.shared, low)
        return torch.stack(list(terms.values())).sum(), terms

    def _generator_terms(self, base: Tensor, target: Tensor) -> dict[str, Tensor]:
        weights = self.config.losses
        found = {
            "generator_gram": (weights.generator_gram, losses.gram_error),
            "generator_distance": (weights.generator_distance, losses.distance_error),
            "generator_scale": (weights.generator_scale, losses.log_trace_error),
        }
        terms = {n: w * f(base, target).mean() for n, (w, f) in found.items() if w}
        if weights.generator_align:
            terms["generator_align"] = weights.generator_align * ((base - target) ** 2).mean()
        return terms

    def _measure(self, step: int, residual: Tensor) -> None:
        """Measure σ_data of the residual after the warm-up, and again halfway to the end."""
        total, warm = self.config.training.steps, self.config.refiner.warm_up
        starts = (round(warm * total), round((warm + 1) / 2 * total))
        since = min((step - s for s in starts if step >= s), default=MEASURED)
        if since < MEASURED:
            spread = residual.std().to(self.model.sigma_data.dtype)
            mean = spread if since == 0 else (self.model.sigma_data * since + spread) / (since + 1)
            self.model.sigma_data.copy_(mean)

    def _refiner_terms(
        self,
        context: Tensor,
        base: Tensor,
        target: Tensor,
        done: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Return the clean residual, a mask of sets with low noise, and the terms of eq. 4-7."""
        config, weights = self.config.refiner, self.config.losses
        spread = max(float(self.model.sigma_data), 1e-3)
        progress = (done - config.warm_up) / max(1 - config.warm_up, 1e-6)
        cap = max(sigma_cap(progress, spread), 2 * config.sigma_min)
        views = 2 if self.config.minisets.overlap else 1  # of a pair, at the same noise
        sigma = draw_sigma(len(base) // views, config.sigma_min, cap, generator, base.device)
        sigma = sigma.repeat(views)
        residual = target - base
        noise = torch.randn(base.shape, generator=generator, device=base.device)
        noisy = residual + sigma[:, None, None] * noise
        denoise = self.model.preconditioned(context, base)
        previous = torch.zeros_like(base)
        draw = torch.rand(1, generator=generator, device=base.device)
        if float(draw) < SELF_CONDITIONED:
            with torch.no_grad():
                previous = denoise(noisy, sigma, previous)
        clean = denoise(noisy, sigma, previous)
        composed = centred(base + clean)
        low = (sigma < config.gate * spread).to(base.dtype)
        share = low / low.sum().clamp(min=1)
        scaled = weights.score * (1.0 if weights.score_as_written else spread**2)
        terms = {
            "score": scaled * losses.score(clean, residual, sigma, spread),
            "gram": weights.gram * (losses.gram_error(composed, target) * share).sum(),
            "log_trace": weights.log_trace
            * (losses.log_trace_error(composed, target) * share).sum(),
        }
        kept = low.bool()
        if weights.nca and kept.any():
            terms["nca"] = weights.nca * losses.neighbourhood_components(
                composed[kept], target[kept], config.neighbours, weights.nca_temperature
            )
        if weights.edge and kept.any():
            terms["edge"] = weights.edge * losses.edge_lengths(
                composed[kept], target[kept], config.neighbours
            )
        return clean, low, terms

    def _overlap_terms(
        self, geometry: Tensor, shared: int, low: Tensor | None
    ) -> dict[str, Tensor]:
        """Return the overlap terms (eq. 10) over pairs whose noise is low in both views."""
        weights = self.config.losses
        first, second = (centred(x[:, :shared]) for x in geometry.chunk(2))
        both = torch.ones(len(first), device=geometry.device)
        if low is not None:
            views = low.chunk(2)
            both = views[0] * views[1]
        share = both / both.sum().clamp(min=1)
        temperature = weights.nca_temperature
        return {
            "overlap_shape": weights.overlap_shape
            * (losses.overlap_shape(first, second) * share).sum(),
            "overlap_scale": weights.overlap_scale
            * (losses.overlap_scale(first, second) * share).sum(),
            "overlap_neighbours": weights.overlap_neighbours
            * (losses.overlap_neighbours(first, second, temperature) * share).sum(),
        }
