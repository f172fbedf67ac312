"""A record is enough to repeat its run: the same bytes for every task, and nothing else written."""

from __future__ import annotations

import json
import shutil

import anndata
import h5py
import numpy as np
import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.command_line.same_result import same_result

SECTIONS = ("section1", "section2")


@pytest.fixture
def words(inputs, references, tmp_path):
    """The command of each task, without its output."""
    slide, cells = inputs / "section1.h5ad", inputs / "section1_cells.h5ad"
    placed = anndata.read_h5ad(inputs / "truth.h5ad")
    rows = [f"{name},{x},{y}" for name, (x, y) in zip(placed.obs_names, placed.obsm["spatial"])]
    marks = tmp_path / "in" / "marks.csv"
    marks.parent.mkdir()
    marks.write_text("\n".join(["obs_name,x,y", *rows[::10]]))
    xy = np.asarray(anndata.read_h5ad(slide).obsm["spatial"])[:5]
    pairs = tmp_path / "in" / "pairs.csv"
    lines = [",".join(map(str, [*p, *p])) for p in xy.tolist()]
    pairs.write_text("\n".join(["x,y,ref_x,ref_y", *lines]))
    squares = {"type": "Polygon", "coordinates": [[[0, 0], [9e5, 0], [9e5, 9e5], [0, 0]]]}
    regions = tmp_path / "in" / "regions.geojson"
    feature = {"type": "Feature", "geometry": squares}
    feature["properties"] = {"classification": {"name": "Tumor"}}
    regions.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    query = ["--query", inputs / "cells.h5ad"]
    return {
        "place": [*references, *query, "--method", "knn"],
        "impute-locations": [
            "--query",
            inputs / "cells.h5ad",
            "--landmarks",
            marks,
            "--method",
            "dpvae",
            "--set",
            "members=1",
            "--set",
            "training.steps=10",
        ],
        "train": [*references, "--method", "ridge"],
        "train-encoder": [
            "--reference",
            slide,
            "--method",
            "gears-encoder",
            "--set",
            "training.steps=3",
        ],
        "align": ["--slide", slide, "--pairs", pairs],
        "annotate": ["--slide", slide, "--geojson", regions],
        "impute-genes": [
            "--slide",
            slide,
            "--reference",
            cells,
            "--method",
            "knn",
            "--genes",
            "missing",
            "--hide",
            "{gene}",
        ],
        "deconvolve": [
            "--slide",
            slide,
            "--reference",
            cells,
            "--labels",
            "cell_type",
            "--method",
            "nnls",
        ],
        "super-resolve": ["--slide", slide, "--factor", "2x2", "--method", "bilinear"],
    }


@pytest.mark.parametrize(
    "task",
    [
        *("place", "impute-locations", "train", "train-encoder", "align", "annotate"),
        *("impute-genes", "deconvolve", "super-resolve"),
    ],
)
def test_a_record_is_enough_for_the_same_bytes(run, inputs, words, tmp_path, task):
    gene = anndata.read_h5ad(inputs / "section1.h5ad").var_names[0]
    given = [str(word).format(gene=gene) for word in words[task]]
    is_model = task.startswith("train")
    out = tmp_path / "out" / ("model" if is_model else "a.h5ad")
    code, _, told = run(task, *given, "--out", out, "--json", tmp_path / "out" / "s.json")
    assert code == 0, told
    (tmp_path / "out" / "s.json").unlink()
    record = out / "run.json" if is_model else out.with_suffix(".run.json")
    code, printed, told = run("repeat", record)
    assert (code, printed) == (0, ""), told
    assert "has the same bytes" in told and "note: the " not in told, told
    again = "model.repeated" if is_model else "a.repeated.h5ad"
    new = {again} if is_model else {again, "a.repeated.run.json"}
    old = {out.name} if is_model else {out.name, record.name}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*old, *new}


def in_python(task, inputs, folder):
    """Return what a task makes of the inputs in Python, and what its record does not name."""
    slide, cells, query = (
        sr.read_adata(inputs / f"{name}.h5ad") for name in ("section1", "section1_cells", "cells")
    )
    spots, dissociated = f"slide={inputs / 'section1.h5ad'}", f"{inputs / 'section1_cells.h5ad'}"
    gene = slide.var_names[0]
    if task == "place":
        references = {name: sr.read_adata(inputs / f"{name}.h5ad") for name in SECTIONS}
        given = [f"reference={inputs / f'{name}.h5ad'}" for name in SECTIONS]
        made = sr.place(references, query, method="knn", settings={"neighbours": 7}, seed=3)
        return made, [*given, f"query={inputs / 'cells.h5ad'}"]
    if task == "deconvolve":
        made = sr.deconvolve(slide, cells, labels="cell_type", method="nnls")
        return made, [spots, f"reference={dissociated}"]
    if task == "impute-genes":
        slide[:, 1:].copy().write_h5ad(folder / "section1.h5ad")
        made = sr.impute_genes(
            sr.read_adata(folder / "section1.h5ad"), cells, genes=[gene], method="knn"
        )
        spots = f"slide={folder / 'section1.h5ad'}"
        return made, [spots, f"reference={dissociated}", f"genes={gene}"]
    return sr.super_resolve(slide, factor="2x2", method="bilinear"), [spots]


