"""Hyper-parameters of GEARS' geometry model and its inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from napari_spatialrecon.errors import ConfigError
from napari_spatialrecon.faces import setting
from napari_spatialrecon.hyperparameters import Config, option, section
from napari_spatialrecon.methods.ensemble.config import EnsembleConfig
from napari_spatialrecon.methods.ensemble.sight import Sight, sight_of
from napari_spatialrecon.methods.gears.encoder.config import EncoderConfig
from napari_spatialrecon.training.config import LoopConfig


@dataclass(frozen=True)
class MinisetConfig(Config):
    """Minisets: local subsets of a slide for training (section 3.2)."""

    smallest: int = option(96, "Minimum number of spots in a miniset.", unit="spots", low=8)
    largest: int = option(160, "Maximum number of spots in a miniset.", unit="spots", low=8)
    per_step: int = option(8, "Number of minisets per training step.", low=1)
    locality: float = option(
        0.0,
        "Extent of a miniset relative to the tissue's radius (τ); 0 draws from the whole slide.",
        low=0.0,
    )
    overlap: float = option(
        0.0,
        "Share of spots common to two paired minisets (α); 0: no pairs.",
        low=0.0,
        high=0.95,
    )


@dataclass(frozen=True)
class GeneratorConfig(Config):
    """Context encoder and generator (section 3.3)."""

    width: int = option(96, "Width c of the context.", low=8)
    heads: int = option(4, "Attention heads.", low=1)
    points: int = option(16, "Inducing points m of an attention block.", low=1)
    context_blocks: int = option(1, "Attention blocks of the context encoder.", low=1)
    generator_blocks: int = option(1, "Attention blocks of the generator.", low=1)
    dimensions: int = option(4, "Dimensions d of the generated geometry.", low=2)
    dropout: float = option(0.1, "Dropout rate in training.", low=0.0, high=0.9)


@dataclass(frozen=True)
class RefinerConfig(Config):
    """Residual diffusion that refines the generator's geometry (section 3.4)."""

    on: bool = option(False, "Train and use the refiner.")
    blocks: int = option(2, "Blocks of the denoiser.", low=1)
    distance_bins: int = option(24, "Bins of the distance bias.", low=2)
    angle_bins: int = option(8, "Bins of the angle features.", low=1)
    neighbours: int = option(15, "Neighbors of the local graph of a spot.", low=2)
    landmarks: int = option(16, "Landmark spots whose distances are features of every spot.", low=1)
    warm_up: float = option(
        0.3, "Initial share of training in which only the generator is trained.", low=0.0, high=0.9
    )
    trains: str = option(
        "denoiser",
        "What the refiner's losses (eq. 4-7) train: the denoiser alone, also the context encoder "
        "as in the published code, or also the generator as in the paper.",
        choices=("denoiser", "context", "all"),
    )
    sigma_min: float = option(0.01, "Minimum noise level.", low=1e-4)
    gate: float = option(
        1.0,
        "Noise below which the geometry losses apply (eq. 5-7 and 10), relative to the spread of "
        "the residual.",
        low=0.0,
    )
    steps: int = option(18, "Sampling steps (Heun).", low=1)
    temperature: float = option(0.0, "0 refines without noise; 1 draws samples.", low=0.0, high=1.0)
    samples: int = option(
        0, "Samples per model, whose spread adds to the uncertainty.", low=0, high=64
    )


@dataclass(frozen=True)
class LossConfig(Config):
    """Weights of the losses (section 3.4)."""

    generator_gram: float = option(
        1.0, "Relative error of the generator's Gram matrix (eq. 9).", low=0
    )
    generator_distance: float = option(
        4.0, "Error of the generator's distances (not in the paper).", low=0
    )
    generator_align: float = option(0.0, "Procrustes error of the generator (eq. 8).", low=0)
    generator_scale: float = option(0.0, "Log scale error of the generator.", low=0)
    score: float = option(1.0, "Denoising (eq. 4).", low=0)
    score_as_written: bool = option(
        False,
        "Weight noise levels as in eq. 4; otherwise the weights are multiplied by the variance of "
        "the residual, so that the loss shrinks with it.",
    )
    gram: float = option(1.0, "Gram matrix of the refined geometry (eq. 5).", low=0)
    log_trace: float = option(0.5, "Scale of the refined geometry (eq. 6).", low=0)
    nca: float = option(1.0, "Neighborhoods of the refined geometry (eq. 7).", low=0)
    nca_temperature: float = option(0.5, "τ of eq. 7.", low=1e-3)
    edge: float = option(0.0, "Log lengths of neighbor edges.", low=0)
    overlap_shape: float = option(1.0, "Agreement of overlapping minisets (eq. 10).", low=0)
    overlap_scale: float = option(0.25, "Agreement of their sizes.", low=0)
    overlap_neighbours: float = option(0.1, "Agreement of their neighborhoods (KL).", low=0)


