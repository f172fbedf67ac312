"""Bad input through the command line: told with a remedy, exit code 2, nothing written."""

from __future__ import annotations

import errno
import json
import shutil

import anndata
import numpy as np
import pytest

from napari_spatialrecon import hdf5, storage


@pytest.fixture
def told(capsys, run, tmp_path):
    """Run a command that must fail; return what it says. Nothing may be written or changed."""

    def tree():
        return {p: p.read_bytes() if p.is_file() else None for p in sorted(tmp_path.rglob("*"))}

    def told(*words):
        before = tree()
        code, printed, messages = run(*words)
        assert (code, printed) == (2, ""), messages
        assert "Traceback" not in messages
        assert messages.startswith("spatialrecon: ")
        assert "Expected" in messages
        assert "ound" in messages
        assert "Try" in messages or "Did you mean" in messages
        assert tree() == before
        return messages

    return told


@pytest.fixture
def changed(inputs, tmp_path):
    """Write an input with something changed; return its path."""

    def changed(name, change, write=True):
        adata = anndata.read_h5ad(inputs / f"{name}.h5ad")
        result = change(adata)
        path = tmp_path / f"bad_{name}.h5ad"
        (adata if result is None else result).write_h5ad(path)
        return path

    return changed


def matrix(change):
    def apply(adata):
        dense = adata.X.toarray()
        change(dense)
        adata.X = type(adata.X)(dense)

    return apply


def put(row, column, value):
    def change(dense):
        dense[row, column] = value

    return matrix(change)


def log_transform(adata):
    totals = np.asarray(adata.X.sum(axis=1))
    adata.X = type(adata.X)(np.log1p(adata.X.toarray() / totals * 1e4).astype(np.float32))


def coordinates(value):
    def change(adata):
        points = adata.obsm["spatial"]
        adata.obsm["spatial"] = value(points) if callable(value) else value

    return change


def drop_coordinates(adata):
    adata.obsm["umap"] = adata.obsm.pop("spatial")
    adata.obs = adata.obs.drop(columns=["array_row", "array_col"])


def with_nan(points):
    points = points.copy()
    points[5, 0] = np.nan
    return points


def rename(attribute, value):
    def change(adata):
        setattr(adata, attribute, value(list(getattr(adata, attribute))))

    return change


def doubled(names):
    return [names[1], *names[1:]]


SLIDES = {
    "no coordinates": (drop_coordinates, ["obsm holds: umap", "adata.obsm"]),
    "nan": (coordinates(with_nan), ["NaN or infinity in 1 of"]),
    "three columns": (
        coordinates(lambda p: np.column_stack([p, np.zeros(len(p))])),
        ["Expected 2 columns (x, y)", "[:, [0, 1]]"],
    ),
    "one place": (coordinates(lambda p: np.full_like(p, 7)), ["found all", "rows at (7, 7)"]),
    "text": (
        coordinates(lambda p: np.array([["left", "right"]] * len(p), dtype=object)),
        ["found values of type text"],
    ),
    "negative": (put(3, 4, -2), ["below zero", "raw counts"]),
    "not a number": (put(3, 4, np.nan), ["that are NaN or infinite"]),
    "logarithms": (log_transform, ["look like log1p of normalized counts"]),
    "a spot twice": (rename("obs_names", doubled), ["Expected each cell name once"]),
    "a gene twice": (rename("var_names", doubled), ["Expected each gene name once"]),
    "two spots": (lambda a: a[:2].copy(), ["Expected at least 4 spots, found 2"]),
    "empty spots": (matrix(lambda d: d.fill(0)), ["with 20 or more counts, found 0"]),
}


@pytest.mark.parametrize("case", SLIDES)
@pytest.mark.parametrize("method", ["knn", "dpvae"])
def test_a_bad_slide(told, changed, inputs, tmp_path, case, method):
    change, words = SLIDES[case]
    messages = told(
        *("place", "--method", method, "--reference", inputs / "section2.h5ad"),
        *("--reference", changed("section1", change)),
        *("--query", inputs / "cells.h5ad", "--out", tmp_path / "placed.h5ad"),
    )
    assert "bad_section1" in messages
    for word in words:
        assert word in messages


QUERIES = {
    "negative": (put(3, 4, -2), ["below zero"]),
    "logarithms": (log_transform, ["look like log1p"]),
    "a cell twice": (rename("obs_names", doubled), ["Expected each cell name once"]),
    "a gene twice": (rename("var_names", doubled), ["Expected each gene name once"]),
    "no counts": (matrix(lambda d: d.fill(0)), ["at least 1 cell with counts, found 0"]),
    "other genes": (
        rename("var_names", lambda n: [f"Xyz{i}" for i in range(len(n))]),
        ["at least 3 genes shared with section1, found none", "such as 'Xyz0'"],
    ),
    "ensembl": (
        rename("var_names", lambda n: [f"ENSMUSG{i:011d}" for i in range(len(n))]),
        ["Ensembl ids (ENSMUSG)", 'var["gene_ids"]'],
    ),
    "numbers": (
        rename("var_names", lambda n: [str(i) for i in range(len(n))]),
        ["numbers instead of names"],
    ),
    "another species": (
        rename("var_names", lambda n: [f"HUMAN{i}" for i in range(len(n))]),
        ["upper-case names"],
    ),
}


