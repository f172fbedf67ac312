"""``spatialrecon place``: what it writes, shows and takes."""

from __future__ import annotations

import json

import anndata
import h5py
import numpy as np
import pytest
from PIL import Image

from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.read import read_adata


def names(folder):
    return {p.name for p in folder.iterdir()}


@pytest.mark.parametrize("method", ["knn", "ridge", "dpvae"])
def test_place_writes_the_cells_and_the_record(run, inputs, tmp_path, method, placing, small):
    out = tmp_path / "new" / "placed.h5ad"
    more = small if method == "dpvae" else []
    code, printed, messages = run(*placing(out, method, *more))
    assert code == 0
    assert printed == ""
    assert "400 cells placed" in messages
    assert "note: section2 was rotated by" in messages
    assert "Median error on held-out spots" in messages
    assert names(out.parent) == {"placed.h5ad", "placed.run.json"}
    placed = anndata.read_h5ad(out)
    cells = anndata.read_h5ad(inputs / "cells.h5ad")
    assert list(placed.obs_names) == list(cells.obs_names)
    assert placed.obsm["spatial"].shape == (400, 2)
    assert (placed.obs["placement_uncertainty"] > 0).all()
    record = json.loads((out.parent / "placed.run.json").read_text())
    assert record["method"] == method
    assert record["settings"]["query"] == str(inputs / "cells.h5ad")
    assert record["settings"]["command"].startswith(f"spatialrecon place --method {method} ")
    assert record["settings"]["display"] == "section1"
    assert record["wall_seconds"] > 0


def test_the_summary_goes_to_a_file_or_to_stdout(run, inputs, tmp_path, placing):
    code, printed, _ = run(*placing(tmp_path / "a.h5ad", "knn", "--json", "-"))
    assert code == 0
    shown = json.loads(printed)
    code, printed, _ = run(*placing(tmp_path / "a.h5ad", "knn", "--json", tmp_path / "a.json"))
    assert (code, printed) == (0, "")
    written = json.loads((tmp_path / "a.json").read_text())
    assert shown["metrics"] == written["metrics"]
    assert written["metrics"]["held_out_baseline"] > 0


def test_progress_comes_as_json_lines(run, inputs, tmp_path, placing, small):
    more = [*small, "--progress", "json"]
    code, _, messages = run(*placing(tmp_path / "a.h5ad", "dpvae", *more))
    assert code == 0
    lines = [json.loads(line) for line in messages.splitlines() if line.startswith("{")]
    stages = list(dict.fromkeys(line["stage"] for line in lines))
    assert "Validating on held-out spots" in stages
    assert "Training network 2 of 2" in stages
    trained = [line for line in lines if line["stage"] == "Training network 1 of 2"]
    assert trained[-1]["step"] == trained[-1]["total"]
    assert "loss" in trained[-1]["metrics"]


def test_progress_comes_as_a_bar(run, inputs, tmp_path, placing, small):
    more = [*small, "--progress", "bar"]
    _, _, messages = run(*placing(tmp_path / "a.h5ad", "dpvae", *more))
    assert "Training network 1 of 2: 100%" in messages


def test_progress_can_be_silent(run, inputs, tmp_path, placing, small):
    _, _, messages = run(*placing(tmp_path / "a.h5ad", "dpvae", *small, "--progress", "none"))
    assert "Training" not in messages


def test_settings_come_from_preset_then_file_then_words(run, inputs, tmp_path, placing):
    config = tmp_path / "config.toml"
    config.write_text("alpha = 7\nbeta = 0.5\n[training]\nsteps = 5\n[network]\nwidth = 16\n")
    out = tmp_path / "a.h5ad"
    words = ["--preset", "standard", "--config", config, "--set", "beta=0.25", "--set", "members=1"]
    code, _, _ = run(*placing(out, "dpvae", *words))
    assert code == 0
    asked = json.loads((tmp_path / "a.run.json").read_text())
    expected = DPVAEConfig.preset("standard").with_values(
        {"alpha": 7, "beta": 0.25, "members": 1, "training.steps": 5, "network.width": 16}
    )
    assert asked["config"] == expected.to_dict()
    assert asked["settings"]["preset"] == "standard"


def test_a_model_is_saved_and_used_again(run, inputs, tmp_path, placing, small):
    model = tmp_path / "model"
    first, second = tmp_path / "first.h5ad", tmp_path / "second.h5ad"
    code, _, _ = run(*placing(first, "dpvae", *small, "--save-model", model))
    assert code == 0
    files = {"config.json", "genes.txt", "manifest.json", "weights.safetensors", "run.json"}
    assert files == names(model)
    code, _, messages = run(
        *("place", "--method", "dpvae", "--model", model),
        *("--query", inputs / "cells.h5ad", "--out", second),
    )
    assert code == 0
    assert "400 cells placed" in messages
    places = [anndata.read_h5ad(p).obsm["spatial"] for p in (first, second)]
    np.testing.assert_array_equal(*places)


def test_a_picture_is_drawn_on_the_histology(run, inputs, tmp_path, placing):
    picture = tmp_path / "picture.png"
    code, _, _ = run(*placing(tmp_path / "a.h5ad", "knn", "--picture", picture))
    assert code == 0
    pixels = np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3).astype(int)
    stained = (pixels[:, 0] - pixels[:, 1] > 25) & (pixels[:, 2] - pixels[:, 1] > 15)
    assert stained.mean() > 0.25


