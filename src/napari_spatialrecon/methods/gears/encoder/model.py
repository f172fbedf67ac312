"""The encoder, the user's class: fit on slides and cells, embed, save, load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.methods.encoders.base import EncoderMethod, ProfileSizes
from napari_spatialrecon.methods.encoders.mixing import Mixing, domain_mixing
from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.methods.gears.encoder.network import ExpressionEncoder, StageA
from napari_spatialrecon.methods.gears.encoder.profiles import Profiles
from napari_spatialrecon.methods.gears.encoder.task import EncoderTask
from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.preprocess import Features, FeatureSpace, fit_features
from napari_spatialrecon.training.checkpoint import load_checkpoint, save_checkpoint
from napari_spatialrecon.training.history import History
from napari_spatialrecon.training.loop import train

#: Profiles embedded at a time.
BLOCK = 4096
#: Seconds of a training step, and for a profile in it.
_PER_STEP, _PER_PROFILE = 0.02, 1e-4


class Encoder(EncoderMethod):
    """Stage A of GEARS: one embedding for spots and dissociated cells (section 3.1).

    Attributes
    ----------
    network
        f_θ, on the CPU.
    """

    name = "gears-encoder"
    config_class = EncoderConfig
    config: EncoderConfig
    network: ExpressionEncoder

    def estimate(self, sizes: ProfileSizes) -> Estimate:
        """Return what training will take."""
        steps = self.config.training.steps * (_PER_STEP + _PER_PROFILE * self.config.batch)
        return Estimate(2.0 + steps, 4e8 + 24.0 * sizes.profiles * sizes.genes)

    def fit(
        self,
        references: Sequence[Prepared],
        query: Prepared | None = None,
        *,
        seed: int = 0,
        device: str = "cpu",
        reporter: Reporter | None = None,
        folder: Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Train stage A; see `EncoderMethod.fit`."""
        reporter = reporter or Reporter()
        reporter.begin("Preparing features")
        self.space, _, _ = fit_features(references, query, self.config.preprocess, seed=seed)
        tables = [*references, *([] if query is None else [query])]
        profiles = Profiles.of(tables, self.space, device)
        task = self._task(profiles, query is not None, seed, device)
        history = train(
            task,
            self.config.training,
            seed=seed,
            device=device,
            reporter=reporter,
            folder=folder,
            resume=resume and folder is not None and folder.exists(),
            stage="Training the encoder",
        )
        self.history = [history]
        if history.stopped:
            raise Stopped(checkpoint="" if folder is None else str(folder))
        reporter.begin("Measuring how sources mix")
        self.before, self.after, self.notes = None, None, ()
        if task.several:
            self._judge(task)
        self.network = task.network.encoder.cpu()
        return self

    def _task(self, profiles: Profiles, has_query: bool, seed: int, device: str) -> EncoderTask:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = StageA(
                profiles.n_inputs, profiles.n_domains, self.config.network, self.config.adversary
            )
        return EncoderTask(
            network.to(device), profiles, self.config, has_query=has_query, seed=seed
        )

    def _judge(self, task: EncoderTask) -> None:
        """Measure mixing before and after, and say what is wrong with it."""
        probe = self.config.probe
        inputs, domains = task.probed()
        self.before = domain_mixing(inputs.cpu().numpy(), domains, probe.neighbours)
        found = task.measure()
        self.after = Mixing(found["mixing"], found["ilisi"], found["probe"])
        notes = []
        if found["least_std"] <= probe.least_std:
            notes.append(
                "The embedding has collapsed: a dimension hardly varies (standard deviation "
                f"{found['least_std']:.2g}). Joint principal components are a safer input."
            )
        chance = 1 / task.profiles.n_domains
        if self.after.probe > chance + probe.margin:
            notes.append(
                f"Neighbours still predict the source of {self.after.probe:.0%} of the profiles "
                f"(chance {chance:.0%}): slides and cells differ by more than batch effects, or "
                "training was too short."
            )
        self.notes = (*self.space.notes, *notes)

    def inputs(self, prepared: Prepared) -> Features:
        """Return the features of spots or cells; see `EncoderMethod.inputs`."""
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
            genes=self.space.genes,
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
        encoder.space = FeatureSpace.from_arrays(
            saved.genes, {k: v.numpy() for k, v in parts["space"].items()}
        )
        n_inputs = len(encoder.space.components) or len(encoder.space.used)
        encoder.network = ExpressionEncoder(n_inputs, encoder.config.network)
        encoder.network.load_state_dict(parts["network"])
        encoder.network.eval()
        encoder.before, encoder.after = (
            None if m is None else Mixing(**m) for m in saved.extra["mixing"]
        )
        encoder.notes = tuple(saved.extra["notes"])
        encoder.history = [History.from_dict(saved.extra["history"])]
        return encoder
