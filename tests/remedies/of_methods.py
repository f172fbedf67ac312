"""Remedies of methods and of their settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import psutil
import pytest
from anndata import AnnData

import napari_spatialrecon as sr
from napari_spatialrecon.methods.come.config import ComeConfig
from napari_spatialrecon.methods.come.memory import mapping_size
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.tissue import contract
from remedies.cases import Step, execute, keywords, remedy
from remedies.of_tissue import prepared, table

HYPER = "hyperparameters.py"


def settings_of(said: str) -> dict[str, Any]:
    """Return the settings that a remedy names in Python."""
    return dict(keywords(said)["settings"])


@remedy(HYPER, "Did you mean {}?")
def _name_alike() -> Iterator[Step]:
    config = sr.config("knn", task="place")
    said = yield lambda: config.with_values({"neighbour": 3})
    yield lambda: config.with_values({str(said).split()[3].strip("?"): 3})


@remedy(HYPER, "Try one of {}.")
def _name_unlike() -> Iterator[Step]:
    config = sr.config("knn", task="place")
    said = yield lambda: config.with_values({"zzzzzz": 3})
    offered = str(said).removeprefix("Try one of ").removesuffix(".").split(", ")
    yield lambda: [config.with_values({name: config.flat()[name]}) for name in offered]


@remedy(HYPER, "Try {}.")
def _value() -> Iterator[Step]:
    """Text, a value of another type, one out of bounds: each is offered one that works."""
    from napari_spatialrecon.errors import ConfigError

    config = sr.config("knn", task="place")
    for wrong in ("many", 0.5):
        with pytest.raises(ConfigError) as caught:
            config.with_values({"neighbours": wrong})
        config.with_values({"neighbours": int(caught.value.remedy[4:-1])})
    with pytest.raises(ConfigError) as caught:
        config.with_text(["neighbours=many"])
    config.with_values(settings_of(caught.value.remedy))
    with pytest.raises(ConfigError) as caught:
        sr.config("gears").with_text(["members"])
    sr.config("gears").with_values(settings_of(caught.value.remedy))
    said = yield lambda: config.with_values({"neighbours": -4})
    yield lambda: config.with_values({"neighbours": int(str(said)[4:-1])})


# COME


@remedy("methods/come/config.py", "Try {}.")
def _contrast_alone() -> Iterator[Step]:
    config = sr.config("come", task="impute-genes")
    contrast = {"weights.cross": 1.0}
    said = yield lambda: config.with_values(contrast)
    yield lambda: config.with_values({**contrast, **settings_of(str(said))})


def with_cells(**columns: Any) -> contract.Prepared:
    adata = table()
    for name, values in columns.items():
        adata.obs[name] = values
    return prepared(adata)


@remedy("methods/come/inputs.py", "Try {} with one of them, or without it.")
def _cell_counts() -> Iterator[Step]:
    from napari_spatialrecon.methods.come.inputs import cell_counts

    slide = with_cells(nuclei=np.arange(30))
    yield lambda: cell_counts(slide, "cells")
    yield lambda: cell_counts(slide, "nuclei")


@remedy("methods/come/inputs.py", "Try 0 or more in every spot.")
def _cell_numbers() -> Iterator[Step]:
    from napari_spatialrecon.methods.come.inputs import cell_counts

    yield lambda: cell_counts(with_cells(nuclei=np.arange(30) - 5), "nuclei")
    yield lambda: cell_counts(with_cells(nuclei=np.arange(30)), "nuclei")


def free(monkeypatch: pytest.MonkeyPatch, gigabytes: float) -> None:
    now = psutil.virtual_memory()
    less = now._replace(available=int(gigabytes * 1e9))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: less)


@remedy(
    "methods/come/memory.py", "Try {}, which keeps only the most likely entries (low-memory mode)."
)
def _dense(monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    free(monkeypatch, 1.0)
    config = ComeConfig().with_values({"dense_limit": 100_000_000})
    said = yield lambda: mapping_size(9_000, 9_000, 500, config)
    yield lambda: mapping_size(9_000, 9_000, 500, config.with_values(settings_of(str(said))))


@remedy("methods/come/memory.py", "Try a smaller value of {}, or fewer cells.")
def _kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    free(monkeypatch, 1.0)
    config = ComeConfig().with_values({"dense_limit": 0, "kept": 1000})
    yield lambda: mapping_size(60_000, 5_000, 500, config)
    yield lambda: (
        mapping_size(60_000, 5_000, 500, config.with_values({"kept": 50})),
        mapping_size(5_000, 5_000, 500, config),
    )


# dp-VAE, GEARS


@remedy("methods/dpvae/member.py", "Try None for a slide whose pairs all count.")
def _masks() -> Iterator[Step]:
    from napari_spatialrecon.methods.dpvae.member import check_masks

    slides = [prepared(table()), prepared(table())]
    yield lambda: check_masks([None], slides)
    yield lambda: check_masks([None, None], slides)


def scvi(**settings: Any) -> Step:
    from napari_spatialrecon.methods.dpvae.config import NetworkConfig

    config = NetworkConfig().with_values({"backbone": "scvi", **settings})

    def make() -> object:
        from napari_spatialrecon.methods.dpvae import scvi_backbone

        name = next(n for n in vars(scvi_backbone) if n.lower().startswith("scvi") and n[0] == "S")
        return getattr(scvi_backbone, name)(20, 20, 1, config)

    return make


@remedy("methods/dpvae/scvi_backbone.py", "Try {}.")
def _likelihood(monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    import sys
    import types

    fake = types.ModuleType("scvi.nn")
    fake.DecoderSCVI = fake.Encoder = lambda *_, **__: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "scvi", types.ModuleType("scvi"))
    monkeypatch.setitem(sys.modules, "scvi.nn", fake)
    from napari_spatialrecon.methods.dpvae.config import NetworkConfig

    other = next(o for o in NetworkConfig.options() if o.name == "likelihood").choices
    wrong = next(choice for choice in other if choice != "nb")
    said = yield scvi(likelihood=wrong)
    chosen = settings_of(str(said))
    assert chosen == {"network.likelihood": "nb"}

    def follow() -> None:
        with suppress(AttributeError, TypeError):  # what stands in for scvi-tools has no layers
            scvi(likelihood="nb")()

    yield follow


@remedy("methods/gears/config.py", "Try {}.")
def _refiner() -> Iterator[Step]:
    config = sr.config("gears").with_values({"refiner.on": False})
    said = yield lambda: config.with_values({"density": "sample"})
    yield lambda: config.with_values({"density": "sample", **settings_of(str(said))})


# Genes and mixtures


def gene_inputs(slide: AnnData, reference: AnnData) -> Any:
    from napari_spatialrecon.methods.genes.inputs import read_inputs

    cells = contract.prepare_query(reference, "reference", counts_needed=False)
    return read_inputs(prepared(slide, counts_needed=False), cells)


@remedy("methods/genes/inputs.py", "Try leaving them out, or a reference that measured them.")
def _lacking() -> Iterator[Step]:
    inputs = gene_inputs(table(60, 12), table(60, 20))
    more = gene_inputs(table(60, 12), table(60, 30))
    yield lambda: inputs.find(["Gene3", "Gene25"])
    yield lambda: (inputs.find(["Gene3"]), more.find(["Gene3", "Gene25"]))


@remedy("methods/genes/inputs.py", "Try a reference that measured more of the slide's genes.")
def _constant() -> Iterator[Step]:
    slide, flat = table(60, 12), table(60, 12)
    flat.X = np.full((60, 12), 3.0, np.float32)
    yield lambda: gene_inputs(slide, flat)
    yield lambda: gene_inputs(slide, table(80, 12))


@remedy("methods/genes/inputs.py", 'Try the raw counts in X or layers["counts"].')
def _intensities() -> Iterator[Step]:
    from napari_spatialrecon.methods.genes.inputs import log_normalised

    odd, good = table(60, 12), table(60, 12)
    odd.X = np.random.default_rng(0).lognormal(3, 1.5, odd.shape).astype(np.float32)
    layered = odd.copy()
    layered.layers["counts"] = good.X

    def logs(adata: AnnData) -> object:
        return log_normalised(contract.prepare_query(adata, "cells", counts_needed=False))

    yield lambda: logs(odd)
    yield lambda: (logs(good), logs(layered))


def typed(**columns: Any) -> AnnData:
    adata = table(60, 12)
    for name, values in columns.items():
        adata.obs[name] = values
    return adata


@remedy("methods/mixtures/base.py", "Try {} with one of them.")
def _labels() -> Iterator[Step]:
    cells = typed(kind=["a", "b"] * 30)
    yield lambda: sr.deconvolve(table(60, 12), cells, "cell_type", method="nnls")
    yield lambda: sr.deconvolve(table(60, 12), cells, "kind", method="nnls")


@remedy("methods/mixtures/base.py", "Try a reference whose obs names the type of each cell.")
def _no_labels() -> Iterator[Step]:
    yield lambda: sr.deconvolve(table(60, 12), typed(), "cell_type", method="nnls")
    named = typed(cell_type=["a", "b"] * 30)
    yield lambda: sr.deconvolve(table(60, 12), named, "cell_type", method="nnls")


@remedy("methods/mixtures/base.py", "Try another column.")
def _empty_labels() -> Iterator[Step]:
    cells = typed(empty=[None] * 60, kind=["a", "b"] * 30)
    yield lambda: sr.deconvolve(table(60, 12), cells, "empty", method="nnls")
    yield lambda: sr.deconvolve(table(60, 12), cells, "kind", method="nnls")


@remedy("methods/mixtures/knn.py", "Try {}.")
def _prior() -> Iterator[Step]:
    import pandas as pd

    cells, slide = typed(kind=["a", "b"] * 30), table(60, 12)
    prior = pd.DataFrame({"a": 0.5, "b": 0.5}, index=slide.obs_names)
    said = yield lambda: sr.deconvolve(slide, cells, "kind", method="knn", prior=prior)
    yield lambda: sr.deconvolve(
        slide, cells, "kind", prior=prior, settings={"steps": 2}, **keywords(str(said))
    )


# Placing and splitting


@remedy(
    "methods/placement/reference.py",
    "Try {} for those slides.",
)
def _scales() -> Iterator[Step]:
    known, unknown = table(60, 30), table(60, 30)
    known.uns["spatialrecon"] = {"unit": "um"}
    cells = table(40, 30)
    slides = {"one": known, "two": unknown}
    said = yield lambda: sr.place(slides, cells, method="knn")
    said = str(said).replace("...", "0.5").partition(" for")[0]
    yield lambda: (execute(said, adata=unknown), sr.place(slides, cells, method="knn"))


@remedy("methods/registry.py", "Try one of {}.")
def _method() -> Iterator[Step]:
    said = yield lambda: find_method("magic", "place")
    offered = str(said).removeprefix("Try one of ").removesuffix(".").split(", ")
    yield lambda: [find_method(name, "place") for name in offered]


def grid(side: int) -> AnnData:
    adata = table(side * side, 12)
    y, x = np.mgrid[:side, :side]
    adata.obsm["spatial"] = np.c_[x.ravel(), y.ravel()] * 100.0
    return adata


@remedy("methods/srast/model.py", "Try slides of at least 6 x 6 spots, or 100 cells.")
def _coarse() -> Iterator[Step]:
    quick = {"training.steps": 2}
    yield lambda: sr.train({"slide": grid(3)}, method="srast", settings=quick)
    yield lambda: sr.train({"slide": grid(8)}, method="srast", settings=quick)


@remedy("methods/super_resolution/weights.py", "Try {}, or gaussian.")
def _bicubic() -> Iterator[Step]:
    slide = table(60, 12)
    asked = {"factor": "2x2", "spot_diameter": 20.0}
    said = yield lambda: sr.super_resolve(slide, method="bicubic", **asked)
    yield lambda: [
        sr.super_resolve(slide, method=method, **asked)
        for method in (keywords(str(said).partition(",")[0])["method"], "gaussian")
    ]