def test_the_result_is_laid_on_another_slides_image(run, inputs, tmp_path):
    plain, laid = tmp_path / "plain.h5ad", tmp_path / "laid.h5ad"
    one = ["place", "--method", "knn", "--reference", inputs / "section1.h5ad"]
    one += ["--query", inputs / "cells.h5ad"]
    assert run(*one, "--out", plain)[0] == 0
    code, _, _ = run(*one, "--out", laid, "--onto", inputs / "section2.h5ad")
    assert code == 0
    first, second = anndata.read_h5ad(plain), anndata.read_h5ad(laid)
    assert list(first.uns["spatial"]) == ["section1"]
    assert list(second.uns["spatial"]) == ["section2"]
    spots = anndata.read_h5ad(inputs / "section2.h5ad").obsm["spatial"]
    gap = second.obsm["spatial"].mean(axis=0) - spots.mean(axis=0)
    assert np.linalg.norm(gap) < 0.2 * np.ptp(spots)
    assert not np.allclose(first.obsm["spatial"], second.obsm["spatial"])


def test_a_slide_without_an_image_cannot_be_laid_on(run, inputs, tmp_path, placing):
    blank = anndata.read_h5ad(inputs / "section2.h5ad")
    del blank.uns["spatial"]
    blank.write_h5ad(tmp_path / "blank.h5ad")
    words = ["--onto", tmp_path / "blank.h5ad"]
    code, _, messages = run(*placing(tmp_path / "a.h5ad", "knn", *words))
    assert code == 2
    assert "Expected an H&E image to register the result to, found none" in messages
    assert names(tmp_path) == {"blank.h5ad"}


def test_an_image_beside_the_slide_is_found_from_the_result_wherever_it_lies(
    run, inputs, tmp_path, monkeypatch
):
    """`images_files` names files beside the slide; the result lies in another folder."""
    slide = anndata.read_h5ad(inputs / "section1.h5ad")
    library = slide.uns["spatial"]["section1"]
    (tmp_path / "slides").mkdir()
    Image.fromarray(library["images"]["hires"]).save(tmp_path / "slides" / "he.png")
    del library["images"]
    library["images_files"] = {"hires": "he.png"}
    slide.write_h5ad(tmp_path / "slides" / "slide.h5ad")
    monkeypatch.chdir(tmp_path / "slides")
    picture = tmp_path / "results" / "picture.png"
    code, _, messages = run(
        *("place", "--method", "knn", "--reference", "slide.h5ad"),
        *("--query", inputs / "cells.h5ad", "--out", tmp_path / "results" / "a.h5ad"),
        *("--picture", picture),
    )
    assert code == 0, messages
    monkeypatch.chdir(tmp_path)
    image = histology(read_adata("results/a.h5ad"))
    assert image is not None
    assert image.notes == ()
    pixels = np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3).astype(int)
    assert (pixels[:, 0] - pixels[:, 1] > 40).mean() > 0.05


def test_two_slides_of_one_name_are_told_apart(run, inputs, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "section1.h5ad").write_bytes((inputs / "section2.h5ad").read_bytes())
    code, _, messages = run(
        *("place", "--method", "knn", "--reference", inputs / "section1.h5ad"),
        *("--reference", other / "section1.h5ad", "--query", inputs / "cells.h5ad"),
        *("--out", tmp_path / "a.h5ad", "--display", "section1 (2)"),
    )
    assert code == 0, messages
    assert list(anndata.read_h5ad(tmp_path / "a.h5ad").uns["spatial"]) == ["section2"]


def test_a_cell_without_counts_is_left_out_of_the_file_and_that_is_said(
    run, inputs, tmp_path, references
):
    cells = anndata.read_h5ad(inputs / "cells.h5ad")
    matrix = cells.X.tolil()
    matrix[4] = 0
    cells.X = matrix.tocsr()
    cells.write_h5ad(tmp_path / "cells.h5ad")
    out = tmp_path / "placed.h5ad"
    code, _, messages = run(
        *("place", "--method", "knn", *references),
        *("--query", tmp_path / "cells.h5ad", "--out", out),
    )
    assert code == 0
    note = "cells.h5ad: excluded 1 of 400 cells without counts."
    assert f"note: {note}" in messages
    assert note in json.loads((tmp_path / "placed.run.json").read_text())["notes"]
    with h5py.File(out) as file:
        assert note in file["uns/spatialrecon/provenance"][()].decode()
    assert list(anndata.read_h5ad(out).obs_names) == list(cells.obs_names.delete(4))


def test_the_scale_of_one_slide_that_lacks_it_is_given_by_its_name(run, inputs, tmp_path):
    for name in ("section1", "section2"):
        adata = anndata.read_h5ad(inputs / f"{name}.h5ad")
        if name == "section2":
            adata.uns, adata.obs = {}, adata.obs[[]]
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    slides = [w for n in ("section1", "section2") for w in ("--reference", tmp_path / f"{n}.h5ad")]
    words = ["place", "--method", "knn", *slides, "--query", inputs / "cells.h5ad"]
    out = ["--out", tmp_path / "placed.h5ad"]
    code, _, messages = run(*words, *out)
    assert code == 2
    assert "missing for section2. Try --um-per-pixel for those slides." in messages
    code, _, _ = run(*words, *out, "--um-per-pixel", "section2=0.5")
    assert code == 0
    assert (tmp_path / "placed.h5ad").exists()
