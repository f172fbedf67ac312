from __future__ import annotations

import math

from napari_spatialrecon.progress import Progress
from napari_spatialrecon.viewer.task.curves import Curves


def test_curves_follow_the_stages_and_keep_each_held_out_error_once() -> None:
    curves = Curves()
    assert not curves
    for step, loss, error in ((1, 9.0, None), (2, 8.0, 0.5), (3, 7.0, 0.5), (4, 6.0, 0.4)):
        metrics = {"loss": loss, **({} if error is None else {"held_out": error, "baseline": 0.3})}
        assert curves.add(Progress("Validating", step, 4, metrics=metrics))
    curves.add(Progress("Training", 1, 10, metrics={"loss": 5.0}))
    assert curves.losses == {
        "Validating": [(1, 9.0), (2, 8.0), (3, 7.0), (4, 6.0)],
        "Training": [(1, 5.0)],
    }
    assert curves.held_out == [(2, 0.5), (4, 0.4)] and curves.baseline == 0.3 and curves.total == 10


def test_what_is_no_number_and_stages_without_loss_draw_nothing() -> None:
    curves = Curves()
    assert not curves.add(
        Progress("Training", 1, 4, metrics={"loss": math.nan, "baseline": math.nan})
    )
    assert not curves.add(Progress("Placing cells", 0))
    assert not curves and curves.baseline is None