@dataclass(frozen=True)
class PatchConfig(Config):
    """Patchwise inference (section 3.5)."""

    one_shot: int = option(
        50_000,
        "Maximum number of cells placed at once, without patches (5,000 with a refiner).",
        unit="cells",
        low=0,
    )
    size: int = option(384, "Cells per patch.", unit="cells", low=16)
    coverage: int = option(4, "Minimum number of patches per cell.", low=1)
    overlap: float = option(
        0.0,
        "Share of a patch that an earlier one holds too; at least 25 cells, or a quarter.",
        low=0.0,
        high=0.75,
    )
    layout: str = option(
        "mean",
        "Place cells at the mean of their patches, laid over the solution for all distances, or "
        "at that solution (step 7 of section 3.5).",
        choices=("mean", "solve"),
    )


@dataclass(frozen=True)
class GearsConfig(EnsembleConfig):
    """GEARS: generate the geometry of sets of cells from their expression."""

    PRESETS: ClassVar = {
        "quick": {},
        "standard": {
            "members": 4,
            "baseline_share": 0.25,
            "scalings": "mixed",
            "attention": "mixed",
            "least_noise": 0.8,
        },
        # Section 7.2 of the paper.
        "paper": {
            **{f"encoder.{name}": value for name, value in EncoderConfig.PRESETS["paper"].items()},
            "input": "encoder",
            "inputs": "components",
            "members": 1,
            "baseline_share": 0.0,
            "spread_share": 0.0,
            "on_tissue": False,
            "noise": 0.0,
            "unit_length": False,
            "generator.width": 256,
            "generator.points": 128,
            "generator.context_blocks": 3,
            "generator.generator_blocks": 4,
            "generator.dimensions": 32,
            "minisets.smallest": 96,
            "minisets.largest": 256,
            "minisets.per_step": 32,
            "minisets.locality": 0.5,
            "minisets.overlap": 0.5,
            "refiner.on": True,
            "refiner.blocks": 4,
            "refiner.trains": "all",
            "refiner.steps": 600,
            "refiner.temperature": 1.0,
            "losses.generator_distance": 0.0,
            "losses.generator_gram": 10.0,
            "losses.generator_align": 10.0,
            "losses.generator_scale": 10.0,
            "losses.score": 16.0,
            "losses.score_as_written": True,
            "losses.edge": 2.0,
            "patches.one_shot": 0,
            "patches.coverage": 10,
            "patches.overlap": 0.7,
            "patches.layout": "solve",
            "training.steps": 42000,
            "training.schedule": "constant",
            "training.learning_rate": 1e-4,
        },
    }

    members: int = option(
        1,
        "Number of models trained with different seeds; their spread gives the uncertainty.",
        low=1,
    )
    baseline_share: float = option(
        1 / 3, "Weight of the kNN baseline's distances in the mean distances.", low=0.0, high=0.9
    )
    spread_share: float = option(
        0.5,
        "Correction of mean distances, which vary less than true distances, towards the "
        "distribution of distances between likely spots.",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    input: str = option(
        "pca",
        "Input: joint principal components, the embedding of a trained encoder, or "
        "whichever places held-out spots better (trains both).",
        choices=("pca", "encoder", "auto"),
    )
    attention: str = option(
        "set",
        "Whether networks process cells jointly (set attention), each cell alone (an MLP), "
        "or two of four networks each way.",
        choices=("set", "none", "mixed"),
    )
    least_noise: float = option(
        1.0,
        "Noise of the last network relative to the first; it decreases linearly in between.",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    density: str = option(
        "mean",
        "Density of the cells: that of the joint layout, moved towards the density of the "
        "spots, or that of one sample of the refiner.",
        choices=("mean", "transport", "sample"),
    )
    density_share: float = option(
        0.5,
        "How far cells are moved towards the density of the spots.",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    on_tissue: bool = option(
        True,
        "Move cells that lie more than a pitch from any spot to a pitch away; where more than a "
        "tenth do, all stay.",
        advanced=True,
    )
    encoder: EncoderConfig = section(EncoderConfig, "Learned encoder (stage A)", advanced=True)
    minisets: MinisetConfig = section(MinisetConfig, "Subsets of a slide for training")
    generator: GeneratorConfig = section(GeneratorConfig, "Context encoder and generator")
    refiner: RefinerConfig = section(RefinerConfig, "Diffusion refiner", advanced=True)
    losses: LossConfig = section(LossConfig, "Weights of the losses", advanced=True)
    patches: PatchConfig = section(PatchConfig, "Placing many cells", advanced=True)
    training: LoopConfig = section(
        LoopConfig,
        "Training",
        values={"schedule": "onecycle", "weight_decay": 0.01},
    )

    def sight(self, number: int, views: int) -> Sight:
        """Return the inputs of network `number`, given the number of views."""
        return sight_of(number, views=views, inputs=self.inputs, attention=self.attention)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.refiner.on and (self.density == "sample" or self.refiner.samples):
            raise ConfigError(
                "Expected a refiner to draw samples from, found it off.",
                remedy=f"Try {setting('refiner.on', True)}.",
                where="density" if self.density == "sample" else "refiner.samples",
            )
