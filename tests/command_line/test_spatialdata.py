from __future__ import annotations

import pytest

import napari_spatialrecon as sr
from napari_spatialrecon.cli import main

sd = pytest.importorskip("spatialdata", reason="spatialdata is not installed")


def test_spatialdata_goes_in_and_comes_out_of_the_command_line(
    tiny, tiny_folder, tmp_path, capsys
) -> None:
    source, out = tmp_path / "slide.zarr", tmp_path / "mix.zarr"
    sr.to_spatialdata(tiny.slides[0], name="slide").write(source)
    tiny.cells.write_h5ad(tmp_path / "cells.h5ad")
    words = ["deconvolve", "--method", "knn", "--slide", str(source), "--labels", "cell_type"]
    words += ["--reference", str(tmp_path / "cells.h5ad"), "--progress", "none"]
    assert main([*words, "--out", str(out)]) == 0
    assert (tmp_path / "mix.run.json").is_file()
    assert set(sd.read_zarr(out).tables) == {"slide", "mix"}
    assert main([*words, "--out", str(source)]) == 2
    assert "--add to add the result to it" in capsys.readouterr().err
    assert main([*words, "--out", str(source), "--add"]) == 0
    found = sd.read_zarr(source)
    assert set(found.tables) == {"slide", "deconvolve"}
    assert found["deconvolve"].uns["spatialdata_attrs"]["region"] == "slide_spots"
    theirs = tmp_path / "theirs.zarr"
    sd.datasets.blobs().write(theirs)
    assert main([*words, "--out", str(theirs)]) == 2
    assert "Try another name, or --add to add" in capsys.readouterr().err
