"""Pictures of results: which colors, which image, which truth."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks import drawing
from napari_spatialrecon.tasks.drawing import draw_placed
from napari_spatialrecon.tasks.placing import place


@pytest.fixture(scope="module")
def placed(references, tiny):
    return place(references, tiny.cells, method="knn").adata


@pytest.fixture
def drawn(monkeypatch):
    """What the picture was made from."""
    seen = {}

    def overlay(points, values=None, **options):
        seen.update(options, points=points, values=values)
        return original(points, values, **options)

    original = drawing.overlay
    monkeypatch.setattr(drawing, "overlay", overlay)
    return seen


def test_cells_are_drawn_on_the_image_of_the_slide_by_cell_type(placed, drawn, tmp_path):
    path = draw_placed(placed, tmp_path / "picture.png")
    with Image.open(path) as image:
        assert min(image.size) > 300
        assert np.asarray(image.convert("L")).std() > 10
    assert drawn["image"] is not None
    assert drawn["label"] == "cell type"
    assert drawn["um_per_unit"] == 0.5
    assert drawn["truth"] is None


def test_the_truth_is_matched_by_name(placed, tiny, drawn, tmp_path):
    truth = tiny.cells[::-1].copy()
    places = tiny.truth.loc[truth.obs_names, ["x", "y"]].to_numpy()
    truth.obsm["spatial"] = places
    draw_placed(placed, tmp_path / "picture.png", truth=truth[:300].copy())
    np.testing.assert_array_equal(drawn["truth"][100:], places[::-1][100:])
    assert np.isnan(drawn["truth"][:100]).all()


@pytest.mark.parametrize("column", ["batch", "placement_uncertainty"])
def test_a_column_colors(placed, drawn, tmp_path, column):
    draw_placed(placed, tmp_path / "picture.png", color=column)
    assert drawn["label"] == column
    assert list(drawn["values"]) == list(placed.obs[column])


def test_a_gene_colors_by_its_normalised_counts(placed, drawn, tmp_path):
    gene = placed.var_names[5]
    draw_placed(placed, tmp_path / "picture.png", color=gene)
    counts = placed.X.toarray()
    totals = counts.sum(axis=1)
    expected = np.log1p(counts[:, 5] / totals * np.median(totals))
    np.testing.assert_allclose(drawn["values"], expected, rtol=1e-5)


def test_without_cell_types_the_uncertainty_colors(placed, drawn, tmp_path):
    plain = placed.copy()
    del plain.obs["cell_type"]
    draw_placed(plain, tmp_path / "picture.png")
    assert drawn["kind"] == "uncertainty"


def test_what_cannot_be_drawn_is_told(placed, tiny, tmp_path):
    with pytest.raises(InputError, match="found 'cell_typ'") as caught:
        draw_placed(placed, tmp_path / "picture.png", color="cell_typ")
    assert "cell_type" in caught.value.remedy
    stranger = tiny.slides[0]
    with pytest.raises(InputError, match="found none by name"):
        draw_placed(placed, tmp_path / "picture.png", truth=stranger)
    assert list(tmp_path.iterdir()) == []
