"""The available methods of each task; nothing heavy is imported until one is used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.hyperparameters import Config


@dataclass(frozen=True)
class MethodInfo:
    """One class of a method.

    A name may refer to several classes, each with its own config and tasks: ``knn`` places cells
    and imputes genes.

    Parameters
    ----------
    name, title
        Name on the command line, and title shown to users.
    tasks
        Tasks it supports; a name occurs once per task.
    summary
        One line on how it works.
    location
        ``module:class`` of the method, imported on demand.
    config_location
        ``module:class`` of its config.
    fine_tunes
        Whether training can start from a fitted model of the same method.
    takes_encoder
        Whether the embedding of a fitted encoder can replace its own features.
    takes_masks
        Whether only some pairs of a slide's spots may count, and which can be given.
    has_generalist
        Whether it can be trained in advance on other slides; by default it uses the model shipped
        with the package.
    spread_preset
        The first preset that reports an uncertainty, if the quick one does not.
    selects
        Whether fitting it tries other methods and returns the best of them.
    takes_prior
        Whether known mixtures can be given.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    summary: str
    location: str
    config_location: str
    fine_tunes: bool = False
    takes_encoder: bool = False
    takes_masks: bool = False
    has_generalist: bool = False
    spread_preset: str = ""
    selects: bool = False
    takes_prior: bool = False

    @property
    def page(self) -> str:
        """Name of its page in ``docs/methods``: its folder's, or that of the baselines."""
        folder = self.location.removeprefix(f"{_PACKAGE}.").partition(".")[0]
        return "baselines" if folder in _KINDS else folder

    @property
    def short_title(self) -> str:
        """Title without what stands in brackets."""
        return self.title.partition(" (")[0]

    def method(self) -> type[Any]:
        """Import and return the method's class."""
        return _imported(self.location)

    def config(self) -> type[Config]:
        """Import and return the config's class."""
        return _imported(self.config_location)


_PACKAGE = "napari_spatialrecon.methods"
#: Folders that hold the base classes and baselines of each kind of method.
_KINDS = ("placement", "genes", "mixtures", "super_resolution")
#: Default method of each task.
_DEFAULTS = {
    "place": "auto",
    "impute-locations": "dpvae",
    "train-encoder": "gears-encoder",
    "impute-genes": "auto",
    "super-resolve": "auto",
    "deconvolve": "auto",
}