@pytest.mark.parametrize("task", ["place", "deconvolve", "impute-genes", "super-resolve"])
def test_a_run_in_python_is_repeated_with_what_its_record_does_not_name(
    run, inputs, tmp_path, task
):
    result, given = in_python(task, inputs, tmp_path)
    result.write(tmp_path / "a.h5ad")
    record = tmp_path / "a.run.json"
    code, _, told = run("repeat", record)
    assert code == 2 and all(f"--given {one.partition('=')[0]}=" in told for one in given), told
    assert not list(tmp_path.glob("*repeated*"))
    words = [word for one in given for word in ("--given", one)]
    code, printed, told = run("repeat", record, *words)
    assert (code, printed) == (0, ""), told
    assert "holds the same values" in told and "note: the " not in told, told
    with h5py.File(tmp_path / "a.repeated.h5ad", "r+") as file:
        group = file["obsm/spatial"] if task == "place" else file["obs/_index"]
        group[0] = group[1]
    slot = "obsm/spatial" if task == "place" else "obs/_index"
    assert f"differs from {tmp_path / 'a.h5ad'} in {slot}." in same_result(
        tmp_path / "a.h5ad", tmp_path / "a.repeated.h5ad"
    )


def trained_in_python(task, inputs, folder):
    """Save what is trained or aligned in Python; return its record, and what that does not name."""
    references = {name: sr.read_adata(inputs / f"{name}.h5ad") for name in SECTIONS}
    given = [f"reference={inputs / f'{name}.h5ad'}" for name in SECTIONS]
    if task == "train":
        sr.train(references, method="knn", settings={"neighbours": 7}, seed=2).save(folder / "out")
        return folder / "out" / "run.json", given
    if task == "train-encoder":
        steps = {"training.steps": 3}
        sr.train_encoder(references, settings=steps, seed=2).write(folder / "out")
        return folder / "out" / "run.json", given
    slide = f"slide={inputs / 'section1.h5ad'}"
    if task == "align by outline":
        result = sr.align_by_outline(references["section1"], reflection=False)
        given = [slide]
    else:
        at = references["section1"].obsm["spatial"][[0, 20, 40, 60]]
        rows = [f"{x},{y},{y + 1},{x - 3}" for x, y in at.tolist()]
        (folder / "pairs.csv").write_text("\n".join(["x,y,ref_x,ref_y", *rows]))
        pairs = folder / "pairs.csv"
        result = sr.align_by_file(references["section1"], pairs, model="affine")
        given = [slide, f"pairs={pairs}"]
    result.write(folder / "out.h5ad")
    return folder / "out.run.json", given


@pytest.mark.parametrize("task", ["train", "train-encoder", "align by outline", "align by pairs"])
def test_training_and_alignment_in_python_are_repeated_too(run, inputs, tmp_path, task):
    record, given = trained_in_python(task, inputs, tmp_path)
    code, _, told = run("repeat", record)
    assert code == 2 and all(f"--given {one.partition('=')[0]}=" in told for one in given), told
    code, printed, told = run(
        "repeat", record, *(word for one in given for word in ("--given", one))
    )
    assert (code, printed) == (0, ""), told
    same = "holds the same values" if task.startswith("align") else "has the same bytes"
    assert same in told and "note: the " not in told, told


@pytest.fixture
def record(run, placing, tmp_path):
    """The record of cells that were placed, and its content."""
    assert run(*placing(tmp_path / "a.h5ad"))[0] == 0
    path = tmp_path / "a.run.json"
    return path, json.loads(path.read_text())


def test_another_input_is_refused_and_leaves_nothing(run, inputs, record, tmp_path):
    path, content = record
    for file in ("section1.h5ad", "section2.h5ad", "cells.h5ad"):
        shutil.copy(inputs / file, tmp_path / file)
    adata = anndata.read_h5ad(tmp_path / "cells.h5ad")
    adata[::-1].copy().write_h5ad(tmp_path / "cells.h5ad")
    settings = content["settings"]
    settings["command"] = settings["command"].replace(str(inputs), ".")
    path.write_text(json.dumps(content))
    code, _, told = run("repeat", path)
    assert code == 2 and "found other contents in cells" in told
    assert not list(tmp_path.glob("*repeated*"))


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf /",
        "spatialrecon demo --out x",
        "spatialrecon place --method knn; rm x",
        "spatialrecon place --query 'a",
        ["spatialrecon"],
    ],
)
def test_a_record_runs_nothing_but_the_command_of_a_task(run, record, tmp_path, command):
    path, content = record
    content["settings"]["command"] = command
    path.write_text(json.dumps(content))
    before = {p.name for p in tmp_path.iterdir()}
    code, _, told = run("repeat", path)
    assert code == 2 and "Try" in told and "Traceback" not in told
    assert {p.name for p in tmp_path.iterdir()} == before


def test_what_a_record_would_write_besides_its_result_is_not_written(run, record, tmp_path):
    path, content = record
    stray = tmp_path / "stray"
    content["settings"]["command"] += (
        f" --json {stray} --save-model {stray}.m --picture {stray}.png"
    )
    path.write_text(json.dumps(content))
    assert run("repeat", path)[0] == 0
    assert not list(tmp_path.glob("stray*"))
