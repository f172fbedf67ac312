"""Curves behind the metrics of a placement."""

import numpy as np
import pytest

from napari_spatialrecon.evaluation.place_curves import place_curves
from napari_spatialrecon.evaluation.place_metrics import place_metrics


@pytest.fixture(scope="module")
def layouts():
    rng = np.random.default_rng(0)
    true = rng.random((300, 2)) * [3.0, 2.0]
    return true, true + rng.normal(0, 0.2, true.shape)


def test_curves_agree_with_the_metrics_that_sum_them_up(layouts):
    curves, metrics = place_curves(*layouts), place_metrics(*layouts)
    assert curves.shell_f1.mean() == pytest.approx(metrics["shell_f1"], rel=1e-6)
    area = np.trapezoid(curves.roc[:, 1], curves.roc[:, 0])
    assert area == pytest.approx(metrics["edge_auc"], abs=1e-3)
    for k in (10, 20, 50, 100):
        assert curves.lrmse[k - 1] == pytest.approx(metrics[f"lrmse{k}"], rel=1e-6)
    assert curves.cal_err[19] == pytest.approx(metrics["cal_err20"], rel=1e-6)


def test_a_perfect_layout_in_another_pose_has_perfect_curves(layouts):
    true = layouts[0]
    curves = place_curves(true, 7 - 2 * true[:, ::-1])
    assert curves.shell_f1.min() > 0.999
    assert max(curves.lrmse.max(), curves.cal_err.max()) < 1e-6
    assert np.allclose(curves.distances[:, 0], curves.distances[:, 1])


def test_a_layout_on_one_point_has_curves_without_knowledge(layouts):
    true = layouts[0]
    curves = place_curves(true, np.zeros_like(true))
    assert np.allclose(curves.roc[-1], 1) and len(curves.roc) == 2
    assert np.isfinite(curves.lrmse).all()