METHODS: tuple[MethodInfo, ...] = (
    MethodInfo(
        "auto",
        "Auto",
        ("place",),
        "Tries kNN and the methods that the time allows, and keeps the best on held-out spots.",
        f"{_PACKAGE}.auto.model:Auto",
        f"{_PACKAGE}.auto.config:AutoConfig",
        selects=True,
    ),
    MethodInfo(
        "auto",
        "Auto",
        ("impute-genes",),
        "Tries the methods that the time allows on hidden genes, and imputes with the best.",
        f"{_PACKAGE}.auto.genes:AutoGenes",
        f"{_PACKAGE}.auto.config:AutoConfig",
        selects=True,
    ),
    MethodInfo(
        "auto",
        "Auto",
        ("super-resolve",),
        "Tries the methods that the time allows on the slide seen coarser; splits by the best.",
        f"{_PACKAGE}.auto.super_resolution:AutoSplit",
        f"{_PACKAGE}.auto.config:AutoConfig",
        selects=True,
    ),
    MethodInfo(
        "auto",
        "Auto",
        ("deconvolve",),
        "Tries the methods that the time allows on pseudo-spots, and deconvolves with the best.",
        f"{_PACKAGE}.auto.mixtures:AutoMixtures",
        f"{_PACKAGE}.auto.config:AutoConfig",
        selects=True,
    ),
    MethodInfo(
        "gears",
        "GEARS",
        ("place", "impute-locations"),
        "A network trained on spots generates the geometry of a set of cells.",
        f"{_PACKAGE}.gears.model:Gears",
        f"{_PACKAGE}.gears.config:GearsConfig",
        takes_encoder=True,
    ),
    MethodInfo(
        "gears-encoder",
        "GEARS encoder",
        ("train-encoder",),
        "A network learns an embedding in which similar spots and cells are close.",
        f"{_PACKAGE}.gears.encoder.model:Encoder",
        f"{_PACKAGE}.gears.encoder.config:EncoderConfig",
    ),
    MethodInfo(
        "dpvae",
        "dp-VAE",
        ("place", "impute-locations"),
        "A network learns a latent space whose distances are distances in the tissue.",
        f"{_PACKAGE}.dpvae.model:DPVAE",
        f"{_PACKAGE}.dpvae.config:DPVAEConfig",
        fine_tunes=True,
        takes_masks=True,
    ),
    MethodInfo(
        "knn",
        "kNN (spatial LDA)",
        ("place",),
        "Each cell is placed between its most similar spots, in spatially varying directions.",
        f"{_PACKAGE}.placement.knn:Knn",
        f"{_PACKAGE}.placement.config:KnnConfig",
    ),
    MethodInfo(
        "ridge",
        "Ridge regression",
        ("place",),
        "Positions are a linear function of expression.",
        f"{_PACKAGE}.placement.ridge:Ridge",
        f"{_PACKAGE}.placement.config:RidgeConfig",
    ),
    MethodInfo(
        "spadit",
        "SpaDiT",
        ("impute-genes",),
        "Linear maps from shared genes, corrected by a diffusion transformer if that helps.",
        f"{_PACKAGE}.spadit.model:SpaDiT",
        f"{_PACKAGE}.spadit.config:SpaDiTConfig",
    ),
    MethodInfo(
        "mapping",
        "Linear map of cells to spots",
        ("impute-genes",),
        "Cells are mapped to spots to fit the shared genes, and transfer their other genes.",
        f"{_PACKAGE}.genes.mapping:GeneMapping",
        f"{_PACKAGE}.genes.config:MappingConfig",
    ),
    MethodInfo(
        "knn",
        "kNN over shared genes",
        ("impute-genes",),
        "A spot gets the mean expression of its most similar cells.",
        f"{_PACKAGE}.genes.knn:GeneKnn",
        f"{_PACKAGE}.genes.config:GeneKnnConfig",
    ),
    MethodInfo(
        "srast",
        "SRast",
        ("super-resolve",),
        "A flow trained on many slides, and on a coarser version of this one, splits the counts.",
        f"{_PACKAGE}.srast.model:SRast",
        f"{_PACKAGE}.srast.config:SRastConfig",
        has_generalist=True,
        spread_preset="standard",
    ),
    MethodInfo(
        "uniform",
        "Equal parts",
        ("super-resolve",),
        "Each sub-spot gets the same share.",
        f"{_PACKAGE}.super_resolution.interpolation:Uniform",
        f"{_PACKAGE}.super_resolution.config:InterpolationConfig",
    ),
    MethodInfo(
        "bilinear",
        "Bilinear",
        ("super-resolve",),
        "Counts are split by linear interpolation between spots.",
        f"{_PACKAGE}.super_resolution.interpolation:Bilinear",
        f"{_PACKAGE}.super_resolution.config:InterpolationConfig",
    ),
    MethodInfo(
        "bicubic",
        "Bicubic",
        ("super-resolve",),
        "Counts are split by a cubic spline through spots.",
        f"{_PACKAGE}.super_resolution.interpolation:Bicubic",
        f"{_PACKAGE}.super_resolution.config:InterpolationConfig",
    ),
    MethodInfo(
        "gaussian",
        "Gaussian",
        ("super-resolve",),
        "Counts are split by a Gaussian mean of nearby spots.",
        f"{_PACKAGE}.super_resolution.interpolation:Gaussian",
        f"{_PACKAGE}.super_resolution.config:GaussianConfig",
    ),
    MethodInfo(
        "come",
        "COME",
        ("place",),
        "A mapping from cells to spots, trained so that mapped cells match the slide's expression.",
        f"{_PACKAGE}.come.place:ComePlace",
        f"{_PACKAGE}.come.config:ComePlaceConfig",
    ),
    MethodInfo(
        "come",
        "COME",
        ("impute-genes",),
        "A spot gets the mean expression of the cells mapped to it by a trained matrix.",
        f"{_PACKAGE}.come.genes:ComeGenes",
        f"{_PACKAGE}.come.config:ComeGenesConfig",
    ),
    MethodInfo(
        "come",
        "COME",
        ("deconvolve",),
        "A spot gets the types of the cells mapped to it by a trained matrix.",
        f"{_PACKAGE}.come.mixtures:ComeMixtures",
        f"{_PACKAGE}.come.config:ComeMixturesConfig",
        takes_prior=True,
    ),
    MethodInfo(
        "nnls",
        "Weighted regression",
        ("deconvolve",),
        "A spot is modeled as a sum of the cell types' mean profiles.",
        f"{_PACKAGE}.mixtures.regression:Regression",
        f"{_PACKAGE}.mixtures.config:RegressionConfig",
    ),
    MethodInfo(
        "knn",
        "kNN label transfer",
        ("deconvolve",),
        "A spot gets the types of its most similar cells.",
        f"{_PACKAGE}.mixtures.knn:MixtureKnn",
        f"{_PACKAGE}.mixtures.config:MixtureKnnConfig",
    ),
)


def methods_for(task: str) -> list[MethodInfo]:
    """Return the methods of a task."""
    return [info for info in METHODS if task in info.tasks]


def default_for(task: str) -> str:
    """Return the name of a task's default method."""
    return _DEFAULTS[task]


def baseline_for(task: str) -> MethodInfo:
    """Return the first baseline of a task: it takes seconds and needs no training in advance.

    Runs that impute locations are held against that of placing: spots are held out of both alike.
    """
    held_against = "place" if task == "impute-locations" else task
    return next(info for info in methods_for(held_against) if info.page == "baselines")


def find_method(name: str, task: str) -> MethodInfo:
    """Return a method of a task.

    Raises
    ------
    InputError
        There is no method of that name.
    """
    known = methods_for(task)
    for info in known:
        if info.name == name:
            return info
    raise InputError(
        f"Expected a method for {task}, found {name!r}.",
        remedy=f"Try one of {', '.join(i.name for i in known)}.",
    )


def _imported(location: str) -> Any:
    module, _, name = location.partition(":")
    return getattr(importlib.import_module(module), name)
