"""The reliability diagram as a picture."""

from __future__ import annotations

import numpy as np

from napari_spatialrecon.evaluation.gene_metrics import reliability_diagram
from napari_spatialrecon.evaluation.reliability_plot import reliability_plot


def test_every_gene_and_every_bin_is_drawn_where_it_lies():
    predicted = np.linspace(-0.2, 0.9, 40)
    diagram = reliability_diagram(predicted, predicted**2)
    diagonal, dots, bins = reliability_plot(diagram, title="Fly").axes[0].lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_allclose(dots.get_xdata(), predicted)
    np.testing.assert_allclose(dots.get_ydata(), predicted**2)
    np.testing.assert_allclose(bins.get_ydata(), [b["found"] for b in diagram["bins"]])


def test_the_title_tells_how_many_genes_and_how_far_off():
    diagram = {"bins": [{"predicted": 0.5, "found": 0.25, "genes": 9}], "error": 0.25}
    title = reliability_plot(diagram, title="Fly").axes[0].get_title(loc="left")
    assert title.splitlines()[0] == "Fly"
    assert "9 genes; bins deviate from the diagonal by 0.25" in title


def test_the_axes_hold_negative_correlations():
    diagram = reliability_diagram(np.array([0.1, 0.9]), np.array([-0.4, 0.8]))
    ax = reliability_plot(diagram).axes[0]
    assert ax.get_ylim()[0] < -0.4
    assert ax.get_xlim() == ax.get_ylim()
