"""Figures 3 and 4 of the GEARS paper, of placed cells with a known answer."""

from __future__ import annotations

import numpy as np
import pytest
from anndata import AnnData
from matplotlib.axes import Axes

import napari_spatialrecon as sr
from napari_spatialrecon.errors import InputError


def cells() -> AnnData:
    """Two groups of 60 cells far apart: the left T with much of gene 0, the right a third B."""
    rng = np.random.default_rng(0)
    adata = AnnData(rng.poisson(3.0, (120, 8)).astype(np.float32))
    adata.X[:60, 0] += 30
    adata.obsm["spatial"] = rng.uniform(0, 400, (120, 2)) + np.repeat([[0, 0], [2000, 0]], 60, 0)
    adata.obs["cell_type"] = np.r_[["T"] * 60, ["B"] * 20, ["C"] * 40]
    adata.uns["spatialrecon"] = {"unit": "um"}
    return adata


def slide(high: int) -> AnnData:
    """Spots over both groups, with much of one gene on the left."""
    rng = np.random.default_rng(1)
    x, y = (each.ravel() for each in np.meshgrid(np.linspace(0, 2400, 25), np.linspace(0, 400, 5)))
    adata = AnnData(rng.poisson(3.0, (125, 8)).astype(np.float32))
    adata.X[x < 500, high] += 20
    adata.obsm["spatial"] = np.column_stack([x, y])
    adata.uns["spatialrecon"] = {"unit": "um"}
    return adata


def test_communities_are_named_by_main_type_and_purity() -> None:
    made = sr.communities_figure(cells(), resolution=0.05)
    assert made.table["cells"].tolist() == [60, 60]
    assert dict(zip(made.table["main_type"], made.table["purity"].round(2), strict=True)) == {
        "T": 1.0, "C": 0.67,
    }  # fmt: skip
    said = {text.get_text() for text in made.figure.findobj(lambda a: hasattr(a, "get_text"))}
    assert {"T 100%", "C 67%"} <= {" ".join(text.split()[1:]) for text in said}


def test_genes_are_higher_near_the_cells_that_have_them() -> None:
    made = sr.vicinity_figure(cells(), slide(0), "T")
    assert made.table.index[0] == "0"
    assert made.table.loc["0", "log2_fold_change"] > 2
    assert made.table.loc["0", "p_adjusted"] < 1e-6
    drawn = made.figure.findobj(Axes)
    titles = [ax.get_title().split("\n")[0] for ax in drawn]
    assert "0" in titles, "the type's own marker is drawn"
    away = sr.vicinity_figure(cells(), slide(0), "C").table
    assert away.loc["0", "log2_fold_change"] < 0


def test_genes_to_draw_can_be_named() -> None:
    made = sr.vicinity_figure(cells(), slide(5), "T", genes=["5", "nothing"])
    assert made.table.index[0] == "5"
    with pytest.raises(InputError, match="Expected genes of the slide"):
        sr.vicinity_figure(cells(), slide(5), "T", genes=["nothing"])
    with pytest.raises(InputError, match="Expected a type of cell_type, found 'X'"):
        sr.vicinity_figure(cells(), slide(5), "X")
    with pytest.raises(InputError, match="Expected a column of obs"):
        sr.communities_figure(cells(), types="kind")


def test_the_stain_of_the_slide_lies_below_its_spots() -> None:
    stained = slide(0)
    pixels = np.full((30, 130, 3), 255, np.uint8)
    pixels[:, :30] = (140, 20, 90)
    stained.uns["spatial"] = {
        "A": {
            "images": {"hires": pixels},
            "scalefactors": {"tissue_hires_scalef": 0.05},
            "metadata": {"um_per_fullres_px": 1.0},
        }
    }
    axes = sr.vicinity_figure(cells(), stained, "T").figure.findobj(Axes)
    (image,) = axes[0].images
    left, right, bottom, top = image.get_extent()
    assert left <= 0 and right >= 2400 and top <= 0 and bottom >= 400
    drawn = np.asarray(image.get_array())
    purple = drawn[..., 1].mean(axis=0) < 200
    edge = left + (right - left) * purple.sum() / len(purple)
    assert purple[: purple.sum()].all() and abs(edge - 600) < 40, "µm below are those of the spots"
    assert axes[0].yaxis_inverted()
    plain = sr.vicinity_figure(cells(), slide(0), "T").figure.findobj(Axes)
    assert not plain[0].images and plain[0].yaxis_inverted()
