from __future__ import annotations

import json

import anndata
import numpy as np
import pytest


@pytest.fixture
def regions(inputs, tmp_path):
    """The left half of a section, in pixels of its image."""
    slide = anndata.read_h5ad(inputs / "section1.h5ad")
    from napari_spatialrecon.tissue.alignments.frames import Frames

    xy = np.asarray(slide.obsm["spatial"]) / Frames.of(slide).image_pixel
    middle, (low, high) = float(np.median(xy[:, 0])) + 0.01, (xy.min() - 9, xy.max() + 9)
    ring = [[low, low], [middle, low], [middle, high], [low, high], [low, low]]
    content = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {"classification": {"name": "Left", "color": [1, 2, 3]}},
            }
        ],
    }
    path = tmp_path / "half.geojson"
    path.write_text(json.dumps(content))
    return inputs / "section1.h5ad", path, xy[:, 0] < middle


def test_regions_become_a_column_and_go_out_again(run, regions, tmp_path) -> None:
    slide, path, left = regions
    marked, back = tmp_path / "marked.h5ad", tmp_path / "back.geojson"
    code, _, err = run("annotate", "--slide", slide, "--geojson", path, "--out", marked)
    assert code == 0 and f"Left {left.sum():,}" in err, err
    found = anndata.read_h5ad(marked)
    assert (found.obs["region"].notna().to_numpy() == left).all()
    assert list(found.uns["region_colors"]) == ["#010203"]
    assert (tmp_path / "marked.run.json").is_file()
    code, _, err = run("annotate", "--slide", marked, "--column", "region", "--out", back)
    assert code == 0, err
    words = ["annotate", "--slide", slide, "--geojson", back, "--out", tmp_path / "again.h5ad"]
    assert run(*words)[0] == 0
    again = anndata.read_h5ad(tmp_path / "again.h5ad").obs["region"]
    assert (again.notna().to_numpy() == left).all()


@pytest.mark.parametrize(
    ("out", "problem"), [("a.h5ad", "--geojson FILE"), ("a.geojson", "--column")]
)
def test_what_is_missing_is_named(run, regions, tmp_path, out, problem) -> None:
    code, _, err = run("annotate", "--slide", regions[0], "--out", tmp_path / out)
    assert code == 2 and problem in err and not (tmp_path / out).exists()


def test_an_existing_column_is_kept_and_the_remedy_works(run, regions, tmp_path) -> None:
    slide, path, _ = regions
    words = ["annotate", "--geojson", path]
    assert run(*words, "--slide", slide, "--out", tmp_path / "a.h5ad")[0] == 0
    again = [*words, "--slide", tmp_path / "a.h5ad", "--out", tmp_path / "b.h5ad"]
    code, _, err = run(*again)
    assert code == 2 and "Try --column region_2." in err
    assert run(*again, "--column", "region_2")[0] == 0
