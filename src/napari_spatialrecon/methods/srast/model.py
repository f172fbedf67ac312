"""SRast, the user-facing class: adapt the generalist to a slide and split its counts."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from napari_spatialrecon.errors import CheckpointError, InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.methods.srast import flow
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.methods.srast.corpus import pools_of
from napari_spatialrecon.methods.srast.inputs import Inputs
from napari_spatialrecon.methods.srast.learning import FlowTask, make_pool, on_device, pick
from napari_spatialrecon.methods.srast.network import Batch, Velocity
from napari_spatialrecon.methods.srast.sasa import Sasa
from napari_spatialrecon.methods.super_resolution.base import (
    FittedSplit,
    SplitBlock,
    SplitSizes,
    SuperResolution,
)
from napari_spatialrecon.methods.super_resolution.coarse_pair import coarsen
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.subspots import Factor, SubSpots
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint
from napari_spatialrecon.training.history import History

#: Number of tokens per forward pass of the network.
_TOKENS = 8_000
#: The slide's own coarse pairs: blocks of 2 x 2 spots, at each possible grid offset.
_BLOCK, _PHASES = Factor(2, 2), ((0, 0), (1, 1), (1, 0), (0, 1))
#: Learning rate and steps suit the generalist's size; with fewer held-out pairs than this, the
#: adapted network cannot be distinguished from the generalist, which is then kept.
_LEAST_PAIRS = 200
#: Seconds per part of a spot-gene pair with counts, for the network of the package; per spot and
#: gene for an epoch of the alignment; and per step of the adaptation. From runs of 1,000 to 100,000
#: bins (docs/benchmarks.md).
_PER_TOKEN, _PER_EPOCH, _PER_STEP = 8e-6, 1.6e-7, 0.13
#: Seconds and bytes per spot and gene in the alignment, to encode, coarsen and decompose.
_PER_SEEN, _BYTES_PER_SEEN = 3.5e-6, 77.0


@dataclass(frozen=True, eq=False)
class Generalist:
    """A network, the names of the slides it was trained on, and its training metrics."""

    network: Velocity
    trained_on: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Adapted:
    """The network that splits a slide, and how it was obtained."""

    velocity: Velocity
    metrics: dict[str, float] = field(default_factory=dict)
    history: tuple[History, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedSRast(FittedSplit):
    """State fitted to a slide: the adapted network, its inputs, and how to evaluate it."""

    velocity: Velocity
    inputs: Inputs
    seed: int
    device: str


class SRast(SuperResolution):
    """Super-resolution by flow matching on the simplex (SRast).

    Parameters
    ----------
    config
        Hyper-parameters; the quick preset if None.
    """

    name = "srast"
    config_class = SRastConfig
    config: SRastConfig
    fitted: FittedSRast
    generalist: Generalist | None = None

    @property
    def network(self) -> Velocity | None:
        """The generalist's network; None for the one that comes with the package."""
        return None if self.generalist is None else self.generalist.network

    @property
    def trained_on(self) -> tuple[str, ...]:
        """Description of the training data."""
        return () if self.generalist is None else self.generalist.trained_on

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of training and fitting, by name."""
        trained = {} if self.generalist is None else self.generalist.metrics
        return {**trained, **self.fitted.metrics}

    @property
    def draws(self) -> bool:
        """Whether the settings ask for several draws."""
        return self.config.flow.draws > 1

    def estimate(self, sizes: SplitSizes) -> Estimate:
        """Return the time and memory for the alignment, the adaptation and the split.

        Draws are calibrated on the slide seen coarser, and coarser still, to which the network
        adapts as well.
        """
        config, flow = self.config, self.config.flow
        size = (config.hidden / 32) ** 2 * config.depth / 2
        passes = flow.starts + flow.draws * flow.steps
        seen = min(sizes.measured, config.sasa.genes)
        epoch = _PER_EPOCH * (min(sizes.spots, config.sasa.spots) * seen)
        align = epoch * config.sasa.training.steps + _PER_SEEN * sizes.spots * seen
        adapt = _PER_STEP * size * config.adapt.steps * config.coarse_pair
        split = _PER_TOKEN * sizes.filled * sizes.parts * size * passes
        if self.draws:
            align, adapt, split = 1.3 * align, 3.0 * adapt, 1.15 * split
        found = super().estimate(sizes).plus(split, note=self._needs())
        return found.plus(align, _BYTES_PER_SEEN * sizes.spots * seen).plus(adapt)

    def train(self, slides: Sequence[Prepared], run: Run | None = None) -> Self:
        """Train a generalist on slides whose spots or single cells serve as the ground truth.

        Raises
        ------
        InputError
            No slide is large enough to be coarsened.
        Stopped
            The user stopped the run; its folder can be resumed.
        """
        run = run or Run()
        pools = pools_of(slides, self.config, run)
        if not pools:
            raise InputError(
                "Expected slides that can be summed into coarser ones, found none.",
                remedy="Try slides of at least 6 x 6 spots, or 100 cells.",
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed)
            network = self._empty().to(run.device)
        task = FlowTask(network, pools, self.config, run.device)
        run.train(task, self.config.training, "Training on slides")
        found = task.held_out()
        self.generalist = Generalist(
            network.cpu().eval(),
            tuple(slide.name for slide in slides),
            {} if found is None else {"held_out_error": found["held_out"]},
        )
        return self

    def fit(
        self,
        slide: Prepared,
        parts: SubSpots,
        run: Run | None = None,
    ) -> Self:
        """Align the slide (SASA) and adapt the flow to its own coarse pairs.

        The generalist of the package is used if no model was loaded or trained. See
        `SuperResolution.fit`.

        Raises
        ------
        InputError
            Without a model, the settings are of another network than that of the package.
        """
        run = run or Run()
        own = self._start()
        counts = csr_matrix(slide.adata.X)
        points = parts.lattice.points
        sasa = Sasa.fit(counts, points, self.config.sasa, run)
        latents = sasa.encode(counts, points)
        adapted = Adapted(copy.deepcopy(own.network).to(run.device).eval())
        if self.config.coarse_pair:
            adapted = self._adapted(adapted.velocity, sasa, counts, parts, run)
        run.reporter.begin("Preparing the split")
        self.fitted = FittedSRast(
            parts=parts,
            velocity=adapted.velocity,
            inputs=Inputs(counts, parts, latents, run.seed),
            seed=run.seed,
            device=run.device,
            metrics=adapted.metrics,
            history=adapted.history,
            notes=adapted.notes,
        )
        return self

    def _needs(self) -> str:
        """Return that a model is needed, and why; empty if the one of the package fits."""
        if self.generalist is not None:
            return ""
        shipped, own = _network_of(generalist().config), _network_of(self.config)
        if shipped == own:
            return ""
        return f"Needs a model trained with {own}: the one in the package has {shipped}."

    def _start(self) -> Generalist:
        """Return the model to start from: the one loaded or trained, or that of the package."""
        if self.generalist is not None:
            return self.generalist
        if self._needs():
            raise InputError(
                f"Expected a model trained with {_network_of(self.config)}; found none, and the "
                f"one in the package has {_network_of(generalist().config)}.",
                remedy=f"Try {argument('model')} with one that was trained with these settings, or "
                f"{argument('preset', 'standard')}.",
                where="network",
            )
        found = generalist().generalist
        assert found is not None, "the package has one"
        return found

    def _adapted(
        self, start: Velocity, sasa: Sasa, counts: csr_matrix, parts: SubSpots, run: Run
    ) -> Adapted:
        """Fine-tune on the slide summed into blocks; keep the result if held-out blocks improve.

        If the slide does not fill the pool, the weights are interpolated between the generalist's
        and the adapted ones in proportion to the share that it fills (weights in between lose
        least: Wortsman et al. 2022, https://arxiv.org/abs/2109.01903).

        Flow matching fits the mean of the logits; the boundary loss fits the mean of the shares,
        which is the output. Without draws, only the boundary loss is therefore used.
        """
        run.reporter.begin("Summing the slide into coarser spots")
        pools = []
        for phase in _PHASES if parts.lattice.kind != "free" else ():
            run.reporter.check()
            pair = coarsen(parts.lattice, counts, _BLOCK, phase)
            if pair is not None:
                latents = sasa.encode(pair.counts, pair.parts.lattice.points)
                pools.append(make_pool(pair, latents, self.config.pool // 4, run.seed))
        if sum(int(pool.held_out.sum()) for pool in pools) < _LEAST_PAIRS:
            note = "The slide is too small for adaptation; the model was used unchanged."
            return Adapted(start, notes=(note,))
        adapted = copy.deepcopy(start)
        before = FlowTask(start, pools, self.config, run.device).held_out()
        config, settings = self.config, self.config.flow
        if settings.reading == "mean" and not settings.draws and settings.boundary_weight:
            config = config.with_values({"flow.flow_weight": 0.0})
        task = FlowTask(adapted, pools, config, run.device)
        history = run.unsaved().train(task, self.config.adapt, "Adapting to the slide")
        run.reporter.check()
        filled = sum(len(pool.ratios) for pool in pools) / self.config.pool
        _shrink_towards(start, adapted, min(1.0, filled))
        after = task.held_out()
        assert before is not None and after is not None
        metrics = {
            "coarse_error_generalist": before["held_out"],
            "coarse_error_adapted": after["held_out"],
        }
        if after["held_out"] < before["held_out"]:
            return Adapted(adapted.eval(), metrics, (history,))
        note = "Adaptation to the slide did not help; the model was used unchanged."
        return Adapted(start, metrics, (history,), (note,))

    def split(self, genes: np.ndarray, reporter: Reporter) -> SplitBlock:
        """Split these genes (eq. 26); see `SuperResolution.split`."""
        fitted = self.fitted
        pairs = fitted.inputs.pairs(genes)
        n_parts = fitted.parts.factor.parts
        size = max(1, _TOKENS // n_parts)
        generator = torch.Generator(fitted.device).manual_seed(fitted.seed)
        shares, spreads = [], []
        for start in range(0, len(pairs.counts), size):
            reporter.check()
            batch = on_device(pick(pairs.batch, slice(start, start + size)), fitted.device)
            share, spread = self._read(batch, generator)
            shares.append(share.cpu().double().numpy())
            if spread is not None:
                spreads.append(spread.cpu().numpy())
        shape = (len(fitted.inputs.total) * n_parts, len(genes))
        rows = (pairs.spots[:, None] * n_parts + np.arange(n_parts)).ravel()
        columns = np.repeat(pairs.genes, n_parts)

        def spread_out(values: list[np.ndarray]) -> csr_matrix:
            joined = np.concatenate(values) if values else np.zeros((0, n_parts))
            scaled = joined * pairs.counts[:, None]
            return csr_matrix((scaled.ravel(), (rows, columns)), shape=shape)

        share = [s / s.sum(axis=1, keepdims=True) for s in shares]
        return SplitBlock(genes, spread_out(share), spread_out(spreads) if spreads else None)

    def _read(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        settings, velocity = self.config.flow, self.fitted.velocity
        draws = None
        if settings.draws or settings.reading == "draws":
            several = [
                flow.draw(velocity, batch, settings, generator)
                for _ in range(max(settings.draws, 1))
            ]
            draws = torch.stack(several)
        spread = draws.std(dim=0) if draws is not None and len(draws) > 1 else None
        if settings.reading == "draws" and draws is not None:
            return draws.mean(dim=0), spread
        return flow.conditional_mean(velocity, batch, settings.starts, generator), spread

    def _empty(self) -> Velocity:
        return Velocity(self.config.hidden, self.config.depth, self.config.heads)

    def save(self, folder: str | Path) -> None:
        """Write the generalist (not the network adapted to a slide) as a checkpoint folder."""
        assert self.network is not None, "train or load first"
        save_checkpoint(
            folder,
            method=self.name,
            config=self.config.to_dict(),
            tensors=dict(self.network.state_dict()),
            extra={"trained_on": list(self.trained_on), "metrics": self.metrics},
        )

    @classmethod
    def load(cls, folder: str | Path, config: SRastConfig | None = None) -> Self:
        """Read a checkpoint folder.

        Parameters
        ----------
        config
            Settings of this run; those that define the network come from the checkpoint.

        Raises
        ------
        CheckpointError
            It is damaged, or from another method or an incompatible version of the network.
        """
        saved = load_checkpoint(folder, method=cls.name)
        own = cls.config_class.from_dict(saved.config)
        settings = own if config is None else _with_network_of(config, own)
        model = cls(settings)
        network = model._empty()
        try:
            network.load_state_dict(saved.tensors)
        except RuntimeError as error:
            raise CheckpointError(
                "Expected weights of this version's network, found those of another.",
                remedy="Try the model in the package, or train again.",
                where=str(folder),
            ) from error
        model.generalist = Generalist(network.eval(), tuple(_words(saved.extra, "trained_on")))
        return model


def generalist(config: SRastConfig | None = None) -> SRast:
    """Return the model that comes with the package; its card is in the docs."""
    with resources.as_file(resources.files(__package__) / "generalist") as folder:
        return SRast.load(folder, config)


@torch.no_grad()
def _shrink_towards(start: Velocity, adapted: Velocity, share: float) -> None:
    """Interpolate `adapted` in place: `start` plus a share of the difference."""
    for own, first in zip(adapted.parameters(), start.parameters(), strict=True):
        own.copy_(torch.lerp(first, own, share))


def _network_of(config: SRastConfig) -> str:
    """Return the settings that define the network, in words."""
    return f"hidden {config.hidden}, depth {config.depth}, heads {config.heads}"


def _with_network_of(config: SRastConfig, own: SRastConfig) -> SRastConfig:
    return replace(config, hidden=own.hidden, depth=own.depth, heads=own.heads)


def _words(extra: Mapping[str, Any], key: str) -> list[str]:
    return [str(word) for word in extra.get(key, [])]
