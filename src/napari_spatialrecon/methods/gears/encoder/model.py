"""Public class of the encoder: fit on slides and cells, embed, save, load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from napari_spatialrecon.methods.encoders.base import EncoderMethod, FittedEncoder, ProfileSizes
from napari_spatialrecon.methods.encoders.mixing import Mixing, domain_mixing
from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.methods.gears.encoder.network import ExpressionEncoder, StageA
from napari_spatialrecon.methods.gears.encoder.profiles import Profiles
from napari_spatialrecon.methods.gears.encoder.task import EncoderTask
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.tissue.preprocess import Features, FeatureSpace, fit_features
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint
from napari_spatialrecon.training.history import History

#: Number of profiles embedded at a time.
BLOCK = 4096
#: Seconds per training step, and per profile in it.
_PER_STEP, _PER_PROFILE = 0.02, 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedStageA(FittedEncoder):
    """Result of training stage A, with f_θ on the CPU."""

    network: ExpressionEncoder


@dataclass(frozen=True)
class _Judged:
    """How well sources mix before and after the encoder, with warnings for the user."""

    before: Mixing | None = None
    after: Mixing | None = None
    notes: tuple[str, ...] = ()


class Encoder(EncoderMethod):
    """Stage A of GEARS: one embedding for spots and dissociated cells (section 3.1)."""

    name = "gears-encoder"
    config_class = EncoderConfig
    config: EncoderConfig
    fitted: FittedStageA

    def estimate(self, sizes: ProfileSizes) -> Estimate:
        """Return the estimated cost of training."""
        steps = self.config.training.steps * (_PER_STEP + _PER_PROFILE * self.config.batch)
        return Estimate(2.0 + steps, 4e8 + 24.0 * sizes.profiles * sizes.genes)

    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        run: Run | None = None,
    ) -> Self:
        """Train stage A; see `EncoderMethod.fit`."""
        run = run or Run()
        run.reporter.begin("Preparing features")
        space, _, _ = fit_features(references, query, self.config.preprocess, seed=run.seed)
        tables = [*references, *([] if query is None else [query])]
        task = self._task(Profiles.of(tables, space, run.device), query is not None, run)
        history = run.train(task, self.config.training, "Training the encoder")
        run.reporter.begin("Measuring how sources mix")
        judged = self._judged(task) if task.several else _Judged()
        self.fitted = FittedStageA(
            space=space,
            before=judged.before,
            after=judged.after,
            network=task.network.encoder.cpu(),
            history=(history,),
            notes=(*space.notes, *judged.notes) if task.several else (),
        )
        return self

    @property
    def network(self) -> ExpressionEncoder:
        """f_θ, on the CPU."""
        return self.fitted.network

    def _task(self, profiles: Profiles, has_query: bool, run: Run) -> EncoderTask:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.seed)
            network = StageA(
                profiles.n_inputs, profiles.n_domains, self.config.network, self.config.adversary
            )
        return EncoderTask(
            network.to(run.device), profiles, self.config, has_query=has_query, seed=run.seed
        )

    def _judged(self, task: EncoderTask) -> _Judged:
        """Measure mixing before and after the encoder; warn if it is poor."""
        probe = self.config.probe
        inputs, domains = task.probed()
        before = domain_mixing(inputs.cpu().numpy(), domains, probe.neighbours)
        found = task.measure()
        after = Mixing(found["mixing"], found["ilisi"], found["probe"])
        notes = []
        if found["least_std"] <= probe.least_std:
            notes.append(
                "The embedding has collapsed: a dimension hardly varies (standard deviation "
                f"{found['least_std']:.2g}). Joint principal components are a safer input."
            )
        chance = 1 / task.profiles.n_domains
        if after.probe > chance + probe.margin:
            notes.append(
                f"Neighbors still predict the source of {after.probe:.0%} of the profiles "
                f"(chance {chance:.0%}): slides and cells differ by more than batch effects, or "
                "training was too short."
            )
        return _Judged(before, after, tuple(notes))

    def inputs(self, prepared: Prepared) -> Features:
        """Return the encoder's input for spots or cells; see `EncoderMethod.inputs`."""
        return self.space.transform(prepared)[0]

    def embed(self, prepared: Prepared) -> Features:
        """Return the embedding of spots or cells; see `EncoderMethod.embed`."""
        inputs = torch.from_numpy(self.inputs(prepared))
        with torch.inference_mode():
            return np.concatenate([self.network(x).numpy() for x in inputs.split(BLOCK)])

    def save(self, folder: str | Path) -> None:
        """Write the checkpoint folder."""
        tensors: dict[str, Any] = {f"space.{k}": v for k, v in self.space.arrays().items()}
        tensors |= {f"network.{k}": v for k, v in self.network.state_dict().items()}
        save_checkpoint(
            folder,
            method=self.name,
            config=self.config.to_dict(),
            tensors=tensors,
            genes=self.space.genes.lines(),
            extra={
                "mixing": [None if m is None else asdict(m) for m in (self.before, self.after)],
                "notes": list(self.notes),
                "history": self.history[0].to_dict(),
            },
        )

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a checkpoint folder; see `EncoderMethod.load`."""
        saved = load_checkpoint(folder, method=cls.name)
        encoder = cls(EncoderConfig.from_dict(saved.config))
        parts: dict[str, dict[str, torch.Tensor]] = {"space": {}, "network": {}}
        for name, tensor in saved.tensors.items():
            owner, _, rest = name.partition(".")
            parts[owner][rest] = tensor
        space = FeatureSpace.from_arrays(
            GeneNames.parse(saved.genes), {k: v.numpy() for k, v in parts["space"].items()}
        )
        n_inputs = len(space.components) or len(space.used)
        network = ExpressionEncoder(n_inputs, encoder.config.network)
        network.load_state_dict(parts["network"])
        network.eval()
        before, after = (None if m is None else Mixing(**m) for m in saved.extra["mixing"])
        encoder.fitted = FittedStageA(
            space=space,
            before=before,
            after=after,
            network=network,
            history=(History.from_dict(saved.extra["history"]),),
            notes=tuple(saved.extra["notes"]),
        )
        return encoder
