"""Slides and cells that name their genes by different names: same genes, same result."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData

from napari_spatialrecon.errors import InputError, ValidationError
from napari_spatialrecon.evaluation.gene_metrics import evaluate_genes
from napari_spatialrecon.evaluation.mixture_metrics import marker_agreement
from napari_spatialrecon.evaluation.super_metrics import evaluate_super
from napari_spatialrecon.tasks.deconvolving import deconvolve
from napari_spatialrecon.tasks.gene_check import compare
from napari_spatialrecon.tasks.imputing import impute_genes
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tasks.super_resolving import super_resolve
from napari_spatialrecon.tissue.read import read_adata


def by_id(adata: AnnData, ids: dict[str, str], *, symbols: str | None = None) -> AnnData:
    """Return a copy whose `var_names` are Ensembl ids, with symbols in a column if named."""
    names = adata.var_names
    other = adata.copy()
    other.var = pd.DataFrame(index=[ids[name] for name in names])
    if symbols:
        other.var[symbols] = pd.Categorical(names)
    return other


@pytest.fixture(scope="module")
def made(tiny):
    """The small simulated cortex, and made-up ids of its genes."""
    genes = [str(name) for name in tiny.cells.var_names]
    return tiny, {name: f"ENSMUSG{i:011d}" for i, name in enumerate(genes)}


@pytest.mark.parametrize("which", ["slide", "cells", "model"])
def test_cells_are_placed_alike_whichever_input_has_ids(made, tmp_path, which: str) -> None:
    tiny, ids = made
    slide, cells = tiny.slides[0], tiny.cells
    wanted = place({"s": slide}, cells, method="knn").adata.obsm["spatial"]
    if which == "cells":
        found = place({"s": slide}, by_id(cells, ids, symbols="feature_name"), method="knn")
    else:
        found = place({"s": by_id(slide, ids, symbols="feature_name")}, cells, method="knn")
    if which == "model":
        found.method.save(tmp_path / "model")
        found = place({}, cells, method="knn", model=tmp_path / "model")
    np.testing.assert_array_equal(found.adata.obsm["spatial"], wanted)


def test_ids_alone_and_symbols_alone_are_refused_with_what_translates_them(made) -> None:
    tiny, ids = made
    slide, cells = by_id(tiny.slides[0], ids), tiny.cells.copy()
    with pytest.raises(ValidationError, match='var\\["gene_ids"\\]'):
        place({"s": slide}, cells, method="knn")
    cells.var["gene_ids"] = [ids[name] for name in cells.var_names]
    assert place({"s": slide}, cells, method="knn").adata.n_obs == cells.n_obs


@pytest.fixture(scope="module")
def part(made):
    """A slide without some genes, and cells; each by symbols and by ids with symbols beside."""
    tiny, ids = made
    slide = tiny.slides[0][:, ::2].copy()
    return {
        "symbols": (slide, tiny.cells),
        "ids": (
            by_id(slide, ids, symbols="feature_name"),
            by_id(tiny.cells, ids, symbols="gene_symbols"),
        ),
    }


@pytest.mark.parametrize(
    ("slide", "cells", "hide"),
    [("ids", "symbols", "ids"), ("ids", "symbols", "symbols"), ("symbols", "ids", "symbols")],
)
def test_genes_are_imputed_and_hidden_by_whichever_name(made, part, slide, cells, hide) -> None:
    _, ids = made
    here, there = part[slide][0], part[cells][1]
    genes = [str(name) for name in part["symbols"][0].var_names[:3]]
    hidden = genes if hide == "symbols" else [ids[name] for name in genes]
    wanted = impute_genes(*part["symbols"], "missing", hide=genes, method="knn", device="cpu")
    found = impute_genes(here, there, "missing", hide=hidden, method="knn", device="cpu")
    assert found.adata.shape == wanted.adata.shape
    np.testing.assert_allclose(found.adata.X, wanted.adata.X, rtol=1e-5)
    assert found.record.metrics["hidden_pcc"] == pytest.approx(wanted.record.metrics["hidden_pcc"])
    asked = impute_genes(here, there, hidden[1:2], hide=hidden[1:2], method="knn", device="cpu")
    assert list(asked.adata.var_names) == hidden[1:2]
    assert list(asked.adata.var["origin"]) == ["imputed"]
    report = evaluate_genes(here, found.adata)
    assert report["genes"]["compared"] == 3
    wanted_report = evaluate_genes(part["symbols"][0], wanted.adata)
    assert report["mean"]["pcc"] == pytest.approx(wanted_report["mean"]["pcc"], rel=1e-4)


def test_hidden_genes_are_compared_with_their_measurement_under_other_names(part) -> None:
    slide, cells = part["ids"][0], part["symbols"][1]
    hidden = [str(name) for name in slide.var_names[:2]]
    result = impute_genes(slide, cells, "missing", hide=hidden, method="knn", device="cpu")
    whole = compare(result.adata, slide, hidden)
    held = whole.var_names[whole.var["origin"] == "held out"]
    assert list(held) == [str(name) for name in slide.var["feature_name"][:2]]
    assert list(whole.obsm["held_out_measured"]) == list(held)


@pytest.mark.parametrize(("slide", "cells"), [("ids", "symbols"), ("symbols", "ids")])
def test_spots_are_deconvolved_alike_by_symbols_and_by_ids(part, slide, cells) -> None:
    wanted = deconvolve(*part["symbols"], "cell_type", method="knn")
    found = deconvolve(part[slide][0], part[cells][1], "cell_type", method="knn")
    np.testing.assert_allclose(found.proportions, wanted.proportions, rtol=1e-5)
    agreement = [
        marker_agreement(here, result.proportions, there, "cell_type")
        for here, result, there in (
            (part[slide][0], found, part[cells][1]),
            (part["symbols"][0], wanted, part["symbols"][1]),
        )
    ]
    assert agreement[0] == pytest.approx(agreement[1], rel=1e-4)


def test_a_slide_of_ids_is_split_for_genes_named_by_symbol(made, part) -> None:
    genes = [str(name) for name in part["symbols"][0].var_names[:2]]
    found = super_resolve(
        part["ids"][0], "2x2", method="uniform", genes=[genes[1], genes[0].lower()]
    )
    assert list(found.adata.var["feature_name"]) == genes[::-1]
    assert found.values(genes[0]).sum() > 0
    with pytest.raises(InputError, match="which it lacks"):
        super_resolve(part["ids"][0], "2x2", method="uniform", genes=["Nothing"])
    truth = found.adata.copy()
    truth.var = pd.DataFrame(index=genes[::-1])
    assert evaluate_super(truth, found.adata)["genes"] == 2


@pytest.mark.realdata
def test_real_spots_are_placed_alike_by_symbols_and_by_ids(realdata) -> None:
    slide = read_adata(realdata / "visium_coexpress" / "visium_spots.h5ad")
    some = np.random.default_rng(0).choice(slide.n_obs, 900, replace=False)
    spots, cells = slide[some[:600]].copy(), slide[some[600:]].copy()
    cells = cells[:, ~cells.var_names.isin(cells.var_names[::7])].copy()
    wanted = place({"s": spots}, cells, method="knn").adata.obsm["spatial"]
    ids = spots.var["ensembl"].astype(str)
    slide_by_id = by_id(spots, dict(ids), symbols="feature_name")
    symbols_alone = AnnData(cells.X, cells.obs, pd.DataFrame(index=cells.var_names))
    found = place({"s": slide_by_id}, symbols_alone, method="knn").adata.obsm["spatial"]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.realdata
def test_real_sections_of_ids_and_cells_of_symbols_are_joined_by_a_section_of_both(realdata):
    first, second, third = (
        read_adata(realdata / "st_mob_he" / f"MOB{number}.h5ad") for number in (1, 2, 4)
    )
    wanted = place({"a": first, "b": second}, third, method="knn").adata.obsm["spatial"]
    ids_alone = first.copy()
    ids_alone.var = pd.DataFrame(index=first.var["ensembl"].astype(str))
    symbols_alone = third.copy()
    symbols_alone.var = pd.DataFrame(index=third.var["symbol"].astype(str))
    found = place({"a": ids_alone, "b": second}, symbols_alone, method="knn")
    np.testing.assert_allclose(found.adata.obsm["spatial"], wanted, rtol=1e-6)


@pytest.mark.realdata
def test_real_cells_of_another_species_are_refused_by_name(realdata) -> None:
    human = read_adata(realdata / "breast_xenium_visium" / "visium_spots.h5ad")
    mouse = read_adata(realdata / "visium_coexpress" / "visium_spots.h5ad")
    with pytest.raises(ValidationError, match=r"\(human\), found those of mouse"):
        place({"s": human}, mouse, method="knn")
