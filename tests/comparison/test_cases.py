"""Named cases, and those of a user's files."""

import importlib

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from napari_spatialrecon.comparison.cases.known import _KNOWN, CASES, build, chosen
from napari_spatialrecon.comparison.cases.own import OwnFiles
from napari_spatialrecon.comparison.cases.problem import Part, bare
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.errors import InputError


@pytest.mark.parametrize("task", _KNOWN)
def test_the_names_of_cases_are_those_that_their_module_makes(task):
    module = importlib.import_module(f"napari_spatialrecon.comparison.cases.{_KNOWN[task][0]}")
    made = module.NAMES if hasattr(module, "NAMES") else module.CASES
    assert set(made) == set(_KNOWN[task][1])


def test_a_task_a_pattern_and_all_stand_for_cases():
    assert chosen(["all"]) == list(CASES)
    assert chosen(["place/*-heldout", "place/mpoa-heldout"]) == [
        "place/embryo-heldout",
        "place/mpoa-heldout",
        "place/xenium-heldout",
    ]


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    slide, cells = tiny.slides[0].copy(), tiny.cells.copy()
    slide.raw = slide.copy()
    slide.obsm["secret"] = np.asarray(slide.obsm["spatial"])
    shares = pd.DataFrame(np.eye(3)[np.arange(slide.n_obs) % 3], slide.obs_names, list("abc"))
    slide.obsm["proportions"] = shares
    slide.write_h5ad(folder / "slide.h5ad")
    cells.write_h5ad(folder / "cells.h5ad")
    return folder


def own(folder, task, **more):
    files = {"slide": str(folder / "slide.h5ad"), "reference": (str(folder / "cells.h5ad"),)}
    return OwnFiles(task, **{**files, **more}).problem()


def test_a_fold_lacks_its_genes_and_nothing_else_of_the_slide_is_kept(folder):
    problem = own(folder, "impute-genes")
    asked = [gene for part in problem.parts for gene in part.asked["genes"]]
    assert len(problem.parts) == 5 and len(asked) == len(set(asked)) == problem.truth.n_vars
    for part in problem.parts:
        slide = part.tables["slide"]
        assert not set(part.asked["genes"]) & set(slide.var_names)
        assert slide.raw is None and not slide.layers and list(slide.obsm) == ["spatial"]


def test_spots_of_a_mixture_do_not_hold_their_shares(folder):
    problem = own(folder, "deconvolve", labels="cell_type", truth=str(folder / "slide.h5ad"))
    part = problem.parts[0]
    assert list(part.tables["slide"].obsm) == ["spatial"] and not list(part.tables["slide"].obs)
    assert list(part.tables["reference"].obs) == ["cell_type"]
    assert list(problem.truth.obsm["proportions"].columns) == ["a", "b", "c"]


def test_a_query_with_places_is_its_own_answer(folder):
    slide = str(folder / "slide.h5ad")
    problem = own(folder, "place", reference=(slide,), query=slide)
    assert not problem.parts[0].tables["query"].obsm
    assert problem.truth.obsm["spatial"].shape == (problem.truth.n_obs, 2)


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match="found no labels and no truth"):
        OwnFiles("deconvolve", slide="a", reference=("b",))
    with pytest.raises(InputError, match="Expected a task, found 'plaice'"):
        OwnFiles("plaice")


def test_a_column_that_is_not_there_and_genes_that_are_not_shared_are_said(folder, tmp_path):
    told = {"labels": "cell_typ", "truth": str(folder / "slide.h5ad")}
    with pytest.raises(InputError, match="Expected a column 'cell_typ' of cell types, found col"):
        own(folder, "deconvolve", **told)
    other = ad.read_h5ad(folder / "cells.h5ad")
    other.var_names = [f"other{i}" for i in range(other.n_vars)]
    other.write_h5ad(tmp_path / "other.h5ad")
    with pytest.raises(InputError, match="genes that vary on the slide and are in the reference"):
        own(folder, "impute-genes", reference=(str(tmp_path / "other.h5ad"),))


def test_parts_are_written_and_read(folder, tmp_path):
    table = bare(ad.read_h5ad(folder / "slide.h5ad"))
    Part({"reference/a": table, "query": table[:3].copy()}, {"genes": ["x"]}).write(tmp_path / "p")
    part = Part.read(tmp_path / "p")
    assert list(part.references) == ["a"] and part.asked == {"genes": ["x"]}
    assert part.tables["query"].n_obs == 3


def test_the_simulated_cortex_needs_no_data(tmp_path, monkeypatch, tiny):
    from napari_spatialrecon.comparison.cases import places

    monkeypatch.setattr(places, "simulate", lambda *_, **__: tiny)
    problem = build("place/simulated-cortex", DataFolder(tmp_path))
    assert not problem.parts[0].tables["query"].obsm or "spatial" not in (
        problem.parts[0].tables["query"].obsm
    )
    assert problem.truth.n_obs == tiny.cells.n_obs