@pytest.mark.parametrize("case", QUERIES)
def test_a_bad_query(told, changed, references, tmp_path, case):
    change, words = QUERIES[case]
    messages = told(
        *("place", "--method", "dpvae", *references, "--query", changed("cells", change)),
        *("--out", tmp_path / "placed.h5ad"),
    )
    for word in words:
        assert word in messages


def test_every_problem_is_told_at_once(told, changed, inputs, tmp_path):
    def change(adata):
        coordinates(with_nan)(adata)
        put(2, 2, -1)(adata)
        rename("var_names", doubled)(adata)

    messages = told(
        *("place", "--method", "knn", "--reference", changed("section1", change)),
        *("--query", inputs / "cells.h5ad", "--out", tmp_path / "placed.h5ad"),
    )
    for words in ("NaN or infinity", "below zero", "each gene name once"):
        assert words in messages


FILES = {
    "missing": (None, "found nothing there"),
    "cut short": (lambda whole: whole[: len(whole) // 2], "truncated or damaged"),
    "empty": (lambda whole: b"", "found an empty file"),
    "text": (lambda whole: b"gene,cell\n", "found a file of another kind"),
    "a folder": ("folder", "Space Ranger"),
}


@pytest.mark.parametrize("option", ["--reference", "--query"])
@pytest.mark.parametrize("case", FILES)
def test_a_bad_file(told, inputs, tmp_path, case, option):
    change, words = FILES[case]
    path = tmp_path / "input.h5ad"
    if change == "folder":
        path = tmp_path / "outs"
        path.mkdir()
        (path / "notes.txt").write_text("no counts here")
    elif change is not None:
        path.write_bytes(change((inputs / "section1.h5ad").read_bytes()))
    files = {"--reference": inputs / "section1.h5ad", "--query": inputs / "cells.h5ad"}
    files[option] = path
    messages = told(
        *("place", "--method", "knn", "--out", tmp_path / "placed.h5ad"),
        *(word for pair in files.items() for word in pair),
    )
    assert str(path) in messages
    assert words in messages


def drop_image(adata):
    library = adata.uns["spatial"]["section1"]
    del library["images"]
    library["images_files"] = {"hires": "lost.png"}


def drop_scale(adata):
    del adata.uns["spatial"]["section1"]["scalefactors"]["tissue_hires_scalef"]


@pytest.mark.parametrize(
    ("change", "words"),
    [(drop_image, "Expected an H&E image"), (drop_scale, "tissue_hires_scalef")],
)
def test_an_image_or_its_scale_that_lacks(told, changed, inputs, tmp_path, change, words):
    messages = told(
        *("place", "--method", "knn", "--reference", changed("section1", change)),
        *("--query", inputs / "cells.h5ad", "--out", tmp_path / "placed.h5ad"),
        *("--onto", inputs / "section2.h5ad"),
    )
    assert words in messages


def test_sizes_that_are_known_for_one_slide_only(told, changed, inputs, tmp_path):
    def without_size(adata):
        adata.uns.clear()
        del adata.obs["array_row"]

    messages = told(
        *("place", "--method", "dpvae", "--reference", inputs / "section2.h5ad"),
        *("--reference", changed("section1", without_size)),
        *("--query", inputs / "cells.h5ad", "--out", tmp_path / "placed.h5ad"),
    )
    assert "Expected the size in µm of all reference slides or of none" in messages


@pytest.fixture
def model(run, references, tmp_path):
    """A saved kNN."""
    assert run("train", "--method", "knn", *references, "--out", tmp_path / "model")[0] == 0
    return tmp_path / "model"


def use(model, query, tmp_path, method="knn"):
    return [
        *("place", "--method", method, "--model", model),
        *("--query", query, "--out", tmp_path / "placed.h5ad"),
    ]


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["weights.safetensors", "config.json", "genes.txt"])
def test_a_model_with_a_flipped_bit(told, model, inputs, tmp_path, name):
    flip(model / name)
    messages = told(*use(model, inputs / "cells.h5ad", tmp_path))
    assert f"{name}: Expected an intact saved model, found damage" in messages


def test_a_model_without_a_file(told, model, inputs, tmp_path):
    (model / "weights.safetensors").unlink()
    messages = told(*use(model, inputs / "cells.h5ad", tmp_path))
    assert "Expected a file of a saved model, found none" in messages


def test_a_model_of_a_newer_format(told, model, inputs, tmp_path):
    manifest = json.loads((model / "manifest.json").read_text())
    (model / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    messages = told(*use(model, inputs / "cells.h5ad", tmp_path))
    assert "found format 99" in messages
    assert "Try a newer napari-spatialrecon" in messages


def test_a_model_of_another_method(told, model, inputs, tmp_path):
    messages = told(*use(model, inputs / "cells.h5ad", tmp_path, "dpvae"))
    assert "Expected a model of 'dpvae', found one of 'knn'" in messages
    assert "Try --method knn" in messages


def test_a_model_of_another_gene_set(told, model, changed, tmp_path):
    lacking = changed("cells", lambda a: a[:, 30:].copy())
    messages = told(*use(model, lacking, tmp_path))
    assert "Expected the 120 genes the model was trained on, found 90" in messages


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_is_full_while_the_result_is_written(told, placing, tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "created", full)
    messages = told(*placing(tmp_path / "placed.h5ad"))
    assert "found the disk full" in messages


def test_a_disk_that_is_full_while_the_record_is_written(told, placing, tmp_path, monkeypatch):
    monkeypatch.setattr(storage.os, "fsync", full)
    messages = told(*placing(tmp_path / "placed.h5ad"))
    assert "found the disk full" in messages


def test_a_disk_that_is_full_while_training(told, placing, small, tmp_path, monkeypatch):
    from pathlib import Path

    written = []
    original = Path.write_bytes

    def write_bytes(path, data):
        written.append(path)
        return full() if len(written) > 5 else original(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    messages = told(*placing(tmp_path / "placed.h5ad", "dpvae", *small))
    assert "found the disk full" in messages
    assert written


def test_a_disk_that_is_full_while_a_tissue_is_simulated(told, tmp_path, monkeypatch):
    original, written = hdf5.created, []

    def created(path):
        written.append(path)
        return full() if len(written) > 2 else original(path)

    monkeypatch.setattr(hdf5, "created", created)
    messages = told("simulate", "--preset", "tiny", "--out", tmp_path / "tissue")
    assert "found the disk full" in messages
    assert len(written) == 3


LANDMARKS = {
    "two": ("{0},0,0\n{1},5,5\n", "Expected at least 3 landmarks, found 2"),
    "on a line": ("{0},0,0\n{1},5,5\n{2},10,10\n{3},20,20\n", "on one line"),
    "an unknown cell": ("{0},0,0\n{1},5,5\nnobody,1,9\n{3},3,3\n", "found 'nobody'"),
    "a cell twice": ("{0},0,0\n{1},5,5\n{0},1,9\n{3},3,3\n", "also on line 2"),
    "no number": ("{0},0,0\n{1},five,5\n{2},1,9\n{3},3,3\n", "found 'five', '5'"),
    "no cell": ("", "Expected at least 3 landmarks, found 0"),
}


@pytest.mark.parametrize("case", LANDMARKS)
def test_bad_landmarks(told, inputs, references, tmp_path, case):
    rows, words = LANDMARKS[case]
    cells = anndata.read_h5ad(inputs / "cells.h5ad").obs_names
    table = tmp_path / "landmarks.csv"
    table.write_text("obs_name,x,y\n" + rows.format(*cells[:4]))
    messages = told(
        *("impute-locations", "--method", "dpvae", "--query", inputs / "cells.h5ad"),
        *("--landmarks", table, *references, "--out", tmp_path / "placed.h5ad"),
    )
    assert words in messages


def test_landmarks_without_their_columns(told, inputs, references, tmp_path):
    table = tmp_path / "landmarks.csv"
    table.write_text("name;east;north\n")
    words = ["impute-locations", "--method", "dpvae", *references, "--landmarks"]
    cells = ["--query", inputs / "cells.h5ad", "--out", tmp_path / "placed.h5ad"]
    assert "Expected the columns obs_name, x and y" in told(*words, table, *cells)
    assert "found: No such file" in told(*words, tmp_path / "none.csv", *cells)
    assert "found 'knn'" in told(*words[:2], "knn", *words[3:], table, *cells)


def test_place_without_slides_and_model(told, inputs, tmp_path):
    words = ["--query", inputs / "cells.h5ad", "--out", tmp_path / "placed.h5ad"]
    assert "at least one --reference or a --model" in told("place", "--method", "knn", *words)
    assert "Expected a method for place, found 'gear'" in told("place", "--method", "gear", *words)


def test_a_result_of_other_cells_is_not_judged(told, inputs, tmp_path):
    shutil.copy(inputs / "section1.h5ad", tmp_path / "placed.h5ad")
    words = ["--truth", inputs / "truth.h5ad", "--prediction", tmp_path / "placed.h5ad"]
    assert "at least 4 placed cells that are in the truth" in told("evaluate", "place", *words)


def test_a_tissue_that_cannot_be_simulated(told, tmp_path):
    words = ["simulate", "--preset", "tiny", "--out", tmp_path / "tissue"]
    assert "at least 90000 cells" in told(*words, "--set", "n_cells=90000")
    assert "Expected a value from 30" in told(*words, "--set", "n_genes=1")
